/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "error.h"
#include "ctype.h"
#include "string.h"

u32 ktap_pc_of(const struct ktap_frame *frame)
{
	u32 next = frame->pc - frame->closure->code;

	return next ? next - 1 : 0;
}

/* The line of an instruction; 0 if the image has none. */
static u32 line_of(const struct ktap_program *program, const struct ktap_image_function *function,
		   u32 pc)
{
	const struct ktap_image_line *lines = program->image.lines + function->first_line;
	u32 low = 0;
	u32 high = function->line_count;
	u32 middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (lines[middle].pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? lines[low - 1].line : 0;
}

/* The innermost frame of the script. */
static const struct ktap_frame *script_frame(const struct ktap_activation *activation)
{
	const struct ktap_frame *frame = activation->frame;

	while (frame >= activation->frames && frame->kind != KTAP_FRAME_SCRIPT)
		frame--;
	return frame >= activation->frames ? frame : NULL;
}

void ktap_add_position(struct ktap_activation *activation)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_frame *frame = script_frame(activation);
	u32 line = 0;

	ktap_text_string(&activation->text, ktap_text_of(program, program->image.header->script));
	if (frame)
		line = line_of(program, frame->closure->function, ktap_pc_of(frame));
	if (line)
		ktap_text_add(&activation->text, ":%u", line);
	ktap_text_string(&activation->text, ": ");
}

static void begin_message(struct ktap_activation *activation)
{
	ktap_text_begin(&activation->text, activation->text_bytes, sizeof(activation->text_bytes));
	ktap_add_position(activation);
}

static int finish_message(struct ktap_activation *activation)
{
	struct ktap_string *string =
		ktap_string_try(activation, activation->text.bytes, activation->text.length);

	ktap_set_string(&activation->error, string ? string : activation->program->out_of_memory);
	return -1;
}

int ktap_raise(struct ktap_activation *activation, const char *format, ...)
{
	__builtin_va_list arguments;

	begin_message(activation);
	__builtin_va_start(arguments, format);
	ktap_text_vadd(&activation->text, format, arguments);
	__builtin_va_end(arguments);
	return finish_message(activation);
}

int ktap_raise_out_of_memory(struct ktap_activation *activation)
{
	return ktap_raise(activation, "%s", activation->program->out_of_memory->bytes);
}

int ktap_raise_budget(struct ktap_activation *activation)
{
	activation->final = true;
	return ktap_raise(activation, "loop execute count exceed max limit (%llu instructions)",
			  (unsigned long long)activation->limit);
}

int ktap_raise_stopped(struct ktap_activation *activation)
{
	activation->final = true;
	activation->interrupted = true;
	return ktap_raise(activation, "interrupted");
}

int ktap_raise_argument(struct ktap_activation *activation, u32 number, const char *function,
			const char *format, ...)
{
	__builtin_va_list arguments;

	begin_message(activation);
	ktap_text_add(&activation->text, "bad argument #%u to '%s' (", number, function);
	__builtin_va_start(arguments, format);
	ktap_text_vadd(&activation->text, format, arguments);
	__builtin_va_end(arguments);
	ktap_text_string(&activation->text, ")");
	return finish_message(activation);
}

const char *ktap_type_name_of(struct ktap_activation *activation, const struct ktap_value *value)
{
	static const char *const names[] = {
		[KTAP_INT] = "number",    [KTAP_UINT] = "number",      [KTAP_NIL] = "nil",
		[KTAP_FALSE] = "boolean", [KTAP_TRUE] = "boolean",     [KTAP_STRING] = "string",
		[KTAP_TABLE] = "table",   [KTAP_CLOSURE] = "function", [KTAP_BUILTIN] = "function",
		[KTAP_CTYPE] = "ctype",
	};

	return ktap_is_cdata(value) ? ktap_type_name(activation, value->type) : names[value->tag];
}

/* Whether an instruction writes a register. */
static bool writes(const struct ktap_instruction *i, u32 reg)
{
	switch (i->op) {
	case KTAP_OP_LOADNIL:
		return reg >= i->a && reg < i->a + (u32)i->b;
	case KTAP_OP_CALL:
	case KTAP_OP_VARARG:
		return reg >= i->a;
	case KTAP_OP_CCALL:
		return reg == i->a;
	case KTAP_OP_ITERCALL:
		return reg >= i->a + 3u;
	case KTAP_OP_FORPREP:
	case KTAP_OP_FORLOOP:
		return reg >= i->a && reg < i->a + 4u;
	}
	return ktap_opcode_info(i->op)->a == KTAP_OPERAND_OUT && reg == i->a;
}

#define NEVER 0xffffffffu

/*
 * The instruction before `pc` that gave a register its value; NEVER if there is none, or if it
 * depends on the way that execution took.
 */
static u32 last_writer(const struct ktap_instruction *code, u32 pc, u32 reg)
{
	u32 joined = 0; /* behind here all ways are one */
	u32 writer = NEVER;
	u32 i;

	for (i = 0; i < pc; i++) {
		if (writes(&code[i], reg))
			writer = i < joined ? NEVER : i;
		if (ktap_opcode_info(code[i].op)->d == KTAP_OPERAND_JUMP && code[i].d > i &&
		    code[i].d <= pc && code[i].d > joined)
			joined = code[i].d;
	}
	return writer;
}

/* Adds " (global 'x')" and the like for what an instruction loaded. */
static void add_origin(struct ktap_activation *activation, const struct ktap_instruction *i)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_sections *image = &program->image;
	struct ktap_text *text = &activation->text;

	switch (i->op) {
	case KTAP_OP_GETGLOBAL:
		ktap_text_add(text, " (global '%s')",
			      ktap_text_of(program, image->globals[i->d].name));
		break;
	case KTAP_OP_GETFIELD:
		ktap_text_add(text, " (field '%s')",
			      ktap_text_of(program, image->constants[i->d].value));
		break;
	case KTAP_OP_GETMEMBER:
		ktap_text_add(text, " (field '%s')",
			      ktap_text_of(program, image->fields[i->d].name));
		break;
	case KTAP_OP_GETSYM:
		ktap_text_add(text, " (symbol '%s')",
			      ktap_text_of(program, image->symbols[i->d].name));
		break;
	case KTAP_OP_CCALL:
		ktap_text_add(text, " (result of '%s')",
			      ktap_text_of(program, image->symbols[i->d].name));
		break;
	case KTAP_OP_BUILTIN:
		ktap_text_add(text, " (builtin '%s')", ktap_builtin_info(i->d)->name);
		break;
	}
}

static void add_register_origin(struct ktap_activation *activation, const struct ktap_frame *frame,
				u32 reg)
{
	const struct ktap_instruction *code = frame->closure->code;
	u32 pc = ktap_pc_of(frame);
	u32 moves;

	for (moves = 0; moves < 4; moves++) {
		pc = last_writer(code, pc, reg);
		if (pc == NEVER)
			return;
		if (code[pc].op != KTAP_OP_MOVE)
			break;
		reg = code[pc].b;
	}
	add_origin(activation, &code[pc]);
}

int ktap_raise_operand(struct ktap_activation *activation, const char *verb,
		       const struct ktap_value *value)
{
	const struct ktap_frame *frame = script_frame(activation);

	begin_message(activation);
	ktap_text_add(&activation->text, "attempt to %s a %s value", verb,
		      ktap_type_name_of(activation, value));
	if (frame && value >= frame->base &&
	    value < frame->base + frame->closure->function->register_count)
		add_register_origin(activation, frame, value - frame->base);
	return finish_message(activation);
}
