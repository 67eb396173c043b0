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

static const char *name_of_call(const struct ktap_instance *instance)
{
	const char *calling = ktap_function_called(&instance->main);

	return calling ? calling : "the script";
}

/* Context: a timer's interrupt. */
static enum hrtimer_restart probe(struct hrtimer *timer)
{
	struct ktap_instance *instance = container_of(timer, struct ktap_instance, watch.probe);
	struct ktap_watch *watch = &instance->watch;
	struct pt_regs *registers = get_irq_regs();

	watch->ip = 0;
	if (registers && current == instance->thread) {
		if (ktap_guard_break_off(&instance->main.context, watch->sequence, registers,
					 instance->force_break))
			return HRTIMER_NORESTART;
		watch->ip = registers->ip;
	}
	if (++watch->tries == TRIES)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ms_to_ktime(1));
	return HRTIMER_RESTART;
}

/* Context: an interrupt on the processor of the call. */
static void start_probe(void *data)
{
	struct ktap_instance *instance = data;

	instance->watch.tries = 0;
	hrtimer_start(&instance->watch.probe, 0, HRTIMER_MODE_REL_PINNED);
}

/* Where a task sleeps, the innermost function first. */
static void tell_sleep(struct ktap_instance *instance)
{
	unsigned long entries[STACK_DEPTH];
	unsigned long count = 0, i;
	char text[256] = "";
	size_t used = 0;

	if (stack_trace_save_tsk_function)
		count = (unsigned int)ktap_call_kernel(stack_trace_save_tsk_function,
						       (unsigned long)instance->thread,
						       (unsigned long)entries, STACK_DEPTH, 0, 0, 0);
	/* What called it is the interpreter. */
	for (i = 0; i < count && !within_module(entries[i], THIS_MODULE); i++)
		used += scnprintf(text + used, sizeof(text) - used, "%s%ps", i ? " < " : "",
				  (void *)entries[i]);
	ktap_ring_note(&instance->ring, "'%s' has been asleep for %u s, in %s",
		       name_of_call(instance), (jiffies_to_msecs(jiffies - instance->watch.since)) / 1000,
		       text);
	ktap_ring_wake(&instance->ring);
}

/* The probe has found it running all the time, where it must not be broken off. */
static void tell_busy(struct ktap_instance *instance)
{
	ktap_ring_note(&instance->ring,
		       "'%s' has not returned for %u s and is not broken off, since it holds preemption, "
		       "interrupts or RCU off (now in %pS); --force-break does it nevertheless",
		       name_of_call(instance), jiffies_to_msecs(jiffies - instance->watch.since) / 1000,
		       (void *)instance->watch.ip);
	ktap_ring_wake(&instance->ring);
}

static void look_into_call(struct ktap_instance *instance)
{
	struct ktap_watch *watch = &instance->watch;

	if (hrtimer_active(&watch->probe))
		return;
	if (READ_ONCE(instance->thread->__state) == TASK_RUNNING) {
		if (watch->ip && watch->tries == TRIES && !watch->told) {
			watch->told = true;
			tell_busy(instance);
		}
		watch->probed = true;
		/* If the last one has not arrived yet, its processor takes no interrupts. */
		smp_call_function_single_async(task_cpu(instance->thread), &watch->ask);
	} else if (!watch->told) {
		watch->told = true;
		tell_sleep(instance);
	}
}

/* Context: a timer's interrupt. */
static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct ktap_instance *instance = container_of(timer, struct ktap_instance, watch.tick);
	struct ktap_watch *watch = &instance->watch;
	u64 sequence = READ_ONCE(instance->main.calls);
	unsigned int limit = READ_ONCE(call_limit_ms);

	if (!READ_ONCE(instance->main.call) || sequence != watch->sequence) {
		watch->sequence = sequence;
		watch->since = jiffies;
		watch->ip = 0;
		watch->told = false;
	} else if (limit && time_after(jiffies, watch->since + msecs_to_jiffies(limit))) {
		look_into_call(instance);
	}
	hrtimer_forward_now(timer, ms_to_ktime(MSEC_PER_SEC));
	return HRTIMER_RESTART;
}

void ktap_watchdog_prepare(struct ktap_instance *instance)
{
	struct ktap_watch *watch = &instance->watch;

	hrtimer_init(&watch->tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	watch->tick.function = tick;
	hrtimer_init(&watch->probe, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	watch->probe.function = probe;
	INIT_CSD(&watch->ask, start_probe, instance);
}

void ktap_watchdog_start(struct ktap_instance *instance)
{
	hrtimer_start(&instance->watch.tick, ms_to_ktime(MSEC_PER_SEC), HRTIMER_MODE_REL);
}

void ktap_watchdog_stop(struct ktap_instance *instance)
{
	struct ktap_watch *watch = &instance->watch;

	hrtimer_cancel(&watch->tick);
	if (!watch->probed)
		return;
	/* The request to start a probe may be on its way, and then in its handler. */
	while (READ_ONCE(watch->ask.node.u_flags) & CSD_FLAG_LOCK)
		cpu_relax();
	synchronize_rcu();
	hrtimer_cancel(&watch->probe);
}
