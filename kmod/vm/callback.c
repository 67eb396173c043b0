/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "callback.h"
#include "builtins.h"
#include "cdata.h"
#include "convert.h"
#include "emit.h"
#include "error.h"
#include "interpret.h"
#include "memory.h"
#include "quick.h"

/* What an entry from foreign code gets: it may be nested, but does not recurse much. */
#define ENTRY_FRAMES 64u
#define ENTRY_VALUES 1024u
/* Entries in progress at once: each processor, and whoever sleeps in a call. */
#define ENTRIES_MAX 64u
/* Errors of callbacks that are reported; those behind them are only counted. */
#define ERRORS_REPORTED 10u

/* --- Making and freeing ------------------------------------------------------------------------ */

struct ktap_callback *ktap_callback_at(const struct ktap_program *program, u64 address)
{
	struct ktap_callback *callback;
	struct ktap_callback *freed = NULL;
	u32 i;

	if (!program->callbacks || !address)
		return NULL;
	for (i = 0; i < KTAP_CALLBACKS_MAX; i++) {
		callback = &program->callbacks[i];
		if (callback->address != address)
			continue;
		if (callback->state == KTAP_CALLBACK_LIVE)
			return callback;
		freed = callback;
	}
	return freed;
}

/* The table of callbacks, at the first one; from then on activations take turns. */
static int create_table(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;
	u64 size = KTAP_CALLBACKS_MAX * sizeof(*program->callbacks);
	struct ktap_object *blob =
		ktap_allocate(activation, KTAP_OBJECT_BLOB, sizeof(struct ktap_object) + size);

	if (!blob)
		return -1;
	memset(blob + 1, 0, size);
	program->callbacks = (void *)(blob + 1);
	program->locked = program->heap.incremental = true;
	ktap_take_turn(activation);
	return 0;
}

/* Round about, so that what was freed last is remembered longest. */
static struct ktap_callback *find_free(struct ktap_program *program)
{
	struct ktap_callback *callback;
	u32 tried;

	for (tried = 0; tried < KTAP_CALLBACKS_MAX; tried++) {
		callback = &program->callbacks[program->next_callback++ % KTAP_CALLBACKS_MAX];
		if (callback->state == KTAP_CALLBACK_FREE)
			return callback;
	}
	return NULL;
}

/* Whether functions of a type can be script functions. */
static int check_type(struct ktap_activation *activation, u32 function_type)
{
	const struct ktap_image_type *type = ktap_type(activation, function_type);

	if (type->plan == KTAP_NONE)
		return ktap_raise(activation,
				  "'%s' cannot be a callback: it passes floating point",
				  ktap_type_name(activation, function_type));
	if (type->flags & KTAP_TYPE_VARIADIC)
		return ktap_raise(activation,
				  "'%s' cannot be a callback: nothing tells what it is called with",
				  ktap_type_name(activation, function_type));
	return 0;
}

static int check_host(struct ktap_activation *activation)
{
	const struct ktap_host *host = activation->program->host;

	if (!host->callback_take)
		return ktap_raise(activation, "there are no callbacks here");
	if (!(host->grants & KTAP_MAY_CALLBACK))
		return ktap_raise(activation, "handing a function to foreign code needs a grant: "
					      "run with --allow callback");
	return 0;
}

static struct ktap_callback *make_callback(struct ktap_activation *activation, u32 function_type,
					   struct ktap_closure *function)
{
	struct ktap_program *program = activation->program;
	char text[128] = "";
	struct ktap_message why = { .text = text, .size = sizeof(text) };
	struct ktap_callback *callback;

	if (check_host(activation) || check_type(activation, function_type) ||
	    (!program->callbacks && create_table(activation)))
		return NULL;
	callback = find_free(program);
	if (!callback) {
		ktap_raise(activation, "more than %u callbacks at once: free some",
			   KTAP_CALLBACKS_MAX);
		return NULL;
	}
	callback->address = program->host->callback_take(
		program->host_data, callback - program->callbacks, &why);
	if (!callback->address) {
		ktap_raise(activation, "no callback can be made: %s", text);
		return NULL;
	}
	callback->function = function;
	callback->type = function_type;
	ktap_quick_make(program, function_type, &callback->quick);
	callback->next = KTAP_NONE;
	callback->state = KTAP_CALLBACK_LIVE;
	return callback;
}

static void free_callback(struct ktap_program *program, struct ktap_callback *callback)
{
	callback->state = KTAP_CALLBACK_FREE;
	callback->function = NULL;
	program->host->callback_give(program->host_data, callback->address);
}

