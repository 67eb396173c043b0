/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "call.h"
#include "callback.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "memory.h"
#include "quick.h"

/* One call being prepared. */
struct preparation {
	u64 address;
	u32 type;   /* the function's */
	u32 symbol; /* or KTAP_NONE */
	const char *name;
	const struct ktap_image_plan *plan;
	const struct ktap_value *arguments;
	u32 count;
	u32 words; /* of the slots, in use */
};

static int raise_count(struct ktap_activation *activation, const struct preparation *call)
{
	const struct ktap_image_type *type = ktap_type(activation, call->type);

	return ktap_raise(activation, "wrong number of arguments to '%s' (%s%u expected, got %u)",
			  call->name, type->flags & KTAP_TYPE_VARIADIC ? "at least " : "",
			  type->count, call->count);
}

static int raise_conversion(struct ktap_activation *activation, const struct preparation *call,
			    u32 param, u32 type)
{
	const struct ktap_value *argument = &call->arguments[param];

	return ktap_raise_argument(activation, param + 1, call->name,
				   "cannot convert '%s' to '%s'%s",
				   ktap_type_name_of(activation, argument),
				   ktap_type_name(activation, type),
				   ktap_conversion_note(activation->program, type, argument));
}

static u32 function_behind(const struct ktap_program *program, u32 type)
{
	const struct ktap_image_type *entry = &program->types[type];

	if (entry->kind == KTAP_TYPE_POINTER &&
	    program->types[entry->ref].kind == KTAP_TYPE_FUNCTION)
		return entry->ref;
	return entry->kind == KTAP_TYPE_FUNCTION ? type : KTAP_NONE;
}

/* A pointer to a function: perhaps a script function, which can be called for as long as this call
 * lasts, and never a callback that was freed. */
static int pass_function(struct ktap_activation *activation, struct preparation *call,
			 const struct ktap_image_step *step, u32 type)
{
	const struct ktap_value *argument = &call->arguments[step->param];
	u64 *slot = &activation->slots[step->slot];
	const struct ktap_callback *callback;

	if (argument->tag == KTAP_CLOSURE)
		return ktap_callback_for_call(activation, function_behind(activation->program, type),
					      argument->closure, slot);
	if (!ktap_to_bits(activation->program, type, argument, false, slot))
		return raise_conversion(activation, call, step->param, type);
	callback = ktap_callback_at(activation->program, *slot);
	if (callback && callback->state == KTAP_CALLBACK_FREE)
		return ktap_raise_argument(activation, step->param + 1, call->name,
					   "the callback is freed");
	return 0;
}

static int pass_scalar(struct ktap_activation *activation, struct preparation *call,
		       const struct ktap_image_step *step, u32 type)
{
	if (function_behind(activation->program, type) != KTAP_NONE)
		return pass_function(activation, call, step, type);
	if (!ktap_to_bits(activation->program, type, &call->arguments[step->param], false,
			  &activation->slots[step->slot]))
		return raise_conversion(activation, call, step->param, type);
	return 0;
}

/* By value: bytes of an aggregate, which lies anywhere. */
static int pass_aggregate(struct ktap_activation *activation, struct preparation *call,
			  const struct ktap_image_step *step, u32 type)
{
	const struct ktap_value *argument = &call->arguments[step->param];
	u64 *slot = &activation->slots[step->slot];
	struct ktap_value number;

	if (ktap_type(activation, type)->kind == KTAP_TYPE_INT &&
	    ktap_to_number(activation->program, argument, &number)) {
		slot[0] = number.bits;
		if (step->offset || step->kind == KTAP_STEP_MEMORY)
			slot[step->kind == KTAP_STEP_MEMORY] =
				number.tag == KTAP_INT && (s64)number.bits < 0 ? ~0ull : 0;
		return 0;
	}
	if (!ktap_is_reference(argument) ||
	    !ktap_same_type(activation->program, type, argument->type))
		return raise_conversion(activation, call, step->param, type);
	if (step->kind == KTAP_STEP_COPY) {
		/* Here and not on the callee's stack: it may do with it what it likes. */
		*slot = ktap_address(&activation->slots[step->copy]);
		slot = &activation->slots[step->copy];
	}
	return ktap_read(activation, slot, argument->bits + step->offset, step->size);
}

static int pass_fixed(struct ktap_activation *activation, struct preparation *call)
{
	const struct ktap_sections *image = &activation->program->image;
	const struct ktap_image_type *type = ktap_type(activation, call->type);
	u32 i;

	for (i = 0; i < call->plan->step_count; i++) {
		const struct ktap_image_step *step = &image->steps[call->plan->first_step + i];
		u32 param = image->params[type->first + step->param].type;

		if (step->kind == KTAP_STEP_SCALAR ? pass_scalar(activation, call, step, param)
						   : pass_aggregate(activation, call, step, param))
			return -1;
	}
	return 0;
}

