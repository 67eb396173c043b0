// SPDX-License-Identifier: MIT OR GPL-2.0
/* The running kernel's own names: see symbols.h. */
#include "symbols.h"

#include <linux/elf.h>
#include <linux/kprobes.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include <ktap/trampoline.h>

struct ktap_kernel ktap_kernel;

#ifndef NT_GNU_BUILD_ID
#define NT_GNU_BUILD_ID 3
#endif

static struct {
	unsigned long lookup_name;    /* kallsyms_lookup_name */
	unsigned long lookup;         /* kallsyms_lookup */
	unsigned long module_address; /* __module_address */
	unsigned long module_text;    /* __module_text_address */
} functions;

u64 ktap_call_kernel(unsigned long function, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	const u64 slots[6] = { a, b, c, d, e, f };
	struct ktap_landing unused;

	/* Not linked to an execution context, so nothing is ever sent to the landing: a fault in
	 * one of the kernel's own functions called for our own purposes is a bug like any other. */
	return ktap_call_guarded(&unused, function, slots, ARRAY_SIZE(slots)).rax;
}

/*
 * kallsyms_lookup_name() is not exported. A kprobe's address is looked up by the kernel itself, and
 * registering one tells the address. This is the only place that needs the trick.
 */
static unsigned long find_kallsyms_lookup_name(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long address;

	if (register_kprobe(&probe) != 0)
		return 0;
	/* With IBT it lies behind the function's ENDBR, where it may be called as well: the
	 * trampoline's way in is not checked for one. */
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return address;
}

unsigned long ktap_symbol_address(const char *name)
{
	return ktap_call_kernel(functions.lookup_name, (unsigned long)name, 0, 0, 0, 0, 0);
}

bool ktap_symbol_at(unsigned long address, struct ktap_place *place)
{
	char *module = NULL;

	place->offset = 0;
	place->distance = 0;
	if (ktap_call_kernel(functions.lookup, address, (unsigned long)&place->distance,
			     (unsigned long)&place->offset, (unsigned long)&module,
			     (unsigned long)place->name, 0) == 0)
		return false;
	place->in_module = module != NULL;
	return true;
}

struct module *ktap_module_get_at(unsigned long address)
{
	struct module *module;

	/* Disabled preemption keeps the module in the list while it is looked at. */
	preempt_disable();
	module = (struct module *)ktap_call_kernel(functions.module_address, address, 0, 0, 0, 0,
						   0);
	if (module && (!within_module_core(address, module) || !try_module_get(module)))
		module = NULL;
	preempt_enable();
	return module;
}

bool ktap_is_module_text(unsigned long address)
{
	bool found;

	preempt_disable();
	found = ktap_call_kernel(functions.module_text, address, 0, 0, 0, 0, 0) != 0;
	preempt_enable();
	return found;
}

/* The GNU build id among the kernel's ELF notes, as in /sys/kernel/notes. */
static void read_build_id(unsigned long start, unsigned long stop)
{
	static const char owner[] = "GNU";
	const struct elf64_note *note;
	unsigned long name, description;

	while (start && start + sizeof(*note) <= stop) {
		note = (const struct elf64_note *)start;
		name = start + sizeof(*note);
		description = name + ALIGN(note->n_namesz, 4);
		start = description + ALIGN(note->n_descsz, 4);
		if (start > stop || note->n_type != NT_GNU_BUILD_ID ||
		    note->n_namesz != sizeof(owner) ||
		    memcmp((const void *)name, owner, sizeof(owner)) != 0 ||
		    note->n_descsz > KTAP_BUILD_ID_MAX)
			continue;
		memcpy(ktap_kernel.build_id, (const void *)description, note->n_descsz);
		ktap_kernel.build_id_size = note->n_descsz;
		return;
	}
}

int ktap_symbols_init(void)
{
	functions.lookup_name = find_kallsyms_lookup_name();
	if (!functions.lookup_name) {
		pr_err("cannot find kallsyms_lookup_name: kprobes are not available\n");
		return -EOPNOTSUPP;
	}
	functions.lookup = ktap_symbol_address("kallsyms_lookup");
	functions.module_address = ktap_symbol_address("__module_address");
	functions.module_text = ktap_symbol_address("__module_text_address");
	ktap_kernel.stext = ktap_symbol_address("_stext");
	ktap_kernel.etext = ktap_symbol_address("_etext");
	ktap_kernel.end = ktap_symbol_address("_end");
	if (!functions.lookup || !functions.module_address || !functions.module_text ||
	    !ktap_kernel.stext || !ktap_kernel.etext || !ktap_kernel.end) {
		pr_err("this kernel's symbol table lacks what the module needs\n");
		return -EOPNOTSUPP;
	}
	read_build_id(ktap_symbol_address("__start_notes"), ktap_symbol_address("__stop_notes"));
	return 0;
}
