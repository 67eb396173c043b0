/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Conversions of scalars; loading and storing them. Aggregates: initialise.c. */
#include "convert.h"
#include "error.h"
#include "initialise.h"
#include "memory.h"

u64 ktap_extend(const struct ktap_image_type *type, u64 bits)
{
	u32 unused = 64 - (type->size < 8 ? (u32)type->size * 8 : 64);

	if (type->kind == KTAP_TYPE_BOOL)
		return bits & 0xff ? 1 : 0;
	if (!unused)
		return bits;
	return type->flags & KTAP_TYPE_SIGNED ? (u64)((s64)(bits << unused) >> unused)
					      : bits << unused >> unused;
}

/* Numbers: unsigned only where 64 bits are needed for it, as C's promotions have it. */
static void number_from_bits(const struct ktap_image_type *type, u64 bits, struct ktap_value *to)
{
	if (type->size == 8 && !(type->flags & KTAP_TYPE_SIGNED))
		ktap_set_uint(to, bits);
	else
		ktap_set_int(to, bits);
}

void ktap_from_bits(const struct ktap_program *program, u32 type, u64 bits, struct ktap_value *to)
{
	const struct ktap_image_type *entry = &program->types[type];

	switch (entry->kind) {
	case KTAP_TYPE_BOOL:
		ktap_set_bool(to, bits);
		break;
	case KTAP_TYPE_INT:
	case KTAP_TYPE_ENUM:
		number_from_bits(entry, bits, to);
		break;
	default:
		ktap_set_cdata(to, KTAP_SCALAR, bits, type);
	}
}

bool ktap_to_number(const struct ktap_program *program, const struct ktap_value *value,
		    struct ktap_value *number)
{
	const struct ktap_image_type *type;

	if (ktap_is_number(value)) {
		*number = *value;
		return true;
	}
	if (value->tag != KTAP_SCALAR)
		return false;
	type = &program->types[value->type];
	if (type->kind == KTAP_TYPE_POINTER || type->kind == KTAP_TYPE_FUNCTION)
		return false;
	number_from_bits(type, value->bits, number);
	return true;
}

/* Whether a number is the same as a type's object that was made of it: `bits`, extended. Truth is no
 * number that could be lost. */
static bool fits(const struct ktap_image_type *type, const struct ktap_value *number, u64 bits)
{
	bool was_negative = number->tag == KTAP_INT && (s64)number->bits < 0;
	bool is_negative = (type->flags & KTAP_TYPE_SIGNED) && (s64)bits < 0;

	return type->kind == KTAP_TYPE_BOOL ||
	       (bits == number->bits && was_negative == is_negative);
}

const char *ktap_conversion_note(const struct ktap_program *program, u32 type,
				 const struct ktap_value *value)
{
	struct ktap_value number;
	bool is_number = value->tag == KTAP_TRUE || value->tag == KTAP_FALSE ||
			 ktap_to_number(program, value, &number);

	return program->strict && is_number &&
			       program->types[type].kind != KTAP_TYPE_POINTER &&
			       ktap_type_is_scalar(&program->types[type])
		       ? ": it does not fit (ffi.strict)"
		       : "";
}

/* Integers, enums and booleans from numbers, booleans and their like. */
static bool to_integer(const struct ktap_program *program, const struct ktap_image_type *type,
		       const struct ktap_value *value, bool cast, u64 *bits)
{
	struct ktap_value number;

	if (value->tag == KTAP_FALSE || value->tag == KTAP_TRUE)
		ktap_set_int(&number, value->tag == KTAP_TRUE);
	else if (!ktap_to_number(program, value, &number)) {
		if (!cast || !(value->tag == KTAP_SCALAR || ktap_is_reference(value)))
			return false;
		ktap_set_uint(&number, value->bits); /* an address */
	}
	*bits = type->kind == KTAP_TYPE_BOOL ? number.bits != 0 : ktap_extend(type, number.bits);
	return cast || !program->strict || fits(type, &number, *bits);
}

/* An aggregate's address for a pointer: an array decays, a record is taken by reference. */
static bool reference_to_pointer(const struct ktap_program *program,
				 const struct ktap_image_type *pointer,
				 const struct ktap_value *value)
{
	const struct ktap_image_type *type = &program->types[value->type];
	bool target_is_const = program->types[pointer->ref].flags & KTAP_TYPE_CONST;

	if (value->tag == KTAP_READONLY && !target_is_const)
		return false;
	if (type->kind == KTAP_TYPE_ARRAY && ktap_pointers_agree(program, pointer->ref, type->ref))
		return true;
	return ktap_pointers_agree(program, pointer->ref, value->type);
}

/* A string's bytes may be read as const characters or const void. */
static bool string_to_pointer(const struct ktap_program *program,
			      const struct ktap_image_type *pointer)
{
	const struct ktap_image_type *target = &program->types[pointer->ref];

	return (target->flags & KTAP_TYPE_CONST) &&
	       (target->kind == KTAP_TYPE_VOID ||
		(target->kind == KTAP_TYPE_INT && target->size == 1));
}

static bool scalar_to_pointer(const struct ktap_program *program,
			      const struct ktap_image_type *pointer, const struct ktap_value *value)
{
	const struct ktap_image_type *type = &program->types[value->type];

	if (type->kind == KTAP_TYPE_FUNCTION)
		return value->type == pointer->ref ||
		       program->types[pointer->ref].kind == KTAP_TYPE_VOID;
	return type->kind == KTAP_TYPE_POINTER &&
	       ktap_pointers_agree(program, pointer->ref, type->ref);
}