int ktap_callback_make(struct ktap_activation *activation, u32 function_type,
		       struct ktap_closure *function, struct ktap_value *to)
{
	struct ktap_callback *callback = make_callback(activation, function_type, function);

	if (!callback)
		return -1;
	ktap_set_cdata(to, KTAP_SCALAR, callback->address,
		       ktap_pointer_to(activation->program, function_type));
	return 0;
}

int ktap_callback_for_call(struct ktap_activation *activation, u32 function_type,
			   struct ktap_closure *function, u64 *address)
{
	struct ktap_callback *callback = make_callback(activation, function_type, function);

	if (!callback)
		return -1;
	callback->next = activation->temporaries;
	activation->temporaries = callback - activation->program->callbacks;
	*address = callback->address;
	return 0;
}

void ktap_free_temporaries(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;

	while (activation->temporaries != KTAP_NONE) {
		struct ktap_callback *callback = &program->callbacks[activation->temporaries];

		activation->temporaries = callback->next;
		free_callback(program, callback);
	}
}

/* ffi.callback(type, function) */
int ktap_builtin_callback(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	u32 function_type = arguments[0].bits;

	(void)count;
	if (arguments[0].tag != KTAP_CTYPE)
		return ktap_raise_argument(activation, 1, "ffi.callback", "ctype expected, got %s",
					   ktap_type_name_of(activation, &arguments[0]));
	if (program->types[function_type].kind == KTAP_TYPE_POINTER)
		function_type = program->types[function_type].ref;
	if (program->types[function_type].kind != KTAP_TYPE_FUNCTION)
		return ktap_raise_argument(activation, 1, "ffi.callback",
					   "'%s' is no type of functions",
					   ktap_type_name(activation, arguments[0].bits));
	if (arguments[1].tag != KTAP_CLOSURE)
		return ktap_raise_argument(activation, 2, "ffi.callback",
					   "a function of the script expected, got %s",
					   ktap_type_name_of(activation, &arguments[1]));
	return ktap_callback_make(activation, function_type, arguments[1].closure, &results[0])
		       ? -1
		       : 1;
}

/* callback:free() */
int ktap_builtin_callback_free(struct ktap_activation *activation,
			       const struct ktap_value *arguments, u32 count,
			       struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_callback *callback;

	(void)count;
	(void)results;
	callback = arguments[0].tag == KTAP_SCALAR
			   ? ktap_callback_at(activation->program, arguments[0].bits)
			   : NULL;
	if (!callback)
		return ktap_raise_argument(activation, 1, "free", "not a callback of this script");
	if (callback->state == KTAP_CALLBACK_FREE)
		return ktap_raise_argument(activation, 1, "free", "the callback is freed already");
	free_callback(activation->program, callback);
	return 0;
}

u32 ktap_program_callbacks(const struct ktap_program *program)
{
	u32 live = 0;
	u32 i;

	for (i = 0; program->callbacks && i < KTAP_CALLBACKS_MAX; i++)
		live += program->callbacks[i].state == KTAP_CALLBACK_LIVE;
	return live;
}

void ktap_mark_callbacks(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 i;

	if (!program->callbacks)
		return;
	ktap_mark_object(heap, (struct ktap_object *)program->callbacks - 1);
	for (i = 0; i < KTAP_CALLBACKS_MAX; i++) {
		if (program->callbacks[i].state == KTAP_CALLBACK_LIVE)
			ktap_mark_object(heap, &program->callbacks[i].function->object);
	}
}

/* --- Entering ---------------------------------------------------------------------------------- */

static noinline struct ktap_activation *make_activation(struct ktap_program *program)
{
	u64 size = sizeof(struct ktap_activation) +
		   (ENTRY_FRAMES + 1) * sizeof(struct ktap_frame) +
		   (ENTRY_VALUES + KTAP_STACK_SLACK) * sizeof(struct ktap_value);
	struct ktap_activation *activation;
	struct ktap_object *blob;

	if (program->activation_count == ENTRIES_MAX)
		return NULL;
	blob = ktap_allocate_entry(program, sizeof(*blob) + size);
	if (!blob)
		return NULL;
	activation = (void *)(blob + 1);
	ktap_activation_init(activation, program, (void *)(activation + 1), ENTRY_FRAMES,
			     ENTRY_VALUES);
	program->activation_count++;
	activation->marked = true;
	return activation;
}

