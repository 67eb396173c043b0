/* SPDX-License-Identifier: MIT */
/*
 * The call guard in a process: a signal that a guarded call raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL)
 * sends it to the trampoline's landing pad, and the call comes back as failed.
 */
#ifndef KTAP_HOST_GUARD_H
#define KTAP_HOST_GUARD_H

#include <stddef.h>

#include <ktap/vm.h>

/* Copies bytes of any addresses: 0, or -1 and an unknown part copied. Between open and close. */
int ktap_guard_copy(void *to, const void *from, size_t size);

/* Installs the handlers, on a stack of their own, for this thread; 0 or -errno. */
int ktap_guard_open(void);
/* Puts back what was there before. */
void ktap_guard_close(void);

/* An entry from foreign code into the VM: until it returns, faults are none of the call that it came
 * from. Returns that call, null if this thread is in none. */
struct ktap_guard_barrier {
	void *outer;
};
struct ktap_call *ktap_guard_enter(struct ktap_guard_barrier *barrier);
void ktap_guard_leave(const struct ktap_guard_barrier *barrier);

/* Whether this thread's stack has room for the VM and a call. */
int ktap_guard_has_stack(void);

/* The `call` service of struct ktap_host. */
int ktap_guard_call(void *host_data, struct ktap_call *call);

#endif
