/* SPDX-License-Identifier: MIT */
/*
 * Calls kernel functions one by one, each from a kernel thread of its own, with arguments that are zero or
 * drawn: pointers from {0, 8, a non-canonical address, one checked to be unmapped}, integers from
 * {0, 1, -1, 16 random bits}. Never a mapped address: a silent wild write could not be told from survival.
 *
 *   sweep SEED <LIST      LIST: NAME OFFSET KINDS, a line each; OFFSET from _stext; KINDS: a letter for each
 *                         word of arguments (p pointer, i integer, z part of an aggregate: zero), or -
 *
 * Prints "call NAME WHICH" before each call, and has it leave the machine; then "RESULT NAME WHICH" with
 * RESULT returned, caught, ended (its thread), slept (for more than a second), refused. Behind each function
 * it looks whether the machine can still start a process on each processor; if not, it says "ill NAME" and
 * ends with 4: what hurts the kernel is best found at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <ktap/ioctl.h>
#include <ktap/output.h>

#include "image_builder.h"

/* How long a call may take, milliseconds. */
#define LIMIT 1000
#define NON_CANONICAL 0xdead000000000000ull

static uint8_t build_id[64];
static size_t build_id_size;
static uint64_t unmapped;

static void fail(const char *what)
{
	fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
	exit(3);
}

/* --- Arguments --------------------------------------------------------------------------------- */

/* xorshift64*; the state is never zero. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* A function's draw depends on nothing but its name and the seed (FNV-1a). */
static uint64_t state_for(const char *name, uint64_t seed)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ seed;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ull;
	return hash | 1;
}

static int64_t draw(char kind, uint64_t *state)
{
	uint64_t random = next_random(state) >> 16;
	const uint64_t pointers[] = { 0, 8, NON_CANONICAL, unmapped };
	const int64_t integers[] = { 0, 1, -1, random >> 8 & 0xffff };

	if (kind == 'p')
		return (int64_t)pointers[random % 4];
	return kind == 'i' ? integers[random % 4] : 0;
}

static void set_call(struct builder *builder, const char *name, uint64_t offset, const char *kinds,
		     uint64_t *state)
{
	struct builder_call *call = &builder->calls[0];

	*builder = (struct builder){ .flags = KTAP_IMAGE_TARGET_KERNEL, .call_count = 1 };
	memcpy(builder->build_id, build_id, build_id_size);
	builder->build_id_size = build_id_size;
	*call = (struct builder_call){ .name = name, .offset = offset, .returns_value = 1 };
	for (; *kinds && *kinds != '-' && call->argument_count < BUILDER_ARGUMENTS; kinds++)
		call->arguments[call->argument_count++] = state ? draw(*kinds, state) : 0;
}

/* --- One call ---------------------------------------------------------------------------------- */

/* Loads; the program's descriptor, or -errno. */
static int load(const struct builder *builder)
{
	char message[256];
	size_t size;
	void *image = builder_image(builder, &size);
	struct ktap_load request = {
		.abi_version = KTAP_ABI_VERSION,
		.flags = KTAP_LOAD_KEEP_GOING,
		.image = (uintptr_t)image,
		.image_size = size,
		.memory = 1 << 20,
		.grants = (uintptr_t) "call",
		.grants_size = 4,
		.message = (uintptr_t)message,
		.message_size = sizeof(message),
	};
	int device = open(KTAP_DEVICE, O_RDWR | O_CLOEXEC);
	int program = device < 0 ? -1 : ioctl(device, KTAP_IOC_LOAD, &request);

	if (program < 0)
		program = -errno;
	close(device);
	free(image);
	return program;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ull + time.tv_nsec / 1000000;
}

/* The program prints "true" and the result, or "false" and the error; a callee that ends its thread leaves
 * a note and no more than that. */
static const char *outcome(const struct ktap_record *record, const char *before, int64_t *result)
{
	const struct ktap_record_value *values = (const void *)(record + 1);

	if (record->kind != KTAP_RECORD_PRINT)
		return before;
	if (values[0].kind != KTAP_VALUE_BOOL || !values[0].payload)
		return "caught";
	*result = values[1].payload;
	return "returned";
}

static const char *watch(int program, int64_t *result)
{
	static unsigned char buffer[2 * KTAP_RECORD_MAX_BYTES];
	const char *seen = "ended";
	uint64_t end = now() + LIMIT, time;
	struct pollfd ready = { .fd = program, .events = POLLIN };
	ssize_t size, at;

	while ((time = now()) < end) {
		if (poll(&ready, 1, (int)(end - time)) <= 0)
			continue;
		size = read(program, buffer, sizeof(buffer));
		if (size <= 0)
			return seen;
		for (at = 0; at < size; at += ((struct ktap_record *)&buffer[at])->size)
			seen = outcome((struct ktap_record *)&buffer[at], seen, result);
	}
	return "slept";
}

