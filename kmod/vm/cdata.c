/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include <ktap/opcodes.h>

#include "call.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "ffi_objects.h"
#include "initialise.h"
#include "memory.h"

/* What a pointer, array or record leads to: the address and the type there. */
struct base {
	u64 address;
	u32 type;   /* of the element; of the record itself */
	u64 length; /* of an array of the script's own; else all ones */
	bool readonly;
	bool indexed; /* a pointer or an array */
	bool array;   /* begins where its element 0 is: no index is negative */
};

static int find_base(struct ktap_activation *activation, const struct ktap_value *cdata,
		     struct base *base)
{
	const struct ktap_image_type *type = ktap_type(activation, cdata->type);

	base->address = cdata->bits;
	base->type = cdata->type;
	base->length = ~0ull;
	base->readonly = cdata->tag == KTAP_READONLY;
	base->array = type->kind == KTAP_TYPE_ARRAY;
	base->indexed = base->array || type->kind == KTAP_TYPE_POINTER;
	if (base->indexed) {
		base->type = type->ref;
		if (base->array && type->length)
			base->length = type->length;
		return 0;
	}
	if (cdata->tag == KTAP_SCALAR)
		return ktap_raise_operand(activation, "index", cdata);
	return 0;
}

static int raise_bounds(struct ktap_activation *activation, const struct ktap_value *cdata,
			s64 index)
{
	return ktap_raise(activation, "index %lld is out of bounds of '%s'", (long long)index,
			  ktap_type_name(activation, cdata->type));
}

/* Memory of the script's own has bounds: an element must lie within its object, and its array. */
static int check_bounds(struct ktap_activation *activation, const struct ktap_value *cdata,
			const struct base *base, s64 index)
{
	u64 size = ktap_type(activation, base->type)->size;
	u64 before;
	u64 behind;
	u64 bytes;

	if (!ktap_owned_extent(&activation->program->heap, base->address, &before, &behind))
		return 0;
	if (index < 0) {
		if (base->array || __builtin_mul_overflow(0 - (u64)index, size, &bytes) ||
		    bytes > before)
			return raise_bounds(activation, cdata, index);
		return 0;
	}
	if ((u64)index >= base->length || __builtin_mul_overflow((u64)index + 1, size, &bytes) ||
	    bytes > behind)
		return raise_bounds(activation, cdata, index);
	return 0;
}

static int find_element(struct ktap_activation *activation, const struct ktap_value *cdata,
			const struct base *base, s64 index, struct ktap_place *place)
{
	const struct ktap_image_type *element = ktap_type(activation, base->type);

	if (!base->indexed)
		return ktap_raise(activation, "'%s' has members, not elements",
				  ktap_type_name(activation, cdata->type));
	if (!ktap_type_is_complete(element))
		return ktap_raise(activation,
				  "'%s' cannot be indexed: the size of '%s' is not known",
				  ktap_type_name(activation, cdata->type),
				  ktap_type_name(activation, base->type));
	if (check_bounds(activation, cdata, base, index))
		return -1;
	place->address = base->address;
	place->readonly = base->readonly;
	ktap_element(activation->program, base->type, index, place);
	return 0;
}

static int find_named(struct ktap_activation *activation, const struct ktap_value *cdata,
		      const struct base *base, const struct ktap_string *name,
		      struct ktap_place *place)
{
	const struct ktap_image_type *record = ktap_type(activation, base->type);

	if (!ktap_type_is_record(record))
		return ktap_raise(activation, "'%s' has no members: no '%s'",
				  ktap_type_name(activation, cdata->type), name->bytes);
	if (record->flags & KTAP_TYPE_INCOMPLETE)
		return ktap_raise(activation,
				  "the members of '%s' are not known: declare it, or name "
				  "it in the script (ffi.typeof(\"%s\"))",
				  ktap_type_name(activation, base->type),
				  ktap_type_name(activation, base->type));
	if (!base->address)
		return ktap_raise(activation,
				  "attempt to follow a NULL pointer ('%s', member '%s')",
				  ktap_type_name(activation, cdata->type), name->bytes);
	place->address = base->address;
	place->type = base->type;
	place->readonly = base->readonly || (record->flags & KTAP_TYPE_CONST);
	if (!ktap_find_member(activation->program, name, place))
		return ktap_raise(activation, "'%s' has no member '%s'",
				  ktap_type_name(activation, base->type), name->bytes);
	return 0;
}

