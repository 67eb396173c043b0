/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "operate.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "table.h"

/* Division as in C, but that of the least number by -1 wraps. `b` is not zero. */
static u64 divide(u64 a, u64 b, bool is_unsigned)
{
	if (is_unsigned)
		return a / b;
	return b == ~0ull ? 0 - a : (u64)((s64)a / (s64)b);
}

static u64 modulo(u64 a, u64 b, bool is_unsigned)
{
	if (is_unsigned)
		return a % b;
	return b == ~0ull ? 0 : (u64)((s64)a % (s64)b);
}

static u64 compute(u32 opcode, u64 a, u64 b, bool is_unsigned)
{
	switch (opcode) {
	case KTAP_OP_ADD:
		return a + b;
	case KTAP_OP_SUB:
		return a - b;
	case KTAP_OP_MUL:
		return a * b;
	case KTAP_OP_DIV:
		return divide(a, b, is_unsigned);
	case KTAP_OP_MOD:
		return modulo(a, b, is_unsigned);
	case KTAP_OP_AND:
		return a & b;
	case KTAP_OP_OR:
		return a | b;
	case KTAP_OP_XOR:
		return a ^ b;
	case KTAP_OP_SHL:
		return a << (b & 63);
	}
	return is_unsigned ? a >> (b & 63) : (u64)((s64)a >> (b & 63));
}

/* The usual arithmetic conversions between 64-bit types: unsigned if either is; a shift's type is
 * that of its left operand. */
static bool result_is_unsigned(u32 opcode, const struct ktap_value *a, const struct ktap_value *b)
{
	bool shift = opcode == KTAP_OP_SHL || opcode == KTAP_OP_SHR;

	return a->tag == KTAP_UINT || (!shift && b->tag == KTAP_UINT);
}

int ktap_binary(struct ktap_activation *activation, u32 opcode, const struct ktap_value *a,
		const struct ktap_value *b, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	struct ktap_value x;
	struct ktap_value y;
	bool is_unsigned;
	int done;

	if (!ktap_to_number(program, a, &x) || !ktap_to_number(program, b, &y)) {
		done = ktap_pointer_arithmetic(activation, opcode, a, b, to);
		if (done)
			return done < 0 ? -1 : 0;
		return ktap_raise_operand(activation, "perform arithmetic on",
					  ktap_to_number(program, a, &x) ? b : a);
	}
	is_unsigned = result_is_unsigned(opcode, &x, &y);
	if ((opcode == KTAP_OP_DIV || opcode == KTAP_OP_MOD) && !y.bits)
		return ktap_raise(activation, "divide 0");
	to->bits = compute(opcode, x.bits, y.bits, is_unsigned);
	to->kind = is_unsigned ? KTAP_UINT : KTAP_INT;
	return 0;
}

int ktap_unary(struct ktap_activation *activation, u32 opcode, const struct ktap_value *a,
	       struct ktap_value *to)
{
	struct ktap_value x;

	if (!ktap_to_number(activation->program, a, &x))
		return ktap_raise_operand(activation, "perform arithmetic on", a);
	to->bits = opcode == KTAP_OP_NEG ? 0 - x.bits : ~x.bits;
	to->kind = x.kind;
	return 0;
}

bool ktap_equal(const struct ktap_program *program, const struct ktap_value *a,
		const struct ktap_value *b)
{
	struct ktap_value x;
	struct ktap_value y;
	u64 left;
	u64 right;

	if (a->tag == b->tag && !ktap_is_cdata(a))
		return a->bits == b->bits;
	if (a->tag == KTAP_NIL || b->tag == KTAP_NIL)
		return ktap_address_of(program, a->tag == KTAP_NIL ? b : a, &left) && !left;
	if (ktap_to_number(program, a, &x) && ktap_to_number(program, b, &y))
		return x.bits == y.bits;
	return ktap_address_of(program, a, &left) && ktap_address_of(program, b, &right) &&
	       left == right;
}

static int compare_strings(const struct ktap_string *a, const struct ktap_string *b)
{
	u32 common = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->bytes, b->bytes, common);

	return order ? order : a->length < b->length ? -1 : a->length > b->length;
}

static int order_of(u64 a, u64 b, bool is_unsigned)
{
	if (a == b)
		return 0;
	return (is_unsigned ? a < b : (s64)a < (s64)b) ? -1 : 1;
}

int ktap_compare(struct ktap_activation *activation, const struct ktap_value *a,
		 const struct ktap_value *b, bool or_equal, bool *less)
{
	const struct ktap_program *program = activation->program;
	struct ktap_value x;
	struct ktap_value y;
	u64 left;
	u64 right;
	int order;

	if (ktap_to_number(program, a, &x) && ktap_to_number(program, b, &y))
		order = order_of(x.bits, y.bits, x.tag == KTAP_UINT || y.tag == KTAP_UINT);
	else if (a->tag == KTAP_STRING && b->tag == KTAP_STRING)
		order = compare_strings(a->string, b->string);
	else if (ktap_address_of(program, a, &left) && ktap_address_of(program, b, &right))
		order = order_of(left, right, true);
	else
		return ktap_raise(activation, "attempt to compare %s with %s",
				  ktap_type_name_of(activation, a),
				  ktap_type_name_of(activation, b));
	*less = order < 0 || (or_equal && !order);
	return 0;
}

