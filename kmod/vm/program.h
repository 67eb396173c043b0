/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * A program: its image, its host, its heap; and an activation: one thread of execution in it with
 * a stack of its own: the main chunk's, and one for each callback that has been entered. One of them
 * executes at a time; the others are inside calls, or wait for their turn.
 */
#ifndef KTAP_PROGRAM_H
#define KTAP_PROGRAM_H

#include <ktap/vm.h>

#include "heap.h"
#include "sections.h"
#include "text.h"
#include "value.h"
#include "verify.h"

enum ktap_frame_kind {
	KTAP_FRAME_SCRIPT = 0,
	KTAP_FRAME_PCALL = 1, /* a pcall waits for the frame above */
	KTAP_FRAME_STEPS = 2, /* a builtin that calls the script waits for it: see builtins.h */
};

/* One call in progress. Its results go to `to`: `wanted` - 1 of them, all for 0. */
struct ktap_frame {
	const struct ktap_instruction *pc; /* the next instruction */
	struct ktap_value *base;           /* R[0] */
	struct ktap_value *to;
	struct ktap_closure *closure;
	u32 kind;
	u32 wanted;
};

/* One level of a nested initialiser: `table` goes to the object of `type` at `address`. */
struct ktap_initialiser {
	struct ktap_table *table;
	u64 address;
	u64 element; /* of an array to be filled with one value: the next */
	u32 type;
	u32 cursor; /* in the table */
	bool readonly;
	bool fill;
};

#define KTAP_ERROR_TEXT  1024
#define KTAP_TYPE_NAME   128
#define KTAP_KEPT_VALUES 16
/* Callbacks that a program may have at once. */
#define KTAP_CALLBACKS_MAX 256u
/* Values behind the end of the stack: a call's window, a builtin's results. */
#define KTAP_STACK_SLACK 16u
/* Values of the frame of a builtin that runs in steps. */
#define KTAP_STEP_VALUES 24u

struct ktap_activation {
	struct ktap_program *program;
	struct ktap_value *stack, *stack_end;
	struct ktap_value *stack_used; /* KTAP_STACK_SLACK values behind it and further on, all are nil */
	struct ktap_value *top; /* the end of an open call's values */
	struct ktap_frame *frames, *frame,
		*frames_end;          /* `frame`: the innermost; before the first: none */
	struct ktap_cell *open_cells; /* captured registers, the highest first */
	s64 slice;                    /* instructions between two safe points that are taken */
	s64 fuel;                     /* of them, those left */
	u64 executed;                 /* instructions, up to the last safe point taken */
	u64 limit;                    /* instructions; 0: none */
	u64 work;                     /* of loops in C, since it was added to `executed` */
	const struct ktap_value *many; /* a builtin's results, where they are more than a few */
	u32 step_arguments;           /* of the call that a builtin in steps asks for */
	bool left;                    /* exit() was called: the error is none */
	bool final;                   /* the error is one that no pcall catches */
	bool interrupted;             /* it is that the host wants the program to end */
	struct ktap_value error;
	struct ktap_value kept[KTAP_KEPT_VALUES]; /* what C code has to keep alive */
	struct ktap_text text;                    /* where messages are built */
	char text_bytes[KTAP_ERROR_TEXT];
	char names[4][KTAP_TYPE_NAME]; /* of types that have none in the image; used in turn */
	u32 next_name;
	struct ktap_activation *next; /* of the program's list that it is in */
	bool marked;                  /* in this collection: what it holds */
	u32 marked_values;            /* in part: values of its stack, */
	struct ktap_cell *marked_cell; /* open cells before this one */
	void *host_activation;        /* struct ktap_incoming's */
	u32 temporaries;              /* callbacks that live as long as the call being made */
	struct ktap_object *buffer;   /* a record being put out; or null */
	struct ktap_value result;     /* what the outermost function returned */
	struct ktap_call call;
	u64 slots[KTAP_PLAN_MAX_WORDS];
	struct ktap_initialiser initialisers[KTAP_TYPE_MAX_NESTING + 1];
};

/* Words of a call that are passed in registers. */
#define KTAP_REGISTERS 6u

/* How a function is called, or called back, whose parameters all are in registers: see quick.h. */
struct ktap_quick {
	u8 count; /* parameters; or KTAP_NOT_QUICK */
	u8 result;
	u8 kinds[KTAP_REGISTERS]; /* of the parameters */
};

struct ktap_program {
	const struct ktap_host *host;
	void *host_data;
	struct ktap_sections image;
	u64 image_size;
	struct ktap_heap heap;
	const struct ktap_image_type *types; /* the image's; then "pointer to" each of them */
	u32 type_count;                      /* of the image */
	u32 *pointer_types;                  /* per type of the image: a pointer to it */
	struct ktap_string **strings;        /* the image's */
	struct ktap_value *constants;
	struct ktap_value *globals;
	u64 *addresses;                    /* of the image's symbols */
	struct ktap_quick *quick;          /* how functions among them are called: see quick.h */
	u32 *caches; /* per instruction: the number of the table entry that it met last */
	struct ktap_string *out_of_memory; /* the message for when there is no room for one */
	struct ktap_activation *main;
	struct ktap_activation *entered;   /* of callbacks, in use */
	struct ktap_activation *spare;     /* and not in use */
	u32 activation_count;              /* of both lists */
	struct ktap_callback *callbacks;   /* KTAP_CALLBACKS_MAX of them, once there is one; or null */
	u32 next_callback;
	struct ktap_ffi_objects *ffi_objects; /* finalisers and methods; null: none yet */
	u32 finalisers_due;                   /* of objects that a collection has found dead */
	bool finalising;                      /* the program is at its end: it is not stopped any more */
	bool strict;                       /* numbers that do not fit their type are errors: ffi.strict */
	bool locked;                       /* the lock of struct ktap_host is in use */
	u32 callback_errors;               /* of callbacks that no call waited for */
	u32 call_depth;
};

/*
 * Makes an activation of memory that has been taken for it: `frames` is room for `depth` + 1 frames
 * and, behind them, for `values` values and KTAP_STACK_SLACK more.
 */
void ktap_activation_init(struct ktap_activation *activation, struct ktap_program *program,
			  struct ktap_frame *frames, u32 depth, u64 values);

/* Values up to `end`, which the stack has room for, may be written from now on. */
static inline void ktap_stack_reach(struct ktap_activation *activation, struct ktap_value *end)
{
	if (activation->stack_used < end)
		activation->stack_used = end;
}

static inline const char *ktap_text_of(const struct ktap_program *program, u32 string)
{
	return ktap_sections_text(&program->image, string);
}

/* What C code keeps alive while it makes other objects. */
enum ktap_kept {
	KTAP_KEEP_RESULT = 0,
	KTAP_KEEP_KEY = 1,
	KTAP_KEEP_FUNCTION = 2,
	KTAP_KEEP_CALLBACK_ERROR = 3,
	KTAP_KEEP_MANY = 4, /* and those behind it: a builtin's many results */
};

#endif
