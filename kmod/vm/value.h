/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Script values: 16 bytes, payload and tag; and the objects of the heap that they refer to.
 *
 * C data that fits 64 bits is a value of its own (SCALAR: an integer, boolean, enum, pointer or
 * function with its type); no pointer is ever an object of the heap. An aggregate is a REFERENCE:
 * address and type. The address of memory that the script owns lies inside a CDATA object in the
 * arena; that is how it is told from foreign memory, how its bounds are known, and why whatever
 * holds such an address, a pointer as well as a reference, keeps the object alive.
 */
#ifndef KTAP_VALUE_H
#define KTAP_VALUE_H

#include <ktap/image.h>

#include "base.h"

/* In this order: (INT | UINT) == 0 or 1 is a number, NIL and FALSE are the two that are false. */
enum ktap_tag {
	KTAP_INT = 0,
	KTAP_UINT = 1,
	KTAP_NIL = 2,
	KTAP_FALSE = 3,
	KTAP_TRUE = 4,
	KTAP_STRING = 5,
	KTAP_TABLE = 6,
	KTAP_CLOSURE = 7,
	KTAP_BUILTIN = 8,    /* payload: enum ktap_builtin */
	KTAP_CTYPE = 9,      /* payload: type index */
	KTAP_SCALAR = 10,    /* payload: the value, extended to 64 bits; or a function's address */
	KTAP_REFERENCE = 11, /* payload: address of an aggregate */
	KTAP_READONLY = 12,  /* the same, and what it refers to is const */
};

struct ktap_value {
	union {
		u64 bits;
		struct ktap_string *string;
		struct ktap_table *table;
		struct ktap_closure *closure;
		struct ktap_object *object;
	};
	union {
		struct {
			u32 tag;
			u32 type; /* SCALAR, REFERENCE, READONLY: type index; else 0 */
		};
		u64 kind; /* both at once */
	};
};

enum ktap_object_kind {
	KTAP_OBJECT_FREE = 0,
	KTAP_OBJECT_STRING = 1,
	KTAP_OBJECT_TABLE = 2,
	KTAP_OBJECT_CLOSURE = 3,
	KTAP_OBJECT_CELL = 4,
	KTAP_OBJECT_CDATA = 5,
	KTAP_OBJECT_BLOB = 6, /* memory of a table, or a buffer */
};

/* Every object begins with this. `link`: the next free object of its size, or the next object of
 * its activation's list; in granules, see heap.h. */
struct ktap_object {
	u8 kind;
	u8 color; /* enum ktap_color */
	u8 spare[2];
	u32 link;
};

struct ktap_string {
	struct ktap_object object;
	u32 hash;
	u32 length;
	u32 next;     /* of its bucket in the table of all strings; in granules */
	char bytes[]; /* ended by a zero byte that is not counted */
};

/* A variable that closures share. Open: it still lives in a register. */
struct ktap_cell {
	struct ktap_object object;
	struct ktap_value *at; /* the register, or `closed` */
	struct ktap_value closed;
	struct ktap_cell *next_open;
};

struct ktap_closure {
	struct ktap_object object;
	const struct ktap_image_function *function;
	const struct ktap_instruction *code; /* its first instruction */
	struct ktap_cell *cells[];           /* as many as it has captures */
};

/* Memory that the script owns. */
struct ktap_cdata {
	struct ktap_object object;
	u32 offset; /* of the data, from here: aligned as its type asks */
	u32 size;   /* bytes of data */
};

static inline void *ktap_cdata_data(struct ktap_cdata *cdata)
{
	return (u8 *)cdata + cdata->offset;
}

static inline void ktap_set_nil(struct ktap_value *value)
{
	value->bits = 0;
	value->kind = KTAP_NIL;
}

static inline void ktap_set_bool(struct ktap_value *value, bool truth)
{
	value->bits = 0;
	value->kind = truth ? KTAP_TRUE : KTAP_FALSE;
}

static inline void ktap_set_int(struct ktap_value *value, s64 number)
{
	value->bits = number;
	value->kind = KTAP_INT;
}

static inline void ktap_set_uint(struct ktap_value *value, u64 number)
{
	value->bits = number;
	value->kind = KTAP_UINT;
}

static inline void ktap_set_string(struct ktap_value *value, struct ktap_string *string)
{
	value->string = string;
	value->kind = KTAP_STRING;
}

static inline void ktap_set_ctype(struct ktap_value *value, u32 type)
{
	value->bits = type;
	value->kind = KTAP_CTYPE;
}

static inline void ktap_set_cdata(struct ktap_value *value, u32 tag, u64 bits, u32 type)
{
	value->bits = bits;
	value->tag = tag;
	value->type = type;
}

static inline bool ktap_is_number(const struct ktap_value *value)
{
	return value->tag <= KTAP_UINT;
}

static inline bool ktap_is_true(const struct ktap_value *value)
{
	return value->tag - KTAP_NIL > 1;
}

static inline bool ktap_is_reference(const struct ktap_value *value)
{
	return value->tag >= KTAP_REFERENCE;
}

static inline bool ktap_is_cdata(const struct ktap_value *value)
{
	return value->tag >= KTAP_SCALAR;
}

#endif
