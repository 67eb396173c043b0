/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The verifier: functions and their code. After it the interpreter checks no register, constant,
 * capture, function, symbol or jump target, and TOP is only used where an open CALL has set it.
 */
#include "verify.h"

struct function_check {
	const struct ktap_image_function *function;
	const struct ktap_instruction *code;
	u32 index;
	u8 *targets; /* one bit per instruction of the image: jumped to */
	u32 pc;
};

static int refuse(struct ktap_verifier *v, const struct function_check *f, const char *why)
{
	const struct ktap_opcode_info *info = ktap_opcode_info(f->code[f->pc].op);

	return ktap_refuse_code(v, f->index, f->pc, "%s: %s", info->mnemonic, why);
}

static bool has_bit(const u8 *bits, u32 i)
{
	return bits[i / 8] & 1 << i % 8;
}

static void set_bit(u8 *bits, u32 i)
{
	bits[i / 8] |= 1 << i % 8;
}

/* Whether `operand` is right for what the opcode table says it is; null, or why not. */
static const char *wrong_operand(struct ktap_verifier *v, const struct function_check *f, u32 kind,
				 u32 operand)
{
	const u32 *count = v->s.count;

	switch (kind) {
	case KTAP_OPERAND_ZERO:
		return operand ? "an unused operand is not zero" : NULL;
	case KTAP_OPERAND_OUT:
	case KTAP_OPERAND_IN:
	case KTAP_OPERAND_BASE:
		return operand < f->function->register_count ? NULL : "no such register";
	case KTAP_OPERAND_IMM:
	case KTAP_OPERAND_COUNT:
		return NULL;
	case KTAP_OPERAND_CAP:
		return operand < f->function->capture_count ? NULL : "no such capture";
	case KTAP_OPERAND_CONST:
		return operand < count[KTAP_SECTION_CONSTANTS] ? NULL : "no such constant";
	case KTAP_OPERAND_CONSTS:
		if (operand >= count[KTAP_SECTION_CONSTANTS])
			return "no such constant";
		return v->s.constants[operand].kind == KTAP_CONSTANT_STRING
			       ? NULL
			       : "the constant is no string";
	case KTAP_OPERAND_GLOBAL:
		return operand < count[KTAP_SECTION_GLOBALS] ? NULL : "no such global";
	case KTAP_OPERAND_FUNC:
		return operand < count[KTAP_SECTION_FUNCTIONS] ? NULL : "no such function";
	case KTAP_OPERAND_SYMBOL:
		return operand < count[KTAP_SECTION_SYMBOLS] ? NULL : "no such symbol";
	case KTAP_OPERAND_BUILTIN:
		return operand < KTAP_BUILTIN_COUNT ? NULL : "no such builtin";
	case KTAP_OPERAND_FIELD:
		return operand < count[KTAP_SECTION_FIELDS] ? NULL : "no such field";
	case KTAP_OPERAND_JUMP:
		return operand < f->function->instruction_count ? NULL : "no such jump target";
	}
	return "unknown operand";
}

static int verify_operands(struct ktap_verifier *v, struct function_check *f)
{
	const struct ktap_instruction *i = &f->code[f->pc];
	const struct ktap_opcode_info *info = ktap_opcode_info(i->op);
	const char *why;

	if (!info)
		return ktap_refuse_code(v, f->index, f->pc, "unknown opcode %u", i->op);
	why = wrong_operand(v, f, info->a, i->a);
	if (!why)
		why = wrong_operand(v, f, info->b, i->b);
	if (!why)
		why = wrong_operand(v, f, info->c, i->c);
	if (!why)
		why = wrong_operand(v, f, info->d, i->d);
	if (why)
		return refuse(v, f, why);
	if (info->d == KTAP_OPERAND_JUMP)
		set_bit(f->targets, f->function->first_instruction + i->d);
	ktap_verify_step(v);
	return 0;
}

/* Registers first .. first+count-1 exist. */
static int verify_run(struct ktap_verifier *v, const struct function_check *f, u32 first, u32 count)
{
	if (first + count > f->function->register_count)
		return refuse(v, f, "a run of registers beyond the last one");
	return 0;
}

