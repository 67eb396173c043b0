/* SPDX-License-Identifier: MIT */
/* Makes images by hand: see image_builder.h. */
#include "image_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ktap/opcodes.h>

/* One section in the making. */
struct section {
	unsigned char *bytes;
	size_t size;
	size_t entry; /* bytes */
};

struct writer {
	struct section sections[KTAP_SECTION_COUNT];
	const struct builder *builder;
	uint32_t long_type;
	uint32_t main_instructions;
};

static void *allocate(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (!memory) {
		perror("image_builder");
		exit(3);
	}
	return memory;
}

/* Adds an entry; its index. */
static uint32_t add(struct writer *writer, enum ktap_section_id id, const void *entry)
{
	struct section *section = &writer->sections[id];
	size_t size = ktap_image_entry_size(id);

	section->bytes = allocate(section->bytes, section->size + size);
	memcpy(section->bytes + section->size, entry, size);
	section->size += size;
	return section->size / size - 1;
}

static uint32_t count(const struct writer *writer, enum ktap_section_id id)
{
	return writer->sections[id].size / ktap_image_entry_size(id);
}

/* Every string is entered once, in order of first mention. */
static uint32_t add_string(struct writer *writer, const char *text)
{
	const struct section *strings = &writer->sections[KTAP_SECTION_STRINGS];
	const struct section *bytes = &writer->sections[KTAP_SECTION_BYTES];
	const struct ktap_image_string *known = (const void *)strings->bytes;
	struct ktap_image_string string = { .offset = bytes->size, .length = strlen(text) };
	uint32_t i;

	for (i = 0; i < count(writer, KTAP_SECTION_STRINGS); i++)
		if (known[i].length == string.length &&
		    memcmp(bytes->bytes + known[i].offset, text, string.length) == 0)
			return i;
	for (i = 0; i <= string.length; i++)
		add(writer, KTAP_SECTION_BYTES, &text[i]);
	return add(writer, KTAP_SECTION_STRINGS, &string);
}

static void emit(struct writer *writer, uint8_t op, uint8_t a, uint8_t b, uint8_t c, uint32_t d)
{
	struct ktap_instruction instruction = { op, a, b, c, d };

	add(writer, KTAP_SECTION_CODE, &instruction);
}

/* The type `long (long, …)` or `void (long, …)` of a call, with its plan. */
static uint32_t add_function_type(struct writer *writer, const struct builder_call *call)
{
	unsigned count_ = call->argument_count, i;
	struct ktap_image_plan plan = {
		.type = count(writer, KTAP_SECTION_TYPES),
		.first_step = count(writer, KTAP_SECTION_STEPS),
		.step_count = count_,
		.words = count_ > 6 ? count_ : 6,
		.registers_used = count_ > 6 ? 6 : count_,
		.return_kind = call->returns_value ? KTAP_RETURN_SCALAR : KTAP_RETURN_VOID,
	};
	struct ktap_image_type type = {
		.kind = KTAP_TYPE_FUNCTION,
		.ref = call->returns_value ? writer->long_type : 0,
		.first = count(writer, KTAP_SECTION_PARAMS),
		.count = count_,
		.plan = count(writer, KTAP_SECTION_PLANS),
	};
	char name[128];

	for (i = 0; i < count_; i++) {
		struct ktap_image_param param = { KTAP_NONE, writer->long_type };
		struct ktap_image_step step = {
			.kind = KTAP_STEP_SCALAR, .param = i, .slot = i, .size = 8,
		};

		add(writer, KTAP_SECTION_PARAMS, &param);
		add(writer, KTAP_SECTION_STEPS, &step);
	}
	snprintf(name, sizeof(name), "%s (%u longs) /* %s */",
		 call->returns_value ? "long" : "void", count_, call->name);
	type.name = add_string(writer, name);
	add(writer, KTAP_SECTION_PLANS, &plan);
	return add(writer, KTAP_SECTION_TYPES, &type);
}

static void add_symbol(struct writer *writer, const struct builder_call *call)
{
	struct ktap_image_symbol symbol = {
		.name = add_string(writer, call->name),
		.module = call->module ? add_string(writer, call->module) : KTAP_NONE,
		.kind = KTAP_SYMBOL_FUNCTION,
		.base = call->module ? KTAP_BASE_MODULE : KTAP_BASE_STEXT,
		.offset = call->module ? 0 : call->offset,
		.type = add_function_type(writer, call),
	};
	struct ktap_image_grant grant = {
		KTAP_GRANT_CALL, add(writer, KTAP_SECTION_SYMBOLS, &symbol),
	};

	add(writer, KTAP_SECTION_GRANTS, &grant);
}

static void end_function(struct writer *writer, uint32_t first, const char *name, uint8_t registers)
{
	struct ktap_image_line line = { 0, count(writer, KTAP_SECTION_FUNCTIONS) + 1 };
	struct ktap_image_function function = {
		.name = add_string(writer, name),
		.line = count(writer, KTAP_SECTION_FUNCTIONS) ? line.line : 0,
		.first_instruction = first,
		.instruction_count = count(writer, KTAP_SECTION_CODE) - first,
		.first_line = add(writer, KTAP_SECTION_LINES, &line),
		.line_count = 1,
		.register_count = registers,
	};

	add(writer, KTAP_SECTION_FUNCTIONS, &function);
}