static bool to_pointer(const struct ktap_program *program, const struct ktap_image_type *type,
		       const struct ktap_value *value, bool cast, u64 *bits)
{
	*bits = value->bits;
	switch (value->tag) {
	case KTAP_NIL:
		*bits = 0;
		return true;
	case KTAP_INT:
	case KTAP_UINT:
		return cast;
	case KTAP_STRING:
		*bits = ktap_address(value->string->bytes);
		return cast || string_to_pointer(program, type);
	case KTAP_SCALAR:
		return cast || scalar_to_pointer(program, type, value);
	case KTAP_REFERENCE:
	case KTAP_READONLY:
		return cast || reference_to_pointer(program, type, value);
	}
	return false;
}

bool ktap_to_bits(const struct ktap_program *program, u32 type, const struct ktap_value *value,
		  bool cast, u64 *bits)
{
	const struct ktap_image_type *entry = &program->types[type];

	if (entry->kind == KTAP_TYPE_POINTER)
		return to_pointer(program, entry, value, cast, bits);
	if (entry->kind == KTAP_TYPE_ENUM && value->tag == KTAP_STRING)
		return ktap_find_enumerator(program, type, value->string, bits);
	return to_integer(program, entry, value, cast, bits);
}

#define BIT_FIELD_BYTES 9u

static u32 bit_field_bytes(const struct ktap_place *place)
{
	return (place->bit_offset + place->bit_size + 7) / 8;
}

static u64 low_bits(u32 count)
{
	return count >= 64 ? ~0ull : (1ull << count) - 1;
}

static u64 get_bits(const u8 bytes[BIT_FIELD_BYTES], const struct ktap_place *place, bool is_signed)
{
	u32 unused = 64 - place->bit_size;
	u64 bits;

	memcpy(&bits, bytes, 8);
	bits >>= place->bit_offset;
	if (place->bit_offset + place->bit_size > 64)
		bits |= (u64)bytes[8] << (64 - place->bit_offset);
	return is_signed ? (u64)((s64)(bits << unused) >> unused)
			 : bits & low_bits(place->bit_size);
}

static void put_bits(u8 bytes[BIT_FIELD_BYTES], const struct ktap_place *place, u64 bits)
{
	u64 mask = low_bits(place->bit_size);
	u32 high = place->bit_offset + place->bit_size > 64
			   ? place->bit_offset + place->bit_size - 64
			   : 0;
	u64 word;

	memcpy(&word, bytes, 8);
	word = (word & ~(mask << place->bit_offset)) | (bits & mask) << place->bit_offset;
	memcpy(bytes, &word, 8);
	if (high) {
		bits = (bits & mask) >> (64 - place->bit_offset);
		bytes[8] = (bytes[8] & ~low_bits(high)) | bits;
	}
}

/* What a bit-field would give back for `bits`, extended to its type's 64. */
static u64 kept_bits(const struct ktap_image_type *type, const struct ktap_place *place, u64 bits)
{
	u32 unused = 64 - place->bit_size;

	return type->flags & KTAP_TYPE_SIGNED ? (u64)((s64)(bits << unused) >> unused)
					      : bits & low_bits(place->bit_size);
}

static int load_bit_field(struct ktap_activation *activation, const struct ktap_place *place,
			  struct ktap_value *to)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	u8 bytes[BIT_FIELD_BYTES] = { 0 };
	u64 bits;

	if (ktap_read(activation, bytes, place->address, bit_field_bytes(place)))
		return -1;
	bits = get_bits(bytes, place, type->flags & KTAP_TYPE_SIGNED);
	/* What fewer than 64 bits hold is a signed number, as with the narrower types. */
	if (type->kind != KTAP_TYPE_BOOL && place->bit_size < 64)
		ktap_set_int(to, bits);
	else
		ktap_from_bits(activation->program, place->type, bits, to);
	return 0;
}

int ktap_load(struct ktap_activation *activation, const struct ktap_place *place,
	      struct ktap_value *to)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	u64 bits = 0;

	if (place->bit_size)
		return load_bit_field(activation, place, to);
	if (type->kind == KTAP_TYPE_FUNCTION) {
		ktap_set_cdata(to, KTAP_SCALAR, place->address, place->type);
		return 0;
	}
	if (!ktap_type_is_scalar(type)) {
		ktap_set_cdata(to, place->readonly ? KTAP_READONLY : KTAP_REFERENCE, place->address,
			       place->type);
		return 0;
	}
	if (ktap_read(activation, &bits, place->address, type->size))
		return -1;
	ktap_from_bits(activation->program, place->type, ktap_extend(type, bits), to);
	return 0;
}

int ktap_store_scalar(struct ktap_activation *activation, const struct ktap_place *place,
		      const struct ktap_value *value)
{
	const struct ktap_image_type *type = ktap_type(activation, place->type);
	u8 bytes[BIT_FIELD_BYTES] = { 0 };
	u64 bits;

	if (!ktap_to_bits(activation->program, place->type, value, false, &bits) ||
	    (activation->program->strict && place->bit_size &&
	     kept_bits(type, place, bits) != bits))
		return ktap_raise(activation, "cannot convert '%s' to '%s'%s",
				  ktap_type_name_of(activation, value),
				  ktap_type_name(activation, place->type),
				  ktap_conversion_note(activation->program, place->type, value));
	if (!place->bit_size)
		return ktap_write(activation, place->address, &bits, type->size);
	if (ktap_read(activation, bytes, place->address, bit_field_bytes(place)))
		return -1;
	put_bits(bytes, place, bits);
	return ktap_write(activation, place->address, bytes, bit_field_bytes(place));
}
