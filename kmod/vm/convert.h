/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Between script values and C objects. The rules are LuaJIT's where they make sense without
 * floating point; docs/vm.md has the table.
 */
#ifndef KTAP_CONVERT_H
#define KTAP_CONVERT_H

#include "ctype.h"

/* Bits as an object of a scalar type holds them, extended to 64 by its signedness. */
u64 ktap_extend(const struct ktap_image_type *type, u64 bits);

/* The script value of a scalar with these (extended) bits: number, boolean, pointer. */
void ktap_from_bits(const struct ktap_program *program, u32 type, u64 bits, struct ktap_value *to);

/* A value as a scalar of a type, extended; false if it cannot be converted. `cast`: by ffi.cast. */
bool ktap_to_bits(const struct ktap_program *program, u32 type, const struct ktap_value *value,
		  bool cast, u64 *bits);

/* What is to be said behind "cannot convert … to …", where a number was refused for being too large. */
const char *ktap_conversion_note(const struct ktap_program *program, u32 type,
				 const struct ktap_value *value);

/* A number of the script's, or an integer, enum or boolean of C's, as a script number. */
bool ktap_to_number(const struct ktap_program *program, const struct ktap_value *value,
		    struct ktap_value *number);

/* The object at a place as a script value: aggregates by reference. */
int ktap_load(struct ktap_activation *activation, const struct ktap_place *place,
	      struct ktap_value *to);

/* Converts a value and stores it; a table initialises the record or array of the place. `fresh`:
 * the memory is new, so that const objects in it may be written. */
int ktap_store_at(struct ktap_activation *activation, const struct ktap_place *place,
		  const struct ktap_value *value, bool fresh);

/* The first `count` members or elements of the (new) object at a place. */
int ktap_store_list(struct ktap_activation *activation, const struct ktap_place *place,
		    const struct ktap_value *values, u32 count);

#endif
