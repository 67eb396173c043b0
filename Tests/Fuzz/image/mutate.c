// SPDX-License-Identifier: MIT
/*
 * The mutator: takes an image apart, changes a few of its entries (code most of all), and puts it
 * together with a right checksum, so that what is changed is met by the rule that is about it, or
 * by the interpreter.
 */
#include <string.h>

#include "image.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
				 size_t second_size, uint8_t *out, size_t room, unsigned int seed);

static uint64_t state;

static uint64_t next_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0 .. limit-1; 0 for 0. */
static uint32_t below(uint32_t limit)
{
	return limit ? next_random() % limit : 0;
}

static bool one_in(uint32_t number)
{
	return !below(number);
}

/* A number that is near one of those at which something happens. */
static uint64_t striking_number(void)
{
	static const uint64_t bases[] = {
		0, 1, 2, 8, 16, 64, 250, 255, 256, 65535, 65536, 1u << 20, 0x7fffffff, 0xffffffff,
		1ull << 40, 0x7fffffffffffffff, 0xffffffffffffffff,
	};

	return bases[below(sizeof(bases) / sizeof(bases[0]))] + below(3) - 1;
}

/* An operand of this kind, almost always one that exists. */
static uint32_t operand(const struct parts *parts, const struct ktap_image_function *function,
			uint32_t kind)
{
	const struct ktap_image_constant *constants =
		(const void *)parts->bytes[KTAP_SECTION_CONSTANTS];
	uint32_t constant;

	if (one_in(200))
		return striking_number();
	switch (kind) {
	case KTAP_OPERAND_ZERO:
		return 0;
	case KTAP_OPERAND_OUT:
	case KTAP_OPERAND_IN:
	case KTAP_OPERAND_BASE:
		return below(function->register_count);
	case KTAP_OPERAND_IMM:
		return one_in(2) ? below(16) : striking_number();
	case KTAP_OPERAND_COUNT:
		return below(one_in(8) ? 250 : 5);
	case KTAP_OPERAND_CAP:
		return below(function->capture_count);
	case KTAP_OPERAND_CONST:
		return below(parts->count[KTAP_SECTION_CONSTANTS]);
	case KTAP_OPERAND_CONSTS:
		constant = below(parts->count[KTAP_SECTION_CONSTANTS]);
		for (uint32_t i = 0; i < parts->count[KTAP_SECTION_CONSTANTS]; i++) {
			if (constants[constant].kind == KTAP_CONSTANT_STRING)
				break;
			constant = (constant + 1) % parts->count[KTAP_SECTION_CONSTANTS];
		}
		return constant;
	case KTAP_OPERAND_GLOBAL:
		return below(parts->count[KTAP_SECTION_GLOBALS]);
	case KTAP_OPERAND_FUNC:
		return below(parts->count[KTAP_SECTION_FUNCTIONS]);
	case KTAP_OPERAND_SYMBOL:
		return below(parts->count[KTAP_SECTION_SYMBOLS]);
	case KTAP_OPERAND_BUILTIN:
		return below(KTAP_BUILTIN_COUNT);
	case KTAP_OPERAND_FIELD:
		return below(parts->count[KTAP_SECTION_FIELDS]);
	case KTAP_OPERAND_JUMP:
		return below(function->instruction_count);
	}
	return next_random();
}

/* Draws the operands chosen by the bits of `which` anew. */
static void draw_operands(const struct parts *parts, const struct ktap_image_function *function,
			  struct ktap_instruction *i, uint32_t which)
{
	const struct ktap_opcode_info *info = ktap_opcode_info(i->op);

	if (!info)
		return;
	if (which & 1)
		i->a = operand(parts, function, info->a);
	if (which & 2)
		i->b = operand(parts, function, info->b);
	if (which & 4)
		i->c = operand(parts, function, info->c);
	if (which & 8)
		i->d = operand(parts, function, info->d);
}

