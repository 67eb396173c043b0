/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "table.h"
#include "error.h"

static const struct ktap_value nil = { .bits = 0, .kind = KTAP_NIL };

static u32 log2_of(u32 number)
{
	return 31 - __builtin_clz(number);
}

static u32 *bucket_at(const struct ktap_table *table, u32 i)
{
	return ktap_vector_at(&table->buckets, i, sizeof(u32));
}

/* A vector's blob: an object header and space, then the elements, so that no value, and neither the key nor
 * the links of an entry, is in two lines of the processor's cache. */
#define ELEMENTS_OFFSET 16u

static struct ktap_object *blob_of(u8 *elements)
{
	return (struct ktap_object *)(elements - ELEMENTS_OFFSET);
}

#define FIRST_CAPACITY 4u
#define MOVED_AT_ONCE  32u
#define SMALL_VECTOR   64u /* elements that are moved together */

/* Moves at most `count` elements from the old memory; gives that back after the last one. */
static void move_elements(struct ktap_heap *heap, struct ktap_vector *vector, u32 count, u32 size)
{
	u32 half = vector->capacity / 2;
	u64 offset = (u64)vector->direct * size;

	if (count > half - vector->direct)
		count = half - vector->direct;
	memcpy(vector->now + offset, vector->old + offset, count * size);
	vector->direct += count;
	if (vector->direct < half)
		return;
	vector->direct = vector->capacity;
	ktap_release(heap, blob_of(vector->old));
	vector->old = NULL;
}

/*
 * Makes room for element number `count`, of those that have as many before them. When the memory is
 * full, the last move is over: as many elements were added since as there were before it.
 */
static int reserve(struct ktap_activation *activation, struct ktap_vector *vector, u32 count,
		   u32 size)
{
	struct ktap_heap *heap = &activation->program->heap;
	u32 capacity = vector->capacity ? 2 * vector->capacity : FIRST_CAPACITY;
	struct ktap_object *blob;

	if (unlikely(vector->old))
		move_elements(heap, vector, MOVED_AT_ONCE, size);
	if (likely(count < vector->capacity))
		return 0;
	if (capacity > 1u << 31)
		return ktap_raise(activation, "a table has too many entries");
	blob = ktap_allocate(activation, KTAP_OBJECT_BLOB, ELEMENTS_OFFSET + (u64)capacity * size);
	if (!blob)
		return -1;
	vector->old = vector->now;
	vector->now = (u8 *)blob + ELEMENTS_OFFSET;
	vector->direct = vector->old ? 0 : capacity;
	vector->capacity = capacity;
	if (vector->old && capacity <= 2 * SMALL_VECTOR)
		move_elements(heap, vector, SMALL_VECTOR, size);
	return 0;
}

struct ktap_table *ktap_table_make(struct ktap_activation *activation)
{
	struct ktap_table *table =
		ktap_allocate(activation, KTAP_OBJECT_TABLE, sizeof(struct ktap_table));

	if (table)
		memset(&table->array, 0, sizeof(*table) - offsetof(struct ktap_table, array));
	return table;
}

static u32 hash_of(const struct ktap_value *key)
{
	if (key->tag == KTAP_STRING)
		return key->string->hash;
	return ((key->bits ^ (u64)key->tag << 56) * 0x9e3779b97f4a7c15ull) >> 32;
}

/* A key as it is stored: a number has one form, whatever its signedness. */
static struct ktap_value key_form(const struct ktap_value *key)
{
	struct ktap_value form = *key;

	if (form.tag == KTAP_UINT && (s64)form.bits >= 0)
		form.kind = KTAP_INT;
	return form;
}

/* The index in the array part that a key would have, from 0; all ones if it can have none. */
static u64 array_index(const struct ktap_value *key)
{
	return key->tag == KTAP_INT ? key->bits - 1 : ~0ull;
}

