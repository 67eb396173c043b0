/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The functions of builtins.def; pcall is the interpreter's own. */
#ifndef KTAP_BUILTINS_H
#define KTAP_BUILTINS_H

#include "program.h"

#define KTAP_RESULTS_MAX 4

/*
 * A builtin's code: `count` arguments, as many as builtins.def allows, are values[0] and on.
 * Returns the number of its results, or -1 with the error set. The results must not be objects
 * that anything allocated after them could free.
 */
typedef int ktap_builtin_code(struct ktap_activation *activation,
			      const struct ktap_value *arguments, u32 count,
			      struct ktap_value results[KTAP_RESULTS_MAX]);

/*
 * A builtin that calls functions of the script runs in steps, so that the interpreter need not call
 * itself: it has a frame of KTAP_STEP_VALUES values. state[0] is the builtin, state[1] to state[4] are
 * its arguments (nil where they are missing), the others begin as nil and are its own. A step
 * returns the number of results, -1 with the error set, or KTAP_STEP_CALL: then the function in
 * state[KTAP_STEP_WINDOW] is called with the activation's `step_arguments` values behind it, its result
 * is put in place of the function, and the next step follows.
 */
#define KTAP_STEP_CALL      (-2)
#define KTAP_STEP_ARGUMENTS 4u
#define KTAP_STEP_WINDOW    12u
typedef int ktap_builtin_step(struct ktap_activation *activation, struct ktap_value *state,
			      struct ktap_value results[KTAP_RESULTS_MAX]);

/* The steps of a builtin; null if it is not of that kind. */
ktap_builtin_step *ktap_steps_of(u32 builtin);

/* Checks the number of arguments and calls. */
int ktap_call_builtin(struct ktap_activation *activation, u32 builtin,
		      const struct ktap_value *arguments, u32 count,
		      struct ktap_value results[KTAP_RESULTS_MAX]);
int ktap_check_argument_count(struct ktap_activation *activation, u32 builtin, u32 count);

ktap_builtin_code ktap_builtin_new, ktap_builtin_cast, ktap_builtin_sizeof, ktap_builtin_alignof,
	ktap_builtin_offsetof, ktap_builtin_string, ktap_builtin_typeof, ktap_builtin_addressof;
ktap_builtin_code ktap_builtin_callback, ktap_builtin_callback_free;
ktap_builtin_code ktap_builtin_copy, ktap_builtin_fill, ktap_builtin_istype, ktap_builtin_errno,
	ktap_builtin_abi, ktap_builtin_gc, ktap_builtin_metatype, ktap_builtin_container_of,
	ktap_builtin_symbol_of, ktap_builtin_dump;
ktap_builtin_code ktap_builtin_list, ktap_builtin_hlist, ktap_builtin_rbtree, ktap_builtin_xarray,
	ktap_builtin_iterate;
ktap_builtin_code ktap_builtin_per_cpu, ktap_builtin_user_string, ktap_builtin_strict;
ktap_builtin_step ktap_step_rcu;

/* The frame of a call of rcu() is left by an error: gives back what it holds. */
void ktap_rcu_unwind(struct ktap_activation *activation, struct ktap_value *state);

ktap_builtin_code ktap_builtin_print, ktap_builtin_printf;

/* The length of a string, table or array. */
int ktap_length(struct ktap_activation *activation, const struct ktap_value *value,
		struct ktap_value *to);

#endif
