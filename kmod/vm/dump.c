/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* dump(cdata [, depth]): a C object as an initialiser of C's would write it. */
#include "buffer.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "library.h"
#include "string.h"

#define DEPTH_MAX    8u
#define ELEMENTS_MAX 16u

/* One record or array that is being written: its next member or element. */
struct dump_level {
	u64 address;
	u32 type;
	u32 next;
};

struct dump {
	struct ktap_activation *activation;
	struct ktap_value *buffer;
	u32 depth; /* levels that may be opened */
	u32 used;
	struct dump_level levels[DEPTH_MAX];
};

static int add(struct dump *dump, const char *format, ...) KTAP_PRINTF(2, 3);
static int add(struct dump *dump, const char *format, ...)
{
	__builtin_va_list arguments;
	struct ktap_text text;
	char bytes[160];

	ktap_text_begin(&text, bytes, sizeof(bytes));
	__builtin_va_start(arguments, format);
	ktap_text_vadd(&text, format, arguments);
	__builtin_va_end(arguments);
	return ktap_buffer_add(dump->activation, dump->buffer, text.bytes, text.length);
}

static int indent(struct dump *dump)
{
	return ktap_buffer_fill(dump->activation, dump->buffer, '\t', dump->used);
}

static const char *enumerator_of(const struct ktap_program *program,
				 const struct ktap_image_type *type, u64 bits)
{
	u32 i;

	for (i = 0; i < type->count; i++) {
		if (program->image.enumerators[type->first + i].value == bits)
			return ktap_text_of(program,
					    program->image.enumerators[type->first + i].name);
	}
	return NULL;
}

static int add_scalar(struct dump *dump, const struct ktap_place *place)
{
	const struct ktap_program *program = dump->activation->program;
	const struct ktap_image_type *type = &program->types[place->type];
	struct ktap_value value;
	const char *name;

	if (ktap_load(dump->activation, place, &value))
		return -1;
	name = type->kind == KTAP_TYPE_ENUM ? enumerator_of(program, type, value.bits) : NULL;
	if (name)
		return add(dump, "%s", name);
	switch (value.tag) {
	case KTAP_TRUE:
	case KTAP_FALSE:
		return add(dump, "%s", value.tag == KTAP_TRUE ? "true" : "false");
	case KTAP_INT:
		return add(dump, "%lld", (long long)value.bits);
	case KTAP_UINT:
		return add(dump, "%llu", (unsigned long long)value.bits);
	case KTAP_SCALAR:
		if (!value.bits)
			return add(dump, "NULL");
		return add(dump, "0x%llx", (unsigned long long)value.bits);
	}
	return add(dump, "(%s)", ktap_type_name(dump->activation, place->type));
}

/* An array of characters, up to its zero byte; what is not printable as an octal escape, which is
 * never longer than it looks (C11 6.4.4.4p7). */
static int add_characters(struct dump *dump, const struct ktap_place *place)
{
	const struct ktap_image_type *type = ktap_type(dump->activation, place->type);
	struct ktap_place element = { .type = type->ref };
	struct ktap_value value;
	u64 i;

	if (add(dump, "\""))
		return -1;
	for (i = 0; i < type->length && i < 256; i++) {
		element.address = place->address + i;
		if (ktap_load(dump->activation, &element, &value))
			return -1;
		if (!(value.bits & 0xff))
			break;
		if ((value.bits & 0xff) < ' ' || (value.bits & 0xff) > '~' || value.bits == '"' ||
		    value.bits == '\\') {
			if (add(dump, "\\%c%c%c", (int)('0' + (value.bits >> 6 & 3)),
				(int)('0' + (value.bits >> 3 & 7)), (int)('0' + (value.bits & 7))))
				return -1;
		} else if (add(dump, "%c", (int)value.bits)) {
			return -1;
		}
	}
	return add(dump, "\"");
}

static bool is_text(const struct ktap_activation *activation, const struct ktap_image_type *type)
{
	const struct ktap_image_type *element = ktap_type(activation, type->ref);

	return type->kind == KTAP_TYPE_ARRAY && element->kind == KTAP_TYPE_INT &&
	       element->size == 1 && element->flags & KTAP_TYPE_CHAR;
}

