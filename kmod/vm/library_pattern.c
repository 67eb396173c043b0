/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* string.find, match and gsub. */
#include "buffer.h"
#include "error.h"
#include "library.h"
#include "pattern.h"
#include "string.h"
#include "table.h"

/* The captures of a match as values[0] and on, which the collector sees; their number, or -1. */
static int captures(struct ktap_match *m, struct ktap_value *values)
{
	u32 count = m->captures ? m->captures : 1;
	u32 i;

	for (i = 0; i < count; i++) {
		if (ktap_match_capture(m, i, &values[i]))
			return -1;
	}
	return count;
}

static bool is_plain(const struct ktap_string *pattern)
{
	u32 i;

	for (i = 0; i < pattern->length; i++) {
		if (ktap_is_one_of(pattern->bytes[i], "^$*+?.([%-"))
			return false;
	}
	return true;
}

/* Both arguments and where to begin, for find and match; 1, 0 where that is behind the end, or -1. */
static int subject_of(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, const char *function, const struct ktap_string **subject,
		      const struct ktap_string **pattern, u32 *from)
{
	struct ktap_span span;
	s64 first;

	if (ktap_argument_string(activation, arguments, count, 1, function, subject) ||
	    ktap_argument_string(activation, arguments, count, 2, function, pattern) ||
	    ktap_argument_optional(activation, arguments, count, 3, function, 1, &first))
		return -1;
	span = ktap_span_of(first, -1, (*subject)->length);
	if (span.first > (*subject)->length + 1ull)
		return 0;
	*from = span.first - 1;
	return 1;
}

static int find_plain(struct ktap_activation *activation, const struct ktap_string *subject,
		      const struct ktap_string *what, u32 from,
		      struct ktap_value results[KTAP_RESULTS_MAX])
{
	u64 at;

	for (at = from; at + what->length <= subject->length; at++) {
		if (at % 4096 == 4095 && ktap_spend_turn(activation, 4096))
			return -1;
		if (memcmp(subject->bytes + at, what->bytes, what->length))
			continue;
		ktap_set_int(&results[0], at + 1);
		ktap_set_int(&results[1], at + what->length);
		return 2;
	}
	ktap_set_nil(&results[0]);
	return 1;
}

/* find gives the place of the first match and then its captures, match the captures, or all of it. */
static int first_match(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, bool is_find, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *values = &activation->kept[KTAP_KEEP_MANY];
	const struct ktap_string *subject;
	const struct ktap_string *pattern;
	struct ktap_match *m;
	int places = is_find ? 2 : 0;
	int found;
	u32 from = 0;

	found = subject_of(activation, arguments, count, is_find ? "string.find" : "string.match",
			   &subject, &pattern, &from);
	if (found > 0 && is_find &&
	    ((count > 3 && ktap_is_true(&arguments[3])) || is_plain(pattern)))
		return find_plain(activation, subject, pattern, from, results);
	if (found > 0) {
		m = ktap_match_begin(activation, subject, pattern);
		found = ktap_match_next(m, from);
	}
	if (found < 0)
		return -1;
	ktap_set_nil(&results[0]);
	if (!found)
		return 1;
	if (is_find) {
		ktap_set_int(&values[0], m->start + 1ull);
		ktap_set_int(&values[1], m->end);
	}
	found = is_find && !m->captures ? 0 : captures(m, values + places);
	return found < 0 ? -1 : ktap_many_results(activation, values, places + found);
}

/* string.find(s, pattern, from, plain): first and last place of the match, then its captures; or nil. */
int ktap_string_find(struct ktap_activation *activation, const struct ktap_value *arguments,
		     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return first_match(activation, arguments, count, true, results);
}

/* string.match(s, pattern, from): the captures of the match, or all of it if there are none; or nil. */
int ktap_string_match(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return first_match(activation, arguments, count, false, results);
}

