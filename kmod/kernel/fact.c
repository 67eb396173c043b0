// SPDX-License-Identifier: MIT OR GPL-2.0
/* What the kernel tells a script of where it runs. Any context. */
#include <linux/cred.h>
#include <linux/kallsyms.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/uidgid.h>
#include <linux/utsname.h>
#include <linux/xarray.h>

#include "host.h"

#define STACK_DEPTH 48

/* What the iterators of vm/library_iterate.c take for granted. */
static_assert(offsetof(struct list_head, next) == 0 && offsetof(struct hlist_node, next) == 0);
static_assert(offsetof(struct rb_node, __rb_parent_color) == 0 &&
	      offsetof(struct rb_node, rb_right) == 8 && offsetof(struct rb_node, rb_left) == 16);
static_assert(offsetof(struct xa_node, shift) == 0 && offsetof(struct xa_node, slots) == 40 &&
	      XA_CHUNK_SHIFT == 6);

static long copy_text(char *to, size_t size, const char *text)
{
	ssize_t length = strscpy(to, text, size);

	return length < 0 ? (long)size - 1 : length;
}

static long symbol_of(u64 address, char *text, size_t size)
{
	char name[KSYM_SYMBOL_LEN];

	sprint_symbol(name, address);
	return copy_text(text, size, name);
}

/* The frames of the module itself are left out: they are the interpreter's. */
static long stack_of(char *text, size_t size)
{
	unsigned long entries[STACK_DEPTH];
	unsigned int count = stack_trace_save(entries, STACK_DEPTH, 0);
	size_t used = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (within_module(entries[i], THIS_MODULE))
			continue;
		used += scnprintf(text + used, size - used, "%s%pS", used ? "\n" : "",
				  (void *)entries[i]);
	}
	return used;
}

long ktap_host_fact(void *host_data, u32 which, u64 argument, char *text, size_t size)
{
	switch (which) {
	case KTAP_FACT_CPU:
		return raw_smp_processor_id();
	case KTAP_FACT_PID:
		return task_tgid_nr(current);
	case KTAP_FACT_TID:
		return task_pid_nr(current);
	case KTAP_FACT_UID:
		return from_kuid_munged(&init_user_ns, current_uid());
	case KTAP_FACT_EXECNAME:
		return copy_text(text, size, current->comm);
	case KTAP_FACT_KERNEL:
		return copy_text(text, size, init_utsname()->release);
	case KTAP_FACT_ARCH:
		return copy_text(text, size, init_utsname()->machine);
	case KTAP_FACT_STACK:
		return stack_of(text, size);
	case KTAP_FACT_SYMBOL:
		return symbol_of(argument, text, size);
	}
	return -1;
}
