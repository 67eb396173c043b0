/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Bytes put together in the heap, for strings whose length shows only at the end. A buffer is held
 * by a value that the collector sees (one of an activation's `kept`, or of the stack), so that it
 * lives while other things are allocated, and a script function runs. To the script it is nothing.
 */
#ifndef KTAP_BUFFER_H
#define KTAP_BUFFER_H

#include "program.h"

/* An empty buffer, held by `slot`. 0, or -1 with the error set, as all of these. */
int ktap_buffer_begin(struct ktap_activation *activation, struct ktap_value *slot);

/* Appends bytes that do not move: of a string, or outside the heap. */
int ktap_buffer_add(struct ktap_activation *activation, struct ktap_value *slot, const char *bytes,
		    u64 count);

/* Appends `count` times the same byte. */
int ktap_buffer_fill(struct ktap_activation *activation, struct ktap_value *slot, char byte,
		     u64 count);

/* The string of the bytes; the buffer is given back, and the slot is nil. */
int ktap_buffer_finish(struct ktap_activation *activation, struct ktap_value *slot,
		       struct ktap_value *to);

#endif
