/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The verifier: types, members, enumerators, parameters. */
#include "verify.h"

static bool is_power_of_two(u64 number)
{
	return number && !(number & (number - 1));
}

static bool is_string(const struct ktap_verifier *v, u32 index)
{
	return index < v->s.count[KTAP_SECTION_STRINGS];
}

static u32 index_of(const struct ktap_verifier *v, const struct ktap_image_type *type)
{
	return type - v->s.types;
}

/* Which of the fields that not all kinds use, and which flags, a kind has. */
static const struct shape {
	u8 flags;
	bool ref, length, range, plan;
} shapes[] = {
	[KTAP_TYPE_VOID] = { .flags = KTAP_TYPE_CONST },
	[KTAP_TYPE_BOOL] = { .flags = KTAP_TYPE_CONST },
	[KTAP_TYPE_INT] = { .flags = KTAP_TYPE_CONST | KTAP_TYPE_SIGNED | KTAP_TYPE_CHAR },
	[KTAP_TYPE_FLOAT] = { .flags = KTAP_TYPE_CONST },
	[KTAP_TYPE_ENUM] = { .flags = KTAP_TYPE_CONST | KTAP_TYPE_SIGNED | KTAP_TYPE_INCOMPLETE,
			     .range = true },
	[KTAP_TYPE_POINTER] = { .flags = KTAP_TYPE_CONST, .ref = true },
	[KTAP_TYPE_ARRAY] = { .flags = KTAP_TYPE_CONST | KTAP_TYPE_FLEXIBLE,
			      .ref = true,
			      .length = true },
	[KTAP_TYPE_STRUCT] = { .flags = KTAP_TYPE_CONST | KTAP_TYPE_INCOMPLETE, .range = true },
	[KTAP_TYPE_UNION] = { .flags = KTAP_TYPE_CONST | KTAP_TYPE_INCOMPLETE, .range = true },
	[KTAP_TYPE_FUNCTION] = { .flags = KTAP_TYPE_VARIADIC,
				 .ref = true,
				 .range = true,
				 .plan = true },
};

/* The section that `first` and `count` of a kind refer to. */
static u32 range_section(u32 kind)
{
	return kind == KTAP_TYPE_ENUM       ? KTAP_SECTION_ENUMERATORS
	       : kind == KTAP_TYPE_FUNCTION ? KTAP_SECTION_PARAMS
					    : KTAP_SECTION_MEMBERS;
}

static int verify_shape(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	const struct shape *shape;
	u32 i = index_of(v, type);

	if (type->kind >= KTAP_COUNT_OF(shapes))
		return ktap_refuse(v, &type->kind, "type %u is of unknown kind %u", i, type->kind);
	shape = &shapes[type->kind];
	if (type->flags & ~(u32)shape->flags)
		return ktap_refuse(v, &type->flags, "type %u: flags 0x%x do not go with its kind",
				   i, type->flags);
	if (!is_string(v, type->name))
		return ktap_refuse(v, &type->name, "type %u: no string %u (name)", i, type->name);
	if (shape->ref ? type->ref >= v->s.count[KTAP_SECTION_TYPES] : type->ref)
		return ktap_refuse(v, &type->ref, "type %u: no type %u to refer to", i, type->ref);
	if (!shape->length && type->length)
		return ktap_refuse(v, &type->length, "type %u: a length, but no array", i);
	if (!shape->range && (type->first || type->count))
		return ktap_refuse(v, &type->first, "type %u: its kind has no members", i);
	if (!shape->plan && type->plan != KTAP_NONE)
		return ktap_refuse(v, &type->plan, "type %u: a call plan, but no function", i);
	return 0;
}

static int verify_range(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	u32 count = v->s.count[range_section(type->kind)];

	if (type->first > count || type->count > count - type->first)
		return ktap_refuse(v, &type->first, "type %u: entries %u.. (%u) do not exist",
				   index_of(v, type), type->first, type->count);
	if (type->flags & KTAP_TYPE_INCOMPLETE && type->count)
		return ktap_refuse(v, &type->count, "type %u: incomplete, but with members",
				   index_of(v, type));
	return 0;
}

static int refuse_size(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	return ktap_refuse(v, &type->size,
			   "type %u: a size of %llu bytes is not right for its kind",
			   index_of(v, type), (u64)type->size);
}

static bool is_scalar_size(u64 size)
{
	return size <= 8 && is_power_of_two(size);
}

