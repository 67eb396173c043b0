/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef KTAP_INTERPRET_H
#define KTAP_INTERPRET_H

#include "program.h"

/*
 * Runs a function to its end; its `count` arguments stand at the start of the stack. 0 and what it
 * returned in activation->result; or -1 with the error set: then the frames of the activation are
 * still those of the moment it happened.
 */
int ktap_interpret(struct ktap_activation *activation, struct ktap_closure *closure, u32 count);

#endif