static void draw_instruction(const struct parts *parts, const struct ktap_image_function *function,
			     struct ktap_instruction *i)
{
	i->op = below(KTAP_OP_COUNT);
	draw_operands(parts, function, i, 15);
}

/* A function whose code is where it says; null if there is none. */
static struct ktap_image_function *some_function(struct parts *parts)
{
	struct ktap_image_function *function =
		&functions_of(parts)[below(parts->count[KTAP_SECTION_FUNCTIONS])];
	uint32_t count = parts->count[KTAP_SECTION_CODE];

	if (!parts->count[KTAP_SECTION_FUNCTIONS] || !function->instruction_count ||
	    function->first_instruction > count ||
	    function->instruction_count > count - function->first_instruction)
		return NULL;
	return function;
}

static void change_instruction(struct parts *parts)
{
	struct ktap_image_function *function = some_function(parts);
	struct ktap_instruction *code;
	struct ktap_instruction *i;

	if (!function)
		return;
	code = code_of(parts) + function->first_instruction;
	i = &code[below(function->instruction_count)];
	switch (below(6)) {
	case 0:
		draw_instruction(parts, function, i);
		break;
	case 1: /* another opcode with the same operands, where they fit */
		i->op = below(KTAP_OP_COUNT);
		break;
	case 2:
		*i = code[below(function->instruction_count)];
		break;
	default:
		draw_operands(parts, function, i, 1u << below(4));
		break;
	}
}

/* Jumps of a function go to the same instructions after `change` of them were added at `at`. */
static void move_jumps(struct parts *parts, const struct ktap_image_function *function, uint32_t at,
		       int32_t change)
{
	struct ktap_instruction *code = code_of(parts) + function->first_instruction;

	for (uint32_t n = 0; n < function->instruction_count; n++) {
		const struct ktap_opcode_info *info = ktap_opcode_info(code[n].op);

		if (info && info->d == KTAP_OPERAND_JUMP && code[n].d > at)
			code[n].d += change;
	}
}

/* All functions' first instructions behind `place` move. */
static void move_functions(struct parts *parts, uint32_t place, int32_t change)
{
	for (uint32_t n = 0; n < parts->count[KTAP_SECTION_FUNCTIONS]; n++) {
		if (functions_of(parts)[n].first_instruction > place)
			functions_of(parts)[n].first_instruction += change;
	}
}

static void insert_instruction(struct parts *parts)
{
	struct ktap_image_function *function = some_function(parts);
	uint32_t count = parts->count[KTAP_SECTION_CODE];
	struct ktap_instruction *code = code_of(parts);
	uint32_t at;
	uint32_t place;

	if (!function || (count + 1) * sizeof(*code) > SECTION_ROOM)
		return;
	at = below(function->instruction_count);
	place = function->first_instruction + at;
	memmove(&code[place + 1], &code[place], (count - place) * sizeof(*code));
	parts->count[KTAP_SECTION_CODE]++;
	move_functions(parts, place, 1);
	function->instruction_count++;
	draw_instruction(parts, function, &code[place]);
	move_jumps(parts, function, at, 1);
}

static void remove_instruction(struct parts *parts)
{
	struct ktap_image_function *function = some_function(parts);
	uint32_t count = parts->count[KTAP_SECTION_CODE];
	struct ktap_instruction *code = code_of(parts);
	uint32_t at;
	uint32_t place;

	if (!function || function->instruction_count < 2)
		return;
	at = below(function->instruction_count - 1);
	place = function->first_instruction + at;
	move_jumps(parts, function, at, -1);
	memmove(&code[place], &code[place + 1], (count - place - 1) * sizeof(*code));
	parts->count[KTAP_SECTION_CODE]--;
	function->instruction_count--;
	move_functions(parts, place, -1);
}

