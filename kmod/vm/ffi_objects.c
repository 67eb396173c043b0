/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "ffi_objects.h"
#include "builtins.h"
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
};

struct metatype {
	u32 type;
	struct ktap_table *methods;
};

struct ktap_ffi_objects {
	u32 finaliser_count;
	u32 metatype_count;
	struct finaliser finalisers[FINALISERS_MAX];
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

void ktap_mark_ffi_objects(struct ktap_program *program)
{
	struct ktap_ffi_objects *objects = program->ffi_objects;
	struct ktap_heap *heap = &program->heap;
	u32 i;

	if (!objects)
		return;
	ktap_mark_object(heap, (struct ktap_object *)objects - 1);
	for (i = 0; i < objects->finaliser_count; i++) {
		ktap_mark_value(heap, &objects->finalisers[i].object);
		ktap_mark_object(heap, &objects->finalisers[i].function->object);
	}
	for (i = 0; i < objects->metatype_count; i++)
		ktap_mark_object(heap, (struct ktap_object *)objects->metatypes[i].methods);
}

/* --- ffi.gc ------------------------------------------------------------------------------------ */

static void remove_finaliser(struct ktap_ffi_objects *objects, const struct ktap_value *object)
{
	u32 i;

	for (i = objects->finaliser_count; i-- > 0;) {
		if (objects->finalisers[i].object.bits != object->bits ||
		    objects->finalisers[i].object.kind != object->kind)
			continue;
		memmove(&objects->finalisers[i], &objects->finalisers[i + 1],
			(--objects->finaliser_count - i) * sizeof(objects->finalisers[0]));
		return;
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
	remove_finaliser(objects, &arguments[0]);
	results[0] = arguments[0];
	if (arguments[1].tag == KTAP_NIL)
		return 1;
	if (objects->finaliser_count == FINALISERS_MAX)
		return ktap_raise(activation, "more than %u finalisers (ffi.gc)", FINALISERS_MAX);
	finaliser = &objects->finalisers[objects->finaliser_count++];
	finaliser->object = arguments[0];
	finaliser->function = arguments[1].closure;
	return 1;
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
		last = objects->finalisers[--objects->finaliser_count];
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
	methods = ktap_table_get_string(&program->heap, arguments[1].table, name);
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
	method = ktap_table_get_string(&program->heap, metatype->methods, name);
	if (method->tag == KTAP_NIL)
		return false;
	*to = *method;
	return true;
}
