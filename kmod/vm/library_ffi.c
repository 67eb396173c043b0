/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* ffi.copy, ffi.fill and what else asks about or changes C objects as a whole. */
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "library.h"
#include "memory.h"
#include "string.h"

/* An array is const if its elements are (C11 6.7.3p9). */
static bool is_const(const struct ktap_program *program, u32 type)
{
	while (program->types[type].kind == KTAP_TYPE_ARRAY)
		type = program->types[type].ref;
	return program->types[type].flags & KTAP_TYPE_CONST;
}

int ktap_argument_address(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 number, const char *function, bool write, u64 *address)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_value *value = &arguments[number - 1];
	const struct ktap_image_type *type = &program->types[value->type];

	*address = value->bits;
	if (value->tag == KTAP_STRING && !write) {
		*address = ktap_address(value->string->bytes);
		return 0;
	}
	if (ktap_is_reference(value) ||
	    (value->tag == KTAP_SCALAR && type->kind == KTAP_TYPE_POINTER)) {
		if (!write || (value->tag != KTAP_READONLY &&
			       !is_const(program, value->tag == KTAP_SCALAR ? type->ref : value->type)))
			return 0;
		return ktap_raise_argument(activation, number, function,
					   "'%s' must not be written to",
					   ktap_type_name_of(activation, value));
	}
	return ktap_raise_argument(activation, number, function, "cannot convert '%s' to '%s'",
				   ktap_type_name_of(activation, value),
				   write ? "void *" : "const void *");
}

static int argument_size(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, u32 number, const char *function, u64 *size)
{
	s64 value;

	if (ktap_argument_number(activation, arguments, count, number, function, &value))
		return -1;
	if (value < 0)
		return ktap_raise_argument(activation, number, function, "%lld is less than 0",
					   (long long)value);
	*size = value;
	return 0;
}

/* ffi.copy(to, from, bytes), or ffi.copy(to, string): with its zero byte. */
int ktap_builtin_copy(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u64 size = 0;
	u64 from;
	u64 to;

	(void)results;
	if (ktap_argument_address(activation, arguments, 1, "ffi.copy", true, &to) ||
	    ktap_argument_address(activation, arguments, 2, "ffi.copy", false, &from))
		return -1;
	if (count < 3 && arguments[1].tag != KTAP_STRING)
		return ktap_raise_argument(activation, 3, "ffi.copy", "how many bytes?");
	if (count < 3)
		size = arguments[1].string->length + 1ull;
	else if (argument_size(activation, arguments, count, 3, "ffi.copy", &size))
		return -1;
	if (ktap_spend(activation, size / 64))
		return -1;
	return ktap_copy(activation, to, from, size) ? -1 : 0;
}

#define CHUNK 256u

/* ffi.fill(to, bytes [, byte]) */
int ktap_builtin_fill(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	u8 bytes[CHUNK];
	u64 size = 0;
	u64 part;
	s64 byte;
	u64 to;

	(void)results;
	if (ktap_argument_address(activation, arguments, 1, "ffi.fill", true, &to) ||
	    argument_size(activation, arguments, count, 2, "ffi.fill", &size) ||
	    ktap_argument_optional(activation, arguments, count, 3, "ffi.fill", 0, &byte))
		return -1;
	memset(bytes, byte, sizeof(bytes));
	for (; size; size -= part, to += part) {
		part = size < CHUNK ? size : CHUNK;
		if (ktap_spend(activation, part / 64) || ktap_write(activation, to, bytes, part))
			return -1;
	}
	return 0;
}