static u32 bucket_of(const struct ktap_table *table, u32 hash)
{
	u32 bucket = hash & table->bucket_mask;

	return bucket < table->bucket_count ? bucket : bucket & table->bucket_mask >> 1;
}

/* The entry of a key, dead or alive; 0 if there is none. */
static u32 find_entry(const struct ktap_table *table,
		      const struct ktap_value *key, u32 hash)
{
	u32 number = table->bucket_count ? *bucket_at(table, bucket_of(table, hash)) : 0;
	const struct ktap_entry *entry;

	while (number) {
		entry = ktap_entry_at(table, number);
		if (entry->hash == hash && entry->key.bits == key->bits &&
		    entry->key.tag == key->tag)
			return number;
		number = entry->chain;
	}
	return 0;
}

/* The value of an entry, or of none. */
static const struct ktap_value *value_of(const struct ktap_table *table, u32 number)
{
	const struct ktap_value *value = number ? &ktap_entry_at(table, number)->value : &nil;

	return value->tag == KTAP_NIL ? &nil : value;
}

const struct ktap_value *ktap_table_get(const struct ktap_table *table,
					const struct ktap_value *key)
{
	struct ktap_value form = key_form(key);
	u64 index = array_index(&form);

	if (index < table->array_count)
		return ktap_array_at(table, index);
	return value_of(table, find_entry(table, &form, hash_of(&form)));
}

u32 ktap_table_find_string(const struct ktap_table *table, const struct ktap_string *key)
{
	struct ktap_value form = { .bits = (u64)(__kernel_size_t)key, .kind = KTAP_STRING };

	return find_entry(table, &form, key->hash);
}

const struct ktap_value *ktap_table_get_string(const struct ktap_table *table,
					       const struct ktap_string *key)
{
	return value_of(table, ktap_table_find_string(table, key));
}

/*
 * Whether the array part may grow by a key: only while there are no others (the order of insertion
 * is the array part's, then the hash part's), and not where most of it is empty (a queue).
 */
static bool array_may_grow(const struct ktap_table *table)
{
	return !table->live_count && table->array_holes <= table->array_count / 2 &&
	       table->array_count < 1u << 31;
}

/* After any change of the array part, and of whether there are other keys. */
static void update_array(struct ktap_table *table)
{
	bool moving = table->array.old != NULL;

	table->array_direct = moving && table->array.direct < table->array_count
				      ? table->array.direct
				      : table->array_count;
	table->array_room = moving || !array_may_grow(table) ? 0 : table->array.capacity;
}

/* The entry becomes the last one in order. */
static void append_entry(struct ktap_table *table, u32 number)
{
	struct ktap_entry *entry = ktap_entry_at(table, number);

	entry->next = 0;
	entry->previous = table->tail;
	if (table->tail)
		ktap_entry_at(table, table->tail)->next = number;
	else
		table->head = number;
	table->tail = number;
	table->live_count++;
	table->array_room = 0;
}

static u32 dead_next(const struct ktap_entry *entry)
{
	return entry->value.bits;
}

static u32 dead_previous(const struct ktap_entry *entry)
{
	return entry->value.bits >> 32;
}

static void set_dead(struct ktap_entry *entry, u32 previous, u32 next)
{
	entry->value.bits = (u64)previous << 32 | next;
}

/*
 * Takes a live entry out of the order and puts it behind the dead. It stays in its chain, and keeps
 * its successor, so that a loop over the table may remove the key it is at.
 */
static void kill_entry(struct ktap_heap *heap, struct ktap_table *table, u32 number)
{
	struct ktap_entry *entry = ktap_entry_at(table, number);
	struct ktap_entry *last;

	if (entry->previous)
		ktap_entry_at(table, entry->previous)->next = entry->next;
	else
		table->head = entry->next;
	if (entry->next)
		ktap_entry_at(table, entry->next)->previous = entry->previous;
	else
		table->tail = entry->previous;
	table->live_count--;
	update_array(table);
	if (unlikely(heap->marking))
		ktap_mark_value(heap, &entry->key);
	ktap_store(heap, &entry->value, &nil);
	set_dead(entry, table->dead_tail, 0);
	if (table->dead_tail) {
		last = ktap_entry_at(table, table->dead_tail);
		set_dead(last, dead_previous(last), number);
	} else {
		table->dead_head = number;
	}
	table->dead_tail = number;
}

