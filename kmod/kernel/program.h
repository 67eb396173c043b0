/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A loaded program: everything that hangs on its file descriptor. */
#ifndef KTAP_KERNEL_PROGRAM_H
#define KTAP_KERNEL_PROGRAM_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <ktap/ioctl.h>
#include <ktap/vm.h>

#include "callable.h"
#include "context.h"
#include "grants.h"
#include "ring.h"
#include "task_state.h"
#include "watchdog.h"

/* What was found out about a symbol of the image when it was bound. */
struct ktap_binding {
	const char *name;
	const struct ktap_harmless *harmless; /* callable with arguments of the script's own */
	struct module *module;                /* a reference, held while the program exists */
	bool granted;                         /* callable without further question */
	bool sleeps;                          /* is known to */
	bool settles;                         /* gives back what another function took */
};

/* Who frees it: the file, unless it gave up waiting for the thread. */
enum ktap_owner {
	KTAP_OWNED_BY_FILE,
	KTAP_OWNED_BY_THREAD,
	KTAP_THREAD_ENDED,
};

struct ktap_instance;

/* One activation of the VM: the main chunk's, in its instance, or a callback's, on its stack. */
struct ktap_execution {
	struct ktap_context context;
	struct ktap_instance *instance;
	struct ktap_execution *outer;   /* the one that it was called back from; NULL: none */
	struct ktap_atomic_state entry; /* what it began with */
	struct ktap_call *call;         /* the last one: see ktap_execution_call() */
	struct ktap_execution *within;  /* a callback that `call` has entered, on the same stack; NULL: none */
	u32 watched;                    /* its number for the watchdog; 0: the main chunk's, or not watched */
	u32 disturber;  /* symbol of the call that last changed preemption, interrupts or RCU */
	/* What it must be careful with in calls: `restrained` is 0 if none of it is. */
	union {
		struct {
			bool disturbed;   /* by that one */
			bool atomic;      /* it must not sleep */
			u16 rcu_sections; /* that the script has begun */
		};
		u32 restrained;
	};
	unsigned long irq_flags; /* before its turn */
};

/* The call that an activation is in, or NULL. Context: any. */
static inline struct ktap_call *ktap_execution_call(const struct ktap_execution *execution)
{
	return READ_ONCE(execution->context.guard.landing.frame) ? READ_ONCE(execution->call) : NULL;
}

struct ktap_instance {
	void *image;
	size_t image_size;
	void *arena;
	size_t arena_size;
	struct ktap_program *vm;
	struct ktap_host host;
	struct ktap_grants grants;
	struct ktap_binding *bindings; /* one per symbol of the image */
	u32 binding_count;
	int bind_error; /* -errno of the symbol that could not be bound */
	bool keep_going;
	bool force_break; /* a call that is overdue is broken off whatever it holds */
	struct task_struct *loader; /* a reference: whose memory user_string() reads */

	struct mutex start; /* guards `thread` being set, once */
	struct task_struct *thread;
	struct completion ended;
	int owner; /* enum ktap_owner, changed by cmpxchg */
	bool stopping;

	struct ktap_execution main; /* the main chunk's */
	atomic_t turn;       /* which processor executes the VM, from 1; see callback.c */
	atomic_t waiting;    /* for the turn */
	atomic_t missed;     /* calls of callbacks that have been freed, not entered */
	bool fault_noted; /* the person was told what a caught fault leaves behind */

	struct ktap_watch watch;
	struct ktap_ring ring;
	struct list_head kept; /* see quarantine.h */
};

/* Makes an instance of an image; takes over `image` and `grants_text` (both kvmalloc'ed, freed
 * even when it fails). A pointer, or ERR_PTR and a message. Context: process. */
struct ktap_instance *ktap_instance_load(void *image, size_t image_size, size_t memory,
					 char *grants_text, u32 flags,
					 struct ktap_message *message);

/* A file descriptor for it, which owns it from then on; -errno: it is still the caller's. */
int ktap_instance_publish(struct ktap_instance *instance);

/* Frees one that was never published. */
void ktap_instance_free(struct ktap_instance *instance);

/* Memory that instances hold whose calls never returned, bytes. */
size_t ktap_abandoned_bytes(void);

/* Whether it is to end. Context: any. */
bool ktap_instance_is_stopping(const struct ktap_instance *instance);

#endif