/* ffi.istype(type, value): cdata of the type, or a pointer to a record of it. */
int ktap_builtin_istype(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	const struct ktap_value *value = &arguments[1];
	const struct ktap_image_type *type;
	bool is = false;

	(void)count;
	if (arguments[0].tag != KTAP_CTYPE)
		return ktap_raise_argument(activation, 1, "ffi.istype", "ctype expected, got %s",
					   ktap_type_name_of(activation, &arguments[0]));
	if (ktap_is_cdata(value)) {
		type = &program->types[value->type];
		is = ktap_same_type(program, arguments[0].bits, value->type) ||
		     (type->kind == KTAP_TYPE_POINTER &&
		      ktap_type_is_record(&program->types[arguments[0].bits]) &&
		      ktap_same_type(program, arguments[0].bits, type->ref));
	}
	ktap_set_bool(&results[0], is);
	return 1;
}

/* ffi.errno([number]): of the last call; a number is what the next one finds. */
int ktap_builtin_errno(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	s64 number;

	ktap_set_int(&results[0], activation->call.error);
	if (count && ktap_argument_number(activation, arguments, count, 1, "ffi.errno", &number))
		return -1;
	if (count)
		activation->call.error = number;
	return 1;
}

/* ffi.abi(word): whether it describes the ABI that scripts meet. */
int ktap_builtin_abi(struct ktap_activation *activation, const struct ktap_value *arguments,
		     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	static const char words[][8] = { "64bit", "le", "sysv" };
	const struct ktap_string *word;
	bool is = false;
	u32 i;

	if (ktap_argument_string(activation, arguments, count, 1, "ffi.abi", &word))
		return -1;
	for (i = 0; i < KTAP_COUNT_OF(words); i++) {
		/* The zero byte behind a string is compared, too. */
		is |= word->length < sizeof(words[i]) &&
		      !memcmp(word->bytes, words[i], word->length + 1);
	}
	ktap_set_bool(&results[0], is);
	return 1;
}

/* ffi.container_of(type, pointer, member): the record whose member the pointer leads to. */
int ktap_builtin_container_of(struct ktap_activation *activation,
			      const struct ktap_value *arguments, u32 count,
			      struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	const struct ktap_string *name;
	struct ktap_place place = { 0 };
	u64 address;

	if (arguments[0].tag != KTAP_CTYPE ||
	    !ktap_type_is_record(&program->types[arguments[0].bits]))
		return ktap_raise_argument(activation, 1, "ffi.container_of",
					   "the type of a struct or union expected");
	if (ktap_argument_address(activation, arguments, 2, "ffi.container_of", false, &address) ||
	    ktap_argument_string(activation, arguments, count, 3, "ffi.container_of", &name))
		return -1;
	place.type = arguments[0].bits;
	if (!ktap_find_member(program, name, &place))
		return ktap_raise_argument(activation, 3, "ffi.container_of",
					   "'%s' has no member '%s'",
					   ktap_type_name(activation, arguments[0].bits),
					   name->bytes);
	ktap_set_cdata(&results[0], KTAP_SCALAR, address - place.address,
		       ktap_pointer_to(program, arguments[0].bits));
	return 1;
}

/* symbol_of(address): "name+0x1/0x2", what %pS prints; nil where the host does not tell. */
int ktap_builtin_symbol_of(struct ktap_activation *activation, const struct ktap_value *arguments,
			   u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	char *text = (char *)activation->slots;
	struct ktap_string *string;
	struct ktap_value number;
	long length = -1;
	u64 address;

	(void)count;
	if (ktap_to_number(program, &arguments[0], &number))
		address = number.bits;
	else if (!ktap_is_cdata(&arguments[0]) ||
		 !ktap_address_of(program, &arguments[0], &address))
		return ktap_raise_argument(activation, 1, "symbol_of", "an address expected, got %s",
					   ktap_type_name_of(activation, &arguments[0]));
	if (program->host->fact)
		length = program->host->fact(program->host_data, KTAP_FACT_SYMBOL, address, text,
					     sizeof(activation->slots));
	ktap_set_nil(&results[0]);
	if (length <= 0)
		return 1;
	string = ktap_string_make(activation, text, length);
	if (!string)
		return -1;
	ktap_set_string(&results[0], string);
	return 1;
}
