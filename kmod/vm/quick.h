/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The quick way through calls and callbacks: for functions whose parameters all are in registers, in their
 * order. How each is converted is found out once, when the program is created, and takes eight bytes a symbol.
 * Whatever a quick conversion does not know (a string for an enumeration, ffi.strict) goes by the plan, which
 * also raises the errors: nothing quick has any effect before all of it is done.
 */
#ifndef KTAP_QUICK_H
#define KTAP_QUICK_H

#include "program.h"

/*
 * How a parameter or a result is converted, in a byte. An integer (or enum): by shifting it up and down again
 * by as many bits as it has less than 64, arithmetically if it is signed.
 */
enum ktap_quick_kind {
	KTAP_QUICK_SHIFT = 0x3f,
	KTAP_QUICK_SIGNED = 0x40,
	KTAP_QUICK_OTHER = 0x80,  /* and from here on: no integer */
	KTAP_QUICK_SCALAR = 0x80,  /* boolean, pointer */
	KTAP_QUICK_NOTHING = 0x81, /* void */
	KTAP_QUICK_RECORD = 0xc0,  /* plus its size: bytes of memory, in one register or two */
};

/* `count` of a function that is none for it. */
#define KTAP_NOT_QUICK 255u

void ktap_quick_make(const struct ktap_program *program, u32 function_type,
		     struct ktap_quick *quick);

static inline u64 ktap_quick_extend(u32 kind, u64 bits)
{
	u32 shift = kind & KTAP_QUICK_SHIFT;

	return kind & KTAP_QUICK_SIGNED ? (u64)((s64)(bits << shift) >> shift)
					: bits << shift >> shift;
}

/* The number that an integer is: unsigned only if it is one of 64 bits. */
static inline void ktap_quick_number(u32 kind, u64 bits, struct ktap_value *to)
{
	to->bits = ktap_quick_extend(kind, bits);
	to->kind = kind ? KTAP_INT : KTAP_UINT;
}

#endif
