/* SPDX-License-Identifier: MIT */
/*
 * Tests of the module through /dev/ktap alone, in a throw-away guest, with images made by hand.
 *
 *   device_test [CASE…]     needs ktap.ko and ktap_test.ko loaded
 *
 * Without names, all cases but those that need a module in which nothing has faulted yet.
 *
 * Prints one line a case; exit status 0 only if all passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ktap/ioctl.h>
#include <ktap/output.h>

#include "image_builder.h"

#define OUTPUT_BYTES 16384

static uint8_t build_id[64];
static size_t build_id_size;
static int failures;

/* What a program printed, a line per record, and how it ended. */
struct output {
	char text[OUTPUT_BYTES];
	size_t length;
	int status; /* enum ktap_exit; -1: no EXIT record */
	unsigned lines;
};

__attribute__((format(printf, 2, 3))) static int expect(bool holds, const char *format, ...)
{
	va_list arguments;

	if (holds)
		return 1;
	failures++;
	va_start(arguments, format);
	printf("  FAILED: ");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	return 0;
}

static void append(struct output *output, const char *bytes, size_t size)
{
	if (size > sizeof(output->text) - 1 - output->length)
		size = sizeof(output->text) - 1 - output->length;
	memcpy(output->text + output->length, bytes, size);
	output->length += size;
	output->text[output->length] = '\0';
}

static void append_value(struct output *output, const struct ktap_record_value *value,
			 const char *text)
{
	char number[32];

	switch (value->kind) {
	case KTAP_VALUE_NIL:
		append(output, "nil", 3);
		break;
	case KTAP_VALUE_BOOL:
		append(output, value->payload ? "true" : "false", value->payload ? 4 : 5);
		break;
	case KTAP_VALUE_TEXT:
		append(output, text, value->length);
		break;
	default:
		snprintf(number, sizeof(number), "%lld", (long long)value->payload);
		append(output, number, strlen(number));
		break;
	}
}

static void take_record(struct output *output, const struct ktap_record *record)
{
	const unsigned char *at = (const unsigned char *)(record + 1);
	unsigned i;

	if (record->kind == KTAP_RECORD_EXIT) {
		output->status = ((const struct ktap_record_value *)at)->payload;
		return;
	}
	if (record->kind == KTAP_RECORD_NOTE)
		append(output, "note: ", 6);
	for (i = 0; i < record->count; i++) {
		const struct ktap_record_value *value = (const void *)at;

		at += sizeof(*value);
		if (i)
			append(output, " ", 1);
		append_value(output, value, (const char *)at);
		if (value->kind == KTAP_VALUE_TEXT)
			at += (value->length + 7) & ~7u;
	}
	append(output, "\n", 1);
	output->lines++;
}

static void read_output(int program, struct output *output)
{
	static unsigned char buffer[2 * KTAP_RECORD_MAX_BYTES];
	ssize_t size;
	size_t at;

	*output = (struct output){ .status = -1 };
	while ((size = read(program, buffer, sizeof(buffer))) > 0)
		for (at = 0; at < (size_t)size; at += ((struct ktap_record *)&buffer[at])->size)
			take_record(output, (struct ktap_record *)&buffer[at]);
	expect(size == 0, "read: %s", strerror(errno));
}

/* Loads; the program's descriptor, or -errno and the module's message. */
static int load_bytes(const void *image, size_t size, const char *grants, uint32_t flags,
		      char message[1024])
{
	struct ktap_load load = {
		.abi_version = KTAP_ABI_VERSION,
		.flags = flags,
		.image = (uintptr_t)image,
		.image_size = size,
		.grants = (uintptr_t)grants,
		.grants_size = strlen(grants),
		.message = (uintptr_t)message,
		.message_size = 1024,
	};
	int device = open(KTAP_DEVICE, O_RDWR | O_CLOEXEC), program;

	message[0] = '\0';
	if (device < 0)
		return -errno;
	program = ioctl(device, KTAP_IOC_LOAD, &load);
	if (program < 0)
		program = -errno;
	close(device);
	return program;
}

