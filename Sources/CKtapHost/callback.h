/* SPDX-License-Identifier: MIT */
/* Callbacks in a process: see callback.c. The services of struct ktap_host, for one program at a time. */
#ifndef KTAP_HOST_CALLBACK_H
#define KTAP_HOST_CALLBACK_H

#include <ktap/vm.h>

/* Between these two, callbacks of `program` may be made and are entered. */
void ktap_callbacks_open(struct ktap_program *program);
/* Waits for those in progress. */
void ktap_callbacks_close(void);

/* Calls since it was opened that could not be passed on: to freed callbacks, from a handler in the middle of the
 * script, without stack. */
unsigned long ktap_callbacks_dead_calls(void);

__u64 ktap_callback_take(void *host_data, __u32 callback, struct ktap_message *why);
void ktap_callback_give(void *host_data, __u64 address);
void ktap_turn_take(void *host_data, void *activation);
void ktap_turn_give(void *host_data, void *activation);

#endif
