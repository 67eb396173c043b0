/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The interpreter: threaded dispatch, never recursive. The verifier has made sure of every index
 * in the code; what is checked here is what only execution shows: types of values, the stack.
 */
#include "builtins.h"
#include "call.h"
#include "callback.h"
#include "closure.h"
#include "error.h"
#include "ffi_objects.h"
#include "interpret.h"
#include "operate.h"
#include "string.h"
#include "table.h"

/* Instructions between two safe points that are taken; fewer in tests of the budget. */
#ifndef KTAP_SLICE
#define KTAP_SLICE 8192
#endif

/* The same where others wait for their turn: a processor takes no interrupts meanwhile. */
#define KTAP_TURN 1024

/* What an error costs in instructions: those that the unwound frames do not pay for, its message. */
#define ERROR_COST 64

#define KTAP_SHORT_TURN 16 /* in tests of collections in steps */

static void begin_slice(struct ktap_activation *activation)
{
	const struct ktap_heap *heap = &activation->program->heap;

	activation->slice = KTAP_SLICE;
	if (heap->incremental && KTAP_TURN < KTAP_SLICE)
		activation->slice = KTAP_TURN;
	if (heap->collect_always == KTAP_COLLECT_STEPS)
		activation->slice = KTAP_SHORT_TURN;
	activation->fuel = activation->slice;
}

/*
 * Takes a safe point: `fuel` is what is left of the slice (less than 1). A backward jump pays for
 * the instructions that it jumps over, a return for those from the function's start to its place:
 * both together are the instructions executed, those that forward jumps skipped included.
 */
static int take_safe_point(struct ktap_activation *activation, s64 fuel)
{
	const struct ktap_program *program = activation->program;
	int stop;

	activation->executed += activation->slice - fuel;
	begin_slice(activation);
	if (activation->limit && activation->executed >= activation->limit)
		return ktap_raise_budget(activation);
	if (unlikely(program->finalisers_due) && activation == program->main &&
	    !program->finalising)
		ktap_run_due_finalisers(activation->program);
	ktap_unlock(activation);
	stop = program->host->safe_point(program->host_data);
	ktap_lock(activation);
	if (program->heap.incremental)
		ktap_collect_due(activation);
	return stop && !program->finalising ? ktap_raise_stopped(activation) : 0;
}

static int raise_stack_overflow(struct ktap_activation *activation)
{
	if (activation->frame + 1 == activation->frames_end)
		return ktap_raise(activation, "stack overflow (calls nested more than %u deep)",
				  (u32)(activation->frames_end - activation->frames));
	return ktap_raise(activation, "stack overflow (more than %u values; more: --memory)",
			  (u32)(activation->stack_end - activation->stack));
}

/* How far ahead of its need the stack is taken into use, in values. */
#define STACK_STEP 256

/* Takes the stack up to `end` into use, and some more. */
static int use_stack(struct ktap_activation *activation, struct ktap_value *end)
{
	if (end > activation->stack_end)
		return raise_stack_overflow(activation);
	ktap_stack_reach(activation, activation->stack_end - end < STACK_STEP
					     ? activation->stack_end
					     : end + STACK_STEP);
	return 0;
}

/*
 * The arguments of a variadic function: those behind its parameters stay below its registers, their
 * number right below R[0]. Returns where its registers then begin, or null with the error set.
 */
static struct ktap_value *keep_arguments(struct ktap_activation *activation,
					 const struct ktap_image_function *function,
					 struct ktap_value *base, u32 count)
{
	u32 params = function->param_count;
	u32 i;

	if (activation->stack_end - base < (s64)count + params + 1 + function->register_count) {
		raise_stack_overflow(activation);
		return NULL;
	}
	ktap_stack_reach(activation, base + count + params + 1 + function->register_count);
	for (; count < params; count++)
		ktap_set_nil(&base[count]);
	ktap_set_uint(&base[count], count - params);
	for (i = 0; i < params; i++)
		base[count + 1 + i] = base[i];
	return &base[count + 1];
}

/* Where the kept arguments of a variadic function's frame are, and how many. */
static const struct ktap_value *kept_arguments(const struct ktap_frame *frame, u32 *count)
{
	*count = frame->base[-1].bits;
	return frame->base - 1 - *count;
}

/*
 * The frame of what has no code of its own: a builtin that runs in steps, or a pcall, which catches
 * what happens above it. Its results are put together from `base` on, where it stands in the script,
 * and then go to `to`.
 */
static int push_builtin(struct ktap_activation *activation, enum ktap_frame_kind kind,
			struct ktap_value *base, struct ktap_value *to, u32 wanted)
{
	struct ktap_frame *frame = activation->frame + 1;

	if (frame == activation->frames_end)
		return raise_stack_overflow(activation);
	frame->kind = kind;
	frame->to = to;
	frame->wanted = wanted;
	frame->base = base;
	frame->pc = NULL;
	frame->closure = NULL;
	activation->frame = frame;
	return 0;
}