/* for each call: print(pcall(function i + 1)) */
static void add_main(struct writer *writer)
{
	const struct builder *builder = writer->builder;
	unsigned i;

	for (i = 0; i < builder->call_count; i++) {
		emit(writer, KTAP_OP_BUILTIN, 0, 0, 0, KTAP_BUILTIN_PRINT);
		emit(writer, KTAP_OP_BUILTIN, 1, 0, 0, KTAP_BUILTIN_PCALL);
		emit(writer, KTAP_OP_CLOSURE, 2, 0, 0, i + 1);
		emit(writer, KTAP_OP_CALL, 1, 2, 0, 0);
		emit(writer, KTAP_OP_CALL, 0, 0, 1, 0);
	}
	if (builder->loops_forever)
		emit(writer, KTAP_OP_JMP, 0, 0, 0, 0);
	else
		emit(writer, KTAP_OP_RETURN, 0, 1, 0, 0);
	end_function(writer, 0, "main", 3);
}

/* return symbol i (arguments) */
static void add_caller(struct writer *writer, unsigned index)
{
	const struct builder_call *call = &writer->builder->calls[index];
	uint32_t first = count(writer, KTAP_SECTION_CODE), constant;
	unsigned i;

	for (i = 0; i < call->argument_count; i++) {
		struct ktap_image_constant value = {
			.kind = KTAP_CONSTANT_INT, .value = (uint64_t)call->arguments[i],
		};

		constant = add(writer, KTAP_SECTION_CONSTANTS, &value);
		emit(writer, KTAP_OP_LOADK, i, 0, 0, constant);
	}
	emit(writer, KTAP_OP_CCALL, 0, call->argument_count, 0, index);
	emit(writer, KTAP_OP_RETURN, 0, 2, 0, 0);
	end_function(writer, first, call->name, BUILDER_ARGUMENTS);
}

static uint32_t crc32_of(const unsigned char *bytes, size_t size)
{
	uint32_t crc = 0xffffffffu;
	size_t i;
	int bit;

	for (i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

void builder_seal(void *image, size_t size)
{
	struct ktap_image_header *header = image;

	header->crc32 = 0;
	header->crc32 = crc32_of(image, size);
}

static size_t align8(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Puts the sections behind header and table. */
static void *assemble(struct writer *writer, uint32_t script, uint32_t release, size_t *size)
{
	size_t offset = sizeof(struct ktap_image_header) +
			KTAP_SECTION_COUNT * sizeof(struct ktap_image_section);
	struct ktap_image_section *table;
	struct ktap_image_header *header;
	unsigned char *image;
	int id;

	*size = align8(offset);
	for (id = 0; id < KTAP_SECTION_COUNT; id++)
		*size = align8(*size) + writer->sections[id].size;
	image = allocate(NULL, *size);
	memset(image, 0, *size);
	header = (void *)image;
	*header = (struct ktap_image_header){
		.magic = KTAP_IMAGE_MAGIC,
		.version = KTAP_IMAGE_VERSION,
		.total_size = *size,
		.flags = writer->builder->flags,
		.section_count = KTAP_SECTION_COUNT,
		.script = script,
		.release = release,
	};
	table = (void *)(header + 1);
	for (id = 0; id < KTAP_SECTION_COUNT; id++) {
		offset = align8(offset);
		table[id].offset = offset;
		table[id].count = count(writer, id);
		memcpy(image + offset, writer->sections[id].bytes ? writer->sections[id].bytes
								  : (unsigned char *)"",
		       writer->sections[id].size);
		offset += writer->sections[id].size;
		free(writer->sections[id].bytes);
	}
	builder_seal(image, *size);
	return image;
}

void *builder_image(const struct builder *builder, size_t *size)
{
	struct writer writer = { .builder = builder };
	struct ktap_image_type void_type = { .kind = KTAP_TYPE_VOID, .plan = KTAP_NONE };
	struct ktap_image_type long_type = {
		.kind = KTAP_TYPE_INT, .flags = KTAP_TYPE_SIGNED, .size = 8, .align = 8,
		.plan = KTAP_NONE,
	};
	uint32_t script = add_string(&writer, "by-hand.kp");
	uint32_t release = add_string(&writer, "some release");
	unsigned i;

	void_type.name = add_string(&writer, "void");
	long_type.name = add_string(&writer, "long");
	add(&writer, KTAP_SECTION_TYPES, &void_type);
	writer.long_type = add(&writer, KTAP_SECTION_TYPES, &long_type);
	for (i = 0; i < builder->call_count; i++)
		add_symbol(&writer, &builder->calls[i]);
	if (builder->needs_write) {
		struct ktap_image_grant grant = { KTAP_GRANT_WRITE, KTAP_NONE };

		add(&writer, KTAP_SECTION_GRANTS, &grant);
	}
	add_main(&writer);
	for (i = 0; i < builder->call_count; i++)
		add_caller(&writer, i);
	for (i = 0; i < builder->build_id_size; i++)
		add(&writer, KTAP_SECTION_BUILD_ID, &builder->build_id[i]);
	return assemble(&writer, script, release, size);
}
