/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The heap: one arena in chunks of equal size. A chunk holds objects of one size class; a larger
 * object has a run of chunks of its own. Objects do not move. What is garbage is found by marking
 * (mark.c) and given back by sweeping (collect.c), at once or in steps between which the program
 * runs on.
 */
#ifndef KTAP_HEAP_H
#define KTAP_HEAP_H

#include "value.h"

struct ktap_activation;
struct ktap_program;

/* Objects start at multiples of this; 32-bit references count granules from the arena's start. */
#define KTAP_GRANULE_SHIFT 4
#define KTAP_SIZE_CLASSES  25u
#define KTAP_SMALL_MAX     4096u

enum ktap_color {
	KTAP_WHITE = 0, /* not reached (yet) */
	KTAP_GRAY = 1,  /* reached, what it refers to not yet */
	KTAP_BLACK = 2, /* done */
};

enum ktap_chunk_state {
	KTAP_CHUNK_FREE = 0,
	KTAP_CHUNK_SMALL = 1,
	KTAP_CHUNK_LARGE = 2, /* first of a run */
	KTAP_CHUNK_REST = 3,  /* the rest of it */
};

/* What a collection is at. */
enum ktap_phase {
	KTAP_IDLE = 0,
	KTAP_MARK = 1,
	KTAP_DROP_STRINGS = 2, /* that nothing refers to, from the table of all strings */
	KTAP_SWEEP = 3,
};

struct ktap_chunk {
	u8 state;
	u8 size_class : 7; /* SMALL */
	u8 sweep : 1;      /* that of the heap: new, or swept already */
	u16 objects;   /* SMALL: that fit in it */
	u32 run;       /* LARGE: chunks; REST: chunks back to the first */
};

struct ktap_heap {
	u8 *arena; /* all of it, what does not change included */
	u64 arena_size;
	u8 *chunk_base;
	struct ktap_chunk *chunks;
	u32 chunk_shift; /* log2 of a chunk's bytes */
	u32 chunk_count;
	u32 chunks_used;
	u32 chunk_hint;              /* where to look for a free one */
	u32 chunk_end;               /* behind the last one in use since the last collection */
	u32 small_max;               /* bytes of the largest object in a chunk of objects */
	u32 collect_at;              /* chunks in use */
	u32 free[KTAP_SIZE_CLASSES]; /* lists; granules, 0 at their ends */
	u32 inverse[KTAP_SIZE_CLASSES]; /* for dividing an offset in a chunk: 2^32 / the class's bytes + 1 */
	u8 class_of[KTAP_SMALL_MAX / (1 << KTAP_GRANULE_SHIFT) + 1]; /* by granules of size */
	bool marking;      /* KTAP_MARK: stores go through the barrier */
	bool incremental;  /* collections are done in steps: others wait for their turn */
	bool wanted;       /* the main chunk is to begin a collection at its next safe point */
	bool is_tested;    /* `collect_always`, or `fail_at` */
	u8 phase;          /* enum ktap_phase */
	u8 new_color;      /* of new objects */
	u8 sweep;          /* 0, 1, 0, …: collections that have begun to sweep */
	u8 collect_always; /* struct ktap_limits */
	struct ktap_program *program;
	u64 debt;      /* units of work that the allocations of this collection have asked for */
	u32 turn_work; /* units done in this turn */
	u32 *mark_stack;
	u32 mark_count, mark_limit;
	bool rescan;   /* the mark stack overflowed: gray objects are to be looked for */
	u32 rescan_at; /* chunks from here on, up to chunk_end */
	u32 string_root, global_root;   /* those before are marked */
	struct ktap_table *large_table; /* being scanned, */
	struct ktap_table_cursor {
		u32 element, entry; /* those before are */
	} large_table_at;
	u32 bucket_at;           /* KTAP_DROP_STRINGS: buckets before it are done */
	u32 sweep_at, sweep_end; /* KTAP_SWEEP: chunks */
	u32 *buckets; /* of all strings, by linear hashing; granules */
	u32 bucket_count, bucket_mask, bucket_limit;
	u32 string_count; /* entered since the last collection, and those that it left */
	u32 seed;  /* of string hashes */
	u64 fixed; /* bytes before the chunks */
	u64 bytes, highest, objects, collections;
	u64 stalled; /* collections that an allocation had to end in one turn */
	u64 starved; /* allocations of atomic callbacks that failed since none had come to its end */
	u64 fail_at, allocations; /* struct ktap_limits; what it counts, where a test wants it */
};

