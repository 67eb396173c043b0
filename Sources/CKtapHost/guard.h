/* SPDX-License-Identifier: MIT */
/*
 * The call guard in a process: a signal that a guarded call raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL)
 * sends it to the trampoline's landing pad, and the call comes back as failed.
 */
#ifndef KTAP_HOST_GUARD_H
#define KTAP_HOST_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include <ktap/trampoline.h>
#include <ktap/vm.h>

/* Copies bytes of any addresses: 0, or -1 and an unknown part copied. Between open and close. */
int ktap_guard_copy(void *to, const void *from, size_t size);

/* Installs the handlers, on a stack of their own, for this thread; 0 or -errno. */
int ktap_guard_open(void);
/* Puts back what was there before. */
void ktap_guard_close(void);

/* A guarded call under way. */
struct ktap_guard_record {
	struct ktap_landing landing;
	struct ktap_call *call;
	struct ktap_guard_record *previous; /* the one that it is within; null: none */
};

/* What a thread's calls and callbacks need of it. */
struct ktap_thread {
	struct ktap_guard_record *top; /* the innermost; null: none, or a callback was entered since */
	/* The lowest address that a call may begin with still enough stack below; the highest of all: not yet known. */
	uintptr_t stack_limit;
	int *error;       /* its errno, from when the limit is known */
	int runs_program; /* its main chunk: callbacks that it enters are inside of calls from that */
	int has_turn;     /* see callback.c */
};
extern _Thread_local struct ktap_thread ktap_thread;

/* Finds the limit, where it is not yet known; whether `here` is in it. */
int ktap_guard_learn_stack(struct ktap_thread *thread, uintptr_t here);

/* Whether this thread's stack has room for the VM and a call. */
static inline int ktap_guard_has_stack(struct ktap_thread *thread)
{
	uintptr_t here;

	__asm__("mov %%rsp, %0" : "=r"(here));
	return here >= thread->stack_limit || ktap_guard_learn_stack(thread, here);
}

/* The `call` service of struct ktap_host. */
int ktap_guard_call(void *host_data, struct ktap_call *call);

#endif
