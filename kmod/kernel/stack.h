/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The stack that is in use: its bounds, and how much of it is left. */
#ifndef KTAP_KERNEL_STACK_H
#define KTAP_KERNEL_STACK_H

#include <linux/types.h>

/* Stack that must be left before the VM is entered, and before a call, bytes. */
#define KTAP_ENTRY_STACK 4096
#define KTAP_CALL_STACK 6144

/* Finds the kernel's interrupt stacks. */
void ktap_stack_init(void);

/* The lowest address of the stack in use: the task's or this processor's for interrupts; 0 on any
 * other. Context: any; where preemption is possible it is the task's. */
unsigned long ktap_stack_low(void);

/* Whether `bytes` of a known stack are left. Context: any. */
bool ktap_stack_has(unsigned long bytes);

#endif