/* A script function's frame; its arguments begin at `base`. */
static int push_script(struct ktap_activation *activation, struct ktap_closure *closure,
		       struct ktap_value *base, u32 count, struct ktap_value *to, u32 wanted)
{
	const struct ktap_image_function *function = closure->function;
	struct ktap_frame *frame = activation->frame + 1;

	if (unlikely(frame == activation->frames_end))
		return raise_stack_overflow(activation);
	if (unlikely(function->register_count > activation->stack_used - base) &&
	    use_stack(activation, base + function->register_count))
		return -1;
	if (unlikely(function->flags)) {
		base = keep_arguments(activation, function, base, count);
		if (!base)
			return -1;
		count = function->param_count;
	}
	for (; count < function->param_count; count++)
		ktap_set_nil(&base[count]);
	frame->kind = KTAP_FRAME_SCRIPT;
	frame->to = to;
	frame->wanted = wanted;
	frame->base = base;
	frame->pc = closure->code;
	frame->closure = closure;
	activation->frame = frame;
	return 0;
}

/* Hands a call's results over. An open delivery may overlap; else `to` is not behind `from`. */
static void deliver(struct ktap_activation *activation, struct ktap_value *to, u32 wanted,
		    const struct ktap_value *from, u32 count)
{
	u32 i;

	if (!wanted) {
		memmove(to, from, count * sizeof(*to));
		activation->top = to + count;
		return;
	}
	for (i = 0; i < wanted - 1; i++) {
		if (i < count)
			to[i] = from[i];
		else
			ktap_set_nil(&to[i]);
	}
}

/* R[a] .. = the kept arguments; `wanted` as for a call's results. */
static int give_arguments(struct ktap_activation *activation, struct ktap_value *to, u32 wanted)
{
	u32 count;
	const struct ktap_value *from = kept_arguments(activation->frame, &count);

	if (!wanted && count > activation->stack_end - to)
		return raise_stack_overflow(activation);
	ktap_stack_reach(activation, to + count);
	deliver(activation, to, wanted, from, count);
	return 0;
}

/*
 * The frames of pcalls that end because what they called has returned `count` values, which an
 * open delivery has left behind its first register. Its own results go the same way.
 */
static void end_pcalls(struct ktap_activation *activation)
{
	while (activation->frame->kind == KTAP_FRAME_PCALL) {
		struct ktap_frame *frame = activation->frame--;
		u32 count = activation->top - frame->base;

		ktap_set_bool(frame->base, true);
		deliver(activation, frame->to, frame->wanted, frame->base, count);
	}
}

/* Unwinds to the innermost pcall, which then has returned false and the error. 0: there is none. The
 * RCU read locks that are held on the way are given back. */
static int catch_error(struct ktap_activation *activation)
{
	struct ktap_frame *frame = activation->frame;

	for (; frame >= activation->frames; frame--) {
		if (frame->kind == KTAP_FRAME_PCALL && !activation->final)
			break;
		if (frame->kind == KTAP_FRAME_STEPS && frame->base->bits == KTAP_BUILTIN_RCU)
			ktap_rcu_unwind(activation, frame->base);
	}
	if (frame < activation->frames)
		return 0;
	ktap_close_cells(activation, frame->base);
	ktap_set_bool(&frame->base[0], false);
	frame->base[1] = activation->error;
	ktap_set_nil(&activation->error);
	activation->frame = frame - 1;
	deliver(activation, frame->to, frame->wanted, frame->base, 2);
	end_pcalls(activation);
	return 1;
}

enum call_result {
	CALL_FAILED,
	CALL_DONE,   /* the results are delivered */
	CALL_SCRIPT, /* a frame was pushed: go on in it */
};

/* A call to what is no script function. The stack is live up to its arguments' end. */
static int call_native(struct ktap_activation *activation, struct ktap_value *callee, u32 count,
		       struct ktap_value *to, u32 wanted)
{
	struct ktap_value results[KTAP_RESULTS_MAX];
	int made = 1;

	activation->many = NULL;
	if (activation->top < callee + 1 + count)
		activation->top = callee + 1 + count;
	if (callee->tag == KTAP_BUILTIN) {
		made = ktap_call_builtin(activation, callee->bits, callee + 1, count, results);
	} else if (callee->tag == KTAP_CTYPE) {
		/* A constructor: ffi.new(type, …), whose arguments begin with the type. */
		made = ktap_call_builtin(activation, KTAP_BUILTIN_FFI_NEW, callee, count + 1,
					 results);
	} else if (ktap_is_callable_cdata(activation->program, callee)) {
		if (ktap_call_cdata(activation, callee, callee + 1, count, results))
			made = -1;
	} else {
		made = ktap_raise_operand(activation, "call", callee);
	}
	if (made < 0)
		return CALL_FAILED;
	deliver(activation, to, wanted, activation->many ? activation->many : results, made);
	return CALL_DONE;
}