/*
 * gsub(s, pattern, replacement, most) runs in steps, because the replacement may be a function of the
 * script: between two steps, all that it knows is in these values of its frame.
 */
enum gsub_state {
	GSUB_SUBJECT = 1,
	GSUB_PATTERN = 2,
	GSUB_REPLACEMENT = 3,
	GSUB_MOST = 4,
	GSUB_BUFFER = 5,
	GSUB_FROM = 6,  /* where to look for the next match */
	GSUB_COUNT = 7, /* replacements */
	GSUB_START = 8, /* of the match that is being replaced */
	GSUB_CALLED = 9, /* not nil: a function was called for it, from START to FROM */
};

static int add_range(struct ktap_activation *activation, struct ktap_value *state, u64 from, u64 to)
{
	return ktap_buffer_add(activation, &state[GSUB_BUFFER],
			       state[GSUB_SUBJECT].string->bytes + from, to - from);
}

/* What the function or table gave for the match start .. end: nil and false leave it as it was. */
static int add_result(struct ktap_activation *activation, struct ktap_value *state,
		      const struct ktap_value *result, u64 start, u64 end)
{
	struct ktap_value *text = &activation->kept[KTAP_KEEP_KEY];

	if (!ktap_is_true(result))
		return add_range(activation, state, start, end);
	if (result->tag != KTAP_STRING && !ktap_is_number(result))
		return ktap_raise(activation, "string.gsub: the replacement is a %s",
				  ktap_type_name_of(activation, result));
	if (ktap_to_string(activation, text, result))
		return -1;
	return ktap_buffer_add(activation, &state[GSUB_BUFFER], text->string->bytes,
			       text->string->length);
}

/* The replacement text, with %0 … %9 for captures. */
static int add_template(struct ktap_activation *activation, struct ktap_value *state,
			struct ktap_match *m)
{
	const struct ktap_string *text = state[GSUB_REPLACEMENT].string;
	struct ktap_value *value = &activation->kept[KTAP_KEEP_MANY];
	u32 index;
	u32 i;

	for (i = 0; i < text->length; i++) {
		if (text->bytes[i] != '%' || (i + 1 < text->length && text->bytes[i + 1] == '%')) {
			i += text->bytes[i] == '%';
			if (ktap_buffer_add(activation, &state[GSUB_BUFFER], text->bytes + i, 1))
				return -1;
			continue;
		}
		index = i + 1 < text->length ? (u32)(text->bytes[++i] - '0') : 10;
		if (index > 9)
			return ktap_raise(activation,
					  "string.gsub: '%%' in the replacement stands before a "
					  "digit or another '%%'");
		if (index > (m->captures ? m->captures : 1))
			return ktap_raise(activation, "string.gsub: there is no capture %u", index);
		if (!index) {
			if (add_range(activation, state, m->start, m->end))
				return -1;
			continue;
		}
		if (ktap_match_capture(m, index - 1, value) ||
		    add_result(activation, state, value, m->start, m->end))
			return -1;
	}
	return 0;
}

/* Replaces one match; KTAP_STEP_CALL where a function is to say by what. */
static int replace(struct ktap_activation *activation, struct ktap_value *state,
		   struct ktap_match *m)
{
	struct ktap_value *window = &state[KTAP_STEP_WINDOW];
	const struct ktap_value *with = &state[GSUB_REPLACEMENT];
	int count;

	if (with->tag == KTAP_STRING)
		return add_template(activation, state, m);
	count = captures(m, window + 1);
	if (count < 0)
		return -1;
	if (with->tag == KTAP_TABLE)
		return add_result(activation, state,
				  ktap_table_get(with->table,
						 &window[1]),
				  m->start, m->end);
	ktap_set_int(&state[GSUB_START], m->start);
	ktap_set_bool(&state[GSUB_CALLED], true);
	window[0] = *with;
	activation->step_arguments = count;
	return KTAP_STEP_CALL;
}

