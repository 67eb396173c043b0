// SPDX-License-Identifier: MIT OR GPL-2.0
/* What the person allowed: see grants.h. */
#include "grants.h"

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <ktap/image.h>

#include "callable.h"
#include "image_view.h"

#define CALL_PREFIX "call="

/* Parses one line; a name is moved to `*names` (which never overtakes the line). */
static bool parse_line(struct ktap_grants *grants, char *line, char **names)
{
	size_t length;

	if (strcmp(line, "call") == 0) {
		grants->call = true;
	} else if (strcmp(line, "write") == 0) {
		grants->write = true;
	} else if (strcmp(line, "callback") == 0) {
		grants->callback = true;
	} else if (strstarts(line, CALL_PREFIX) && line[strlen(CALL_PREFIX)]) {
		length = strlen(line) - strlen(CALL_PREFIX) + 1;
		memmove(*names, line + strlen(CALL_PREFIX), length);
		*names += length;
	} else {
		return false;
	}
	return true;
}

int ktap_grants_parse(struct ktap_grants *grants, char *text, struct ktap_message *message)
{
	char *rest = text, *names = text, *line;

	*grants = (struct ktap_grants){ .names = text };
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!*line || parse_line(grants, line, &names))
			continue;
		scnprintf(message->text, message->size,
			  "'%.64s' is not a grant: use call, call=NAME, write or callback", line);
		return -EINVAL;
	}
	*names = '\0';
	return 0;
}

void ktap_grants_free(struct ktap_grants *grants)
{
	kvfree(grants->names);
}

bool ktap_grants_call(const struct ktap_grants *grants, const char *name)
{
	const char *granted;

	if (grants->call)
		return true;
	for (granted = grants->names; *granted; granted += strlen(granted) + 1)
		if (strcmp(granted, name) == 0)
			return true;
	return false;
}

/* The flags that would make up for what is missing, in the making. */
struct missing {
	char calls[384]; /* names, separated by commas */
	size_t length;
	u32 count;
	bool call;
	bool write;
	bool callback;
	const char *first; /* a name of `calls` */
};

static void add_call(struct missing *missing, const char *name)
{
	missing->length += scnprintf(missing->calls + missing->length,
				     sizeof(missing->calls) - missing->length, "%s%s",
				     missing->count ? "," : "", name);
	if (missing->count++ == 0)
		missing->first = name;
}

static void check_grant(const struct ktap_grants *grants, const void *image,
			const struct ktap_image_grant *needed, struct missing *missing)
{
	const struct ktap_image_symbol *symbols;
	const char *name;
	u32 count;

	if (needed->kind == KTAP_GRANT_WRITE) {
		missing->write |= !grants->write;
	} else if (needed->kind == KTAP_GRANT_CALLBACK) {
		missing->callback |= !grants->callback;
	} else if (needed->symbol == KTAP_NONE) {
		missing->call |= !grants->call;
	} else {
		symbols = ktap_image_section(image, KTAP_SECTION_SYMBOLS, &count);
		name = ktap_image_text(image, symbols[needed->symbol].name);
		if (!ktap_grants_call(grants, name) && !ktap_harmless_find(name))
			add_call(missing, name);
	}
}

static void describe(const struct missing *missing, const char *script,
		     struct ktap_message *message)
{
	bool by_name = missing->count && !missing->call;
	int length;

	if (by_name)
		length = scnprintf(message->text, message->size, "calling '%s'", missing->first);
	else
		length = scnprintf(message->text, message->size, "%s",
				   missing->call    ? "calling through a pointer"
				   : missing->write ? "writing to the kernel's memory"
						    : "being called back by the kernel");
	scnprintf(message->text + length, message->size - length,
		  " needs a grant: run with%s%s%s%s (needed by %s)",
		  by_name ? " --allow call=" : missing->call ? " --allow call" : "",
		  by_name ? missing->calls : "", missing->write ? " --allow write" : "",
		  missing->callback ? " --allow callback" : "", script);
}

int ktap_grants_check(const struct ktap_grants *grants, const void *image,
		      struct ktap_message *message)
{
	const struct ktap_image_header *header = image;
	const struct ktap_image_grant *needed;
	struct missing missing = { .count = 0 };
	u32 count, i;

	needed = ktap_image_section(image, KTAP_SECTION_GRANTS, &count);
	for (i = 0; i < count; i++)
		check_grant(grants, image, &needed[i], &missing);
	if (!missing.count && !missing.call && !missing.write && !missing.callback)
		return 0;
	describe(&missing, ktap_image_text(image, header->script), message);
	return -EPERM;
}
