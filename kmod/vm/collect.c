/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Garbage collection: mark (mark.c), let strings go that nothing refers to, sweep chunk by chunk. Where the
 * program has no callbacks, an allocation does all of it at once. Else nobody is to be kept waiting: then it
 * is done in steps, whose work is paid for by the allocations between them; a turn does at most
 * KTAP_TURN_WORK units and what is left of the piece in hand.
 */
#include "mark.h"
#include "callback.h"
#include "ffi_objects.h"

static u32 drop_bucket(struct ktap_heap *heap, u32 index)
{
	u32 *link = &heap->buckets[index];
	struct ktap_string *string;
	u32 work = 1;

	for (; *link; work++) {
		string = ktap_at_granule(heap, *link);
		if (string->object.color == KTAP_WHITE) {
			*link = string->next;
			heap->string_count--;
		} else {
			link = &string->next;
		}
	}
	return work;
}

/* Frees the unreached objects of a chunk, or the chunk itself where all are; the free ones go to
 * the list of their size. */
static u32 sweep_small(struct ktap_heap *heap, u32 index)
{
	struct ktap_chunk *chunk = &heap->chunks[index];
	u8 *memory = heap->chunk_base + ((u64)index << heap->chunk_shift);
	u32 bytes = ktap_class_bytes(chunk->size_class);
	u32 list = heap->free[chunk->size_class];
	u32 freed = 0;
	u32 live = 0;
	u32 i;

	for (i = chunk->objects; i-- > 0;) {
		struct ktap_object *object = (void *)(memory + i * bytes);

		if (object->kind != KTAP_OBJECT_FREE) {
			if (object->color != KTAP_WHITE) {
				object->color = KTAP_WHITE;
				live++;
				continue;
			}
			freed++;
		}
		if (heap->collect_always)
			memset(object, 0xdd, bytes);
		object->kind = KTAP_OBJECT_FREE;
		object->link = list;
		list = ktap_granule(heap, object);
	}
	heap->objects -= freed;
	heap->bytes -= (u64)freed * bytes;
	if (live) {
		heap->free[chunk->size_class] = list;
	} else {
		chunk->run = 1;
		ktap_release_run(heap, chunk);
	}
	return chunk->objects / 2 + 1;
}

static u32 sweep_large(struct ktap_heap *heap, u32 index)
{
	struct ktap_object *object = (void *)(heap->chunk_base + ((u64)index << heap->chunk_shift));
	struct ktap_chunk *chunk = &heap->chunks[index];

	if (object->color != KTAP_WHITE) {
		object->color = KTAP_WHITE;
		return 1;
	}
	object->kind = KTAP_OBJECT_FREE;
	heap->objects--;
	heap->bytes -= (u64)chunk->run << heap->chunk_shift;
	ktap_release_run(heap, chunk);
	return chunk->run / 8 + 1;
}

/* A chunk that has been taken since the sweep began has nothing to be swept. */
static u32 sweep_chunk(struct ktap_heap *heap, u32 index)
{
	struct ktap_chunk *chunk = &heap->chunks[index];
	bool is_new = chunk->sweep == heap->sweep;
	u32 work = 1;

	chunk->sweep = heap->sweep;
	if (!is_new && chunk->state == KTAP_CHUNK_SMALL)
		work = sweep_small(heap, index);
	else if (!is_new && chunk->state == KTAP_CHUNK_LARGE)
		work = sweep_large(heap, index);
	if (chunk->state != KTAP_CHUNK_FREE && heap->chunk_end < index + 1)
		heap->chunk_end = index + 1;
	return work;
}

/* --- Phases ------------------------------------------------------------------------------------ */

static void begin(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;

	heap->phase = KTAP_MARK;
	heap->new_color = KTAP_BLACK;
	heap->wanted = false;
	heap->debt = 0;
	ktap_mark_begin(program);
}

