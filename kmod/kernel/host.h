/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The services that the VM asks of its host, in the kernel. */
#ifndef KTAP_KERNEL_HOST_H
#define KTAP_KERNEL_HOST_H

#include "program.h"

/* Fills in instance->host; instance->grants must be parsed. host_data is the instance. */
void ktap_host_fill(struct ktap_instance *instance);

/* bind.c: binds symbol `index`; see struct ktap_host. Sets instance->bind_error when it fails. */
int ktap_host_bind(void *host_data, const struct ktap_program *program, u32 index, u64 *address,
		   struct ktap_message *why);
/* bind.c: gives back what ktap_host_bind() took for all symbols. */
void ktap_unbind(struct ktap_instance *instance);
/* bind.c: whether a pointer of the script may be called; see struct ktap_host. */
int ktap_host_may_call(void *host_data, u64 address, struct ktap_message *why);

/* fact.c: what scripts may ask about the running thread and the machine; see struct ktap_host. */
long ktap_host_fact(void *host_data, u32 which, u64 argument, char *text, size_t size);

/* call.c: one guarded call; see struct ktap_host. */
int ktap_host_call(void *host_data, struct ktap_call *call);
/* call.c: the name of what is called by a call of this program; `call` may be a pointer into the blue. */
const char *ktap_name_of_call(const struct ktap_instance *instance, const struct ktap_call *call);
/* call.c: the name of the function that an activation is in now, or NULL. Context: any. */
const char *ktap_function_called(const struct ktap_execution *execution);
/* call.c: begins or ends an RCU read-side section of an activation; see struct ktap_host. */
void ktap_host_rcu(void *host_data, void *activation, int begin);
/* call.c: reports and undoes what the activation's calls left behind, at its end. */
void ktap_call_settle(struct ktap_execution *execution);
/* call.c: why calls are refused since a fault was caught, or NULL. Context: any. */
const char *ktap_calls_refused(void);

#endif
