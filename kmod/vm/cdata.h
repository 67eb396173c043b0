/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the language's operators do with C data. */
#ifndef KTAP_CDATA_H
#define KTAP_CDATA_H

#include "ctype.h"

/* to = cdata[key]: a member, or an element. */
int ktap_cdata_get(struct ktap_activation *activation, const struct ktap_value *cdata,
		   const struct ktap_value *key, struct ktap_value *to);
int ktap_cdata_set(struct ktap_activation *activation, const struct ktap_value *cdata,
		   const struct ktap_value *key, const struct ktap_value *value);

/* The place of a field of the image in a value of its base's type; false where the value is of
 * another type, or a NULL pointer: then the member is looked up by its name. */
bool ktap_field_place(const struct ktap_program *program, const struct ktap_image_field *field,
		      const struct ktap_value *value, struct ktap_place *place);

/* A new object of the script's own, zeroed, as a reference in `to`. `size` is the type's or, with
 * a flexible end, more. */
int ktap_cdata_make(struct ktap_activation *activation, u32 type, u64 size, struct ktap_value *to);

/* Bytes of an object: its type's; where that ends flexibly, those of the script's memory. */
u64 ktap_cdata_size(struct ktap_activation *activation, const struct ktap_value *cdata);

/* Pointer + number, pointer - number, pointer - pointer: 1 if it was one of them, 0 if not, -1 with
 * the error set. */
int ktap_pointer_arithmetic(struct ktap_activation *activation, u32 opcode,
			    const struct ktap_value *a, const struct ktap_value *b,
			    struct ktap_value *to);

/* The address that a pointer, function or aggregate is compared by; false for other values. */
bool ktap_address_of(const struct ktap_program *program, const struct ktap_value *value,
		     u64 *address);

#endif