static int find_place(struct ktap_activation *activation, const struct ktap_value *cdata,
		      const struct ktap_value *key, struct ktap_place *place)
{
	struct ktap_value number;
	struct base base;

	if (find_base(activation, cdata, &base))
		return -1;
	if (key->tag == KTAP_STRING)
		return find_named(activation, cdata, &base, key->string, place);
	if (!ktap_to_number(activation->program, key, &number))
		return ktap_raise(activation, "a '%s' is no index for '%s'",
				  ktap_type_name_of(activation, key),
				  ktap_type_name(activation, cdata->type));
	return find_element(activation, cdata, &base, number.bits, place);
}

/* callback:free() */
static bool is_callback_method(struct ktap_activation *activation, const struct ktap_value *cdata,
			       const struct ktap_value *key)
{
	return cdata->tag == KTAP_SCALAR && key->tag == KTAP_STRING && key->string->length == 4 &&
	       !memcmp(key->string->bytes, "free", 4) &&
	       ktap_is_callable_cdata(activation->program, cdata);
}

int ktap_cdata_get(struct ktap_activation *activation, const struct ktap_value *cdata,
		   const struct ktap_value *key, struct ktap_value *to)
{
	struct ktap_place place;

	if (is_callback_method(activation, cdata, key)) {
		to->bits = KTAP_BUILTIN_CALLBACK_FREE;
		to->kind = KTAP_BUILTIN;
		return 0;
	}
	if (activation->program->ffi_objects && key->tag == KTAP_STRING &&
	    ktap_find_method(activation, cdata, key->string, to))
		return 0;
	if (find_place(activation, cdata, key, &place))
		return -1;
	return ktap_load(activation, &place, to);
}

int ktap_cdata_set(struct ktap_activation *activation, const struct ktap_value *cdata,
		   const struct ktap_value *key, const struct ktap_value *value)
{
	struct ktap_place place;

	if (find_place(activation, cdata, key, &place))
		return -1;
	return ktap_store_at(activation, &place, value, false);
}

bool ktap_field_place(const struct ktap_program *program, const struct ktap_image_field *field,
		      const struct ktap_value *value, struct ktap_place *place)
{
	const struct ktap_image_type *base;

	if (unlikely(!ktap_is_cdata(value) || value->type != field->base || !value->bits))
		return false;
	base = &program->types[field->base];
	if (base->kind == KTAP_TYPE_POINTER)
		base = &program->types[base->ref];
	place->address = value->bits + field->bit_offset / 8;
	place->type = field->type;
	place->bit_offset = field->bit_offset % 8;
	place->bit_size = field->bit_size;
	place->readonly = value->tag == KTAP_READONLY ||
			  ((base->flags | program->types[field->type].flags) & KTAP_TYPE_CONST);
	return true;
}

int ktap_cdata_make(struct ktap_activation *activation, u32 type, u64 size, struct ktap_value *to)
{
	u32 alignment = ktap_type(activation, type)->align;
	u32 offset = sizeof(struct ktap_cdata);
	struct ktap_cdata *cdata;
	u64 total;

	if (alignment > 16)
		offset += alignment;
	/* One byte more, so that a pointer to the object's end is still one into it. */
	if (__builtin_add_overflow(size, offset + 1ull, &total) || size > ~0u ||
	    alignment > 1u << 20)
		return ktap_raise_out_of_memory(activation);
	cdata = ktap_allocate(activation, KTAP_OBJECT_CDATA, total);
	if (!cdata)
		return -1;
	cdata->size = size;
	cdata->offset = sizeof(*cdata);
	if (alignment > 16)
		cdata->offset =
			((ktap_address(cdata + 1) + alignment - 1) & ~(u64)(alignment - 1)) -
			ktap_address(cdata);
	memset(ktap_cdata_data(cdata), 0, size);
	ktap_set_cdata(to, KTAP_REFERENCE, ktap_address(ktap_cdata_data(cdata)), type);
	return 0;
}

/* A record whose last member is an array without a length. */
static bool ends_flexibly(struct ktap_activation *activation, const struct ktap_image_type *type)
{
	const struct ktap_image_member *last;

	if (type->flags & KTAP_TYPE_FLEXIBLE)
		return true;
	if (type->kind != KTAP_TYPE_STRUCT || !type->count)
		return false;
	last = &activation->program->image.members[type->first + type->count - 1];
	return ktap_type(activation, last->type)->flags & KTAP_TYPE_FLEXIBLE;
}

u64 ktap_cdata_size(struct ktap_activation *activation, const struct ktap_value *cdata)
{
	const struct ktap_image_type *type = ktap_type(activation, cdata->type);
	u64 behind;

	if (ktap_is_reference(cdata) && ends_flexibly(activation, type) &&
	    ktap_owned_extent(&activation->program->heap, cdata->bits, NULL, &behind))
		return behind;
	return type->size;
}

