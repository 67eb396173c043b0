/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What a program remembers about its cdata: finalisers (ffi.gc) and methods (ffi.metatype). */
#ifndef KTAP_FFI_OBJECTS_H
#define KTAP_FFI_OBJECTS_H

#include "program.h"

/* Runs the finalisers, the last one first, in the activation of the main chunk, which has ended. */
void ktap_run_finalisers(struct ktap_activation *activation);

/* The method `name` of a record's type, or of a pointer to it; false: it has a member of this name, or
 * no such method. */
bool ktap_find_method(struct ktap_activation *activation, const struct ktap_value *cdata,
		      const struct ktap_string *name, struct ktap_value *to);

/* For the collector. */
void ktap_mark_ffi_objects(struct ktap_program *program);

#endif