/* The next step of the innermost frame's builtin, which then is done, or has called the script. */
static int take_step(struct ktap_activation *activation)
{
	struct ktap_frame *frame = activation->frame;
	struct ktap_value *window = frame->base + KTAP_STEP_WINDOW;
	struct ktap_value results[KTAP_RESULTS_MAX];
	int made;

	if (activation->top < frame->base + KTAP_STEP_VALUES)
		activation->top = frame->base + KTAP_STEP_VALUES;
	made = ktap_steps_of(frame->base->bits)(activation, frame->base, results);
	if (made == KTAP_STEP_CALL)
		return push_script(activation, window->closure, window + 1,
				   activation->step_arguments, window, 2)
			       ? CALL_FAILED
			       : CALL_SCRIPT;
	if (made < 0)
		return CALL_FAILED;
	activation->frame--;
	deliver(activation, frame->to, frame->wanted, results, made);
	return CALL_DONE;
}

/* Calls a builtin that runs in steps. */
static int call_steps(struct ktap_activation *activation, struct ktap_value *callee, u32 count,
		      struct ktap_value *to, u32 wanted)
{
	u32 i;

	if (ktap_check_argument_count(activation, callee->bits, count))
		return CALL_FAILED;
	if (activation->stack_end - callee < (s64)KTAP_STEP_VALUES) {
		raise_stack_overflow(activation);
		return CALL_FAILED;
	}
	if (push_builtin(activation, KTAP_FRAME_STEPS, callee, to, wanted))
		return CALL_FAILED;
	ktap_stack_reach(activation, callee + KTAP_STEP_VALUES);
	for (i = count + 1; i < KTAP_STEP_VALUES; i++)
		ktap_set_nil(&callee[i]);
	return take_step(activation);
}

/* A function of the script has returned to what is none: a builtin that runs in steps, a pcall. */
static int return_to_native(struct ktap_activation *activation)
{
	int result = CALL_DONE;

	if (activation->frame->kind == KTAP_FRAME_STEPS)
		result = take_step(activation);
	if (result == CALL_DONE)
		end_pcalls(activation);
	return result == CALL_FAILED ? -1 : 0;
}

/* Calls any value; pcall is a frame of its own and then a call of its first argument. */
static int call_value(struct ktap_activation *activation, struct ktap_value *callee, u32 count,
		      struct ktap_value *to, u32 wanted)
{
	int result;

	while (callee->tag == KTAP_BUILTIN && callee->bits == KTAP_BUILTIN_PCALL) {
		if (ktap_check_argument_count(activation, KTAP_BUILTIN_PCALL, count))
			return CALL_FAILED;
		if (push_builtin(activation, KTAP_FRAME_PCALL, callee, to, wanted))
			return CALL_FAILED;
		callee++;
		count--;
		to = callee;
		wanted = 0;
	}
	if (callee->tag == KTAP_CLOSURE)
		return push_script(activation, callee->closure, callee + 1, count, to, wanted)
			       ? CALL_FAILED
			       : CALL_SCRIPT;
	if (callee->tag == KTAP_BUILTIN && ktap_steps_of(callee->bits))
		result = call_steps(activation, callee, count, to, wanted);
	else
		result = call_native(activation, callee, count, to, wanted);
	if (result == CALL_DONE)
		end_pcalls(activation);
	return result;
}

/* Whether a loop goes over the value's elements: a table, or an array of C's. */
static bool has_elements(const struct ktap_activation *activation, const struct ktap_value *value)
{
	return value->tag == KTAP_TABLE ||
	       (ktap_is_reference(value) &&
		activation->program->types[value->type].kind == KTAP_TYPE_ARRAY);
}

/* `for (x in list)`: the next element and its index, which is kept where an iterator has its state:
 * from 1 on to the first nil, in an array of C's from 0 to its end. */
static int next_element(struct ktap_activation *activation, struct ktap_value *loop, u32 wanted)
{
	bool is_table = loop[0].tag == KTAP_TABLE;
	struct ktap_value results[2];
	struct ktap_value length;

	if (ktap_is_number(&loop[1]))
		loop[1].bits++;
	else
		ktap_set_int(&loop[1], is_table);
	results[1] = loop[1];
	ktap_set_nil(&results[0]);
	if (!is_table && ktap_length(activation, &loop[0], &length))
		return -1;
	if ((is_table || loop[1].bits < length.bits) &&
	    ktap_get_index(activation, &loop[0], &loop[1], &results[0]))
		return -1;
	deliver(activation, loop + 3, wanted, results, 2);
	return 0;
}