/* Takes an entry out of the list of the dead. */
static void revive_entry(struct ktap_table *table, u32 number)
{
	const struct ktap_entry *entry = ktap_entry_at(table, number);
	u32 previous = dead_previous(entry);
	u32 next = dead_next(entry);
	struct ktap_entry *other;

	if (previous) {
		other = ktap_entry_at(table, previous);
		set_dead(other, dead_previous(other), next);
	} else {
		table->dead_head = next;
	}
	if (next) {
		other = ktap_entry_at(table, next);
		set_dead(other, previous, dead_next(other));
	} else {
		table->dead_tail = previous;
	}
}

static void unchain(struct ktap_table *table, u32 number)
{
	struct ktap_entry *entry = ktap_entry_at(table, number);
	u32 *link = bucket_at(table, bucket_of(table, entry->hash));

	while (*link != number)
		link = &ktap_entry_at(table, *link)->chain;
	*link = entry->chain;
}

/*
 * One more bucket, with the entries that belong there: of the bucket that it is split from, those whose hash
 * has the next bit. No branch depends on that bit, which no processor can predict; and the first entry
 * of the bucket to be split next is asked for, so that by then there is no need to wait for it.
 */
static int split_bucket(struct ktap_activation *activation, struct ktap_table *table)
{
	u32 made = table->bucket_count;
	u32 half = made ? 1u << log2_of(made) : 0;
	struct ktap_entry *entry;
	u32 *ends[2];
	u32 number;
	bool moves;

	if (reserve(activation, &table->buckets, made, sizeof(u32)))
		return -1;
	ends[0] = bucket_at(table, made - half);
	ends[1] = bucket_at(table, made);
	*ends[1] = 0;
	table->bucket_count++;
	table->bucket_mask = half ? 2 * half - 1 : 0;
	for (number = *ends[0]; number; number = entry->chain) {
		entry = ktap_entry_at(table, number);
		moves = entry->hash & half;
		*ends[moves] = number;
		ends[moves] = &entry->chain;
	}
	*ends[0] = *ends[1] = 0;
	number = *bucket_at(table, made + 1 - (1u << log2_of(made + 1)));
	__builtin_prefetch(ktap_entry_at(table, number ? number : 1));
	return 0;
}

/* An entry for a new key: of the key removed first, or one never used; 0: the error is set. */
static u32 new_entry(struct ktap_activation *activation, struct ktap_table *table)
{
	u32 number = table->dead_head;

	if (number) {
		unchain(table, number);
		revive_entry(table, number);
		return number;
	}
	if (reserve(activation, &table->entries, table->entry_count, sizeof(struct ktap_entry)))
		return 0;
	if (table->bucket_count <= table->entry_count && split_bucket(activation, table))
		return 0;
	return ++table->entry_count;
}

static int add_key(struct ktap_activation *activation, struct ktap_table *table,
		   const struct ktap_value *key, u32 hash, const struct ktap_value *value)
{
	u32 number = new_entry(activation, table);
	struct ktap_entry *entry;
	u32 *bucket;

	if (!number)
		return -1;
	entry = ktap_entry_at(table, number);
	bucket = bucket_at(table, bucket_of(table, hash));
	entry->key = *key;
	entry->value = *value;
	entry->hash = hash;
	entry->chain = *bucket;
	*bucket = number;
	append_entry(table, number);
	return 0;
}

