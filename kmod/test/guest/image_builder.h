/* SPDX-License-Identifier: MIT */
/*
 * Makes images by hand, for tests of the module that must not depend on the compiler: a main chunk
 * that calls functions one after the other, each in a pcall, and prints what came of it.
 */
#ifndef KTAP_TEST_IMAGE_BUILDER_H
#define KTAP_TEST_IMAGE_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include <ktap/image.h>

#define BUILDER_CALLS 64
#define BUILDER_ARGUMENTS 64

struct builder_call {
	const char *module; /* NULL: the kernel itself */
	const char *name;
	uint64_t offset;    /* from _stext; for module NULL */
	int returns_value;  /* 1: a long; 0: nothing */
	unsigned argument_count;
	int64_t arguments[BUILDER_ARGUMENTS];
};

struct builder {
	struct builder_call calls[BUILDER_CALLS];
	unsigned call_count;
	int loops_forever; /* the main chunk begins anew behind the last call */
	int needs_write;   /* the image asks for the grant to write */
	uint32_t flags;    /* KTAP_IMAGE_* */
	uint8_t build_id[64];
	size_t build_id_size;
};

/* The image's bytes (to be freed), its size in *size. Exits where memory is short. */
void *builder_image(const struct builder *builder, size_t *size);

/* The checksum of the header, for images that a test has changed. */
void builder_seal(void *image, size_t size);

#endif
