/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The collector's marking: see mark.c. */
#ifndef KTAP_MARK_H
#define KTAP_MARK_H

#include "program.h"

/* Units of a collection's work in one turn; each is some 10 to 30 instructions. */
#define KTAP_TURN_WORK 2048u

/* Begins: `marking` is set until all is marked. */
void ktap_mark_begin(struct ktap_program *program);

/* A piece of it, with at most some 600 units of work; returns how many, 0: all is marked. */
u32 ktap_mark_some(struct ktap_program *program);

/* What the activation of a callback holds, at once. */
void ktap_mark_wholly(struct ktap_activation *activation);

#endif
