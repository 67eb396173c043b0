// SPDX-License-Identifier: MIT
#include "image.h"

#include <string.h>

/* CRC-32 as in zlib. */
static uint32_t crc32(const uint8_t *data, size_t size)
{
	static uint32_t table[256];
	uint32_t crc = ~0u;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
		table[i] = value;
	}
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

bool take_apart(struct parts *parts, const uint8_t *data, size_t size)
{
	struct ktap_image_section table[KTAP_SECTION_COUNT];

	if (size < sizeof(parts->header) + sizeof(table))
		return false;
	memcpy(&parts->header, data, sizeof(parts->header));
	memcpy(table, data + sizeof(parts->header), sizeof(table));
	for (uint32_t i = 0; i < KTAP_SECTION_COUNT; i++) {
		uint64_t bytes = (uint64_t)table[i].count * ktap_image_entry_size(i);

		if (bytes > SECTION_ROOM || table[i].offset > size ||
		    bytes > size - table[i].offset)
			return false;
		parts->count[i] = table[i].count;
		memcpy(parts->bytes[i], data + table[i].offset, bytes);
	}
	return true;
}

size_t put_together(const struct parts *parts, uint8_t *data, size_t room)
{
	struct ktap_image_header header = parts->header;
	struct ktap_image_section table[KTAP_SECTION_COUNT];
	size_t end = sizeof(header) + sizeof(table);
	uint32_t crc;

	if (end > room)
		return 0;
	for (uint32_t i = 0; i < KTAP_SECTION_COUNT; i++) {
		size_t bytes = (size_t)parts->count[i] * ktap_image_entry_size(i);
		size_t at = (end + 7) & ~(size_t)7;

		if (at + bytes > room)
			return 0;
		memset(data + end, 0, at - end);
		memcpy(data + at, parts->bytes[i], bytes);
		table[i] = (struct ktap_image_section){ (uint32_t)at, parts->count[i] };
		end = at + bytes;
	}
	header.total_size = end;
	header.crc32 = 0;
	memcpy(data, &header, sizeof(header));
	memcpy(data + sizeof(header), table, sizeof(table));
	crc = crc32(data, end);
	memcpy(data + offsetof(struct ktap_image_header, crc32), &crc, sizeof(crc));
	return end;
}
