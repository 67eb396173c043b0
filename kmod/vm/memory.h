/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Memory that a script names by address. Its own is an object of the arena, touched directly and
 * within its bounds; all other is foreign, and only touched by the host's fault-safe services.
 * Writes never reach anything of the program's but the data of its CDATA objects.
 */
#ifndef KTAP_MEMORY_H
#define KTAP_MEMORY_H

#include "program.h"

/* Each returns 0, or -1 with the error set. */
int ktap_read(struct ktap_activation *activation, void *to, u64 from, u64 size);
int ktap_write(struct ktap_activation *activation, u64 to, const void *from, u64 size);
int ktap_copy(struct ktap_activation *activation, u64 to, u64 from, u64 size);
int ktap_zero(struct ktap_activation *activation, u64 to, u64 size);

/* Bytes from `address` to the end of the script's own memory in which it lies, and (may be null)
 * from that memory's start to it. False if the address is foreign or in no object. */
bool ktap_owned_extent(const struct ktap_heap *heap, u64 address, u64 *before, u64 *behind);

/* `size` bytes of the data of one object of cdata's; null if these are not that: foreign, or of no such object. */
static inline void *ktap_own_data(const struct ktap_heap *heap, u64 address, u64 size)
{
	struct ktap_cdata *cdata;
	u64 offset;

	if (!ktap_in_arena(heap, address))
		return NULL;
	cdata = (struct ktap_cdata *)ktap_object_at(heap, address);
	if (!cdata || cdata->object.kind != KTAP_OBJECT_CDATA)
		return NULL;
	offset = address - (u64)(__kernel_size_t)ktap_cdata_data(cdata);
	return offset <= cdata->size && size <= cdata->size - offset ? (u8 *)ktap_cdata_data(cdata) + offset
								     : NULL;
}

static inline u64 ktap_address(const void *pointer)
{
	return (u64)(__kernel_size_t)pointer;
}

static inline void *ktap_pointer(u64 address)
{
	return (void *)(__kernel_size_t)address;
}

#endif
