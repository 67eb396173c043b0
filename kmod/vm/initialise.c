/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Storing into C objects: copies, strings into arrays, tables into records and arrays. */
#include "initialise.h"
#include "convert.h"
#include "error.h"
#include "memory.h"
#include "table.h"

void ktap_element(const struct ktap_program *program, u32 type, s64 index, struct ktap_place *place)
{
	const struct ktap_image_type *element = &program->types[type];

	place->address += (u64)index * element->size;
	place->type = type;
	place->bit_offset = 0;
	place->bit_size = 0;
	place->readonly |= element->flags & KTAP_TYPE_CONST;
}

static int raise_conversion(struct ktap_activation *activation, const struct ktap_place *place,
			    const struct ktap_value *value)
{
	return ktap_raise(activation, "cannot convert '%s' to '%s'",
			  ktap_type_name_of(activation, value),
			  ktap_type_name(activation, place->type));
}

/* Elements of the array at a place; without a length: those that the script's memory has. */
static u64 array_room(struct ktap_activation *activation, const struct ktap_place *place)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	u64 size = ktap_type(activation, type->ref)->size;
	u64 behind;

	if (type->length || !size)
		return type->length;
	return ktap_owned_extent(&activation->program->heap, place->address, NULL, &behind)
		       ? behind / size
		       : 0;
}

static int raise_excess(struct ktap_activation *activation, u32 type)
{
	return ktap_raise(activation, "too many initialisers for '%s'",
			  ktap_type_name(activation, type));
}

static int store_string(struct ktap_activation *activation, const struct ktap_place *place,
			const struct ktap_value *value)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	const struct ktap_image_type *element = ktap_type(activation, type->ref);
	const struct ktap_string *string = value->string;
	u64 room = array_room(activation, place);

	if (element->kind != KTAP_TYPE_INT || element->size != 1)
		return raise_conversion(activation, place, value);
	if (string->length > room)
		return ktap_raise(activation, "a string of %u bytes does not fit '%s'",
				  string->length, ktap_type_name(activation, place->type));
	return ktap_write(activation, place->address, string->bytes,
			  string->length + (string->length < room));
}

static int store_wide_integer(struct ktap_activation *activation, const struct ktap_place *place,
			      const struct ktap_value *value)
{
	struct ktap_value number;
	u64 words[2];

	if (!ktap_to_number(activation->program, value, &number))
		return raise_conversion(activation, place, value);
	words[0] = number.bits;
	words[1] = number.tag == KTAP_INT && (s64)number.bits < 0 ? ~0ull : 0;
	return ktap_write(activation, place->address, words, sizeof(words));
}

/* Anything but a table that initialises an aggregate. */
static int store_one(struct ktap_activation *activation, const struct ktap_place *place,
		     const struct ktap_value *value, bool fresh)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);

	if (place->readonly && !fresh)
		return ktap_raise(activation, "attempt to write to '%s', which is const",
				  ktap_type_name(activation, place->type));
	if (ktap_type_is_scalar(type))
		return ktap_store_scalar(activation, place, value);
	if (ktap_is_reference(value) &&
	    ktap_same_type(activation->program, place->type, value->type))
		return ktap_copy(activation, place->address, value->bits, type->size);
	if (type->kind == KTAP_TYPE_ARRAY && value->tag == KTAP_STRING)
		return store_string(activation, place, value);
	if (type->kind == KTAP_TYPE_INT)
		return store_wide_integer(activation, place, value);
	return raise_conversion(activation, place, value);
}

static bool takes_table(struct ktap_activation *activation, const struct ktap_place *place,
			const struct ktap_value *value)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);

	return value->tag == KTAP_TABLE && !place->bit_size &&
	       (type->kind == KTAP_TYPE_ARRAY || ktap_type_is_record(type));
}

static bool is_owned(struct ktap_activation *activation, u64 address)
{
	u64 behind;

	return ktap_owned_extent(&activation->program->heap, address, NULL, &behind);
}

/* {x} fills an array of the script's own, as in LuaJIT. */
static bool fills(struct ktap_activation *activation, const struct ktap_place *place,
		  const struct ktap_table *table)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	struct ktap_value pair[2];
	u32 cursor = 0;

	return type->kind == KTAP_TYPE_ARRAY && ktap_type(activation, type->ref)->size &&
	       is_owned(activation, place->address) &&
	       ktap_table_step(table, &cursor, pair) && pair[0].kind == KTAP_INT &&
	       pair[0].bits == 1 && !ktap_table_step(table, &cursor, pair);
}

