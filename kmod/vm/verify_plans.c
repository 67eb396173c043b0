/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The verifier: call plans against their function types. What is checked is that executing the
 * plan passes each argument's bytes and nothing else, in slots that exist, each used once. Whether
 * these are the slots that the callee expects is up to the compiler.
 */
#include "verify.h"

#define REGISTERS 6u

struct plan_check {
	const struct ktap_image_plan *plan;
	const struct ktap_image_type *type;
	u32 next_step;                          /* first step not yet accounted for */
	u32 registers;                          /* bit for each register slot in use */
	u32 copied;                             /* the end of the slots that have copies */
	u8 used[(KTAP_PLAN_MAX_WORDS + 7) / 8]; /* the same for all slots */
};

static int refuse_plan(struct ktap_verifier *v, const struct plan_check *check, const void *where,
		       const char *why)
{
	return ktap_refuse(v, where, "call plan %u: %s", (u32)(check->plan - v->s.plans), why);
}

static int take_slots(struct ktap_verifier *v, struct plan_check *check,
		      const struct ktap_image_step *step, u32 first, u32 count)
{
	u32 slot;

	if (first >= check->plan->words || count > check->plan->words - first)
		return refuse_plan(v, check, step, "a slot beyond its words");
	for (slot = first; slot < first + count; slot++) {
		if (check->used[slot / 8] & 1 << slot % 8)
			return refuse_plan(v, check, step, "a slot is used twice");
		check->used[slot / 8] |= 1 << slot % 8;
		if (slot < REGISTERS)
			check->registers |= 1u << slot;
	}
	return 0;
}

/* A copy that is passed by its address: behind the words, each behind the one before. */
static int take_copy(struct ktap_verifier *v, struct plan_check *check,
		     const struct ktap_image_step *step, u64 size)
{
	u32 words = (u32)((size + 7) / 8);

	if (check->plan->convention != KTAP_CONVENTION_MICROSOFT || step->offset ||
	    step->size != size)
		return refuse_plan(v, check, step, "an aggregate that is not passed by its address");
	if (step->copy < check->copied || words > KTAP_PLAN_MAX_WORDS - check->copied ||
	    step->copy > KTAP_PLAN_MAX_WORDS - words)
		return refuse_plan(v, check, step, "a copy that is not behind its words");
	check->copied = step->copy + words;
	return take_slots(v, check, step, step->slot, 1);
}

/* Aggregates, and the scalars too wide for one slot. */
static bool goes_in_pieces(const struct ktap_image_type *type)
{
	return type->kind == KTAP_TYPE_STRUCT || type->kind == KTAP_TYPE_UNION ||
	       (type->kind == KTAP_TYPE_INT && type->size == 16);
}

static int verify_scalar_step(struct ktap_verifier *v, struct plan_check *check,
			      const struct ktap_image_step *step, u64 size)
{
	if (step->kind != KTAP_STEP_SCALAR || step->offset || step->size != size)
		return refuse_plan(v, check, step, "a scalar needs one step of its size");
	return take_slots(v, check, step, step->slot, 1);
}

static int verify_aggregate_step(struct ktap_verifier *v, struct plan_check *check,
				 const struct ktap_image_step *step, u64 size)
{
	u64 rest = step->offset < size ? size - step->offset : 0;

	if (step->kind == KTAP_STEP_COPY)
		return take_copy(v, check, step, size);
	if (step->kind == KTAP_STEP_MEMORY) {
		if (step->offset || step->size != size || step->slot < REGISTERS)
			return refuse_plan(v, check, step,
					   "an aggregate in memory needs all its bytes");
		return take_slots(v, check, step, step->slot, (u32)((size + 7) / 8));
	}
	if (step->kind != KTAP_STEP_PIECE || size > 16)
		return refuse_plan(v, check, step, "an aggregate needs pieces or memory");
	if (step->offset % 8 || !rest || step->size != (rest < 8 ? rest : 8))
		return refuse_plan(v, check, step, "a piece that is no eightbyte of its aggregate");
	return take_slots(v, check, step, step->slot, 1);
}

