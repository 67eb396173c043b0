/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Between convert.c (scalars) and initialise.c (aggregates). */
#ifndef KTAP_INITIALISE_H
#define KTAP_INITIALISE_H

#include "ctype.h"

int ktap_store_scalar(struct ktap_activation *activation, const struct ktap_place *place,
		      const struct ktap_value *value);

/* The element of an array, or of what a pointer points to; the place comes with the first's
 * address. */
void ktap_element(const struct ktap_program *program, u32 type, s64 index,
		  struct ktap_place *place);

#endif
