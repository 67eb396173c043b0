/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "ctype.h"

const char *ktap_type_name(struct ktap_activation *activation, u32 type)
{
	struct ktap_program *program = activation->program;
	struct ktap_text text;
	char *name;

	if (type < program->type_count)
		return ktap_text_of(program, program->types[type].name);
	name = activation->names[activation->next_name];
	activation->next_name = (activation->next_name + 1) % KTAP_COUNT_OF(activation->names);
	ktap_text_begin(&text, name, KTAP_TYPE_NAME - 2);
	ktap_text_string(&text,
			 ktap_text_of(program, program->types[type - program->type_count].name));
	text.size = KTAP_TYPE_NAME;
	ktap_text_string(&text, name[text.length - 1] == '*' ? "*" : " *");
	return name;
}

/* Types behind the image's: number type_count + t is "pointer to t", for those t to which the image
 * has no pointer type. */
u32 ktap_pointer_to(const struct ktap_program *program, u32 type)
{
	return type < program->type_count ? program->pointer_types[type] : 0;
}

static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static const char *without_const(const char *name)
{
	static const char prefix[] = "const ";
	u32 i;

	for (i = 0; prefix[i]; i++) {
		if (name[i] != prefix[i])
			return name;
	}
	return name + i;
}

/* Records and enums: the same members, or the same tag. */
static bool same_tag(const struct ktap_program *program, const struct ktap_image_type *a,
		     const struct ktap_image_type *b)
{
	if (a->first == b->first && a->count == b->count && a->count)
		return true;
	return same_text(without_const(ktap_text_of(program, a->name)),
			 without_const(ktap_text_of(program, b->name)));
}

bool ktap_same_type(const struct ktap_program *program, u32 a, u32 b)
{
	const struct ktap_image_type *x = &program->types[a];
	const struct ktap_image_type *y = &program->types[b];
	bool tagged = ktap_type_is_record(x) || x->kind == KTAP_TYPE_ENUM;

	if (a == b)
		return true;
	if (x->kind != y->kind || ((x->flags ^ y->flags) & ~KTAP_TYPE_CONST))
		return tagged && x->kind == y->kind && same_tag(program, x, y);
	if (x->size != y->size)
		return false;
	switch (x->kind) {
	case KTAP_TYPE_FLOAT:
	case KTAP_TYPE_ENUM:
	case KTAP_TYPE_STRUCT:
	case KTAP_TYPE_UNION:
		return same_tag(program, x, y);
	case KTAP_TYPE_POINTER:
	case KTAP_TYPE_ARRAY:
		return x->ref == y->ref && x->length == y->length;
	case KTAP_TYPE_FUNCTION:
		return false;
	}
	return true;
}

static bool is_integer(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_INT || type->kind == KTAP_TYPE_ENUM;
}

bool ktap_pointers_agree(const struct ktap_program *program, u32 to, u32 from)
{
	const struct ktap_image_type *target = &program->types[to];
	const struct ktap_image_type *source = &program->types[from];

	if ((source->flags & KTAP_TYPE_CONST) && !(target->flags & KTAP_TYPE_CONST))
		return false;
	if (target->kind == KTAP_TYPE_VOID || source->kind == KTAP_TYPE_VOID)
		return true;
	/* As in LuaJIT: integers of one size, whatever their signs. */
	if (is_integer(target) && is_integer(source))
		return target->size == source->size;
	return ktap_same_type(program, to, from);
}

struct level {
	const struct ktap_image_type *record;
	u64 bit_offset;
	u32 next;
};

static void take_member(const struct ktap_program *program, const struct ktap_image_member *member,
			u64 bit_offset, struct ktap_place *place)
{
	bit_offset += member->bit_offset;
	place->address += bit_offset / 8;
	place->bit_offset = bit_offset % 8;
	place->bit_size = member->bit_size;
	place->type = member->type;
	place->readonly |= program->types[member->type].flags & KTAP_TYPE_CONST;
}

bool ktap_find_member(const struct ktap_program *program, const struct ktap_string *name,
		      struct ktap_place *place)
{
	struct level levels[KTAP_TYPE_MAX_NESTING + 1];
	struct level *level = levels;

	level->record = &program->types[place->type];
	level->bit_offset = 0;
	level->next = 0;
	for (;;) {
		const struct ktap_image_member *member;

		if (level->next == level->record->count) {
			if (level == levels)
				return false;
			level--;
			continue;
		}
		member = &program->image.members[level->record->first + level->next++];
		if (member->name == KTAP_NONE) {
			level[1].record = &program->types[member->type];
			level[1].bit_offset = level->bit_offset + member->bit_offset;
			level[1].next = 0;
			level++;
		} else if (program->strings[member->name] == name) {
			take_member(program, member, level->bit_offset, place);
			return true;
		}
	}
}

bool ktap_numbered_member(const struct ktap_program *program, u64 index, struct ktap_place *place)
{
	const struct ktap_image_type *record = &program->types[place->type];

	if (index >= record->count)
		return false;
	take_member(program, &program->image.members[record->first + index], 0, place);
	return true;
}

bool ktap_find_enumerator(const struct ktap_program *program, u32 type,
			  const struct ktap_string *name, u64 *value)
{
	const struct ktap_image_type *entry = &program->types[type];
	u32 i;

	for (i = 0; i < entry->count; i++) {
		const struct ktap_image_enumerator *enumerator =
			&program->image.enumerators[entry->first + i];

		if (program->strings[enumerator->name] == name) {
			*value = enumerator->value;
			return true;
		}
	}
	return false;
}

void ktap_types_create(struct ktap_program *program)
{
	struct ktap_image_type *types = (struct ktap_image_type *)program->types;
	u32 count = program->type_count;
	u32 i;

	memcpy(types, program->image.types, count * sizeof(*types));
	for (i = 0; i < count; i++) {
		types[count + i] = (struct ktap_image_type){
			.kind = KTAP_TYPE_POINTER,
			.name = KTAP_NONE,
			.ref = i,
			.size = 8,
			.align = 8,
			.plan = KTAP_NONE,
		};
		program->pointer_types[i] = count + i;
	}
	for (i = count; i-- > 0;) {
		if (types[i].kind == KTAP_TYPE_POINTER && !(types[i].flags & KTAP_TYPE_CONST))
			program->pointer_types[types[i].ref] = i;
	}
}

int ktap_program_has_microsoft(const struct ktap_program *program)
{
	u32 i;

	for (i = 0; i < program->image.count[KTAP_SECTION_PLANS]; i++) {
		if (program->image.plans[i].convention == KTAP_CONVENTION_MICROSOFT)
			return 1;
	}
	return 0;
}
