/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The heap: chunks, size classes, allocation. What is garbage: mark.c, collect.c. */
#include "error.h"
#include "program.h"

static const u16 class_bytes[KTAP_SIZE_CLASSES] = {
	32,  48,  64,  80,  96,  112,  128,  160,  192,  224,  256,  320,  384,
	448, 512, 640, 768, 896, 1024, 1280, 1536, 2048, 2720, 3264, 4096,
};

#define GRANULE     (1u << KTAP_GRANULE_SHIFT)
#define SMALL_ARENA (4u << 20)
/* Buckets for strings at the start: a power of two. */
#define FIRST_BUCKETS 256u
/* A collection after fewer bytes would be mostly overhead. */
#define LEAST_BETWEEN_COLLECTIONS (4u << 20)

static u64 align_up(u64 number, u64 alignment)
{
	return (number + alignment - 1) & ~(alignment - 1);
}

static u32 round_to_power(u64 number)
{
	u32 power = 1;

	while (power < number)
		power <<= 1;
	return power;
}

static void create_classes(struct ktap_heap *heap)
{
	u32 class = 0, granules;

	for (granules = 0; granules < KTAP_COUNT_OF(heap->class_of); granules++) {
		if (granules * GRANULE > class_bytes[class])
			class ++;
		heap->class_of[granules] = class;
		heap->inverse[class] = (u32)((1ull << 32) / class_bytes[class]) + 1;
	}
}

void ktap_plan_collection(struct ktap_heap *heap)
{
	u32 least = LEAST_BETWEEN_COLLECTIONS >> heap->chunk_shift;
	u32 more = heap->chunks_used > least ? heap->chunks_used : least;
	u32 most = (heap->chunk_count - heap->chunks_used + 1) / 2;

	heap->collect_at = heap->chunks_used + (more < most ? more : most);
}

/* A table of at most one string chain per 256 bytes of arena; a mark stack of one entry per KiB. */
int ktap_heap_create(struct ktap_heap *heap, void *arena, u64 size, u64 fixed, u32 seed)
{
	u32 buckets = round_to_power(size / 256);
	u64 at = align_up(fixed, GRANULE);
	u64 chunk;

	heap->arena = arena;
	heap->arena_size = size;
	heap->seed = seed;
	heap->chunk_shift = size < SMALL_ARENA ? 12 : 14;
	heap->small_max = (1u << heap->chunk_shift) / 4;
	chunk = 1ull << heap->chunk_shift;
	heap->bucket_limit = buckets;
	heap->bucket_count = buckets < FIRST_BUCKETS ? buckets : FIRST_BUCKETS;
	heap->bucket_mask = heap->bucket_count - 1;
	heap->mark_limit = size / 1024;
	heap->chunks = (void *)(heap->arena + at);
	at += size / chunk * sizeof(*heap->chunks);
	heap->buckets = (void *)(heap->arena + at);
	at += buckets * sizeof(*heap->buckets);
	heap->mark_stack = (void *)(heap->arena + at);
	at = align_up(at + heap->mark_limit * sizeof(*heap->mark_stack), 64);
	heap->chunk_base = heap->arena + at;
	if (at + chunk * 8 > size)
		return -1;
	heap->chunk_count = (size - at) / chunk;
	ktap_plan_collection(heap);
	heap->fixed = at;
	heap->bytes = heap->highest = at;
	create_classes(heap);
	memset(heap->chunks, 0, heap->chunk_count * sizeof(*heap->chunks));
	memset(heap->buckets, 0, heap->bucket_count * sizeof(*heap->buckets));
	return 0;
}

static void *chunk_memory(const struct ktap_heap *heap, u32 chunk)
{
	return heap->chunk_base + ((u64)chunk << heap->chunk_shift);
}

/* A run of free chunks between two chunks, the first that fits; chunk_count if there is none. */
static u32 find_run_in(const struct ktap_heap *heap, u32 from, u32 to, u32 run)
{
	u32 length = 0;
	u32 i;

	for (i = from; i < to; i++) {
		length = heap->chunks[i].state == KTAP_CHUNK_FREE ? length + 1 : 0;
		if (length == run)
			return i + 1 - run;
	}
	return heap->chunk_count;
}

static u32 find_run(struct ktap_heap *heap, u32 run)
{
	u32 first = find_run_in(heap, heap->chunk_hint, heap->chunk_count, run);

	if (first == heap->chunk_count)
		first = find_run_in(heap, 0, heap->chunk_count, run);
	if (first < heap->chunk_count) {
		heap->chunk_hint = first + run;
		if (heap->chunk_end < first + run)
			heap->chunk_end = first + run;
	}
	return first;
}

