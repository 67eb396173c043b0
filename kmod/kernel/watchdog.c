// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The watchdog: see watchdog.h.
 *
 * A call can only be broken off from an interrupt that has interrupted it, on its processor: there the saved
 * registers are, which are sent to the landing pad as those of a fault. That interrupt is a timer's, since
 * for those alone the kernel keeps the registers (get_irq_regs()).
 */
#include "watchdog.h"

#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <asm/irq_regs.h>

#include "guard.h"
#include "host.h"
#include "program.h"
#include "symbols.h"

/* Looks of the probe, a millisecond apart: softirqs and short sections pass. */
#define TRIES 20
#define STACK_DEPTH 6

static unsigned int call_limit_ms = 10000;
module_param(call_limit_ms, uint, 0644);
MODULE_PARM_DESC(call_limit_ms, "how long a call of a script may take before it is looked into; 0: for ever");

static unsigned long stack_trace_save_tsk_function;

void ktap_watchdog_init(void)
{
	stack_trace_save_tsk_function = ktap_symbol_address("stack_trace_save_tsk");
}

/* A call that is under way, as the tick sees it. */
struct sight {
	struct task_struct *task;
	const struct ktap_call *call;
	u64 sequence;
};

/*
 * An activation may end, and its stack be used for something else, while this looks. The stack of a task is
 * not freed before interrupts are over (RCU), so it can be read; and what was read is right if the activation is
 * still there behind it. What waits for a callback inside of it is no concern: that one is watched itself.
 */
static bool see(const struct ktap_watched *watched, struct sight *sight)
{
	const struct ktap_execution *execution = READ_ONCE(watched->execution);

	if (!execution)
		return false;
	sight->task = READ_ONCE(execution->context.task);
	sight->call = ktap_execution_call(execution);
	sight->sequence = READ_ONCE(execution->context.guard.sequence);
	if (READ_ONCE(execution->within))
		sight->call = NULL;
	smp_rmb();
	return READ_ONCE(watched->execution) == execution && sight->call;
}

static unsigned int seconds_since(const struct ktap_watched *watched)
{
	return jiffies_to_msecs(jiffies - watched->since) / MSEC_PER_SEC;
}

/* Context: a timer's interrupt. */
static enum hrtimer_restart probe(struct hrtimer *timer)
{
	struct ktap_watched *watched = container_of(timer, struct ktap_watched, probe);
	struct ktap_execution *execution = READ_ONCE(watched->execution);
	struct pt_regs *registers = get_irq_regs();

	watched->ip = 0;
	if (registers && execution && current == execution->context.task) {
		if (ktap_guard_break_off(&execution->context, watched->sequence, registers,
					 watched->instance->force_break))
			return HRTIMER_NORESTART;
		watched->ip = registers->ip;
	}
	if (++watched->tries == TRIES)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ms_to_ktime(1));
	return HRTIMER_RESTART;
}

/* Context: an interrupt on the processor of the call. */
static void start_probe(void *data)
{
	struct ktap_watched *watched = data;

	watched->tries = 0;
	hrtimer_start(&watched->probe, 0, HRTIMER_MODE_REL_PINNED);
}

/* Where a task sleeps, the innermost function first. */
static void tell_sleep(const struct ktap_watched *watched, const struct sight *sight)
{
	struct ktap_instance *instance = watched->instance;
	unsigned long entries[STACK_DEPTH];
	unsigned long count = 0, i;
	char text[256] = "";
	size_t used = 0;

	if (stack_trace_save_tsk_function)
		count = (unsigned int)ktap_call_kernel(stack_trace_save_tsk_function,
						       (unsigned long)sight->task,
						       (unsigned long)entries, STACK_DEPTH, 0, 0, 0);
	/* What called it is the interpreter. */
	for (i = 0; i < count && !within_module(entries[i], THIS_MODULE); i++)
		used += scnprintf(text + used, sizeof(text) - used, "%s%ps", i ? " < " : "",
				  (void *)entries[i]);
	ktap_ring_note(&instance->ring, "'%s' has been asleep for %u s, in %s",
		       ktap_name_of_call(instance, sight->call), seconds_since(watched), text);
	ktap_ring_wake(&instance->ring);
}

