/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The kernel's containers as iterators: ffi.list, ffi.hlist, ffi.rbtree, ffi.xarray. Each gives what a
 * generic for calls: the function, a state, nil. Nothing holds a container still meanwhile (rcu() may),
 * so every word is read as any other foreign memory, and every walk ends: a list that runs in a circle
 * is found by Brent's algorithm, the depth of trees is bounded, an xarray's indexes only grow.
 */
#include "ctype.h"
#include "error.h"
#include "library.h"
#include "memory.h"
#include "string.h"
#include "table.h"

/* The state: a table of these, numbered from 1. A script that changes it spoils its own walk only. */
enum state {
	STATE_KIND = 1,
	STATE_TYPE = 2,   /* of the elements: a ctype */
	STATE_HEAD = 3,   /* address of the container */
	STATE_OFFSET = 4, /* of the link in an element */
	STATE_MARK = 5,   /* a link passed before: to meet it again is a circle */
	STATE_STEPS = 6,  /* since then */
	STATE_LIMIT = 7,  /* steps until the mark is moved */
};

enum container {
	LIST,
	HLIST,
	RBTREE,
	XARRAY,
};

/* struct rb_node: { unsigned long __rb_parent_color; struct rb_node *rb_right, *rb_left; } */
#define RB_RIGHT     8
#define RB_LEFT      16
#define RB_DEPTH_MAX 128u /* a tree of n nodes is at most 2 log2(n+1) high */

/* struct xa_node: u8 shift at its start, the slots at 40; <linux/xarray.h> says what entries are. */
#define XA_SLOTS      40
#define XA_CHUNK_BITS 6u
#define XA_CHUNK      (1u << XA_CHUNK_BITS)

static int put(struct ktap_activation *activation, struct ktap_table *table, u32 place,
	       const struct ktap_value *value)
{
	struct ktap_value key;

	ktap_set_int(&key, place);
	return ktap_table_set(activation, table, &key, value);
}

static int put_number(struct ktap_activation *activation, struct ktap_table *table, u32 place,
		      u64 number)
{
	struct ktap_value value;

	ktap_set_uint(&value, number);
	return put(activation, table, place, &value);
}

/* A number of the state; what a script has put there instead counts as 0. */
static u64 get_number(const struct ktap_table *table, u32 place)
{
	const struct ktap_value *value;
	struct ktap_value key;

	ktap_set_int(&key, place);
	value = ktap_table_get(table, &key);
	return ktap_is_number(value) || value->tag == KTAP_CTYPE ? value->bits : 0;
}

/* The results of a function that makes an iterator; the state is kept while it is filled. */
static int give_iterator(struct ktap_activation *activation, enum container kind, u32 type,
			 u64 head, u64 offset, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value *kept = &activation->kept[KTAP_KEEP_RESULT];
	struct ktap_table *state = ktap_table_make(activation);
	struct ktap_value element;

	if (!state)
		return -1;
	kept->table = state;
	kept->kind = KTAP_TABLE;
	ktap_set_ctype(&element, type);
	if (put_number(activation, state, STATE_KIND, kind) ||
	    put(activation, state, STATE_TYPE, &element) ||
	    put_number(activation, state, STATE_HEAD, head) ||
	    put_number(activation, state, STATE_OFFSET, offset) ||
	    put_number(activation, state, STATE_MARK, 0) ||
	    put_number(activation, state, STATE_STEPS, 0) ||
	    put_number(activation, state, STATE_LIMIT, 1))
		return -1;
	results[0].bits = KTAP_BUILTIN_FFI_ITERATE;
	results[0].kind = KTAP_BUILTIN;
	results[1] = *kept;
	ktap_set_nil(&results[2]);
	ktap_set_nil(kept);
	return 3;
}

