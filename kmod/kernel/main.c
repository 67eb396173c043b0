// SPDX-License-Identifier: MIT OR GPL-2.0
/* The module: what is set up in which order, and taken down in the opposite one. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "callable.h"
#include "device.h"
#include "guard.h"
#include "memory.h"
#include "symbols.h"
#include "stack.h"
#include "task_state.h"
#include "watchdog.h"

static int __init ktap_init(void)
{
	int error = ktap_symbols_init();

	if (error)
		return error;
	error = ktap_memory_init();
	if (error)
		return error;
	ktap_task_state_init();
	ktap_stack_init();
	ktap_callable_init();
	ktap_watchdog_init();
	ktap_guard_init();
	error = ktap_device_init();
	if (error)
		ktap_guard_exit();
	return error;
}

static void __exit ktap_exit(void)
{
	/* Every open file holds the module, so nothing runs any more. */
	ktap_device_exit();
	ktap_guard_exit();
	/* A CPU may still be on its way out of a hook or a thunk. */
	synchronize_rcu();
	synchronize_rcu_tasks();
}

module_init(ktap_init);
module_exit(ktap_exit);
MODULE_DESCRIPTION("ktap: call and read the running kernel from a script");
MODULE_LICENSE("Dual MIT/GPL");
