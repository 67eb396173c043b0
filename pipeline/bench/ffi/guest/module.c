// SPDX-License-Identifier: MIT OR GPL-2.0
/* A call as drgn makes one: a module whose start is the call, and which then is refused. */
#include <linux/module.h>
#include <linux/timekeeping.h>

static int __init call(void)
{
	return ktime_get_seconds() < 0 ? -EINVAL : -EAGAIN;
}
module_init(call);
MODULE_DESCRIPTION("one call");
MODULE_LICENSE("Dual MIT/GPL");