static int set_in_hash(struct ktap_activation *activation, struct ktap_table *table,
		       const struct ktap_value *key, const struct ktap_value *value)
{
	struct ktap_heap *heap = &activation->program->heap;
	u32 hash = hash_of(key);
	u32 number = find_entry(table, key, hash);
	struct ktap_entry *entry;
	bool was_live;

	if (!number)
		return value->tag == KTAP_NIL ? 0 : add_key(activation, table, key, hash, value);
	entry = ktap_entry_at(table, number);
	was_live = entry->value.tag != KTAP_NIL;
	if (value->tag == KTAP_NIL) {
		if (was_live)
			kill_entry(heap, table, number);
		return 0;
	}
	if (!was_live) {
		revive_entry(table, number);
		append_entry(table, number);
	}
	ktap_store(heap, &entry->value, value);
	return 0;
}

void ktap_table_settle(struct ktap_heap *heap, struct ktap_table *table)
{
	if (!table->array.old)
		return;
	move_elements(heap, &table->array, MOVED_AT_ONCE, sizeof(struct ktap_value));
	update_array(table);
}

static void set_in_array(struct ktap_heap *heap, struct ktap_table *table, u32 index,
			 const struct ktap_value *value)
{
	struct ktap_value *at = ktap_array_at(table, index);

	table->array_holes += (value->tag == KTAP_NIL) - (at->tag == KTAP_NIL);
	ktap_store(heap, at, value);
	if (table->array_highest < table->array_count)
		table->array_highest = table->array_count;
	while (table->array_count &&
	       ktap_array_at(table, table->array_count - 1)->tag == KTAP_NIL) {
		table->array_count--;
		table->array_holes--;
	}
	update_array(table);
}

static int add_element(struct ktap_activation *activation, struct ktap_table *table, u32 index,
		       const struct ktap_value *value)
{
	if (reserve(activation, &table->array, index, sizeof(struct ktap_value)))
		return -1;
	*ktap_array_at(table, index) = *value;
	table->array_count++;
	update_array(table);
	return 0;
}

int ktap_table_set(struct ktap_activation *activation, struct ktap_table *table,
		   const struct ktap_value *key, const struct ktap_value *value)
{
	struct ktap_heap *heap = &activation->program->heap;
	struct ktap_value form = key_form(key);
	u64 index = array_index(&form);

	if (index < table->array_count) {
		ktap_table_settle(heap, table);
		set_in_array(heap, table, index, value);
		return 0;
	}
	if (index == table->array_count && value->tag != KTAP_NIL && array_may_grow(table))
		return add_element(activation, table, index, value);
	if (form.tag == KTAP_NIL)
		return ktap_raise(activation, "a table's key is nil");
	return set_in_hash(activation, table, &form, value);
}

/* The first live entry from `number` on; entries passed over are dead. */
static u32 live_from(const struct ktap_table *table, u32 number)
{
	while (number && ktap_entry_at(table, number)->value.tag == KTAP_NIL)
		number = ktap_entry_at(table, number)->next;
	return number;
}

static bool take_entry(const struct ktap_table *table, u32 number,
		       struct ktap_value pair[2], u32 *hint)
{
	const struct ktap_entry *entry;

	number = live_from(table, number);
	if (!number)
		return false;
	entry = ktap_entry_at(table, number);
	pair[0] = entry->key;
	pair[1] = entry->value;
	if (hint)
		*hint = number;
	return true;
}

/* The first element of the array part from `index` on, then the hash part. */
static bool take_from(const struct ktap_table *table, u64 index,
		      struct ktap_value pair[2], u32 *hint)
{
	for (; index < table->array_count; index++) {
		const struct ktap_value *value = ktap_array_at(table, index);

		if (value->tag != KTAP_NIL) {
			ktap_set_int(&pair[0], index + 1);
			pair[1] = *value;
			return true;
		}
	}
	return take_entry(table, table->head, pair, hint);
}

