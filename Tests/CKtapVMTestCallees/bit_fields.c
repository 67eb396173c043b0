/* SPDX-License-Identifier: MIT */
/* Records of bit-fields of every width of every type, plain and packed. */
#include "include/oracle.h"

typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

#define EACH_8(X, KIND, T, P) \
	X(KIND, T, P, 1) X(KIND, T, P, 2) X(KIND, T, P, 3) X(KIND, T, P, 4) X(KIND, T, P, 5) \
	X(KIND, T, P, 6) X(KIND, T, P, 7) X(KIND, T, P, 8)
#define EACH_16(X, KIND, T, P) \
	EACH_8(X, KIND, T, P) \
	X(KIND, T, P, 9) X(KIND, T, P, 10) X(KIND, T, P, 11) X(KIND, T, P, 12) X(KIND, T, P, 13) \
	X(KIND, T, P, 14) X(KIND, T, P, 15) X(KIND, T, P, 16)
#define EACH_32(X, KIND, T, P) \
	EACH_16(X, KIND, T, P) \
	X(KIND, T, P, 17) X(KIND, T, P, 18) X(KIND, T, P, 19) X(KIND, T, P, 20) X(KIND, T, P, 21) \
	X(KIND, T, P, 22) X(KIND, T, P, 23) X(KIND, T, P, 24) X(KIND, T, P, 25) X(KIND, T, P, 26) \
	X(KIND, T, P, 27) X(KIND, T, P, 28) X(KIND, T, P, 29) X(KIND, T, P, 30) X(KIND, T, P, 31) \
	X(KIND, T, P, 32)
#define EACH_64(X, KIND, T, P) \
	EACH_32(X, KIND, T, P) \
	X(KIND, T, P, 33) X(KIND, T, P, 34) X(KIND, T, P, 35) X(KIND, T, P, 36) X(KIND, T, P, 37) \
	X(KIND, T, P, 38) X(KIND, T, P, 39) X(KIND, T, P, 40) X(KIND, T, P, 41) X(KIND, T, P, 42) \
	X(KIND, T, P, 43) X(KIND, T, P, 44) X(KIND, T, P, 45) X(KIND, T, P, 46) X(KIND, T, P, 47) \
	X(KIND, T, P, 48) X(KIND, T, P, 49) X(KIND, T, P, 50) X(KIND, T, P, 51) X(KIND, T, P, 52) \
	X(KIND, T, P, 53) X(KIND, T, P, 54) X(KIND, T, P, 55) X(KIND, T, P, 56) X(KIND, T, P, 57) \
	X(KIND, T, P, 58) X(KIND, T, P, 59) X(KIND, T, P, 60) X(KIND, T, P, 61) X(KIND, T, P, 62) \
	X(KIND, T, P, 63) X(KIND, T, P, 64)
#define EACH_PACKING(EACH, X, KIND, T) EACH(X, KIND, T, 0) EACH(X, KIND, T, 1)
#define EACH_RECORD(X) \
	EACH_PACKING(EACH_8, X, 0, s8) EACH_PACKING(EACH_8, X, 1, u8) \
	EACH_PACKING(EACH_16, X, 2, s16) EACH_PACKING(EACH_16, X, 3, u16) \
	EACH_PACKING(EACH_32, X, 4, s32) EACH_PACKING(EACH_32, X, 5, u32) \
	EACH_PACKING(EACH_64, X, 6, s64) EACH_PACKING(EACH_64, X, 7, u64) \
	X(8, bool, 0, 1) X(8, bool, 1, 1)

#define PACKING_0
#define PACKING_1 __attribute__((packed))

#define SET(N) \
	case N: \
		fields->f##N = value; \
		break;
#define GET(N) \
	case N: \
		return (u64)fields->f##N;

#define RECORD(KIND, T, P, W) \
	struct fields_##KIND##_##P##_##W { \
		T f0 : W, f1 : W, f2 : W, f3 : W, f4 : W, f5 : W, f6 : W, f7 : W; \
	} PACKING_##P; \
	static void set_##KIND##_##P##_##W(void *record, u32 field, u64 value) \
	{ \
		struct fields_##KIND##_##P##_##W *fields = record; \
\
		switch (field) { \
			SET(0) SET(1) SET(2) SET(3) SET(4) SET(5) SET(6) SET(7) \
		} \
	} \
	static u64 get_##KIND##_##P##_##W(const void *record, u32 field) \
	{ \
		const struct fields_##KIND##_##P##_##W *fields = record; \
\
		switch (field) { \
			GET(0) GET(1) GET(2) GET(3) GET(4) GET(5) GET(6) GET(7) \
		} \
		return 0; \
	}
EACH_RECORD(RECORD)

#define ENTRY(KIND, T, P, W) \
	{ KIND, W, P, sizeof(struct fields_##KIND##_##P##_##W), \
	  _Alignof(struct fields_##KIND##_##P##_##W), set_##KIND##_##P##_##W, \
	  get_##KIND##_##P##_##W },
static const struct oracle_bit_fields records[] = { EACH_RECORD(ENTRY) };
const __u32 oracle_bit_field_record_count = sizeof(records) / sizeof(records[0]);

const struct oracle_bit_fields *oracle_bit_fields_first(void)
{
	return records;
}
