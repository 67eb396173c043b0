/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Strings: immutable, each content once in the heap, so that equal strings are identical. */
#ifndef KTAP_STRING_H
#define KTAP_STRING_H

#include "program.h"

/* The string of these bytes; null with the error set if there is no room or it is too long. */
struct ktap_string *ktap_string_make(struct ktap_activation *activation, const char *bytes,
				     u64 length);
/* The same without an error. */
struct ktap_string *ktap_string_try(struct ktap_activation *activation, const char *bytes,
				    u64 length);

/* Makes a string from `bytes` that the caller fills in: a buffer of `length` bytes, and then the
 * string, which gives the buffer back (into `value`). */
struct ktap_string *ktap_string_buffer(struct ktap_activation *activation, u64 length);
struct ktap_string *ktap_string_finish(struct ktap_activation *activation,
				       struct ktap_string *buffer);

/* value = the strings and numbers values[0] .. values[count-1] one behind the other. */
int ktap_concat(struct ktap_activation *activation, struct ktap_value *to,
		const struct ktap_value *values, u32 count);

/* value = the one key that stands for these values, two or more. */
int ktap_make_key(struct ktap_activation *activation, struct ktap_value *to,
		  const struct ktap_value *values, u32 count);

/* value as tostring() gives it. */
int ktap_to_string(struct ktap_activation *activation, struct ktap_value *to,
		   const struct ktap_value *value);

#endif
