/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What is only there in a kernel, and where one is not has a meaning all the same: per-CPU data, memory
 * of a process beside it, RCU. And ffi.strict, how numbers become C's. */
#include "callback.h"
#include "convert.h"
#include "error.h"
#include "library.h"
#include "memory.h"
#include "string.h"

/* per_cpu(pointer, processor): the object there, as a member of a struct would be read. The pointer is
 * what is the same on all processors: `symbol` (the compiler takes its address), or one of alloc_percpu(). */
int ktap_builtin_per_cpu(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	const struct ktap_value *pointer = &arguments[0];
	const struct ktap_image_type *type = &program->types[pointer->type];
	struct ktap_place place = { 0 };
	s64 processor;

	if (pointer->tag != KTAP_SCALAR || type->kind != KTAP_TYPE_POINTER)
		return ktap_raise_argument(activation, 1, "per_cpu",
					   "a per-CPU variable or a pointer expected, got %s",
					   ktap_type_name_of(activation, pointer));
	if (!ktap_type_is_complete(&program->types[type->ref]))
		return ktap_raise_argument(activation, 1, "per_cpu", "the size of '%s' is not known",
					   ktap_type_name(activation, type->ref));
	if (ktap_argument_number(activation, arguments, count, 2, "per_cpu", &processor))
		return -1;
	if (program->host->percpu_of)
		place.address = program->host->percpu_of(program->host_data, pointer->bits,
							 processor);
	if (!place.address)
		return ktap_raise_argument(activation, 2, "per_cpu", "there is no processor %lld",
					   (long long)processor);
	place.type = type->ref;
	place.readonly = program->types[type->ref].flags & KTAP_TYPE_CONST;
	return ktap_load(activation, &place, &results[0]) ? -1 : 1;
}

/* --- user_string ------------------------------------------------------------------------------- */

static int read_user(struct ktap_activation *activation, void *to, u64 from, u64 size)
{
	const struct ktap_program *program = activation->program;
	int failed = -1;

	if (program->host->read_user) {
		ktap_unlock(activation);
		failed = program->host->read_user(program->host_data, to, from, size);
		ktap_lock(activation);
	}
	return failed ? ktap_raise(activation, "cannot read %llu bytes of the process at 0x%llx",
				   (unsigned long long)size, (unsigned long long)from)
		      : 0;
}

#define USER_CHUNK 256u

/* Bytes before the first zero byte: read in pieces that never cross into another page. */
static int measure_user(struct ktap_activation *activation, u64 address, u64 *length)
{
	char *bytes = (char *)activation->slots;
	u64 piece;
	u64 i;

	for (*length = 0; *length < KTAP_STRING_MAX; *length += piece) {
		piece = USER_CHUNK - (address + *length) % USER_CHUNK;
		if (ktap_spend(activation, 1) ||
		    read_user(activation, bytes, address + *length, piece))
			return -1;
		for (i = 0; i < piece; i++) {
			if (!bytes[i]) {
				*length += i;
				return 0;
			}
		}
	}
	return ktap_raise(activation, "no end to the process's string at 0x%llx",
			  (unsigned long long)address);
}

/* user_string(address), user_string(address, bytes): of the process that the code runs for. */
int ktap_builtin_user_string(struct ktap_activation *activation, const struct ktap_value *arguments,
			     u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_program *program = activation->program;
	struct ktap_string *buffer;
	struct ktap_value number;
	u64 address;
	s64 length = 0;
	bool failed;
	u64 bytes;

	if (ktap_to_number(program, &arguments[0], &number))
		address = number.bits;
	else if (ktap_argument_address(activation, arguments, 1, "user_string", true, &address))
		return -1;
	if (count > 1 &&
	    ktap_argument_number(activation, arguments, count, 2, "user_string", &length))
		return -1;
	if (length < 0)
		return ktap_raise_argument(activation, 2, "user_string", "%lld is less than 0",
					   (long long)length);
	bytes = length;
	if (count == 1 && measure_user(activation, address, &bytes))
		return -1;
	buffer = ktap_string_buffer(activation, bytes);
	if (!buffer)
		return -1;
	activation->buffer = &buffer->object; /* others may collect garbage meanwhile */
	failed = bytes && read_user(activation, buffer->bytes, address, bytes);
	activation->buffer = NULL;
	if (failed) {
		ktap_release(&program->heap, &buffer->object);
		return -1;
	}
	ktap_set_string(&results[0], ktap_string_finish(activation, buffer));
	return 1;
}

/* --- rcu --------------------------------------------------------------------------------------- */

/* Instructions in a section: a processor that stays in one for many seconds is reported as stalled. */
#define RCU_BUDGET 1000000u

enum {
	RCU_FUNCTION = 1,
	RCU_HELD = 5,  /* true: the section has begun */
	RCU_LIMIT = 6, /* of instructions, before */
};

static void change(struct ktap_activation *activation, int begin)
{
	const struct ktap_program *program = activation->program;

	if (!program->host->rcu)
		return;
	ktap_unlock(activation);
	program->host->rcu(program->host_data, activation->host_activation, begin);
	ktap_lock(activation);
}

static void begin_section(struct ktap_activation *activation, struct ktap_value *state)
{
	u64 limit = activation->executed + RCU_BUDGET;

	ktap_set_bool(&state[RCU_HELD], true);
	ktap_set_uint(&state[RCU_LIMIT], activation->limit);
	if (!activation->limit || limit < activation->limit)
		activation->limit = limit;
	change(activation, 1);
}

void ktap_rcu_unwind(struct ktap_activation *activation, struct ktap_value *state)
{
	if (state[RCU_HELD].tag != KTAP_TRUE)
		return;
	ktap_set_nil(&state[RCU_HELD]);
	activation->limit = state[RCU_LIMIT].bits;
	change(activation, 0);
}

/* rcu(f): calls f() under the RCU read lock, and gives what it returns (one value). */
int ktap_step_rcu(struct ktap_activation *activation, struct ktap_value *state,
		  struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *window = &state[KTAP_STEP_WINDOW];

	if (state[RCU_HELD].tag == KTAP_TRUE) {
		ktap_rcu_unwind(activation, state);
		results[0] = *window;
		return 1;
	}
	if (state[RCU_FUNCTION].tag != KTAP_CLOSURE)
		return ktap_raise_argument(activation, 1, "rcu",
					   "function of the script expected, got %s",
					   ktap_type_name_of(activation, &state[RCU_FUNCTION]));
	begin_section(activation, state);
	*window = state[RCU_FUNCTION];
	activation->step_arguments = 0;
	return KTAP_STEP_CALL;
}

/* ffi.strict(on): from now on, whether a number that its type cannot hold is an error; what it was. */
int ktap_builtin_strict(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_program *program = activation->program;

	(void)count;
	ktap_set_bool(&results[0], program->strict);
	program->strict = ktap_is_true(&arguments[0]);
	return 1;
}