/* Takes a run of chunks; null if there is none. */
static struct ktap_chunk *take_run(struct ktap_heap *heap, u32 run)
{
	u32 first, i;

	if (run > heap->chunk_count - heap->chunks_used)
		return NULL;
	first = find_run(heap, run);
	if (first == heap->chunk_count)
		return NULL;
	heap->chunks_used += run;
	for (i = 1; i < run; i++) {
		heap->chunks[first + i].state = KTAP_CHUNK_REST;
		heap->chunks[first + i].run = i;
	}
	heap->chunks[first].state = KTAP_CHUNK_LARGE;
	heap->chunks[first].sweep = heap->sweep;
	heap->chunks[first].run = run;
	return &heap->chunks[first];
}

/* Makes a free chunk one of objects of `class`, all of them free. */
static bool add_chunk(struct ktap_heap *heap, u32 class)
{
	struct ktap_chunk *chunk = take_run(heap, 1);
	u32 bytes = class_bytes[class];
	u8 *memory;
	u32 i;

	if (!chunk)
		return false;
	chunk->state = KTAP_CHUNK_SMALL;
	chunk->size_class = class;
	chunk->objects = (1u << heap->chunk_shift) / bytes;
	memory = chunk_memory(heap, chunk - heap->chunks);
	for (i = chunk->objects; i-- > 0;) {
		struct ktap_object *object = (void *)(memory + i * bytes);

		object->kind = KTAP_OBJECT_FREE;
		object->link = heap->free[class];
		heap->free[class] = ktap_granule(heap, object);
	}
	return true;
}

static void count_object(struct ktap_heap *heap, u64 bytes)
{
	heap->objects++;
	heap->bytes += bytes;
	if (heap->bytes > heap->highest)
		heap->highest = heap->bytes;
}

static void *take_small(struct ktap_heap *heap, u32 class)
{
	struct ktap_object *object = ktap_at_granule(heap, heap->free[class]);

	if (!object)
		return NULL;
	heap->free[class] = object->link;
	count_object(heap, class_bytes[class]);
	return object;
}

static u64 run_of(const struct ktap_heap *heap, u64 bytes)
{
	return (bytes + (1u << heap->chunk_shift) - 1) >> heap->chunk_shift;
}

static void *take_large(struct ktap_heap *heap, u64 bytes)
{
	u64 run = run_of(heap, bytes);
	struct ktap_chunk *chunk;

	if (run > heap->chunk_count)
		return NULL;
	chunk = take_run(heap, run);
	if (!chunk)
		return NULL;
	count_object(heap, run << heap->chunk_shift);
	return chunk_memory(heap, chunk - heap->chunks);
}

static void *take(struct ktap_heap *heap, u64 bytes)
{
	void *object;
	u32 class;

	if (bytes > heap->small_max)
		return take_large(heap, bytes);
	class = heap->class_of[(bytes + GRANULE - 1) / GRANULE];
	object = take_small(heap, class);
	return object || !add_chunk(heap, class) ? object : take_small(heap, class);
}

/* No room: in one turn the collection in progress is ended, which may have begun before most of the garbage
 * was made, and then another one done; but where instructions are limited, so is this: there is nothing. */
static void *take_in_need(struct ktap_program *program, struct ktap_activation *activation,
			  u64 bytes)
{
	struct ktap_heap *heap = &program->heap;
	bool in_progress = heap->phase != KTAP_IDLE;
	void *object;

	if (heap->incremental &&
	    (!activation || (activation != program->main && activation->limit))) {
		heap->starved++;
		return NULL;
	}
	heap->stalled += heap->incremental;
	ktap_collect(program);
	object = take(heap, bytes);
	if (!object && in_progress) {
		ktap_collect(program);
		object = take(heap, bytes);
	}
	return object;
}

/* The way of most objects that are not on a free list at once. */
static void *allocate_slowly(struct ktap_program *program, struct ktap_activation *activation,
			     u64 bytes)
{
	struct ktap_heap *heap = &program->heap;
	u64 run = bytes <= heap->small_max ? 1 : run_of(heap, bytes);
	void *object;

	if (run >= heap->chunk_count)
		return NULL;
	if (heap->incremental) {
		ktap_collect_some(program, activation, run);
	} else if (heap->chunks_used + run > heap->collect_at) {
		ktap_collect(program);
		return take(heap, bytes);
	}
	object = take(heap, bytes);
	return object ? object : take_in_need(program, activation, bytes);
}

