/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The operators on operands of any type: what the interpreter does not do at once. */
#ifndef KTAP_OPERATE_H
#define KTAP_OPERATE_H

#include "program.h"

/* to = a OP b, for KTAP_OP_ADD to KTAP_OP_SHR. */
int ktap_binary(struct ktap_activation *activation, u32 opcode, const struct ktap_value *a,
		const struct ktap_value *b, struct ktap_value *to);
/* to = OP a, for KTAP_OP_NEG and KTAP_OP_BNOT. */
int ktap_unary(struct ktap_activation *activation, u32 opcode, const struct ktap_value *a,
	       struct ktap_value *to);

bool ktap_equal(const struct ktap_program *program, const struct ktap_value *a,
		const struct ktap_value *b);
/* less = a < b, or with `or_equal` a <= b. */
int ktap_compare(struct ktap_activation *activation, const struct ktap_value *a,
		 const struct ktap_value *b, bool or_equal, bool *less);

/* to = container[key], container[key] = value, of tables and cdata. */
int ktap_get_index(struct ktap_activation *activation, const struct ktap_value *container,
		   const struct ktap_value *key, struct ktap_value *to);
int ktap_set_index(struct ktap_activation *activation, const struct ktap_value *container,
		   const struct ktap_value *key, const struct ktap_value *value);

/* The same for a field of the image: by its place where the container is of the field's type. */
int ktap_get_field(struct ktap_activation *activation, u32 number,
		   const struct ktap_value *container, struct ktap_value *to);
int ktap_set_field(struct ktap_activation *activation, u32 number,
		   const struct ktap_value *container, const struct ktap_value *value);

/* The kind of the second register of a loop that has begun, whose index and step are signed numbers:
 * like KTAP_UINT to all else. */
#define KTAP_SIGNED_LOOP (KTAP_UINT | 1ull << 32)

/* Prepares a numeric loop of four registers: 1, 0 if it does not run at all, -1 with the error set.
 * The limit's register then holds the index of the last round where the loop is a signed one, else the
 * number of rounds left behind this one. */
int ktap_prepare_loop(struct ktap_activation *activation, struct ktap_value *loop);
/* One round on: 1, 0 at its end, -1 with the error set. */
int ktap_continue_loop(struct ktap_activation *activation, struct ktap_value *loop);

#endif