static int load(const struct builder *builder, const char *grants, uint32_t flags,
		char message[1024])
{
	size_t size;
	void *image = builder_image(builder, &size);
	int program = load_bytes(image, size, grants, flags, message);

	free(image);
	return program;
}

static struct builder new_builder(void)
{
	struct builder builder = { .flags = KTAP_IMAGE_TARGET_KERNEL };

	memcpy(builder.build_id, build_id, build_id_size);
	builder.build_id_size = build_id_size;
	return builder;
}

/* Adds a call of a function of ktap_test.ko with one argument. */
static void add_call(struct builder *builder, const char *name, int64_t argument)
{
	struct builder_call *call = &builder->calls[builder->call_count++];

	*call = (struct builder_call){ .module = "ktap_test", .name = name, .returns_value = 1 };
	call->argument_count = 1;
	call->arguments[0] = argument;
}

static uint64_t symbol_address(const char *name)
{
	char line[512], type, found[256];
	unsigned long long address;
	FILE *file = fopen("/proc/kallsyms", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx %c %255s", &address, &type, found) == 3 &&
		    strcmp(found, name) == 0) {
			fclose(file);
			return address;
		}
	if (file)
		fclose(file);
	expect(0, "the kernel has no symbol %s", name);
	return 0;
}

static void add_kernel_call(struct builder *builder, const char *name)
{
	struct builder_call *call = &builder->calls[builder->call_count++];

	*call = (struct builder_call){ .name = name, .returns_value = 1 };
	call->offset = symbol_address(name) - symbol_address("_stext");
}

/* Loads, runs to the end, closes. */
static void run(const struct builder *builder, const char *grants, uint32_t flags,
		struct output *output)
{
	char message[1024];
	int program = load(builder, grants, flags, message);

	*output = (struct output){ .status = -1 };
	if (!expect(program >= 0, "load: %s: %s", strerror(-program), message))
		return;
	expect(ioctl(program, KTAP_IOC_RUN, 0) == 0, "run: %s", strerror(errno));
	read_output(program, output);
	expect(close(program) == 0, "close: %s", strerror(errno));
}

static int tainted(int bit)
{
	unsigned long value = 0;
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");

	if (file && fscanf(file, "%lu", &value) != 1)
		value = ~0ul;
	if (file)
		fclose(file);
	return value >> bit & 1;
}
#define TAINT_DIE 7

/* Values go in and come out. */
static void test_calls(void)
{
	struct builder builder = new_builder();
	struct output output;

	add_call(&builder, "ktap_test_long", -5);
	add_call(&builder, "ktap_test_long", 1l << 40);
	add_call(&builder, "ktap_test_add7", 1);
	builder.calls[2].argument_count = 7;
	memcpy(builder.calls[2].arguments, (int64_t[]){ 1, 2, 3, 4, 5, 6, 7 }, 7 * sizeof(int64_t));
	run(&builder, "call", 0, &output);
	expect(strcmp(output.text, "true -5\ntrue 1099511627776\ntrue 7654321\n") == 0,
	       "printed:\n%s", output.text);
	expect(output.status == KTAP_EXIT_OK, "exit status %d", output.status);
}

/* A clock needs no grant; the sum of its digits is anybody's guess. */
static void test_harmless(void)
{
	struct builder builder = new_builder();
	struct output output;

	add_kernel_call(&builder, "sched_clock");
	run(&builder, "", 0, &output);
	expect(strncmp(output.text, "true ", 5) == 0 && atoll(output.text + 5) > 0, "printed: %s",
	       output.text);
}

static void test_grants(void)
{
	struct builder builder = new_builder();
	char message[1024];
	int program;

	add_call(&builder, "ktap_test_long", 1);
	add_call(&builder, "ktap_test_count", 1);
	program = load(&builder, "write\n", 0, message);
	expect(program == -EPERM, "load: %d", program);
	expect(strcmp(message, "calling 'ktap_test_long' needs a grant: run with --allow "
			       "call=ktap_test_long,ktap_test_count (needed by by-hand.kp)") == 0,
	       "message: %s", message);
	program = load(&builder, "call=ktap_test_long\ncall=ktap_test_count\n", 0, message);
	expect(program >= 0, "load: %d: %s", program, message);
	close(program);
	program = load(&builder, "calls\n", 0, message);
	expect(program == -EINVAL && strstr(message, "'calls' is not a grant"), "load: %d: %s",
	       program, message);
	builder.needs_write = 1;
	program = load(&builder, "call", 0, message);
	expect(program == -EPERM && strstr(message, "--allow write"), "load: %d: %s", program,
	       message);
}

