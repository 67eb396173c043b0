// SPDX-License-Identifier: MIT
/*
 * The verifier and the VM on any bytes. What the verifier accepts is run: in a small arena, with
 * few instructions, in a host whose memory is one buffer and whose functions do nothing. What
 * AddressSanitizer cannot see, because it happens inside the arena, shows where each allocation
 * collects and overwrites what it frees; and the budgets are checked afterwards.
 */
#include <ktap/vm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INSTRUCTIONS 2000u
#define ARENA_BYTES  (192u << 10)

/* Memory that is not the program's. */
static _Alignas(16) uint8_t foreign[4096];

#define CALLBACKS             256u
#define CALLBACK_INSTRUCTIONS 200u
#define NESTING_MAX           3u

struct run {
	uint64_t executed;
	uint32_t exits, calls, safe_points, nesting;
	uint8_t live[CALLBACKS]; /* callbacks taken and not given back */
	int locked;
	struct ktap_program *program;
};

static void fail(const char *what)
{
	fprintf(stderr, "fuzz-image: %s\n", what);
	abort();
}

static uint8_t *foreign_at(uint64_t address, size_t size)
{
	uint64_t offset = address - (uintptr_t)foreign;

	return offset <= sizeof(foreign) && size <= sizeof(foreign) - offset ? foreign + offset
									     : NULL;
}

static int fuzz_read(void *data, void *to, __u64 from, __kernel_size_t size)
{
	const uint8_t *at = foreign_at(from, size);

	(void)data;
	if (!at)
		return -1;
	memcpy(to, at, size);
	return 0;
}

static int fuzz_write(void *data, __u64 to, const void *from, __kernel_size_t size)
{
	uint8_t *at = foreign_at(to, size);

	(void)data;
	if (!at)
		return -1;
	memcpy(at, from, size);
	return 0;
}

static long fuzz_read_string(void *data, char *to, __u64 from, __kernel_size_t size)
{
	__kernel_size_t length = 0;

	(void)data;
	while (length < size) {
		const uint8_t *at = foreign_at(from + length, 1);

		if (!at)
			return -1;
		to[length] = *at;
		if (!*at)
			break;
		length++;
	}
	return length;
}

/* The thunk of a callback is a place in the foreign memory. */
static __u64 fuzz_callback_take(void *data, __u32 callback, struct ktap_message *why)
{
	struct run *run = data;

	if (callback >= CALLBACKS || run->live[callback])
		fail("a callback that is taken already");
	if (callback % 64 == 63) {
		strcpy(why->text, "no");
		return 0;
	}
	run->live[callback] = 1;
	return (uintptr_t)foreign + callback;
}

static void fuzz_callback_give(void *data, __u64 address)
{
	struct run *run = data;
	uint64_t callback = address - (uintptr_t)foreign;

	if (callback >= CALLBACKS || !run->live[callback])
		fail("a callback that is given back twice");
	run->live[callback] = 0;
}

static void fuzz_lock(void *data, void *activation)
{
	struct run *run = data;

	(void)activation;
	if (run->locked++)
		fail("the lock is taken twice");
}

static void fuzz_unlock(void *data, void *activation)
{
	struct run *run = data;

	(void)activation;
	if (--run->locked)
		fail("the lock is given up twice");
}

/* Foreign code calls a callback with what it was given itself, in another thread now and then. */
static void call_back(struct run *run, struct ktap_call *call)
{
	uint32_t callback = run->calls % 4;
	struct ktap_incoming entry = {
		.callback = callback,
		.address = (uintptr_t)foreign + callback,
		.registers = call->slots,
		.stack = (uintptr_t)foreign,
		.instructions = CALLBACK_INSTRUCTIONS,
		.call = run->calls % 3 ? call : NULL,
	};

	if (!run->live[callback] || run->nesting == NESTING_MAX || call->words < 6)
		return;
	run->nesting++;
	fuzz_lock(run, NULL);
	ktap_program_enter(run->program, &entry);
	fuzz_unlock(run, NULL);
	run->nesting--;
}

static int fuzz_call(void *data, struct ktap_call *call)
{
	struct run *run = data;
	uint64_t sum = 0;

	call_back(run, call);
	for (uint32_t i = 0; i < call->words; i++)
		sum = sum * 31 + call->slots[i];
	call->rax = run->calls % 2 ? sum : (uintptr_t)foreign;
	call->rdx = ~sum;
	if (++run->calls % 8)
		return 0;
	call->fault = run->calls / 8 % (KTAP_CALL_STOPPED + 1);
	call->fault_is_write = run->calls & 1;
	call->fault_address = sum;
	call->fault_ip = sum;
	strcpy(call->text, "there");
	return call->fault ? -1 : 0;
}

/* Reads all of the record, as a sink would. */
static int fuzz_emit(void *data, const struct ktap_record *record)
{
	struct run *run = data;
	const struct ktap_record_value *value = (const void *)(record + 1);
	const uint8_t *end = (const uint8_t *)record + record->size;
	static volatile uint8_t sink;

	if (record->size % 8 || record->size > KTAP_RECORD_MAX_BYTES || run->exits)
		fail("a bad record");
	for (uint32_t i = 0; i < record->count; i++) {
		uint32_t text = value->kind == KTAP_VALUE_TEXT ? (value->length + 7) & ~7u : 0;

		if ((const uint8_t *)(value + 1) + text > end)
			fail("a record's value beyond its end");
		for (uint32_t byte = 0; byte < text; byte++)
			sink = ((const uint8_t *)(value + 1))[byte];
		if (record->kind == KTAP_RECORD_EXIT && i == 1)
			run->executed = value->payload;
		value = (const void *)((const uint8_t *)(value + 1) + text);
	}
	if ((const uint8_t *)value != end)
		fail("a record larger than its values");
	run->exits += record->kind == KTAP_RECORD_EXIT;
	(void)sink;
	return 0;
}