/*
 * Takes its memory from `arena`, of which `fixed` bytes at the start are taken already.
 * 0, or -1 if there is not enough.
 */
int ktap_heap_create(struct ktap_heap *heap, void *arena, u64 size, u64 fixed, u32 seed);

/*
 * A new object of `bytes` bytes with its header filled in, the rest undefined; null with the
 * activation's error set if the arena is full. May collect: whatever is to live must be reachable.
 */
void *ktap_allocate(struct ktap_activation *activation, u32 kind, u64 bytes);

/* The same, but with no error set. */
void *ktap_try_allocate(struct ktap_activation *activation, u32 kind, u64 bytes);

/* Memory for the activation of a callback that is being entered: it has none yet. A blob, or null. */
void *ktap_allocate_entry(struct ktap_program *program, u64 bytes);

/* Gives back an object that nothing refers to (a buffer). */
void ktap_release(struct ktap_heap *heap, struct ktap_object *object);

/* The object that contains an address of the arena; null if there is none. */
struct ktap_object *ktap_object_at(const struct ktap_heap *heap, u64 address);

/* Bytes that an object takes up. */
u64 ktap_object_bytes(const struct ktap_heap *heap, const struct ktap_object *object);

/* Frees what could not be reached when the collection began: ends the one in progress, or does one. */
void ktap_collect(struct ktap_program *program);

/*
 * Collections in steps. Before memory for `chunks` more chunks is taken by `activation` (null: a callback
 * that is being entered): begins a collection where it is time for one, does some of its work.
 */
void ktap_collect_some(struct ktap_program *program, struct ktap_activation *activation,
		       u64 chunks);

/* At a safe point, with the turn: does the work that is due. The main chunk does all of it, and lets the
 * others run between its steps. */
void ktap_collect_due(struct ktap_activation *activation);

/* At the end of a callback. */
void ktap_collect_step(struct ktap_program *program);

/* The activation is about to run on: what it holds is marked first. */
void ktap_mark_before_running(struct ktap_activation *activation);

/* When to collect next: as much again may be used as is used now (but at least a little, and no more
 * than half of what is free). So memory stays close together, and a collection's work is paid for by
 * the allocations before it. */
void ktap_plan_collection(struct ktap_heap *heap);

/* For the sweep: a run of chunks is free again; the size of a class's objects. */
void ktap_release_run(struct ktap_heap *heap, struct ktap_chunk *chunk);
u32 ktap_class_bytes(u32 size_class);

/* For the collector: marks an object, and what it refers to later. */
void ktap_mark_object(struct ktap_heap *heap, struct ktap_object *object);
void ktap_mark_reference(struct ktap_heap *heap, const struct ktap_value *value);

/* Marks what a value refers to, if anything. */
static inline void ktap_mark_value(struct ktap_heap *heap, const struct ktap_value *value)
{
	if (value->tag >= KTAP_STRING)
		ktap_mark_reference(heap, value);
}

static inline u32 ktap_granule(const struct ktap_heap *heap, const void *object)
{
	return object ? (u32)(((const u8 *)object - heap->arena) >> KTAP_GRANULE_SHIFT) : 0;
}

static inline void *ktap_at_granule(const struct ktap_heap *heap, u32 granule)
{
	return granule ? heap->arena + ((u64)granule << KTAP_GRANULE_SHIFT) : NULL;
}

static inline bool ktap_in_arena(const struct ktap_heap *heap, u64 address)
{
	return address - (u64)(__kernel_size_t)heap->arena < heap->arena_size;
}

/*
 * Every store into something that others may see (global, table, captured variable). While a
 * collection marks, the value overwritten is kept alive for this time: mark.c says why.
 */
static inline void ktap_store(struct ktap_heap *heap, struct ktap_value *to,
			      const struct ktap_value *value)
{
	if (unlikely(heap->marking))
		ktap_mark_value(heap, to);
	*to = *value;
}

#endif
