// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Putting back what an abandoned call left changed: see task_state.h.
 *
 * What cannot be put back: locks, SRCU sections, references, and wait entries and timers on the
 * abandoned stack. docs/kernel.md says so to the person, the notice after a fault to the log.
 */
#include "task_state.h"

#include <linux/irqflags.h>
#include <linux/llist.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/rethook.h>
#include <linux/sched.h>
#include <asm/fpu/api.h>

#include "symbols.h"

static unsigned long rethook_recycle_function;

void ktap_task_state_init(void)
{
	rethook_recycle_function = ktap_symbol_address("rethook_recycle");
}

bool ktap_atomic_state_is_below(const struct ktap_atomic_state *state,
				const struct ktap_atomic_state *least)
{
	/* 31 bits count: the highest of the word is not preempt_count()'s to tell (it is NEED_RESCHED). */
	u32 difference = (u32)(state->preempt_count - least->preempt_count) << 1;

	return (s32)difference < 0 || state->rcu_nesting < least->rcu_nesting;
}

bool ktap_atomic_state_at_rest(const struct ktap_atomic_state *entry)
{
#ifdef CONFIG_PREEMPT_RCU
	return ktap_rcu_nesting() <= entry->rcu_nesting;
#else
	return (preempt_count() & PREEMPT_MASK) <= (entry->preempt_count & PREEMPT_MASK);
#endif
}

/* Both directions: a callee may also have ended a section that was not its own. */
static void restore_rcu_nesting(int nesting)
{
	while (ktap_rcu_nesting() > nesting)
		rcu_read_unlock();
	while (ktap_rcu_nesting() < nesting)
		rcu_read_lock();
}

void ktap_atomic_state_restore(const struct ktap_atomic_state *state)
{
	restore_rcu_nesting(state->rcu_nesting);
	preempt_count_set(state->preempt_count);
	raw_local_irq_restore(state->irq_flags);
}

bool ktap_may_sleep(void)
{
	return preemptible() && ktap_rcu_nesting() == 0;
}

void ktap_entry_state_save_nesting(struct ktap_entry_state *state)
{
	state->fpu_usable = irq_fpu_usable();
	state->pagefault_disabled = current->pagefault_disabled;
}

void ktap_entry_state_save(struct ktap_entry_state *state)
{
	ktap_entry_state_save_nesting(state);
#ifdef CONFIG_BLOCK
	state->bio_list = current->bio_list;
#endif
#ifdef CONFIG_TRACING
	state->trace_recursion = current->trace_recursion;
#endif
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	state->curr_ret_stack = current->curr_ret_stack;
	state->curr_ret_depth = current->curr_ret_depth;
#endif
#ifdef CONFIG_RETHOOK
	state->rethooks = current->rethooks.first;
#endif
}

/* Takes this task's return probes of the abandoned frames off its list and gives them back to their
 * pool; where that function is not to be found, they are lost to the pool instead. */
static void restore_rethooks(struct llist_node *first)
{
#ifdef CONFIG_RETHOOK
	struct llist_node *node = current->rethooks.first, *next;

	current->rethooks.first = first;
	for (; rethook_recycle_function && node && node != first; node = next) {
		next = node->next;
		ktap_call_kernel(rethook_recycle_function,
				 (unsigned long)llist_entry(node, struct rethook_node, llist), 0, 0,
				 0, 0, 0);
	}
#endif
}

static void restore_migration(unsigned short disabled)
{
#ifdef CONFIG_SMP
	while (current->migration_disabled > disabled)
		migrate_enable();
#endif
}

static void restore_task_fields(const struct ktap_task_state *state,
				const struct ktap_entry_state *entry)
{
	/* In an interrupt it is that of somebody who may be about to sleep. */
	if (in_task())
		WRITE_ONCE(current->__state, TASK_RUNNING);
	current->flags ^= (current->flags ^ state->task_flags) & KTAP_MEMALLOC_FLAGS;
	current->pagefault_disabled = entry->pagefault_disabled;
#ifdef CONFIG_TRACING
	current->trace_recursion = entry->trace_recursion;
#endif
#ifdef CONFIG_FUNCTION_GRAPH_TRACER
	current->curr_ret_stack = entry->curr_ret_stack;
	current->curr_ret_depth = entry->curr_ret_depth;
#endif
#ifdef CONFIG_BLOCK
	current->plug = state->plug;
	current->bio_list = entry->bio_list;
#endif
	current->journal_info = state->journal_info;
}

void ktap_task_state_restore(const struct ktap_task_state *state,
			     const struct ktap_entry_state *entry)
{
	/*
	 * The functions called here count preemption down and up again. With one of their own on
	 * top, whatever the callee left, none of them reaches zero, reschedules, or runs softirqs.
	 */
	preempt_count_set(state->atomic.preempt_count + SOFTIRQ_DISABLE_OFFSET +
			  2 * PREEMPT_DISABLE_OFFSET);
	if (entry->fpu_usable && !irq_fpu_usable())
		kernel_fpu_end();
	restore_migration(state->migration_disabled);
	restore_task_fields(state, entry);
	restore_rethooks(entry->rethooks);
	ktap_atomic_state_restore(&state->atomic);
}
