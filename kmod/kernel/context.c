// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Execution contexts: see context.h.
 *
 * An activation entered where preemption is possible may sleep and migrate: it is found by its
 * task, in a fixed table with linear probing that is read without locks. One entered atomically
 * stays on its CPU until it ends: it is found by CPU and level. Entries are only ever cleared by
 * their owner (or after its death), so a reader that finds its own task or CPU in one may trust
 * it.
 *
 * An activation inside a call of another one has a context of its own in front of the outer one,
 * which guards nothing until it calls something itself: so a fault of the VM while it runs a
 * callback is never taken for a fault of the call that the callback came from.
 */
#include "context.h"

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/percpu.h>

#include <ktap/vm.h>

#include "stack.h"

#define TASK_SLOT_BITS 8
#define TASK_SLOTS (1u << TASK_SLOT_BITS)
#define SLOT_PER_CPU (TASK_SLOTS + 1)

struct task_slot {
	struct task_struct *task; /* NULL: free */
	struct ktap_context *context;
};

static struct task_slot task_slots[TASK_SLOTS];
static DEFINE_PER_CPU(struct ktap_context *, atomic_contexts[KTAP_LEVEL_COUNT]);

static __always_inline u32 first_slot(const struct task_struct *task)
{
	return hash_ptr(task, TASK_SLOT_BITS);
}

static __always_inline u32 next_slot(u32 slot)
{
	return (slot + 1) % TASK_SLOTS;
}

/*
 * The slot of the current task, or TASK_SLOTS. A slot that was taken when the task looked for one
 * may be free by now, so a free slot does not end the search; the table is small.
 */
static __always_inline u32 find_slot(void)
{
	u32 slot = first_slot(current), tried;

	for (tried = 0; tried < TASK_SLOTS; tried++, slot = next_slot(slot))
		if (READ_ONCE(task_slots[slot].task) == current)
			return slot;
	return TASK_SLOTS;
}

static u32 take_slot(void)
{
	u32 slot = first_slot(current), tried;

	for (tried = 0; tried < TASK_SLOTS; tried++, slot = next_slot(slot))
		if (cmpxchg(&task_slots[slot].task, NULL, current) == NULL)
			return slot;
	return TASK_SLOTS;
}

static int enter_preemptible(struct ktap_context *context)
{
	context->slot = find_slot();
	if (context->slot == TASK_SLOTS)
		context->slot = take_slot();
	if (context->slot == TASK_SLOTS)
		return -EBUSY;
	context->outer = task_slots[context->slot].context;
	WRITE_ONCE(task_slots[context->slot].context, context);
	return 0;
}

/* All calls of an activation are made on the stack that it was entered on, and begin as it does until one of
 * them changes that. */
static void prepare_guard(struct ktap_guard_record *guard)
{
	unsigned long low = ktap_stack_low();

	guard->landing.frame = 0;
	guard->fault.kind = KTAP_FAULT_NONE;
	guard->stack_low = low;
	guard->stack_floor = low ? low + KTAP_CALL_STACK : ULONG_MAX;
	guard->sequence = 0;
	ktap_atomic_state_save(&guard->state.atomic);
}

int ktap_context_enter(struct ktap_context *context)
{
	context->level = ktap_level_now();
	if (context->level == KTAP_LEVEL_COUNT)
		return -EPERM;
	context->task = current;
	context->slot = SLOT_PER_CPU;
	ktap_entry_state_save(&context->entry);
	prepare_guard(&context->guard);
	if (preemptible())
		return enter_preemptible(context);
	context->outer = this_cpu_read(atomic_contexts[context->level]);
	this_cpu_write(atomic_contexts[context->level], context);
	return 0;
}

void ktap_context_leave(struct ktap_context *context)
{
	if (context->slot == SLOT_PER_CPU) {
		this_cpu_write(atomic_contexts[context->level], context->outer);
		return;
	}
	WRITE_ONCE(task_slots[context->slot].context, context->outer);
	if (!context->outer)
		smp_store_release(&task_slots[context->slot].task, NULL);
}

struct ktap_context *ktap_context_find(void)
{
	enum ktap_level level = ktap_level_now();
	struct ktap_context *context;
	u32 slot;

	if (level == KTAP_LEVEL_COUNT)
		return NULL;
	context = this_cpu_read(atomic_contexts[level]);
	if (context && context->task == current)
		return context;
	if (level != KTAP_LEVEL_TASK)
		return NULL;
	slot = find_slot();
	return slot == TASK_SLOTS ? NULL : READ_ONCE(task_slots[slot].context);
}
NOKPROBE_SYMBOL(ktap_context_find);

bool ktap_context_is_innermost(const struct ktap_context *context)
{
	const struct ktap_context *atomic = this_cpu_read(atomic_contexts[KTAP_LEVEL_TASK]);
	u32 slot = find_slot();

	if (atomic && atomic->task == current)
		return atomic == context;
	return slot != TASK_SLOTS && READ_ONCE(task_slots[slot].context) == context;
}
