/* SPDX-License-Identifier: MIT */
/* Callees that take scalars: 0 to 20 of each width and sign. */
#include "callee_table.h"

#include <stdarg.h>

u64 seen[CALLEE_MAX_ARGUMENTS ];
u32 seen_count;

typedef void *pointer;

/* Converting to u64 extends by the sign of the value's type. */
static void see(u64 value)
{
	seen[seen_count++] = value;
}

#define PARAMS_0(T) void
#define PARAMS_1(T) T a1
#define PARAMS_2(T) PARAMS_1(T), T a2
#define PARAMS_3(T) PARAMS_2(T), T a3
#define PARAMS_4(T) PARAMS_3(T), T a4
#define PARAMS_5(T) PARAMS_4(T), T a5
#define PARAMS_6(T) PARAMS_5(T), T a6
#define PARAMS_7(T) PARAMS_6(T), T a7
#define PARAMS_8(T) PARAMS_7(T), T a8
#define PARAMS_9(T) PARAMS_8(T), T a9
#define PARAMS_10(T) PARAMS_9(T), T a10
#define PARAMS_11(T) PARAMS_10(T), T a11
#define PARAMS_12(T) PARAMS_11(T), T a12
#define PARAMS_13(T) PARAMS_12(T), T a13
#define PARAMS_14(T) PARAMS_13(T), T a14
#define PARAMS_15(T) PARAMS_14(T), T a15
#define PARAMS_16(T) PARAMS_15(T), T a16
#define PARAMS_17(T) PARAMS_16(T), T a17
#define PARAMS_18(T) PARAMS_17(T), T a18
#define PARAMS_19(T) PARAMS_18(T), T a19
#define PARAMS_20(T) PARAMS_19(T), T a20

#define SEE_0
#define SEE_1 SEE_0 see((u64)a1);
#define SEE_2 SEE_1 see((u64)a2);
#define SEE_3 SEE_2 see((u64)a3);
#define SEE_4 SEE_3 see((u64)a4);
#define SEE_5 SEE_4 see((u64)a5);
#define SEE_6 SEE_5 see((u64)a6);
#define SEE_7 SEE_6 see((u64)a7);
#define SEE_8 SEE_7 see((u64)a8);
#define SEE_9 SEE_8 see((u64)a9);
#define SEE_10 SEE_9 see((u64)a10);
#define SEE_11 SEE_10 see((u64)a11);
#define SEE_12 SEE_11 see((u64)a12);
#define SEE_13 SEE_12 see((u64)a13);
#define SEE_14 SEE_13 see((u64)a14);
#define SEE_15 SEE_14 see((u64)a15);
#define SEE_16 SEE_15 see((u64)a16);
#define SEE_17 SEE_16 see((u64)a17);
#define SEE_18 SEE_17 see((u64)a18);
#define SEE_19 SEE_18 see((u64)a19);
#define SEE_20 SEE_19 see((u64)a20);

#define EACH_COUNT(X, T) \
	X(T, 0) X(T, 1) X(T, 2) X(T, 3) X(T, 4) X(T, 5) X(T, 6) X(T, 7) X(T, 8) X(T, 9) X(T, 10) \
	X(T, 11) X(T, 12) X(T, 13) X(T, 14) X(T, 15) X(T, 16) X(T, 17) X(T, 18) X(T, 19) X(T, 20)
#define EACH(X) \
	EACH_COUNT(X, s8) EACH_COUNT(X, u8) EACH_COUNT(X, s16) EACH_COUNT(X, u16) \
	EACH_COUNT(X, s32) EACH_COUNT(X, u32) EACH_COUNT(X, s64) EACH_COUNT(X, u64) \
	EACH_COUNT(X, _Bool) EACH_COUNT(X, pointer)

#define CALLEE(T, N) \
	static void seen_##T##_##N(PARAMS_##N(T)) \
	{ \
		seen_count = 0; \
		SEE_##N \
	}
EACH(CALLEE)

static void seen_mixed(s8 a1, u16 a2, s32 a3, u64 a4, bool a5, void *a6, u8 a7, s16 a8, u32 a9,
		       s64 a10, bool a11, u8 a12)
{
	seen_count = 0;
	SEE_12
}

static s64 variadic(s32 count, ...)
{
	va_list arguments;

	seen_count = 0;
	va_start(arguments, count);
	while ((s32)seen_count < count && seen_count < CALLEE_MAX_ARGUMENTS)
		see(va_arg(arguments, u64));
	va_end(arguments);
	return count;
}

#define ENTRY(T, N) { "seen_" #T "_" #N, (u64)seen_##T##_##N },
const struct callee seen_callees[] = {
	EACH(ENTRY)
	{ "seen_mixed", (u64)seen_mixed },
	{ "variadic", (u64)variadic },
	{ 0 },
};
