/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* ffi.new, ffi.cast and their kin. */
#include "builtins.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "memory.h"
#include "string.h"

static int expect_ctype(struct ktap_activation *activation, const struct ktap_value *value,
			const char *function, u32 *type)
{
	*type = 0;
	if (value->tag == KTAP_CTYPE) {
		*type = value->bits;
		return 0;
	}
	return ktap_raise_argument(activation, 1, function, "ctype expected, got %s",
				   ktap_type_name_of(activation, value));
}

/* A ctype, or the type of cdata. */
static int expect_type(struct ktap_activation *activation, const struct ktap_value *value,
		       const char *function, u32 *type)
{
	if (!ktap_is_cdata(value))
		return expect_ctype(activation, value, function, type);
	*type = value->type;
	return 0;
}

static int expect_count(struct ktap_activation *activation, const struct ktap_value *value,
			const char *function, u64 *count)
{
	struct ktap_value number;

	if (!ktap_to_number(activation->program, value, &number))
		return ktap_raise_argument(activation, 2, function, "number expected, got %s",
					   ktap_type_name_of(activation, value));
	if (number.tag == KTAP_INT && (s64)number.bits < 0)
		return ktap_raise_argument(activation, 2, function, "%lld is less than 0",
					   (long long)number.bits);
	*count = number.bits;
	return 0;
}

/* The array without a length at the end of a type, which may be the type; or KTAP_NONE. */
static u32 flexible_array(struct ktap_activation *activation, u32 type)
{
	const struct ktap_image_type *entry = ktap_type(activation, type);
	u32 last;

	if (entry->flags & KTAP_TYPE_FLEXIBLE)
		return type;
	if (entry->kind != KTAP_TYPE_STRUCT || !entry->count)
		return KTAP_NONE;
	last = activation->program->image.members[entry->first + entry->count - 1].type;
	return ktap_type(activation, last)->flags & KTAP_TYPE_FLEXIBLE ? last : KTAP_NONE;
}

static int raise_sizeless(struct ktap_activation *activation, const char *function, u32 type)
{
	return ktap_raise_argument(activation, 1, function, "the size of '%s' is not known",
				   ktap_type_name(activation, type));
}

/*
 * Bytes of an object of `type`; where that ends in an array without a length, arguments[*taken] may
 * give its number of elements and is then taken.
 */
static int size_of(struct ktap_activation *activation, const char *function, u32 type,
		   const struct ktap_value *arguments, u32 count, u32 *taken, u64 *size)
{
	const struct ktap_image_type *entry = ktap_type(activation, type);
	u32 array = flexible_array(activation, type);
	u64 elements = 0;

	*size = entry->size;
	if (array == KTAP_NONE)
		return ktap_type_is_complete(entry) ? 0
						    : raise_sizeless(activation, function, type);
	if (*taken == count || !ktap_is_number(&arguments[*taken]))
		return array == type ? ktap_raise_argument(activation, 2, function,
							   "'%s' needs a number of elements",
							   ktap_type_name(activation, type))
				     : 0;
	if (expect_count(activation, &arguments[*taken], function, &elements))
		return -1;
	if (__builtin_mul_overflow(elements,
				   ktap_type(activation, ktap_type(activation, array)->ref)->size,
				   &elements) ||
	    __builtin_add_overflow(*size, elements, size))
		return ktap_raise_out_of_memory(activation);
	(*taken)++;
	return 0;
}

static int new_scalar(struct ktap_activation *activation, u32 type,
		      const struct ktap_value *arguments, u32 count, struct ktap_value *to)
{
	u64 bits = 0;

	if (count > 2)
		return ktap_raise(activation, "too many initialisers for '%s'",
				  ktap_type_name(activation, type));
	if (count == 2 && !ktap_to_bits(activation->program, type, &arguments[1], false, &bits))
		return ktap_raise_argument(
			activation, 2, "ffi.new", "cannot convert '%s' to '%s'%s",
			ktap_type_name_of(activation, &arguments[1]),
			ktap_type_name(activation, type),
			ktap_conversion_note(activation->program, type, &arguments[1]));
	ktap_set_cdata(to, KTAP_SCALAR, bits, type);
	return 1;
}

