// SPDX-License-Identifier: MIT OR GPL-2.0
/* The services that the VM asks of its host: see <ktap/vm.h>. */
#include "host.h"

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "callback.h"
#include "memory.h"

static int host_read(void *host_data, void *to, u64 from, size_t size)
{
	return ktap_memory_read(to, from, size) ? -1 : 0;
}

static int host_write(void *host_data, u64 to, const void *from, size_t size)
{
	const struct ktap_instance *instance = host_data;

	if (!instance->grants.write)
		return -1;
	return ktap_memory_write(to, from, size) ? -1 : 0;
}

static long host_read_string(void *host_data, char *to, u64 from, size_t size)
{
	long length = ktap_memory_read_string(to, from, size);

	return length < 0 ? -1 : length;
}

/* The main chunk waits for room, unless what it called forbids to sleep: then it is lost. */
static int put_or_wait(struct ktap_instance *instance, const struct ktap_record *record)
{
	int error;

	while ((error = ktap_ring_put(&instance->ring, record)) == -EAGAIN) {
		if (!ktap_may_sleep()) {
			ktap_ring_drop(&instance->ring);
			return 0;
		}
		wait_event_interruptible(instance->ring.not_full,
					 ktap_ring_has_room(&instance->ring, record->size) ||
						 ktap_instance_is_stopping(instance));
		if (ktap_instance_is_stopping(instance))
			return -1;
	}
	return error ? -1 : 0;
}

/* What is to be said before the EXIT record. */
static void settle(struct ktap_instance *instance)
{
	unsigned int missed, unfreed;

	ktap_call_settle(&instance->main);
	ktap_callbacks_stop(instance);
	missed = ktap_callbacks_dead_calls(instance);
	if (missed)
		ktap_ring_note(&instance->ring,
			       "%u calls of callbacks returned zero: they were freed, or could not "
			       "be entered where they were called", missed);
	unfreed = ktap_program_callbacks(instance->vm);
	if (unfreed)
		ktap_ring_note(&instance->ring,
			       "%u callbacks were not freed: the kernel may still know them, so the "
			       "script's memory is kept until ktap-load --reap", unfreed);
}

static int host_emit(void *host_data, const struct ktap_record *record)
{
	struct ktap_instance *instance = host_data;
	int status;

	if (record->kind == KTAP_RECORD_EXIT)
		settle(instance);
	status = put_or_wait(instance, record);
	ktap_ring_wake(&instance->ring);
	return status;
}

static u64 host_percpu(void *host_data, u64 offset)
{
	return (u64)__per_cpu_offset[raw_smp_processor_id()] + offset;
}

static u64 host_percpu_of(void *host_data, u64 offset, u64 cpu)
{
	return cpu < nr_cpu_ids && cpu_possible(cpu) ? (u64)__per_cpu_offset[cpu] + offset : 0;
}

static int host_read_user(void *host_data, void *to, u64 from, size_t size)
{
	const struct ktap_instance *instance = host_data;

	return ktap_memory_read_user(instance->loader, to, from, size) ? -1 : 0;
}

static u64 host_monotonic_ns(void *host_data)
{
	return ktime_get_mono_fast_ns();
}

static u64 host_realtime_ns(void *host_data)
{
	return ktime_get_real_fast_ns();
}

static int host_safe_point(void *host_data)
{
	const struct ktap_instance *instance = host_data;

	if (ktap_may_sleep())
		cond_resched();
	return ktap_instance_is_stopping(instance);
}

static int host_frame_read(void *host_data, void *to, u64 from, size_t size)
{
	return ktap_memory_read_frame(to, from, size) ? -1 : 0;
}

static int host_frame_write(void *host_data, u64 to, const void *from, size_t size)
{
	return ktap_memory_write(to, from, size) ? -1 : 0;
}

static u32 grant_bits(const struct ktap_grants *grants)
{
	return (grants->write ? KTAP_MAY_WRITE : 0) | (grants->call ? KTAP_MAY_CALL_ANY : 0) |
	       (grants->callback ? KTAP_MAY_CALLBACK : 0);
}

void ktap_host_fill(struct ktap_instance *instance)
{
	instance->host = (struct ktap_host){
		.read = host_read,
		.write = host_write,
		.read_string = host_read_string,
		.call = ktap_host_call,
		.emit = host_emit,
		.bind = ktap_host_bind,
		.percpu = host_percpu,
		.percpu_of = host_percpu_of,
		.read_user = host_read_user,
		.rcu = ktap_host_rcu,
		.monotonic_ns = host_monotonic_ns,
		.realtime_ns = host_realtime_ns,
		.fact = ktap_host_fact,
		.safe_point = host_safe_point,
		.may_call = ktap_host_may_call,
		.callback_take = ktap_callback_take,
		.callback_give = ktap_callback_give,
		.frame_read = host_frame_read,
		.frame_write = host_frame_write,
		.lock = ktap_turn_take,
		.unlock = ktap_turn_give,
		.activation = &instance->main,
		.grants = grant_bits(&instance->grants),
	};
}
