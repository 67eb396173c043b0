/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "memory.h"
#include "error.h"

/* The part of an object that a script may see: the data of cdata, the bytes of a string (read). */
static bool visible_part(struct ktap_object *object, bool write, u64 *start, u64 *size)
{
	struct ktap_string *string;
	struct ktap_cdata *cdata;

	if (!object)
		return false;
	if (object->kind == KTAP_OBJECT_CDATA) {
		cdata = (struct ktap_cdata *)object;
		*start = ktap_address(ktap_cdata_data(cdata));
		*size = cdata->size;
		return true;
	}
	if (object->kind == KTAP_OBJECT_STRING && !write) {
		string = (struct ktap_string *)object;
		*start = ktap_address(string->bytes);
		*size = string->length + 1ull;
		return true;
	}
	return false;
}

static bool find_part(const struct ktap_heap *heap, u64 address, bool write, u64 *start, u64 *size)
{
	return ktap_in_arena(heap, address) &&
	       visible_part(ktap_object_at(heap, address), write, start, size) &&
	       address >= *start && address - *start <= *size;
}

bool ktap_owned_extent(const struct ktap_heap *heap, u64 address, u64 *before, u64 *behind)
{
	u64 start;
	u64 size;

	if (!find_part(heap, address, false, &start, &size))
		return false;
	if (before)
		*before = address - start;
	*behind = size - (address - start);
	return true;
}

enum owner {
	FOREIGN,
	OWNED,
	WRONG, /* error set */
};

static int raise_access(struct ktap_activation *activation, bool write, u64 address, u64 size,
			const char *why)
{
	ktap_raise(activation, "cannot %s %llu byte%s at 0x%llx: %s", write ? "write" : "read",
		   (unsigned long long)size, size == 1 ? "" : "s", (unsigned long long)address,
		   why);
	return WRONG;
}

static bool overlaps(u64 address, u64 size, const void *start, u64 length)
{
	u64 first = ktap_address(start);

	return address < first + length && first < address + size;
}

static int owner_of(struct ktap_activation *activation, bool write, u64 address, u64 size)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_heap *heap = &program->heap;
	u64 start;
	u64 length;

	if (likely(ktap_in_arena(heap, address))) {
		if (!find_part(heap, address, write, &start, &length))
			return raise_access(activation, write, address, size,
					    "this is not memory of the script's (any more)");
		if (size > length - (address - start))
			return raise_access(activation, write, address, size,
					    "beyond the end of its object");
		return OWNED;
	}
	if (address + size < address)
		return raise_access(activation, write, address, size, "beyond the end of memory");
	if (overlaps(address, size, heap->arena, heap->arena_size) ||
	    (write && overlaps(address, size, program->image.header, program->image_size)))
		return raise_access(activation, write, address, size,
				    "memory of the program's own");
	return FOREIGN;
}

/* The sizes that most scalars and small records have take no call. */
static inline void copy_owned(void *to, const void *from, u64 size)
{
	if (size == 8)
		memmove(to, from, 8);
	else if (size == 4)
		memmove(to, from, 4);
	else if (size == 16)
		memmove(to, from, 16);
	else
		memmove(to, from, size);
}

int ktap_read(struct ktap_activation *activation, void *to, u64 from, u64 size)
{
	const struct ktap_program *program = activation->program;

	switch (owner_of(activation, false, from, size)) {
	case OWNED:
		copy_owned(to, ktap_pointer(from), size);
		return 0;
	case FOREIGN:
		if (!program->host->read(program->host_data, to, from, size))
			return 0;
		raise_access(activation, false, from, size,
			     from < 4096 ? "NULL pointer" : "no such memory");
	}
	return -1;
}

int ktap_write(struct ktap_activation *activation, u64 to, const void *from, u64 size)
{
	const struct ktap_program *program = activation->program;

	switch (owner_of(activation, true, to, size)) {
	case OWNED:
		copy_owned(ktap_pointer(to), from, size);
		return 0;
	case FOREIGN:
		if (!(program->host->grants & KTAP_MAY_WRITE))
			return ktap_raise(activation,
					  "writing to %s memory needs a grant: "
					  "run with --allow write",
					  program->image.header->flags & KTAP_IMAGE_TARGET_HOST
						  ? "foreign"
						  : "kernel");
		if (!program->host->write(program->host_data, to, from, size))
			return 0;
		raise_access(activation, true, to, size,
			     to < 4096 ? "NULL pointer" : "no such memory, or read-only");
	}
	return -1;
}

#define BOUNCE 256

int ktap_copy(struct ktap_activation *activation, u64 to, u64 from, u64 size)
{
	bool backwards = to > from && to - from < size;
	u8 bytes[BOUNCE];
	u64 done = 0;
	u64 count;
	u64 at;

	for (; done < size; done += count) {
		count = size - done < BOUNCE ? size - done : BOUNCE;
		at = backwards ? size - done - count : done;
		if (ktap_read(activation, bytes, from + at, count) ||
		    ktap_write(activation, to + at, bytes, count))
			return -1;
	}
	return 0;
}

int ktap_zero(struct ktap_activation *activation, u64 to, u64 size)
{
	static const u8 zeros[BOUNCE];
	u64 done;
	u64 count;

	for (done = 0; done < size; done += count) {
		count = size - done < BOUNCE ? size - done : BOUNCE;
		if (ktap_write(activation, to + done, zeros, count))
			return -1;
	}
	return 0;
}
