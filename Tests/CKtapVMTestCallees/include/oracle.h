/* SPDX-License-Identifier: MIT */
/* What the C compiler says: arithmetic on 64-bit integers, and bit-fields. */
#ifndef KTAP_TEST_ORACLE_H
#define KTAP_TEST_ORACLE_H

#include <linux/types.h>
#include <stdbool.h>

struct oracle_number {
	__u64 bits;
	bool is_unsigned;
};

enum oracle_operator {
	ORACLE_ADD, ORACLE_SUB, ORACLE_MUL, ORACLE_DIV, ORACLE_MOD,
	ORACLE_AND, ORACLE_OR, ORACLE_XOR,
	ORACLE_EQ, ORACLE_NE, ORACLE_LT, ORACLE_LE, ORACLE_GE, ORACLE_GT,
};

/* left OP right by C's usual arithmetic conversions; comparisons give 0 or 1. Where C leaves it
 * undefined (overflow), two's complement wraps. The right side of DIV and MOD is not 0. */
struct oracle_number oracle_apply(enum oracle_operator operation, struct oracle_number left,
				  struct oracle_number right);

/*
 * Records of bit-fields: eight of one width one behind the other, declared with one type.
 * `kind`: 0 … 7 for s8 u8 s16 u16 s32 u32 s64 u64, 8 for bool; `packed`: without the padding that
 * keeps a field within one unit of its type.
 */
#define ORACLE_FIELDS 8
#define ORACLE_KINDS 9
struct oracle_bit_fields {
	__u32 kind, width, packed;
	__u32 size, align; /* bytes */
	void (*set)(void *record, __u32 field, __u64 value);
	__u64 (*get)(const void *record, __u32 field); /* extended as the field's type says */
};
/* All of them: the first, and how many there are. */
const struct oracle_bit_fields *oracle_bit_fields_first(void);
extern const __u32 oracle_bit_field_record_count;

#endif
