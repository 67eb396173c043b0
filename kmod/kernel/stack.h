/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The stack that is in use: its bounds, and how much of it is left. */
#ifndef KTAP_KERNEL_STACK_H
#define KTAP_KERNEL_STACK_H

#include <linux/sched/task_stack.h>
#include <linux/types.h>
#include <asm/current.h>
#include <asm/processor.h>

/* Stack that must be left before the VM is entered, and before a call, bytes. */
#define KTAP_ENTRY_STACK 4096
#define KTAP_CALL_STACK 6144

/* Finds the kernel's interrupt stacks. */
void ktap_stack_init(void);

/* The same as ktap_stack_low() where the stack in use is not the task's. */
unsigned long ktap_stack_low_of_interrupts(unsigned long here);

/* The lowest address of the stack in use: the task's or this processor's for interrupts; 0 on any
 * other. Context: any; where preemption is possible it is the task's. */
static __always_inline unsigned long ktap_stack_low(void)
{
	unsigned long here = current_stack_pointer;
	unsigned long low = (unsigned long)task_stack_page(current);

	return likely(here - low < THREAD_SIZE) ? low : ktap_stack_low_of_interrupts(here);
}

/* Whether `bytes` of a known stack are left. Context: any. */
bool ktap_stack_has(unsigned long bytes);

#endif
