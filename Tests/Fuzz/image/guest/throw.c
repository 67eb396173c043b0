// SPDX-License-Identifier: MIT
/*
 * Throws mutated images at /dev/ktap: throw COUNT IMAGE… What is loaded is run, with no grants, for a
 * moment. Ends with "thrown N, loaded N", which says that the machine is still there to say it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ktap/ioctl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);

#define ROOM     (64u << 10)
#define PATIENCE 5  /* milliseconds without output before a program is stopped */
#define RECORDS  50 /* reads of one program's output */

struct seed {
	uint8_t *bytes;
	size_t size;
};

/* What libFuzzer has of its own: here, one byte changes. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room)
{
	(void)room;
	if (size)
		data[rand() % size] ^= 1 << rand() % 8;
	return size;
}

static void fail(const char *what)
{
	fprintf(stderr, "throw: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct seed read_seed(const char *name)
{
	struct seed seed = { malloc(ROOM), 0 };
	FILE *file = fopen(name, "r");

	if (!file)
		fail(name);
	seed.size = fread(seed.bytes, 1, ROOM, file);
	fclose(file);
	return seed;
}

static void run(int program)
{
	static char records[1 << 16];
	struct pollfd readable = { .fd = program, .events = POLLIN };
	int reads;

	if (ioctl(program, KTAP_IOC_RUN, 0) < 0)
		return;
	for (reads = 0; reads < RECORDS; reads++) {
		if (poll(&readable, 1, PATIENCE) <= 0)
			break;
		if (read(program, records, sizeof(records)) <= 0)
			return;
	}
	ioctl(program, KTAP_IOC_STOP, 0);
}

/* Whether the image was accepted. */
static int throw_image(int device, const uint8_t *image, size_t size)
{
	static char message[256];
	struct ktap_load load = {
		.abi_version = KTAP_ABI_VERSION,
		.image = (uintptr_t)image,
		.image_size = size,
		.memory = KTAP_MEMORY_LEAST,
		.message = (uintptr_t)message,
		.message_size = sizeof(message),
	};
	int program = ioctl(device, KTAP_IOC_LOAD, &load);

	if (program < 0)
		return 0;
	run(program);
	close(program);
	return 1;
}

int main(int count, char **arguments)
{
	static _Alignas(8) uint8_t image[ROOM];
	struct seed *seeds = calloc(count, sizeof(*seeds));
	long thrown;
	long total = count > 2 ? atol(arguments[1]) : 0;
	long loaded = 0;
	int device = open(KTAP_DEVICE, O_RDWR);

	if (device < 0)
		fail(KTAP_DEVICE);
	for (int i = 2; i < count; i++)
		seeds[i - 2] = read_seed(arguments[i]);
	for (thrown = 0; thrown < total; thrown++) {
		const struct seed *seed = &seeds[thrown % (count - 2)];
		size_t size = seed->size;

		memcpy(image, seed->bytes, size);
		for (int times = rand() % 4; times >= 0; times--)
			size = LLVMFuzzerCustomMutator(image, size, ROOM, rand());
		loaded += throw_image(device, image, size);
	}
	printf("thrown %ld, loaded %ld\n", thrown, loaded);
	return 0;
}
