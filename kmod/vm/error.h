/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Errors of the script: made here, caught by pcall or reported at the activation's end. */
#ifndef KTAP_ERROR_H
#define KTAP_ERROR_H

#include "program.h"

/* Sets the activation's error to "FILE:LINE: text". Returns -1, for the caller to return. */
int ktap_raise(struct ktap_activation *activation, const char *format, ...) KTAP_PRINTF(2, 3);
int ktap_raise_out_of_memory(struct ktap_activation *activation);
/* The activation has executed all that it may: no pcall catches this. */
int ktap_raise_budget(struct ktap_activation *activation);
/* The host asked the program to end: no pcall catches this. */
int ktap_raise_stopped(struct ktap_activation *activation);

/* "bad argument #2 to 'ffi.new' (…)" */
int ktap_raise_argument(struct ktap_activation *activation, u32 number, const char *function,
			const char *format, ...) KTAP_PRINTF(4, 5);

/* "attempt to VERB a nil value (global 'x')", for the value in `reg` of the running function. */
int ktap_raise_operand(struct ktap_activation *activation, const char *verb,
		       const struct ktap_value *value);

/* Adds "FILE:LINE: " of the instruction being executed to the activation's text. */
void ktap_add_position(struct ktap_activation *activation);

/* A value's type for messages: "nil", "table", "struct timeval *". */
const char *ktap_type_name_of(struct ktap_activation *activation, const struct ktap_value *value);

/* A frame's current pc, as an index from its function's first instruction. */
u32 ktap_pc_of(const struct ktap_frame *frame);

#endif