/* C's default promotions; a script number goes as a long. */
static bool promote(const struct ktap_program *program, const struct ktap_value *value, u64 *bits)
{
	struct ktap_value number;

	if (value->tag == KTAP_FALSE || value->tag == KTAP_TRUE) {
		*bits = value->tag == KTAP_TRUE;
	} else if (value->tag == KTAP_NIL) {
		*bits = 0;
	} else if (value->tag == KTAP_STRING) {
		*bits = ktap_address(value->string->bytes);
	} else if (ktap_to_number(program, value, &number)) {
		*bits = number.bits;
	} else if (!ktap_address_of(program, value, bits)) {
		return false;
	} else if (ktap_is_reference(value)) {
		return program->types[value->type].kind == KTAP_TYPE_ARRAY;
	}
	return true;
}

static int pass_variadic(struct ktap_activation *activation, struct preparation *call)
{
	u32 first = ktap_type(activation, call->type)->count;
	u32 reg = call->plan->registers_used;
	u32 slot;
	u32 i;

	for (i = first; i < call->count; i++) {
		slot = reg < KTAP_REGISTERS ? reg++ : call->words++;
		if (slot >= KTAP_PLAN_MAX_WORDS)
			return ktap_raise(activation, "too many arguments to '%s'", call->name);
		if (!promote(activation->program, &call->arguments[i], &activation->slots[slot]))
			return ktap_raise_argument(activation, i + 1, call->name,
						   "cannot pass a '%s' to a variadic function",
						   ktap_type_name_of(activation,
								     &call->arguments[i]));
	}
	return 0;
}

static const char *fault_name(const struct ktap_call *call)
{
	switch (call->fault) {
	case KTAP_FAULT_PAGE:
		return call->fault_address < 4096 ? "NULL pointer access"
		       : call->fault_is_write     ? "invalid write"
						  : "invalid access";
	case KTAP_FAULT_PROTECTION:
		return "general protection fault";
	case KTAP_FAULT_DIVIDE:
		return "division error";
	case KTAP_FAULT_INVALID_OP:
		return "invalid instruction";
	}
	return "fault";
}

static int raise_fault(struct ktap_activation *activation, const char *name)
{
	const struct ktap_call *call = &activation->call;

	switch (call->fault) {
	case KTAP_CALL_NO_STACK:
		return ktap_raise(activation, "not enough stack left to call '%s'", name);
	case KTAP_CALL_REFUSED:
		return ktap_raise(activation, "%s", call->text);
	case KTAP_CALL_STOPPED:
		return ktap_raise_stopped(activation);
	case KTAP_FAULT_OVERDUE:
		return ktap_raise(activation, "'%s' did not return: broken off in %s", name,
				  call->text);
	case KTAP_FAULT_PAGE:
		return ktap_raise(activation, "%s at 0x%llx in %s, called from '%s'",
				  fault_name(call), (unsigned long long)call->fault_address,
				  call->text, name);
	}
	return ktap_raise(activation, "%s in %s, called from '%s'", fault_name(call), call->text,
			  name);
}

/* The error of a callback of the call that has just returned, raised here once more. */
static int raise_callback_error(struct ktap_activation *activation)
{
	activation->call.callback_failed = 0;
	activation->error = activation->kept[KTAP_KEEP_CALLBACK_ERROR];
	ktap_set_nil(&activation->kept[KTAP_KEEP_CALLBACK_ERROR]);
	return -1;
}

static noinline int make_call_unlocked(struct ktap_activation *activation)
{
	const struct ktap_program *program = activation->program;
	int failed;

	ktap_unlock(activation);
	failed = program->host->call(program->host_data, &activation->call);
	ktap_lock(activation);
	return failed | (int)activation->call.callback_failed;
}

/*
 * Has the host make the call that the slots are ready for: 0, or not and the error not set yet. What `call` says
 * of faults and callbacks' errors is that there are none; raise_outcome() sees to that. Without the lock there
 * are no callbacks.
 */
static inline int make_call(struct ktap_activation *activation, u64 address, u32 symbol, u32 words)
{
	const struct ktap_program *program = activation->program;
	struct ktap_call *call = &activation->call;

	call->function = address;
	call->symbol = symbol;
	call->words = words;
	return unlikely(program->locked) ? make_call_unlocked(activation)
					 : program->host->call(program->host_data, call);
}

