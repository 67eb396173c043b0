/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE

#include "include/ktap_host.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "callback.h"
#include "fact.h"
#include "guard.h"
#include "include/ktap_device.h"

struct session {
	int (*emit)(void *context, const struct ktap_record *record);
	void *context;
	int stopped;
};

static int host_read(void *host_data, void *to, __u64 from, __kernel_size_t size)
{
	(void)host_data;
	return ktap_guard_copy(to, (const void *)(uintptr_t)from, size);
}

static int host_write(void *host_data, __u64 to, const void *from, __kernel_size_t size)
{
	(void)host_data;
	return ktap_guard_copy((void *)(uintptr_t)to, from, size);
}

static long host_read_string(void *host_data, char *to, __u64 from, __kernel_size_t size)
{
	__kernel_size_t length = 0;

	/* Page by page: the string may end just before memory that is not there. */
	while (length < size) {
		__kernel_size_t step = 4096 - (from + length) % 4096;
		char *end;

		if (step > size - length)
			step = size - length;
		if (host_read(host_data, to + length, from + length, step) != 0)
			return -1;
		end = memchr(to + length, 0, step);
		if (end)
			return end - to;
		length += step;
	}
	return (long)size;
}

/* What is to be said before the EXIT record. */
static void note_missed_callbacks(struct session *session, __u64 time_ns)
{
	struct {
		struct ktap_record header;
		struct ktap_record_value text;
		char bytes[128];
	} note = { .header = { .kind = KTAP_RECORD_NOTE, .count = 1, .time_ns = time_ns },
		   .text = { .kind = KTAP_VALUE_TEXT } };
	unsigned long missed = ktap_callbacks_dead_calls();

	if (!missed)
		return;
	note.text.length = (__u32)snprintf(note.bytes, sizeof(note.bytes),
					   "%lu calls of callbacks returned zero: they were freed, or could "
					   "not be entered where they were called",
					   missed);
	note.header.size =
		(__u32)(sizeof(note.header) + sizeof(note.text) + (note.text.length + 7) / 8 * 8);
	session->emit(session->context, &note.header);
}

static int host_emit(void *host_data, const struct ktap_record *record)
{
	struct session *session = host_data;

	if (record->kind == KTAP_RECORD_EXIT)
		note_missed_callbacks(session, record->time_ns);
	if (session->emit(session->context, record) != 0)
		session->stopped = 1;
	return session->stopped ? -1 : 0;
}

static void explain(struct ktap_message *message, const char *format, const char *name,
		    const char *detail)
{
	message->where = KTAP_WHERE_NOTHING;
	if (message->size > 0)
		snprintf(message->text, message->size, format, name, detail);
}

static int host_bind(void *host_data, const struct ktap_program *program, __u32 index,
		     __u64 *address, struct ktap_message *why)
{
	const struct ktap_image_symbol *symbol = ktap_program_symbol(program, index);
	const char *name = ktap_program_string(program, symbol->name, NULL);
	void *handle = RTLD_DEFAULT;
	void *found;

	(void)host_data;
	if (symbol->base != KTAP_BASE_HOST) {
		explain(why, "'%s' is a symbol of the kernel: this image is not for a process%s", name,
			"");
		return -1;
	}
	if (symbol->module != KTAP_NONE) {
		const char *library = ktap_program_string(program, symbol->module, NULL);

		/* Stays open for good: what it defines may be called to the end. */
		handle = dlopen(library, RTLD_NOW);
		if (!handle) {
			explain(why, "cannot open the library of '%s': %s", name, dlerror());
			return -1;
		}
	}
	dlerror();
	found = dlsym(handle, name);
	if (!found) {
		explain(why, "this process has no symbol '%s'%s", name, "");
		return -1;
	}
	*address = (__u64)(uintptr_t)found;
	return 0;
}

static __u64 host_percpu(void *host_data, __u64 offset)
{
	(void)host_data;
	return offset;
}