/* Sizes that follow from the kind alone; arrays and records are checked with what they contain. */
static int verify_size(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	bool sized = true;
	bool right = true;

	switch (type->kind) {
	case KTAP_TYPE_VOID:
	case KTAP_TYPE_FUNCTION:
		sized = false;
		break;
	case KTAP_TYPE_BOOL:
		right = type->size == 1;
		break;
	case KTAP_TYPE_INT:
		right = is_scalar_size(type->size) || type->size == 16;
		right = right && (!(type->flags & KTAP_TYPE_CHAR) || type->size == 1);
		break;
	case KTAP_TYPE_FLOAT:
		right = type->size && type->size <= 256;
		break;
	case KTAP_TYPE_POINTER:
		right = type->size == 8;
		break;
	case KTAP_TYPE_ENUM:
		sized = !(type->flags & KTAP_TYPE_INCOMPLETE);
		right = is_scalar_size(type->size);
		break;
	default:
		sized = !(type->flags & KTAP_TYPE_INCOMPLETE);
		right = type->size <= KTAP_TYPE_MAX_BYTES;
	}
	if (sized ? !right : type->size != 0)
		return refuse_size(v, type);
	if (sized ? !is_power_of_two(type->align) : type->align != 0)
		return ktap_refuse(v, &type->align,
				   "type %u: an alignment of %u bytes is not right",
				   index_of(v, type), type->align);
	return 0;
}

static int verify_array(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	const struct ktap_image_type *element = &v->s.types[type->ref];
	u64 size;

	if (!ktap_type_is_complete(element))
		return ktap_refuse(v, &type->ref, "type %u: an array of an incomplete type",
				   index_of(v, type));
	if (type->align < element->align)
		return ktap_refuse(v, &type->align, "type %u: less aligned than its elements",
				   index_of(v, type));
	if (type->flags & KTAP_TYPE_FLEXIBLE && type->length)
		return ktap_refuse(v, &type->length, "type %u: a length, but flexible",
				   index_of(v, type));
	if (type->length > KTAP_TYPE_MAX_BYTES ||
	    __builtin_mul_overflow(type->length, element->size, &size) || size != type->size)
		return refuse_size(v, type);
	return 0;
}

static int refuse_member(struct ktap_verifier *v, const struct ktap_image_type *type,
			 const struct ktap_image_member *member, const char *why)
{
	return ktap_refuse(v, member, "type %u, member %u: %s", index_of(v, type),
			   (u32)(member - v->s.members), why);
}

static bool is_record(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_STRUCT || type->kind == KTAP_TYPE_UNION;
}

static const char *wrong_bit_field(const struct ktap_image_type *record,
				   const struct ktap_image_type *type, u64 bit_offset, u32 bit_size)
{
	if (!ktap_type_is_scalar(type) || type->kind == KTAP_TYPE_POINTER)
		return "a bit-field that is no integer";
	if (bit_size > type->size * 8)
		return "a bit-field wider than its type";
	if (bit_offset > record->size * 8 || bit_size > record->size * 8 - bit_offset)
		return "reaches beyond the record";
	return NULL;
}

/* Why nothing of `type` can be at a place of a record; null: it can. */
static const char *wrong_place(const struct ktap_image_type *record,
			       const struct ktap_image_type *type, u64 bit_offset, u32 bit_size)
{
	u64 offset = bit_offset / 8;

	if (bit_size)
		return wrong_bit_field(record, type, bit_offset, bit_size);
	if (!ktap_type_is_complete(type) && !(type->flags & KTAP_TYPE_FLEXIBLE))
		return "of an incomplete type";
	if (bit_offset % 8)
		return "not at a whole byte";
	if (offset > record->size || type->size > record->size - offset)
		return "reaches beyond the record";
	return NULL;
}

static int verify_member(struct ktap_verifier *v, const struct ktap_image_type *type,
			 const struct ktap_image_member *member)
{
	const struct ktap_image_type *base;
	const char *why;

	if (member->type >= v->s.count[KTAP_SECTION_TYPES])
		return refuse_member(v, type, member, "no such type");
	base = &v->s.types[member->type];
	if (member->reserved)
		return refuse_member(v, type, member, "reserved field not zero");
	if (member->name == KTAP_NONE ? !is_record(base) || member->bit_size
				      : !is_string(v, member->name))
		return refuse_member(v, type, member, "no such string (name)");
	why = wrong_place(type, base, member->bit_offset, member->bit_size);
	return why ? refuse_member(v, type, member, why) : 0;
}

static int verify_record(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	u32 i;

	if (type->align && type->size % type->align)
		return refuse_size(v, type);
	for (i = 0; i < type->count; i++) {
		if (verify_member(v, type, &v->s.members[type->first + i]))
			return -1;
		ktap_verify_step(v);
	}
	return 0;
}

