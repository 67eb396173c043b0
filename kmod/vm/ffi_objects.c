/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "ffi_objects.h"
#include "builtins.h"
#include "callback.h"
#include "closure.h"
#include "ctype.h"
#include "emit.h"
#include "error.h"
#include "interpret.h"
#include "string.h"
#include "table.h"

#define FINALISERS_MAX 256u
#define METATYPES_MAX  64u
/* Instructions that finalisers may execute, all together. */
#ifndef KTAP_FINALISER_BUDGET
#define KTAP_FINALISER_BUDGET 1000000u
#endif

struct finaliser {
	struct ktap_value object;
	struct ktap_closure *function;
	bool reached; /* foreign memory: the collection at work has met its address */
	bool due;     /* the last one has not met the object: it is kept until the finaliser has run */
};

/* Places of finalisers of foreign memory, by address, with linear probing: twice as many as there can be. */
#define PLACES (2 * FINALISERS_MAX)

struct metatype {
	u32 type;
	struct ktap_table *methods;
};

struct ktap_ffi_objects {
	u32 finaliser_count;
	u32 metatype_count;
	struct finaliser finalisers[FINALISERS_MAX];
	u16 places[PLACES]; /* of the collection at work; index + 1; 0: free */
	struct metatype metatypes[METATYPES_MAX];
};

static struct ktap_ffi_objects *objects_of(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;
	struct ktap_object *blob;

	if (program->ffi_objects)
		return program->ffi_objects;
	blob = ktap_allocate(activation, KTAP_OBJECT_BLOB,
			     sizeof(*blob) + sizeof(*program->ffi_objects));
	if (!blob)
		return NULL;
	memset(blob + 1, 0, sizeof(*program->ffi_objects));
	program->ffi_objects = (void *)(blob + 1);
	return program->ffi_objects;
}

/* --- For the collector -------------------------------------------------------------------------- */

static u32 first_place(u64 address)
{
	return (u32)((address * 0x9e3779b97f4a7c15ull) >> 32) % PLACES;
}

static void enter_place(struct ktap_ffi_objects *objects, u32 index)
{
	u32 place = first_place(objects->finalisers[index].object.bits);

	while (objects->places[place])
		place = (place + 1) % PLACES;
	objects->places[place] = index + 1;
}

/* What has a finaliser is not marked, its function is. */
void ktap_mark_ffi_objects(struct ktap_program *program)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	struct ktap_heap *heap = &program->heap;
	struct finaliser *finaliser;
	u32 i;

	if (!objects)
		return;
	ktap_mark_object(heap, (struct ktap_object *)objects - 1);
	memset(objects->places, 0, sizeof(objects->places));
	for (i = 0; i < objects->finaliser_count; i++) {
		finaliser = &objects->finalisers[i];
		ktap_mark_object(heap, &finaliser->function->object);
		finaliser->reached = false;
		if (finaliser->due)
			ktap_mark_value(heap, &finaliser->object);
		else if (!ktap_in_arena(heap, finaliser->object.bits))
			enter_place(objects, i);
	}
	for (i = 0; i < objects->metatype_count; i++)
		ktap_mark_object(heap, (struct ktap_object *)objects->metatypes[i].methods);
}

void ktap_reach_foreign(struct ktap_program *program, u64 address)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	u32 place = first_place(address);
	struct finaliser *finaliser;

	for (; objects->places[place]; place = (place + 1) % PLACES) {
		finaliser = &objects->finalisers[objects->places[place] - 1];
		finaliser->reached |= finaliser->object.bits == address;
	}
}

/* Nothing is found dead by the collection at work: finalisers have changed their places. */
static void reach_all(struct ktap_ffi_objects *objects)
{
	u32 i;

	memset(objects->places, 0, sizeof(objects->places));
	for (i = 0; i < objects->finaliser_count; i++)
		objects->finalisers[i].reached = true;
}

static bool is_dead(const struct ktap_heap *heap, const struct finaliser *finaliser)
{
	const struct ktap_object *object;

	if (!ktap_in_arena(heap, finaliser->object.bits))
		return !finaliser->reached;
	object = ktap_object_at(heap, finaliser->object.bits);
	return object && object->color == KTAP_WHITE;
}

void ktap_find_dead(struct ktap_program *program)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	struct finaliser *finaliser;
	u32 i;

	if (!objects)
		return;
	/* Looked at before any is marked: two may belong to one object. */
	for (i = 0; i < objects->finaliser_count; i++) {
		finaliser = &objects->finalisers[i];
		if (!finaliser->due && is_dead(&program->heap, finaliser)) {
			finaliser->due = true;
			program->finalisers_due++;
		}
	}
	for (i = 0; i < objects->finaliser_count; i++) {
		if (objects->finalisers[i].due)
			ktap_mark_value(&program->heap, &objects->finalisers[i].object);
	}
}

/* --- ffi.gc ------------------------------------------------------------------------------------ */

static void remove_at(struct ktap_program *program, u32 index)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;

	/* Whoever takes it goes on with its object. */
	if (program->heap.marking)
		ktap_mark_value(&program->heap, &objects->finalisers[index].object);
	program->finalisers_due -= objects->finalisers[index].due;
	memmove(&objects->finalisers[index], &objects->finalisers[index + 1],
		(--objects->finaliser_count - index) * sizeof(objects->finalisers[0]));
	reach_all(objects);
}

static void remove_finaliser(struct ktap_program *program, const struct ktap_value *object)
{
	const struct ktap_ffi_objects *objects = program->ffi_objects;
	u32 i;

	for (i = objects->finaliser_count; i-- > 0;) {
		if (objects->finalisers[i].object.bits == object->bits &&
		    objects->finalisers[i].object.kind == object->kind) {
			remove_at(program, i);
			return;
		}
	}
}

