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

/*
 * Runs the finalisers of what collections have found dead, the one that was set last first, each in an
 * activation of its own; errors are reported like those of callbacks. Context: the main chunk, between two
 * instructions.
 */
void ktap_run_due_finalisers(struct ktap_program *program);

/* For the collector: at the beginning of marking, before any value is looked at, */
void ktap_mark_ffi_objects(struct ktap_program *program);
/* for each address outside of the arena that is met (while there are ffi_objects), */
void ktap_reach_foreign(struct ktap_program *program, u64 address);
/* and at its end: finds what is dead and has a finaliser, and keeps it (C data: it refers to nothing). */
void ktap_find_dead(struct ktap_program *program);

#endif