static int expect_record(struct ktap_activation *activation, const struct ktap_value *value,
			 const char *function)
{
	if (value->tag == KTAP_CTYPE &&
	    ktap_type_is_record(&activation->program->types[value->bits]))
		return 0;
	return ktap_raise_argument(activation, 1, function,
				   "the type of a struct or union expected");
}

/* (type, head, member): elements are records of the type, linked by their member. */
static int make_linked(struct ktap_activation *activation, enum container kind,
		       const char *function, const struct ktap_value *arguments, u32 count,
		       struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_string *name;
	struct ktap_place place = { 0 };
	u64 head;

	if (expect_record(activation, &arguments[0], function) ||
	    ktap_argument_address(activation, arguments, 2, function, false, &head) ||
	    ktap_argument_string(activation, arguments, count, 3, function, &name))
		return -1;
	place.type = arguments[0].bits;
	if (!ktap_find_member(activation->program, name, &place))
		return ktap_raise_argument(activation, 3, function, "'%s' has no member '%s'",
					   ktap_type_name(activation, arguments[0].bits),
					   name->bytes);
	return give_iterator(activation, kind, arguments[0].bits, head, place.address, results);
}

/* ffi.list(type, head, member): the entries of a struct list_head, but for the head itself. */
int ktap_builtin_list(struct ktap_activation *activation, const struct ktap_value *arguments,
		      u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return make_linked(activation, LIST, "ffi.list", arguments, count, results);
}

/* ffi.hlist(type, head, member): likewise, up to NULL or, in a "nulls" list, an odd end marker. */
int ktap_builtin_hlist(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return make_linked(activation, HLIST, "ffi.hlist", arguments, count, results);
}

/* ffi.rbtree(type, root, member): in the tree's order; the root may be a cached one. */
int ktap_builtin_rbtree(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return make_linked(activation, RBTREE, "ffi.rbtree", arguments, count, results);
}

static u32 record_behind(const struct ktap_program *program, const struct ktap_value *value)
{
	const struct ktap_image_type *type = &program->types[value->type];

	if (!ktap_is_cdata(value))
		return KTAP_NONE;
	if (ktap_type_is_record(type))
		return value->type;
	return type->kind == KTAP_TYPE_POINTER && ktap_type_is_record(&program->types[type->ref])
		       ? type->ref
		       : KTAP_NONE;
}

/* ffi.xarray(type, xarray): index and entry of each; a pointer to the type, or the number that it is. */
int ktap_builtin_xarray(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_program *program = activation->program;
	struct ktap_place place = { .type = record_behind(program, &arguments[1]) };
	struct ktap_string *name;

	(void)count;
	if (expect_record(activation, &arguments[0], "ffi.xarray"))
		return -1;
	name = ktap_string_make(activation, "xa_head", 7);
	if (!name)
		return -1;
	place.address = arguments[1].bits;
	if (place.type == KTAP_NONE || !ktap_find_member(program, name, &place))
		return ktap_raise_argument(activation, 2, "ffi.xarray",
					   "a struct xarray expected, got %s",
					   ktap_type_name_of(activation, &arguments[1]));
	return give_iterator(activation, XARRAY, arguments[0].bits, place.address, 0, results);
}

/* --- Walking ----------------------------------------------------------------------------------- */

/* One step of a walk. */
struct walk {
	struct ktap_activation *activation;
	u64 head;
	u64 node; /* the link that the walk is at; 0: before the first, behind the last */
};

static int read_word(const struct walk *walk, u64 address, u64 *word)
{
	if (ktap_spend(walk->activation, 1))
		return -1;
	return ktap_read(walk->activation, word, address, sizeof(*word));
}

static int next_in_list(struct walk *walk)
{
	if (read_word(walk, walk->node ? walk->node : walk->head, &walk->node))
		return -1;
	if (!walk->node)
		return ktap_raise(walk->activation,
				  "the list at 0x%llx is broken: a link is NULL",
				  (unsigned long long)walk->head);
	if (walk->node == walk->head)
		walk->node = 0;
	return 0;
}

