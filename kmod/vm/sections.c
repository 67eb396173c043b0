/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "sections.h"

void ktap_sections_open(struct ktap_sections *sections, const void *image)
{
	const u8 *bytes = image;
	const struct ktap_image_section *table =
		(const void *)(bytes + sizeof(struct ktap_image_header));
	u32 i;

#define PLACE(field, id) (sections->field = (const void *)(bytes + table[KTAP_SECTION_##id].offset))
	sections->header = image;
	PLACE(strings, STRINGS);
	PLACE(bytes, BYTES);
	PLACE(constants, CONSTANTS);
	PLACE(types, TYPES);
	PLACE(members, MEMBERS);
	PLACE(enumerators, ENUMERATORS);
	PLACE(params, PARAMS);
	PLACE(plans, PLANS);
	PLACE(steps, STEPS);
	PLACE(symbols, SYMBOLS);
	PLACE(globals, GLOBALS);
	PLACE(functions, FUNCTIONS);
	PLACE(captures, CAPTURES);
	PLACE(code, CODE);
	PLACE(lines, LINES);
	PLACE(grants, GRANTS);
	PLACE(build_id, BUILD_ID);
	PLACE(fields, FIELDS);
#undef PLACE
	for (i = 0; i < KTAP_SECTION_COUNT; i++)
		sections->count[i] = table[i].count;
}
