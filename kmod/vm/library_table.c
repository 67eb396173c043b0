/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The table library, but for sort (sort.c). */
#include "buffer.h"
#include "error.h"
#include "library.h"
#include "string.h"
#include "table.h"

static const struct ktap_value *at(const struct ktap_table *table, u64 index)
{
	struct ktap_value key;

	ktap_set_int(&key, index);
	return ktap_table_get(table, &key);
}

static int set(struct ktap_activation *activation, struct ktap_table *table, u64 index,
	       const struct ktap_value *value)
{
	struct ktap_value key;

	ktap_set_int(&key, index);
	return ktap_table_set(activation, table, &key, value);
}

/* table.insert(list, value) at the end; table.insert(list, place, value) moves what is behind. */
int ktap_table_insert(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value moved;
	struct ktap_table *table;
	u64 length;
	s64 place;
	u64 i;

	(void)results;
	if (ktap_argument_table(activation, arguments, count, 1, "table.insert", &table))
		return -1;
	length = ktap_table_length(table);
	if (count < 3)
		return set(activation, table, length + 1, &arguments[1]);
	if (ktap_argument_number(activation, arguments, count, 2, "table.insert", &place))
		return -1;
	if (place < 1 || (u64)place > length + 1)
		return ktap_raise_argument(activation, 2, "table.insert",
					   "place %lld is not in 1 to %llu", (long long)place,
					   (unsigned long long)length + 1);
	for (i = length; i >= (u64)place; i--) {
		moved = *at(table, i);
		if (ktap_spend(activation, 1) || set(activation, table, i + 1, &moved))
			return -1;
	}
	return set(activation, table, place, &arguments[2]);
}

/* table.remove(list, place): the value that was there (place: the last). */
int ktap_table_remove(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *removed = &activation->kept[KTAP_KEEP_RESULT];
	struct ktap_value moved;
	struct ktap_table *table;
	u64 length;
	s64 place;
	u64 i;

	if (ktap_argument_table(activation, arguments, count, 1, "table.remove", &table))
		return -1;
	length = ktap_table_length(table);
	if (ktap_argument_optional(activation, arguments, count, 2, "table.remove", length, &place))
		return -1;
	ktap_set_nil(&results[0]);
	if (!length && count < 2)
		return 1;
	if (place < 1 || (u64)place > length)
		return ktap_raise_argument(activation, 2, "table.remove",
					   "place %lld is not in 1 to %llu", (long long)place,
					   (unsigned long long)length);
	*removed = *at(table, place);
	for (i = place; i < length; i++) {
		moved = *at(table, i + 1);
		if (ktap_spend(activation, 1) || set(activation, table, i, &moved))
			return -1;
	}
	ktap_set_nil(&moved);
	if (set(activation, table, length, &moved))
		return -1;
	results[0] = *removed;
	return 1;
}

/* table.concat(list, separator, first, last) */
int ktap_table_concat(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *buffer = &activation->kept[KTAP_KEEP_RESULT];
	struct ktap_value *text = &activation->kept[KTAP_KEEP_KEY];
	const struct ktap_string *separator = NULL;
	const struct ktap_value *value;
	struct ktap_table *table;
	s64 first;
	s64 last;
	s64 i;

	if (ktap_argument_table(activation, arguments, count, 1, "table.concat", &table))
		return -1;
	if (count > 1 && arguments[1].tag != KTAP_NIL &&
	    ktap_argument_string(activation, arguments, count, 2, "table.concat", &separator))
		return -1;
	if (ktap_argument_optional(activation, arguments, count, 3, "table.concat", 1, &first) ||
	    ktap_argument_optional(activation, arguments, count, 4, "table.concat",
				   ktap_table_length(table), &last) ||
	    ktap_buffer_begin(activation, buffer))
		return -1;
	for (i = first; i <= last; i++) {
		if (ktap_spend_turn(activation, 1))
			return -1;
		value = at(table, i);
		if (value->tag != KTAP_STRING && !ktap_is_number(value))
			return ktap_raise(activation, "table.concat: value %lld is a %s",
					  (long long)i, ktap_type_name_of(activation, value));
		if (ktap_to_string(activation, text, value))
			return -1;
		if (i > first && separator &&
		    ktap_buffer_add(activation, buffer, separator->bytes, separator->length))
			return -1;
		if (ktap_buffer_add(activation, buffer, text->string->bytes, text->string->length))
			return -1;
		if (i == last)
			break;
	}
	return ktap_buffer_finish(activation, buffer, &results[0]) ? -1 : 1;
}

static struct ktap_table *new_table(struct ktap_activation *activation,
				    struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_table *table = ktap_table_make(activation);

	if (!table)
		return NULL;
	results[0].table = table;
	results[0].kind = KTAP_TABLE;
	activation->kept[KTAP_KEEP_RESULT] = results[0];
	return table;
}

/* table.new(elements, keys): both numbers are hints only, since tables grow without being copied. */
int ktap_table_new(struct ktap_activation *activation, const struct ktap_value *arguments,
		   u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	s64 hint;

	if (ktap_argument_optional(activation, arguments, count, 1, "table.new", 0, &hint) ||
	    ktap_argument_optional(activation, arguments, count, 2, "table.new", 0, &hint))
		return -1;
	return new_table(activation, results) ? 1 : -1;
}

/* table.keys(t): a list of its keys, in the order in which they were inserted. */
int ktap_table_keys(struct ktap_activation *activation, const struct ktap_value *arguments,
		    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value pair[2];
	struct ktap_table *table;
	struct ktap_table *keys;
	u32 cursor = 0;
	u64 number = 0;

	if (ktap_argument_table(activation, arguments, count, 1, "table.keys", &table))
		return -1;
	keys = new_table(activation, results);
	if (!keys)
		return -1;
	while (ktap_table_step(table, &cursor, pair)) {
		if (ktap_spend(activation, 1) || set(activation, keys, ++number, &pair[0]))
			return -1;
	}
	return 1;
}
