/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Calls into foreign code, as their plans say. */
#ifndef KTAP_CALL_H
#define KTAP_CALL_H

#include "program.h"

/* values[0] = symbol(values), `count` of them. */
int ktap_call_symbol(struct ktap_activation *activation, u32 symbol, struct ktap_value *values, u32 count);

/* to = callee(arguments), for a function or a pointer to one. */
int ktap_call_cdata(struct ktap_activation *activation, const struct ktap_value *callee,
		    const struct ktap_value *arguments, u32 count, struct ktap_value *to);

/* Whether a value is a function of C's, or a pointer to one. */
bool ktap_is_callable_cdata(const struct ktap_program *program, const struct ktap_value *value);

/* The value of a variable, or a function as cdata; the variable's assignment. */
int ktap_get_symbol(struct ktap_activation *activation, u32 symbol, struct ktap_value *to);
/* A pointer to a variable; to a per-CPU one: what it is in every processor's area, as C has it. */
void ktap_symbol_pointer(const struct ktap_program *program, u32 symbol, struct ktap_value *to);
int ktap_set_symbol(struct ktap_activation *activation, u32 symbol, const struct ktap_value *value);

#endif
