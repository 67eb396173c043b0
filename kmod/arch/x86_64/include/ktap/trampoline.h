/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The one way from the VM into foreign code, and the one way back when that code faults. Shared by
 * both hosts; the code is in call.S.
 */
#ifndef KTAP_TRAMPOLINE_H
#define KTAP_TRAMPOLINE_H

#ifndef __ASSEMBLER__

#include <linux/types.h>

/*
 * Where a call lands when it is broken off: with these values in rsp and rbp, execution continues
 * at ktap_call_landing. Valid from entry to the callee until ktap_call_guarded() returns.
 */
struct ktap_landing {
	__u64 sp; /* every stack pointer of the callee is below this */
	__u64 bp;
};

/*
 * Calls `function` by the System V x86-64 convention with al = 0: rdi rsi rdx rcx r8 r9 are
 * slots[0] to slots[5], slots[6] up to (not including) slots[words] lie on the stack. `words` is
 * at least 6; the caller has made sure that the stack has room for them. Fills in `landing` before
 * it leaves for the callee.
 *
 * Returns 0 and rax, rdx in `result`; or 1, `result` untouched, if execution came back through
 * ktap_call_landing. The registers that a C function must preserve are preserved either way.
 */
int ktap_call_guarded(struct ktap_landing *landing, __u64 function, const __u64 *slots, __u32 words,
		      __u64 result[2]);

/* Not a function: a place inside ktap_call_guarded() that only a fault handler may send a thread
 * to, by setting its saved rip, rsp and rbp (and clearing AC, DF and TF in its flags). */
extern const char ktap_call_landing[];

#endif

#endif
