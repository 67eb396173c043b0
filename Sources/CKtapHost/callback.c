/* SPDX-License-Identifier: MIT */
/*
 * Callbacks in a process: the pool of thunks, and the lock that makes a program's activations take
 * turns. Foreign code may call from any thread, and from a signal's handler: that cannot wait for
 * the thread that it has interrupted, so its call returns zero if that one executes the script.
 */
#define _GNU_SOURCE

#include "callback.h"

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

/* The turn: not 0 if somebody executes the script; and how many wait for it. */
static atomic_uint turn, waiting;

static int try_turn(void)
{
	return atomic_exchange_explicit(&turn, 1, memory_order_acquire) == 0;
}

/* Nobody has a turn for long: it is given up around calls and output, and once a slice. */
static void wait_for_turn(void)
{
	atomic_fetch_add(&waiting, 1);
	while (!try_turn())
		sched_yield();
	atomic_fetch_sub(&waiting, 1);
}

/* A signal's handler that comes before the turn is taken, or after it is given, believes that this
 * thread has it: so it never waits for itself. */
void ktap_turn_take(void *host_data, void *activation)
{
	(void)host_data;
	(void)activation;
	ktap_thread.has_turn = 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (!try_turn())
		wait_for_turn();
}

/* How often those who wait are let run before the turn may be taken again. */
#define HANDOVERS 100

void ktap_turn_give(void *host_data, void *activation)
{
	int times = 0;

	(void)host_data;
	(void)activation;
	atomic_store_explicit(&turn, 0, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	ktap_thread.has_turn = 0;
	while (atomic_load_explicit(&waiting, memory_order_relaxed) &&
	       !atomic_load_explicit(&turn, memory_order_relaxed) && times++ < HANDOVERS)
		sched_yield();
}

/* The one program of the process that may have callbacks now. */
static struct ktap_program *running;

void ktap_callbacks_open(struct ktap_program *program)
{
	running = program;
	ktap_thread.runs_program = 1;
}

void ktap_callbacks_close(void)
{
	for (__u32 i = 0; i < KTAP_THUNKS; i++)
		atomic_store(&slots[i].program, NULL);
	for (__u32 i = 0; i < KTAP_THUNKS; i++)
		while (atomic_load(&slots[i].entered) != 0)
			sched_yield();
	running = NULL;
	ktap_thread.runs_program = 0;
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

/* Until the callback returns, faults are none of the call that it came from. */
static void enter_program(struct ktap_thread *thread, struct ktap_program *program,
			  struct ktap_incoming *entry)
{
	struct ktap_guard_record *outer = thread->top;

	entry->call = outer ? outer->call : NULL;
	thread->top = NULL;
	ktap_turn_take(NULL, NULL);
	ktap_program_enter(program, entry);
	ktap_turn_give(NULL, NULL);
	thread->top = outer;
}

static void enter_slot(struct ktap_thread *thread, __u32 thunk, struct ktap_incoming *entry)
{
	struct ktap_program *program = atomic_load(&slots[thunk].program);

	entry->callback = slots[thunk].callback;
	entry->address = ktap_thunks[thunk];
	if (program && !thread->has_turn && ktap_guard_has_stack(thread))
		enter_program(thread, program, entry);
	else
		atomic_fetch_add(&dead_calls, 1);
}

void ktap_callback_enter(__u32 thunk, const __u64 registers[6], const __u64 *stack,
			 __u64 result[2])
{
	struct ktap_thread *thread = &ktap_thread;
	struct ktap_incoming entry;

	entry.registers = registers;
	entry.stack = (__u64)(uintptr_t)stack;
	entry.instructions = 0;
	entry.activation = NULL;
	entry.result[0] = entry.result[1] = 0;
	if (thread->runs_program) {
		/* What it is inside of ends before the program does. */
		enter_slot(thread, thunk, &entry);
	} else {
		atomic_fetch_add(&slots[thunk].entered, 1);
		enter_slot(thread, thunk, &entry);
		atomic_fetch_sub(&slots[thunk].entered, 1);
	}
	result[0] = entry.result[0];
	result[1] = entry.result[1];
}