static int verify_enum(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	u32 i;

	for (i = 0; i < type->count; i++) {
		const struct ktap_image_enumerator *enumerator = &v->s.enumerators[type->first + i];

		if (!is_string(v, enumerator->name))
			return ktap_refuse(v, &enumerator->name,
					   "type %u: no string %u (enumerator)", index_of(v, type),
					   enumerator->name);
		if (enumerator->reserved)
			return ktap_refuse(v, &enumerator->reserved,
					   "type %u: reserved field of an enumerator not zero",
					   index_of(v, type));
		ktap_verify_step(v);
	}
	return 0;
}

/* What a function may take or return by value: its kind, not whether it is complete. */
static bool is_passable(const struct ktap_image_type *type)
{
	return type->kind != KTAP_TYPE_VOID && type->kind != KTAP_TYPE_ARRAY &&
	       type->kind != KTAP_TYPE_FUNCTION;
}

static int verify_function_type(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	const struct ktap_image_type *result = &v->s.types[type->ref];
	u32 i;

	if (result->kind != KTAP_TYPE_VOID && !is_passable(result))
		return ktap_refuse(v, &type->ref, "type %u: returns an array or a function",
				   index_of(v, type));
	for (i = 0; i < type->count; i++) {
		const struct ktap_image_param *param = &v->s.params[type->first + i];

		if (param->name != KTAP_NONE && !is_string(v, param->name))
			return ktap_refuse(v, &param->name,
					   "type %u, parameter %u: no string %u (name)",
					   index_of(v, type), i, param->name);
		if (param->type >= v->s.count[KTAP_SECTION_TYPES] ||
		    !is_passable(&v->s.types[param->type]))
			return ktap_refuse(v, &param->type,
					   "type %u, parameter %u: type %u cannot be passed",
					   index_of(v, type), i, param->type);
		ktap_verify_step(v);
	}
	if (type->plan == KTAP_NONE)
		return 0;
	if (type->plan >= v->s.count[KTAP_SECTION_PLANS] ||
	    v->s.plans[type->plan].type != index_of(v, type))
		return ktap_refuse(v, &type->plan, "type %u: call plan %u is not its own",
				   index_of(v, type), type->plan);
	return 0;
}

/* What depends on other types; all of them have passed verify_type(). */
static int verify_contents(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	switch (type->kind) {
	case KTAP_TYPE_ARRAY:
		return verify_array(v, type);
	case KTAP_TYPE_STRUCT:
	case KTAP_TYPE_UNION:
		return verify_record(v, type);
	case KTAP_TYPE_ENUM:
		return verify_enum(v, type);
	case KTAP_TYPE_FUNCTION:
		return verify_function_type(v, type);
	}
	return 0;
}

static int verify_type(struct ktap_verifier *v, const struct ktap_image_type *type)
{
	if (verify_shape(v, type) || verify_size(v, type))
		return -1;
	return shapes[type->kind].range ? verify_range(v, type) : 0;
}

/*
 * A member list may belong to two types, a record and its const twin, but not to more: that
 * keeps the work linear.
 */
static int verify_sharing(struct ktap_verifier *v)
{
	u64 used[KTAP_SECTION_COUNT] = { 0 };
	u32 section;
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_TYPES]; i++) {
		const struct ktap_image_type *type = &v->s.types[i];

		section = range_section(type->kind);
		used[section] += type->count;
		if (used[section] > 2ull * v->s.count[section])
			return ktap_refuse(v, &type->count,
					   "type %u: more than two types share members", i);
	}
	return 0;
}

/*
 * A walk over "contains by value", depth first, that keeps its stack in `parent`. Per type, in
 * separate arrays so that they fit the scratch memory: 11 bytes.
 */
struct walk {
	u32 *parent; /* who contains it on the path; the type itself at the root */
	u32 *cursor; /* members seen so far */
	u16 *names;  /* members, those of anonymous members included */
	u8 *height;  /* 0: not seen yet; OPEN: on the path; else 1 + levels below it */
};
#define OPEN 255

static u32 contained_count(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_ARRAY ? 1 : is_record(type) ? type->count : 0;
}

static u32 contained_type(struct ktap_verifier *v, const struct ktap_image_type *type, u32 i)
{
	return type->kind == KTAP_TYPE_ARRAY ? type->ref : v->s.members[type->first + i].type;
}

