/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Which functions may be called at all, and which without a grant. */
#ifndef KTAP_KERNEL_CALLABLE_H
#define KTAP_KERNEL_CALLABLE_H

#include <linux/types.h>

#include <ktap/vm.h>

#include "symbols.h"

/* A function that needs no grant as long as its arguments are what `arguments` says. */
struct ktap_harmless {
	const char *name;
	const char *arguments; /* see harmless.def */
};

/* Finds the ranges of text that must not be entered by a call. */
void ktap_callable_init(void);

/* Why the function that begins at `address` must not be called by anyone, or NULL. Also asked by
 * `name`, which may be another one for the same address. */
const char *ktap_callable_refusal(const char *name, unsigned long address,
				  const struct ktap_place *place);

/* Whether a function is known to sleep, so that it must not be called with preemption, interrupts
 * or RCU held off. */
bool ktap_callable_sleeps(const char *name);

/* Whether a function's name says that it ends what another began: unlocks, enables, restores. */
bool ktap_callable_settles(const char *name);

/* The entry of a function that needs no grant, or NULL. */
const struct ktap_harmless *ktap_harmless_find(const char *name);

/* Whether every pointer among the arguments is memory of the script, as the entry demands. */
bool ktap_harmless_arguments(const struct ktap_harmless *harmless,
			     const struct ktap_program *program, const u64 *slots, u32 words);

#endif
