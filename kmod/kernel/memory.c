// SPDX-License-Identifier: MIT OR GPL-2.0
/* Access to kernel memory that a script names: see memory.h. */
#include "memory.h"

#include <asm/fixmap.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "symbols.h"
#include "task_state.h"

static struct {
	unsigned long copy_to_kernel_nofault;
	unsigned long find_vm_area;
} functions;

int ktap_memory_init(void)
{
	functions.copy_to_kernel_nofault = ktap_symbol_address("copy_to_kernel_nofault");
	functions.find_vm_area = ktap_symbol_address("find_vm_area");
	if (!functions.find_vm_area) {
		pr_err("cannot find find_vm_area: devices' memory could not be told from memory\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* A range of canonical kernel addresses that does not wrap around. */
static bool is_kernel_range(unsigned long address, size_t size)
{
	unsigned long last = address + size - 1;

	return size != 0 && last >= address && (long)address < 0 &&
	       __is_canonical_address(address, boot_cpu_data.x86_virt_bits) &&
	       __is_canonical_address(last, boot_cpu_data.x86_virt_bits);
}

/*
 * Reading a device's registers changes the device (interrupt status, FIFOs) or stalls the bus, so
 * what was mapped by ioremap() is refused. find_vm_area() takes a lock that is not safe in
 * interrupts: there the whole vmalloc range is refused.
 */
static bool is_vmalloc_device(unsigned long address)
{
	const struct vm_struct *area;

	if (!in_task())
		return true;
	area = (const struct vm_struct *)ktap_call_kernel(functions.find_vm_area, address, 0, 0, 0,
							  0, 0);
	return !area || (area->flags & VM_IOREMAP) != 0;
}

static bool is_fixmap(unsigned long first, unsigned long last)
{
	return first < FIXADDR_TOP && last >= FIXADDR_START;
}

static bool may_touch(unsigned long address, size_t size)
{
	unsigned long last = address + size - 1;

	if (!is_kernel_range(address, size) || is_fixmap(address, last))
		return false;
	/* A range that crosses areas meets the unmapped page between them and fails there. */
	if (is_vmalloc_addr((const void *)address) && is_vmalloc_device(address))
		return false;
	return !is_vmalloc_addr((const void *)last) || is_vmalloc_addr((const void *)address);
}

int ktap_memory_read(void *to, unsigned long from, size_t size)
{
	if (size == 0)
		return 0;
	if (!may_touch(from, size))
		return -EFAULT;
	return copy_from_kernel_nofault(to, (const void *)from, size);
}

int ktap_memory_read_frame(void *to, unsigned long from, size_t size)
{
	return copy_from_kernel_nofault(to, (const void *)from, size);
}

int ktap_memory_write(unsigned long to, const void *from, size_t size)
{
	if (size == 0)
		return 0;
	if (!functions.copy_to_kernel_nofault || !may_touch(to, size))
		return -EFAULT;
	return (int)ktap_call_kernel(functions.copy_to_kernel_nofault, to, (unsigned long)from,
				     size, 0, 0, 0);
}

/* Bytes from `address` to the end of its page: what can be read without meeting another one. */
static size_t rest_of_page(unsigned long address)
{
	return PAGE_SIZE - offset_in_page(address);
}

long ktap_memory_read_string(char *to, unsigned long from, size_t size)
{
	size_t done = 0, length, piece;

	while (done < size) {
		piece = min(size - done, rest_of_page(from + done));
		/* Strings are short: do not read a page for a name. */
		piece = min_t(size_t, piece, 64);
		if (ktap_memory_read(to + done, from + done, piece) != 0)
			return -EFAULT;
		length = strnlen(to + done, piece);
		done += length;
		if (length < piece)
			return done;
	}
	return size;
}

int ktap_memory_read_user(struct task_struct *otherwise, void *to, unsigned long from, size_t size)
{
	bool has_own = !(current->flags & PF_KTHREAD) && current->mm;

	if (!in_task())
		return -EFAULT;
	if (!ktap_may_sleep())
		return has_own ? (int)copy_from_user_nofault(to, (const void __user *)from, size)
			       : -EFAULT;
	return access_process_vm(has_own ? current : otherwise, from, to, size, 0) == (int)size
		       ? 0
		       : -EFAULT;
}
