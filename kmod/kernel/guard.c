// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The call guard: see guard.h.
 *
 * The handlers below run where the kernel has just found that it cannot go on. They decide from the
 * guard record alone, change nothing but the saved registers, and call nothing that can be traced,
 * probed or sleep.
 */
#include "guard.h"

#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/notifier.h>
#include <linux/ptrace.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "symbols.h"

/* In call.S: returns at once. */
void ktap_bare_return(void);

const char *ktap_guard_unavailable = "the fault hook is not installed";

/* Whether the fault that `regs` tells of happened inside the call of `record`. */
static __always_inline bool belongs_to(struct pt_regs *regs, const struct ktap_context *context,
				       const struct ktap_guard_record *record)
{
	return !user_mode(regs) && context->level == ktap_level_now() &&
	       regs->sp >= record->stack_low && regs->sp < READ_ONCE(record->landing.frame);
}

/* Has execution go on at the landing pad of a call. It lands with interrupts off; ktap_guard_call()
 * restores them. */
static __always_inline void send_to_landing(struct pt_regs *regs, struct ktap_guard_record *record,
					    u32 kind)
{
	record->fault.kind = kind;
	record->fault.ip = regs->ip;
	regs->ip = (unsigned long)ktap_call_landing;
	regs->sp = regs->bp = record->landing.frame;
	regs->bx = record->landing.rbx;
	regs->r12 = record->landing.r12;
	regs->r13 = record->landing.r13;
	regs->r14 = record->landing.r14;
	regs->r15 = record->landing.r15;
	regs->flags &= ~(X86_EFLAGS_AC | X86_EFLAGS_DF | X86_EFLAGS_TF | X86_EFLAGS_IF);
}

/* Sends the faulting thread to the landing pad of its innermost guarded call, if the fault is that
 * call's. */
static bool divert(struct pt_regs *regs, u32 kind, unsigned long address, bool is_write)
{
	struct ktap_context *context = ktap_context_find();
	struct ktap_guard_record *record;

	if (!context || !belongs_to(regs, context, &context->guard))
		return false;
	record = &context->guard;
	record->fault.is_write = is_write;
	record->fault.address = address;
	send_to_landing(regs, record, kind);
	return true;
}
NOKPROBE_SYMBOL(divert);

/*
 * page_fault_oops(regs, error_code, address): the kernel has given up on a page fault. If the fault
 * is ours, the function is left before it begins.
 */
static void on_page_fault_oops(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			       struct ftrace_regs *fregs)
{
	struct pt_regs *own = ftrace_get_regs(fregs);

	if (own && divert((struct pt_regs *)own->di, KTAP_FAULT_PAGE, own->dx,
			  (own->si & X86_PF_WRITE) != 0))
		own->ip = (unsigned long)ktap_bare_return;
}
NOKPROBE_SYMBOL(on_page_fault_oops);

/*
 * No RECURSION flag: it would route through a helper that skips us while the task's recursion bits
 * are set, as a tracer's own aborted frame leaves them. PERMANENT: switching ftrace off must fail
 * rather than disarm the guard.
 */
static struct ftrace_ops page_fault_ops = {
	.func = on_page_fault_oops,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static u32 fault_kind_of_trap(int trap)
{
	switch (trap) {
	case X86_TRAP_DE:
		return KTAP_FAULT_DIVIDE;
	case X86_TRAP_UD:
		return KTAP_FAULT_INVALID_OP;
	default:
		return KTAP_FAULT_OTHER;
	}
}

/* The faults that are no page faults; and, as a loud last resort, any oops. */
static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	const struct die_args *args = data;
	bool diverted = false;

	if (event == DIE_GPF)
		diverted = divert(args->regs, KTAP_FAULT_PROTECTION, 0, false);
	else if (event == DIE_TRAP && args->trapnr != X86_TRAP_DF && args->trapnr != X86_TRAP_BP &&
		 args->trapnr != X86_TRAP_DB)
		diverted = divert(args->regs, fault_kind_of_trap(args->trapnr), 0, false);
	else if (event == DIE_OOPS)
		diverted = divert(args->regs, KTAP_FAULT_OTHER, 0, false);
	return diverted ? NOTIFY_STOP : NOTIFY_DONE;
}
NOKPROBE_SYMBOL(on_die);

static struct notifier_block die_notifier = {
	.notifier_call = on_die,
	.priority = INT_MAX - 1, /* behind kprobes, which handles faults of its own handlers */
};

static const char *install_page_fault_hook(void)
{
	unsigned long address = ktap_symbol_address("page_fault_oops");

	if (!address)
		return "this kernel has no function page_fault_oops to hook";
	if (ftrace_set_filter_ip(&page_fault_ops, address, 0, 0) != 0)
		return "page_fault_oops cannot be hooked by ftrace";
	if (register_ftrace_function(&page_fault_ops) != 0) {
		ftrace_free_filter(&page_fault_ops);
		return "ftrace refused the fault hook (is kernel.ftrace_enabled 0?)";
	}
	return NULL;
}

void ktap_guard_init(void)
{
	if (register_die_notifier(&die_notifier) != 0) {
		ktap_guard_unavailable = "the die notifier could not be registered";
		return;
	}
	ktap_guard_unavailable = install_page_fault_hook();
	if (ktap_guard_unavailable) {
		unregister_die_notifier(&die_notifier);
		pr_warn("no function can be called: %s\n", ktap_guard_unavailable);
	}
}

void ktap_guard_exit(void)
{
	if (ktap_guard_unavailable)
		return;
	unregister_ftrace_function(&page_fault_ops);
	ftrace_free_filter(&page_fault_ops);
	unregister_die_notifier(&die_notifier);
}

/* Whether what an interrupt has interrupted is as the call was made: then the callee holds no spinlock,
 * and is in no read-side section of RCU. */
static bool holds_nothing(const struct ktap_atomic_state *before)
{
	struct ktap_atomic_state now;

	ktap_atomic_state_save(&now);
	return now.preempt_count - (int)HARDIRQ_OFFSET == before->preempt_count &&
	       now.rcu_nesting == before->rcu_nesting;
}

bool ktap_guard_break_off(struct ktap_context *context, u64 sequence, struct pt_regs *regs, bool force)
{
	struct ktap_guard_record *record = &context->guard;

	if (record->sequence != sequence || user_mode(regs) || in_serving_softirq() ||
	    !ktap_context_is_innermost(context) || regs->sp < record->stack_low ||
	    regs->sp >= READ_ONCE(record->landing.frame))
		return false;
	if (!force && !holds_nothing(&record->state.atomic))
		return false;
	send_to_landing(regs, record, KTAP_FAULT_OVERDUE);
	return true;
}