/* results = next(table, key), for a loop over pairs(); 0 with a nil key at the end, or -1. */
static int iterate(struct ktap_activation *activation, struct ktap_value *loop, u32 wanted,
		   u32 *cache)
{
	struct ktap_value results[KTAP_RESULTS_MAX];
	int made;

	if (likely(wanted == 3 && loop[1].tag == KTAP_TABLE)) {
		made = ktap_table_follow(loop[1].table, &loop[2], loop + 3, cache);
		if (made == 0)
			ktap_set_nil(loop + 3);
		if (made >= 0)
			return 0;
	}
	made = ktap_call_builtin(activation, KTAP_BUILTIN_NEXT, loop + 1, 2, results);
	if (made < 0)
		return -1;
	deliver(activation, loop + 3, wanted, results, made);
	return 0;
}

static int set_list(struct ktap_activation *activation, const struct ktap_instruction *i,
		    const struct ktap_value *base)
{
	const struct ktap_value *table = &base[i->a];
	u32 count = i->c ? i->c : (u32)(activation->top - &base[i->b]);
	struct ktap_value key;
	u32 n;

	if (table->tag != KTAP_TABLE)
		return ktap_raise_operand(activation, "index", table);
	for (n = 0; n < count; n++) {
		ktap_set_int(&key, (u64)i->d + n + 1);
		if (ktap_table_set(activation, table->table, &key, &base[i->b + n]))
			return -1;
	}
	return 0;
}

/* Where execution stands, in registers of the machine as far as possible. */
#define R(x) (base[x])
/* The number keeps compilers from merging the ends of instructions: each has a jump of its own, which
 * the processor predicts by what came before. */
#define NEXT()                                               \
	do {                                                 \
		i = pc++;                                    \
		__asm__ volatile("# %0" : : "i"(__COUNTER__)); \
		goto *labels[i->op];                         \
	} while (0)
/* Before anything that may raise an error or collect garbage. */
#define SAVE() (frame->pc = pc)
#define TRY(expression)                   \
	do {                              \
		SAVE();                   \
		if (unlikely(expression)) \
			goto raise;       \
	} while (0)
/* A backward jump pays for the instructions that it jumps over, and is a safe point. */
#define JUMP(target)                                      \
	do {                                              \
		const struct ktap_instruction *from = pc; \
		pc = code + (target);                     \
		if (pc < from) {                          \
			fuel -= from - pc;                \
			if (unlikely(fuel <= 0))          \
				goto safe_point;          \
		}                                         \
		NEXT();                                   \
	} while (0)
/* What an instruction remembers of the table it met last. */
#define CACHE(i) (&caches[(i) - image_code])
/* Container `x` is a table, key `y` a signed number. */
#define IS_ELEMENT(x, y) (!(((x)->tag ^ KTAP_TABLE) | (y)->tag))
/* The number that b and c of a comparison make up. */
#define SMALL(i) ((s64)(__s16)((i)->b | (i)->c << 8))
/* The same where the verifier has seen that it goes backwards. */
#define JUMP_BACK(target)                                       \
	do {                                                    \
		const struct ktap_instruction *to = code + (target); \
		fuel -= pc - to;                                \
		pc = to;                                        \
		if (unlikely(fuel <= 0))                        \
			goto safe_point;                        \
		NEXT();                                         \
	} while (0)
