// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * One call of a script: whether it may be made, the call under the guard, and what is said and done
 * about it afterwards.
 */
#include <linux/atomic.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/panic.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "guard.h"
#include "host.h"
#include "symbols.h"

/* After a caught fault nobody knows what the callee left locked or half changed, so no program
 * calls anything any more until the module is loaded anew. */
static atomic_t fault_caught = ATOMIC_INIT(0);
static char refusal_text[128];
static bool refusal_text_ready;

const char *ktap_calls_refused(void)
{
	if (!atomic_read(&fault_caught))
		return NULL;
	return smp_load_acquire(&refusal_text_ready) ? refusal_text
						     : "calls are refused since one faulted";
}

/* Words of a call: those of the registers, and what goes on the stack. */
#define KTAP_CALL_LEAST_WORDS 6u

static const char *name_of(const struct ktap_instance *instance, u32 symbol)
{
	return symbol < instance->binding_count ? instance->bindings[symbol].name : "a pointer";
}

/* Says once why from now on calls are refused. */
static void refuse_further_calls(const struct ktap_instance *instance, const struct ktap_call *call)
{
	if (atomic_cmpxchg(&fault_caught, 0, 1) != 0)
		return;
	scnprintf(refusal_text, sizeof(refusal_text),
		  "calls are refused since '%.48s' faulted: reload the module, or run with "
		  "--keep-going",
		  name_of(instance, call->symbol));
	smp_store_release(&refusal_text_ready, true);
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
}

static int refuse(struct ktap_call *call, u32 fault)
{
	call->fault = fault;
	return -1;
}

__printf(2, 3) static int refuse_because(struct ktap_call *call, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vscnprintf(call->text, sizeof(call->text), format, arguments);
	va_end(arguments);
	return refuse(call, KTAP_CALL_REFUSED);
}

static const struct ktap_binding *binding_of(const struct ktap_instance *instance,
					     const struct ktap_call *call)
{
	return call->symbol < instance->binding_count ? &instance->bindings[call->symbol] : NULL;
}

/*
 * With preemption, interrupts or RCU held off by an earlier call or by rcu(), sleeping would be the end
 * of the machine, and nothing tells which functions sleep. So only those that end such a state may be
 * called, and the harmless ones; --keep-going allows all but those that are known to sleep.
 */
static bool may_be_called_disturbed(const struct ktap_instance *instance,
				    const struct ktap_binding *binding)
{
	if (binding && (binding->settles || binding->harmless))
		return true;
	return instance->keep_going && !(binding && binding->sleeps);
}

static int check_disturbed(const struct ktap_execution *execution, struct ktap_call *call)
{
	const struct ktap_instance *instance = execution->instance;

	if (!(execution->disturbed || execution->rcu_sections) || ktap_may_sleep() ||
	    may_be_called_disturbed(instance, binding_of(instance, call)))
		return 0;
	if (!execution->disturbed)
		return refuse_because(call, "'%.40s' may sleep, which is forbidden in rcu()",
				      name_of(instance, call->symbol));
	return refuse_because(call, "'%.40s' may sleep, which is forbidden since '%.40s' returned with "
			      "preemption, interrupts or RCU held off",
			      name_of(instance, call->symbol),
			      name_of(instance, execution->disturber));
}

/* A callback may have been entered where sleeping is forbidden from the start. */
static int check_atomic(const struct ktap_execution *execution, struct ktap_call *call)
{
	const struct ktap_instance *instance = execution->instance;
	const struct ktap_binding *binding = binding_of(instance, call);

	if (!execution->atomic || !binding || !binding->sleeps)
		return 0;
	return refuse_because(call, "'%.40s' may sleep, which is forbidden where this callback was "
			      "called", name_of(instance, call->symbol));
}

static int check_permission(const struct ktap_instance *instance, struct ktap_call *call)
{
	const struct ktap_binding *binding;

	if (call->symbol >= instance->binding_count && instance->grants.call)
		return 0;
	if (call->symbol >= instance->binding_count)
		return refuse_because(
			call, "calling through a pointer needs a grant: run with --allow call");
	binding = &instance->bindings[call->symbol];
	if (binding->granted)
		return 0;
	if (binding->harmless && ktap_harmless_arguments(binding->harmless, instance->vm,
							 call->slots, call->words))
		return 0;
	return refuse_because(call, "calling '%.48s' %sneeds a grant: run with --allow call=%.48s",
			      binding->name,
			      binding->harmless ? "with these arguments " : "",
			      binding->name);
}

/* Whether the call may be made at all: 0, or -1 and the reason in `call`. */
static noinline int check_call(struct ktap_execution *execution, struct ktap_call *call)
{
	const struct ktap_instance *instance = execution->instance;
	const char *why = ktap_guard_unavailable;

	if (ktap_instance_is_stopping(instance) && !ktap_program_is_finalising(instance->vm))
		return refuse(call, KTAP_CALL_STOPPED);
	if (!why && !instance->keep_going)
		why = ktap_calls_refused();
	if (why)
		return refuse_because(call, "%s", why);
	if (call->words < KTAP_CALL_LEAST_WORDS || call->words > KTAP_PLAN_MAX_WORDS)
		return refuse_because(call, "a call of %u words", call->words);
	if (check_atomic(execution, call) != 0 || check_disturbed(execution, call) != 0)
		return -1;
	if (execution->restrained)
		ktap_atomic_state_save(&execution->context.guard.state.atomic);
	return check_permission(instance, call);
}

/* The place of a fault as symbol+offset/size. Context: as the call. */
static void describe_fault(struct ktap_call *call, const struct ktap_guard_fault *fault)
{
	call->fault = fault->kind;
	call->fault_is_write = fault->is_write;
	call->fault_address = fault->address;
	call->fault_ip = fault->ip;
	scnprintf(call->text, sizeof(call->text), "%pS", (void *)fault->ip);
}

