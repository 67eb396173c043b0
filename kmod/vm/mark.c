/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Marking: what the program may still reach. Between its steps the program runs on; what keeps that right
 * is a snapshot: everything that could be reached when the collection began is marked in the end, and
 * everything made since then is marked from its birth. Three rules see to it.
 *
 * - An activation does not execute before what it holds is marked (ktap_mark_before_running()). Those that
 *   wait, or are inside calls, do not change; anybody marks for them.
 * - A store into what others may see marks the value that it overwrites, if that is not marked yet: nothing
 *   disappears from a place that has not been looked at (ktap_store()).
 * - A string that is found among all strings is marked: nothing may have referred to it.
 *
 * So it does not matter whether a table is scanned before or after a change, or partly.
 */
#include "mark.h"
#include "callback.h"
#include "ffi_objects.h"
#include "table.h"

/* Values of a table or of a stack, and roots, that are marked without a look at the time. */
#define PART 256u

static bool is_leaf(const struct ktap_object *object)
{
	return object->kind == KTAP_OBJECT_STRING || object->kind == KTAP_OBJECT_CDATA ||
	       object->kind == KTAP_OBJECT_BLOB;
}

void ktap_mark_object(struct ktap_heap *heap, struct ktap_object *object)
{
	if (!object || object->color != KTAP_WHITE)
		return;
	if (is_leaf(object)) {
		object->color = KTAP_BLACK;
		return;
	}
	object->color = KTAP_GRAY;
	if (heap->mark_count < heap->mark_limit)
		heap->mark_stack[heap->mark_count++] = ktap_granule(heap, object);
	else
		heap->rescan = true;
}

void ktap_mark_reference(struct ktap_heap *heap, const struct ktap_value *value)
{
	switch (value->tag) {
	case KTAP_STRING:
	case KTAP_TABLE:
	case KTAP_CLOSURE:
		ktap_mark_object(heap, value->object);
		break;
	case KTAP_SCALAR:
	case KTAP_REFERENCE:
	case KTAP_READONLY:
		if (ktap_in_arena(heap, value->bits))
			ktap_mark_object(heap, ktap_object_at(heap, value->bits));
		else if (heap->program->ffi_objects)
			ktap_reach_foreign(heap->program, value->bits);
		break;
	}
}

static void mark_values(struct ktap_heap *heap, const struct ktap_value *values, u64 count)
{
	u64 i;

	for (i = 0; i < count; i++)
		ktap_mark_value(heap, &values[i]);
}