/* An open CALL or VARARG. */
static bool leaves_top(const struct ktap_instruction *i)
{
	return (i->op == KTAP_OP_CALL || i->op == KTAP_OP_VARARG) && !i->c;
}

/*
 * The values up to TOP that the instruction takes start at register `first`: the one before it
 * must be an open CALL that left its results at `first` or behind, and nothing may jump between.
 */
static int verify_top(struct ktap_verifier *v, const struct function_check *f, u32 first)
{
	const struct ktap_instruction *call = &f->code[f->pc] - 1;

	if (!f->pc || !leaves_top(call))
		return refuse(v, f,
			      "takes the values of an open call, but there is none before it");
	if (call->a < first)
		return refuse(v, f, "the open call's values begin before its own");
	if (has_bit(f->targets, f->function->first_instruction + f->pc))
		return refuse(v, f, "a jump between an open call and its use");
	return 0;
}

static bool takes_top(const struct ktap_instruction *i)
{
	switch (i->op) {
	case KTAP_OP_CALL:
	case KTAP_OP_RETURN:
		return !i->b;
	case KTAP_OP_SETLIST:
		return !i->c;
	case KTAP_OP_CCALL:
		return i->c == 1;
	}
	return false;
}

/* The values that an open call leaves are taken by the next instruction. */
static int verify_open(struct ktap_verifier *v, const struct function_check *f,
		       const struct ktap_instruction *i)
{
	if (!i->c && (f->pc + 1 >= f->function->instruction_count || !takes_top(i + 1)))
		return refuse(v, f, "an open call whose values nothing takes");
	return 0;
}

static int verify_vararg(struct ktap_verifier *v, const struct function_check *f,
			 const struct ktap_instruction *i)
{
	if (!(f->function->flags & KTAP_FUNCTION_VARIADIC))
		return refuse(v, f, "the function is not variadic");
	if (verify_open(v, f, i))
		return -1;
	return verify_run(v, f, i->a, i->c ? i->c - 1u : 0);
}

static int verify_call(struct ktap_verifier *v, const struct function_check *f,
		       const struct ktap_instruction *i)
{
	if (!i->b && verify_top(v, f, i->a + 1u))
		return -1;
	if (verify_open(v, f, i))
		return -1;
	return verify_run(v, f, i->a, i->b >= i->c ? i->b : i->c - 1u);
}

static int verify_ccall(struct ktap_verifier *v, const struct function_check *f,
			const struct ktap_instruction *i)
{
	const struct ktap_image_symbol *symbol = &v->s.symbols[i->d];

	if (symbol->kind != KTAP_SYMBOL_FUNCTION)
		return refuse(v, f, "the symbol is no function");
	if (v->s.types[symbol->type].plan == KTAP_NONE)
		return refuse(v, f, "the function has no call plan");
	if (i->c > 1 || (i->c && i->b))
		return refuse(v, f, "c is neither 0 nor 1 with b = 0");
	if (i->c)
		return verify_top(v, f, i->a);
	return verify_run(v, f, i->a, i->b);
}

static int verify_closure(struct ktap_verifier *v, const struct function_check *f,
			  const struct ktap_instruction *i)
{
	const struct ktap_image_function *made = &v->s.functions[i->d];
	u32 n;

	for (n = 0; n < made->capture_count; n++) {
		const struct ktap_image_capture *capture = &v->s.captures[made->first_capture + n];

		if (capture->index >= (capture->from_register ? f->function->register_count
							      : f->function->capture_count))
			return refuse(v, f, "the new function captures what does not exist");
		ktap_verify_step(v);
	}
	return 0;
}

static int verify_small(struct ktap_verifier *v, const struct function_check *f,
			const struct ktap_instruction *i)
{
	if (i->c == KTAP_SMALL_INT)
		return 0;
	if (i->c != KTAP_SMALL_FALSE && i->c != KTAP_SMALL_TRUE)
		return refuse(v, f, "c is neither 0 (a number), 3 (false) nor 4 (true)");
	return i->d ? refuse(v, f, "d of a boolean is not zero") : 0;
}

