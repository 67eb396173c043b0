/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Reading a verified image outside the VM: the few sections that the module itself looks at. */
#ifndef KTAP_KERNEL_IMAGE_VIEW_H
#define KTAP_KERNEL_IMAGE_VIEW_H

#include <linux/types.h>

#include <ktap/image.h>

/* The entries of a section and their number. The image must have passed ktap_verify(). */
static inline const void *ktap_image_section(const void *image, enum ktap_section_id id, u32 *count)
{
	const struct ktap_image_section *section =
		image + sizeof(struct ktap_image_header) + id * sizeof(*section);

	*count = section->count;
	return image + section->offset;
}

/* String `index`, which ends with a zero byte; "?" for KTAP_NONE. */
static inline const char *ktap_image_text(const void *image, u32 index)
{
	const struct ktap_image_string *strings;
	const char *bytes;
	u32 count;

	if (index == KTAP_NONE)
		return "?";
	strings = ktap_image_section(image, KTAP_SECTION_STRINGS, &count);
	bytes = ktap_image_section(image, KTAP_SECTION_BYTES, &count);
	return bytes + strings[index].offset;
}

#endif
