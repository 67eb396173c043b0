/* SPDX-License-Identifier: MIT */
/*
 * A host of the VM for tests: the services of an ordinary process, but with limits, failures and
 * interruptions where a test wants them. Foreign symbols are the callees of callees.h.
 */
#ifndef KTAP_TEST_HOST_H
#define KTAP_TEST_HOST_H

#include <ktap/vm.h>

struct ktap_test_host {
	/* What the test sets. */
	__u64 arena_size; /* bytes */
	struct ktap_limits limits;
	__u32 grants;
	__u32 refuse_calls;    /* what may_call answers is "no" */
	__u64 stop_at;         /* from this safe point on, the program is to stop, from 1; 0: none */
	__u64 fail_read_at;    /* the read that fails, from 1; 0: none */
	__u64 fail_write_at;
	__u64 reject_emit_at;  /* the record that is not taken, from 1; 0: none */
	int (*emit)(void *context, const struct ktap_record *record);
	void *context;

	/* What came of it. */
	__u64 safe_points, reads, writes, calls, emitted;
	__u64 arena; /* address */
	__u64 owned; /* script-owned bytes from the first argument of the last call on */
	__u32 image_changed; /* 1 if the VM wrote to the image */
	struct ktap_arena_usage usage;
	struct ktap_program *program; /* while it runs */
};

/* Verifies an image in memory of exactly its size. 0, or -1 and a message. */
int ktap_test_verify(const void *image, __kernel_size_t size, struct ktap_message *message);

/*
 * Verifies, creates and runs a program, in memory of exactly its size, not zeroed. Returns enum
 * ktap_exit, or -1 and a message. One at a time in the process: others wait.
 */
int ktap_test_run(struct ktap_test_host *host, const void *image, __kernel_size_t size,
		  struct ktap_message *message);

/* The lock that ktap_test_run() takes: for tests that use the host of ktap-load, or look at what
 * callees saw and at variables. A thread may take it again. */
void ktap_test_lock(void);
void ktap_test_unlock(void);

/* The address of a callee or variable of callees.h; 0 if there is none of this name. */
__u64 ktap_test_address(const char *name);

#endif