/* Images that are whole and yet not for this kernel. */
static void test_refused_images(void)
{
	struct builder builder = new_builder();
	char message[1024];
	int program;

	add_kernel_call(&builder, "strlen");
	builder.calls[0].offset += 1;
	program = load(&builder, "call", 0, message);
	expect(program == -ENOENT && strstr(message, "'strlen'"), "load: %d: %s", program, message);
	builder.calls[0].offset = 1ull << 60;
	program = load(&builder, "call", 0, message);
	expect(program == -ENOENT, "load: %d: %s", program, message);
	builder.calls[0].module = "no_such_module";
	program = load(&builder, "call", 0, message);
	expect(program == -ENOENT && strstr(message, "no_such_module"), "load: %d: %s", program,
	       message);
	builder.build_id[0] ^= 1;
	program = load(&builder, "call", 0, message);
	expect(program == -ESTALE && strstr(message, "build id"), "load: %d: %s", program, message);
	builder = (struct builder){ .flags = KTAP_IMAGE_TARGET_HOST };
	program = load(&builder, "call", 0, message);
	expect(program == -ESTALE, "load: %d: %s", program, message);
}

static void test_forbidden(void)
{
	static const char *const names[] = { "do_exit",		"panic",
					     "machine_restart", "native_write_cr4",
					     "exc_page_fault",	"asm_exc_page_fault" };
	char message[1024];
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct builder builder = new_builder();
		int program;

		add_kernel_call(&builder, names[i]);
		program = load(&builder, "call", 0, message);
		expect(program == -EOPNOTSUPP && strstr(message, "must not be called"), "%s: %d: %s",
		       names[i], program, message);
	}
}

