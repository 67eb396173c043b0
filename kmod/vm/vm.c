/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Programs: made of a verified image in an arena, run, asked. */
#include "callback.h"
#include "closure.h"
#include "ctype.h"
#include "emit.h"
#include "error.h"
#include "ffi_objects.h"
#include "interpret.h"
#include "memory.h"
#include "quick.h"
#include "string.h"

#define CALL_DEPTH      200u
#define STACK_MAX_BYTES (1u << 20)

/* Hands out the start of the arena to what stays as long as the program. */
struct layout {
	u8 *arena;
	u64 size, used;
	bool full;
};

static void *place(struct layout *layout, u64 count, u64 size)
{
	u64 at = (layout->used + 15) & ~15ull;
	u64 bytes = count * size;

	if (layout->full || bytes > layout->size || at > layout->size - bytes) {
		layout->full = true;
		return layout->arena;
	}
	layout->used = at + bytes;
	return layout->arena + at;
}

static int refuse(struct ktap_message *message, const char *format, ...) KTAP_PRINTF(2, 3);
static int refuse(struct ktap_message *message, const char *format, ...)
{
	__builtin_va_list arguments;
	struct ktap_text text;

	if (!message || !message->size)
		return -1;
	message->where = KTAP_WHERE_NOTHING;
	message->offset = 0;
	ktap_text_begin(&text, message->text, message->size);
	__builtin_va_start(arguments, format);
	ktap_text_vadd(&text, format, arguments);
	__builtin_va_end(arguments);
	return -1;
}

static u64 stack_values(u64 arena_size)
{
	u64 bytes = arena_size / 8 < STACK_MAX_BYTES ? arena_size / 8 : STACK_MAX_BYTES;

	return bytes / sizeof(struct ktap_value);
}

void ktap_activation_init(struct ktap_activation *activation, struct ktap_program *program,
			  struct ktap_frame *frames, u32 depth, u64 values)
{
	struct ktap_value *stack = (void *)(frames + depth + 1);
	u64 i;

	memset(activation, 0, sizeof(*activation));
	activation->program = program;
	activation->temporaries = KTAP_NONE;
	activation->call.slots = activation->slots;
	activation->frames = frames + 1; /* one before the first, so that "none" is a place */
	activation->frame = frames;
	activation->frames_end = activation->frames + depth;
	activation->stack = activation->stack_used = activation->top = stack;
	activation->stack_end = stack + values;
	for (i = 0; i < values + KTAP_STACK_SLACK; i++)
		ktap_set_nil(&stack[i]);
	ktap_set_nil(&activation->error);
	ktap_set_nil(&activation->result);
	for (i = 0; i < KTAP_KEPT_VALUES; i++)
		ktap_set_nil(&activation->kept[i]);
}

static void place_activation(struct layout *layout, struct ktap_program *program,
			     const struct ktap_limits *limits)
{
	u32 depth = limits && limits->call_depth ? limits->call_depth : CALL_DEPTH;
	u64 values = stack_values(layout->size);
	struct ktap_activation *activation = place(layout, 1, sizeof(*activation));
	struct ktap_frame *frames =
		place(layout, 1,
		      (depth + 1ull) * sizeof(*frames) +
			      (values + KTAP_STACK_SLACK) * sizeof(struct ktap_value));

	if (layout->full)
		return;
	ktap_activation_init(activation, program, frames, depth, values);
	activation->limit = limits ? limits->instructions : 0;
	program->main = activation;
}

static struct ktap_program *place_program(struct layout *layout, const void *image, u64 image_size,
					  const struct ktap_limits *limits)
{
	struct ktap_program *program = place(layout, 1, sizeof(*program));
	struct ktap_sections sections;
	u32 *count = sections.count;

	if (layout->full)
		return NULL;
	ktap_sections_open(&sections, image);
	memset(program, 0, sizeof(*program));
	program->image = sections;
	program->image_size = image_size;
	program->type_count = count[KTAP_SECTION_TYPES];
	program->types = place(layout, 2ull * program->type_count, sizeof(*program->types));
	program->pointer_types = place(layout, program->type_count, sizeof(u32));
	program->strings = place(layout, count[KTAP_SECTION_STRINGS], sizeof(*program->strings));
	program->constants =
		place(layout, count[KTAP_SECTION_CONSTANTS], sizeof(struct ktap_value));
	program->globals = place(layout, count[KTAP_SECTION_GLOBALS], sizeof(struct ktap_value));
	program->caches = place(layout, count[KTAP_SECTION_CODE], sizeof(*program->caches));
	program->addresses = place(layout, count[KTAP_SECTION_SYMBOLS], sizeof(u64));
	program->quick = place(layout, count[KTAP_SECTION_SYMBOLS], sizeof(*program->quick));
	place_activation(layout, program, limits);
	return layout->full ? NULL : program;
}

static int create_strings(struct ktap_program *program)
{
	struct ktap_activation *activation = program->main;
	u32 i;

	for (i = 0; i < program->image.count[KTAP_SECTION_STRINGS]; i++) {
		const struct ktap_image_string *string = &program->image.strings[i];

		program->strings[i] = ktap_string_try(
			activation, program->image.bytes + string->offset, string->length);
		if (!program->strings[i])
			return -1;
	}
	ktap_text_begin(&activation->text, activation->text_bytes, sizeof(activation->text_bytes));
	ktap_text_add(&activation->text,
		      "out of memory: the program's %llu KiB are full "
		      "(more: --memory)",
		      (unsigned long long)program->heap.arena_size / 1024);
	program->out_of_memory =
		ktap_string_try(activation, activation->text.bytes, activation->text.length);
	return program->out_of_memory ? 0 : -1;
}