/* ffi.gc(cdata, function or nil): the cdata. */
int ktap_builtin_gc(struct ktap_activation *activation, const struct ktap_value *arguments,
		    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_ffi_objects *objects;
	struct finaliser *finaliser;

	(void)count;
	if (!ktap_is_cdata(&arguments[0]))
		return ktap_raise_argument(activation, 1, "ffi.gc", "cdata expected, got %s",
					   ktap_type_name_of(activation, &arguments[0]));
	if (arguments[1].tag != KTAP_CLOSURE && arguments[1].tag != KTAP_NIL)
		return ktap_raise_argument(activation, 2, "ffi.gc",
					   "a function of the script or nil expected, got %s",
					   ktap_type_name_of(activation, &arguments[1]));
	objects = objects_of(activation);
	if (!objects)
		return -1;
	remove_finaliser(activation->program, &arguments[0]);
	results[0] = arguments[0];
	if (arguments[1].tag == KTAP_NIL)
		return 1;
	if (objects->finaliser_count == FINALISERS_MAX)
		return ktap_raise(activation, "more than %u finalisers (ffi.gc)", FINALISERS_MAX);
	finaliser = &objects->finalisers[objects->finaliser_count++];
	*finaliser = (struct finaliser){
		.object = arguments[0],
		.function = arguments[1].closure,
		.reached = true,
	};
	return 1;
}

/* The one that was set last. */
static u32 last_due(const struct ktap_ffi_objects *objects)
{
	u32 i = objects->finaliser_count;

	while (!objects->finalisers[--i].due)
		;
	return i;
}

void ktap_run_due_finalisers(struct ktap_program *program)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	struct ktap_activation *activation;
	struct finaliser last;
	u32 index;

	while (program->finalisers_due) {
		/* Before there is something that only C code knows: it may collect. */
		activation = ktap_activation_take(program);
		if (!activation)
			return;
		index = last_due(objects);
		last = objects->finalisers[index];
		remove_at(program, index);
		ktap_activation_call(activation, last.function, &last.object);
		ktap_activation_give(activation);
	}
}

void ktap_run_finalisers(struct ktap_activation *activation)
{
	struct ktap_program *program = activation->program;
	struct ktap_ffi_objects *objects = program->ffi_objects;
	struct finaliser last;

	if (!objects || !objects->finaliser_count)
		return;
	program->finalising = true;
	activation->limit = activation->executed + KTAP_FINALISER_BUDGET;
	while (objects->finaliser_count) {
		last = objects->finalisers[objects->finaliser_count - 1];
		remove_at(program, objects->finaliser_count - 1);
		ktap_close_cells(activation, activation->stack);
		activation->final = activation->interrupted = activation->left = false;
		activation->stack[0] = last.object;
		activation->top = activation->stack + 1;
		if (ktap_interpret(activation, last.function, 1) && !activation->left)
			ktap_emit_error(activation);
		if (activation->executed >= activation->limit)
			break;
	}
	program->finalising = false;
}

/* --- ffi.metatype ------------------------------------------------------------------------------ */

static struct metatype *find_metatype(const struct ktap_program *program, u32 type)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	u32 i;

	for (i = 0; objects && i < objects->metatype_count; i++) {
		if (ktap_same_type(program, objects->metatypes[i].type, type))
			return &objects->metatypes[i];
	}
	return NULL;
}

/* ffi.metatype(record type, {__index = table}): the type. */
int ktap_builtin_metatype(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_program *program = activation->program;
	struct ktap_ffi_objects *objects;
	struct metatype *metatype;
	struct ktap_string *name;
	const struct ktap_value *methods;

	(void)count;
	if (arguments[0].tag != KTAP_CTYPE ||
	    !ktap_type_is_record(&program->types[arguments[0].bits]))
		return ktap_raise_argument(activation, 1, "ffi.metatype",
					   "the type of a struct or union expected");
	if (arguments[1].tag != KTAP_TABLE)
		return ktap_raise_argument(activation, 2, "ffi.metatype", "table expected, got %s",
					   ktap_type_name_of(activation, &arguments[1]));
	name = ktap_string_make(activation, "__index", 7);
	if (!name)
		return -1;
	methods = ktap_table_get_string(arguments[1].table, name);
	if (methods->tag != KTAP_TABLE)
		return ktap_raise_argument(activation, 2, "ffi.metatype",
					   "its '__index' must be a table");
	objects = objects_of(activation);
	if (!objects)
		return -1;
	if (find_metatype(program, arguments[0].bits))
		return ktap_raise(activation, "'%s' has its methods already",
				  ktap_type_name(activation, arguments[0].bits));
	if (objects->metatype_count == METATYPES_MAX)
		return ktap_raise(activation, "more than %u types with methods", METATYPES_MAX);
	metatype = &objects->metatypes[objects->metatype_count++];
	metatype->type = arguments[0].bits;
	metatype->methods = methods->table;
	results[0] = arguments[0];
	return 1;
}

bool ktap_find_method(struct ktap_activation *activation, const struct ktap_value *cdata,
		      const struct ktap_string *name, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	struct ktap_place place = { .type = cdata->type };
	const struct ktap_value *method;
	const struct metatype *metatype;

	if (program->types[place.type].kind == KTAP_TYPE_POINTER)
		place.type = program->types[place.type].ref;
	metatype = find_metatype(program, place.type);
	if (!metatype || ktap_find_member(program, name, &place))
		return false;
	method = ktap_table_get_string(metatype->methods, name);
	if (method->tag == KTAP_NIL)
		return false;
	*to = *method;
	return true;
}
