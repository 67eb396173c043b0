/* SPDX-License-Identifier: MIT */
/* The services of struct ktap_host in an ordinary process: guarded by signal handlers. */
#ifndef KTAP_HOST_H
#define KTAP_HOST_H

#include <ktap/vm.h>

/*
 * Verifies, binds and runs an image made for the host target in this thread. Every record goes to
 * `emit` (0, or -1 to stop the program). `memory` is the arena in bytes. Returns enum ktap_exit, or
 * -1 and a message if the image was refused. One program at a time in a process.
 */
int ktap_host_run(const void *image, __kernel_size_t size, __u64 memory,
		  int (*emit)(void *context, const struct ktap_record *record), void *context,
		  struct ktap_message *message);

#endif
