/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Tables: an array part (keys 1 to n, filled in order while there are no other keys) and a hash
 * part (linear hashing: one bucket is split per new key), both in segments that double in size, so
 * that nothing is ever copied: no operation is O(n). Entries of the hash part are linked in the
 * order in which their keys were added.
 */
#ifndef KTAP_TABLE_H
#define KTAP_TABLE_H

#include "program.h"

#define KTAP_SEGMENTS_INLINE 4u
#define KTAP_SEGMENTS_MORE   28u

/* An array in segments of 2, 2, 4, 8, … elements; granules. `more` holds those behind the first
 * few, once they are needed. */
struct ktap_segments {
	u32 first[KTAP_SEGMENTS_INLINE];
	u32 more;
};

struct ktap_table {
	struct ktap_object object;
	struct ktap_segments array;   /* struct ktap_value */
	struct ktap_segments entries; /* struct ktap_entry; numbered from 1 */
	struct ktap_segments buckets; /* u32: first entry of each chain */
	u32 array_count;              /* the last of them is not nil */
	u32 array_live;               /* those that are not nil */
	u32 array_highest;            /* what array_count once was */
	u32 entry_count;              /* made so far, those of removed keys included */
	u32 live_count;               /* with a value */
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

struct ktap_table *ktap_table_make(struct ktap_activation *activation);

/* The value of a key, or a nil. */
const struct ktap_value *ktap_table_get(const struct ktap_heap *heap,
					const struct ktap_table *table,
					const struct ktap_value *key);
const struct ktap_value *ktap_table_get_string(const struct ktap_heap *heap,
					       const struct ktap_table *table,
					       const struct ktap_string *key);

/* Sets a key's value; nil removes the key. 0, or -1 with the error set. Everything must be
 * reachable. */
int ktap_table_set(struct ktap_activation *activation, struct ktap_table *table,
		   const struct ktap_value *key, const struct ktap_value *value);

/* The pair behind `key` (nil: the first) in order of insertion: 1 and key, value in pair[0],
 * pair[1]; 0 at the end; -1 if there is no such key. */
int ktap_table_next(const struct ktap_heap *heap, const struct ktap_table *table,
		    const struct ktap_value *key, struct ktap_value pair[2]);

/* Like it, with a cursor that begins as 0: for tables that do not change meanwhile. */
bool ktap_table_step(const struct ktap_heap *heap, const struct ktap_table *table, u32 *cursor,
		     struct ktap_value pair[2]);

/* A number n such that key n has a value and n+1 has none; 0 if 1 has none. */
u64 ktap_table_length(const struct ktap_heap *heap, const struct ktap_table *table);

void ktap_table_mark(struct ktap_heap *heap, struct ktap_table *table);

#endif
