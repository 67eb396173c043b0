/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Keys of several values, `t[a, b]`: one string that stands for them, the same for equal values and
 * different for others, and readable: `1, "tcp", true`. Numbers are decimal, strings in quotes with
 * a backslash before quotes and backslashes.
 */
#include "buffer.h"
#include "convert.h"
#include "error.h"
#include "string.h"

static int add_quoted(struct ktap_activation *activation, struct ktap_value *buffer,
		      const struct ktap_string *string)
{
	u32 from = 0;
	u32 i;

	if (ktap_buffer_add(activation, buffer, "\"", 1))
		return -1;
	for (i = 0; i < string->length; i++) {
		if (string->bytes[i] != '"' && string->bytes[i] != '\\')
			continue;
		if (ktap_buffer_add(activation, buffer, string->bytes + from, i - from) ||
		    ktap_buffer_add(activation, buffer, "\\", 1))
			return -1;
		from = i;
	}
	if (ktap_buffer_add(activation, buffer, string->bytes + from, string->length - from))
		return -1;
	return ktap_buffer_add(activation, buffer, "\"", 1);
}

/* Numbers that are equal as keys look alike: both signs of the 64 bits are one key. */
static int add_component(struct ktap_activation *activation, struct ktap_value *buffer,
			 const struct ktap_value *value)
{
	char digits[KTAP_DIGITS_MAX];
	struct ktap_value number;

	if (value->tag == KTAP_STRING)
		return add_quoted(activation, buffer, value->string);
	if (value->tag == KTAP_TRUE)
		return ktap_buffer_add(activation, buffer, "true", 4);
	if (value->tag == KTAP_FALSE)
		return ktap_buffer_add(activation, buffer, "false", 5);
	if (ktap_to_number(activation->program, value, &number))
		return ktap_buffer_add(activation, buffer, digits,
				       ktap_signed_digits(digits, number.bits));
	return ktap_raise_operand(activation, "make a key of", value);
}

int ktap_make_key(struct ktap_activation *activation, struct ktap_value *to,
		  const struct ktap_value *values, u32 count)
{
	struct ktap_value *buffer = &activation->kept[KTAP_KEEP_RESULT];
	u32 i;

	if (ktap_buffer_begin(activation, buffer))
		return -1;
	for (i = 0; i < count; i++) {
		if (i && ktap_buffer_add(activation, buffer, ", ", 2))
			return -1;
		if (add_component(activation, buffer, &values[i]))
			return -1;
	}
	return ktap_buffer_finish(activation, buffer, to);
}