static const char *call(const struct builder *builder, int *program, int64_t *result)
{
	*program = load(builder);
	if (*program < 0)
		return *program == -EOPNOTSUPP || *program == -ENOENT ? "refused" : "not-loaded";
	if (ioctl(*program, KTAP_IOC_RUN, 0) != 0)
		fail("run");
	return watch(*program, result);
}

/* To close a program whose call sleeps takes as long as that, so a child does it: the word that it
 * says in the pipe is all that is waited for. */
static void call_in_child(const struct builder *builder, const char *which)
{
	const char *name = builder->calls[0].name;
	char word[32] = "";
	int64_t result = 0;
	int ends[2], program = -1;
	ssize_t size;

	printf("call %s %s\n", name, which);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	if (pipe(ends) != 0)
		fail("pipe");
	if (fork() == 0) {
		close(ends[0]);
		dprintf(ends[1], "%s", call(builder, &program, &result));
		close(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	size = read(ends[0], word, sizeof(word) - 1);
	close(ends[0]);
	printf("%s %s %s\n", size > 0 ? word : "lost", name, which);
	fflush(stdout);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* --- Is the machine well? ---------------------------------------------------------------------- */

/* How long a processor may take to run a process and its timer, milliseconds. */
#define WELL_LIMIT 10000

static bool is_well(int processor)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int ends[2], answered;
	struct pollfd ready;
	cpu_set_t where;

	if (pipe(ends) != 0)
		fail("pipe");
	if (fork() == 0) {
		CPU_ZERO(&where);
		CPU_SET(processor, &where);
		if (sched_setaffinity(0, sizeof(where), &where) == 0 &&
		    nanosleep(&moment, NULL) == 0 && write(ends[1], "", 1) == 1)
			_exit(0);
		_exit(1);
	}
	ready = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	answered = poll(&ready, 1, WELL_LIMIT);
	close(ends[0]);
	close(ends[1]);
	return answered == 1;
}

static void look_at_machine(const char *name)
{
	long processor;

	for (processor = 0; processor < sysconf(_SC_NPROCESSORS_ONLN); processor++) {
		if (is_well((int)processor))
			continue;
		printf("ill %s\n", name);
		fflush(stdout);
		_exit(4);
	}
}

/* --- The list ---------------------------------------------------------------------------------- */

static void read_build_id(void)
{
	static unsigned char notes[4096];
	FILE *file = fopen("/sys/kernel/notes", "re");
	size_t size = file ? fread(notes, 1, sizeof(notes), file) : 0, at = 0;

	while (at + 12 <= size) {
		uint32_t header[3]; /* sizes of name and description, type */

		bool is_gnu;

		memcpy(header, notes + at, sizeof(header));
		at += sizeof(header);
		is_gnu = header[0] == 4 && at + 4 <= size && memcmp(notes + at, "GNU", 4) == 0;
		at += (header[0] + 3) & ~3u;
		if (is_gnu && header[2] == 3 && header[1] <= sizeof(build_id) &&
		    at + header[1] <= size) {
			memcpy(build_id, notes + at, build_id_size = header[1]);
			break;
		}
		at += (header[1] + 3) & ~3u;
	}
	if (file)
		fclose(file);
	if (!build_id_size)
		fail("the kernel's build id");
}

/* copy_from_kernel_nofault(NULL, address, 1) fails with EFAULT if nothing is there. */
static void find_unmapped(uint64_t offset)
{
	struct builder builder;
	int64_t result = 0;
	int program;

	for (unmapped = 0xfffff00000000000ull; unmapped < 0xfffffd0000000000ull;
	     unmapped += 1ull << 40) {
		set_call(&builder, "copy_from_kernel_nofault", offset, "-", NULL);
		builder.calls[0].argument_count = 3;
		builder.calls[0].arguments[1] = (int64_t)unmapped;
		builder.calls[0].arguments[2] = 1;
		if (strcmp(call(&builder, &program, &result), "returned") == 0 &&
		    result == -EFAULT) {
			close(program);
			return;
		}
		if (program >= 0)
			close(program);
	}
	fail("an unmapped address");
}

int main(int argument_count, char **arguments)
{
	uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 0) : 1, state, offset;
	char name[256], kinds[256];
	struct builder builder;

	read_build_id();
	if (scanf("%255s %" SCNu64 " %255s", name, &offset, kinds) != 3)
		fail("the list");
	find_unmapped(offset); /* its first line is copy_from_kernel_nofault's */
	while (scanf("%255s %" SCNu64 " %255s", name, &offset, kinds) == 3) {
		set_call(&builder, name, offset, kinds, NULL);
		call_in_child(&builder, "zero");
		if (strcmp(kinds, "-") != 0) {
			state = state_for(name, seed);
			set_call(&builder, name, offset, kinds, &state);
			call_in_child(&builder, "drawn");
		}
		look_at_machine(name);
	}
	puts("sweep-done");
	return 0;
}