/* Tells the person, once a script, what a caught fault leaves behind. */
static void note_fault(struct ktap_instance *instance, const struct ktap_call *call)
{
	if (instance->fault_noted)
		return;
	instance->fault_noted = true;
	ktap_ring_note(&instance->ring, "'%s' was broken off by a fault: locks that it held stay held, and %s",
		       name_of(instance, call->symbol),
		       instance->keep_going
			       ? "whoever wants them will wait for ever"
			       : "nothing more is called until the module is loaded anew");
}

static int report_fault(struct ktap_instance *instance, struct ktap_call *call,
			const struct ktap_guard_fault *fault)
{
	char access[48] = "";

	describe_fault(call, fault);
	refuse_further_calls(instance, call);
	note_fault(instance, call);
	if (fault->kind == KTAP_FAULT_PAGE)
		scnprintf(access, sizeof(access), " (%s of 0x%lx)",
			  fault->is_write ? "write" : "read or jump", fault->address);
	pr_notice_ratelimited("'%s', called by a script, faulted at %s%s; its locks stay held\n",
			      name_of(instance, call->symbol), call->text, access);
	return -1;
}

/* What a call that nothing restrains begins with is what the activation did. What a restrained one does is looked
 * at before it: see check_call(). */
static void note_calls_begin(struct ktap_execution *execution)
{
	if (!execution->restrained)
		execution->context.guard.state.atomic = execution->entry;
}

/* A function may change preemption, interrupts or RCU for its caller on purpose: that stays, and is
 * remembered with the name of the one that did it. */
static noinline void note_disturbance(struct ktap_execution *execution, const struct ktap_call *call)
{
	struct ktap_instance *instance = execution->instance;
	struct ktap_atomic_state now;

	ktap_atomic_state_save(&now);
	/* Giving back what the script never took can only be a mistake, and a count below zero is
	 * the kernel's end. */
	if (ktap_atomic_state_is_below(&now, &execution->entry)) {
		ktap_atomic_state_restore(&execution->entry);
		execution->disturbed = false;
		ktap_ring_note(&instance->ring,
			       "'%s' gave back preemption or RCU that the script had not taken; it was put back",
			       name_of(instance, call->symbol));
	} else {
		execution->disturber = call->symbol;
		execution->disturbed = ktap_atomic_state_differs(&execution->entry, &now);
	}
	ktap_entry_state_save_nesting(&execution->context.entry);
	note_calls_begin(execution);
}

static noinline int report_failure(struct ktap_execution *execution, struct ktap_call *call)
{
	struct ktap_guard_fault fault = execution->context.guard.fault;

	execution->context.guard.fault.kind = KTAP_FAULT_NONE;
	return report_fault(execution->instance, call, &fault);
}

/* Whether nothing stands against a call, as far as a few looks tell: else check_call() must say. */
static __always_inline bool is_free(const struct ktap_instance *instance,
				    const struct ktap_execution *execution, const struct ktap_call *call)
{
	return !(READ_ONCE(task_thread_info(current)->flags) & (_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL)) &&
	       !READ_ONCE(instance->stopping) && !ktap_guard_unavailable &&
	       !atomic_read(&fault_caught) && !execution->restrained &&
	       call->words == KTAP_CALL_LEAST_WORDS && call->symbol < instance->binding_count &&
	       instance->bindings[call->symbol].granted;
}

int ktap_host_call(void *host_data, struct ktap_call *call)
{
	const struct ktap_instance *instance = host_data;
	struct ktap_execution *execution = call->activation;
	struct ktap_guard_record *guard = &execution->context.guard;

	if (unlikely(!is_free(instance, execution, call)) && check_call(execution, call) != 0)
		return -1;
	if (unlikely(current_stack_pointer < guard->stack_floor))
		return refuse(call, KTAP_CALL_NO_STACK);
	guard->sequence++;
	WRITE_ONCE(execution->call, call);
	if (unlikely(ktap_guard_call(&execution->context, call)))
		return report_failure(execution, call);
	if (unlikely(ktap_atomic_state_changed(&guard->state.atomic)))
		note_disturbance(execution, call);
	return 0;
}
NOKPROBE_SYMBOL(ktap_host_call);

const char *ktap_name_of_call(const struct ktap_instance *instance, const struct ktap_call *call)
{
	unsigned long offset = (unsigned long)call - (unsigned long)instance->arena;

	if (offset > instance->arena_size - sizeof(*call))
		return "the script";
	return name_of(instance, READ_ONCE(call->symbol));
}

const char *ktap_function_called(const struct ktap_execution *execution)
{
	const struct ktap_call *call = ktap_execution_call(execution);

	return call ? ktap_name_of_call(execution->instance, call) : NULL;
}

void ktap_host_rcu(void *host_data, void *activation, int begin)
{
	struct ktap_execution *execution = activation;

	if (begin) {
		rcu_read_lock();
		execution->rcu_sections++;
		return;
	}
	execution->rcu_sections--;
	/* A function that was called in the section may have ended it already. */
	if (!ktap_atomic_state_at_rest(&execution->entry))
		rcu_read_unlock();
	note_calls_begin(execution);
}

void ktap_call_settle(struct ktap_execution *execution)
{
	struct ktap_instance *instance = execution->instance;

	if (!execution->disturbed)
		return;
	ktap_atomic_state_restore(&execution->entry);
	execution->disturbed = false;
	ktap_ring_note(&instance->ring,
		       "'%s' left preemption, interrupts or RCU changed at the end of the "
		       "%s; they were put back, but a lock that it took stays taken",
		       name_of(instance, execution->disturber),
		       execution == &instance->main ? "script" : "callback");
}