/* What tests ask of an allocation; whether it may succeed. */
static bool test_allocation(struct ktap_program *program, struct ktap_activation *activation)
{
	struct ktap_heap *heap = &program->heap;

	if (heap->collect_always == KTAP_COLLECT_WHOLLY)
		ktap_collect(program);
	else if (heap->collect_always)
		ktap_collect_some(program, activation, 0);
	return ++heap->allocations != heap->fail_at;
}

static void *new_object(struct ktap_heap *heap, struct ktap_object *object, u32 kind)
{
	object->kind = kind;
	object->color = heap->new_color;
	object->link = 0;
	return object;
}

void *ktap_try_allocate(struct ktap_activation *activation, u32 kind, u64 bytes)
{
	struct ktap_heap *heap = &activation->program->heap;
	struct ktap_object *object = NULL;

	if (unlikely(heap->is_tested) && !test_allocation(activation->program, activation))
		return NULL;
	if (bytes <= heap->small_max)
		object = take_small(heap, heap->class_of[(bytes + GRANULE - 1) / GRANULE]);
	if (unlikely(!object)) {
		object = allocate_slowly(activation->program, activation, bytes);
		if (!object)
			return NULL;
	}
	return new_object(heap, object, kind);
}

void *ktap_allocate_entry(struct ktap_program *program, u64 bytes)
{
	void *object;

	if (unlikely(program->heap.is_tested) && !test_allocation(program, NULL))
		return NULL;
	object = allocate_slowly(program, NULL, bytes);
	return object ? new_object(&program->heap, object, KTAP_OBJECT_BLOB) : NULL;
}

void *ktap_allocate(struct ktap_activation *activation, u32 kind, u64 bytes)
{
	void *object = ktap_try_allocate(activation, kind, bytes);

	if (unlikely(!object))
		ktap_raise_out_of_memory(activation);
	return object;
}

u64 ktap_object_bytes(const struct ktap_heap *heap, const struct ktap_object *object)
{
	u64 offset = (const u8 *)object - heap->chunk_base;
	const struct ktap_chunk *chunk = &heap->chunks[offset >> heap->chunk_shift];

	return chunk->state == KTAP_CHUNK_SMALL ? class_bytes[chunk->size_class]
						: (u64)chunk->run << heap->chunk_shift;
}

void ktap_release_run(struct ktap_heap *heap, struct ktap_chunk *chunk)
{
	u32 first = chunk - heap->chunks;
	u32 run = chunk->run;
	u32 i;

	if (heap->chunk_hint > first)
		heap->chunk_hint = first;
	heap->chunks_used -= run;
	for (i = 0; i < run; i++)
		chunk[i].state = KTAP_CHUNK_FREE;
}

/* Where the sweep has not come by yet, it will put the object on its list. */
void ktap_release(struct ktap_heap *heap, struct ktap_object *object)
{
	u64 offset = (u8 *)object - heap->chunk_base;
	struct ktap_chunk *chunk = &heap->chunks[offset >> heap->chunk_shift];

	heap->objects--;
	heap->bytes -= ktap_object_bytes(heap, object);
	object->kind = KTAP_OBJECT_FREE;
	if (chunk->state != KTAP_CHUNK_SMALL) {
		ktap_release_run(heap, chunk);
	} else if (likely(chunk->sweep == heap->sweep)) {
		object->link = heap->free[chunk->size_class];
		heap->free[chunk->size_class] = ktap_granule(heap, object);
	}
}

u32 ktap_class_bytes(u32 class)
{
	return class_bytes[class];
}

struct ktap_object *ktap_object_at(const struct ktap_heap *heap, u64 address)
{
	u64 offset = address - (u64)(__kernel_size_t)heap->chunk_base;
	u64 index = offset >> heap->chunk_shift; /* huge, where the address is before the chunks */
	const struct ktap_chunk *chunk;
	struct ktap_object *object;
	u32 place;

	if (index >= heap->chunk_count)
		return NULL;
	chunk = &heap->chunks[index];
	if (likely(chunk->state == KTAP_CHUNK_SMALL)) {
		offset &= (1u << heap->chunk_shift) - 1;
		place = offset * heap->inverse[chunk->size_class] >> 32;
		if (place >= chunk->objects)
			return NULL;
		offset -= place * class_bytes[chunk->size_class];
		object = (void *)(__kernel_size_t)(address - offset);
	} else if (chunk->state != KTAP_CHUNK_FREE) {
		index -= chunk->state == KTAP_CHUNK_REST ? chunk->run : 0;
		object = chunk_memory(heap, index);
	} else {
		return NULL;
	}
	return object->kind == KTAP_OBJECT_FREE ? NULL : object;
}