static inline struct ktap_activation *take_activation(struct ktap_program *program)
{
	struct ktap_activation *activation = program->spare;

	if (activation)
		program->spare = activation->next;
	else
		activation = make_activation(program);
	if (!activation)
		return NULL;
	activation->next = program->entered;
	program->entered = activation;
	return activation;
}

static inline void give_activation(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;
	struct ktap_activation **link = &program->entered;

	while (unlikely(*link != activation))
		link = &(*link)->next;
	*link = activation->next;
	activation->next = program->spare;
	program->spare = activation;
}

static int raise_unreadable(struct ktap_activation *activation)
{
	return ktap_raise(activation, "the arguments of a callback cannot be read");
}

/* The words that the caller passed, where the plan's slots have them. */
static int take_words(struct ktap_activation *activation, const struct ktap_image_plan *plan,
		      const struct ktap_incoming *entry)
{
	const struct ktap_program *program = activation->program;
	u32 behind = plan->words - KTAP_REGISTERS;

	memcpy(activation->slots, entry->registers, KTAP_REGISTERS * sizeof(u64));
	if (behind &&
	    program->host->frame_read(program->host_data, activation->slots + KTAP_REGISTERS,
				      entry->stack, behind * sizeof(u64)))
		return raise_unreadable(activation);
	return 0;
}

/* An aggregate argument: a copy that the script owns. Returns the step behind its own. */
static int take_aggregate(struct ktap_activation *activation, const struct ktap_image_step **step,
			  const struct ktap_image_step *end, u32 param, u32 type,
			  struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	const u64 *slots = activation->slots;

	if (ktap_cdata_make(activation, type, ktap_type(activation, type)->size, to))
		return -1;
	for (; *step < end && (*step)->param == param; ++*step) {
		void *part = ktap_pointer(to->bits + (*step)->offset);

		if ((*step)->kind != KTAP_STEP_COPY)
			memcpy(part, &slots[(*step)->slot], (*step)->size);
		else if (program->host->frame_read(program->host_data, part, slots[(*step)->slot],
						   (*step)->size))
			return raise_unreadable(activation);
	}
	return 0;
}

/* The arguments, as values at the start of the stack. */
static noinline int take_arguments(struct ktap_activation *activation, u32 function_type,
			  const struct ktap_incoming *entry)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_image_type *function = ktap_type(activation, function_type);
	const struct ktap_image_plan *plan = &program->image.plans[function->plan];
	const struct ktap_image_step *step = &program->image.steps[plan->first_step];
	const struct ktap_image_step *end = step + plan->step_count;
	u32 param;
	u32 type;

	if (take_words(activation, plan, entry))
		return -1;
	for (param = 0; param < function->count; param++) {
		struct ktap_value *to = &activation->stack[param];

		type = program->image.params[function->first + param].type;
		if (step < end && step->param == param && step->kind == KTAP_STEP_SCALAR) {
			ktap_from_bits(program, type,
				       ktap_extend(ktap_type(activation, type),
						   activation->slots[step->slot]),
				       to);
			step++;
		} else if (take_aggregate(activation, &step, end, param, type, to)) {
			return -1;
		}
		activation->top = to + 1;
	}
	return 0;
}

static int raise_result(struct ktap_activation *activation, u32 type)
{
	return ktap_raise(activation, "a callback that is to return '%s' returned a '%s'%s",
			  ktap_type_name(activation, type),
			  ktap_type_name_of(activation, &activation->result),
			  ktap_conversion_note(activation->program, type, &activation->result));
}

/* A string's bytes would not outlive the callback. */
static int give_scalar(struct ktap_activation *activation, u32 type, u64 *to)
{
	const struct ktap_value *result = &activation->result;

	if (result->tag == KTAP_STRING && ktap_type(activation, type)->kind == KTAP_TYPE_POINTER)
		return raise_result(activation, type);
	return ktap_to_bits(activation->program, type, result, false, to)
		       ? 0
		       : raise_result(activation, type);
}

/* Bytes of the aggregate that the function returned; of a 128-bit integer, perhaps from a number. */
static int read_result(struct ktap_activation *activation, u32 type, void *to, u64 offset, u64 size)
{
	const struct ktap_value *result = &activation->result;
	struct ktap_value number;
	u64 words[2];

	if (ktap_type(activation, type)->kind == KTAP_TYPE_INT &&
	    ktap_to_number(activation->program, result, &number)) {
		words[0] = number.bits;
		words[1] = number.tag == KTAP_INT && (s64)number.bits < 0 ? ~0ull : 0;
		memcpy(to, (u8 *)words + offset, size);
		return 0;
	}
	if (!ktap_is_reference(result) || !ktap_same_type(activation->program, type, result->type))
		return raise_result(activation, type);
	return ktap_read(activation, to, result->bits + offset, size);
}

