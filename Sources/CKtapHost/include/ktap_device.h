/* SPDX-License-Identifier: MIT */
/* ioctl(2) on /dev/ktap, for Swift, which calls no variadic functions. 0 (or the descriptor) or -errno. */
#ifndef KTAP_DEVICE_H
#define KTAP_DEVICE_H

#include <ktap/ioctl.h>

int ktap_device_load(int device, const struct ktap_load *load);
int ktap_device_run(int program);
int ktap_device_stop(int program);
int ktap_device_reap(int device, struct ktap_reap *result_of);

/* From now on SIGINT, SIGTERM and SIGHUP only count; ktap_interrupts() says how many came. */
void ktap_catch_interrupts(void);
int ktap_interrupts(void);

#endif