static void create_constants(struct ktap_program *program)
{
	u32 i;

	for (i = 0; i < program->image.count[KTAP_SECTION_CONSTANTS]; i++) {
		const struct ktap_image_constant *constant = &program->image.constants[i];
		struct ktap_value *value = &program->constants[i];

		switch (constant->kind) {
		case KTAP_CONSTANT_INT:
			ktap_set_int(value, constant->value);
			break;
		case KTAP_CONSTANT_UINT:
			ktap_set_uint(value, constant->value);
			break;
		case KTAP_CONSTANT_STRING:
			ktap_set_string(value, program->strings[constant->value]);
			break;
		case KTAP_CONSTANT_CTYPE:
			ktap_set_ctype(value, constant->value);
			break;
		}
	}
}

/* What the collector takes for roots is valid before anything is allocated; nothing is cached. */
static void clear_roots(struct ktap_program *program)
{
	u32 *count = program->image.count;
	u32 i;

	memset(program->caches, 0, count[KTAP_SECTION_CODE] * sizeof(*program->caches));
	memset(program->strings, 0, count[KTAP_SECTION_STRINGS] * sizeof(*program->strings));
	for (i = 0; i < count[KTAP_SECTION_GLOBALS]; i++)
		ktap_set_nil(&program->globals[i]);
}

static int bind_symbols(struct ktap_program *program, struct ktap_message *message)
{
	u32 i;

	for (i = 0; i < program->image.count[KTAP_SECTION_SYMBOLS]; i++) {
		if (program->image.symbols[i].kind == KTAP_SYMBOL_FUNCTION)
			ktap_quick_make(program, program->image.symbols[i].type, &program->quick[i]);
		if (program->host->bind(program->host_data, program, i, &program->addresses[i],
					message))
			return -1;
	}
	return 0;
}

int ktap_program_create(const struct ktap_host *host, void *host_data, const void *image,
			__kernel_size_t size, void *arena, __kernel_size_t arena_size,
			const struct ktap_limits *limits, struct ktap_program **created,
			struct ktap_message *message)
{
	struct layout layout = { .arena = arena, .size = arena_size };
	struct ktap_program *program;

	*created = NULL;
	if ((__kernel_size_t)arena % 16)
		return refuse(message, "the arena is not at a multiple of 16");
	if (arena_size > 4ull << 30)
		return refuse(message, "more than 4 GiB of memory");
	program = place_program(&layout, image, size, limits);
	if (!program || ktap_heap_create(&program->heap, arena, arena_size, layout.used,
					 host->monotonic_ns(host_data)))
		return refuse(message, "%llu KiB are not enough memory for this program",
			      (unsigned long long)arena_size / 1024);
	program->host = host;
	program->host_data = host_data;
	program->main->host_activation = program->main->call.activation = host->activation;
	program->heap.program = program;
	program->heap.collect_always = limits ? limits->collect_always : 0;
	program->heap.incremental = program->heap.collect_always == KTAP_COLLECT_STEPS;
	program->heap.fail_at = limits ? limits->fail_allocation_at : 0;
	program->heap.is_tested = program->heap.collect_always || program->heap.fail_at;
	clear_roots(program);
	ktap_types_create(program);
	if (create_strings(program))
		return refuse(message, "%llu KiB are not enough memory for this program's strings",
			      (unsigned long long)arena_size / 1024);
	create_constants(program);
	if (bind_symbols(program, message))
		return -1;
	*created = program;
	return 0;
}

int ktap_program_run(struct ktap_program *program)
{
	struct ktap_activation *activation = program->main;
	struct ktap_closure *closure = ktap_closure_make(activation, 0);
	u32 status = KTAP_EXIT_OK;

	if (!closure || ktap_interpret(activation, closure, 0)) {
		status = activation->left	    ? KTAP_EXIT_OK
			 : activation->interrupted ? KTAP_EXIT_INTERRUPTED
						   : KTAP_EXIT_ERROR;
		if (status == KTAP_EXIT_ERROR)
			ktap_emit_error(activation);
	}
	ktap_run_finalisers(activation);
	if (status == KTAP_EXIT_OK && program->callback_errors)
		status = KTAP_EXIT_ERROR;
	ktap_emit_exit(activation, status);
	ktap_unlock(activation);
	return status;
}

int ktap_program_is_finalising(const struct ktap_program *program)
{
	return program->finalising;
}

void ktap_program_destroy(struct ktap_program *program)
{
	(void)program;
}

const struct ktap_image_symbol *ktap_program_symbol(const struct ktap_program *program, u32 index)
{
	return &program->image.symbols[index];
}

const char *ktap_program_string(const struct ktap_program *program, u32 index, u32 *length)
{
	if (length)
		*length = index == KTAP_NONE ? 0 : program->image.strings[index].length;
	return ktap_text_of(program, index);
}

u64 ktap_program_owned(const struct ktap_program *program, u64 address)
{
	u64 behind;

	return ktap_owned_extent(&program->heap, address, NULL, &behind) ? behind : 0;
}

void ktap_program_usage(const struct ktap_program *program, struct ktap_arena_usage *usage)
{
	usage->bytes = program->heap.bytes;
	usage->highest = program->heap.highest;
	usage->objects = program->heap.objects;
	usage->collections = program->heap.collections;
	usage->allocations = program->heap.allocations;
	usage->stalled = program->heap.stalled;
	usage->starved = program->heap.starved;
}
