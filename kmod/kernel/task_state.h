/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What a called function may change in its caller's CPU and task, and putting it back. */
#ifndef KTAP_KERNEL_TASK_STATE_H
#define KTAP_KERNEL_TASK_STATE_H

#include <linux/types.h>

struct blk_plug;
struct bio_list;
struct llist_node;

/* The part that a function may leave changed on purpose (a lock that it takes for its caller). */
struct ktap_atomic_state {
	int preempt_count;
	int rcu_nesting;
	unsigned long irq_flags;
};

struct ktap_task_state {
	struct ktap_atomic_state atomic;
	bool fpu_usable;
	unsigned short migration_disabled;
	unsigned int memalloc_flags;
	int pagefault_disabled;
	unsigned long trace_recursion;
	int curr_ret_stack;
	int curr_ret_depth;
	struct llist_node *rethooks;
	struct blk_plug *plug;
	struct bio_list *bio_list;
	void *journal_info;
};

/* Finds what the kernel does not export; what is missing is then not restored. */
void ktap_task_state_init(void);

void ktap_atomic_state_save(struct ktap_atomic_state *state);

/* Whether preemption, interrupts or RCU differ between the two. */
bool ktap_atomic_state_differs(const struct ktap_atomic_state *a,
			       const struct ktap_atomic_state *b);

/* Whether fewer sections are open in `state` than in `least`: something ended that had not begun. */
bool ktap_atomic_state_is_below(const struct ktap_atomic_state *state,
				const struct ktap_atomic_state *least);

/* Whether the RCU nesting now is what it was in `entry`, or less: there is no section left to end. */
bool ktap_atomic_state_at_rest(const struct ktap_atomic_state *entry);

/* Undoes what a function that returned left behind. */
void ktap_atomic_state_restore(const struct ktap_atomic_state *state);

/* Whether the caller may sleep: preemptible, and in no RCU read-side section. */
bool ktap_may_sleep(void);

/* Before a call. */
void ktap_task_state_save(struct ktap_task_state *state);

/* After a call that was broken off, in the same task and with interrupts off (as the fault handler
 * left them). Leaves interrupts as they were when the state was saved. */
void ktap_task_state_restore(const struct ktap_task_state *state);

#endif
