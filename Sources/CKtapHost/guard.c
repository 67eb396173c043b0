/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE

#include "guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

_Thread_local struct ktap_thread ktap_thread = { .stack_limit = UINTPTR_MAX };

static const int caught[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static struct {
	struct sigaction before[CAUGHT];
	stack_t stack_before;
	void *stack;
	size_t stack_size;
} guard;

/* A callee gets at least this much stack, in bytes. */
#define CALLEE_STACK (64u << 10)

static void describe_place(struct ktap_call *call)
{
	Dl_info info;
	const char *file;

	if (dladdr((void *)(uintptr_t)call->fault_ip, &info) == 0) {
		snprintf(call->text, sizeof(call->text), "0x%llx",
			 (unsigned long long)call->fault_ip);
		return;
	}
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	if (info.dli_sname)
		snprintf(call->text, sizeof(call->text), "%s+0x%llx [%s]", info.dli_sname,
			 (unsigned long long)(call->fault_ip - (uintptr_t)info.dli_saddr), file);
	else
		snprintf(call->text, sizeof(call->text), "%s+0x%llx", file,
			 (unsigned long long)(call->fault_ip - (uintptr_t)info.dli_fbase));
}

/* What the kernel says in si_code and the page-fault error code, as the VM names it. */
static void describe_fault(struct ktap_call *call, int number, const siginfo_t *information,
			   const greg_t *registers)
{
	enum { ERROR_CODE_WRITE = 2 };

	call->fault_ip = (__u64)registers[REG_RIP];
	switch (number) {
	case SIGFPE:
		call->fault = KTAP_FAULT_DIVIDE;
		break;
	case SIGILL:
		call->fault = KTAP_FAULT_INVALID_OP;
		break;
	case SIGSEGV:
		if (information->si_code == SI_KERNEL) {
			call->fault = KTAP_FAULT_PROTECTION;
			break;
		}
		/* fall through */
	default:
		call->fault = KTAP_FAULT_PAGE;
		call->fault_address = (__u64)(uintptr_t)information->si_addr;
		call->fault_is_write = (registers[REG_ERR] & ERROR_CODE_WRITE) != 0;
	}
}

/*
 * Copies bytes of any address. A fault in it goes on at ktap_copy_failed: nothing is pushed, so the return
 * address is where it was. The sizes of scalars are one access each; others by a string instruction.
 */
__asm__(".text\n"
	".type ktap_copy_bytes, @function\n"
	"ktap_copy_bytes:\n"
	"	cmp $8, %rdx\n"
	"	je 8f\n"
	"	cmp $4, %rdx\n"
	"	je 4f\n"
	"	mov %rdx, %rcx\n"
	"	rep movsb\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	"8:	mov (%rsi), %rax\n"
	"	mov %rax, (%rdi)\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	"4:	mov (%rsi), %eax\n"
	"	mov %eax, (%rdi)\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	"ktap_copy_failed:\n"
	"	mov $-1, %eax\n"
	"	ret\n"
	".size ktap_copy_bytes, .-ktap_copy_bytes\n");

int ktap_copy_bytes(void *to, const void *from, size_t size);
extern const char ktap_copy_failed[];

int ktap_guard_copy(void *to, const void *from, size_t size)
{
	return ktap_copy_bytes(to, from, size);
}

/* Not in a guarded call, or sent by somebody: what would have happened without us. */
static void pass_on(int number, siginfo_t *information, void *context)
{
	const struct sigaction *before = NULL;

	for (size_t i = 0; i < CAUGHT; i++)
		if (caught[i] == number)
			before = &guard.before[i];
	if (before && before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(number, information, context);
	} else if (before && before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
		before->sa_handler(number);
	} else {
		signal(number, SIG_DFL);
		raise(number);
	}
}

static void send_to_landing(greg_t *registers, const struct ktap_landing *landing)
{
	registers[REG_RIP] = (greg_t)(uintptr_t)ktap_call_landing;
	registers[REG_RSP] = registers[REG_RBP] = (greg_t)landing->frame;
	registers[REG_RBX] = (greg_t)landing->rbx;
	registers[REG_R12] = (greg_t)landing->r12;
	registers[REG_R13] = (greg_t)landing->r13;
	registers[REG_R14] = (greg_t)landing->r14;
	registers[REG_R15] = (greg_t)landing->r15;
	/* The direction and trap flags, and alignment check, are as the ABI wants them at a return. */
	registers[REG_EFL] &= ~(greg_t)(1 << 10 | 1 << 8 | 1 << 18);
}

static void on_fault(int number, siginfo_t *information, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct ktap_guard_record *record = ktap_thread.top;

	if (information->si_code > 0 &&
	    (uintptr_t)registers[REG_RIP] - (uintptr_t)ktap_copy_bytes <
		    (uintptr_t)ktap_copy_failed - (uintptr_t)ktap_copy_bytes) {
		registers[REG_RIP] = (greg_t)(uintptr_t)ktap_copy_failed;
		return;
	}
	/* si_code > 0: the kernel raised it for this instruction. */
	if (!record || information->si_code <= 0 ||
	    (uintptr_t)registers[REG_RSP] > record->landing.frame) {
		pass_on(number, information, context);
		return;
	}
	describe_fault(record->call, number, information, registers);
	send_to_landing(registers, &record->landing);
}

/* 0 or -errno. */
static int find_stack(struct ktap_thread *thread)
{
	pthread_attr_t attributes;
	void *lowest;
	size_t size, page;
	int error = pthread_getattr_np(pthread_self(), &attributes);

	if (error)
		return -error;
	error = pthread_attr_getstack(&attributes, &lowest, &size);
	pthread_attr_destroy(&attributes);
	if (error)
		return -error;
	page = (size_t)sysconf(_SC_PAGESIZE);
	thread->stack_limit = (uintptr_t)lowest + page + CALLEE_STACK;
	thread->error = &errno;
	return 0;
}

int ktap_guard_learn_stack(struct ktap_thread *thread, uintptr_t here)
{
	return thread->stack_limit == UINTPTR_MAX && find_stack(thread) == 0 &&
	       here >= thread->stack_limit;
}

static int refuse_for_stack(struct ktap_call *call)
{
	call->fault = KTAP_CALL_NO_STACK;
	snprintf(call->text, sizeof(call->text), "less than %u KiB of stack are left",
		 CALLEE_STACK >> 10);
	return -1;
}

int ktap_guard_call(void *host_data, struct ktap_call *call)
{
	struct ktap_thread *thread = &ktap_thread;
	struct ktap_guard_record record;
	struct ktap_returned returned;

	(void)host_data;
	if (!ktap_guard_has_stack(thread))
		return refuse_for_stack(call);
	record.landing.frame = 0; /* no stack pointer of a callee's is below it */
	record.call = call;
	record.previous = thread->top;
	*thread->error = call->error;
	thread->top = &record;
	returned = ktap_call_guarded(&record.landing, call->function, call->slots, call->words);
	thread->top = record.previous;
	call->error = *thread->error;
	call->rax = returned.rax;
	call->rdx = returned.rdx;
	if (__builtin_expect(call->fault == KTAP_FAULT_NONE, 1))
		return 0;
	describe_place(call);
	return -1;
}

int ktap_guard_open(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	stack_t stack;
	int error = find_stack(&ktap_thread);

	if (error)
		return error;
	guard.stack_size = (size_t)sysconf(_SC_SIGSTKSZ) + (64u << 10);
	guard.stack = mmap(NULL, guard.stack_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (guard.stack == MAP_FAILED)
		return -errno;
	stack = (stack_t){ .ss_sp = guard.stack, .ss_size = guard.stack_size };
	if (sigaltstack(&stack, &guard.stack_before) != 0) {
		error = -errno;
		munmap(guard.stack, guard.stack_size);
		return error;
	}
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &action, &guard.before[i]);
	return 0;
}

void ktap_guard_close(void)
{
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &guard.before[i], NULL);
	sigaltstack(&guard.stack_before, NULL);
	munmap(guard.stack, guard.stack_size);
}
