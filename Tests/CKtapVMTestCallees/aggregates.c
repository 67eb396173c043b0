/* SPDX-License-Identifier: MIT */
/* Callees that take and return aggregates by value: 1 to 40 bytes, and more aligned ones. */
#include "callee_table.h"

#include <string.h>

u8 seen_bytes[CALLEE_MAX_BYTES];
u32 seen_byte_count;

#define EACH(X) \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) \
	X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) \
	X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40)

static void see_bytes(const void *bytes, u32 count)
{
	memcpy(seen_bytes, bytes, count);
	seen_byte_count = count;
}

static void see_around(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 last)
{
	const u64 around[] = { a1, a2, a3, a4, a5, last };

	memcpy(seen, around, sizeof(around));
	seen_count = 6;
}

#define CALLEES(N) \
	struct bytes_##N { \
		u8 bytes[N]; \
	}; \
	static void take_##N(struct bytes_##N value) \
	{ \
		see_bytes(&value, N); \
	} \
	static void late_##N(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, struct bytes_##N value, u64 last) \
	{ \
		see_bytes(&value, N); \
		see_around(a1, a2, a3, a4, a5, last); \
	} \
	static struct bytes_##N give_##N(u8 first) \
	{ \
		struct bytes_##N value; \
		u32 i; \
\
		for (i = 0; i < N; i++) \
			value.bytes[i] = (u8)(first + i); \
		return value; \
	}
EACH(CALLEES)

struct wide {
	u64 low, high, more;
} __attribute__((aligned(16)));

static void take_wide(u8 before, struct wide value, u8 after)
{
	see_bytes(&value, sizeof(value));
	seen[0] = before;
	seen[1] = after;
	seen_count = 2;
}

static struct wide give_wide(u64 low)
{
	return (struct wide){ low, low + 1, low + 2 };
}

static void take_sixteen(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, __int128 value)
{
	see_bytes(&value, sizeof(value));
	see_around(a1, a2, a3, a4, a5, 0);
}

#define ENTRIES(N) \
	{ "take_" #N, (u64)take_##N }, { "late_" #N, (u64)late_##N }, { "give_" #N, (u64)give_##N },
const struct callee aggregate_callees[] = {
	EACH(ENTRIES)
	{ "take_wide", (u64)take_wide },
	{ "give_wide", (u64)give_wide },
	{ "take_sixteen", (u64)take_sixteen },
	{ 0 },
};
