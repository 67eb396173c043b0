/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The watchdog of a program: one tick a second compares call sequence numbers. A call that outlives the limit
 * (module parameter call_limit_ms), of the main chunk or within a callback, is broken off if it runs and holds
 * nothing that can be told, and otherwise reported.
 */
#ifndef KTAP_KERNEL_WATCHDOG_H
#define KTAP_KERNEL_WATCHDOG_H

#include <linux/hrtimer.h>
#include <linux/smp.h>
#include <linux/types.h>

struct ktap_execution;
struct ktap_instance;

/* Activations of a program that are watched at once: the main chunk's, which is the first, and callbacks'. */
#define KTAP_WATCHED 8

struct ktap_watched {
	struct ktap_instance *instance;
	struct ktap_execution *execution; /* NULL: none */
	struct hrtimer probe;             /* looks at the call from an interrupt of its own processor, */
	call_single_data_t ask;           /* on which this starts it */
	bool probed;
	u64 sequence;        /* of the call seen last */
	unsigned long since; /* jiffies: when it was seen first */
	u32 tries;           /* of the probe */
	unsigned long ip;    /* where the probe found it the last time; 0: not running */
	bool told;           /* of this call */
};

struct ktap_watch {
	struct hrtimer tick; /* on any processor: that of a call that loops may run no task beside it */
	struct ktap_watched watched[KTAP_WATCHED];
};

/* Finds what the kernel does not export. */
void ktap_watchdog_init(void);

/* Makes an instance's watch. */
void ktap_watchdog_prepare(struct ktap_instance *instance);
/* Context: process. The instance's thread exists, and has not begun. */
void ktap_watchdog_start(struct ktap_instance *instance);
/* A callback's activation begins and ends. Where too many are watched already, this one is not. Context: any. */
void ktap_watchdog_enter(struct ktap_execution *execution);
void ktap_watchdog_leave(struct ktap_execution *execution);
/* Waits for what is in progress; may be called again. Context: process. */
void ktap_watchdog_stop(struct ktap_instance *instance);

#endif