/* Takes what child number `i` of `type` adds, once it is done. */
static int take_child(struct ktap_verifier *v, struct walk *walk, u32 type, u32 i, u32 child)
{
	const struct ktap_image_type *entry = &v->s.types[type];
	bool anonymous = is_record(entry) && v->s.members[entry->first + i].name == KTAP_NONE;
	u32 names = walk->names[type] + (anonymous ? walk->names[child] : 1u);

	if (walk->height[child] > KTAP_TYPE_MAX_NESTING)
		return ktap_refuse(v, entry, "type %u: nested more than %u deep", type,
				   KTAP_TYPE_MAX_NESTING);
	if (names > KTAP_TYPE_MAX_NAMES)
		return ktap_refuse(v, entry, "type %u: more than %u members", type,
				   KTAP_TYPE_MAX_NAMES);
	walk->names[type] = names;
	return 0;
}

static void close_type(struct ktap_verifier *v, struct walk *walk, u32 type)
{
	const struct ktap_image_type *entry = &v->s.types[type];
	u32 count = contained_count(entry);
	u8 height = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		u8 child = walk->height[contained_type(v, entry, i)];

		if (child > height)
			height = child;
	}
	walk->height[type] = height + 1;
}

static int walk_from(struct ktap_verifier *v, struct walk *walk, u32 root)
{
	u32 type = root;

	walk->parent[root] = root;
	walk->height[root] = OPEN;
	for (;;) {
		const struct ktap_image_type *entry = &v->s.types[type];
		u32 i = walk->cursor[type];
		u32 child;

		ktap_verify_step(v);
		if (i == contained_count(entry)) {
			close_type(v, walk, type);
			if (type == root)
				return 0;
			type = walk->parent[type];
			continue;
		}
		child = contained_type(v, entry, i);
		if (walk->height[child] == OPEN)
			return ktap_refuse(v, entry, "type %u contains itself", type);
		if (walk->height[child]) {
			if (take_child(v, walk, type, i, child))
				return -1;
			walk->cursor[type]++;
			continue;
		}
		walk->parent[child] = type;
		walk->height[child] = OPEN;
		type = child;
	}
}

static int verify_nesting(struct ktap_verifier *v)
{
	u64 count = v->s.count[KTAP_SECTION_TYPES];
	struct walk walk;
	u32 i;

	walk.parent = ktap_verify_scratch(v, count * 11);
	if (!walk.parent)
		return -1;
	walk.cursor = walk.parent + count;
	walk.names = (u16 *)(walk.cursor + count);
	walk.height = (u8 *)(walk.names + count);
	for (i = 0; i < count; i++) {
		if (!walk.height[i] && walk_from(v, &walk, i))
			return -1;
	}
	return 0;
}

int ktap_verify_types(struct ktap_verifier *v)
{
	u32 count = v->s.count[KTAP_SECTION_TYPES];
	u32 i;

	if (!count || v->s.types[0].kind != KTAP_TYPE_VOID || v->s.types[0].flags)
		return ktap_refuse(v, v->s.types, "type 0 is not void");
	for (i = 0; i < count; i++) {
		if (verify_type(v, &v->s.types[i]))
			return -1;
		ktap_verify_step(v);
	}
	if (verify_sharing(v))
		return -1;
	for (i = 0; i < count; i++) {
		if (verify_contents(v, &v->s.types[i]))
			return -1;
	}
	return verify_nesting(v);
}

/* The record that a field is in; null where its base is none, and no pointer to one. */
static const struct ktap_image_type *field_record(struct ktap_verifier *v,
						  const struct ktap_image_field *field)
{
	const struct ktap_image_type *type;

	if (field->base >= v->s.count[KTAP_SECTION_TYPES])
		return NULL;
	type = &v->s.types[field->base];
	if (type->kind == KTAP_TYPE_POINTER)
		type = &v->s.types[type->ref];
	return is_record(type) && ktap_type_is_complete(type) ? type : NULL;
}

/* That the record has the member is not asked: only that there is room for it. */
int ktap_verify_fields(struct ktap_verifier *v)
{
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_FIELDS]; i++) {
		const struct ktap_image_field *field = &v->s.fields[i];
		const struct ktap_image_type *record = field_record(v, field);
		const char *why = NULL;

		if (!record)
			why = "of no record";
		else if (!is_string(v, field->name))
			why = "no such string (name)";
		else if (field->type >= v->s.count[KTAP_SECTION_TYPES])
			why = "no such type";
		else
			why = wrong_place(record, &v->s.types[field->type], field->bit_offset,
					  field->bit_size);
		if (why)
			return ktap_refuse(v, field, "field %u: %s", i, why);
		ktap_verify_step(v);
	}
	return 0;
}