/* A field of 1, 2, 4 or 8 bytes of any entry of any section. */
static void change_field(struct parts *parts)
{
	uint32_t section = below(KTAP_SECTION_COUNT);
	uint32_t size = ktap_image_entry_size(section);
	uint32_t count = parts->count[section];
	uint32_t width = size < 8 ? (size < 4 ? 1 : 4) : 1u << below(4);
	uint32_t offset = below(size / width) * width;
	uint8_t *field = parts->bytes[section] + (size_t)below(count) * size + offset;
	uint64_t value = 0;

	if (!count)
		return;
	memcpy(&value, field, width);
	switch (below(5)) {
	case 0:
		value = striking_number();
		break;
	case 1:
		value += (uint64_t)below(5) - 2;
		break;
	case 2:
		value ^= 1ull << below(width * 8);
		break;
	case 3:
		value = below(16);
		break;
	default: /* the same field of another entry */
		memcpy(&value, parts->bytes[section] + (size_t)below(count) * size + offset, width);
		break;
	}
	memcpy(field, &value, width);
}

/* One entry more, a copy of another one, or one less, anywhere in a section. */
static void change_count(struct parts *parts)
{
	uint32_t section = below(KTAP_SECTION_COUNT);
	size_t size = ktap_image_entry_size(section);
	size_t count = parts->count[section];
	uint8_t *place = parts->bytes[section] + below(count + 1) * size;
	uint8_t *end = parts->bytes[section] + count * size;

	if (one_in(2)) {
		if ((count + 1) * size > SECTION_ROOM)
			return;
		memmove(place + size, place, end - place);
		if (place == end)
			memset(place, 0, size);
		parts->count[section]++;
	} else if (place < end) {
		memmove(place, place + size, end - place - size);
		parts->count[section]--;
	}
}

static void change_header(struct parts *parts)
{
	switch (below(4)) {
	case 0:
		parts->header.flags = 1u << below(6);
		break;
	case 1:
		parts->header.script = below(4) ? 0 : striking_number();
		break;
	case 2:
		parts->header.release = striking_number();
		break;
	default:
		((uint8_t *)&parts->header)[below(sizeof(parts->header))] ^= 1u << below(8);
		break;
	}
}

static void change_part(struct parts *parts)
{
	uint32_t kind = below(100);

	if (kind < 50)
		change_instruction(parts);
	else if (kind < 62)
		insert_instruction(parts);
	else if (kind < 70)
		remove_instruction(parts);
	else if (kind < 94)
		change_field(parts);
	else if (kind < 99)
		change_count(parts);
	else
		change_header(parts);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	static struct parts parts;
	size_t result;

	state = seed;
	if (one_in(500) || !take_apart(&parts, data, size))
		return LLVMFuzzerMutate(data, size, room);
	do
		change_part(&parts);
	while (!one_in(3));
	result = put_together(&parts, data, room);
	return result ? result : size;
}

/* Code of a function of the second image into the first, with operands that exist there. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_size, const uint8_t *second,
				 size_t second_size, uint8_t *out, size_t room, unsigned int seed)
{
	static struct parts to, from;
	struct ktap_image_function *into;
	struct ktap_image_function *source;
	uint32_t count;

	state = seed;
	if (!take_apart(&to, first, first_size) || !take_apart(&from, second, second_size))
		return 0;
	into = some_function(&to);
	source = some_function(&from);
	if (!into || !source)
		return 0;
	count = into->instruction_count < source->instruction_count ? into->instruction_count
								    : source->instruction_count;
	count = below(count);
	into->register_count = source->register_count;
	for (uint32_t n = 0; n < count; n++) {
		struct ktap_instruction *i = code_of(&to) + into->first_instruction + n;

		*i = code_of(&from)[source->first_instruction + n];
		if (i->op < KTAP_OP_COUNT && ktap_opcode_info(i->op)->d != KTAP_OPERAND_IMM)
			draw_operands(&to, into, i, 8);
	}
	return put_together(&to, out, room);
}
