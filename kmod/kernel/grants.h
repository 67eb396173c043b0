/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the person allowed: the grant lines of KTAP_IOC_LOAD. */
#ifndef KTAP_KERNEL_GRANTS_H
#define KTAP_KERNEL_GRANTS_H

#include <linux/types.h>

#include <ktap/vm.h>

#define KTAP_GRANTS_MAX_BYTES 65536

struct ktap_grants {
	char *names; /* of "call=NAME", each ended by a zero byte; an empty one is the last */
	bool call;   /* any function */
	bool write;
	bool callback;
};

/* Parses `text` (ended by a zero byte; changed and then owned by `grants`). 0, or -EINVAL and a
 * message about the line that is no grant; `text` is owned either way. */
int ktap_grants_parse(struct ktap_grants *grants, char *text, struct ktap_message *message);
void ktap_grants_free(struct ktap_grants *grants);

/* Whether a function may be called by this name without regard to its arguments. */
bool ktap_grants_call(const struct ktap_grants *grants, const char *name);

/* Checks what the image says it will ask for against what was allowed. 0, or -EPERM and a message
 * with the flags to add. Functions that need none (harmless.def) pass. */
int ktap_grants_check(const struct ktap_grants *grants, const void *image,
		      struct ktap_message *message);

#endif
