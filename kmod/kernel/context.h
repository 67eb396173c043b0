/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Execution contexts: one per activation of the VM (the main chunk, a callback), found from nothing
 * but "where am I" by a fault handler. Each holds the guard record of its call.
 */
#ifndef KTAP_KERNEL_CONTEXT_H
#define KTAP_KERNEL_CONTEXT_H

#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/types.h>

#include <ktap/trampoline.h>

#include "task_state.h"

/* Where an activation was entered. An NMI never enters one. */
enum ktap_level {
	KTAP_LEVEL_TASK,
	KTAP_LEVEL_SOFTIRQ,
	KTAP_LEVEL_HARDIRQ,
	KTAP_LEVEL_COUNT,
};

struct ktap_guard_fault {
	u32 kind; /* enum ktap_fault_kind; NONE: none has happened, or it has been reported */
	u32 is_write;
	unsigned long address;
	unsigned long ip;
};

/* One guarded call. An activation makes one at a time: what it is called back from there is one of its own. */
struct ktap_guard_record {
	struct ktap_landing landing; /* its frame is 0 where no call is under way */
	unsigned long stack_low; /* the end of the activation's stack, */
	unsigned long stack_floor; /* and the lowest address that a call may begin at */
	u64 sequence; /* of its calls, for telling one long call from many */
	struct ktap_task_state state;
	struct ktap_guard_fault fault;
};

struct ktap_context {
	struct task_struct *task; /* the one it was entered in */
	struct ktap_guard_record guard;
	enum ktap_level level;
	u32 slot; /* where it is registered: see context.c */
	struct ktap_entry_state entry; /* what its calls are put back to */
	struct ktap_context *outer;    /* the activation that this one is inside of; NULL: none */
};

/* The level that is executing now, or KTAP_LEVEL_COUNT in an NMI. Context: any. */
static __always_inline enum ktap_level ktap_level_now(void)
{
	if (in_nmi())
		return KTAP_LEVEL_COUNT;
	if (in_hardirq())
		return KTAP_LEVEL_HARDIRQ;
	return in_serving_softirq() ? KTAP_LEVEL_SOFTIRQ : KTAP_LEVEL_TASK;
}

/*
 * Registers an activation that begins here; -EBUSY if too many tasks are in one at once, -EPERM in
 * an NMI. Context: any but NMI; takes no lock.
 */
int ktap_context_enter(struct ktap_context *context);

/* The mirror of ktap_context_enter(); may be done by another task once the entering one is dead. */
void ktap_context_leave(struct ktap_context *context);

/* The innermost activation of what is executing now, or NULL. Context: any; calls nothing. */
struct ktap_context *ktap_context_find(void);

/* Whether the task that is current, perhaps interrupted, is in no activation inside of this one. Context: any;
 * calls nothing. */
bool ktap_context_is_innermost(const struct ktap_context *context);

#endif
