/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Text built in a buffer of fixed size, always ended by a zero byte, cut short where it is full. */
#ifndef KTAP_TEXT_H
#define KTAP_TEXT_H

#include "base.h"

struct ktap_text {
	char *bytes;
	u32 size; /* bytes of the buffer; at least 1 */
	u32 length;
};

void ktap_text_begin(struct ktap_text *text, char *bytes, u32 size);
void ktap_text_bytes(struct ktap_text *text, const char *bytes, u64 count);
void ktap_text_string(struct ktap_text *text, const char *string);

/* Conversions: %s %.*s %c %d %u %x %lld %llu %llx %%; no widths, no flags. */
void ktap_text_add(struct ktap_text *text, const char *format, ...) KTAP_PRINTF(2, 3);
void ktap_text_vadd(struct ktap_text *text, const char *format, __builtin_va_list arguments);

#define KTAP_DIGITS_MAX 21 /* of a 64-bit number, with its sign */

/* Writes a number in base 10 or 16, without a zero byte, in at most KTAP_DIGITS_MAX; returns the
 * number of characters. */
u32 ktap_digits(char *digits, u64 value, u32 base);
u32 ktap_signed_digits(char *digits, s64 value);

#endif
