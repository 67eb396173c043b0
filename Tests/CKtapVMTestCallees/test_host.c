/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE

#include "include/test_host.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../../Sources/CKtapHost/callback.h"
#include "../../Sources/CKtapHost/guard.h"

/* Recursive: a test that looks at what callees saw holds it around its run. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

void ktap_test_lock(void)
{
	pthread_mutex_lock(&lock);
}

void ktap_test_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static int test_read(void *host_data, void *to, __u64 from, __kernel_size_t size)
{
	struct ktap_test_host *host = host_data;
	struct iovec local = { to, size };
	struct iovec remote = { (void *)(uintptr_t)from, size };

	if (++host->reads == host->fail_read_at)
		return -1;
	if (size == 0 || process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size)
		return 0;
	return -1;
}

static int test_write(void *host_data, __u64 to, const void *from, __kernel_size_t size)
{
	struct ktap_test_host *host = host_data;
	struct iovec local = { (void *)(uintptr_t)from, size };
	struct iovec remote = { (void *)(uintptr_t)to, size };

	if (++host->writes == host->fail_write_at)
		return -1;
	if (size == 0 || process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size)
		return 0;
	return -1;
}

/* Byte by byte: slow, and obviously right. */
static long test_read_string(void *host_data, char *to, __u64 from, __kernel_size_t size)
{
	__kernel_size_t length;

	for (length = 0; length < size; length++) {
		if (test_read(host_data, to + length, from + length, 1) != 0)
			return -1;
		if (!to[length])
			return (long)length;
	}
	return (long)size;
}

static int test_call(void *host_data, struct ktap_call *call)
{
	struct ktap_test_host *host = host_data;

	host->calls++;
	host->owned = ktap_program_owned(host->program, call->slots[0]);
	return ktap_guard_call(host_data, call);
}

static int test_emit(void *host_data, const struct ktap_record *record)
{
	struct ktap_test_host *host = host_data;

	if (++host->emitted == host->reject_emit_at)
		return -1;
	return host->emit(host->context, record);
}

static int test_bind(void *host_data, const struct ktap_program *program, __u32 index,
		     __u64 *address, struct ktap_message *why)
{
	const struct ktap_image_symbol *symbol = ktap_program_symbol(program, index);
	const char *name = ktap_program_string(program, symbol->name, NULL);

	(void)host_data;
	*address = ktap_test_address(name);
	if (*address)
		return 0;
	snprintf(why->text, why->size, "no callee '%s'", name);
	return -1;
}

static __u64 test_percpu(void *host_data, __u64 offset)
{
	(void)host_data;
	return offset;
}

/* Both clocks stand still: time is nothing that a test should depend on. */
static __u64 test_monotonic_ns(void *host_data)
{
	(void)host_data;
	return 1000000007;
}

static __u64 test_realtime_ns(void *host_data)
{
	(void)host_data;
	return 1700000000123456789;
}

static int test_safe_point(void *host_data)
{
	struct ktap_test_host *host = host_data;

	return ++host->safe_points >= host->stop_at && host->stop_at;
}

static int test_may_call(void *host_data, __u64 address, struct ktap_message *why)
{
	struct ktap_test_host *host = host_data;

	(void)address;
	if (!host->refuse_calls)
		return 1;
	snprintf(why->text, why->size, "the test says so");
	return 0;
}

static int run_program(struct ktap_test_host *host, const struct ktap_host *services,
		       const void *image, __kernel_size_t size, void *arena,
		       struct ktap_message *message)
{
	int result;

	if (ktap_program_create(services, host, image, size, arena, host->arena_size, &host->limits,
				&host->program, message) != 0)
		return -1;
	if (ktap_guard_open() != 0)
		abort();
	ktap_callbacks_open(host->program);
	result = ktap_program_run(host->program);
	ktap_callbacks_close();
	ktap_guard_close();
	ktap_program_usage(host->program, &host->usage);
	ktap_program_destroy(host->program);
	return result;
}

/* A copy in memory of its own size, so that a sanitizer sees any access beyond it. */
static void *copy_of(const void *image, __kernel_size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, image, size);
	return copy;
}

static int verify(const void *image, __kernel_size_t size, struct ktap_message *message)
{
	__kernel_size_t scratch_size = KTAP_VERIFY_SCRATCH_BYTES(size);
	void *scratch = malloc(scratch_size);
	int result;

	if (!scratch)
		abort();
	memset(scratch, 0xa5, scratch_size);
	result = ktap_verify(image, size, scratch, scratch_size, NULL, message);
	free(scratch);
	return result;
}

int ktap_test_verify(const void *image, __kernel_size_t size, struct ktap_message *message)
{
	void *copy = copy_of(image, size);
	int result = verify(copy, size, message);

	free(copy);
	return result;
}

int ktap_test_run(struct ktap_test_host *host, const void *image, __kernel_size_t size,
		  struct ktap_message *message)
{
	const struct ktap_host services = {
		.read = test_read,
		.write = test_write,
		.read_string = test_read_string,
		.call = test_call,
		.emit = test_emit,
		.bind = test_bind,
		.percpu = test_percpu,
		.monotonic_ns = test_monotonic_ns,
		.realtime_ns = test_realtime_ns,
		.safe_point = test_safe_point,
		.may_call = test_may_call,
		.callback_take = ktap_callback_take,
		.callback_give = ktap_callback_give,
		.frame_read = test_read,
		.frame_write = test_write,
		.lock = ktap_turn_take,
		.unlock = ktap_turn_give,
		.grants = host->grants,
	};
	void *copy = copy_of(image, size);
	void *arena = malloc(host->arena_size);
	int result = verify(copy, size, message);

	if (!arena)
		abort();
	memset(arena, 0xa5, host->arena_size);
	host->arena = (__u64)(uintptr_t)arena;
	if (result == 0) {
		ktap_test_lock();
		result = run_program(host, &services, copy, size, arena, message);
		ktap_test_unlock();
	}
	host->image_changed = memcmp(copy, image, size) != 0;
	free(arena);
	free(copy);
	return result;
}
