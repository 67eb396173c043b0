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
#include "task_state.h"

/* Installs the fault hooks. Never fails: without them ktap_guard_unavailable says why. */
void ktap_guard_init(void);
void ktap_guard_exit(void);

/* Why no call can be guarded, or NULL. */
extern const char *ktap_guard_unavailable;

/*
 * Makes a call under the guard, and fills in its rax and rdx. Returns 0; or 1 and context->guard.fault if the
 * callee faulted, everything that it may have changed restored. The stack has been looked at.
 * Context: as `context`, which must be registered. The one who calls must not be probed: NOKPROBE_SYMBOL.
 */
static __always_inline int ktap_guard_call(struct ktap_context *context, struct ktap_call *call)
{
	struct ktap_guard_record *record = &context->guard;
	struct ktap_returned returned;

	ktap_task_state_save(&record->state);
	barrier();
	returned = ktap_call_guarded(&record->landing, call->function, call->slots, call->words);
	/* At once: from here on, a stack pointer below the frame may be our own. */
	WRITE_ONCE(record->landing.frame, 0);
	if (unlikely(record->fault.kind != KTAP_FAULT_NONE)) {
		ktap_task_state_restore(&record->state, &context->entry);
		return 1;
	}
	call->rax = returned.rax;
	call->rdx = returned.rdx;
	return 0;
}

/*
 * Has the call number `sequence` of a context, in which an interrupt has found its task, fault as overdue:
 * true. False if the registers are not the callee's, or it may hold a lock and `force` does not say that this
 * is no matter. Context: hard interrupt, of that task.
 */
struct pt_regs;
bool ktap_guard_break_off(struct ktap_context *context, u64 sequence, struct pt_regs *regs, bool force);

#endif
