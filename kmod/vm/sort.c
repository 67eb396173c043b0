/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * table.sort and sort_pairs: a merge sort from the bottom up, stable, whose whole state is in a few
 * values of its frame, so that a comparison may be a function of the script: the sort stops before
 * each call and goes on with its result.
 */
#include "error.h"
#include "library.h"
#include "operate.h"
#include "table.h"

enum sort_state {
	SORT_TABLE = 1,
	SORT_LESS = 2, /* the script's function, or nil */
	SORT_FROM = 3, /* the list that is read, of COUNT values (sort_pairs: of keys) */
	SORT_TO = 4,   /* the list that is written */
	SORT_COUNT = 5,
	SORT_WIDTH = 6, /* of the runs that are in order already */
	SORT_START = 7, /* of the two runs that are being merged; places count from 0 */
	SORT_LEFT = 8,  /* the next of the first run */
	SORT_RIGHT = 9, /* and of the second */
	SORT_CALLED = 10, /* not nil: the window has what the function said */
};

static const struct ktap_value *element(const struct ktap_value *list, u64 place)
{
	struct ktap_value key;

	ktap_set_int(&key, place + 1);
	return ktap_table_get(list->table, &key);
}

static int put(struct ktap_activation *activation, struct ktap_value *list, u64 place,
	       const struct ktap_value *value)
{
	struct ktap_value key;

	ktap_set_int(&key, place + 1);
	return ktap_table_set(activation, list->table, &key, value);
}

static int make_list(struct ktap_activation *activation, struct ktap_value *list)
{
	struct ktap_table *table = ktap_table_make(activation);

	if (!table)
		return -1;
	list->table = table;
	list->kind = KTAP_TABLE;
	return 0;
}

static int begin(struct ktap_activation *activation, struct ktap_value *state, const char *function)
{
	struct ktap_table *table;
	u32 i;

	if (ktap_argument_table(activation, state + 1, 2, 1, function, &table))
		return -1;
	if (state[SORT_LESS].tag != KTAP_NIL && state[SORT_LESS].tag != KTAP_CLOSURE)
		return ktap_raise_argument(activation, 2, function,
					   "function of the script expected, got %s",
					   ktap_type_name_of(activation, &state[SORT_LESS]));
	if (make_list(activation, &state[SORT_FROM]) || make_list(activation, &state[SORT_TO]))
		return -1;
	for (i = SORT_COUNT; i <= SORT_RIGHT; i++)
		ktap_set_int(&state[i], 0);
	return 0;
}

static void start_runs(struct ktap_value *state, u64 start, u64 width)
{
	u64 middle = start + width;

	if (middle > state[SORT_COUNT].bits)
		middle = state[SORT_COUNT].bits;
	state[SORT_WIDTH].bits = width;
	state[SORT_START].bits = state[SORT_LEFT].bits = start;
	state[SORT_RIGHT].bits = middle;
}

static u64 smaller(u64 a, u64 b)
{
	return a < b ? a : b;
}

struct order {
	bool by_value; /* the lists hold keys of SORT_TABLE; the greatest value comes first */
};

/* Whether the next of the second run comes before that of the first: 1, 0, -1 with the error set, or
 * KTAP_STEP_CALL: the script is asked. */
static int right_is_first(struct ktap_activation *activation, struct ktap_value *state,
			  const struct order *order)
{
	const struct ktap_value *left = element(&state[SORT_FROM], state[SORT_LEFT].bits);
	const struct ktap_value *right = element(&state[SORT_FROM], state[SORT_RIGHT].bits);
	struct ktap_value *window = &state[KTAP_STEP_WINDOW];
	bool less;

	if (state[SORT_CALLED].tag != KTAP_NIL) {
		ktap_set_nil(&state[SORT_CALLED]);
		return ktap_is_true(window);
	}
	window[3] = *right;
	window[4] = *left;
	window[1] = order->by_value ? *ktap_table_get(state[SORT_TABLE].table, right)
				    : *right;
	window[2] = order->by_value ? *ktap_table_get(state[SORT_TABLE].table, left) : *left;
	if (state[SORT_LESS].tag == KTAP_NIL) {
		if (ktap_compare(activation, &window[order->by_value ? 2 : 1],
				 &window[order->by_value ? 1 : 2], false, &less))
			return -1;
		return less;
	}
	window[0] = state[SORT_LESS];
	ktap_set_bool(&state[SORT_CALLED], true);
	activation->step_arguments = order->by_value ? 4 : 2;
	return KTAP_STEP_CALL;
}

