/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* An image's sections as typed arrays: valid once the section table was checked. */
#ifndef KTAP_SECTIONS_H
#define KTAP_SECTIONS_H

#include <ktap/image.h>
#include <ktap/opcodes.h>

#include "base.h"

struct ktap_sections {
	const struct ktap_image_header *header;
	const struct ktap_image_string *strings;
	const char *bytes;
	const struct ktap_image_constant *constants;
	const struct ktap_image_type *types;
	const struct ktap_image_member *members;
	const struct ktap_image_enumerator *enumerators;
	const struct ktap_image_param *params;
	const struct ktap_image_plan *plans;
	const struct ktap_image_step *steps;
	const struct ktap_image_symbol *symbols;
	const struct ktap_image_global *globals;
	const struct ktap_image_function *functions;
	const struct ktap_image_capture *captures;
	const struct ktap_instruction *code;
	const struct ktap_image_line *lines;
	const struct ktap_image_grant *grants;
	const u8 *build_id;
	const struct ktap_image_field *fields;
	u32 count[KTAP_SECTION_COUNT]; /* entries of each */
};

void ktap_sections_open(struct ktap_sections *sections, const void *image);

/* A string's bytes, ended by a zero byte. */
static inline const char *ktap_sections_text(const struct ktap_sections *sections, u32 string)
{
	return string == KTAP_NONE ? "" : sections->bytes + sections->strings[string].offset;
}

/* Where a plan with KTAP_RETURN_MEMORY has the hidden pointer: rdi, or rcx. */
static inline u32 ktap_result_slot(const struct ktap_image_plan *plan)
{
	return plan->convention == KTAP_CONVENTION_MICROSOFT ? 3 : 0;
}

#endif