/* Whether a single initialiser stands for the whole aggregate, not for its first member. */
static bool is_whole(struct ktap_activation *activation, u32 type, const struct ktap_value *value)
{
	const struct ktap_image_type *entry = ktap_type(activation, type);

	if (entry->kind != KTAP_TYPE_ARRAY && !ktap_type_is_record(entry))
		return true;
	return value->tag == KTAP_TABLE ||
	       (value->tag == KTAP_STRING && entry->kind == KTAP_TYPE_ARRAY &&
		ktap_type(activation, entry->ref)->size == 1) ||
	       (ktap_is_reference(value) && ktap_same_type(activation->program, type, value->type));
}

/* What stands behind the type and the number of elements, stored in a new object. */
static int initialise(struct ktap_activation *activation, const struct ktap_value *made,
		      const struct ktap_value *values, u32 count)
{
	struct ktap_place place = { .address = made->bits, .type = made->type };

	if (!count)
		return 0;
	if (count == 1 && is_whole(activation, made->type, values))
		return ktap_store_at(activation, &place, values, true);
	return ktap_store_list(activation, &place, values, count);
}

int ktap_builtin_new(struct ktap_activation *activation, const struct ktap_value *arguments,
		     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *made = &activation->kept[KTAP_KEEP_RESULT];
	u32 taken = 1;
	int failed;
	u64 size;
	u32 type;

	if (expect_ctype(activation, &arguments[0], "ffi.new", &type))
		return -1;
	if (ktap_type_is_scalar(ktap_type(activation, type)))
		return new_scalar(activation, type, arguments, count, results);
	if (size_of(activation, "ffi.new", type, arguments, count, &taken, &size) ||
	    ktap_cdata_make(activation, type, size, made))
		return -1;
	failed = initialise(activation, made, arguments + taken, count - taken);
	results[0] = *made;
	/* Or it would be kept until the next one is made. */
	ktap_set_nil(made);
	return failed ? -1 : 1;
}

int ktap_builtin_cast(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u64 bits;
	u32 type;

	(void)count;
	if (expect_ctype(activation, &arguments[0], "ffi.cast", &type))
		return -1;
	if (!ktap_type_is_scalar(ktap_type(activation, type)) ||
	    !ktap_to_bits(activation->program, type, &arguments[1], true, &bits))
		return ktap_raise_argument(activation, 2, "ffi.cast", "cannot convert '%s' to '%s'",
					   ktap_type_name_of(activation, &arguments[1]),
					   ktap_type_name(activation, type));
	ktap_set_cdata(&results[0], KTAP_SCALAR, bits, type);
	return 1;
}

int ktap_builtin_sizeof(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u32 taken = 1;
	u64 size;
	u32 type;

	if (expect_type(activation, &arguments[0], "ffi.sizeof", &type))
		return -1;
	if (ktap_is_cdata(&arguments[0]) && count == 1 &&
	    ktap_type_is_aggregate(ktap_type(activation, type))) {
		ktap_set_int(&results[0], ktap_cdata_size(activation, &arguments[0]));
		return 1;
	}
	if (size_of(activation, "ffi.sizeof", type, arguments, count, &taken, &size))
		return -1;
	if (taken != count)
		return ktap_raise_argument(activation, 2, "ffi.sizeof",
					   "'%s' has a size of its own",
					   ktap_type_name(activation, type));
	ktap_set_int(&results[0], size);
	return 1;
}

int ktap_builtin_alignof(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u32 type;

	(void)count;
	if (expect_type(activation, &arguments[0], "ffi.alignof", &type))
		return -1;
	if (!ktap_type(activation, type)->align)
		return raise_sizeless(activation, "ffi.alignof", type);
	ktap_set_int(&results[0], ktap_type(activation, type)->align);
	return 1;
}

int ktap_builtin_offsetof(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_place place = { 0 };
	u32 record;

	(void)count;
	if (expect_type(activation, &arguments[0], "ffi.offsetof", &record))
		return -1;
	if (!ktap_type_is_record(ktap_type(activation, record)))
		return ktap_raise_argument(activation, 1, "ffi.offsetof", "'%s' has no members",
					   ktap_type_name(activation, record));
	if (ktap_type(activation, record)->flags & KTAP_TYPE_INCOMPLETE)
		return raise_sizeless(activation, "ffi.offsetof", record);
	if (arguments[1].tag != KTAP_STRING)
		return ktap_raise_argument(activation, 2, "ffi.offsetof", "string expected, got %s",
					   ktap_type_name_of(activation, &arguments[1]));
	place.type = record;
	if (!ktap_find_member(activation->program, arguments[1].string, &place))
		return ktap_raise_argument(activation, 2, "ffi.offsetof", "'%s' has no member '%s'",
					   ktap_type_name(activation, record),
					   arguments[1].string->bytes);
	ktap_set_int(&results[0], place.address);
	if (!place.bit_size)
		return 1;
	ktap_set_int(&results[1], place.bit_offset);
	ktap_set_int(&results[2], place.bit_size);
	return 3;
}