/* What the table of operand kinds cannot say. */
static int verify_instruction(struct ktap_verifier *v, const struct function_check *f)
{
	const struct ktap_instruction *i = &f->code[f->pc];

	switch (i->op) {
	case KTAP_OP_LOADNIL:
		return i->b ? verify_run(v, f, i->a, i->b) : refuse(v, f, "b is zero");
	case KTAP_OP_LOADBOOL:
		return i->b <= 1 ? 0 : refuse(v, f, "b is neither 0 nor 1");
	case KTAP_OP_VARARG:
		return verify_vararg(v, f, i);
	case KTAP_OP_CONCAT:
	case KTAP_OP_KEY:
		return i->c >= 2 ? verify_run(v, f, i->b, i->c) : refuse(v, f, "c is less than 2");
	case KTAP_OP_SETSMALL:
		return verify_small(v, f, i);
	case KTAP_OP_SETLIST:
		return i->c ? verify_run(v, f, i->b, i->c) : verify_top(v, f, i->b);
	case KTAP_OP_CALL:
		return verify_call(v, f, i);
	case KTAP_OP_RETURN:
		return i->b ? verify_run(v, f, i->a, i->b - 1u) : verify_top(v, f, i->a);
	case KTAP_OP_CCALL:
		return verify_ccall(v, f, i);
	case KTAP_OP_SETSYM:
	case KTAP_OP_SYMADDR:
		return v->s.symbols[i->d].kind == KTAP_SYMBOL_VARIABLE
			       ? 0
			       : refuse(v, f, "the symbol is no variable");
	case KTAP_OP_CLOSURE:
		return verify_closure(v, f, i);
	case KTAP_OP_FORPREP:
		if (i->d <= f->pc)
			return refuse(v, f, "jumps backwards");
		return verify_run(v, f, i->a, 4);
	case KTAP_OP_FORLOOP:
	case KTAP_OP_ITERLOOP:
		if (i->d > f->pc)
			return refuse(v, f, "jumps forwards");
		return verify_run(v, f, i->a, 4);
	case KTAP_OP_ITERCALL:
		return i->c ? verify_run(v, f, i->a, 3u + i->c) : refuse(v, f, "c is zero");
	}
	return 0;
}

static bool falls_through(const struct ktap_instruction *i)
{
	return i->op != KTAP_OP_JMP && i->op != KTAP_OP_RETURN;
}

static int verify_code(struct ktap_verifier *v, struct function_check *f)
{
	u32 count = f->function->instruction_count;

	for (f->pc = 0; f->pc < count; f->pc++) {
		if (verify_operands(v, f))
			return -1;
	}
	for (f->pc = 0; f->pc < count; f->pc++) {
		if (verify_instruction(v, f))
			return -1;
	}
	f->pc = count - 1;
	if (falls_through(&f->code[f->pc]))
		return refuse(v, f, "execution runs off the function's end");
	return 0;
}

/* Sorted by pc, the first is pc 0. */
static int verify_lines(struct ktap_verifier *v, const struct function_check *f)
{
	u32 i;

	for (i = 0; i < f->function->line_count; i++) {
		const struct ktap_image_line *line = &v->s.lines[f->function->first_line + i];

		if (i ? line->pc <= line[-1].pc : line->pc)
			return ktap_refuse(v, &line->pc, "function %u: line table not in order",
					   f->index);
		if (line->pc >= f->function->instruction_count)
			return ktap_refuse(v, &line->pc,
					   "function %u: a line behind its last instruction",
					   f->index);
		if (!line->line)
			return ktap_refuse(v, &line->line, "function %u: line 0", f->index);
		ktap_verify_step(v);
	}
	return 0;
}

static int verify_captures(struct ktap_verifier *v)
{
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_CAPTURES]; i++) {
		const struct ktap_image_capture *capture = &v->s.captures[i];

		if (capture->from_register > 1 || capture->reserved)
			return ktap_refuse(v, capture, "capture %u: unknown bits", i);
	}
	return 0;
}