#define BOTH_INT(x, y) (!((x)->tag | (y)->tag))
/* clang-format off */
#define ARITHMETIC(name, operator)                                                     \
	op_##name:                                                                     \
	x = &R(i->b);                                                                  \
	y = &R(i->c);                                                                  \
	if (likely(BOTH_INT(x, y)))                                                    \
		ktap_set_int(&R(i->a), x->bits operator y->bits);                      \
	else                                                                           \
		TRY(ktap_binary(activation, KTAP_OP_##name, x, y, &R(i->a)));          \
	NEXT()
/* With the number d. `compute`: the result of x->bits and `immediate`, where that is a number that
 * needs no further care. */
#define IMMEDIATE(name, slow, care, compute)                                           \
	op_##name:                                                                     \
	x = &R(i->b);                                                                  \
	immediate = (s64)(s32)i->d;                                                    \
	if (likely(x->tag == KTAP_INT && (care)))                                      \
		ktap_set_int(&R(i->a), compute);                                       \
	else                                                                           \
		TRY(with_immediate(activation, KTAP_OP_##slow, x, i->d, &R(i->a)));    \
	NEXT()
#define SLOW_ARITHMETIC(name)                                                          \
	op_##name:                                                                     \
	TRY(ktap_binary(activation, KTAP_OP_##name, &R(i->b), &R(i->c), &R(i->a)));    \
	NEXT()
#define EQUALITY(name, not)                                                            \
	op_##name:                                                                     \
	x = &R(i->a);                                                                  \
	y = &R(i->b);                                                                  \
	if (not(likely(BOTH_INT(x, y)) ? x->bits == y->bits : ktap_equal(program, x, y))) \
		JUMP(i->d);                                                            \
	NEXT()
#define EQUALITY_SMALL(name, not)                                                      \
	op_##name:                                                                     \
	x = &R(i->a);                                                                  \
	if (not(likely(x->tag == KTAP_INT) ? (s64)x->bits == SMALL(i)                  \
					   : equal_small(program, x, SMALL(i))))        \
		JUMP(i->d);                                                            \
	NEXT()
/* `swap`: a > b is b < a. */
#define COMPARISON(name, operator, swap, or_equal)                                     \
	op_##name:                                                                     \
	x = &R(i->a);                                                                  \
	y = &R(i->b);                                                                  \
	if (likely(BOTH_INT(x, y)))                                                    \
		truth = (s64)x->bits operator (s64)y->bits;                            \
	else                                                                           \
		TRY(ktap_compare(activation, swap ? y : x, swap ? x : y, or_equal, &truth)); \
	if (truth)                                                                     \
		JUMP(i->d);                                                            \
	NEXT()
#define TRUTH_OF_ELEMENT(name, not)                                                    \
	op_##name:                                                                     \
	TRY(test_element(activation, &R(i->a), &R(i->b), &truth));                     \
	if (not truth)                                                                 \
		JUMP(i->d);                                                            \
	NEXT()
#define COMPARISON_SMALL(name, operator, swap, or_equal)                               \
	op_##name:                                                                     \
	x = &R(i->a);                                                                  \
	if (likely(x->tag == KTAP_INT))                                                \
		truth = (s64)x->bits operator SMALL(i);                                \
	else                                                                           \
		TRY(compare_small(activation, x, SMALL(i), swap, or_equal, &truth));   \
	if (truth)                                                                     \
		JUMP(i->d);                                                            \
	NEXT()
/* clang-format on */

static int with_immediate(struct ktap_activation *activation, u32 opcode,
			  const struct ktap_value *x, u32 immediate, struct ktap_value *to)
{
	struct ktap_value y;

	ktap_set_int(&y, (s32)immediate);
	return ktap_binary(activation, opcode, x, &y, to);
}

static int compare_small(struct ktap_activation *activation, const struct ktap_value *x, s64 small,
			 bool swap, bool or_equal, bool *truth)
{
	struct ktap_value y;

	ktap_set_int(&y, small);
	return swap ? ktap_compare(activation, &y, x, or_equal, truth)
		    : ktap_compare(activation, x, &y, or_equal, truth);
}

static bool equal_small(const struct ktap_program *program, const struct ktap_value *x, s64 small)
{
	struct ktap_value y;

	ktap_set_int(&y, small);
	return ktap_equal(program, x, &y);
}

/* R[b].K[d] of a table, through what the instruction remembers. */
static void get_field(const struct ktap_table *table, const struct ktap_string *key, u32 *cache,
		      struct ktap_value *to)
{
	const struct ktap_entry *entry = ktap_cached_entry(table, key, *cache);

	if (unlikely(!entry)) {
		*cache = ktap_table_find_string(table, key);
		entry = ktap_cached_entry(table, key, *cache);
	}
	if (likely(entry))
		*to = entry->value;
	else
		ktap_set_nil(to);
}

/* Where a value that is not nil goes in a table, if that takes no more than storing it; or null. */
static inline struct ktap_value *find_slot(const struct ktap_value *x, const struct ktap_value *y)
{
	if (likely(IS_ELEMENT(x, y)))
		return ktap_array_slot(x->table, y->bits - 1);
	if (x->tag == KTAP_TABLE && y->tag == KTAP_STRING)
		return ktap_string_slot(x->table, y->string);
	return NULL;
}

_Static_assert((u32)KTAP_SMALL_INT == KTAP_INT && (u32)KTAP_SMALL_FALSE == KTAP_FALSE &&
		       (u32)KTAP_SMALL_TRUE == KTAP_TRUE,
	       "what SETSMALL stores as a tag is one");

/* The truth of x[y]. */
static inline int test_element(struct ktap_activation *activation, const struct ktap_value *x,
			       const struct ktap_value *y, bool *truth)
{
	struct ktap_value value;

	if (likely(IS_ELEMENT(x, y) && y->bits - 1 < x->table->array_direct)) {
		*truth = ktap_is_true(ktap_array_direct(x->table, y->bits - 1));
		return 0;
	}
	if (ktap_get_index(activation, x, y, &value))
		return -1;
	*truth = ktap_is_true(&value);
	return 0;
}

static int set_small(struct ktap_activation *activation, const struct ktap_instruction *i,
		     const struct ktap_value *base)
{
	struct ktap_value value = { .bits = (s64)(s32)i->d, .kind = i->c };

	return ktap_set_index(activation, &base[i->a], &base[i->b], &value);
}

/* The beginning of a loop: as ktap_prepare_loop(), which does what is not common. */
static inline int prepare_loop(struct ktap_activation *activation, struct ktap_value *loop)
{
	if (unlikely((loop[0].kind | loop[1].kind | loop[2].kind) || (s64)loop[2].bits <= 0))
		return ktap_prepare_loop(activation, loop);
	if ((s64)loop[0].bits > (s64)loop[1].bits)
		return 0;
	if (loop[2].bits != 1)
		loop[1].bits -= (loop[1].bits - loop[0].bits) % loop[2].bits;
	loop[1].kind = KTAP_SIGNED_LOOP;
	loop[3] = loop[0];
	return 1;
}

static int run(struct ktap_activation *activation)
{
	static const void *const labels[256] KTAP_JUMP_TABLE = {
#define KTAP_OP(name, mnemonic, a, b, c, d) [KTAP_OP_##name] = &&op_##name,
#include <ktap/opcodes.def>
#undef KTAP_OP
	};
	struct ktap_program *program = activation->program;
	struct ktap_heap *heap = &program->heap;
	const struct ktap_value *constants = program->constants;
	const struct ktap_instruction *image_code = program->image.code;
	u32 *caches = program->caches;
	const struct ktap_instruction *code;
	const struct ktap_instruction *pc;
	const struct ktap_instruction *i;
	struct ktap_frame *frame;
	struct ktap_value *base;
	const struct ktap_value *x;
	const struct ktap_value *y;
	struct ktap_table *table;
	struct ktap_closure *closure;
	struct ktap_entry *entry;
	struct ktap_value *loop;
	struct ktap_value *slot;
	struct ktap_cell **cells;
	s64 immediate;
	s64 fuel = activation->fuel;
	u32 count;
	bool truth;
	int result;

enter:
	frame = activation->frame;
	base = frame->base;
	pc = frame->pc;
	code = frame->closure->code;
	cells = frame->closure->cells;
	NEXT();

safe_point:
	SAVE();
	result = take_safe_point(activation, fuel);
	fuel = activation->fuel;
	if (result)
		goto raise;
	NEXT();

raise:
	fuel -= ERROR_COST;
	if (catch_error(activation)) {
		frame = activation->frame;
		base = frame->base;
		pc = frame->pc;
		code = frame->closure->code;
		cells = frame->closure->cells;
		if (unlikely(fuel <= 0))
			goto safe_point;
		NEXT();
	}
	activation->fuel = fuel;
	activation->executed += activation->slice - fuel;
	return -1;

op_MOVE:
	R(i->a) = R(i->b);
	NEXT();
op_LOADK:
	R(i->a) = constants[i->d];
	NEXT();
op_LOADI:
	ktap_set_int(&R(i->a), (s32)i->d);
	NEXT();
op_LOADNIL:
	for (count = 0; count < i->b; count++)
		ktap_set_nil(&R(i->a + count));
	NEXT();
op_LOADBOOL:
	ktap_set_bool(&R(i->a), i->b);
	NEXT();
op_BUILTIN:
	R(i->a).bits = i->d;
	R(i->a).kind = KTAP_BUILTIN;
	NEXT();
op_GETGLOBAL:
	R(i->a) = program->globals[i->d];
	NEXT();
op_SETGLOBAL:
	ktap_store(heap, &program->globals[i->d], &R(i->a));
	NEXT();
op_GETCAP:
	R(i->a) = *cells[i->b]->at;
	NEXT();
op_SETCAP:
	ktap_store(heap, cells[i->b]->at, &R(i->a));
	NEXT();
op_CLOSURE:
	SAVE();
	closure = ktap_closure_make(activation, i->d);
	if (!closure)
		goto raise;
	R(i->a).closure = closure;
	R(i->a).kind = KTAP_CLOSURE;
	NEXT();
op_CLOSE:
	ktap_close_cells(activation, &R(i->a));
	NEXT();

	ARITHMETIC(ADD, +);
	ARITHMETIC(SUB, -);
	ARITHMETIC(MUL, *);
	ARITHMETIC(AND, &);
	ARITHMETIC(OR, |);
	ARITHMETIC(XOR, ^);
	SLOW_ARITHMETIC(SHL);
	SLOW_ARITHMETIC(SHR);
op_DIV:
	x = &R(i->b);
	y = &R(i->c);
	if (likely(BOTH_INT(x, y) && (s64)y->bits > 0))
		ktap_set_int(&R(i->a), (s64)x->bits / (s64)y->bits);
	else
		TRY(ktap_binary(activation, KTAP_OP_DIV, x, y, &R(i->a)));
	NEXT();
op_MOD:
	x = &R(i->b);
	y = &R(i->c);
	if (likely(BOTH_INT(x, y) && (s64)y->bits > 0))
		ktap_set_int(&R(i->a), (s64)x->bits % (s64)y->bits);
	else
		TRY(ktap_binary(activation, KTAP_OP_MOD, x, y, &R(i->a)));
	NEXT();
	IMMEDIATE(ADDI, ADD, true, x->bits + immediate);
	IMMEDIATE(MULI, MUL, true, x->bits * immediate);
	IMMEDIATE(DIVI, DIV, immediate > 0, (s64)x->bits / immediate);
	IMMEDIATE(MODI, MOD, immediate > 0, (s64)x->bits % immediate);
	IMMEDIATE(ANDI, AND, true, x->bits & immediate);
	IMMEDIATE(SHLI, SHL, true, x->bits << (immediate & 63));
	IMMEDIATE(SHRI, SHR, true, (s64)x->bits >> (immediate & 63));
op_NEG:
	TRY(ktap_unary(activation, KTAP_OP_NEG, &R(i->b), &R(i->a)));
	NEXT();
op_BNOT:
	TRY(ktap_unary(activation, KTAP_OP_BNOT, &R(i->b), &R(i->a)));
	NEXT();
op_NOT:
	ktap_set_bool(&R(i->a), !ktap_is_true(&R(i->b)));
	NEXT();
op_LEN:
	TRY(ktap_length(activation, &R(i->b), &R(i->a)));
	NEXT();
op_CONCAT:
	TRY(ktap_concat(activation, &R(i->a), &R(i->b), i->c));
	NEXT();

op_JMP:
	JUMP(i->d);
op_JT:
	if (ktap_is_true(&R(i->a)))
		JUMP(i->d);
	NEXT();
op_JF:
	if (!ktap_is_true(&R(i->a)))
		JUMP(i->d);
	NEXT();
	EQUALITY(JEQ, );
	EQUALITY(JNE, !);
	COMPARISON(JLT, <, false, false);
	COMPARISON(JLE, <=, false, true);
	COMPARISON(JGT, >, true, false);
	COMPARISON(JGE, >=, true, true);
	EQUALITY_SMALL(JEQI, );
	EQUALITY_SMALL(JNEI, !);
	COMPARISON_SMALL(JLTI, <, false, false);
	COMPARISON_SMALL(JLEI, <=, false, true);
	COMPARISON_SMALL(JGTI, >, true, false);
	COMPARISON_SMALL(JGEI, >=, true, true);

op_NEWTABLE:
	SAVE();
	table = ktap_table_make(activation);
	if (!table)
		goto raise;
	R(i->a).table = table;
	R(i->a).kind = KTAP_TABLE;
	NEXT();
op_GETINDEX:
	x = &R(i->b);
	y = &R(i->c);
	if (likely(IS_ELEMENT(x, y) && y->bits - 1 < x->table->array_direct))
		R(i->a) = *ktap_array_direct(x->table, y->bits - 1);
	else if (x->tag == KTAP_TABLE && y->tag == KTAP_STRING)
		R(i->a) = *ktap_table_get_string(x->table, y->string);
	else
		TRY(ktap_get_index(activation, x, y, &R(i->a)));
	NEXT();
op_SETINDEX:
	x = &R(i->a);
	y = &R(i->b);
	if (likely(R(i->c).tag != KTAP_NIL && !heap->marking)) {
		slot = find_slot(x, y);
		if (likely(slot)) {
			*slot = R(i->c);
			NEXT();
		}
	}
	TRY(ktap_set_index(activation, x, y, &R(i->c)));
	NEXT();
op_SETSMALL:
	x = &R(i->a);
	y = &R(i->b);
	slot = likely(!heap->marking) ? find_slot(x, y) : NULL;
	if (likely(slot)) {
		slot->bits = (s64)(s32)i->d;
		slot->kind = i->c;
		NEXT();
	}
	TRY(set_small(activation, i, base));
	NEXT();
	TRUTH_OF_ELEMENT(JTINDEX, );
	TRUTH_OF_ELEMENT(JFINDEX, !);
op_GETFIELD:
	x = &R(i->b);
	if (likely(x->tag == KTAP_TABLE))
		get_field(x->table, constants[i->d].string, CACHE(i), &R(i->a));
	else
		TRY(ktap_get_index(activation, x, &constants[i->d], &R(i->a)));
	NEXT();
op_SETFIELD:
	x = &R(i->a);
	if (likely(x->tag == KTAP_TABLE && R(i->b).tag != KTAP_NIL)) {
		const struct ktap_string *key = constants[i->d].string;

		entry = ktap_cached_entry(x->table, key, *CACHE(i));
		if (likely(entry && !heap->marking)) {
			entry->value = R(i->b);
			NEXT();
		}
		TRY(ktap_table_set(activation, x->table, &constants[i->d], &R(i->b)));
		*CACHE(i) = ktap_table_find_string(R(i->a).table, key);
		NEXT();
	}
	TRY(ktap_set_index(activation, x, &constants[i->d], &R(i->b)));
	NEXT();
op_GETMEMBER:
	TRY(ktap_get_field(activation, i->d, &R(i->b), &R(i->a)));
	NEXT();
op_SETMEMBER:
	TRY(ktap_set_field(activation, i->d, &R(i->a), &R(i->b)));
	NEXT();
op_SETLIST:
	TRY(set_list(activation, i, base));
	NEXT();

op_CALL:
	SAVE();
	count = i->b ? i->b - 1u : (u32)(activation->top - &R(i->a + 1));
	if (likely(R(i->a).tag == KTAP_CLOSURE)) {
		closure = R(i->a).closure;
		if (push_script(activation, closure, &R(i->a + 1), count, &R(i->a), i->c))
			goto raise;
		frame++;
		base = frame->base; /* behind the arguments that are more than its parameters */
		pc = code = closure->code;
		cells = closure->cells;
		if (unlikely(fuel <= 0))
			goto safe_point;
		NEXT();
	}
	result = call_value(activation, &R(i->a), count, &R(i->a), i->c);
	goto has_called;
op_ITERCALL:
	SAVE();
	if (likely(R(i->a).tag == KTAP_BUILTIN && R(i->a).bits == KTAP_BUILTIN_NEXT)) {
		if (iterate(activation, &R(i->a), i->c + 1u, CACHE(i)))
			goto raise;
		NEXT();
	}
	if (has_elements(activation, &R(i->a))) {
		if (next_element(activation, &R(i->a), i->c + 1u))
			goto raise;
		NEXT();
	}
	/* The call's window is above the frame: the stack has room for so much behind its end. */
	{
		struct ktap_value *window = base + frame->closure->function->register_count;

		memcpy(window, &R(i->a), 3 * sizeof(*window));
		result = call_value(activation, window, 2, &R(i->a + 3), i->c + 1u);
	}
has_called:
	if (result == CALL_FAILED)
		goto raise;
	if (result == CALL_DONE)
		NEXT();
	frame = activation->frame;
	base = frame->base;
	pc = code = frame->pc;
	cells = frame->closure->cells;
	if (unlikely(fuel <= 0))
		goto safe_point;
	NEXT();
op_RETURN:
	x = &R(i->a);
	count = i->b ? i->b - 1u : (u32)(activation->top - x);
	if (unlikely(activation->open_cells))
		ktap_close_cells(activation, base);
	/* What was passed over forwards, less what backward jumps have paid for already. */
	fuel -= pc - code;
	if (frame == activation->frames) {
		if (count)
			activation->result = *x;
		activation->executed += activation->slice - fuel;
		return 0;
	}
	activation->frame = frame - 1;
	if (likely(frame->wanted == 2 && count))
		*frame->to = *x;
	else
		deliver(activation, frame->to, frame->wanted, x, count);
	if (unlikely(frame[-1].kind != KTAP_FRAME_SCRIPT)) {
		if (return_to_native(activation))
			goto raise;
		if (fuel <= 0) {
			frame = activation->frame;
			base = frame->base;
			pc = frame->pc;
			code = frame->closure->code;
			goto safe_point;
		}
	}
	goto enter;
op_CCALL:
	SAVE();
	count = i->c ? (u32)(activation->top - &R(i->a)) : i->b;
	if (ktap_call_symbol(activation, i->d, &R(i->a), count))
		goto raise;
	NEXT();
op_GETSYM:
	TRY(ktap_get_symbol(activation, i->d, &R(i->a)));
	NEXT();
op_SETSYM:
	TRY(ktap_set_symbol(activation, i->d, &R(i->a)));
	NEXT();
op_SYMADDR:
	ktap_symbol_pointer(activation->program, i->d, &R(i->a));
	NEXT();

op_FORPREP:
	SAVE();
	result = prepare_loop(activation, &R(i->a));
	if (result < 0)
		goto raise;
	if (!result)
		JUMP(i->d);
	NEXT();
op_FORLOOP:
	loop = &R(i->a);
	if (likely(loop[1].kind == KTAP_SIGNED_LOOP)) {
		if (loop[0].bits == loop[1].bits)
			NEXT();
		immediate = loop[0].bits + loop[2].bits;
		ktap_set_int(&loop[0], immediate);
		ktap_set_int(&loop[3], immediate);
		JUMP_BACK(i->d);
	}
	SAVE();
	result = ktap_continue_loop(activation, &R(i->a));
	if (result < 0)
		goto raise;
	if (result)
		JUMP_BACK(i->d);
	NEXT();
op_VARARG:
	TRY(give_arguments(activation, &R(i->a), i->c));
	NEXT();
op_KEY:
	TRY(ktap_make_key(activation, &R(i->a), &R(i->b), i->c));
	NEXT();
op_ITERLOOP:
	if (R(i->a + 3).tag == KTAP_NIL)
		NEXT();
	R(i->a + 2) = R(i->a + 3);
	JUMP_BACK(i->d);
}

int ktap_interpret(struct ktap_activation *activation, struct ktap_closure *closure, u32 count)
{
	activation->frame = activation->frames - 1;
	begin_slice(activation);
	if (push_script(activation, closure, activation->stack, count, activation->stack, 1))
		return -1;
	return run(activation);
}
