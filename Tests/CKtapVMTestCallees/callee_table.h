/* SPDX-License-Identifier: MIT */
/* The callees of one file, by name; a null name ends the table. */
#ifndef KTAP_TEST_CALLEE_TABLE_H
#define KTAP_TEST_CALLEE_TABLE_H

#include "include/callees.h"

typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

/* What the last callee took. */
extern u64 seen[CALLEE_MAX_ARGUMENTS ];
extern u32 seen_count;
extern u8 seen_bytes[CALLEE_MAX_BYTES];
extern u32 seen_byte_count;

struct callee {
	const char *name;
	u64 address;
};

extern const struct callee seen_callees[];
extern const struct callee aggregate_callees[];
extern const struct callee other_callees[];

#endif