/* A value; a record or array opens a level, and what is in it follows. */
static int add_value(struct dump *dump, const struct ktap_place *place)
{
	const struct ktap_image_type *type = ktap_type(dump->activation, place->type);

	if (is_text(dump->activation, type))
		return add_characters(dump, place);
	if (type->kind != KTAP_TYPE_ARRAY && !ktap_type_is_record(type))
		return add_scalar(dump, place);
	if (dump->used == dump->depth)
		return add(dump, "{ ... }");
	dump->levels[dump->used++] =
		(struct dump_level){ .address = place->address, .type = place->type };
	return add(dump, "{\n");
}

/* The next part of the innermost level; 0: there is none. */
static bool next_part(struct dump *dump, struct ktap_place *place, const char **name)
{
	const struct ktap_program *program = dump->activation->program;
	struct dump_level *level = &dump->levels[dump->used - 1];
	const struct ktap_image_type *type = &program->types[level->type];
	u32 index = level->next++;

	*name = NULL;
	*place = (struct ktap_place){ .address = level->address, .type = level->type };
	if (ktap_type_is_record(type)) {
		if (!ktap_numbered_member(program, index, place))
			return false;
		if (program->image.members[type->first + index].name != KTAP_NONE)
			*name = ktap_text_of(program,
					     program->image.members[type->first + index].name);
		return true;
	}
	if (index >= type->length || index >= ELEMENTS_MAX)
		return false;
	place->type = type->ref;
	place->address += index * ktap_type(dump->activation, type->ref)->size;
	return true;
}

static int add_part(struct dump *dump, const struct ktap_place *place, const char *name)
{
	u32 before = dump->used;

	if (indent(dump) || (name && add(dump, ".%s = ", name)) || add_value(dump, place))
		return -1;
	return dump->used == before ? add(dump, ",\n") : 0;
}

static int close_level(struct dump *dump)
{
	const struct ktap_image_type *type =
		ktap_type(dump->activation, dump->levels[dump->used - 1].type);

	if (type->kind == KTAP_TYPE_ARRAY && type->length > ELEMENTS_MAX &&
	    (indent(dump) || add(dump, "...\n")))
		return -1;
	dump->used--;
	return indent(dump) || add(dump, dump->used ? "},\n" : "}");
}

static int write_object(struct dump *dump, const struct ktap_place *whole)
{
	struct ktap_place place;
	const char *name;

	if (add(dump, "(%s)", ktap_type_name(dump->activation, whole->type)) ||
	    add_value(dump, whole))
		return -1;
	while (dump->used) {
		if (ktap_spend(dump->activation, 32))
			return -1;
		if (next_part(dump, &place, &name) ? add_part(dump, &place, name)
						   : close_level(dump))
			return -1;
	}
	return 0;
}

/* A pointer to a record stands for the record. */
static int find_object(struct ktap_activation *activation, const struct ktap_value *value,
		       struct ktap_place *place)
{
	const struct ktap_image_type *type = ktap_type(activation, value->type);

	if (!ktap_is_cdata(value))
		return ktap_raise_argument(activation, 1, "dump", "cdata expected, got %s",
					   ktap_type_name_of(activation, value));
	place->address = value->bits;
	place->type = value->type;
	if (value->tag == KTAP_SCALAR) {
		if (type->kind != KTAP_TYPE_POINTER ||
		    !ktap_type_is_record(ktap_type(activation, type->ref)))
			return ktap_raise_argument(activation, 1, "dump", "'%s' has no members",
						   ktap_type_name(activation, value->type));
		place->type = type->ref;
	}
	if (ktap_type(activation, place->type)->flags & KTAP_TYPE_INCOMPLETE)
		return ktap_raise_argument(activation, 1, "dump",
					   "the members of '%s' are not known",
					   ktap_type_name(activation, place->type));
	return 0;
}

int ktap_builtin_dump(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct dump dump = { .activation = activation,
			     .buffer = &activation->kept[KTAP_KEEP_KEY] };
	struct ktap_place whole = { 0 };
	s64 depth;

	if (find_object(activation, &arguments[0], &whole) ||
	    ktap_argument_optional(activation, arguments, count, 2, "dump", 2, &depth))
		return -1;
	dump.depth = depth < 0 ? 0 : depth > DEPTH_MAX ? DEPTH_MAX : depth;
	if (ktap_buffer_begin(activation, dump.buffer))
		return -1;
	if (write_object(&dump, &whole)) {
		ktap_set_nil(dump.buffer);
		return -1;
	}
	return ktap_buffer_finish(activation, dump.buffer, &results[0]) ? -1 : 1;
}
