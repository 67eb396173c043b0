/* SPDX-License-Identifier: MIT */
/*
 * What the tests' programs call and read, by name (see ktap_test_address()). Each callee notes what
 * it got, so that a test compares what was passed with what arrived. There is one such note in the
 * process: ktap_test_lock() is for tests that look at it.
 */
#ifndef KTAP_TEST_CALLEES_H
#define KTAP_TEST_CALLEES_H

#include <linux/types.h>
#include <stdbool.h>

#define CALLEE_MAX_ARGUMENTS 20
#define CALLEE_MAX_BYTES 40

/* What the last callee took: scalars, extended to 64 bits as their types say; and an aggregate's
 * bytes. */
__u32 callee_argument_count(void);
__u64 callee_argument(__u32 index);
__u32 callee_byte_count(void);
__u8 callee_byte(__u32 index);

/* Forgets what was seen. */
void callee_reset(void);

/*
 * Functions:
 *   seen_TYPE_N(TYPE, … N times) for TYPE s8 u8 s16 u16 s32 u32 s64 u64 _Bool pointer, N 0 … 20
 *   seen_mixed(s8, u16, s32, u64, bool, void *, u8, s16, u32, s64, bool, u8)
 *   take_N(struct bytes_N), late_N(u64 × 5, struct bytes_N, u64), struct bytes_N give_N(u8 first)
 *     for N 1 … 40, where struct bytes_N is { u8 bytes[N]; }
 *   take_wide(u8, struct wide, u8), struct wide give_wide(u64)   struct wide is aligned to 16
 *   take_sixteen(u64 × 5, __int128)       the integer does not fit the registers that are left
 *   give_dirty()        rax = 0xdeadbeefcafeba80, all 64 bits
 *   give_zero(), give_first(u64)
 *   variadic(s32 count, …)                sees `count` 64-bit arguments behind the first
 *   give_adder()        a pointer to adder(s32, s32)
 *   read_at(pointer), write_at(pointer, u64), fault_jump_null(), fault_divide(), fault_undefined(),
 *   fault_non_canonical()
 *   fault_untidy()      reads NULL with the callee's registers spoilt and the direction flag set
 *   copy_name(char *to, u64 size)         writes "callee", cut to size
 */

/*
 * Variables: s32 variable_int, u64 variable_ulong, const u8 variable_const (200), const char
 * *variable_text ("text of a variable"), struct callee_pair variable_pair, u8 variable_array[16]
 */
struct callee_pair {
	__s32 first;
	__u64 second;
};

#endif
