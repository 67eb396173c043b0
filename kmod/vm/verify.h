/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The verifier's parts. Each checks some sections, relying on what the parts before it have
 * checked; the order is in ktap_verify(). Each returns 0, or -1 with the message written.
 */
#ifndef KTAP_VERIFY_H
#define KTAP_VERIFY_H

#include <ktap/vm.h>

#include "sections.h"

struct ktap_verifier {
	struct ktap_sections s;
	const u8 *image;
	u8 *scratch;
	u64 scratch_size;
	void (*pause)(void);
	u32 work;
	struct ktap_message *message;
};

/* Says why byte `where` of the image is refused. Returns -1. */
int ktap_refuse(struct ktap_verifier *v, const void *where, const char *format, ...)
	KTAP_PRINTF(3, 4);
/* Says why an instruction is refused. Returns -1. */
int ktap_refuse_code(struct ktap_verifier *v, u32 function, u32 pc, const char *format, ...)
	KTAP_PRINTF(4, 5);

/* `bytes` of zeroed scratch memory, the same for every caller; null (message written) if there
 * is less. */
void *ktap_verify_scratch(struct ktap_verifier *v, u64 bytes);

/* Called once per entry or instruction checked. */
static inline void ktap_verify_step(struct ktap_verifier *v)
{
	if (unlikely(++v->work >= 65536) && v->pause) {
		v->work = 0;
		v->pause();
	}
}

int ktap_verify_types(struct ktap_verifier *v);
int ktap_verify_fields(struct ktap_verifier *v);
int ktap_verify_plans(struct ktap_verifier *v);
int ktap_verify_functions(struct ktap_verifier *v);

/* An object of this type has a size and can be read, written or passed. */
static inline bool ktap_type_is_complete(const struct ktap_image_type *type)
{
	return type->kind != KTAP_TYPE_VOID && type->kind != KTAP_TYPE_FUNCTION &&
	       !(type->flags & (KTAP_TYPE_INCOMPLETE | KTAP_TYPE_FLEXIBLE));
}

/* A value of this type fits a script value: boolean, integer of at most 64 bits, enum, pointer. */
static inline bool ktap_type_is_scalar(const struct ktap_image_type *type)
{
	switch (type->kind) {
	case KTAP_TYPE_BOOL:
	case KTAP_TYPE_POINTER:
		return true;
	case KTAP_TYPE_INT:
		return type->size <= 8;
	case KTAP_TYPE_ENUM:
		return !(type->flags & KTAP_TYPE_INCOMPLETE);
	}
	return false;
}

/* Limits of the type table, relied on by the interpreter. */
#define KTAP_TYPE_MAX_BYTES   (1ull << 40)
#define KTAP_TYPE_MAX_NESTING 32u    /* aggregates in aggregates, by value */
#define KTAP_TYPE_MAX_NAMES   65535u /* members, those of anonymous members included */

#endif