static __u64 nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * 1000000000u + (__u64)now.tv_nsec;
}

static __u64 host_monotonic_ns(void *host_data)
{
	(void)host_data;
	return nanoseconds(CLOCK_MONOTONIC);
}

static __u64 host_realtime_ns(void *host_data)
{
	(void)host_data;
	return nanoseconds(CLOCK_REALTIME);
}

static int host_safe_point(void *host_data)
{
	const struct session *session = host_data;

	return session->stopped || ktap_interrupts() > 0;
}

static int host_may_call(void *host_data, __u64 address, struct ktap_message *why)
{
	Dl_info info;

	(void)host_data;
	if (dladdr((void *)(uintptr_t)address, &info) != 0)
		return 1;
	explain(why, "it points into no library%s%s", "", "");
	return 0;
}

/* The caller's frame is there, since it called. */
static int host_frame_read(void *host_data, void *to, __u64 from, __kernel_size_t size)
{
	(void)host_data;
	memcpy(to, (void *)(uintptr_t)from, size);
	return 0;
}

static const struct ktap_host process = {
	.read = host_read,
	.write = host_write,
	.read_string = host_read_string,
	.call = ktap_guard_call,
	.emit = host_emit,
	.bind = host_bind,
	.percpu = host_percpu,
	.read_user = host_read,
	.monotonic_ns = host_monotonic_ns,
	.realtime_ns = host_realtime_ns,
	.fact = ktap_process_fact,
	.safe_point = host_safe_point,
	.may_call = host_may_call,
	.callback_take = ktap_callback_take,
	.callback_give = ktap_callback_give,
	.frame_read = host_frame_read,
	.frame_write = host_write,
	.lock = ktap_turn_take,
	.unlock = ktap_turn_give,
	/* A process can harm nobody but itself. */
	.grants = KTAP_MAY_WRITE | KTAP_MAY_CALL_ANY | KTAP_MAY_CALLBACK,
};

static void *map(__kernel_size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int verify(const void *image, __kernel_size_t size, struct ktap_message *message)
{
	__kernel_size_t scratch_size = KTAP_VERIFY_SCRATCH_BYTES(size);
	void *scratch = map(scratch_size);
	int result;

	if (!scratch) {
		explain(message, "no memory for checking the image%s%s", "", "");
		return -1;
	}
	result = ktap_verify(image, size, scratch, scratch_size, NULL, message);
	munmap(scratch, scratch_size);
	return result;
}

static int run(struct session *session, const void *image, __kernel_size_t size, void *arena,
	       __u64 memory, struct ktap_message *message)
{
	struct ktap_program *program;
	struct ktap_limits limits = { 0 };
	int result;

	if (ktap_program_create(&process, session, image, size, arena, memory, &limits, &program,
				message) != 0)
		return -1;
	result = ktap_guard_open();
	if (result != 0) {
		explain(message, "cannot guard calls: %s%s", strerror(-result), "");
		ktap_program_destroy(program);
		return -1;
	}
	ktap_callbacks_open(program);
	result = ktap_program_run(program);
	ktap_callbacks_close();
	ktap_guard_close();
	ktap_program_destroy(program);
	return result;
}

int ktap_host_run(const void *image, __kernel_size_t size, __u64 memory,
		  int (*emit)(void *context, const struct ktap_record *record), void *context,
		  struct ktap_message *message)
{
	struct session session = { .emit = emit, .context = context };
	void *arena;
	int result;

	if (verify(image, size, message) != 0)
		return -1;
	arena = map(memory);
	if (arena)
		madvise(arena, memory, MADV_HUGEPAGE); /* only a wish */
	if (!arena) {
		explain(message, "no memory for the program (--memory)%s%s", "", "");
		return -1;
	}
	result = run(&session, image, size, arena, memory, message);
	munmap(arena, memory);
	return result;
}
