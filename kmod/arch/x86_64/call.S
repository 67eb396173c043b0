/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * ktap_call_guarded() and its landing pad: see <ktap/trampoline.h>.
 *
 * The frame is addressed by rbp, so that the kernel's ORC unwinder passes it whatever number of
 * words was put on the stack:
 *
 *	rbp + 8		return address
 *	rbp		caller's rbp			<- landing.frame
 *	below		the callee's stack arguments, the lowest at a multiple of 16
 *
 * A callee that returns has preserved the other registers; for one that does not, they are in the landing.
 */

#ifdef __KERNEL__

#include <linux/linkage.h>
#include <asm/unwind_hints.h>

/* What objtool is to assume behind a call that never returns there; its name has changed. */
.macro KTAP_HINT_DEAD
#ifdef KTAP_UNWIND_HINT_UNDEFINED
	UNWIND_HINT_UNDEFINED
#else
	UNWIND_HINT_EMPTY
#endif
.endm

#else

#define SYM_FUNC_START(name)		.globl name; .hidden name; .type name, @function; \
					.p2align 4; name: endbr64
#define SYM_FUNC_START_LOCAL(name)	.type name, @function; .p2align 4; name:
#define SYM_FUNC_END(name)		.size name, . - name
#define SYM_INNER_LABEL(name, linkage)	.globl name; .hidden name; name:
#define RET				ret
#define ENDBR				endbr64
#define UNWIND_HINT_SAVE
#define UNWIND_HINT_RESTORE

#endif

/* struct ktap_landing */
#define LANDING_FRAME	0
#define LANDING_RBX	8
#define LANDING_R12	16
#define LANDING_R13	24
#define LANDING_R14	32
#define LANDING_R15	40

#define REGISTER_WORDS	6

	.text

/*
 * Calls *r11. In the kernel not by an indirect call, which retpolines would have to replace and IBT
 * would check, but by returning to it: a function whose ENDBR the kernel has sealed, because it
 * takes its address nowhere, is as callable as any other.
 */
#ifdef __KERNEL__
SYM_FUNC_START_LOCAL(ktap_call_r11)
	ANNOTATE_INTRA_FUNCTION_CALL
	call	.Ltarget
	KTAP_HINT_DEAD
.Lspeculated:
	pause
	lfence
	jmp	.Lspeculated
.Ltarget:
	mov	%r11, (%rsp)
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(ktap_call_r11)
#define KTAP_CALL_R11	call ktap_call_r11
#else
#define KTAP_CALL_R11	call *%r11
#endif

/* rdi: landing, rsi: function, rdx: slots, ecx: words */
SYM_FUNC_START(ktap_call_guarded)
	push	%rbp
	mov	%rsp, %rbp
	UNWIND_HINT_SAVE
	mov	%rbx, LANDING_RBX(%rdi)
	mov	%r12, LANDING_R12(%rdi)
	mov	%r13, LANDING_R13(%rdi)
	mov	%r14, LANDING_R14(%rdi)
	mov	%r15, LANDING_R15(%rdi)
	mov	%rsi, %r11
	/* The last: from here on, what is below the frame is the callee's. */
	mov	%rbp, LANDING_FRAME(%rdi)

	/* With nothing for the stack, its pointer is a multiple of 16 already where the caller kept to that
	 * (the kernel does not, and does not ask for it). */
	sub	$REGISTER_WORDS, %ecx
	jnz	.Lstack
.Lregisters:
	mov	(%rdx), %rdi
	mov	8(%rdx), %rsi
	mov	24(%rdx), %rcx
	mov	32(%rdx), %r8
	mov	40(%rdx), %r9
	mov	16(%rdx), %rdx
	xor	%eax, %eax
	KTAP_CALL_R11
	leave
	RET

.Lstack:
	lea	(,%rcx,8), %rax
	sub	%rax, %rsp
	and	$-16, %rsp
.Lnext_word:
	mov	(REGISTER_WORDS - 1) * 8(%rdx,%rcx,8), %rax
	mov	%rax, -8(%rsp,%rcx,8)
	dec	%rcx
	jnz	.Lnext_word
	jmp	.Lregisters

SYM_INNER_LABEL(ktap_call_landing, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	leave
	RET
SYM_FUNC_END(ktap_call_guarded)

#ifdef __KERNEL__
/* Where the fault hook sends a function of the kernel that must not run on: it only returns. */
SYM_FUNC_START(ktap_bare_return)
	RET
SYM_FUNC_END(ktap_bare_return)
#endif

	.section .note.GNU-stack, "", @progbits
