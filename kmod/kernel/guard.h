/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The call guard: a fault inside a guarded call is diverted to the trampoline's landing pad
 * instead of killing the kernel. See docs/kernel.md.
 */
#ifndef KTAP_KERNEL_GUARD_H
#define KTAP_KERNEL_GUARD_H

#include <linux/types.h>

#include <ktap/trampoline.h>
#include <ktap/vm.h>

#include "context.h"
#include "stack.h"
#include "task_state.h"

struct ktap_guard_fault {
	u32 kind; /* enum ktap_fault_kind; NONE: it returned */
	u32 is_write;
	unsigned long address;
	unsigned long ip;
};

/* One guarded call. An activation makes one at a time: what it is called back from there is one of its own. */
struct ktap_guard_record {
	struct ktap_landing landing; /* sp is 0 until the callee is about to be entered */
	unsigned long stack_low; /* the end of its stack */
	u64 sequence; /* of its execution's calls, for telling one long call from many */
	struct ktap_task_state state;
	struct ktap_guard_fault fault;
};

/* Installs the fault hooks. Never fails: without them ktap_guard_unavailable says why. */
void ktap_guard_init(void);
void ktap_guard_exit(void);

/* Why no call can be guarded, or NULL. */
extern const char *ktap_guard_unavailable;

/*
 * Makes a call under the guard, and fills in its rax and rdx. Returns 0; or 1 and record->fault if
 * the callee faulted, everything in `state` restored; or -1 if there is not enough stack.
 * Context: as `context`, which must be registered. The one who calls must not be probed: NOKPROBE_SYMBOL.
 */
static __always_inline int ktap_guard_call(struct ktap_context *context,
					   struct ktap_guard_record *record, struct ktap_call *call)
{
	int landed;

	record->stack_low = ktap_stack_low();
	if (unlikely(!record->stack_low ||
		     current_stack_pointer < record->stack_low + KTAP_CALL_STACK))
		return -1;
	record->landing.sp = 0;
	record->fault.kind = KTAP_FAULT_NONE;
	ktap_task_state_save(&record->state);
	barrier();
	WRITE_ONCE(context->call, record);
	landed = ktap_call_guarded(&record->landing, call->function, call->slots, call->words,
				   &call->rax);
	/* At once: from here on, a stack pointer below landing.sp may be our own. */
	WRITE_ONCE(context->call, NULL);
	if (unlikely(landed))
		ktap_task_state_restore(&record->state, &context->entry);
	return landed;
}

/*
 * Has the call number `sequence` of a context, in which an interrupt has found its task, fault as overdue:
 * true. False if the registers are not the callee's, or it may hold a lock and `force` does not say that this
 * is no matter. Context: hard interrupt, of that task.
 */
struct pt_regs;
bool ktap_guard_break_off(struct ktap_context *context, u64 sequence, struct pt_regs *regs, bool force);

#endif