/* Where a string of characters begins, and how long it may be. */
static int find_characters(struct ktap_activation *activation, const struct ktap_value *value,
			   bool any, u64 *address, u64 *limit)
{
	const struct ktap_image_type *type =
		ktap_is_cdata(value) ? ktap_type(activation, value->type) : NULL;
	const struct ktap_image_type *target;

	*address = value->bits;
	*limit = KTAP_STRING_MAX;
	if (any && type && ktap_type_is_record(type))
		return 0;
	if (!type || (type->kind != KTAP_TYPE_POINTER && type->kind != KTAP_TYPE_ARRAY))
		return -1;
	target = ktap_type(activation, type->ref);
	if (!any && (target->kind != KTAP_TYPE_INT || target->size != 1))
		return -1;
	if (type->kind == KTAP_TYPE_ARRAY && type->size && type->size < *limit)
		*limit = type->size;
	return 0;
}

/* The number of characters before the first zero byte, at most `limit`. */
static int measure(struct ktap_activation *activation, u64 address, u64 limit, u64 *length)
{
	const struct ktap_program *program = activation->program;
	char *bytes = (char *)activation->slots;
	u64 behind;
	long part;
	u64 room;

	*length = 0;
	if (ktap_owned_extent(&program->heap, address, NULL, &behind)) {
		if (behind < limit)
			limit = behind;
		while (*length < limit && ((const char *)ktap_pointer(address))[*length])
			++*length;
		return 0;
	}
	for (; *length < limit; *length += part) {
		room = limit - *length < sizeof(activation->slots) ? limit - *length
								   : sizeof(activation->slots);
		part = program->host->read_string(program->host_data, bytes, address + *length,
						  room);
		if (part < 0) {
			/* A reader may not stop at the zero byte before bad memory. */
			return ktap_read(activation, bytes, address + *length, 1)
				       ? -1
				       : ktap_raise(activation, "no end to the string at 0x%llx",
						    (unsigned long long)address);
		}
		if ((u64)part < room) {
			*length += part;
			return 0;
		}
	}
	return 0;
}

int ktap_builtin_string(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_string *buffer;
	u64 address;
	u64 length;
	u64 limit;

	if (arguments[0].tag == KTAP_STRING && count == 1) {
		results[0] = arguments[0];
		return 1;
	}
	if (find_characters(activation, &arguments[0], count > 1, &address, &limit))
		return ktap_raise_argument(activation, 1, "ffi.string",
					   "cannot convert '%s' to 'const char *'",
					   ktap_type_name_of(activation, &arguments[0]));
	if (!address)
		return ktap_raise_argument(activation, 1, "ffi.string", "NULL pointer");
	if (count > 1 ? expect_count(activation, &arguments[1], "ffi.string", &length)
		      : measure(activation, address, limit, &length))
		return -1;
	buffer = ktap_string_buffer(activation, length);
	if (!buffer)
		return -1;
	if (ktap_read(activation, buffer->bytes, address, length)) {
		ktap_release(&activation->program->heap, &buffer->object);
		return -1;
	}
	ktap_set_string(&results[0], ktap_string_finish(activation, buffer));
	return 1;
}

int ktap_builtin_typeof(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u32 type;

	(void)count;
	if (expect_type(activation, &arguments[0], "ffi.typeof", &type))
		return -1;
	ktap_set_ctype(&results[0], type);
	return 1;
}

int ktap_builtin_addressof(struct ktap_activation *activation, const struct ktap_value *arguments,
			   u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_value *value = &arguments[0];
	bool function = value->tag == KTAP_SCALAR &&
			ktap_type(activation, value->type)->kind == KTAP_TYPE_FUNCTION;

	(void)count;
	if (!function && !ktap_is_reference(value))
		return ktap_raise_argument(activation, 1, "ffi.addressof",
					   "a value of type '%s' has no address",
					   ktap_type_name_of(activation, value));
	ktap_set_cdata(&results[0], KTAP_SCALAR, value->bits,
		       ktap_pointer_to(activation->program, value->type));
	return 1;
}
