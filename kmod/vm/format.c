/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * string.format, and printf where it shows symbols; other formats are left to the loader, which
 * does the same (Sources/KtapLoader/Printf.swift).
 */
#include "format.h"
#include "buffer.h"
#include "cdata.h"
#include "convert.h"
#include "error.h"
#include "library.h"
#include "string.h"

/* No sensible column is wider. */
#define PADDING_MAX 4096u
#define NO_LIMIT    0xffffffffu
#define SYMBOL_MAX  256u
#define OCTAL_MAX   22u

/* One conversion specification (C11 7.21.6.1p4). Length modifiers mean nothing: values know their
 * size. */
struct conversion {
	bool left, plus, blank, alternate, zeros;
	u32 width;
	u32 precision; /* or NO_LIMIT */
	char letter;
	bool symbol; /* %pS */
};

struct formatter {
	struct ktap_activation *activation;
	const char *function;
	const struct ktap_string *format;
	u32 at; /* in the format */
	const struct ktap_value *values;
	u32 count, next; /* values; the format is the first */
	struct ktap_value *buffer;
};

static char peek(const struct formatter *f)
{
	return f->at < f->format->length ? f->format->bytes[f->at] : 0;
}

/* The next value's number among the function's arguments, from 1; 0 with the error set. */
static u32 take(struct formatter *f)
{
	if (f->next < f->count)
		return ++f->next;
	ktap_raise_argument(f->activation, f->count + 1, f->function,
			    "the format asks for more values");
	return 0;
}

/* Digits, or * for the next value: the number; -1 with the error set. Negative: *negative. */
static int read_number(struct formatter *f, u32 *number, bool *negative)
{
	u32 index;
	s64 value;

	*negative = false;
	*number = 0;
	if (peek(f) == '*') {
		f->at++;
		index = take(f);
		if (!index || ktap_argument_number(f->activation, f->values, f->count, index,
						   f->function, &value))
			return -1;
		*negative = value < 0;
		if (*negative)
			value = value < -(s64)PADDING_MAX ? PADDING_MAX : -value;
		*number = value > PADDING_MAX ? PADDING_MAX : value;
		return 0;
	}
	for (; peek(f) >= '0' && peek(f) <= '9'; f->at++) {
		*number = *number * 10 + (peek(f) - '0');
		if (*number > PADDING_MAX)
			*number = PADDING_MAX;
	}
	return 0;
}

static void read_flags(struct formatter *f, struct conversion *c)
{
	for (;; f->at++) {
		switch (peek(f)) {
		case '-':
			c->left = true;
			break;
		case '+':
			c->plus = true;
			break;
		case ' ':
			c->blank = true;
			break;
		case '#':
			c->alternate = true;
			break;
		case '0':
			c->zeros = true;
			break;
		default:
			return;
		}
	}
}

/* The specification behind a '%'. */
static int read_conversion(struct formatter *f, struct conversion *c)
{
	bool negative;

	*c = (struct conversion){ .precision = NO_LIMIT };
	read_flags(f, c);
	if (read_number(f, &c->width, &negative))
		return -1;
	c->left |= negative;
	if (peek(f) == '.') {
		f->at++;
		if (read_number(f, &c->precision, &negative))
			return -1;
		if (negative)
			c->precision = NO_LIMIT;
	}
	while (peek(f) && ktap_is_one_of(peek(f), "hlqjzt"))
		f->at++;
	if (f->at >= f->format->length)
		return ktap_raise_argument(f->activation, 1, f->function,
					   "the format ends within a conversion");
	c->letter = f->format->bytes[f->at++];
	if (c->letter == 'p' && peek(f) && ktap_is_one_of(peek(f), "SsBfF")) {
		c->symbol = true;
		f->at++;
	}
	return 0;
}

/* Sign, zeros and digits in a field. */
static int add_field(struct formatter *f, const struct conversion *c, const char *sign,
		     u32 sign_length, u32 zeros, const char *text, u32 length)
{
	u32 used = sign_length + zeros + length;
	u32 padding = used < c->width ? c->width - used : 0;

	if (!c->left && ktap_buffer_fill(f->activation, f->buffer, ' ', padding))
		return -1;
	if (ktap_buffer_add(f->activation, f->buffer, sign, sign_length) ||
	    ktap_buffer_fill(f->activation, f->buffer, '0', zeros) ||
	    ktap_buffer_add(f->activation, f->buffer, text, length))
		return -1;
	return c->left ? ktap_buffer_fill(f->activation, f->buffer, ' ', padding) : 0;
}

static u32 write_digits(char digits[OCTAL_MAX], u64 value, const struct conversion *c)
{
	u32 base = c->letter == 'o' ? 8 : ktap_is_one_of(c->letter, "xXp") ? 16 : 10;
	u32 count = 0;
	u32 i;

	if (base != 8) {
		count = ktap_digits(digits, value, base);
	} else {
		for (i = OCTAL_MAX; i-- > 0;) {
			if (count || value >> (3 * i) || !i)
				digits[count++] = '0' + (value >> (3 * i) & 7);
		}
	}
	for (i = 0; c->letter == 'X' && i < count; i++)
		digits[i] -= digits[i] >= 'a' ? 'a' - 'A' : 0;
	return count;
}

