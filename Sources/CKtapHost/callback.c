/* SPDX-License-Identifier: MIT */
/*
 * Callbacks in a process: the pool of thunks, and the lock that makes a program's activations take
 * turns. Foreign code may call from any thread, and from a signal's handler: that cannot wait for
 * the thread that it has interrupted, so its call returns zero if that one executes the script.
 */
#define _GNU_SOURCE

#include "callback.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/*
 * The turn. As long as no other thread has come by, the program's own one takes and gives it by `owned` alone, with
 * plain loads and stores: the first other one sets `shared` and has the kernel put a barrier into all threads
 * (membarrier(2)). Behind that, either it sees that the turn is owned, and waits for its end, or the owner sees that
 * it is shared. From then on `turn` is what counts: not 0 if somebody executes the script.
 */
static atomic_int owned, shared, revoked;
static atomic_uint turn, waiting;

static void barrier_in_all_threads(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* Before a program has callbacks. */
static void prepare_turns(void)
{
	int is_possible =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;

	atomic_store(&owned, 0);
	atomic_store(&shared, !is_possible);
	atomic_store(&revoked, !is_possible);
}

/* Another thread's first turn. */
static void share_turns(void)
{
	atomic_store(&shared, 1);
	barrier_in_all_threads();
	while (atomic_load(&owned))
		sched_yield();
	atomic_store(&revoked, 1);
}

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

static __attribute__((noinline)) void take_shared_turn(const struct ktap_thread *thread)
{
	if (!thread->runs_program && !atomic_load(&revoked))
		share_turns();
	if (!try_turn())
		wait_for_turn();
}

/* How often those who wait are let run before the turn may be taken again. */
#define HANDOVERS 100

static __attribute__((noinline)) void give_shared_turn(void)
{
	int times = 0;

	atomic_store_explicit(&turn, 0, memory_order_release);
	while (atomic_load_explicit(&waiting, memory_order_relaxed) &&
	       !atomic_load_explicit(&turn, memory_order_relaxed) && times++ < HANDOVERS)
		sched_yield();
}

/* A signal's handler that comes before the turn is taken, or after it is given, believes that this
 * thread has it: so it never waits for itself. */
static inline void take_turn(struct ktap_thread *thread)
{
	thread->has_turn = 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (thread->runs_program) {
		atomic_store_explicit(&owned, 1, memory_order_relaxed);
		atomic_signal_fence(memory_order_seq_cst);
		if (__builtin_expect(!atomic_load_explicit(&shared, memory_order_acquire), 1))
			return;
		atomic_store_explicit(&owned, 0, memory_order_release);
	}
	take_shared_turn(thread);
}

static inline void give_turn(struct ktap_thread *thread)
{
	if (thread->runs_program && atomic_load_explicit(&owned, memory_order_relaxed))
		atomic_store_explicit(&owned, 0, memory_order_release);
	else
		give_shared_turn();
	atomic_signal_fence(memory_order_seq_cst);
	thread->has_turn = 0;
}

void ktap_turn_take(void *host_data, void *activation)
{
	(void)host_data;
	(void)activation;
	take_turn(&ktap_thread);
}

void ktap_turn_give(void *host_data, void *activation)
{
	(void)host_data;
	(void)activation;
	give_turn(&ktap_thread);
}

/* The one program of the process that may have callbacks now. */
static struct ktap_program *running;

int ktap_callers_of_microsoft;

void ktap_callbacks_open(struct ktap_program *program)
{
	prepare_turns();
	atomic_store(&dead_calls, 0);
	ktap_callers_of_microsoft = ktap_program_has_microsoft(program);
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
static inline int enter_program(struct ktap_thread *thread, struct ktap_program *program,
				struct ktap_incoming *entry)
{
	struct ktap_guard_record *outer = thread->top;
	int status;

	entry->call = outer ? outer->call : NULL;
	thread->top = NULL;
	take_turn(thread);
	status = ktap_program_enter(program, entry);
	give_turn(thread);
	thread->top = outer;
	return status;
}

static __attribute__((noinline)) void note_dead_call(struct ktap_incoming *entry)
{
	atomic_fetch_add(&dead_calls, 1);
	entry->result[0] = entry->result[1] = 0;
}

static inline void enter_slot(struct ktap_thread *thread, const struct slot *slot,
			      struct ktap_incoming *entry)
{
	struct ktap_program *program = atomic_load_explicit(&slot->program, memory_order_acquire);

	entry->callback = slot->callback;
	if (__builtin_expect(!program || thread->has_turn || !ktap_guard_has_stack(thread) ||
				     enter_program(thread, program, entry) > 0,
			     0))
		note_dead_call(entry);
}

struct ktap_returned ktap_callback_enter(__u32 thunk, const __u64 registers[6], const __u64 *stack)
{
	struct ktap_thread *thread = &ktap_thread;
	struct slot *slot = &slots[thunk];
	struct ktap_incoming entry;

	entry.address = ktap_thunks[thunk];
	entry.registers = registers;
	entry.stack = (__u64)(uintptr_t)stack;
	entry.instructions = 0;
	entry.activation = NULL;
	/* What the program's own thread is inside of ends before the program does. */
	if (__builtin_expect(!thread->runs_program, 0))
		atomic_fetch_add(&slot->entered, 1);
	enter_slot(thread, slot, &entry);
	if (__builtin_expect(!thread->runs_program, 0))
		atomic_fetch_sub(&slot->entered, 1);
	return (struct ktap_returned){ entry.result[0], entry.result[1] };
}