static int begin_gsub(struct ktap_activation *activation, struct ktap_value *state)
{
	const struct ktap_string *string;
	s64 most;

	if (ktap_argument_string(activation, state + 1, 4, 1, "string.gsub", &string) ||
	    ktap_argument_string(activation, state + 1, 4, 2, "string.gsub", &string) ||
	    ktap_argument_optional(activation, state + 1, 4, 4, "string.gsub", KTAP_STRING_MAX + 1ll,
				   &most))
		return -1;
	if (state[GSUB_REPLACEMENT].tag < KTAP_STRING || state[GSUB_REPLACEMENT].tag > KTAP_CLOSURE)
		return ktap_raise_argument(activation, 3, "string.gsub",
					   "string, table or function of the script expected, got %s",
					   ktap_type_name_of(activation, &state[GSUB_REPLACEMENT]));
	ktap_set_int(&state[GSUB_MOST], most);
	ktap_set_int(&state[GSUB_FROM], 0);
	ktap_set_int(&state[GSUB_COUNT], 0);
	return ktap_buffer_begin(activation, &state[GSUB_BUFFER]);
}

/* The rest of the subject, and the end. */
static int end_gsub(struct ktap_activation *activation, struct ktap_value *state, u64 from,
		    struct ktap_value results[KTAP_RESULTS_MAX])
{
	if (from < state[GSUB_SUBJECT].string->length &&
	    add_range(activation, state, from, state[GSUB_SUBJECT].string->length))
		return -1;
	if (ktap_buffer_finish(activation, &state[GSUB_BUFFER], &results[0]))
		return -1;
	results[1] = state[GSUB_COUNT];
	return 2;
}

/* The characters up to the match, its replacement, and where to go on. */
static int next_gsub(struct ktap_activation *activation, struct ktap_value *state,
		     struct ktap_match *m)
{
	int result;

	if (add_range(activation, state, state[GSUB_FROM].bits, m->start))
		return -1;
	state[GSUB_COUNT].bits++;
	result = replace(activation, state, m);
	if (result == -1)
		return -1;
	ktap_set_int(&state[GSUB_FROM], m->end);
	return result;
}

/* What the script's function returned. */
static int called_gsub(struct ktap_activation *activation, struct ktap_value *state)
{
	u64 start = state[GSUB_START].bits;
	u64 end = state[GSUB_FROM].bits;

	ktap_set_nil(&state[GSUB_CALLED]);
	return add_result(activation, state, &state[KTAP_STEP_WINDOW], start, end);
}

/* The next match; an empty one right behind the last is none. As ktap_match_next(). */
static int find_next(struct ktap_value *state, struct ktap_match *m)
{
	u32 from = state[GSUB_FROM].bits;
	int result = ktap_match_next(m, from);

	if (result <= 0 || !state[GSUB_COUNT].bits)
		return result;
	if (m->pattern_length && m->pattern[0] == '^')
		return 0;
	return m->end == from ? ktap_match_next(m, from + 1) : result;
}

int ktap_step_gsub(struct ktap_activation *activation, struct ktap_value *state,
		   struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_string *subject;
	const struct ktap_string *pattern;
	struct ktap_match *m;
	int result;

	if (state[GSUB_BUFFER].tag == KTAP_NIL && begin_gsub(activation, state))
		return -1;
	if (state[GSUB_CALLED].tag != KTAP_NIL && called_gsub(activation, state))
		return -1;
	subject = state[GSUB_SUBJECT].string;
	pattern = state[GSUB_PATTERN].string;
	m = ktap_match_begin(activation, subject, pattern);
	while ((s64)state[GSUB_COUNT].bits < (s64)state[GSUB_MOST].bits) {
		result = find_next(state, m);
		if (result < 0)
			return -1;
		if (!result)
			break;
		result = next_gsub(activation, state, m);
		if (result)
			return result;
	}
	return end_gsub(activation, state, state[GSUB_FROM].bits, results);
}