/* An integer that fits no signed type prints as what it is with %d, too: nothing is narrower. */
static int add_integer(struct formatter *f, const struct conversion *c,
		       const struct ktap_value *value)
{
	bool is_signed = c->letter == 'd' || c->letter == 'i';
	bool minus = is_signed && value->tag == KTAP_INT && (s64)value->bits < 0;
	char digits[OCTAL_MAX];
	u32 count = write_digits(digits, minus ? 0 - value->bits : value->bits, c);
	const char *sign = "";
	u32 sign_length;
	u32 zeros = 0;

	if (c->precision != NO_LIMIT) {
		if (!c->precision && !value->bits)
			count = 0;
		zeros = c->precision > count ? c->precision - count : 0;
	}
	if (is_signed)
		sign = minus ? "-" : c->plus ? "+" : c->blank ? " " : "";
	else if (c->letter == 'p' || (c->alternate && c->letter == 'x' && value->bits))
		sign = "0x";
	else if (c->alternate && c->letter == 'X' && value->bits)
		sign = "0X";
	else if (c->alternate && c->letter == 'o' && !zeros && (!count || digits[0] != '0'))
		zeros = 1;
	sign_length = sign[0] ? sign[1] ? 2 : 1 : 0;
	if (c->zeros && !c->left && c->precision == NO_LIMIT &&
	    c->width > sign_length + zeros + count)
		zeros = c->width - sign_length - count;
	return add_field(f, c, sign, sign_length, zeros, digits, count);
}

static int add_string(struct formatter *f, const struct conversion *c,
		      const struct ktap_value *value)
{
	struct ktap_value *text = &f->activation->kept[KTAP_KEEP_KEY];

	if (ktap_to_string(f->activation, text, value))
		return -1;
	return add_field(f, c, "", 0, 0, text->string->bytes,
			 text->string->length < c->precision ? text->string->length : c->precision);
}

static int add_symbol(struct formatter *f, const struct conversion *c, u64 address)
{
	const struct ktap_program *program = f->activation->program;
	char name[SYMBOL_MAX];
	long length = -1;
	struct ktap_text text;

	if (program->host->fact)
		length = program->host->fact(program->host_data, KTAP_FACT_SYMBOL, address, name,
					     sizeof(name));
	if (length >= 0)
		return add_field(f, c, "", 0, 0, name, length);
	ktap_text_begin(&text, name, sizeof(name));
	ktap_text_add(&text, "0x%llx", (unsigned long long)address);
	return add_field(f, c, "", 0, 0, name, text.length);
}

/* An integer, boolean or pointer as 64 bits. */
static bool bits_of(const struct formatter *f, const struct ktap_value *value,
		    struct ktap_value *bits)
{
	u64 address;

	if (ktap_to_number(f->activation->program, value, bits))
		return true;
	if (value->tag == KTAP_TRUE || value->tag == KTAP_FALSE)
		ktap_set_int(bits, value->tag == KTAP_TRUE);
	else if (value->tag == KTAP_NIL)
		ktap_set_int(bits, 0);
	else if (ktap_address_of(f->activation->program, value, &address))
		ktap_set_uint(bits, address);
	else
		return false;
	return true;
}

static int convert(struct formatter *f, const struct conversion *c)
{
	const struct ktap_value *value;
	struct ktap_value bits;
	char byte;
	u32 index;

	if (c->letter == '%')
		return ktap_buffer_add(f->activation, f->buffer, "%", 1);
	if (!ktap_is_one_of(c->letter, "diouxXcsp"))
		return ktap_raise_argument(f->activation, 1, f->function,
					   "there is no conversion '%%%c'", c->letter);
	index = take(f);
	if (!index)
		return -1;
	value = &f->values[index - 1];
	if (c->letter == 's')
		return add_string(f, c, value);
	if (!bits_of(f, value, &bits) || (value->tag == KTAP_NIL && c->letter != 'p'))
		return ktap_raise_argument(f->activation, index, f->function,
					   "number expected, got %s",
					   ktap_type_name_of(f->activation, value));
	if (c->symbol)
		return add_symbol(f, c, bits.bits);
	if (c->letter != 'c')
		return add_integer(f, c, &bits);
	byte = bits.bits;
	return add_field(f, c, "", 0, 0, &byte, 1);
}

int ktap_format(struct ktap_activation *activation, const char *function,
		const struct ktap_value *values, u32 count, struct ktap_value *to)
{
	struct formatter f = {
		.activation = activation,
		.function = function,
		.values = values,
		.count = count,
		.next = 1,
		.buffer = &activation->kept[KTAP_KEEP_RESULT],
	};
	struct conversion c;
	u32 from;

	if (ktap_argument_string(activation, values, count, 1, function, &f.format) ||
	    ktap_buffer_begin(activation, f.buffer))
		return -1;
	while (f.at < f.format->length) {
		for (from = f.at; f.at < f.format->length && peek(&f) != '%';)
			f.at++;
		if (ktap_spend_turn(activation, f.at - from + 1) ||
		    ktap_buffer_add(activation, f.buffer, f.format->bytes + from, f.at - from))
			return -1;
		if (f.at == f.format->length)
			break;
		f.at++;
		if (read_conversion(&f, &c) || convert(&f, &c))
			return -1;
	}
	return ktap_buffer_finish(activation, f.buffer, to);
}

bool ktap_format_has_symbols(const struct ktap_string *format)
{
	u32 i;

	for (i = 0; i + 1 < format->length; i++) {
		if (format->bytes[i] == 'p' && ktap_is_one_of(format->bytes[i + 1], "SsBfF"))
			return true;
	}
	return false;
}

int ktap_string_format(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	return ktap_format(activation, "string.format", arguments, count, &results[0]) ? -1 : 1;
}