/* The probe has found it running all the time, where it must not be broken off. */
static void tell_busy(const struct ktap_watched *watched, const struct sight *sight)
{
	struct ktap_instance *instance = watched->instance;

	ktap_ring_note(&instance->ring,
		       "'%s' has not returned for %u s and is not broken off, since it holds preemption, "
		       "interrupts or RCU off (now in %pS); --force-break does it nevertheless",
		       ktap_name_of_call(instance, sight->call), seconds_since(watched),
		       (void *)watched->ip);
	ktap_ring_wake(&instance->ring);
}

static void look_into_call(struct ktap_watched *watched, const struct sight *sight)
{
	if (hrtimer_active(&watched->probe))
		return;
	if (READ_ONCE(sight->task->__state) == TASK_RUNNING) {
		if (watched->ip && watched->tries == TRIES && !watched->told) {
			watched->told = true;
			tell_busy(watched, sight);
		}
		watched->probed = true;
		/* If the last one has not arrived yet, its processor takes no interrupts. */
		smp_call_function_single_async(task_cpu(sight->task), &watched->ask);
	} else if (!watched->told) {
		watched->told = true;
		tell_sleep(watched, sight);
	}
}

static void look(struct ktap_watched *watched)
{
	unsigned int limit = READ_ONCE(call_limit_ms);
	struct sight sight;

	if (!see(watched, &sight))
		sight.sequence = 0;
	if (!sight.sequence || sight.sequence != watched->sequence) {
		watched->sequence = sight.sequence;
		watched->since = jiffies;
		watched->ip = 0;
		watched->told = false;
	} else if (limit && time_after(jiffies, watched->since + msecs_to_jiffies(limit))) {
		look_into_call(watched, &sight);
	}
}

/* Context: a timer's interrupt. */
static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct ktap_watch *watch = container_of(timer, struct ktap_watch, tick);
	u32 i;

	for (i = 0; i < KTAP_WATCHED; i++)
		look(&watch->watched[i]);
	hrtimer_forward_now(timer, ms_to_ktime(MSEC_PER_SEC));
	return HRTIMER_RESTART;
}

static void prepare(struct ktap_watched *watched, struct ktap_instance *instance)
{
	watched->instance = instance;
	hrtimer_init(&watched->probe, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	watched->probe.function = probe;
	INIT_CSD(&watched->ask, start_probe, watched);
}

void ktap_watchdog_prepare(struct ktap_instance *instance)
{
	struct ktap_watch *watch = &instance->watch;
	u32 i;

	hrtimer_init(&watch->tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	watch->tick.function = tick;
	for (i = 0; i < KTAP_WATCHED; i++)
		prepare(&watch->watched[i], instance);
}

void ktap_watchdog_start(struct ktap_instance *instance)
{
	WRITE_ONCE(instance->watch.watched[0].execution, &instance->main);
	hrtimer_start(&instance->watch.tick, ms_to_ktime(MSEC_PER_SEC), HRTIMER_MODE_REL);
}

void ktap_watchdog_enter(struct ktap_execution *execution)
{
	struct ktap_watched *watched = execution->instance->watch.watched;
	u32 i;

	execution->watched = 0;
	if (execution->outer)
		WRITE_ONCE(execution->outer->within, execution);
	for (i = 1; i < KTAP_WATCHED; i++) {
		if (!READ_ONCE(watched[i].execution) &&
		    !cmpxchg(&watched[i].execution, NULL, execution)) {
			execution->watched = i;
			return;
		}
	}
}

void ktap_watchdog_leave(struct ktap_execution *execution)
{
	if (execution->watched)
		smp_store_release(&execution->instance->watch.watched[execution->watched].execution,
				  NULL);
	if (execution->outer)
		WRITE_ONCE(execution->outer->within, NULL);
}

static void stop(struct ktap_watched *watched)
{
	if (!watched->probed)
		return;
	/* The request to start a probe may be on its way, and then in its handler. */
	while (READ_ONCE(watched->ask.node.u_flags) & CSD_FLAG_LOCK)
		cpu_relax();
	synchronize_rcu();
	hrtimer_cancel(&watched->probe);
}

void ktap_watchdog_stop(struct ktap_instance *instance)
{
	struct ktap_watch *watch = &instance->watch;
	u32 i;

	hrtimer_cancel(&watch->tick);
	WRITE_ONCE(watch->watched[0].execution, NULL);
	for (i = 0; i < KTAP_WATCHED; i++)
		stop(&watch->watched[i]);
}
