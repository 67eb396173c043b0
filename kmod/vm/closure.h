/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Closures and the variables that they capture. */
#ifndef KTAP_CLOSURE_H
#define KTAP_CLOSURE_H

#include "program.h"

/* A new closure of a function, with cells of the running frame's registers and captures. Null with
 * the error set if there is no room. */
struct ktap_closure *ktap_closure_make(struct ktap_activation *activation, u32 function);

/* Captured registers from `from` on get cells of their own. */
void ktap_close_cells(struct ktap_activation *activation, struct ktap_value *from);

#endif
