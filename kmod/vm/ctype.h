/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* C types as the image describes them: names, identity, members. */
#ifndef KTAP_CTYPE_H
#define KTAP_CTYPE_H

#include "program.h"

/* Where a C object is. `bit_size` is not 0 for bit-fields, which begin `bit_offset` bits (0 to 7)
 * into the byte at `address`. */
struct ktap_place {
	u64 address;
	u32 type;
	u32 bit_offset;
	u32 bit_size;
	bool readonly; /* const */
};

static inline const struct ktap_image_type *ktap_type(const struct ktap_activation *activation,
						      u32 type)
{
	return &activation->program->types[type];
}

/* As C writes it; valid during the next three calls. */
const char *ktap_type_name(struct ktap_activation *activation, u32 type);

/* The type of pointers to `type`. */
u32 ktap_pointer_to(const struct ktap_program *program, u32 type);

/* What values refer to by address: records, arrays, the scalars that no value holds. */
static inline bool ktap_type_is_aggregate(const struct ktap_image_type *type)
{
	return !ktap_type_is_scalar(type) && type->kind != KTAP_TYPE_FUNCTION;
}

/* A record: it has members. */
static inline bool ktap_type_is_record(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_STRUCT || type->kind == KTAP_TYPE_UNION;
}

/* One type but for const at its top. */
bool ktap_same_type(const struct ktap_program *program, u32 a, u32 b);

/* Whether a pointer to `from` may be used where one to `to` is asked for. */
bool ktap_pointers_agree(const struct ktap_program *program, u32 to, u32 from);

/*
 * The member of a record that a name names, those of its anonymous members included. `place` comes
 * with the record's address and constness, and leaves with the member's. False if there is none.
 */
bool ktap_find_member(const struct ktap_program *program, const struct ktap_string *name,
		      struct ktap_place *place);

/* Member number `index` (an anonymous one counts as one). False if there is none. */
bool ktap_numbered_member(const struct ktap_program *program, u64 index, struct ktap_place *place);

/* The value of an enumerator; false if the enum has none of this name. */
bool ktap_find_enumerator(const struct ktap_program *program, u32 type,
			  const struct ktap_string *name, u64 *value);

/* The types of a new program: the image's, then a pointer to each; and which type points to which. */
void ktap_types_create(struct ktap_program *program);

#endif