/* Writes the next value of the two runs. As right_is_first(), but 0 where it is done. */
static int merge_one(struct ktap_activation *activation, struct ktap_value *state,
		     const struct order *order)
{
	u64 count = state[SORT_COUNT].bits;
	u64 middle = smaller(state[SORT_START].bits + state[SORT_WIDTH].bits, count);
	u64 end = smaller(middle + state[SORT_WIDTH].bits, count);
	u64 place = state[SORT_LEFT].bits + state[SORT_RIGHT].bits - middle;
	struct ktap_value value;
	int right = state[SORT_LEFT].bits == middle;

	if (!right && state[SORT_RIGHT].bits < end)
		right = right_is_first(activation, state, order);
	if (right < 0)
		return right;
	value = *element(&state[SORT_FROM], state[right ? SORT_RIGHT : SORT_LEFT].bits);
	state[right ? SORT_RIGHT : SORT_LEFT].bits++;
	return put(activation, &state[SORT_TO], place, &value);
}

/* Goes on until all is in order, in SORT_FROM (0), or the script is to be asked (KTAP_STEP_CALL). */
static int merge(struct ktap_activation *activation, struct ktap_value *state,
		 const struct order *order)
{
	u64 count = state[SORT_COUNT].bits;
	struct ktap_value list;
	u64 width;
	u64 end;
	int result;

	while ((width = state[SORT_WIDTH].bits) < count) {
		if (state[SORT_START].bits >= count) {
			list = state[SORT_FROM];
			state[SORT_FROM] = state[SORT_TO];
			state[SORT_TO] = list;
			start_runs(state, 0, width * 2);
			continue;
		}
		end = smaller(state[SORT_START].bits + 2 * width, count);
		if (state[SORT_RIGHT].bits == end &&
		    state[SORT_LEFT].bits == smaller(state[SORT_START].bits + width, count)) {
			start_runs(state, end, width);
			continue;
		}
		if (ktap_spend_turn(activation, 1))
			return -1;
		result = merge_one(activation, state, order);
		if (result)
			return result;
	}
	return 0;
}

/* table.sort(list, less): less(a, b) says whether a comes before b; a < b where it is left out. */
int ktap_step_sort(struct ktap_activation *activation, struct ktap_value *state,
		   struct ktap_value results[KTAP_RESULTS_MAX])
{
	static const struct order order = { .by_value = false };
	struct ktap_value value;
	int result;
	u64 count;
	u64 i;

	(void)results;
	if (state[SORT_FROM].tag == KTAP_NIL) {
		if (begin(activation, state, "table.sort"))
			return -1;
		count = ktap_table_length(state[SORT_TABLE].table);
		for (i = 0; i < count; i++) {
			if (ktap_spend_turn(activation, 1))
				return -1;
			value = *element(&state[SORT_TABLE], i);
			if (put(activation, &state[SORT_FROM], i, &value))
				return -1;
		}
		state[SORT_COUNT].bits = count;
		start_runs(state, 0, 1);
	}
	result = merge(activation, state, &order);
	if (result)
		return result;
	for (i = 0; i < state[SORT_COUNT].bits; i++) {
		if (ktap_spend_turn(activation, 1))
			return -1;
		value = *element(&state[SORT_FROM], i);
		if (put(activation, &state[SORT_TABLE], i, &value))
			return -1;
	}
	return 0;
}

/* The pairs in order, as a table: its keys are inserted in that order. */
static int give_pairs(struct ktap_activation *activation, struct ktap_value *state,
		      struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value key;
	struct ktap_value value;
	u64 i;

	if (make_list(activation, &state[SORT_TO]))
		return -1;
	for (i = 0; i < state[SORT_COUNT].bits; i++) {
		if (ktap_spend_turn(activation, 1))
			return -1;
		key = *element(&state[SORT_FROM], i);
		value = *ktap_table_get(state[SORT_TABLE].table, &key);
		if (ktap_table_set(activation, state[SORT_TO].table, &key, &value))
			return -1;
	}
	results[0].bits = KTAP_BUILTIN_NEXT;
	results[0].kind = KTAP_BUILTIN;
	results[1] = state[SORT_TO];
	ktap_set_nil(&results[2]);
	return 3;
}

/* sort_pairs(t, before): as pairs(t), in the order of the values: the greatest first, or as
 * before(value1, value2, key1, key2) says. */
int ktap_step_sort_pairs(struct ktap_activation *activation, struct ktap_value *state,
			 struct ktap_value results[KTAP_RESULTS_MAX])
{
	static const struct order order = { .by_value = true };
	struct ktap_value pair[2];
	u32 cursor = 0;
	u64 count = 0;
	int result;

	if (state[SORT_FROM].tag == KTAP_NIL) {
		if (begin(activation, state, "sort_pairs"))
			return -1;
		while (ktap_table_step(state[SORT_TABLE].table, &cursor, pair)) {
			if (ktap_spend(activation, 1) ||
			    put(activation, &state[SORT_FROM], count++, &pair[0]))
				return -1;
		}
		state[SORT_COUNT].bits = count;
		start_runs(state, 0, 1);
	}
	result = merge(activation, state, &order);
	return result ? result : give_pairs(activation, state, results);
}
