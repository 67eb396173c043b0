/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Access to kernel memory that a script names: never faults, never touches a device. */
#ifndef KTAP_KERNEL_MEMORY_H
#define KTAP_KERNEL_MEMORY_H

#include <linux/types.h>

struct task_struct;

/* Finds what the kernel does not export. 0 or -errno. */
int ktap_memory_init(void);

/* Copies between our own memory and any kernel address. 0, or -EFAULT and an unknown part copied.
 * Context: any but NMI; memory in the vmalloc range only where preemption is possible or off, not
 * in an interrupt. */
int ktap_memory_read(void *to, unsigned long from, size_t size);
/* The same for the stack in use, wherever that is. */
int ktap_memory_read_frame(void *to, unsigned long from, size_t size);
int ktap_memory_write(unsigned long to, const void *from, size_t size);

/* Copies a string of at most `size` bytes: its length without the zero byte, `size` where there was
 * none, or -EFAULT. */
long ktap_memory_read_string(char *to, unsigned long from, size_t size);

/* Copies from memory of the process that `current` is, or, in a kernel thread, of `otherwise`. 0 or
 * -EFAULT. Context: any but NMI; where sleeping is forbidden, only what is present is read. */
int ktap_memory_read_user(struct task_struct *otherwise, void *to, unsigned long from, size_t size);

#endif