/* A pointer, or an array as a pointer to its first element. */
static bool as_pointer(const struct ktap_program *program, const struct ktap_value *value,
		       struct ktap_value *pointer)
{
	const struct ktap_image_type *type;

	if (!ktap_is_cdata(value))
		return false;
	type = &program->types[value->type];
	if (type->kind != KTAP_TYPE_POINTER && type->kind != KTAP_TYPE_ARRAY)
		return false;
	*pointer = *value;
	if (type->kind == KTAP_TYPE_ARRAY)
		ktap_set_cdata(pointer, KTAP_SCALAR, value->bits,
			       ktap_pointer_to(program, type->ref));
	return true;
}

/* Bytes that a pointer moves by: void counts as one byte, as in GNU C. 0: not known. */
static u64 step_of(const struct ktap_program *program, const struct ktap_value *pointer)
{
	const struct ktap_image_type *target = &program->types[program->types[pointer->type].ref];

	if (target->kind == KTAP_TYPE_VOID)
		return 1;
	return ktap_type_is_complete(target) ? target->size : 0;
}

static int raise_step(struct ktap_activation *activation, const struct ktap_value *pointer)
{
	return ktap_raise(activation,
			  "no arithmetic with '%s': the size of its target is not known",
			  ktap_type_name(activation, pointer->type));
}

static int subtract_pointers(struct ktap_activation *activation, const struct ktap_value *a,
			     const struct ktap_value *b, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	u64 step = step_of(program, a);

	if (!ktap_same_type(program, program->types[a->type].ref, program->types[b->type].ref))
		return ktap_raise(activation, "'%s' and '%s' have no difference",
				  ktap_type_name(activation, a->type),
				  ktap_type_name(activation, b->type));
	if (!step)
		return raise_step(activation, a);
	ktap_set_int(to, (s64)(a->bits - b->bits) / (s64)step);
	return 1;
}

int ktap_pointer_arithmetic(struct ktap_activation *activation, u32 opcode,
			    const struct ktap_value *a, const struct ktap_value *b,
			    struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	struct ktap_value left;
	struct ktap_value right;
	struct ktap_value number;
	bool has_left = as_pointer(program, a, &left);
	bool has_right = as_pointer(program, b, &right);
	u64 step;

	if (opcode != KTAP_OP_ADD && opcode != KTAP_OP_SUB)
		return 0;
	if (has_left && has_right && opcode == KTAP_OP_SUB)
		return subtract_pointers(activation, &left, &right, to);
	if (has_right && opcode == KTAP_OP_ADD && ktap_to_number(program, a, &number))
		left = right;
	else if (!has_left || !ktap_to_number(program, b, &number))
		return 0;
	step = step_of(program, &left);
	if (!step)
		return raise_step(activation, &left);
	*to = left;
	to->bits = opcode == KTAP_OP_ADD ? left.bits + number.bits * step
					 : left.bits - number.bits * step;
	return 1;
}

bool ktap_address_of(const struct ktap_program *program, const struct ktap_value *value,
		     u64 *address)
{
	*address = value->bits;
	if (ktap_is_reference(value))
		return true;
	return value->tag == KTAP_SCALAR &&
	       (program->types[value->type].kind == KTAP_TYPE_POINTER ||
		program->types[value->type].kind == KTAP_TYPE_FUNCTION);
}

/* --- Variables of C ---------------------------------------------------------------------------- */

static void place_of_symbol(const struct ktap_program *program, u32 symbol,
			    struct ktap_place *place)
{
	const struct ktap_image_symbol *entry = &program->image.symbols[symbol];

	place->address = program->addresses[symbol];
	if (entry->base == KTAP_BASE_PERCPU)
		place->address = program->host->percpu(program->host_data, place->address);
	place->type = entry->type;
	place->bit_size = 0;
	place->readonly = program->types[entry->type].flags & KTAP_TYPE_CONST;
}

int ktap_get_symbol(struct ktap_activation *activation, u32 symbol, struct ktap_value *to)
{
	struct ktap_place place;

	place_of_symbol(activation->program, symbol, &place);
	return ktap_load(activation, &place, to);
}

void ktap_symbol_pointer(const struct ktap_program *program, u32 symbol, struct ktap_value *to)
{
	ktap_set_cdata(to, KTAP_SCALAR, program->addresses[symbol],
		       ktap_pointer_to(program, program->image.symbols[symbol].type));
}

int ktap_set_symbol(struct ktap_activation *activation, u32 symbol, const struct ktap_value *value)
{
	struct ktap_place place;

	place_of_symbol(activation->program, symbol, &place);
	return ktap_store_at(activation, &place, value, false);
}
