/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What a called function may change in its caller's CPU and task, and putting it back. */
#ifndef KTAP_KERNEL_TASK_STATE_H
#define KTAP_KERNEL_TASK_STATE_H

#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <asm/processor-flags.h>

struct blk_plug;
struct bio_list;
struct llist_node;

/* The part that a function may leave changed on purpose (a lock that it takes for its caller). */
struct ktap_atomic_state {
	int preempt_count;
	int rcu_nesting;
	unsigned long irq_flags;
};

/*
 * What no function leaves changed that returns: saved once for all calls of an activation. But for the first two:
 * kernel_fpu_begin() and kmap_atomic() change preempt_count as well, so they are looked at when that has changed.
 */
struct ktap_entry_state {
	bool fpu_usable;
	int pagefault_disabled;
	struct bio_list *bio_list;
	unsigned long trace_recursion;
	int curr_ret_stack;
	int curr_ret_depth;
	struct llist_node *rethooks;
};

/* The rest: saved before each call, but for `atomic`, which is looked at after each. */
struct ktap_task_state {
	struct ktap_atomic_state atomic;
	unsigned short migration_disabled;
	unsigned int task_flags; /* KTAP_MEMALLOC_FLAGS of it */
	struct blk_plug *plug;
	void *journal_info;
};

/* The PF_* bits that a function sets for its own allocations and clears before it returns. */
#define KTAP_MEMALLOC_FLAGS (PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/* Finds what the kernel does not export; what is missing is then not restored. */
void ktap_task_state_init(void);

static __always_inline int ktap_rcu_nesting(void)
{
#ifdef CONFIG_PREEMPT_RCU
	return current->rcu_read_lock_nesting;
#else
	return 0; /* counted by preempt_count */
#endif
}

static __always_inline void ktap_atomic_state_save(struct ktap_atomic_state *state)
{
	state->preempt_count = preempt_count();
	state->rcu_nesting = ktap_rcu_nesting();
	raw_local_save_flags(state->irq_flags);
}

/* Whether preemption, interrupts or RCU differ between the two. */
static __always_inline bool ktap_atomic_state_differs(const struct ktap_atomic_state *a,
						      const struct ktap_atomic_state *b)
{
	return a->preempt_count != b->preempt_count || a->rcu_nesting != b->rcu_nesting ||
	       raw_irqs_disabled_flags(a->irq_flags) != raw_irqs_disabled_flags(b->irq_flags);
}

/* Whether what is now differs. */
static __always_inline bool ktap_atomic_state_changed(const struct ktap_atomic_state *before)
{
	unsigned long irq_flags;

	raw_local_save_flags(irq_flags);
	return ((irq_flags ^ before->irq_flags) & X86_EFLAGS_IF) |
	       (u32)(preempt_count() ^ before->preempt_count) |
	       (u32)(ktap_rcu_nesting() ^ before->rcu_nesting);
}

/* Whether fewer sections are open in `state` than in `least`: something ended that had not begun. */
bool ktap_atomic_state_is_below(const struct ktap_atomic_state *state,
				const struct ktap_atomic_state *least);

/* Whether the RCU nesting now is what it was in `entry`, or less: there is no section left to end. */
bool ktap_atomic_state_at_rest(const struct ktap_atomic_state *entry);

/* Undoes what a function that returned left behind. */
void ktap_atomic_state_restore(const struct ktap_atomic_state *state);

/* Whether the caller may sleep: preemptible, and in no RCU read-side section. */
bool ktap_may_sleep(void);

/* When an activation begins; the first two of it also after a call that left preempt_count changed. */
void ktap_entry_state_save(struct ktap_entry_state *state);
void ktap_entry_state_save_nesting(struct ktap_entry_state *state);

/* Before a call. */
static __always_inline void ktap_task_state_save(struct ktap_task_state *state)
{
	const struct task_struct *task = current;

#ifdef CONFIG_SMP
	state->migration_disabled = task->migration_disabled;
#endif
	state->task_flags = task->flags;
#ifdef CONFIG_BLOCK
	state->plug = task->plug;
#endif
	state->journal_info = task->journal_info;
}

/* After a call that was broken off, in the same task and with interrupts off (as the fault handler
 * left them). Leaves interrupts as they were when the state was saved. */
void ktap_task_state_restore(const struct ktap_task_state *state,
			     const struct ktap_entry_state *entry);

#endif
