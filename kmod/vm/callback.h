/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Callbacks: script functions that foreign code calls through a thunk of the host's.
 *
 * Each entry has an activation of its own. From the first callback of a program on, activations
 * take turns: one executes, with the host's lock; calls, output and safe points give it up.
 */
#ifndef KTAP_CALLBACK_H
#define KTAP_CALLBACK_H

#include "program.h"

enum ktap_callback_state {
	KTAP_CALLBACK_FREE = 0, /* `address` may still tell that it was one */
	KTAP_CALLBACK_LIVE = 1,
};

/* A script function that foreign code may call. */
struct ktap_callback {
	u64 address; /* of its thunk */
	struct ktap_closure *function;
	struct ktap_quick quick;
	u32 type; /* the function type */
	u32 state;
	u32 next; /* of the same call's temporaries; KTAP_NONE: none */
};

/* A callback for a function type; `to` gets a pointer of that type. 0, or -1 with the error set. */
int ktap_callback_make(struct ktap_activation *activation, u32 function_type,
		       struct ktap_closure *function, struct ktap_value *to);

/* The same, for the call that is being prepared: it ends with ktap_free_temporaries(). */
int ktap_callback_for_call(struct ktap_activation *activation, u32 function_type,
			   struct ktap_closure *function, u64 *address);
void ktap_free_temporaries(struct ktap_activation *activation);

/* The callback that a thunk leads, or last led, to; null: none of this program's. */
struct ktap_callback *ktap_callback_at(const struct ktap_program *program, u64 address);

/*
 * An activation for a function that runs between two instructions of the main chunk's, as if that had
 * called it: taken (null: no memory, or too many), called with one argument (0, or -1 and the error reported),
 * and given back.
 */
struct ktap_activation *ktap_activation_take(struct ktap_program *program);
int ktap_activation_call(struct ktap_activation *activation, struct ktap_closure *function,
			 const struct ktap_value *argument);
void ktap_activation_give(struct ktap_activation *activation);

/* For the collector: what callbacks hold. */
void ktap_mark_callbacks(struct ktap_program *program);

/* Gives the turn up, and takes it again. */
static inline void ktap_give_turn(struct ktap_activation *activation)
{
	const struct ktap_program *program = activation->program;

	if (program->locked)
		program->host->unlock(program->host_data, activation->host_activation);
}

static inline void ktap_take_turn(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;

	if (program->locked)
		program->host->lock(program->host_data, activation->host_activation);
	program->heap.turn_work = 0;
}

/* Around whatever may take time or call back. */
static inline void ktap_unlock(struct ktap_activation *activation)
{
	ktap_give_turn(activation);
}

static inline void ktap_lock(struct ktap_activation *activation)
{
	ktap_take_turn(activation);
	if (unlikely(activation->program->heap.marking && !activation->marked))
		ktap_mark_before_running(activation);
}

#endif
