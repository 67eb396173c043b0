/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The string library, but for what matches patterns (library_pattern.c) and formats (format.c). */
#include "buffer.h"
#include "error.h"
#include "library.h"
#include "string.h"
#include "table.h"

static int give_string(struct ktap_activation *activation, const char *bytes, u64 length,
		       struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_string *string = ktap_string_make(activation, bytes, length);

	if (!string)
		return -1;
	ktap_set_string(&results[0], string);
	return 1;
}

int ktap_string_len(struct ktap_activation *activation, const struct ktap_value *arguments,
		    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_string *string;

	if (ktap_argument_string(activation, arguments, count, 1, "string.len", &string))
		return -1;
	ktap_set_int(&results[0], string->length);
	return 1;
}

int ktap_string_sub(struct ktap_activation *activation, const struct ktap_value *arguments,
		    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_string *string;
	struct ktap_span span;
	s64 first;
	s64 last;

	if (ktap_argument_string(activation, arguments, count, 1, "string.sub", &string) ||
	    ktap_argument_number(activation, arguments, count, 2, "string.sub", &first) ||
	    ktap_argument_optional(activation, arguments, count, 3, "string.sub", -1, &last))
		return -1;
	span = ktap_span_of(first, last, string->length);
	if (span.first > span.last)
		return give_string(activation, "", 0, results);
	return give_string(activation, string->bytes + span.first - 1, span.last - span.first + 1,
			   results);
}

/* string.rep(s, n, separator) */
int ktap_string_rep(struct ktap_activation *activation, const struct ktap_value *arguments,
		    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *buffer = &activation->kept[KTAP_KEEP_RESULT];
	const struct ktap_string *separator = NULL;
	const struct ktap_string *string;
	u64 between;
	s64 n;
	s64 i;

	if (ktap_argument_string(activation, arguments, count, 1, "string.rep", &string) ||
	    ktap_argument_number(activation, arguments, count, 2, "string.rep", &n))
		return -1;
	if (count > 2 &&
	    ktap_argument_string(activation, arguments, count, 3, "string.rep", &separator))
		return -1;
	between = separator ? separator->length : 0;
	if (n <= 0 || !(string->length + between))
		return give_string(activation, "", 0, results);
	/* Said before any of it is made; what passes is at most a string's length in turns. */
	if ((u64)n > (KTAP_STRING_MAX + between) / (string->length + between))
		return ktap_raise(activation, "a string of %lld times %u bytes is too long "
				  "(at most %u)", (long long)n, string->length, KTAP_STRING_MAX);
	if (ktap_buffer_begin(activation, buffer))
		return -1;
	for (i = 0; i < n; i++) {
		if (i && between &&
		    ktap_buffer_add(activation, buffer, separator->bytes, between))
			return -1;
		if (ktap_buffer_add(activation, buffer, string->bytes, string->length))
			return -1;
	}
	return ktap_buffer_finish(activation, buffer, &results[0]) ? -1 : 1;
}

/* string.byte(s, first, last): the bytes as numbers. */
int ktap_string_byte(struct ktap_activation *activation, const struct ktap_value *arguments,
		     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *to = activation->top;
	const struct ktap_string *string;
	struct ktap_span span;
	s64 first;
	s64 last;
	u64 i;

	(void)results;
	if (ktap_argument_string(activation, arguments, count, 1, "string.byte", &string) ||
	    ktap_argument_optional(activation, arguments, count, 2, "string.byte", 1, &first) ||
	    ktap_argument_optional(activation, arguments, count, 3, "string.byte", first, &last))
		return -1;
	span = ktap_span_of(first, last, string->length);
	if (span.first > span.last)
		return 0;
	if (to > activation->stack_end ||
	    span.last - span.first >= (u64)(activation->stack_end - to))
		return ktap_raise(activation, "stack overflow (string.byte gives %llu values)",
				  (unsigned long long)(span.last - span.first + 1));
	ktap_stack_reach(activation, to + (span.last - span.first) + 1);
	for (i = span.first; i <= span.last; i++)
		ktap_set_int(&to[i - span.first], (u8)string->bytes[i - 1]);
	return ktap_many_results(activation, to, span.last - span.first + 1);
}

int ktap_string_char(struct ktap_activation *activation, const struct ktap_value *arguments,
		     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *buffer = &activation->kept[KTAP_KEEP_RESULT];
	char byte;
	s64 value;
	u32 i;

	if (ktap_buffer_begin(activation, buffer))
		return -1;
	for (i = 1; i <= count; i++) {
		if (ktap_argument_number(activation, arguments, count, i, "string.char", &value))
			return -1;
		if (value < 0 || value > 255)
			return ktap_raise_argument(activation, i, "string.char",
						   "%lld is no byte", (long long)value);
		byte = value;
		if (ktap_buffer_add(activation, buffer, &byte, 1))
			return -1;
	}
	return ktap_buffer_finish(activation, buffer, &results[0]) ? -1 : 1;
}

/* Where `what` begins in bytes[from..length), or `length`. */
static u64 find_plain(const char *bytes, u64 from, u64 length, const struct ktap_string *what)
{
	for (; from + what->length <= length; from++) {
		if (!memcmp(bytes + from, what->bytes, what->length))
			return from;
	}
	return length;
}

static int append(struct ktap_activation *activation, struct ktap_table *table, const char *bytes,
		  u64 length, u64 key)
{
	struct ktap_string *piece = ktap_string_make(activation, bytes, length);
	struct ktap_value value;
	struct ktap_value number;

	if (!piece)
		return -1;
	ktap_set_string(&activation->kept[KTAP_KEEP_KEY], piece);
	ktap_set_string(&value, piece);
	ktap_set_int(&number, key);
	return ktap_table_set(activation, table, &number, &value);
}

/* string.split(s, separator): a table of the pieces between separators (plain text; where it is left out or
 * empty: runs of blanks, and none at the ends). */
int ktap_string_split(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	static const char blanks[] = " \t\n\v\f\r";
	const struct ktap_string *separator = NULL;
	const struct ktap_string *string;
	struct ktap_table *table;
	u64 from = 0;
	u64 number = 0;
	u64 end;

	if (ktap_argument_string(activation, arguments, count, 1, "string.split", &string))
		return -1;
	if (count > 1 &&
	    ktap_argument_string(activation, arguments, count, 2, "string.split", &separator))
		return -1;
	table = ktap_table_make(activation);
	if (!table)
		return -1;
	results[0].table = table;
	results[0].kind = KTAP_TABLE;
	activation->kept[KTAP_KEEP_RESULT] = results[0];
	if (separator && separator->length) {
		for (;; from = end + separator->length) {
			end = find_plain(string->bytes, from, string->length, separator);
			if (ktap_spend_turn(activation, end - from + 1) ||
			    append(activation, table, string->bytes + from, end - from, ++number))
				return -1;
			if (end == string->length)
				return 1;
		}
	}
	for (end = 0; end < string->length; from = end) {
		while (from < string->length && ktap_is_one_of(string->bytes[from], blanks))
			from++;
		for (end = from; end < string->length && !ktap_is_one_of(string->bytes[end], blanks);)
			end++;
		if (ktap_spend_turn(activation, end - from + 1))
			return -1;
		if (end > from &&
		    append(activation, table, string->bytes + from, end - from, ++number))
			return -1;
	}
	return 1;
}