/* A key of a table: integers of C's are numbers of the script's. */
static struct ktap_value table_key(const struct ktap_program *program, const struct ktap_value *key)
{
	struct ktap_value form;

	return key->tag == KTAP_SCALAR && ktap_to_number(program, key, &form) ? form : *key;
}

int ktap_get_index(struct ktap_activation *activation, const struct ktap_value *container,
		   const struct ktap_value *key, struct ktap_value *to)
{
	struct ktap_value form;

	if (container->tag == KTAP_TABLE) {
		ktap_table_settle(&activation->program->heap, container->table);
		form = table_key(activation->program, key);
		*to = *ktap_table_get(container->table, &form);
		return 0;
	}
	if (ktap_is_cdata(container))
		return ktap_cdata_get(activation, container, key, to);
	return ktap_raise_operand(activation, "index", container);
}

int ktap_set_index(struct ktap_activation *activation, const struct ktap_value *container,
		   const struct ktap_value *key, const struct ktap_value *value)
{
	struct ktap_value form;

	if (container->tag == KTAP_TABLE) {
		form = table_key(activation->program, key);
		return ktap_table_set(activation, container->table, &form, value);
	}
	if (ktap_is_cdata(container))
		return ktap_cdata_set(activation, container, key, value);
	return ktap_raise_operand(activation, "index", container);
}

/* The name of a field as a key. */
static struct ktap_value field_name(const struct ktap_program *program,
				    const struct ktap_image_field *field)
{
	struct ktap_value name;

	ktap_set_string(&name, program->strings[field->name]);
	return name;
}

int ktap_get_field(struct ktap_activation *activation, u32 number,
		   const struct ktap_value *container, struct ktap_value *to)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_image_field *field = &program->image.fields[number];
	struct ktap_place place;
	struct ktap_value name;

	if (likely(ktap_field_place(program, field, container, &place)))
		return ktap_load(activation, &place, to);
	name = field_name(program, field);
	return ktap_get_index(activation, container, &name, to);
}

int ktap_set_field(struct ktap_activation *activation, u32 number,
		   const struct ktap_value *container, const struct ktap_value *value)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_image_field *field = &program->image.fields[number];
	struct ktap_place place;
	struct ktap_value name;

	if (likely(ktap_field_place(program, field, container, &place)))
		return ktap_store_at(activation, &place, value, false);
	name = field_name(program, field);
	return ktap_set_index(activation, container, &name, value);
}

int ktap_prepare_loop(struct ktap_activation *activation, struct ktap_value *loop)
{
	static const char *const names[] = { "initial value", "limit", "step" };
	bool is_unsigned;
	bool down;
	u64 distance;
	u64 step;
	u32 i;

	for (i = 0; i < 3; i++) {
		if (!ktap_to_number(activation->program, &loop[i], &loop[i]))
			return ktap_raise(activation, "the %s of a 'for' must be a number, not %s",
					  names[i], ktap_type_name_of(activation, &loop[i]));
	}
	if (!loop[2].bits)
		return ktap_raise(activation, "the step of a 'for' is zero");
	is_unsigned = loop[0].tag == KTAP_UINT || loop[1].tag == KTAP_UINT;
	down = loop[2].tag == KTAP_INT && (s64)loop[2].bits < 0;
	if (order_of(loop[0].bits, loop[1].bits, is_unsigned) * (down ? -1 : 1) > 0)
		return 0;
	step = down ? 0 - loop[2].bits : loop[2].bits;
	distance = down ? loop[0].bits - loop[1].bits : loop[1].bits - loop[0].bits;
	loop[0].kind = is_unsigned ? KTAP_UINT : KTAP_INT;
	ktap_set_uint(&loop[1], distance / step);
	if (!(loop[0].kind | loop[2].kind)) {
		loop[1].bits = loop[0].bits + distance / step * loop[2].bits;
		loop[1].kind = KTAP_SIGNED_LOOP;
	}
	loop[3] = loop[0];
	return 1;
}

int ktap_continue_loop(struct ktap_activation *activation, struct ktap_value *loop)
{
	if (!ktap_is_number(&loop[0]) || loop[1].tag != KTAP_UINT || !ktap_is_number(&loop[2]))
		return ktap_raise(activation, "the state of a 'for' was overwritten");
	if (!loop[1].bits)
		return 0;
	loop[1].bits--;
	loop[0].bits += loop[2].bits;
	loop[3] = loop[0];
	return 1;
}
