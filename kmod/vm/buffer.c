/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "buffer.h"
#include "error.h"
#include "string.h"

#define ROOM_AT_FIRST 240u

/* The memory is laid out like a string: `length` bytes are in use, and `hash` of them have room. */
static struct ktap_string *new_memory(struct ktap_activation *activation, u64 room)
{
	struct ktap_string *memory = ktap_string_buffer(activation, room);

	if (!memory)
		return NULL;
	memory->hash = room;
	memory->length = 0;
	return memory;
}

/* The slot must look like a string to the collector, which marks what any reference points to. */
static void hold(struct ktap_value *slot, struct ktap_string *memory)
{
	ktap_set_string(slot, memory);
}

int ktap_buffer_begin(struct ktap_activation *activation, struct ktap_value *slot)
{
	struct ktap_string *memory = new_memory(activation, ROOM_AT_FIRST);

	if (!memory)
		return -1;
	hold(slot, memory);
	return 0;
}

/* Makes room for `count` more bytes. */
static struct ktap_string *reserve(struct ktap_activation *activation, struct ktap_value *slot,
				   u64 count)
{
	struct ktap_string *old = slot->string;
	u64 needed = old->length + count;
	u64 room = needed * 2 < KTAP_STRING_MAX ? needed * 2 : KTAP_STRING_MAX;
	struct ktap_string *memory;

	if (needed <= old->hash)
		return old;
	if (room < needed)
		room = needed; /* That is refused. */
	memory = new_memory(activation, room);
	if (!memory)
		return NULL;
	memcpy(memory->bytes, old->bytes, old->length);
	memory->length = old->length;
	hold(slot, memory);
	ktap_release(&activation->program->heap, &old->object);
	return memory;
}

int ktap_buffer_add(struct ktap_activation *activation, struct ktap_value *slot, const char *bytes,
		    u64 count)
{
	struct ktap_string *memory = reserve(activation, slot, count);

	if (!memory)
		return -1;
	memcpy(memory->bytes + memory->length, bytes, count);
	memory->length += count;
	return 0;
}

int ktap_buffer_fill(struct ktap_activation *activation, struct ktap_value *slot, char byte,
		     u64 count)
{
	struct ktap_string *memory = reserve(activation, slot, count);

	if (!memory)
		return -1;
	memset(memory->bytes + memory->length, byte, count);
	memory->length += count;
	return 0;
}

int ktap_buffer_finish(struct ktap_activation *activation, struct ktap_value *slot,
		       struct ktap_value *to)
{
	struct ktap_string *memory = slot->string;
	struct ktap_string *string = ktap_string_make(activation, memory->bytes, memory->length);

	ktap_set_nil(slot);
	ktap_release(&activation->program->heap, &memory->object);
	if (!string)
		return -1;
	ktap_set_string(to, string);
	return 0;
}