/* What make_call() has met: the fault; or the error of a callback, which the call itself has survived. */
static noinline int raise_outcome(struct ktap_activation *activation, const char *name)
{
	struct ktap_call *call = &activation->call;

	if (call->fault == KTAP_FAULT_NONE && call->callback_failed)
		return raise_callback_error(activation);
	call->callback_failed = 0;
	ktap_set_nil(&activation->kept[KTAP_KEEP_CALLBACK_ERROR]);
	raise_fault(activation, name);
	call->fault = KTAP_FAULT_NONE;
	return -1;
}

/* Room for what is returned by value, before the call: in KTAP_KEEP_RESULT. */
static int prepare_result(struct ktap_activation *activation, const struct preparation *call)
{
	u32 type = ktap_type(activation, call->type)->ref;
	struct ktap_value *result = &activation->kept[KTAP_KEEP_RESULT];

	ktap_set_nil(result);
	if (call->plan->return_kind == KTAP_RETURN_SCALAR ||
	    ktap_type(activation, type)->kind == KTAP_TYPE_VOID)
		return 0;
	if (ktap_cdata_make(activation, type, ktap_type(activation, type)->size, result))
		return -1;
	if (call->plan->return_kind == KTAP_RETURN_MEMORY)
		activation->slots[ktap_result_slot(call->plan)] = result->bits;
	return 0;
}

static void take_result(struct ktap_activation *activation, const struct preparation *call,
			struct ktap_value *to)
{
	u32 type = ktap_type(activation, call->type)->ref;
	const struct ktap_image_type *result = ktap_type(activation, type);
	u64 words[2] = { activation->call.rax, activation->call.rdx };

	*to = activation->kept[KTAP_KEEP_RESULT];
	ktap_set_nil(&activation->kept[KTAP_KEEP_RESULT]);
	if (call->plan->return_kind == KTAP_RETURN_SCALAR)
		ktap_from_bits(activation->program, type, ktap_extend(result, words[0]), to);
	else if (call->plan->return_kind == KTAP_RETURN_REGISTERS)
		memcpy(ktap_pointer(to->bits), words, result->size);
}

static int call_function(struct ktap_activation *activation, struct preparation *call,
			 struct ktap_value *to)
{
	const struct ktap_image_type *type = ktap_type(activation, call->type);
	bool failed;

	if (type->plan == KTAP_NONE)
		return ktap_raise(activation, "'%s' cannot be called: it passes floating point",
				  call->name);
	call->plan = &activation->program->image.plans[type->plan];
	call->words = call->plan->words;
	if (call->count < type->count ||
	    (call->count > type->count && !(type->flags & KTAP_TYPE_VARIADIC)))
		return raise_count(activation, call);
	memset(activation->slots, 0, call->words * sizeof(u64));
	failed = pass_fixed(activation, call) || pass_variadic(activation, call) ||
		 prepare_result(activation, call);
	if (!failed && make_call(activation, call->address, call->symbol, call->words))
		failed = raise_outcome(activation, call->name);
	if (unlikely(activation->temporaries != KTAP_NONE))
		ktap_free_temporaries(activation);
	if (failed)
		return -1;
	take_result(activation, call, to);
	return 0;
}

static const char *symbol_name(const struct ktap_program *program, u32 symbol)
{
	return ktap_text_of(program, program->image.symbols[symbol].name);
}

static noinline int call_symbol_by_plan(struct ktap_activation *activation, u32 symbol,
			       struct ktap_value *values, u32 count)
{
	const struct ktap_program *program = activation->program;
	struct preparation call = {
		.address = program->addresses[symbol],
		.type = program->image.symbols[symbol].type,
		.symbol = symbol,
		.name = symbol_name(program, symbol),
		.arguments = values,
		.count = count,
	};

	return call_function(activation, &call, values);
}

static u32 type_of_symbol(const struct ktap_program *program, u32 symbol)
{
	return program->image.symbols[symbol].type;
}

static noinline void take_scalar(const struct ktap_activation *activation, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	u32 type = program->types[type_of_symbol(program, activation->call.symbol)].ref;

	ktap_from_bits(program, type, ktap_extend(&program->types[type], activation->call.rax),
		       to);
}

/* Makes the call whose arguments are in the registers' slots. */
static inline int call_quickly(struct ktap_activation *activation, u32 symbol, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	u32 kind;

	if (unlikely(make_call(activation, program->addresses[symbol], symbol, KTAP_REGISTERS)))
		return raise_outcome(activation,
				     symbol_name(activation->program, activation->call.symbol));
	kind = activation->program->quick[activation->call.symbol].result;
	if (likely(kind < KTAP_QUICK_OTHER))
		ktap_quick_number(kind, activation->call.rax, to);
	else if (kind == KTAP_QUICK_NOTHING)
		ktap_set_nil(to);
	else
		take_scalar(activation, to);
	return 0;
}

