/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Tables: an array part (keys 1 to n, filled in order while there are no other keys) and a hash
 * part (linear hashing: one bucket is split per new key). Both are in vectors that double in size
 * and then move a few elements with each one added, so that no operation is O(n). Entries of the
 * hash part are linked in the order in which their keys were added.
 */
#ifndef KTAP_TABLE_H
#define KTAP_TABLE_H

#include "program.h"

/* An array that grows: a small one is copied at once. While the elements of a large one move from `old` to `now`, `direct` of them have. */
struct ktap_vector {
	u8 *now, *old; /* elements in a blob; null: none */
	u32 direct;    /* this many elements at least are in `now`; capacity if all are */
	u32 capacity;  /* of `now`; that of `old` is half of it */
};

struct ktap_table {
	struct ktap_object object;
	struct ktap_vector array;   /* struct ktap_value */
	struct ktap_vector entries; /* struct ktap_entry; numbered from 1 */
	struct ktap_vector buckets; /* u32: first entry of each chain */
	u32 array_count;   /* the last of them is not nil */
	u32 array_direct;  /* this many of them are in array.now */
	u32 array_room;    /* behind the last, elements up to this one may be added at once */
	u32 array_holes;   /* those that are nil */
	u32 array_highest; /* what array_count was before elements were removed from its end */
	u32 entry_count;   /* made so far, those of removed keys included */
	u32 live_count;    /* with a value */
	u32 bucket_count, bucket_mask;
	u32 head, tail;           /* order of insertion */
	u32 dead_head, dead_tail; /* entries of removed keys, the oldest first */
};

/* The entry of a removed key is dead: its value is nil, with the links of the list of the dead in
 * the nil's payload. */
struct ktap_entry {
	struct ktap_value key, value;
	u32 chain;          /* next of its bucket */
	u32 next, previous; /* in order */
	u32 hash;
};

/* Element `i`, which exists. */
static inline void *ktap_vector_at(const struct ktap_vector *vector, u32 i, u32 size)
{
	bool moved = likely(i < vector->direct) || i >= vector->capacity / 2;

	return (moved ? vector->now : vector->old) + (u64)i * size;
}

static inline struct ktap_value *ktap_array_at(const struct ktap_table *table, u32 i)
{
	return ktap_vector_at(&table->array, i, sizeof(struct ktap_value));
}

static inline struct ktap_entry *ktap_entry_at(const struct ktap_table *table, u32 number)
{
	return ktap_vector_at(&table->entries, number - 1, sizeof(struct ktap_entry));
}

/* Element `i` below array_direct. */
static inline struct ktap_value *ktap_array_direct(const struct ktap_table *table, u64 i)
{
	return (struct ktap_value *)table->array.now + i;
}

/*
 * The live entry of a string key, where it is the one that an inline cache remembers: tables made
 * by the same code have the same key in the entry of the same number. Null: look it up.
 */
static inline struct ktap_entry *ktap_cached_entry(const struct ktap_table *table,
						   const struct ktap_string *key, u32 number)
{
	struct ktap_entry *entry;

	if (unlikely(number - 1 >= table->entry_count))
		return NULL;
	entry = ktap_entry_at(table, number);
	if (unlikely(entry->key.string != key || entry->key.tag != KTAP_STRING ||
		     entry->value.tag == KTAP_NIL))
		return NULL;
	return entry;
}

/* The number of the entry of a string key; 0 if there is none. */
u32 ktap_table_find_string(const struct ktap_table *table, const struct ktap_string *key);

struct ktap_table *ktap_table_make(struct ktap_activation *activation);

/* The value of a key, or a nil. */
const struct ktap_value *ktap_table_get(const struct ktap_table *table,
					const struct ktap_value *key);
const struct ktap_value *ktap_table_get_string(const struct ktap_table *table,
					       const struct ktap_string *key);

/* Sets a key's value; nil removes the key. 0, or -1 with the error set. Everything must be
 * reachable. */
int ktap_table_set(struct ktap_activation *activation, struct ktap_table *table,
		   const struct ktap_value *key, const struct ktap_value *value);

/*
 * Where element `index` (from 0) is to be put, which will not be nil: if it is one that there is, or
 * the next one and there is room for it at once. Else null.
 */
static inline struct ktap_value *ktap_array_slot(struct ktap_table *table, u64 index)
{
	struct ktap_value *slot;

	if (likely(index < table->array_direct)) {
		slot = ktap_array_direct(table, index);
		/* Mostly there is no need to wait for what the element holds. */
		return likely(!table->array_holes) || slot->tag != KTAP_NIL ? slot : NULL;
	}
	if (index != table->array_direct || index >= table->array_room)
		return NULL;
	table->array_count = table->array_direct = index + 1;
	return ktap_array_direct(table, index);
}

/* The same for a string key: where the value of one that the table has is. */
static inline struct ktap_value *ktap_string_slot(struct ktap_table *table,
						  const struct ktap_string *key)
{
	u32 number = ktap_table_find_string(table, key);
	struct ktap_entry *entry;

	if (!number)
		return NULL;
	entry = ktap_entry_at(table, number);
	return entry->value.tag == KTAP_NIL ? NULL : &entry->value;
}

/* Moves some elements of the array part, if they are on the move: it is used, and should be fast. */
void ktap_table_settle(struct ktap_heap *heap, struct ktap_table *table);

/* The pair behind `key` (nil: the first) in order of insertion: 1 and key, value in pair[0],
 * pair[1]; 0 at the end; -1 if there is no such key. */
int ktap_table_next(const struct ktap_table *table,
		    const struct ktap_value *key, struct ktap_value pair[2]);

/* The same; `hint` remembers the number of the entry found, as likely that of the next `key`. */
int ktap_table_follow(const struct ktap_table *table, const struct ktap_value *key,
		      struct ktap_value pair[2], u32 *hint);

/* Like it, with a cursor that begins as 0: for tables that do not change meanwhile. */
bool ktap_table_step(const struct ktap_table *table, u32 *cursor,
		     struct ktap_value pair[2]);

/* A number n such that key n has a value and n+1 has none; 0 if 1 has none. */
u64 ktap_table_length(const struct ktap_table *table);

/* For the collector: marks the memory of a table; what up to `count` of its elements and entries from `at`
 * on refer to. Returns how many; fewer than `count`: these were the last. */
void ktap_table_mark_memory(struct ktap_heap *heap, const struct ktap_table *table);
u32 ktap_table_mark(struct ktap_heap *heap, const struct ktap_table *table,
		    struct ktap_table_cursor *at, u32 count);

#endif
