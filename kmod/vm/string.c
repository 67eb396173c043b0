/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "string.h"
#include "ctype.h"
#include "error.h"

/* FNV-1a, eight bytes at a time where there are as many, mixed at the end. */
static u32 hash_bytes(u32 seed, const char *bytes, u32 length)
{
	u64 hash = 0xcbf29ce484222325ull ^ seed ^ length;
	u64 word;

	while (length >= 8) {
		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
		bytes += 8;
		length -= 8;
	}
	while (length--)
		hash = (hash ^ (u8)*bytes++) * 0x100000001b3ull;
	hash ^= hash >> 32;
	return hash * 0x9e3779b1u;
}

static u32 *bucket_of(const struct ktap_heap *heap, u32 hash)
{
	u32 bucket = hash & heap->bucket_mask;

	return &heap->buckets[bucket < heap->bucket_count ? bucket
							  : bucket & heap->bucket_mask >> 1];
}

/* One more bucket for the strings that belong there, of one that there is: no insertion ever has to
 * move all of them. */
static void split_bucket(struct ktap_heap *heap)
{
	u32 made = heap->bucket_count;
	u32 *to = &heap->buckets[made];
	struct ktap_string *string;
	u32 *link;

	if (made == heap->bucket_limit)
		return;
	if (made == heap->bucket_mask + 1)
		heap->bucket_mask = 2 * made - 1;
	link = &heap->buckets[made & heap->bucket_mask >> 1];
	heap->bucket_count++;
	*to = 0;
	while (*link) {
		string = ktap_at_granule(heap, *link);
		if ((string->hash & heap->bucket_mask) != made) {
			link = &string->next;
			continue;
		}
		*link = string->next;
		string->next = *to;
		*to = ktap_granule(heap, string);
	}
}

static struct ktap_string *find(const struct ktap_heap *heap, u32 hash, const char *bytes,
				u32 length)
{
	struct ktap_string *string = ktap_at_granule(heap, *bucket_of(heap, hash));

	for (; string; string = ktap_at_granule(heap, string->next)) {
		if (string->hash == hash && string->length == length &&
		    !memcmp(string->bytes, bytes, length)) {
			/* Perhaps nothing refers to it any more, and a collection is to find that out. */
			string->object.color |= heap->new_color;
			return string;
		}
	}
	return NULL;
}

/* Enters a complete string into the table of all strings. */
static void enter(struct ktap_heap *heap, struct ktap_string *string, u32 hash)
{
	u32 *bucket = bucket_of(heap, hash);

	string->hash = hash;
	string->object.kind = KTAP_OBJECT_STRING;
	string->next = *bucket;
	*bucket = ktap_granule(heap, string);
	if (++heap->string_count > heap->bucket_count)
		split_bucket(heap);
}

static u64 string_size(u64 length)
{
	return sizeof(struct ktap_string) + length + 1;
}

struct ktap_string *ktap_string_try(struct ktap_activation *activation, const char *bytes,
				    u64 length)
{
	struct ktap_heap *heap = &activation->program->heap;
	u32 hash = hash_bytes(heap->seed, bytes, length);
	struct ktap_string *string = find(heap, hash, bytes, length);

	if (string)
		return string;
	string = ktap_try_allocate(activation, KTAP_OBJECT_STRING, string_size(length));
	if (!string)
		return NULL;
	string->length = length;
	memcpy(string->bytes, bytes, length);
	string->bytes[length] = 0;
	enter(heap, string, hash);
	return string;
}

static int raise_too_long(struct ktap_activation *activation, u64 length)
{
	return ktap_raise(activation, "a string of %llu bytes is too long (at most %u)",
			  (unsigned long long)length, KTAP_STRING_MAX);
}

struct ktap_string *ktap_string_make(struct ktap_activation *activation, const char *bytes,
				     u64 length)
{
	struct ktap_string *string;

	if (unlikely(length > KTAP_STRING_MAX)) {
		raise_too_long(activation, length);
		return NULL;
	}
	string = ktap_string_try(activation, bytes, length);
	if (unlikely(!string))
		ktap_raise_out_of_memory(activation);
	return string;
}

struct ktap_string *ktap_string_buffer(struct ktap_activation *activation, u64 length)
{
	struct ktap_string *buffer;

	if (unlikely(length > KTAP_STRING_MAX)) {
		raise_too_long(activation, length);
		return NULL;
	}
	buffer = ktap_allocate(activation, KTAP_OBJECT_BLOB, string_size(length));
	if (!buffer)
		return NULL;
	buffer->length = length;
	buffer->bytes[length] = 0;
	return buffer;
}

struct ktap_string *ktap_string_finish(struct ktap_activation *activation,
				       struct ktap_string *buffer)
{
	struct ktap_heap *heap = &activation->program->heap;
	u32 hash = hash_bytes(heap->seed, buffer->bytes, buffer->length);
	struct ktap_string *string = find(heap, hash, buffer->bytes, buffer->length);

	if (string) {
		ktap_release(heap, &buffer->object);
		return string;
	}
	enter(heap, buffer, hash);
	return buffer;
}

/* Characters of a string or number in a concatenation; `digits` has room for a number's. */
static const char *piece_of(const struct ktap_value *value, char *digits, u32 *length)
{
	if (value->tag == KTAP_STRING) {
		*length = value->string->length;
		return value->string->bytes;
	}
	*length = value->tag == KTAP_INT ? ktap_signed_digits(digits, value->bits)
					 : ktap_digits(digits, value->bits, 10);
	return digits;
}

int ktap_concat(struct ktap_activation *activation, struct ktap_value *to,
		const struct ktap_value *values, u32 count)
{
	char digits[KTAP_DIGITS_MAX];
	struct ktap_string *buffer;
	u64 total = 0;
	u32 length, i;

	for (i = 0; i < count; i++) {
		if (values[i].tag != KTAP_STRING && !ktap_is_number(&values[i]))
			return ktap_raise_operand(activation, "concatenate", &values[i]);
		piece_of(&values[i], digits, &length);
		total += length;
	}
	buffer = ktap_string_buffer(activation, total);
	if (!buffer)
		return -1;
	total = 0;
	for (i = 0; i < count; i++) {
		const char *piece = piece_of(&values[i], digits, &length);

		memcpy(buffer->bytes + total, piece, length);
		total += length;
	}
	ktap_set_string(to, ktap_string_finish(activation, buffer));
	return 0;
}