static void begin_level(struct ktap_activation *activation, struct ktap_initialiser *level,
			const struct ktap_place *place, struct ktap_table *table)
{
	level->table = table;
	level->address = place->address;
	level->element = 0;
	level->type = place->type;
	level->cursor = 0;
	level->readonly = place->readonly;
	level->fill = fills(activation, place, table);
}

/* The member or element that a key of the initialiser means; place comes with the aggregate. */
static int find_initialised(struct ktap_activation *activation, const struct ktap_value *key,
			    struct ktap_place *place)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	u32 record = place->type;
	u64 index = key->bits - 1; /* all ones for key 0 */

	if (key->tag == KTAP_STRING && type->kind != KTAP_TYPE_ARRAY) {
		if (ktap_find_member(activation->program, key->string, place))
			return 0;
		return ktap_raise(activation, "'%s' has no member '%s'",
				  ktap_type_name(activation, record), key->string->bytes);
	}
	if (key->tag != KTAP_INT)
		return ktap_raise(activation, "a %s is no key of an initialiser for '%s'",
				  ktap_type_name_of(activation, key),
				  ktap_type_name(activation, record));
	if (type->kind == KTAP_TYPE_ARRAY) {
		if (index >= array_room(activation, place))
			return raise_excess(activation, record);
		ktap_element(activation->program, type->ref, index, place);
		return 0;
	}
	if ((type->kind == KTAP_TYPE_UNION && index) ||
	    !ktap_numbered_member(activation->program, index, place))
		return raise_excess(activation, record);
	return 0;
}

/* The next place and value of a level: 1, 0 at its end, -1 with the error set. */
static int next_initialised(struct ktap_activation *activation, struct ktap_initialiser *level,
			    struct ktap_place *place, struct ktap_value *value)
{
	struct ktap_value pair[2];

	place->address = level->address;
	place->type = level->type;
	place->bit_size = 0;
	place->readonly = level->readonly;
	if (level->fill) {
		if (level->element == array_room(activation, place))
			return 0;
		level->cursor = 0;
	}
	if (!ktap_table_step(level->table, &level->cursor, pair))
		return 0;
	if (level->fill)
		ktap_set_int(&pair[0], ++level->element);
	*value = pair[1];
	return find_initialised(activation, &pair[0], place) ? -1 : 1;
}

/* The table's levels are bounded by those of the type, which the verifier has bounded. */
static int store_table(struct ktap_activation *activation, const struct ktap_place *to,
		       struct ktap_table *table, bool fresh)
{
	struct ktap_initialiser *level = activation->initialisers;
	struct ktap_value value;
	struct ktap_place place;
	int more;

	begin_level(activation, level, to, table);
	for (;;) {
		more = next_initialised(activation, level, &place, &value);
		if (more < 0)
			return -1;
		if (!more) {
			if (level-- == activation->initialisers)
				return 0;
			continue;
		}
		if (takes_table(activation, &place, &value))
			begin_level(activation, ++level, &place, value.table);
		else if (store_one(activation, &place, &value, fresh))
			return -1;
	}
}

int ktap_store_at(struct ktap_activation *activation, const struct ktap_place *place,
		  const struct ktap_value *value, bool fresh)
{
	if (takes_table(activation, place, value))
		return store_table(activation, place, value->table, fresh);
	return store_one(activation, place, value, fresh);
}

int ktap_store_list(struct ktap_activation *activation, const struct ktap_place *place,
		    const struct ktap_value *values, u32 count)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	bool array = type->kind == KTAP_TYPE_ARRAY && ktap_type(activation, type->ref)->size;
	u64 room = array ? array_room(activation, place) : 0;
	struct ktap_value key;
	struct ktap_place member;
	u64 last = array && count == 1 && room ? room : count;
	u64 i;

	for (i = 0; i < last; i++) {
		member = *place;
		ktap_set_int(&key, i + 1);
		if (find_initialised(activation, &key, &member) ||
		    ktap_store_at(activation, &member, &values[i < count ? i : count - 1], true))
			return -1;
	}
	return 0;
}