/* The steps of one parameter: they follow each other, by offset. */
static int verify_param_steps(struct ktap_verifier *v, struct plan_check *check, u32 param)
{
	const struct ktap_image_type *type =
		&v->s.types[v->s.params[check->type->first + param].type];
	const struct ktap_image_step *step;
	u32 end = check->plan->first_step + check->plan->step_count;
	u64 next_offset = 0;
	u32 count = 0;

	if (!ktap_type_is_complete(type) || (!ktap_type_is_scalar(type) && !goes_in_pieces(type)))
		return refuse_plan(v, check, check->plan, "a parameter that cannot be passed");
	if (type->size > KTAP_PLAN_MAX_WORDS * 8)
		return refuse_plan(v, check, check->plan, "a parameter too large to pass");
	for (; check->next_step < end; check->next_step++, count++) {
		step = &v->s.steps[check->next_step];
		if (step->param != param)
			break;
		if (step->copy && step->kind != KTAP_STEP_COPY)
			return refuse_plan(v, check, step, "a copy that nothing asks for");
		if (count && (step->offset < next_offset || step[-1].kind != KTAP_STEP_PIECE))
			return refuse_plan(v, check, step, "steps out of order");
		if (ktap_type_is_scalar(type) ? verify_scalar_step(v, check, step, type->size)
					      : verify_aggregate_step(v, check, step, type->size))
			return -1;
		next_offset = step->offset + 8;
	}
	if (!count && ktap_type_is_scalar(type))
		return refuse_plan(v, check, check->plan, "a parameter without a step");
	return 0;
}

static int verify_return(struct ktap_verifier *v, struct plan_check *check)
{
	const struct ktap_image_type *result = &v->s.types[check->type->ref];
	bool pieces = goes_in_pieces(result) && ktap_type_is_complete(result);
	const u32 *where = &check->plan->return_kind;
	bool right;

	switch (check->plan->return_kind) {
	case KTAP_RETURN_VOID:
		right = result->kind == KTAP_TYPE_VOID || (pieces && !result->size);
		break;
	case KTAP_RETURN_SCALAR:
		right = ktap_type_is_scalar(result);
		break;
	case KTAP_RETURN_REGISTERS:
		right = pieces && result->size && result->size <= 16;
		break;
	case KTAP_RETURN_MEMORY:
		right = pieces && result->size && result->size <= KTAP_IMAGE_MAX_BYTES;
		check->used[0] |= 1 << ktap_result_slot(check->plan);
		check->registers |= 1u << ktap_result_slot(check->plan);
		break;
	default:
		right = false;
	}
	return right ? 0
		     : refuse_plan(v, check, where, "its way to return does not go with the type");
}

static int verify_plan_header(struct ktap_verifier *v, struct plan_check *check, u32 first_step)
{
	const struct ktap_image_plan *plan = check->plan;

	if (plan->type >= v->s.count[KTAP_SECTION_TYPES] ||
	    v->s.types[plan->type].kind != KTAP_TYPE_FUNCTION ||
	    v->s.types[plan->type].plan != plan - v->s.plans)
		return refuse_plan(v, check, &plan->type, "not the plan of its function type");
	check->type = &v->s.types[plan->type];
	if (check->type->count > KTAP_PLAN_MAX_PARAMS)
		return refuse_plan(v, check, &plan->type, "too many parameters");
	if (plan->first_step != first_step ||
	    plan->step_count > v->s.count[KTAP_SECTION_STEPS] - first_step)
		return refuse_plan(v, check, &plan->first_step, "its steps are not the next ones");
	if (plan->words < REGISTERS || plan->words > KTAP_PLAN_MAX_WORDS)
		return refuse_plan(v, check, &plan->words, "too few or too many words");
	if (plan->convention > KTAP_CONVENTION_MICROSOFT)
		return refuse_plan(v, check, &plan->convention, "an unknown convention");
	if (plan->convention == KTAP_CONVENTION_MICROSOFT && check->type->flags & KTAP_TYPE_VARIADIC)
		return refuse_plan(v, check, &plan->convention,
				   "a variadic function in Microsoft's convention");
	if (plan->reserved)
		return refuse_plan(v, check, &plan->reserved, "reserved field not zero");
	check->copied = plan->words;
	return 0;
}

static int verify_plan(struct ktap_verifier *v, u32 index, u32 *first_step)
{
	struct plan_check check = { .plan = &v->s.plans[index], .next_step = *first_step };
	u32 param;

	if (verify_plan_header(v, &check, *first_step) || verify_return(v, &check))
		return -1;
	for (param = 0; param < check.type->count; param++) {
		if (verify_param_steps(v, &check, param))
			return -1;
		ktap_verify_step(v);
	}
	*first_step += check.plan->step_count;
	if (check.next_step != *first_step)
		return refuse_plan(v, &check, &v->s.steps[check.next_step],
				   "a step out of order or of no parameter");
	if (check.plan->registers_used > REGISTERS || check.registers >> check.plan->registers_used)
		return refuse_plan(v, &check, &check.plan->registers_used,
				   "it uses more registers than it says");
	return 0;
}

int ktap_verify_plans(struct ktap_verifier *v)
{
	u32 step = 0;
	u32 i;

	for (i = 0; i < v->s.count[KTAP_SECTION_PLANS]; i++) {
		if (verify_plan(v, i, &step))
			return -1;
	}
	if (step != v->s.count[KTAP_SECTION_STEPS])
		return ktap_refuse(v, &v->s.steps[step], "step %u belongs to no call plan", step);
	return 0;
}
