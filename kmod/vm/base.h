/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What freestanding C lacks in one host or the other: short type names, mem*() and hints. */
#ifndef KTAP_BASE_H
#define KTAP_BASE_H

#include <linux/types.h>

#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
typedef __s32 s32;
#endif

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Both hosts have these four; compilers call them on their own account, too. */
void *memcpy(void *to, const void *from, __kernel_size_t size);
void *memmove(void *to, const void *from, __kernel_size_t size);
void *memset(void *to, int byte, __kernel_size_t size);
int memcmp(const void *a, const void *b, __kernel_size_t size);

/* Off the way that is taken nearly always, whose registers and frame it would cost. */
#ifndef noinline
#define noinline __attribute__((noinline))
#endif

#define KTAP_COUNT_OF(array)       (sizeof(array) / sizeof((array)[0]))
#define KTAP_PRINTF(string, first) __attribute__((format(printf, string, first)))

/*
 * Attribute of the interpreter's dispatch table. objtool wants to be told of jump tables; Kbuild
 * defines this as the running kernel's __annotate_jump_table.
 */
#ifndef KTAP_JUMP_TABLE
#define KTAP_JUMP_TABLE
#endif

#endif
