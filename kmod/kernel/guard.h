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

struct ktap_guard_fault {
	u32 kind; /* enum ktap_fault_kind; NONE: it returned */
	u32 is_write;
	unsigned long address;
	unsigned long ip;
};

/* One guarded call; on the C stack of the one that makes it. */
struct ktap_guard_record {
	struct ktap_landing landing; /* sp is 0 until the callee is about to be entered */
	struct ktap_guard_record *previous;
	unsigned long stack_low; /* the end of its stack */
	u64 function;
	u64 sequence; /* of its execution's calls, for telling one long call from many */
	struct ktap_task_state state;
	struct ktap_guard_fault fault;
};

/* Installs the fault hooks. Never fails: without them ktap_guard_unavailable() says why. */
void ktap_guard_init(void);
void ktap_guard_exit(void);

/* Why no call can be guarded, or NULL. */
const char *ktap_guard_unavailable(void);

/*
 * Calls `function` under the guard. Returns 0 and rax, rdx in `result`; or 1 and record->fault if
 * the callee faulted, everything in `state` restored; or -1 if there is not enough stack.
 * Context: as `context`, which must be registered.
 */
int ktap_guard_call(struct ktap_context *context, struct ktap_guard_record *record, u64 function,
		    const u64 *slots, u32 words, u64 result[2]);

/*
 * Has the call number `sequence` of a context, in which an interrupt has found its task, fault as overdue:
 * true. False if the registers are not the callee's, or it may hold a lock and `force` does not say that this
 * is no matter. Context: hard interrupt, of that task.
 */
struct pt_regs;
bool ktap_guard_break_off(struct ktap_context *context, u64 sequence, struct pt_regs *regs, bool force);

#endif