/* Sizes, pointers and commands that make no sense. */
static void test_bad_arguments(void)
{
	struct ktap_load good = { .abi_version = KTAP_ABI_VERSION }, load_;
	int device = open(KTAP_DEVICE, O_RDWR | O_CLOEXEC);
	char byte = 0;

	expect(device >= 0, "open: %s", strerror(errno));
	good.image = (uintptr_t)&byte;
	good.image_size = 1;
#define REFUSED(error, change)                                                              \
	do {                                                                                \
		load_ = good;                                                               \
		change;                                                                     \
		expect(ioctl(device, KTAP_IOC_LOAD, &load_) < 0 && errno == (error),        \
		       "%s: %s", #change, strerror(errno));                                 \
	} while (0)
	REFUSED(EPROTO, load_.abi_version = 77);
	REFUSED(EINVAL, load_.flags = 1u << 31);
	REFUSED(EINVAL, load_.image_size = 0);
	REFUSED(EINVAL, load_.image_size = ~0ull);
	REFUSED(EINVAL, load_.image_size = (16u << 20) + 1);
	REFUSED(EFAULT, load_.image = 0);
	REFUSED(EFAULT, load_.image = ~0ull << 47);
	REFUSED(EFAULT, load_.image_size = 16u << 20);
	REFUSED(EINVAL, load_.grants_size = ~0ull);
	REFUSED(EFAULT, load_.grants_size = 10);
	REFUSED(EINVAL, load_.memory = 1);
	REFUSED(EINVAL, load_.memory = ~0ull);
	REFUSED(EINVAL, (load_.message = 8, load_.message_size = 100));
#undef REFUSED
	expect(ioctl(device, KTAP_IOC_LOAD, NULL) < 0 && errno == EFAULT, "load at NULL");
	expect(ioctl(device, KTAP_IOC_RUN, 0) < 0 && errno == ENOTTY, "run on the device");
	expect(read(device, &byte, 1) < 0, "read from the device");
	close(device);
}

/* Runs what passed the verifier, whatever it does now, and reads some of what it says. */
static void run_briefly(int program)
{
	static unsigned char buffer[2 * KTAP_RECORD_MAX_BYTES];
	struct pollfd poll_ = { .fd = program, .events = POLLIN };
	int reads = 0;

	ioctl(program, KTAP_IOC_RUN, 0);
	while (reads++ < 10 && poll(&poll_, 1, 100) == 1 &&
	       read(program, buffer, sizeof(buffer)) > 0)
		;
	close(program);
}

/* Random bytes; a good image cut off anywhere; a good image with a byte changed, with and without a
 * right checksum. The kernel survives; what is refused has a message, what is not runs. */
static void test_damaged_images(void)
{
	struct builder builder = new_builder();
	unsigned char *image, *copy;
	size_t size, i;
	char message[1024];
	int program, accepted = 0;

	add_call(&builder, "ktap_test_long", 1);
	image = builder_image(&builder, &size);
	copy = malloc(size);
	for (i = 0; i < size; i++) {
		program = load_bytes(image, i, "call", 0, message);
		expect(program < 0 && (i == 0 || message[0]), "cut off at %zu: %d: %s", i, program,
		       message);
	}
	for (i = 0; i < 4 * size; i++) {
		memcpy(copy, image, size);
		copy[i % size] ^= 1u << rand() % 8;
		if (i >= size)
			builder_seal(copy, size);
		program = load_bytes(copy, size, "call", 0, message);
		expect(program >= 0 ? i >= size : message[0] != 0, "byte %zu changed: %d", i % size,
		       program);
		if (program >= 0) {
			accepted++;
			run_briefly(program);
		}
	}
	for (i = 0; i < 2000; i++) {
		size_t at;

		for (at = 0; at < size; at++)
			copy[at] = rand();
		program = load_bytes(copy, size, "call", 0, message);
		expect(program == -EINVAL && message[0], "random bytes: %d", program);
	}
	printf("  %zu bytes; %d of %zu changed images still valid\n", size, accepted, 4 * size);
	free(copy);
	free(image);
}

static const struct {
	const char *name;
	int64_t argument;
	const char *says; /* part of the message */
} faults[] = {
	{ "ktap_test_read_null", 0, "ktap_test_read" },
	{ "ktap_test_read_unmapped", 0, "ktap_test_read" },
	{ "ktap_test_read_noncanonical", 0, "ktap_test_read" },
	{ "ktap_test_write_constant", 0, "ktap_test_write" },
	{ "ktap_test_read", 0x1234, "ktap_test_read" },
	{ "ktap_test_length", 8, "" },
	{ "ktap_test_divide", 0, "ktap_test_divide" },
	{ "ktap_test_bug", 0, "ktap_test_bug" },
	{ "ktap_test_jump", 0, "" },
	{ "ktap_test_jump", 0x1000, "" },
	{ "ktap_test_fault_preempt_off", 0, "ktap_test_read" },
	{ "ktap_test_fault_irqs_off", 0, "ktap_test_read" },
	{ "ktap_test_fault_bh_off", 0, "ktap_test_read" },
	{ "ktap_test_fault_rcu", 0, "ktap_test_read" },
	{ "ktap_test_fault_fpu", 0, "ktap_test_read" },
	{ "ktap_test_fault_migration_off", 0, "ktap_test_read" },
	{ "ktap_test_fault_asleep", 0, "ktap_test_read" },
	{ "ktap_test_fault_mutex", 0, "ktap_test_read" },
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* Every fault comes back as an error; nothing that can be undone is left behind it. */
static void test_faults(void)
{
	struct builder builder = new_builder();
	struct output output;
	char *line, *rest;
	unsigned i;

	for (i = 0; i < FAULTS; i++) {
		add_call(&builder, faults[i].name, faults[i].argument);
		add_call(&builder, "ktap_test_leftovers", 0);
	}
	run(&builder, "call", KTAP_LOAD_KEEP_GOING, &output);
	rest = output.text;
	/* The first one says, once, what a fault leaves behind. */
	line = strsep(&rest, "\n");
	expect(line && strncmp(line, "note: ", 6) == 0 && strstr(line, faults[0].name),
	       "no note: %s", line ? line : "(nothing)");
	for (i = 0; i < FAULTS; i++) {
		line = strsep(&rest, "\n");
		expect(line && strncmp(line, "false ", 6) == 0 && strstr(line, faults[i].says),
		       "%s: %s", faults[i].name, line ? line : "(nothing)");
		line = strsep(&rest, "\n");
		expect(line && strcmp(line, "true 0") == 0, "after %s: %s", faults[i].name,
		       line ? line : "(nothing)");
		if (!rest)
			break;
	}
	expect(output.status == KTAP_EXIT_OK, "exit status %d", output.status);
	expect(!tainted(TAINT_DIE), "the kernel is tainted: it has died");
}

/* Without --keep-going, one fault is the last call. */
static void test_refusal_after_fault(void)
{
	struct builder builder = new_builder();
	struct output output;
	char message[1024];
	int program;

	add_call(&builder, "ktap_test_read_null", 0);
	add_call(&builder, "ktap_test_long", 7);
	run(&builder, "call", 0, &output);
	expect(strstr(output.text, "\nfalse ") && strstr(output.text, "calls are refused"),
	       "printed:\n%s", output.text);
	program = load(&builder, "call", 0, message);
	expect(program == -EBUSY && strstr(message, "calls are refused"), "load: %d: %s", program,
	       message);
	program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
	expect(program >= 0, "load with keep-going: %d: %s", program, message);
	close(program);
}

/* A lock may be held across calls; what is left at the end is reported and undone. */
static void test_locks_across_calls(void)
{
	struct builder builder = new_builder();
	struct output output;

	add_call(&builder, "ktap_test_lock", 0);
	add_call(&builder, "ktap_test_leftovers", 0);
	add_call(&builder, "ktap_test_unlock", 0);
	add_call(&builder, "ktap_test_leftovers", 0);
	run(&builder, "call", KTAP_LOAD_KEEP_GOING, &output);
	expect(strstr(output.text, "true 1\n") && strstr(output.text, "true 0\n") &&
		       !strstr(output.text, "note"),
	       "printed:\n%s", output.text);
	builder = new_builder();
	add_call(&builder, "ktap_test_disable_preemption", 0);
	run(&builder, "call", KTAP_LOAD_KEEP_GOING, &output);
	expect(strstr(output.text, "note: 'ktap_test_disable_preemption' left"), "printed:\n%s",
	       output.text);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* A script without end, stopped in each way. */
static void test_stopping(void)
{
	struct builder builder = new_builder();
	struct output output;
	char message[1024];
	double start;
	int program, status;
	pid_t child;

	builder.loops_forever = 1;
	add_call(&builder, "ktap_test_count", 0);
	program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
	ioctl(program, KTAP_IOC_RUN, 0);
	expect(ioctl(program, KTAP_IOC_RUN, 0) < 0 && errno == EBUSY, "a second run");
	usleep(200000);
	ioctl(program, KTAP_IOC_STOP, 0);
	read_output(program, &output);
	expect(output.status == KTAP_EXIT_INTERRUPTED, "stopped: exit status %d", output.status);
	close(program);

	child = fork();
	if (child == 0) {
		program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
		ioctl(program, KTAP_IOC_RUN, 0);
		pause();
	}
	usleep(500000);
	kill(child, SIGKILL);
	start = now();
	waitpid(child, &status, 0);
	expect(now() - start < 3, "kill -9 took %f s", now() - start);

	builder = new_builder();
	add_call(&builder, "ktap_test_sleep", 60000);
	program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
	ioctl(program, KTAP_IOC_RUN, 0);
	usleep(100000);
	start = now();
	close(program);
	expect(now() - start < 3, "closing during a sleep took %f s", now() - start);
}

/* A call that is not to be woken outlives its file, and then cleans up after itself. */
static void test_deaf_sleep(void)
{
	struct builder builder = new_builder();
	char message[1024];
	double start = now();
	int program;

	add_call(&builder, "ktap_test_sleep_deaf", 9000);
	program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
	ioctl(program, KTAP_IOC_RUN, 0);
	usleep(100000);
	close(program);
	expect(now() - start > 4 && now() - start < 8, "closing took %f s", now() - start);
	sleep(6);
}

/* A callee that ends its thread is noticed. */
static void test_thread_ended(void)
{
	struct builder builder = new_builder();
	struct output output;

	add_call(&builder, "ktap_test_end_thread", 0);
	run(&builder, "call", KTAP_LOAD_KEEP_GOING, &output);
	expect(strstr(output.text, "'ktap_test_end_thread'") && output.status == KTAP_EXIT_ERROR,
	       "printed: %s, status %d", output.text, output.status);
}

/* More output than the ring holds, read slowly, arrives whole. */
static void test_full_ring(void)
{
	static unsigned char buffer[KTAP_RECORD_MAX_BYTES];
	struct builder builder = new_builder();
	unsigned long total = 0;
	struct pollfd poll_;
	char message[1024];
	int program;
	ssize_t size;

	builder.loops_forever = 1;
	add_call(&builder, "ktap_test_count", 0);
	program = load(&builder, "call", KTAP_LOAD_KEEP_GOING, message);
	ioctl(program, KTAP_IOC_RUN, 0);
	expect(read(program, buffer, 8) < 0 && errno == EINVAL, "a buffer too short for a record");
	while (total < (2u << 20)) {
		poll_ = (struct pollfd){ .fd = program, .events = POLLIN };
		expect(poll(&poll_, 1, 5000) == 1, "poll");
		size = read(program, buffer, sizeof(buffer));
		if (!expect(size > 0, "read: %s", strerror(errno)))
			break;
		total += size;
	}
	close(program);
}

static void test_cycles(void)
{
	struct builder builder = new_builder();
	struct output output;
	int i;

	add_call(&builder, "ktap_test_long", 3);
	for (i = 0; i < 50; i++) {
		run(&builder, "call", KTAP_LOAD_KEEP_GOING, &output);
		expect(strcmp(output.text, "true 3\n") == 0, "printed: %s", output.text);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
	bool only_named; /* needs a freshly loaded module */
} cases[] = {
	{ "calls", test_calls, false },
	{ "harmless", test_harmless, false },
	{ "grants", test_grants, false },
	{ "refused-images", test_refused_images, false },
	{ "forbidden", test_forbidden, false },
	{ "bad-arguments", test_bad_arguments, false },
	{ "damaged-images", test_damaged_images, false },
	{ "faults", test_faults, false },
	{ "locks-across-calls", test_locks_across_calls, false },
	{ "stopping", test_stopping, false },
	{ "deaf-sleep", test_deaf_sleep, false },
	{ "thread-ended", test_thread_ended, false },
	{ "full-ring", test_full_ring, false },
	{ "cycles", test_cycles, false },
	{ "refusal-after-fault", test_refusal_after_fault, true },
};

static bool is_chosen(unsigned index, int count, char **chosen)
{
	int i;

	for (i = 1; i < count; i++)
		if (strcmp(chosen[i], cases[index].name) == 0)
			return true;
	return count == 1 && !cases[index].only_named;
}

static void read_build_id(void)
{
	unsigned char notes[4096];
	int file = open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
	ssize_t size = read(file, notes, sizeof(notes)), at = 0;

	close(file);
	while (at + 12 <= size) {
		const uint32_t *header = (const void *)&notes[at];
		ssize_t name = at + 12, bytes = name + ((header[0] + 3) & ~3u);

		at = bytes + ((header[1] + 3) & ~3u);
		if (at <= size && header[2] == 3 && memcmp(&notes[name], "GNU", 4) == 0) {
			build_id_size = header[1];
			memcpy(build_id, &notes[bytes], build_id_size);
		}
	}
	expect(build_id_size != 0, "no build id in /sys/kernel/notes");
}

int main(int count, char **arguments)
{
	unsigned i;
	int before, ran = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	srand(20240229);
	read_build_id();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!is_chosen(i, count, arguments))
			continue;
		before = failures;
		cases[i].run();
		printf("%s %s\n", failures == before ? "ok" : "NOT OK", cases[i].name);
		ran++;
	}
	printf("%d cases, %d failures\n", ran, failures);
	return failures != 0 || ran == 0;
}
