/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * ktap_call_guarded() and its landing pad: see <ktap/trampoline.h>.
 *
 * The frame is addressed by rbp, so that the kernel's ORC unwinder passes it whatever number of
 * words was put on the stack, and so that the landing pad needs nothing but rsp and rbp:
 *
 *	rbp + 8		return address
 *	rbp		caller's rbp
 *	rbp - 8 .. -40	rbx r12 r13 r14 r15
 *	rbp - 48	result			<- landing.sp
 *	below		the callee's stack arguments, the lowest at a multiple of 16
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

#define FRAME_RESULT	(-48)
#define LANDING_SP	0
#define LANDING_BP	8
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

/* rdi: landing, rsi: function, rdx: slots, ecx: words, r8: result */
SYM_FUNC_START(ktap_call_guarded)
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%r8
	UNWIND_HINT_SAVE
	mov	%rsp, LANDING_SP(%rdi)
	mov	%rbp, LANDING_BP(%rdi)
	mov	%rsi, %r11

	/* With nothing for the stack, its pointer is a multiple of 16 already where the caller kept to that
	 * (the kernel does not, and does not ask for it). */
	sub	$REGISTER_WORDS, %ecx
	jz	.Lregisters
	lea	(,%rcx,8), %rax
	sub	%rax, %rsp
	and	$-16, %rsp
.Lnext_word:
	mov	(REGISTER_WORDS - 1) * 8(%rdx,%rcx,8), %rax
	mov	%rax, -8(%rsp,%rcx,8)
	dec	%rcx
	jnz	.Lnext_word

.Lregisters:
	mov	(%rdx), %rdi
	mov	8(%rdx), %rsi
	mov	24(%rdx), %rcx
	mov	32(%rdx), %r8
	mov	40(%rdx), %r9
	mov	16(%rdx), %rdx
	xor	%eax, %eax
	KTAP_CALL_R11

	mov	FRAME_RESULT(%rbp), %r8
	mov	%rax, (%r8)
	mov	%rdx, 8(%r8)
	xor	%eax, %eax
	jmp	.Lreturn

SYM_INNER_LABEL(ktap_call_landing, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	mov	$1, %eax
.Lreturn:
	lea	FRAME_RESULT(%rbp), %rsp
	pop	%r8
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	RET
SYM_FUNC_END(ktap_call_guarded)

#ifdef __KERNEL__
/* Where the fault hook sends a function of the kernel that must not run on: it only returns. */
SYM_FUNC_START(ktap_bare_return)
	RET
SYM_FUNC_END(ktap_bare_return)
#endif

	.section .note.GNU-stack, "", @progbits
