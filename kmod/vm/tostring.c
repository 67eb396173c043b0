/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Any value as a string, as `tostring` and `..` have it; the loader shows values in the same way. */
#include "ctype.h"
#include "string.h"

static void add_cdata(struct ktap_activation *activation, struct ktap_text *text,
		      const struct ktap_value *value)
{
	const struct ktap_image_type *type = &activation->program->types[value->type];

	if (value->tag == KTAP_SCALAR && type->kind != KTAP_TYPE_POINTER &&
	    type->kind != KTAP_TYPE_FUNCTION) {
		if (type->kind == KTAP_TYPE_BOOL)
			ktap_text_string(text, value->bits ? "true" : "false");
		else if (type->flags & KTAP_TYPE_SIGNED)
			ktap_text_add(text, "%lld", (long long)value->bits);
		else
			ktap_text_add(text, "%llu", (unsigned long long)value->bits);
		return;
	}
	ktap_text_add(text, "%s: 0x%llx", ktap_type_name(activation, value->type),
		      (unsigned long long)value->bits);
}

static void add_value(struct ktap_activation *activation, struct ktap_text *text,
		      const struct ktap_value *value)
{
	switch (value->tag) {
	case KTAP_NIL:
		ktap_text_string(text, "nil");
		break;
	case KTAP_FALSE:
	case KTAP_TRUE:
		ktap_text_string(text, value->tag == KTAP_TRUE ? "true" : "false");
		break;
	case KTAP_INT:
		ktap_text_add(text, "%lld", (long long)value->bits);
		break;
	case KTAP_UINT:
		ktap_text_add(text, "%llu", (unsigned long long)value->bits);
		break;
	case KTAP_TABLE:
		ktap_text_add(text, "table: 0x%llx", (unsigned long long)value->bits);
		break;
	case KTAP_CLOSURE:
	case KTAP_BUILTIN:
		ktap_text_add(text, "function: 0x%llx", (unsigned long long)value->bits);
		break;
	case KTAP_CTYPE:
		ktap_text_add(text, "ctype<%s>", ktap_type_name(activation, value->bits));
		break;
	default:
		add_cdata(activation, text, value);
	}
}

int ktap_to_string(struct ktap_activation *activation, struct ktap_value *to,
		   const struct ktap_value *value)
{
	struct ktap_string *string;

	if (value->tag == KTAP_STRING) {
		*to = *value;
		return 0;
	}
	ktap_text_begin(&activation->text, activation->text_bytes, sizeof(activation->text_bytes));
	add_value(activation, &activation->text, value);
	string = ktap_string_make(activation, activation->text.bytes, activation->text.length);
	if (!string)
		return -1;
	ktap_set_string(to, string);
	return 0;
}
