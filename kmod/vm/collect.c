/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Garbage collection: mark and sweep. It runs inside an allocation of the main chunk, whose
 * registers are roots. The steps are those that a concurrent collector has, too: roots, marking
 * with a bounded stack, weak strings, sweep chunk by chunk.
 */
#include "callback.h"
#include "ffi_objects.h"
#include "table.h"

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

static void scan_object(struct ktap_heap *heap, struct ktap_object *object)
{
	struct ktap_closure *closure;
	u32 i;

	object->color = KTAP_BLACK;
	switch (object->kind) {
	case KTAP_OBJECT_TABLE:
		ktap_table_mark(heap, (struct ktap_table *)object);
		break;
	case KTAP_OBJECT_CLOSURE:
		closure = (struct ktap_closure *)object;
		for (i = 0; i < closure->function->capture_count; i++)
			ktap_mark_object(heap, &closure->cells[i]->object);
		break;
	case KTAP_OBJECT_CELL:
		ktap_mark_value(heap, ((struct ktap_cell *)object)->at);
		break;
	}
}

/* What the activation holds. Registers above its last frame are cleared: no value in the stack
 * refers to an object that this collection frees. */
static void mark_activation(struct ktap_heap *heap, struct ktap_activation *activation)
{
	struct ktap_value *top = activation->top;
	struct ktap_value *end;
	struct ktap_cell *cell;
	struct ktap_frame *frame;

	for (frame = activation->frames; frame <= activation->frame; frame++) {
		if (frame->kind != KTAP_FRAME_SCRIPT)
			continue;
		ktap_mark_object(heap, &frame->closure->object);
		end = frame->base + frame->closure->function->register_count;
		if (top < end)
			top = end;
	}
	mark_values(heap, activation->stack, top - activation->stack);
	end = activation->stack_used + KTAP_STACK_SLACK;
	activation->stack_used = top;
	for (; top < end; top++)
		ktap_set_nil(top);
	for (cell = activation->open_cells; cell; cell = cell->next_open)
		ktap_mark_object(heap, &cell->object);
	ktap_mark_value(heap, &activation->error);
	ktap_mark_object(heap, activation->buffer);
	ktap_mark_value(heap, &activation->result);
	mark_values(heap, activation->kept, KTAP_KEPT_VALUES);
}

/* Activations of callbacks lie in the heap themselves. */
static void mark_entries(struct ktap_heap *heap, struct ktap_activation *activation, bool in_use)
{
	for (; activation; activation = activation->next) {
		ktap_mark_object(heap, (struct ktap_object *)activation - 1);
		if (in_use)
			mark_activation(heap, activation);
	}
}

static void mark_roots(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 i;

	ktap_mark_ffi_objects(program);
	for (i = 0; i < program->image.count[KTAP_SECTION_STRINGS]; i++) {
		if (program->strings[i])
			ktap_mark_object(heap, &program->strings[i]->object);
	}
	if (program->out_of_memory)
		ktap_mark_object(heap, &program->out_of_memory->object);
	mark_values(heap, program->globals, program->image.count[KTAP_SECTION_GLOBALS]);
	mark_activation(heap, program->main);
	mark_entries(heap, program->entered, true);
	mark_entries(heap, program->spare, false);
	ktap_mark_callbacks(program);
}

/* Lets others run now and then. Whether the program is to stop is asked at the next safe point. */
static void take_breath(struct ktap_heap *heap)
{
	const struct ktap_program *program = heap->program;

	if (++heap->work < 4096)
		return;
	heap->work = 0;
	program->host->safe_point(program->host_data);
}

static void drain(struct ktap_heap *heap)
{
	while (heap->mark_count) {
		u32 granule = heap->mark_stack[--heap->mark_count];

		scan_object(heap, ktap_at_granule(heap, granule));
		take_breath(heap);
	}
}

typedef void (*visitor)(struct ktap_heap *heap, struct ktap_object *object);

