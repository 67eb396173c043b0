/* SPDX-License-Identifier: MIT */
/*
 * The call guard in a process: a signal that a guarded call raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL)
 * sends it to the trampoline's landing pad, and the call comes back as failed.
 */
#ifndef KTAP_HOST_GUARD_H
#define KTAP_HOST_GUARD_H

#include <ktap/vm.h>

/* Installs the handlers, on a stack of their own, for this thread; 0 or -errno. */
int ktap_guard_open(void);
/* Puts back what was there before. */
void ktap_guard_close(void);

/* The `call` service of struct ktap_host. */
int ktap_guard_call(void *host_data, struct ktap_call *call);

#endif