static int next_in_hlist(struct walk *walk)
{
	if (read_word(walk, walk->node ? walk->node : walk->head, &walk->node))
		return -1;
	if (walk->node & 1)
		walk->node = 0;
	return 0;
}

static int raise_depth(const struct walk *walk)
{
	return ktap_raise(walk->activation,
			  "the tree at 0x%llx is broken: it is more than %u nodes deep",
			  (unsigned long long)walk->head, RB_DEPTH_MAX);
}

static int leftmost(struct walk *walk, u64 node)
{
	u32 depth;

	for (depth = 0; node; depth++) {
		if (depth == RB_DEPTH_MAX)
			return raise_depth(walk);
		walk->node = node;
		if (read_word(walk, node + RB_LEFT, &node))
			return -1;
	}
	return 0;
}

/* Up to the first node that was come to from its left. */
static int climb(struct walk *walk)
{
	u64 parent = walk->node;
	u64 right = walk->node;
	u64 node;
	u32 depth;

	for (depth = 0; parent && right == walk->node; depth++) {
		if (depth == RB_DEPTH_MAX)
			return raise_depth(walk);
		node = parent;
		if (read_word(walk, node, &parent))
			return -1;
		parent &= ~3ull; /* the lowest bits are the colour */
		walk->node = node;
		if (parent && read_word(walk, parent + RB_RIGHT, &right))
			return -1;
	}
	walk->node = parent;
	return 0;
}

static int next_in_tree(struct walk *walk)
{
	u64 below;

	if (!walk->node)
		return read_word(walk, walk->head, &below) ? -1 : leftmost(walk, below);
	if (read_word(walk, walk->node + RB_RIGHT, &below))
		return -1;
	return below ? leftmost(walk, below) : climb(walk);
}

/* Brent's algorithm: the mark is moved to the link that is 1, 2, 4, … steps behind it. */
static int check_circle(const struct walk *walk, struct ktap_table *state)
{
	struct ktap_activation *activation = walk->activation;
	u64 steps = get_number(state, STATE_STEPS) + 1;
	u64 limit = get_number(state, STATE_LIMIT);

	if (walk->node == get_number(state, STATE_MARK))
		return ktap_raise(activation, "the elements at 0x%llx run in a circle",
				  (unsigned long long)walk->head);
	if (steps < limit)
		return put_number(activation, state, STATE_STEPS, steps);
	return put_number(activation, state, STATE_MARK, walk->node) ||
			       put_number(activation, state, STATE_STEPS, 0) ||
			       put_number(activation, state, STATE_LIMIT, limit * 2)
		       ? -1
		       : 0;
}

static int next_linked(struct walk *walk, enum container kind, struct ktap_table *state,
		       const struct ktap_value *control, struct ktap_value *results)
{
	u64 offset = get_number(state, STATE_OFFSET);
	u64 type = get_number(state, STATE_TYPE);
	int failed;

	walk->node = control->tag == KTAP_SCALAR ? control->bits + offset : 0;
	failed = kind == LIST    ? next_in_list(walk)
		 : kind == HLIST ? next_in_hlist(walk)
				 : next_in_tree(walk);
	if (failed)
		return -1;
	ktap_set_nil(&results[0]);
	if (!walk->node)
		return 1;
	if (check_circle(walk, state))
		return -1;
	ktap_set_cdata(&results[0], KTAP_SCALAR, walk->node - offset,
		       ktap_pointer_to(walk->activation->program, type));
	return 1;
}

/* Entries whose lowest bits are 10 are the xarray's own: nodes if they are pointers, else marks of
 * siblings, reservations and retries. */