static u32 smaller(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* --- Objects ----------------------------------------------------------------------------------- */

/* Each of these returns the units of work that it has done: values and objects looked at. */

static u32 scan_large_table(struct ktap_heap *heap)
{
	u32 done = ktap_table_mark(heap, heap->large_table, &heap->large_table_at, PART);

	if (done < PART)
		heap->large_table = NULL;
	return done + 1;
}

static u32 scan_table(struct ktap_heap *heap, struct ktap_table *table)
{
	struct ktap_table_cursor at = { 0, 0 };

	ktap_table_mark_memory(heap, table);
	if (likely((u64)table->array_count + table->entry_count < PART))
		return ktap_table_mark(heap, table, &at, PART) + 4;
	heap->large_table = table;
	heap->large_table_at = at;
	return scan_large_table(heap);
}

static u32 scan_closure(struct ktap_heap *heap, const struct ktap_closure *closure)
{
	u32 count = closure->function->capture_count;
	u32 i;

	for (i = 0; i < count; i++)
		ktap_mark_object(heap, &closure->cells[i]->object);
	return count + 1;
}

static u32 scan_object(struct ktap_heap *heap, struct ktap_object *object)
{
	object->color = KTAP_BLACK;
	switch (object->kind) {
	case KTAP_OBJECT_TABLE:
		return scan_table(heap, (struct ktap_table *)object);
	case KTAP_OBJECT_CLOSURE:
		return scan_closure(heap, (struct ktap_closure *)object);
	case KTAP_OBJECT_CELL:
		ktap_mark_value(heap, ((struct ktap_cell *)object)->at);
	}
	return 1;
}

/* Gray objects of a chunk, which the stack had no room for, are put there: it is empty. */
static u32 find_gray(struct ktap_heap *heap, u32 index)
{
	const struct ktap_chunk *chunk = &heap->chunks[index];
	u8 *memory = heap->chunk_base + ((u64)index << heap->chunk_shift);
	bool small = chunk->state == KTAP_CHUNK_SMALL;
	u32 bytes = small ? ktap_class_bytes(chunk->size_class) : 0;
	u32 count = small ? chunk->objects : chunk->state == KTAP_CHUNK_LARGE;
	u32 i;

	for (i = 0; i < count; i++) {
		struct ktap_object *object = (void *)(memory + i * bytes);

		if (object->kind == KTAP_OBJECT_FREE || object->color != KTAP_GRAY)
			continue;
		if (heap->mark_count < heap->mark_limit)
			heap->mark_stack[heap->mark_count++] = ktap_granule(heap, object);
		else
			heap->rescan = true;
	}
	return count / 4 + 1;
}

/* --- Roots ------------------------------------------------------------------------------------- */

static struct ktap_value *top_of(const struct ktap_activation *activation)
{
	struct ktap_value *top = activation->top;
	const struct ktap_frame *frame;
	struct ktap_value *end;

	for (frame = activation->frames; frame <= activation->frame; frame++) {
		if (frame->kind != KTAP_FRAME_SCRIPT)
			continue;
		end = frame->base + frame->closure->function->register_count;
		if (top < end)
			top = end;
	}
	return top;
}

static void mark_frames(struct ktap_heap *heap, struct ktap_activation *activation)
{
	const struct ktap_frame *frame;

	for (frame = activation->frames; frame <= activation->frame; frame++) {
		if (frame->kind == KTAP_FRAME_SCRIPT)
			ktap_mark_object(heap, &frame->closure->object);
	}
	ktap_mark_value(heap, &activation->error);
	ktap_mark_object(heap, activation->buffer);
	ktap_mark_value(heap, &activation->result);
	mark_values(heap, activation->kept, KTAP_KEPT_VALUES);
}

/* The next values of its stack. Registers above its last frame are cleared: no value in the stack refers to
 * an object that this collection frees. False: these were the last. */
static bool mark_stack(struct ktap_heap *heap, struct ktap_activation *activation)
{
	struct ktap_value *at = activation->stack + activation->marked_values;
	struct ktap_value *used = activation->stack_used + KTAP_STACK_SLACK;
	struct ktap_value *top = top_of(activation);
	u32 left = PART;

	if (at < top) {
		u32 count = smaller(left, top - at);

		mark_values(heap, at, count);
		at += count;
		left -= count;
	}
	for (; left && at < used; at++, left--)
		ktap_set_nil(at);
	activation->marked_values = at - activation->stack;
	if (!left)
		return true;
	activation->stack_used = top;
	return false;
}

static u32 mark_activation(struct ktap_heap *heap, struct ktap_activation *activation)
{
	u32 left = PART;

	if (!activation->marked_values)
		mark_frames(heap, activation);
	if (mark_stack(heap, activation))
		return 2 * PART;
	for (; left && activation->marked_cell; left--) {
		ktap_mark_object(heap, &activation->marked_cell->object);
		activation->marked_cell = activation->marked_cell->next_open;
	}
	activation->marked = !activation->marked_cell;
	return 2 * PART;
}

void ktap_mark_before_running(struct ktap_activation *activation)
{
	struct ktap_heap *heap = &activation->program->heap;

	while (heap->marking && !activation->marked) {
		if (heap->turn_work >= KTAP_TURN_WORK) {
			ktap_give_turn(activation);
			ktap_take_turn(activation);
			continue;
		}
		heap->turn_work += mark_activation(heap, activation);
	}
}

void ktap_mark_wholly(struct ktap_activation *activation)
{
	while (!activation->marked)
		mark_activation(&activation->program->heap, activation);
}

/* One whose mark is missing, of those in use and those not: these have garbage on their stacks. */
static struct ktap_activation *unmarked_activation(const struct ktap_program *program)
{
	struct ktap_activation *lists[] = { program->main, program->entered, program->spare };
	u32 i;

	for (i = 0; i < KTAP_COUNT_OF(lists); i++) {
		while (lists[i] && lists[i]->marked)
			lists[i] = lists[i]->next;
		if (lists[i])
			return lists[i];
	}
	return NULL;
}

static bool roots_are_left(const struct ktap_program *program)
{
	return program->heap.string_root < program->image.count[KTAP_SECTION_STRINGS] ||
	       program->heap.global_root < program->image.count[KTAP_SECTION_GLOBALS];
}

static u32 mark_roots(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 strings = program->image.count[KTAP_SECTION_STRINGS] - heap->string_root;
	u32 globals = program->image.count[KTAP_SECTION_GLOBALS] - heap->global_root;
	u32 i;

	strings = smaller(strings, PART);
	for (i = 0; i < strings; i++) {
		struct ktap_string *string = program->strings[heap->string_root++];

		if (string)
			ktap_mark_object(heap, &string->object);
	}
	globals = smaller(globals, PART);
	mark_values(heap, program->globals + heap->global_root, globals);
	heap->global_root += globals;
	return strings + globals;
}

/* --- All of it --------------------------------------------------------------------------------- */

static void forget_marks(struct ktap_activation *activation)
{
	activation->marked = false;
	activation->marked_values = 0;
	activation->marked_cell = activation->open_cells;
}

/* Activations of callbacks lie in the heap themselves. */
static void begin_activations(struct ktap_heap *heap, struct ktap_activation *activation)
{
	for (; activation; activation = activation->next) {
		ktap_mark_object(heap, (struct ktap_object *)activation - 1);
		forget_marks(activation);
	}
}

void ktap_mark_begin(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;

	heap->marking = true;
	heap->mark_count = 0;
	heap->rescan = false;
	heap->rescan_at = heap->chunk_count;
	heap->string_root = heap->global_root = 0;
	heap->large_table = NULL;
	ktap_mark_ffi_objects(program);
	forget_marks(program->main);
	begin_activations(heap, program->entered);
	begin_activations(heap, program->spare);
	if (program->out_of_memory)
		ktap_mark_object(heap, &program->out_of_memory->object);
	ktap_mark_callbacks(program);
}

u32 ktap_mark_some(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	struct ktap_activation *activation;

	if (heap->large_table)
		return scan_large_table(heap);
	if (heap->mark_count)
		return scan_object(heap,
				   ktap_at_granule(heap, heap->mark_stack[--heap->mark_count]));
	if (roots_are_left(program))
		return mark_roots(program);
	activation = unmarked_activation(program);
	if (activation)
		return mark_activation(heap, activation);
	if (heap->rescan_at < heap->chunk_end)
		return find_gray(heap, heap->rescan_at++);
	if (heap->rescan) {
		heap->rescan = false;
		heap->rescan_at = 0;
		return 1;
	}
	heap->marking = false;
	return 0;
}