/* The entry of a key that an earlier step has likely found; as find_entry(). */
static u32 find_again(const struct ktap_table *table,
		      const struct ktap_value *key, const u32 *hint)
{
	const struct ktap_entry *entry;

	if (hint && *hint - 1 < table->entry_count) {
		entry = ktap_entry_at(table, *hint);
		if (entry->key.bits == key->bits && entry->key.tag == key->tag)
			return *hint;
	}
	return find_entry(table, key, hash_of(key));
}

int ktap_table_follow(const struct ktap_table *table, const struct ktap_value *key,
		      struct ktap_value pair[2], u32 *hint)
{
	struct ktap_value form = key_form(key);
	u64 index = array_index(&form);
	u32 number;

	if (form.tag == KTAP_NIL)
		return take_from(table, 0, pair, hint);
	if (index < table->array_count)
		return take_from(table, index + 1, pair, hint);
	number = find_again(table, &form, hint);
	if (number)
		return take_entry(table, ktap_entry_at(table, number)->next, pair, hint);
	/* An element that was the array part's last one and has been removed: what follows it is
	 * the hash part. */
	if (index < table->array_highest)
		return take_from(table, index + 1, pair, hint);
	return -1;
}

int ktap_table_next(const struct ktap_table *table,
		    const struct ktap_value *key, struct ktap_value pair[2])
{
	return ktap_table_follow(table, key, pair, NULL);
}

bool ktap_table_step(const struct ktap_table *table, u32 *cursor,
		     struct ktap_value pair[2])
{
	const struct ktap_entry *entry;
	u32 number;

	while (*cursor < table->array_count) {
		const struct ktap_value *value = ktap_array_at(table, (*cursor)++);

		if (value->tag != KTAP_NIL) {
			ktap_set_int(&pair[0], *cursor);
			pair[1] = *value;
			return true;
		}
	}
	/* Behind the array part the cursor is its length plus the number of the last entry. */
	number = *cursor - table->array_count;
	number = number ? ktap_entry_at(table, number)->next : table->head;
	if (!number)
		return false;
	entry = ktap_entry_at(table, number);
	pair[0] = entry->key;
	pair[1] = entry->value;
	*cursor = table->array_count + number;
	return true;
}

static bool has_number(const struct ktap_table *table, u64 number)
{
	struct ktap_value key = { .bits = number, .kind = KTAP_INT };

	return ktap_table_get(table, &key)->tag != KTAP_NIL;
}

u64 ktap_table_length(const struct ktap_table *table)
{
	u64 with = table->array_count;
	u64 without = with + 1;
	u64 middle;

	if (!table->live_count)
		return with;
	while (has_number(table, without)) {
		with = without;
		without *= 2;
	}
	while (without - with > 1) {
		middle = with + (without - with) / 2;
		if (has_number(table, middle))
			with = middle;
		else
			without = middle;
	}
	return with;
}

static void mark_vector(struct ktap_heap *heap, const struct ktap_vector *vector)
{
	if (vector->now)
		ktap_mark_object(heap, blob_of(vector->now));
	if (vector->old)
		ktap_mark_object(heap, blob_of(vector->old));
}

void ktap_table_mark_memory(struct ktap_heap *heap, const struct ktap_table *table)
{
	mark_vector(heap, &table->array);
	mark_vector(heap, &table->entries);
	mark_vector(heap, &table->buckets);
}

/* By number, which does not change when a vector moves; what is stored behind the cursor goes through the
 * barrier. */
u32 ktap_table_mark(struct ktap_heap *heap, const struct ktap_table *table,
		    struct ktap_table_cursor *at, u32 count)
{
	const struct ktap_entry *entry;
	u32 left = count;
	u32 i;

	for (i = at->element; left && i < table->array_count; left--)
		ktap_mark_value(heap, ktap_array_at(table, i++));
	at->element = i;
	for (; left && at->entry < table->entry_count; left--) {
		entry = ktap_entry_at(table, ++at->entry);
		if (entry->value.tag == KTAP_NIL)
			continue;
		ktap_mark_value(heap, &entry->key);
		ktap_mark_value(heap, &entry->value);
	}
	return count - left;
}