static void visit_chunk(struct ktap_heap *heap, u32 index, visitor visit)
{
	struct ktap_chunk *chunk = &heap->chunks[index];
	u8 *memory = heap->chunk_base + ((u64)index << heap->chunk_shift);
	u32 bytes;
	u32 i;

	if (chunk->state == KTAP_CHUNK_LARGE)
		visit(heap, (struct ktap_object *)memory);
	if (chunk->state != KTAP_CHUNK_SMALL)
		return;
	bytes = ktap_class_bytes(chunk->size_class);
	for (i = 0; i < chunk->objects; i++)
		visit(heap, (struct ktap_object *)(memory + i * bytes));
}

static void scan_if_gray(struct ktap_heap *heap, struct ktap_object *object)
{
	if (object->kind == KTAP_OBJECT_FREE || object->color != KTAP_GRAY)
		return;
	scan_object(heap, object);
	drain(heap);
}

static void mark(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 i;

	heap->mark_count = 0;
	heap->rescan = false;
	mark_roots(program);
	drain(heap);
	while (heap->rescan) {
		heap->rescan = false;
		for (i = 0; i < heap->chunk_end; i++)
			visit_chunk(heap, i, scan_if_gray);
	}
}

/* The table of all strings is weak. */
static void drop_strings(struct ktap_heap *heap)
{
	struct ktap_string *string;
	u32 *link;
	u32 i;

	heap->string_count = 0;
	for (i = 0; i < heap->bucket_count; i++) {
		take_breath(heap);
		link = &heap->buckets[i];
		while (*link) {
			string = ktap_at_granule(heap, *link);
			if (string->object.color == KTAP_WHITE) {
				*link = string->next;
			} else {
				link = &string->next;
				heap->string_count++;
			}
		}
	}
}

/* Frees the unreached objects of a chunk, or the chunk itself where all are; the free ones go to
 * the list of their size. */
static void sweep_small(struct ktap_heap *heap, u32 index)
{
	struct ktap_chunk *chunk = &heap->chunks[index];
	u8 *memory = heap->chunk_base + ((u64)index << heap->chunk_shift);
	u32 bytes = ktap_class_bytes(chunk->size_class);
	u32 list = heap->free[chunk->size_class];
	u32 live = 0;
	u32 i;

	for (i = chunk->objects; i-- > 0;) {
		struct ktap_object *object = (void *)(memory + i * bytes);

		if (object->kind != KTAP_OBJECT_FREE && object->color != KTAP_WHITE) {
			object->color = KTAP_WHITE;
			live++;
			continue;
		}
		if (heap->collect_always)
			memset(object, 0xdd, bytes);
		object->kind = KTAP_OBJECT_FREE;
		object->link = list;
		list = ktap_granule(heap, object);
	}
	heap->objects += live;
	heap->bytes += (u64)live * bytes;
	if (live) {
		heap->free[chunk->size_class] = list;
	} else {
		chunk->run = 1;
		ktap_release_run(heap, chunk);
	}
}

static void sweep_large(struct ktap_heap *heap, u32 index)
{
	struct ktap_object *object = (void *)(heap->chunk_base + ((u64)index << heap->chunk_shift));

	if (object->color == KTAP_WHITE) {
		object->kind = KTAP_OBJECT_FREE;
		ktap_release_run(heap, &heap->chunks[index]);
		return;
	}
	object->color = KTAP_WHITE;
	heap->objects++;
	heap->bytes += (u64)heap->chunks[index].run << heap->chunk_shift;
}

static void sweep(struct ktap_heap *heap)
{
	u32 end = heap->chunk_end;
	u32 i;

	heap->chunk_end = 0;
	memset(heap->free, 0, sizeof(heap->free));
	heap->objects = 0;
	heap->bytes = heap->fixed;
	heap->chunk_hint = 0;
	for (i = 0; i < end; i++) {
		heap->work += 64;
		take_breath(heap);
		if (heap->chunks[i].state == KTAP_CHUNK_SMALL)
			sweep_small(heap, i);
		else if (heap->chunks[i].state == KTAP_CHUNK_LARGE)
			sweep_large(heap, i);
		if (heap->chunks[i].state != KTAP_CHUNK_FREE)
			heap->chunk_end = i + 1;
	}
}

void ktap_collect(struct ktap_activation *activation)
{
	struct ktap_heap *heap = &activation->program->heap;

	mark(activation->program);
	ktap_find_dead(activation->program);
	drop_strings(heap);
	sweep(heap);
	heap->collections++;
	ktap_plan_collection(heap);
}
