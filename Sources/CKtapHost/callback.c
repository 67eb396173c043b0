/* SPDX-License-Identifier: MIT */
/*
 * Callbacks in a process: the pool of thunks, and the lock that makes a program's activations take
 * turns. Foreign code may call from any thread, and from a signal's handler: that cannot wait for
 * the thread that it has interrupted, so its call returns zero if that one executes the script.
 */
#define _GNU_SOURCE

#include "callback.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <ktap/trampoline.h>

#include "guard.h"

/* What a thunk leads to, as long as `program` is not null. */
struct slot {
	_Atomic(struct ktap_program *) program;
	__u32 callback;
	atomic_uint entered; /* calls in progress */
};

static struct slot slots[KTAP_THUNKS];
static atomic_uint next_slot;
static atomic_ulong dead_calls;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
/* Whether this thread has the turn. */
static _Thread_local int has_turn;

void ktap_turn_take(void *host_data, void *activation)
{
	(void)host_data;
	(void)activation;
	pthread_mutex_lock(&turn);
	has_turn = 1;
}

void ktap_turn_give(void *host_data, void *activation)
{
	(void)host_data;
	(void)activation;
	has_turn = 0;
	pthread_mutex_unlock(&turn);
}

/* The one program of the process that may have callbacks now. */
static struct ktap_program *running;

void ktap_callbacks_open(struct ktap_program *program)
{
	running = program;
}

void ktap_callbacks_close(void)
{
	for (__u32 i = 0; i < KTAP_THUNKS; i++)
		atomic_store(&slots[i].program, NULL);
	for (__u32 i = 0; i < KTAP_THUNKS; i++)
		while (atomic_load(&slots[i].entered) != 0)
			sched_yield();
	running = NULL;
}

unsigned long ktap_callbacks_dead_calls(void)
{
	return atomic_load(&dead_calls);
}

__u64 ktap_callback_take(void *host_data, __u32 callback, struct ktap_message *why)
{
	(void)host_data;
	/* Round about, so that what was freed last is used again last. */
	for (__u32 tried = 0; tried < KTAP_THUNKS; tried++) {
		__u32 index = atomic_fetch_add(&next_slot, 1) % KTAP_THUNKS;
		struct slot *slot = &slots[index];

		if (atomic_load(&slot->program) || atomic_load(&slot->entered))
			continue;
		slot->callback = callback;
		atomic_store(&slot->program, running);
		return ktap_thunks[index];
	}
	snprintf(why->text, why->size, "all %u are in use", KTAP_THUNKS);
	return 0;
}

void ktap_callback_give(void *host_data, __u64 address)
{
	__u32 index = ktap_thunk_at(address);

	(void)host_data;
	if (index < KTAP_THUNKS)
		atomic_store(&slots[index].program, NULL);
}

static void enter_program(struct ktap_program *program, const struct slot *slot, __u32 thunk,
			  const __u64 registers[6], const __u64 *stack, __u64 result[2])
{
	struct ktap_guard_barrier barrier;
	struct ktap_incoming entry = {
		.callback = slot->callback,
		.address = ktap_thunks[thunk],
		.registers = registers,
		.stack = (__u64)(uintptr_t)stack,
		.call = ktap_guard_enter(&barrier),
	};

	ktap_turn_take(NULL, NULL);
	ktap_program_enter(program, &entry);
	ktap_turn_give(NULL, NULL);
	ktap_guard_leave(&barrier);
	result[0] = entry.result[0];
	result[1] = entry.result[1];
}

void ktap_callback_enter(__u32 thunk, const __u64 registers[6], const __u64 *stack,
			 __u64 result[2])
{
	struct slot *slot = &slots[thunk];
	struct ktap_program *program;

	result[0] = result[1] = 0;
	atomic_fetch_add(&slot->entered, 1);
	program = atomic_load(&slot->program);
	if (!program || has_turn || !ktap_guard_has_stack())
		atomic_fetch_add(&dead_calls, 1);
	else
		enter_program(program, slot, thunk, registers, stack, result);
	atomic_fetch_sub(&slot->entered, 1);
}
