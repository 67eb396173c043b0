/* SPDX-License-Identifier: MIT */
/* An image taken apart into its sections, so that they can be changed, and put together again. */
#ifndef KTAP_FUZZ_IMAGE_H
#define KTAP_FUZZ_IMAGE_H

#include <ktap/image.h>
#include <ktap/opcodes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTION_ROOM (64u << 10) /* bytes of a section at most: fuzzed images are small */

struct parts {
	struct ktap_image_header header;
	uint32_t count[KTAP_SECTION_COUNT]; /* entries */
	_Alignas(8) uint8_t bytes[KTAP_SECTION_COUNT][SECTION_ROOM];
};

/* False if `data` is not laid out as an image; nothing else about it is checked. */
bool take_apart(struct parts *parts, const uint8_t *data, size_t size);

/* Bytes written; 0 if there is no room for them. The checksum is right. */
size_t put_together(const struct parts *parts, uint8_t *data, size_t room);

static inline struct ktap_instruction *code_of(struct parts *parts)
{
	return (struct ktap_instruction *)parts->bytes[KTAP_SECTION_CODE];
}

static inline struct ktap_image_function *functions_of(struct parts *parts)
{
	return (struct ktap_image_function *)parts->bytes[KTAP_SECTION_FUNCTIONS];
}

#endif