/* By value: a record of at most 16 bytes. Null: it takes the plan, at least to say what is wrong. */
static u64 *pass_record(struct ktap_activation *activation, u32 type, u32 size,
			const struct ktap_value *argument, u64 *slot)
{
	const u8 *own;

	if (!ktap_is_reference(argument) ||
	    (argument->type != type &&
	     !ktap_same_type(activation->program, type, argument->type)))
		return NULL;
	own = ktap_own_data(&activation->program->heap, argument->bits, size);
	if (likely(own && size == 16)) {
		memcpy(&slot[0], own, 8);
		memcpy(&slot[1], own + 8, 8);
		return slot + 2;
	}
	slot[0] = slot[size > 8] = 0;
	return ktap_read(activation, slot, argument->bits, size) ? NULL : slot + 1 + (size > 8);
}

/* Parameter `param`, where it is not just an integer that gets a number. Returns the next slot, or null as above. */
static noinline u64 *pass_otherwise(struct ktap_activation *activation, u32 symbol, u32 param,
				    const struct ktap_value *argument, u64 *slot)
{
	const struct ktap_program *program = activation->program;
	u32 first = program->types[program->image.symbols[symbol].type].first;
	u32 type = program->image.params[first + param].type;
	u32 kind = program->quick[symbol].kinds[param];

	if (kind >= KTAP_QUICK_RECORD)
		return pass_record(activation, type, kind - KTAP_QUICK_RECORD, argument, slot);
	return ktap_to_bits(program, type, argument, false, slot) ? slot + 1 : NULL;
}

int ktap_call_symbol(struct ktap_activation *activation, u32 symbol, struct ktap_value *values, u32 count)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_quick *quick = &program->quick[symbol];
	u64 *slot = activation->slots;
	u32 i;

	if (unlikely(quick->count != count || program->strict))
		return call_symbol_by_plan(activation, symbol, values, count);
	for (i = 0; i < count; i++) {
		if (likely(quick->kinds[i] < KTAP_QUICK_OTHER && ktap_is_number(&values[i]))) {
			*slot++ = ktap_quick_extend(quick->kinds[i], values[i].bits);
			continue;
		}
		slot = pass_otherwise(activation, symbol, i, &values[i], slot);
		if (unlikely(!slot))
			return call_symbol_by_plan(activation, symbol, values, count);
	}
	return call_quickly(activation, symbol, values);
}

bool ktap_is_callable_cdata(const struct ktap_program *program, const struct ktap_value *value)
{
	return value->tag == KTAP_SCALAR && function_behind(program, value->type) != KTAP_NONE;
}

/* The symbol of the image that has an address, if any: its grant is asked for by name. */
static u32 symbol_at(const struct ktap_program *program, u64 address)
{
	u32 i;

	for (i = 0; i < program->image.count[KTAP_SECTION_SYMBOLS]; i++) {
		if (program->image.symbols[i].kind == KTAP_SYMBOL_FUNCTION &&
		    program->addresses[i] == address)
			return i;
	}
	return KTAP_NONE;
}

static int check_pointer(struct ktap_activation *activation, const struct preparation *call)
{
	const struct ktap_program *program = activation->program;
	char text[128] = "";
	struct ktap_message why = { .text = text, .size = sizeof(text) };
	const struct ktap_callback *callback;

	if (!call->address)
		return ktap_raise(activation, "attempt to call a NULL pointer ('%s')", call->name);
	if (call->symbol != KTAP_NONE)
		return 0;
	callback = ktap_callback_at(program, call->address);
	if (callback)
		return callback->state == KTAP_CALLBACK_LIVE
			       ? 0
			       : ktap_raise(activation, "attempt to call a callback that is freed");
	if (!(program->host->grants & KTAP_MAY_CALL_ANY))
		return ktap_raise(activation, "calling a function pointer needs a grant: "
					      "run with --allow call");
	if (program->host->may_call(program->host_data, call->address, &why))
		return 0;
	return ktap_raise(activation, "0x%llx may not be called: %s",
			  (unsigned long long)call->address, text);
}

int ktap_call_cdata(struct ktap_activation *activation, const struct ktap_value *callee,
		    const struct ktap_value *arguments, u32 count, struct ktap_value *to)
{
	struct preparation call = {
		.address = callee->bits,
		.type = function_behind(activation->program, callee->type),
		.symbol = symbol_at(activation->program, callee->bits),
		.arguments = arguments,
		.count = count,
	};

	if (call.symbol == KTAP_NONE)
		call.name = ktap_type_name(activation, callee->type);
	else
		call.name = symbol_name(activation->program, call.symbol);
	if (check_pointer(activation, &call))
		return -1;
	return call_function(activation, &call, to);
}
