/* SPDX-License-Identifier: MIT */
/*
 * What the tests' programs call and read. Each callee says what it got in `callee_seen` (integers)
 * or `callee_bytes` (aggregates), so that a test compares what was passed with what arrived.
 * ktap_test_address() finds all of them by name.
 */
#ifndef KTAP_TEST_CALLEES_H
#define KTAP_TEST_CALLEES_H

#include <linux/types.h>
#include <stdbool.h>

#define CALLEE_MAX_ARGUMENTS 20
#define CALLEE_MAX_BYTES 40

/* Arguments, extended to 64 bits as their types say; how many the callee took. */
extern __u64 callee_seen[CALLEE_MAX_ARGUMENTS + 4];
extern __u32 callee_seen_count;
/* An aggregate argument's bytes, and how many it had. */
extern __u8 callee_bytes[CALLEE_MAX_BYTES];
extern __u32 callee_byte_count;

/* Forgets what was seen. */
void callee_reset(void);

/*
 * By name only:
 *   seen_TYPE_N(TYPE, … N times) for TYPE s8 u8 s16 u16 s32 u32 s64 u64 bool pointer, N 0 … 20
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
 *   copy_name(char *to, u64 size)         writes "callee", cut to size
 */

/* Variables, by their names: as C declares them. */
extern __s32 variable_int;
extern __u64 variable_ulong;
extern const __u8 variable_const;
extern const char *variable_text;
struct callee_pair {
	__s32 first;
	__u64 second;
};
extern struct callee_pair variable_pair;
extern __u8 variable_array[16];

#endif
