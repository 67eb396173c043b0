/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The one way from the VM into foreign code and the one way back when that code faults (call.S); the
 * ways from foreign code into the VM (callback.S). Shared by both hosts.
 */
#ifndef KTAP_TRAMPOLINE_H
#define KTAP_TRAMPOLINE_H

/* Thunks in the pool: callbacks that may exist at once, of all programs together. */
#define KTAP_THUNKS 2048

#ifndef __ASSEMBLER__

#include <linux/types.h>

/*
 * Where a call lands when it is broken off: execution continues at ktap_call_landing, with these values in the
 * registers, `frame` in rsp and rbp. Valid from entry to the callee until ktap_call_guarded() returns.
 */
struct ktap_landing {
	__u64 frame; /* every stack pointer of the callee is below this */
	__u64 rbx, r12, r13, r14, r15;
};

/* What a function returned in registers. */
struct ktap_returned {
	__u64 rax, rdx;
};

/*
 * Calls `function` by the System V x86-64 convention with al = 0: rdi rsi rdx rcx r8 r9 are
 * slots[0] to slots[5], slots[6] up to (not including) slots[words] lie on the stack. `words` is
 * at least 6; the caller has made sure that the stack has room for them. Fills in `landing` before
 * it leaves for the callee, its `frame` last.
 *
 * Returns what the callee does, or anything if execution came back through ktap_call_landing, which the one
 * who sent it there has to note. The registers that a C function must preserve are preserved either way.
 */
struct ktap_returned ktap_call_guarded(struct ktap_landing *landing, __u64 function, const __u64 *slots,
				       __u32 words);

/* Not a function: a place inside ktap_call_guarded() that only a fault handler may send a thread
 * to, by setting its saved rip and those registers (and clearing AC, DF and TF in its flags). */
extern const char ktap_call_landing[];

/*
 * The pool of thunks, by number: functions that foreign code may call with any arguments. Each goes
 * to ktap_callback_enter(). They live as long as the module (or process), used or not.
 */
extern const __u64 ktap_thunks[KTAP_THUNKS];

/* The number of the thunk at an address; KTAP_THUNKS: there is none. They are equally far apart. */
static inline __u32 ktap_thunk_at(__u64 address)
{
	__u64 number = (address - ktap_thunks[0]) / (ktap_thunks[1] - ktap_thunks[0]);

	return number < KTAP_THUNKS && ktap_thunks[number] == address ? (__u32)number : KTAP_THUNKS;
}

/*
 * The host's: thunk `thunk` was called. `registers`: rdi rsi rdx rcx r8 r9; `stack`: where the
 * caller put what did not go into them. Returns what the caller gets. Context: any.
 */
struct ktap_returned ktap_callback_enter(__u32 thunk, const __u64 registers[6], const __u64 *stack);

#ifndef __KERNEL__
/* The host's: not 0 where callbacks may be called by Microsoft's convention. */
extern int ktap_callers_of_microsoft;
#endif

#endif

#endif
