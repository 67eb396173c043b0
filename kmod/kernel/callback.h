/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Callbacks: foreign code enters the VM through a thunk of a fixed pool. A thunk is code of the
 * module and stays what it is for the module's life; which program it leads to, if any, is in its
 * slot. See docs/kernel.md.
 */
#ifndef KTAP_KERNEL_CALLBACK_H
#define KTAP_KERNEL_CALLBACK_H

#include "program.h"

/* Services of struct ktap_host. */
u64 ktap_callback_take(void *host_data, u32 callback, struct ktap_message *why);
void ktap_callback_give(void *host_data, u64 address);
void ktap_turn_take(void *host_data, void *activation);
void ktap_turn_give(void *host_data, void *activation);

/* From now on callbacks of the program return zero. True: none of them is in progress. Context: any. */
bool ktap_callbacks_stop(struct ktap_instance *instance);

/* The thunks of a program that has stopped may lead elsewhere again. Context: any. */
void ktap_callbacks_release(struct ktap_instance *instance);

/* Calls so far that the thunks of this program could not pass on. Context: any. */
unsigned int ktap_callbacks_dead_calls(const struct ktap_instance *instance);

#endif
