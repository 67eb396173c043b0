/* SPDX-License-Identifier: MIT */
#include "include/oracle.h"

typedef __u64 u64;
typedef __s64 s64;

/* Wrapping is what unsigned arithmetic does, whatever the signs. */
#define WRAPPING(OP) ((struct oracle_number){ left.bits OP right.bits, mixed })
/* The operands as C would take them: both signed, or both converted to unsigned. */
#define CONVERTED(OP) \
	(mixed ? (u64)(left.bits OP right.bits) : (u64)((s64)left.bits OP (s64)right.bits))
#define COMPARISON(OP) ((struct oracle_number){ (u64)(CONVERTED(OP) != 0), false })

struct oracle_number oracle_apply(enum oracle_operator operation, struct oracle_number left,
				  struct oracle_number right)
{
	bool mixed = left.is_unsigned || right.is_unsigned;
	/* The one quotient that does not fit; in C the division traps. */
	bool overflows = !mixed && left.bits == 1ull << 63 && right.bits == ~0ull;

	switch (operation) {
	case ORACLE_ADD:
		return WRAPPING(+);
	case ORACLE_SUB:
		return WRAPPING(-);
	case ORACLE_MUL:
		return WRAPPING(*);
	case ORACLE_DIV:
		return (struct oracle_number){ overflows ? left.bits : CONVERTED(/), mixed };
	case ORACLE_MOD:
		return (struct oracle_number){ overflows ? 0 : CONVERTED(%), mixed };
	case ORACLE_AND:
		return WRAPPING(&);
	case ORACLE_OR:
		return WRAPPING(|);
	case ORACLE_XOR:
		return WRAPPING(^);
	case ORACLE_EQ:
		return COMPARISON(==);
	case ORACLE_NE:
		return COMPARISON(!=);
	case ORACLE_LT:
		return COMPARISON(<);
	case ORACLE_LE:
		return COMPARISON(<=);
	case ORACLE_GE:
		return COMPARISON(>=);
	case ORACLE_GT:
		return COMPARISON(>);
	}
	return left;
}