#define BOUNCE 256u

/* Fills what the caller passed for the result: from the value returned, or with zeros. */
static int give_memory(struct ktap_activation *activation, u32 type, u64 address, bool zero)
{
	const struct ktap_program *program = activation->program;
	u64 size = ktap_type(activation, type)->size;
	u8 bytes[BOUNCE] = { 0 };
	u64 count;
	u64 done;

	for (done = 0; done < size; done += count) {
		count = size - done < BOUNCE ? size - done : BOUNCE;
		if (!zero && read_result(activation, type, bytes, done, count))
			return -1;
		if (program->host->frame_write(program->host_data, address + done, bytes, count))
			return ktap_raise(activation,
					  "the result of a callback cannot be written to 0x%llx",
					  (unsigned long long)address);
	}
	return 0;
}

static noinline int give_result(struct ktap_activation *activation, u32 function_type,
		       struct ktap_incoming *entry)
{
	const struct ktap_image_type *function = ktap_type(activation, function_type);
	const struct ktap_image_plan *plan = &activation->program->image.plans[function->plan];
	u32 type = function->ref;

	switch (plan->return_kind) {
	case KTAP_RETURN_SCALAR:
		return give_scalar(activation, type, &entry->result[0]);
	case KTAP_RETURN_REGISTERS:
		return read_result(activation, type, entry->result, 0,
				   ktap_type(activation, type)->size);
	case KTAP_RETURN_MEMORY:
		entry->result[0] = entry->registers[ktap_result_slot(plan)];
		return give_memory(activation, type, entry->result[0], false);
	}
	return 0;
}

/* What a callback returns that could not do its work. */
static void give_default(struct ktap_activation *activation, u32 function_type,
			 struct ktap_incoming *entry)
{
	const struct ktap_image_type *function = ktap_type(activation, function_type);
	const struct ktap_image_plan *plan = &activation->program->image.plans[function->plan];

	entry->result[0] = entry->result[1] = 0;
	if (plan->return_kind != KTAP_RETURN_MEMORY)
		return;
	entry->result[0] = entry->registers[ktap_result_slot(plan)];
	give_memory(activation, function->ref, entry->result[0], true);
}

/*
 * An error that ended a callback: raised once more when the call that it happened within is back in
 * the script; where nothing waits for it, reported at once.
 */
static void report_error(struct ktap_activation *activation, struct ktap_call *call)
{
	struct ktap_program *program = activation->program;
	struct ktap_activation *outer;

	if (!call) {
		if (activation->left || activation->interrupted)
			return;
		if (program->callback_errors++ < ERRORS_REPORTED)
			ktap_emit_error(activation);
		return;
	}
	outer = (void *)((u8 *)call - offsetof(struct ktap_activation, call));
	/* What no pcall catches ends the one who called, too. */
	outer->final |= activation->left || activation->interrupted;
	outer->left |= activation->left;
	outer->interrupted |= activation->interrupted;
	if (!call->callback_failed++)
		outer->kept[KTAP_KEEP_CALLBACK_ERROR] = activation->error;
}

/* The arguments, if they all are integers and in registers: else it takes the plan. */
static inline bool take_quickly(struct ktap_activation *activation, const struct ktap_quick *quick,
			 const struct ktap_incoming *entry)
{
	u32 count = quick->count;
	u32 i;

	if (unlikely(count == KTAP_NOT_QUICK))
		return false;
	for (i = 0; i < count; i++) {
		if (unlikely(quick->kinds[i] >= KTAP_QUICK_OTHER))
			return false;
		ktap_quick_number(quick->kinds[i], entry->registers[i], &activation->stack[i]);
	}
	activation->top = activation->stack + count;
	return true;
}

/* The same with the result. */
static inline bool give_quickly(const struct ktap_activation *activation, const struct ktap_quick *quick,
			 struct ktap_incoming *entry)
{
	u32 kind = quick->result;

	if (unlikely(quick->count == KTAP_NOT_QUICK || kind >= KTAP_QUICK_OTHER ||
		     !ktap_is_number(&activation->result) || activation->program->strict))
		return false;
	entry->result[0] = ktap_quick_extend(kind, activation->result.bits);
	return true;
}