/* New objects come from chunks that are swept. */
static void begin_sweep(struct ktap_heap *heap)
{
	heap->phase = KTAP_SWEEP;
	heap->new_color = KTAP_WHITE;
	heap->sweep ^= 1;
	heap->sweep_at = 0;
	heap->sweep_end = heap->chunk_end;
	heap->chunk_end = 0;
	heap->chunk_hint = 0;
	memset(heap->free, 0, sizeof(heap->free));
}

static void end(struct ktap_heap *heap)
{
	heap->phase = KTAP_IDLE;
	heap->debt = 0;
	heap->collections++;
	ktap_plan_collection(heap);
}

/* A piece of the phase's work, or on to the next phase; returns the units done. */
static u32 do_piece(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 work = 0;

	switch (heap->phase) {
	case KTAP_MARK:
		work = ktap_mark_some(program);
		if (!work) {
			ktap_find_dead(program);
			heap->phase = KTAP_DROP_STRINGS;
			heap->bucket_at = 0;
		}
		break;
	case KTAP_DROP_STRINGS:
		if (heap->bucket_at < heap->bucket_count)
			work = drop_bucket(heap, heap->bucket_at++);
		else
			begin_sweep(heap);
		break;
	case KTAP_SWEEP:
		if (heap->sweep_at < heap->sweep_end)
			work = sweep_chunk(heap, heap->sweep_at++);
		else
			end(heap);
		break;
	}
	return work;
}

/* Does `budget` units of work and what is left of the last piece, if there is so much to be done. */
static u32 work(struct ktap_program *program, u32 budget)
{
	u32 done = 0;

	while (done < budget && program->heap.phase != KTAP_IDLE)
		done += do_piece(program);
	return done;
}

void ktap_collect(struct ktap_program *program)
{
	if (program->heap.phase == KTAP_IDLE)
		begin(program);
	for (;;) {
		work(program, KTAP_TURN_WORK);
		if (program->heap.phase == KTAP_IDLE)
			return;
		/* Lets others run. Whether the program is to stop is asked at the next safe point. */
		program->host->safe_point(program->host_data);
	}
}

/* --- In steps ---------------------------------------------------------------------------------- */

/* Units of work in a step, where tests want a step at every allocation. */
#define TESTED_STEP 32u

/* Work that has to be done for a new chunk: five times what marking and sweeping one takes that is full of
 * small tables. So a collection ends long before the memory does. */
static u32 debt_of_chunk(const struct ktap_heap *heap)
{
	return (1u << heap->chunk_shift) / 2;
}

/* What is due of it, as far as this turn has time for it. */
static void pay(struct ktap_program *program)
{
	struct ktap_heap *heap = &program->heap;
	u32 done;

	if (heap->collect_always) {
		work(program, TESTED_STEP);
		return;
	}
	if (!heap->debt || heap->turn_work >= KTAP_TURN_WORK)
		return;
	done = KTAP_TURN_WORK - heap->turn_work;
	done = work(program, heap->debt < done ? heap->debt : done);
	heap->turn_work += done;
	heap->debt -= heap->debt < done ? heap->debt : done;
}

void ktap_collect_some(struct ktap_program *program, struct ktap_activation *activation,
		       u64 chunks)
{
	struct ktap_heap *heap = &program->heap;

	if (heap->phase == KTAP_IDLE) {
		if (heap->chunks_used + chunks <= heap->collect_at && !heap->collect_always)
			return;
		/* Its stack may be large: it is marked in steps, between two instructions. */
		if (activation == program->main) {
			heap->wanted = true;
			return;
		}
		begin(program);
		if (activation)
			ktap_mark_wholly(activation);
	}
	if (!heap->collect_always)
		heap->debt += chunks * debt_of_chunk(heap);
	pay(program);
}

void ktap_collect_due(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;
	struct ktap_heap *heap = &program->heap;
	bool is_main = activation == program->main;

	if (is_main && heap->wanted && heap->phase == KTAP_IDLE) {
		begin(program);
		ktap_mark_before_running(activation);
	}
	pay(program);
	while (is_main && heap->debt) {
		ktap_unlock(activation);
		ktap_lock(activation);
		pay(program);
	}
}

void ktap_collect_step(struct ktap_program *program)
{
	pay(program);
}