static int fuzz_bind(void *data, const struct ktap_program *program, __u32 index, __u64 *address,
		     struct ktap_message *why)
{
	const struct ktap_image_symbol *symbol = ktap_program_symbol(program, index);

	(void)data;
	(void)why;
	ktap_program_string(program, symbol->name, NULL);
	*address = (uintptr_t)foreign + index * 64 % sizeof(foreign);
	return 0;
}

static __u64 fuzz_percpu(void *data, __u64 offset)
{
	(void)data;
	return (uintptr_t)foreign + offset % sizeof(foreign);
}

static __u64 fuzz_time(void *data)
{
	(void)data;
	return 42;
}

static int fuzz_safe_point(void *data)
{
	((struct run *)data)->safe_points++;
	return 0;
}

static int fuzz_may_call(void *data, __u64 address, struct ktap_message *why)
{
	(void)data;
	if (address % 2 && why->size)
		strcpy(why->text, "odd");
	return !(address % 2);
}

static struct ktap_host host = {
	.read = fuzz_read,
	.write = fuzz_write,
	.read_string = fuzz_read_string,
	.call = fuzz_call,
	.emit = fuzz_emit,
	.bind = fuzz_bind,
	.percpu = fuzz_percpu,
	.monotonic_ns = fuzz_time,
	.realtime_ns = fuzz_time,
	.safe_point = fuzz_safe_point,
	.may_call = fuzz_may_call,
	.callback_take = fuzz_callback_take,
	.callback_give = fuzz_callback_give,
	.frame_read = fuzz_read,
	.frame_write = fuzz_write,
	.lock = fuzz_lock,
	.unlock = fuzz_unlock,
};

static void check(const struct run *run, const struct ktap_program *program, uint64_t arena_size,
		  int result)
{
	struct ktap_arena_usage usage;

	ktap_program_usage(program, &usage);
	if (run->locked)
		fail("the lock is kept");
	if (run->exits != 1)
		fail("not one EXIT record at the end");
	if (result < KTAP_EXIT_OK || result > KTAP_EXIT_INTERRUPTED)
		fail("an unknown result");
	if (run->executed > INSTRUCTIONS + KTAP_FINALISER_BUDGET + KTAP_SLICE + 65536)
		fail("more instructions than the budget");
	if (usage.highest > arena_size)
		fail("more memory than the arena");
}

/* One run of 64 collects at each allocation, three do steps of collections. */
static uint32_t collect_always(uint32_t choice)
{
	switch (choice & 0x700e) {
	case 0:
		return KTAP_COLLECT_WHOLLY;
	case 2:
	case 4:
	case 6:
		return KTAP_COLLECT_STEPS;
	}
	return KTAP_COLLECT_IN_NEED;
}

/* `choice`: bits of the checksum, so that one input always runs in the same way. */
static void run_image(const uint8_t *image, size_t size, uint32_t choice)
{
	struct ktap_limits limits = {
		.instructions = INSTRUCTIONS,
		.call_depth = choice & 1 ? 0 : 20,
		.collect_always = collect_always(choice),
		.fail_allocation_at = choice & 64 ? choice >> 15 & 0x7f : 0,
	};
	uint64_t arena_size = choice & 32 ? ARENA_BYTES / 3 : ARENA_BYTES;
	static uint8_t *arena;
	struct ktap_program *program;
	char text[128];
	struct ktap_message message = { .text = text, .size = sizeof(text) };
	struct run run = { 0 };

	if (!arena)
		arena = malloc(ARENA_BYTES);
	memset(arena, 0xcd, arena_size);
	host.grants = choice & 16 ? KTAP_MAY_WRITE | KTAP_MAY_CALL_ANY | KTAP_MAY_CALLBACK : 0;
	memset(foreign, 0, sizeof(foreign));
	strcpy((char *)foreign, "foreign");
	if (!ktap_program_create(&host, &run, image, size, arena, arena_size, &limits, &program,
				 &message)) {
		int result;

		run.program = program;
		result = ktap_program_run(program);
		check(&run, program, arena_size, result);
		ktap_program_destroy(program);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t scratch_size = KTAP_VERIFY_SCRATCH_BYTES(size);
	uint8_t *scratch = malloc(scratch_size);
	uint8_t *image = malloc(size);
	uint32_t choice = 0;
	char text[16]; /* too short for most messages */
	struct ktap_message message = { .text = text, .size = sizeof(text) };

	memcpy(image, data, size);
	if (!ktap_verify(image, size, scratch, scratch_size, NULL, &message)) {
		memcpy(&choice, data + offsetof(struct ktap_image_header, crc32), sizeof(choice));
		run_image(image, size, choice);
	} else if (memchr(text, 0, sizeof(text)) == NULL) {
		fail("a message without an end");
	}
	free(image);
	free(scratch);
	return 0;
}
