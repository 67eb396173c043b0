// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Callbacks: see callback.h.
 *
 * Entries come in any context on any processor. What an entry needs is in its slot and on its own
 * stack; it takes no lock but its program's turn, which is held for an interpreter's slice at most:
 * activations of one program execute one at a time. Whoever has the turn takes no interrupts, so that
 * no entry meets a turn taken by what it interrupted: an interrupt comes at the end of the slice, and on
 * another processor waits for it. Only NMIs, which do not wait, are turned away: their call returns zero
 * and is counted.
 */
#include "callback.h"

#include <linux/atomic.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/sysfs.h>

#include <ktap/trampoline.h>

#include "guard.h"
#include "host.h"
#include "stack.h"

/* Instructions that a callback may execute where sleeping is forbidden. */
#define ATOMIC_BUDGET 100000
/* Activations inside each other, the main chunk's included. */
#define NESTING_MAX 4

struct thunk_slot {
	struct ktap_instance *owner;   /* whose it is; NULL: nobody's */
	struct ktap_instance *leads_to; /* owner, or NULL: it returns zero */
	u32 callback;
	atomic_t entered;    /* entries in progress */
	atomic_t dead_calls; /* since it was taken: those that it did not pass on */
};

static struct thunk_slot slots[KTAP_THUNKS];
static atomic_t next_slot = ATOMIC_INIT(0);

/* Of all programs, since the module was loaded. */
static atomic_t dead_calls = ATOMIC_INIT(0);

static int get_dead_calls(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&dead_calls));
}

static const struct kernel_param_ops dead_calls_ops = { .get = get_dead_calls };
module_param_cb(dead_callback_calls, &dead_calls_ops, NULL, 0444);
MODULE_PARM_DESC(dead_callback_calls, "calls of callbacks that were freed or could not be entered");

u64 ktap_callback_take(void *host_data, u32 callback, struct ktap_message *why)
{
	struct ktap_instance *instance = host_data;
	struct thunk_slot *slot;
	u32 tried, index;

	/* Round about, so that a thunk that was freed late is used again late: the kernel may still
	 * know its address. */
	for (tried = 0; tried < KTAP_THUNKS; tried++) {
		index = (u32)atomic_inc_return(&next_slot) % KTAP_THUNKS;
		slot = &slots[index];
		if (atomic_read(&slot->entered) || READ_ONCE(slot->owner) ||
		    cmpxchg(&slot->owner, NULL, instance) != NULL)
			continue;
		slot->callback = callback;
		atomic_set(&slot->dead_calls, 0);
		smp_store_release(&slot->leads_to, instance);
		return ktap_thunks[index];
	}
	scnprintf(why->text, why->size, "all %u callbacks of the module are in use", KTAP_THUNKS);
	return 0;
}

void ktap_callback_give(void *host_data, u64 address)
{
	struct ktap_instance *instance = host_data;
	u32 index = ktap_thunk_at(address);

	if (index == KTAP_THUNKS || slots[index].owner != instance)
		return;
	WRITE_ONCE(slots[index].leads_to, NULL);
	atomic_add(atomic_read(&slots[index].dead_calls), &instance->missed);
	smp_store_release(&slots[index].owner, NULL);
}

/* A thunk with entries in progress is never taken by another program: those of this one are in its
 * own thunks, or in those that it has given back. */
static bool may_be_inside(const struct ktap_instance *instance, const struct thunk_slot *slot)
{
	const struct ktap_instance *owner = READ_ONCE(slot->owner);

	return (!owner || owner == instance) && atomic_read(&slot->entered);
}

bool ktap_callbacks_stop(struct ktap_instance *instance)
{
	u32 i;

	for (i = 0; i < KTAP_THUNKS; i++)
		if (READ_ONCE(slots[i].owner) == instance)
			WRITE_ONCE(slots[i].leads_to, NULL);
	/* An entry counts itself before it looks where it leads. */
	smp_mb();
	for (i = 0; i < KTAP_THUNKS; i++)
		if (may_be_inside(instance, &slots[i]))
			return false;
	return true;
}

void ktap_callbacks_release(struct ktap_instance *instance)
{
	u32 i;

	for (i = 0; i < KTAP_THUNKS; i++)
		if (READ_ONCE(slots[i].owner) == instance)
			smp_store_release(&slots[i].owner, NULL);
}

unsigned int ktap_callbacks_dead_calls(const struct ktap_instance *instance)
{
	unsigned int count = atomic_read(&instance->missed);
	u32 i;

	for (i = 0; i < KTAP_THUNKS; i++)
		if (READ_ONCE(slots[i].owner) == instance)
			count += atomic_read(&slots[i].dead_calls);
	return count;
}

/* --- Turns ------------------------------------------------------------------------------------- */

