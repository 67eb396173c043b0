/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef KTAP_INTERPRET_H
#define KTAP_INTERPRET_H

#include "program.h"

/*
 * Runs a function without parameters to its end. 0, or -1 with the error set; then the frames of
 * the activation are still those of the moment it happened.
 */
int ktap_interpret(struct ktap_activation *activation, struct ktap_closure *closure);

#endif
