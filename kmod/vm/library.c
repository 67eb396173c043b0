/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the functions of the libraries share; select and unpack. */
#include "library.h"
#include "callback.h"
#include "convert.h"
#include "error.h"
#include "table.h"

/* Units between two safe points; and where others wait for their turn. */
#define SPEND_SLICE 8192u
#define SPEND_TURN  1024u

static int take_safe_point(struct ktap_activation *activation, bool gives_turn)
{
	const struct ktap_program *program = activation->program;
	int stop;

	if (!gives_turn)
		return program->host->safe_point(program->host_data);
	ktap_unlock(activation);
	stop = program->host->safe_point(program->host_data);
	ktap_lock(activation);
	if (program->heap.incremental)
		ktap_collect_due(activation);
	return stop;
}

static int spend(struct ktap_activation *activation, u64 work, bool gives_turn)
{
	activation->work += work;
	if (likely(activation->work <
		   (activation->program->heap.incremental ? SPEND_TURN : SPEND_SLICE)))
		return 0;
	activation->executed += activation->work;
	activation->work = 0;
	if (activation->limit && activation->executed >= activation->limit) {
		/* What is paid ahead of its being done is not done then. */
		if (work >= SPEND_SLICE)
			activation->executed = activation->limit;
		return ktap_raise_budget(activation);
	}
	return take_safe_point(activation, gives_turn) ? ktap_raise_stopped(activation) : 0;
}

int ktap_spend(struct ktap_activation *activation, u64 work)
{
	return spend(activation, work, false);
}

int ktap_spend_turn(struct ktap_activation *activation, u64 work)
{
	return spend(activation, work, true);
}

static int wrong_type(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, u32 number, const char *function, const char *expected)
{
	if (number > count)
		return ktap_raise_argument(activation, number, function,
					   "%s expected, got no value", expected);
	return ktap_raise_argument(activation, number, function, "%s expected, got %s", expected,
				   ktap_type_name_of(activation, &arguments[number - 1]));
}

int ktap_argument_string(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, u32 number, const char *function,
			 const struct ktap_string **string)
{
	if (number > count || arguments[number - 1].tag != KTAP_STRING)
		return wrong_type(activation, arguments, count, number, function, "string");
	*string = arguments[number - 1].string;
	return 0;
}

int ktap_argument_table(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, u32 number, const char *function, struct ktap_table **table)
{
	if (number > count || arguments[number - 1].tag != KTAP_TABLE)
		return wrong_type(activation, arguments, count, number, function, "table");
	*table = arguments[number - 1].table;
	return 0;
}

int ktap_argument_number(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, u32 number, const char *function, s64 *value)
{
	struct ktap_value form;

	if (number > count ||
	    !ktap_to_number(activation->program, &arguments[number - 1], &form))
		return wrong_type(activation, arguments, count, number, function, "number");
	*value = form.bits;
	return 0;
}

int ktap_argument_optional(struct ktap_activation *activation, const struct ktap_value *arguments,
			   u32 count, u32 number, const char *function, s64 fallback, s64 *value)
{
	*value = fallback;
	if (number > count || arguments[number - 1].tag == KTAP_NIL)
		return 0;
	return ktap_argument_number(activation, arguments, count, number, function, value);
}

struct ktap_span ktap_span_of(s64 first, s64 last, u64 length)
{
	struct ktap_span span;

	if (first < 0)
		first = (u64)-(first + 1) < length ? (s64)length + first + 1 : 1;
	else if (!first)
		first = 1;
	if (last < 0)
		last = (u64)-(last + 1) < length ? (s64)length + last + 1 : 0;
	else if ((u64)last > length)
		last = length;
	span.first = first;
	span.last = last;
	return span;
}

/* select(n, …): the arguments from the n-th on, from the end where n is negative; select("#", …):
 * how many. */
int ktap_builtin_select(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_value *first = &arguments[0];
	u64 skip;
	s64 n = 0;

	if (first->tag == KTAP_STRING && first->string->length == 1 &&
	    first->string->bytes[0] == '#') {
		ktap_set_int(&results[0], count - 1);
		return 1;
	}
	if (ktap_argument_number(activation, arguments, count, 1, "select", &n))
		return -1;
	if (!n || n < -(s64)(count - 1))
		return ktap_raise_argument(activation, 1, "select", "there is no value %lld",
					   (long long)n);
	skip = n > 0 ? (u64)n - 1 : count - 1 + (u64)n;
	if (skip > count - 1)
		skip = count - 1;
	return ktap_many_results(activation, arguments + 1 + skip, count - 1 - skip);
}

/* unpack(t, first, last): t[first] … t[last]; 1 and #t where they are left out. */
int ktap_builtin_unpack(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *to = activation->top;
	struct ktap_table *table = NULL;
	struct ktap_value key;
	s64 first;
	s64 last;
	u64 number;
	u64 i;

	(void)results;
	if (ktap_argument_table(activation, arguments, count, 1, "unpack", &table) ||
	    ktap_argument_optional(activation, arguments, count, 2, "unpack", 1, &first) ||
	    ktap_argument_optional(activation, arguments, count, 3, "unpack",
				   ktap_table_length(table), &last))
		return -1;
	if (first > last)
		return 0;
	number = (u64)last - (u64)first;
	if (to > activation->stack_end || number >= (u64)(activation->stack_end - to))
		return ktap_raise(activation, "stack overflow (unpack gives more than %llu values)",
				  (unsigned long long)number);
	ktap_stack_reach(activation, to + number + 1);
	for (i = 0; i <= number; i++) {
		ktap_set_int(&key, (u64)first + i);
		to[i] = *ktap_table_get(table, &key);
	}
	return ktap_many_results(activation, to, number + 1);
}