/* `turn` is the processor that has it, from 1; 0: it is free. */
static bool try_turn(struct ktap_instance *instance)
{
	return atomic_cmpxchg_acquire(&instance->turn, 0, smp_processor_id() + 1) == 0;
}

static void hold_off(struct ktap_execution *execution)
{
	preempt_disable();
	local_irq_save(execution->irq_flags);
}

static void let_on(const struct ktap_execution *execution)
{
	local_irq_restore(execution->irq_flags);
	preempt_enable();
}

/*
 * Spins: who has the turn is on another processor and cannot be preempted. Nobody queues: an
 * interrupt would wait behind what it interrupted. While it waits, interrupts are as they were.
 */
void ktap_turn_take(void *host_data, void *activation)
{
	struct ktap_instance *instance = host_data;
	struct ktap_execution *execution = activation;

	atomic_inc(&instance->waiting);
	for (;;) {
		hold_off(execution);
		if (try_turn(instance))
			break;
		let_on(execution);
		cpu_relax();
	}
	atomic_dec(&instance->waiting);
}

/* Gives those who wait the time to see it. */
#define HANDOVER_SPINS 1000

void ktap_turn_give(void *host_data, void *activation)
{
	struct ktap_instance *instance = host_data;
	u32 spins = 0;

	atomic_set_release(&instance->turn, 0);
	while (atomic_read(&instance->waiting) && !atomic_read(&instance->turn) &&
	       spins++ < HANDOVER_SPINS)
		cpu_relax();
	let_on(activation);
}

/* The first turn of an entry. False: what was interrupted has the turn, on this processor: by what no
 * interrupt flag holds off, such as a tracer of the VM's own services. */
static bool take_first_turn(struct ktap_instance *instance, struct ktap_execution *execution)
{
	preempt_disable();
	if (atomic_read(&instance->turn) == smp_processor_id() + 1) {
		preempt_enable();
		return false;
	}
	preempt_enable();
	ktap_turn_take(instance, execution);
	return true;
}

/* --- Entries ----------------------------------------------------------------------------------- */

static u32 nesting(const struct ktap_execution *execution)
{
	u32 depth = 0;

	for (; execution; execution = execution->outer)
		depth++;
	return depth;
}

static bool begin(struct ktap_execution *execution, struct ktap_instance *instance)
{
	struct ktap_context *around = ktap_context_find();

	memset(execution, 0, sizeof(*execution));
	execution->instance = instance;
	execution->outer = around ? container_of(around, struct ktap_execution, context) : NULL;
	execution->atomic = !ktap_may_sleep();
	ktap_atomic_state_save(&execution->entry);
	if (nesting(execution) > NESTING_MAX || ktap_context_enter(&execution->context) != 0)
		return false;
	ktap_watchdog_enter(execution);
	return true;
}

static void end(struct ktap_execution *execution)
{
	ktap_call_settle(execution);
	ktap_watchdog_leave(execution);
	ktap_context_leave(&execution->context);
}

/* The call of the same program that an entry happens within, if it is one. */
static struct ktap_call *call_around(const struct ktap_execution *execution)
{
	const struct ktap_execution *outer = execution->outer;

	return outer && outer->instance == execution->instance ? ktap_execution_call(outer) : NULL;
}

/* Runs the callback; false if it could not even begin. */
static bool enter_program(struct ktap_instance *instance, struct ktap_incoming *incoming)
{
	struct ktap_execution execution;
	bool entered;

	if (in_nmi() || !ktap_stack_has(KTAP_ENTRY_STACK) || !begin(&execution, instance))
		return false;
	if (!take_first_turn(instance, &execution)) {
		end(&execution);
		return false;
	}
	incoming->instructions = execution.atomic ? ATOMIC_BUDGET : 0;
	incoming->call = call_around(&execution);
	incoming->activation = &execution;
	entered = ktap_program_enter(instance->vm, incoming) <= 0;
	ktap_turn_give(instance, &execution);
	end(&execution);
	return entered;
}

struct ktap_returned ktap_callback_enter(u32 thunk, const u64 registers[6], const u64 *stack)
{
	struct thunk_slot *slot = &slots[thunk];
	struct ktap_incoming incoming = {
		.address = ktap_thunks[thunk],
		.registers = registers,
		.stack = (u64)stack,
	};
	struct ktap_instance *instance;

	atomic_inc(&slot->entered);
	smp_mb__after_atomic();
	/* What ktap_callback_take() wrote before it. */
	instance = smp_load_acquire(&slot->leads_to);
	incoming.callback = slot->callback;
	if (!instance || !enter_program(instance, &incoming)) {
		atomic_inc(&slot->dead_calls);
		atomic_inc(&dead_calls);
	}
	smp_mb__before_atomic();
	atomic_dec(&slot->entered);
	return (struct ktap_returned){ incoming.result[0], incoming.result[1] };
}