static bool is_node(u64 entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

static bool is_own(u64 entry)
{
	return !entry || (entry & 3) == 2;
}

/* Whether a slot has nothing for a walk that has come to `index`: no entry, or one that began before. */
static bool is_passed(u64 entry, u64 index, u32 shift)
{
	if (is_node(entry))
		return false;
	return is_own(entry) || (index & ((1ull << shift) - 1));
}

static int read_shift(const struct walk *walk, u64 node, u32 below, u32 *shift)
{
	u8 byte;

	if (ktap_read(walk->activation, &byte, node, 1))
		return -1;
	*shift = byte;
	if (byte < below)
		return 0;
	return ktap_raise(walk->activation, "the xarray at 0x%llx is broken",
			  (unsigned long long)walk->head);
}

#define LOOK_AGAIN 2

/* The first slot of a node, from that of `*index` on, that has something: results as of descend(). */
static int find_in_node(const struct walk *walk, u64 node, u32 shift, u64 *index, u64 *entry)
{
	u64 slot;

	for (;;) {
		slot = *index >> shift & (XA_CHUNK - 1);
		if (read_word(walk, node + XA_SLOTS + slot * 8, entry))
			return -1;
		if (!is_passed(*entry, *index, shift))
			return 1;
		*index = ((*index >> shift) + 1) << shift;
		if (slot == XA_CHUNK - 1 || !*index)
			return *index ? LOOK_AGAIN : 0;
	}
}

/* Goes down from the top to the first entry at `*index` or behind it: 1; 0: there is none; LOOK_AGAIN
 * from `*index` on, which is behind a node that has ended; -1 with the error set. */
static int descend(struct walk *walk, u64 *index, u64 *entry)
{
	u32 shift = 64;
	u64 node;
	int found;

	walk->node = 0;
	if (read_word(walk, walk->head, entry))
		return -1;
	if (!is_node(*entry)) /* empty, or a single entry */
		return !is_own(*entry) && !*index;
	do {
		node = *entry - 2;
		if (read_shift(walk, node, shift, &shift))
			return -1;
		/* Only at the top there may be more than the node holds. */
		if (!walk->node && shift + XA_CHUNK_BITS < 64 &&
		    *index >> (shift + XA_CHUNK_BITS))
			return 0;
		walk->node = node;
		found = find_in_node(walk, node, shift, index, entry);
		if (found != 1)
			return found;
	} while (is_node(*entry));
	return 1;
}

static int next_in_xarray(struct walk *walk, struct ktap_table *state,
			  const struct ktap_value *control, struct ktap_value *results)
{
	u64 type = get_number(state, STATE_TYPE);
	u64 index = control->tag == KTAP_NIL ? 0 : control->bits + 1;
	u64 entry = 0;
	int found = LOOK_AGAIN;

	if (!index && control->tag != KTAP_NIL)
		found = 0; /* behind the last one that there may be */
	while (found == LOOK_AGAIN)
		found = descend(walk, &index, &entry);
	if (found < 0)
		return -1;
	ktap_set_nil(&results[0]);
	if (!found)
		return 1;
	ktap_set_uint(&results[0], index);
	if (entry & 1)
		ktap_set_uint(&results[1], entry >> 1);
	else
		ktap_set_cdata(&results[1], KTAP_SCALAR, entry,
			       ktap_pointer_to(walk->activation->program, type));
	return 2;
}

/* What a loop over one of these calls with its state and the element (xarray: the index) it is at. */
int ktap_builtin_iterate(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct walk walk = { .activation = activation };
	struct ktap_table *state = NULL;
	u64 kind;
	u64 type;

	if (ktap_argument_table(activation, arguments, count, 1, "ffi.list:next", &state))
		return -1;
	kind = get_number(state, STATE_KIND);
	type = get_number(state, STATE_TYPE);
	walk.head = get_number(state, STATE_HEAD);
	if (kind > XARRAY || type >= activation->program->type_count)
		return ktap_raise_argument(activation, 1, "ffi.list:next",
					   "this is no iterator's state");
	return kind == XARRAY ? next_in_xarray(&walk, state, &arguments[1], results)
			      : next_linked(&walk, kind, state, &arguments[1], results);
}