static noinline int fail(struct ktap_activation *activation, u32 type, struct ktap_incoming *entry)
{
	report_error(activation, entry->call);
	give_default(activation, type, entry);
	return -1;
}

static inline int run_callback(struct ktap_activation *activation, const struct ktap_callback *callback,
			       struct ktap_incoming *entry)
{
	/* Copied: the function may free the callback and make another one of its place. */
	const struct ktap_quick quick = callback->quick;
	u32 type = callback->type;
	u32 count = quick.count;

	if (unlikely(!take_quickly(activation, &quick, entry))) {
		if (take_arguments(activation, type, entry))
			return fail(activation, type, entry);
		count = ktap_type(activation, type)->count;
	}
	if (unlikely(ktap_interpret(activation, callback->function, count)) ||
	    (!give_quickly(activation, &quick, entry) && give_result(activation, type, entry)))
		return fail(activation, type, entry);
	return 0;
}

/* What is not set here is as ktap_activation_init() or end_activation() has left it. */
static inline void begin_activation(struct ktap_activation *activation, const struct ktap_incoming *entry)
{
	activation->executed = 0;
	activation->limit = entry->instructions;
	activation->final = activation->interrupted = activation->left = false;
	activation->host_activation = activation->call.activation = entry->activation;
}

/* Leaves nothing behind that would keep objects alive. */
static inline void end_activation(struct ktap_activation *activation)
{
	u64 kinds = activation->error.kind;
	u32 i;

	activation->open_cells = NULL;
	activation->top = activation->stack;
	activation->frame = activation->frames - 1;
	ktap_set_nil(&activation->result);
	for (i = 0; i < KTAP_KEPT_VALUES; i++)
		kinds |= activation->kept[i].kind;
	if (likely(kinds == KTAP_NIL))
		return;
	for (i = 0; i < KTAP_KEPT_VALUES; i++)
		ktap_set_nil(&activation->kept[i]);
	ktap_set_nil(&activation->error);
}

struct ktap_activation *ktap_activation_take(struct ktap_program *program)
{
	const struct ktap_incoming none = { .activation = program->host->activation };
	struct ktap_activation *activation = take_activation(program);

	if (!activation)
		return NULL;
	begin_activation(activation, &none);
	if (program->heap.marking && !activation->marked)
		ktap_mark_before_running(activation);
	return activation;
}

int ktap_activation_call(struct ktap_activation *activation, struct ktap_closure *function,
			 const struct ktap_value *argument)
{
	struct ktap_activation *main = activation->program->main;
	int failed;

	activation->stack[0] = *argument;
	activation->top = activation->stack + 1;
	if (main->limit)
		activation->limit = main->limit - main->executed;
	failed = ktap_interpret(activation, function, 1);
	main->executed += activation->executed;
	if (failed)
		report_error(activation, NULL);
	return failed;
}

void ktap_activation_give(struct ktap_activation *activation)
{
	end_activation(activation);
	give_activation(activation);
}

/* No activation: an error of the call that it happened within, if there is one. */
static noinline int refuse_entry(const struct ktap_incoming *entry)
{
	struct ktap_activation *outer;

	if (!entry->call)
		return 1;
	outer = (void *)((u8 *)entry->call - offsetof(struct ktap_activation, call));
	ktap_raise(outer, "a callback cannot begin: no memory, or more than %u inside each other",
		   ENTRIES_MAX);
	if (!entry->call->callback_failed++)
		outer->kept[KTAP_KEEP_CALLBACK_ERROR] = outer->error;
	ktap_set_nil(&outer->error);
	return -1;
}

int ktap_program_enter(struct ktap_program *program, struct ktap_incoming *entry)
{
	const struct ktap_callback *callback = &program->callbacks[entry->callback];
	struct ktap_activation *activation;
	int status;

	entry->result[0] = entry->result[1] = 0;
	program->heap.turn_work = 0;
	/* Freed, and perhaps made anew, while the entry waited for its turn. */
	if (callback->state != KTAP_CALLBACK_LIVE || callback->address != entry->address)
		return 1;
	activation = take_activation(program);
	if (!activation)
		return refuse_entry(entry);
	begin_activation(activation, entry);
	if (program->heap.marking && !activation->marked)
		ktap_mark_before_running(activation);
	status = run_callback(activation, callback, entry);
	end_activation(activation);
	give_activation(activation);
	ktap_collect_step(program);
	return status;
}
