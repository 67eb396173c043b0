/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* C's printf for script values. */
#ifndef KTAP_FORMAT_H
#define KTAP_FORMAT_H

#include "program.h"

/* The string that values[0], a format, makes of the values behind it; -1 with the error set. */
int ktap_format(struct ktap_activation *activation, const char *function,
		const struct ktap_value *values, u32 count, struct ktap_value *to);

/* Whether a format shows a symbol ("%pS"): only here are their names known. */
bool ktap_format_has_symbols(const struct ktap_string *format);

#endif
