/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Records for the loader. Formatting is done there. */
#ifndef KTAP_EMIT_H
#define KTAP_EMIT_H

#include "program.h"

/* One record with these values; -1 with the error set: too large, or the program is stopped. */
int ktap_emit_values(struct ktap_activation *activation, u32 kind, const struct ktap_value *values,
		     u32 count);

/* The activation's error and its traceback, which its frames still show. */
void ktap_emit_error(struct ktap_activation *activation);

void ktap_emit_exit(struct ktap_activation *activation, u32 status);

#endif