/* Marks entries first .. first+count-1 as owned; false if one is already, or does not exist. */
static bool claim(u8 *bits, u32 limit, u32 first, u32 count)
{
	u32 i;

	if (first > limit || count > limit - first)
		return false;
	for (i = first; i < first + count; i++) {
		if (has_bit(bits, i))
			return false;
		set_bit(bits, i);
	}
	return true;
}

static int verify_function_header(struct ktap_verifier *v, u32 index)
{
	const struct ktap_image_function *function = &v->s.functions[index];

	if (function->name >= v->s.count[KTAP_SECTION_STRINGS])
		return ktap_refuse(v, &function->name, "function %u: no string %u (name)", index,
				   function->name);
	if (!function->instruction_count)
		return ktap_refuse(v, &function->instruction_count, "function %u: no instructions",
				   index);
	if (!function->register_count || function->register_count > KTAP_MAX_REGISTERS)
		return ktap_refuse(v, &function->register_count, "function %u: %u registers", index,
				   function->register_count);
	if (function->param_count > function->register_count)
		return ktap_refuse(v, &function->param_count,
				   "function %u: more parameters than registers", index);
	if (function->flags & ~KTAP_FUNCTION_VARIADIC)
		return ktap_refuse(v, &function->flags, "function %u: unknown flags", index);
	if (!index && (function->capture_count || function->param_count || function->flags))
		return ktap_refuse(v, &function->capture_count,
				   "the main chunk has parameters or captures");
	return 0;
}

/* Each instruction, line and capture belongs to exactly one function. */
static int verify_partition(struct ktap_verifier *v, u32 section)
{
	u32 limit = v->s.count[section];
	u8 *bits = ktap_verify_scratch(v, limit / 8 + 1);
	u64 total = 0;
	u32 i;

	if (!bits)
		return -1;
	for (i = 0; i < v->s.count[KTAP_SECTION_FUNCTIONS]; i++) {
		const struct ktap_image_function *f = &v->s.functions[i];
		const u32 *first = section == KTAP_SECTION_CODE    ? &f->first_instruction
				   : section == KTAP_SECTION_LINES ? &f->first_line
								   : &f->first_capture;
		u32 count = section == KTAP_SECTION_CODE    ? f->instruction_count
			    : section == KTAP_SECTION_LINES ? f->line_count
							    : f->capture_count;

		if (!claim(bits, limit, *first, count))
			return ktap_refuse(v, first,
					   "function %u: entries of section %u that are not "
					   "its own",
					   i, section);
		total += count;
		ktap_verify_step(v);
	}
	if (total != limit)
		return ktap_refuse(v, v->s.functions, "section %u has entries of no function",
				   section);
	return 0;
}

static int verify_function(struct ktap_verifier *v, u32 index, u8 *targets)
{
	const struct ktap_image_function *function = &v->s.functions[index];
	struct function_check f = {
		.function = function,
		.code = v->s.code + function->first_instruction,
		.index = index,
		.targets = targets,
	};

	if (verify_code(v, &f))
		return -1;
	return verify_lines(v, &f);
}

int ktap_verify_functions(struct ktap_verifier *v)
{
	u32 count = v->s.count[KTAP_SECTION_FUNCTIONS];
	u8 *targets;
	u32 i;

	if (!count)
		return ktap_refuse(v, v->image, "no functions: there must be a main chunk");
	for (i = 0; i < count; i++) {
		if (verify_function_header(v, i))
			return -1;
	}
	if (verify_captures(v) || verify_partition(v, KTAP_SECTION_CODE) ||
	    verify_partition(v, KTAP_SECTION_LINES) || verify_partition(v, KTAP_SECTION_CAPTURES))
		return -1;
	targets = ktap_verify_scratch(v, v->s.count[KTAP_SECTION_CODE] / 8 + 1);
	if (!targets)
		return -1;
	for (i = 0; i < count; i++) {
		if (verify_function(v, i, targets))
			return -1;
	}
	return 0;
}
