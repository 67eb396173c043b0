/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "quick.h"

static u8 integer_kind(const struct ktap_image_type *type)
{
	return (64 - type->size * 8) | (type->flags & KTAP_TYPE_SIGNED ? KTAP_QUICK_SIGNED : 0);
}

static bool points_to_function(const struct ktap_program *program,
			       const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_POINTER &&
	       program->types[type->ref].kind == KTAP_TYPE_FUNCTION;
}

static u8 scalar_kind(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_INT || type->kind == KTAP_TYPE_ENUM ? integer_kind(type)
									   : KTAP_QUICK_SCALAR;
}

/*
 * How parameter `param` is converted whose steps begin at *step and whose first register is *slot: both move
 * on behind it. False if it is not in registers, or (a function, for which a callback may have to be made)
 * more than a conversion.
 */
static bool add_parameter(const struct ktap_program *program, u32 param, u32 type,
			  const struct ktap_image_step **step, const struct ktap_image_step *end,
			  u32 *slot, u8 *kind)
{
	const struct ktap_image_type *entry = &program->types[type];
	u32 offset;

	if (*step == end || (*step)->param != param || points_to_function(program, entry))
		return false;
	if ((*step)->kind == KTAP_STEP_SCALAR) {
		*kind = scalar_kind(entry);
		return (*step)++->slot == (*slot)++;
	}
	if (entry->kind == KTAP_TYPE_INT || entry->size > 16)
		return false;
	*kind = KTAP_QUICK_RECORD + entry->size;
	for (offset = 0; offset < entry->size; offset += 8, ++*step) {
		if (*step == end || (*step)->param != param || (*step)->kind != KTAP_STEP_PIECE ||
		    (*step)->offset != offset || (*step)->slot != (*slot)++)
			return false;
	}
	return true;
}

static bool add_result(const struct ktap_program *program, const struct ktap_image_plan *plan,
		       u32 type, u8 *kind)
{
	const struct ktap_image_type *entry = &program->types[type];

	*kind = entry->kind == KTAP_TYPE_VOID ? KTAP_QUICK_NOTHING : scalar_kind(entry);
	return entry->kind == KTAP_TYPE_VOID || plan->return_kind == KTAP_RETURN_SCALAR;
}

void ktap_quick_make(const struct ktap_program *program, u32 function_type,
		     struct ktap_quick *quick)
{
	const struct ktap_image_type *type = &program->types[function_type];
	const struct ktap_image_plan *plan;
	const struct ktap_image_step *step, *end;
	u32 slot = 0;
	u32 i;

	quick->count = KTAP_NOT_QUICK;
	if (type->plan == KTAP_NONE || type->flags & KTAP_TYPE_VARIADIC ||
	    type->count > KTAP_REGISTERS)
		return;
	plan = &program->image.plans[type->plan];
	step = &program->image.steps[plan->first_step];
	end = step + plan->step_count;
	if (plan->words != KTAP_REGISTERS || !add_result(program, plan, type->ref, &quick->result))
		return;
	for (i = 0; i < type->count; i++) {
		if (!add_parameter(program, i, program->image.params[type->first + i].type, &step,
				   end, &slot, &quick->kinds[i]))
			return;
	}
	quick->count = type->count;
}
