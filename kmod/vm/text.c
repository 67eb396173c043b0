/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "text.h"

void ktap_text_begin(struct ktap_text *text, char *bytes, u32 size)
{
	text->bytes = bytes;
	text->size = size;
	text->length = 0;
	bytes[0] = 0;
}

void ktap_text_bytes(struct ktap_text *text, const char *bytes, u64 count)
{
	u32 room = text->size - 1 - text->length;

	if (count > room)
		count = room;
	memcpy(text->bytes + text->length, bytes, count);
	text->length += count;
	text->bytes[text->length] = 0;
}

static u32 length_of(const char *string)
{
	u32 length = 0;

	while (string[length])
		length++;
	return length;
}

void ktap_text_string(struct ktap_text *text, const char *string)
{
	ktap_text_bytes(text, string, length_of(string));
}

u32 ktap_digits(char *digits, u64 value, u32 base)
{
	char reversed[KTAP_DIGITS_MAX];
	u32 count = 0;
	u32 i;

	do {
		reversed[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (i = 0; i < count; i++)
		digits[i] = reversed[count - 1 - i];
	return count;
}

u32 ktap_signed_digits(char *digits, s64 value)
{
	if (value >= 0)
		return ktap_digits(digits, value, 10);
	digits[0] = '-';
	return 1 + ktap_digits(digits + 1, 0 - (u64)value, 10);
}

static void add_number(struct ktap_text *text, u64 value, bool is_signed, u32 base)
{
	char digits[KTAP_DIGITS_MAX];
	u32 count =
		is_signed ? ktap_signed_digits(digits, value) : ktap_digits(digits, value, base);

	ktap_text_bytes(text, digits, count);
}

/* One conversion, `format` behind its '%'; returns the place behind it. */
static const char *add_conversion(struct ktap_text *text, const char *format,
				  __builtin_va_list *arguments)
{
	bool is_long = false;
	u32 limit = ~0u;
	const char *string;
	u32 length;
	char c;

	if (format[0] == '.' && format[1] == '*') {
		limit = __builtin_va_arg(*arguments, int);
		format += 2;
	}
	while (*format == 'l') {
		is_long = true;
		format++;
	}
	switch (*format) {
	case 's':
		string = __builtin_va_arg(*arguments, const char *);
		for (length = 0; length < limit && string[length]; length++)
			;
		ktap_text_bytes(text, string, length);
		break;
	case 'c':
		c = __builtin_va_arg(*arguments, int);
		ktap_text_bytes(text, &c, 1);
		break;
	case 'd':
		add_number(text,
			   is_long ? __builtin_va_arg(*arguments, s64)
				   : __builtin_va_arg(*arguments, s32),
			   true, 10);
		break;
	case 'u':
	case 'x':
		add_number(text,
			   is_long ? __builtin_va_arg(*arguments, u64)
				   : __builtin_va_arg(*arguments, u32),
			   false, *format == 'x' ? 16 : 10);
		break;
	case 0:
		return format;
	default:
		ktap_text_bytes(text, format, 1);
	}
	return format + 1;
}

void ktap_text_vadd(struct ktap_text *text, const char *format, __builtin_va_list arguments)
{
	__builtin_va_list rest;
	const char *end;

	__builtin_va_copy(rest, arguments);
	while (*format) {
		for (end = format; *end && *end != '%'; end++)
			;
		ktap_text_bytes(text, format, end - format);
		format = *end ? add_conversion(text, end + 1, &rest) : end;
	}
	__builtin_va_end(rest);
}

void ktap_text_add(struct ktap_text *text, const char *format, ...)
{
	__builtin_va_list arguments;

	__builtin_va_start(arguments, format);
	ktap_text_vadd(text, format, arguments);
	__builtin_va_end(arguments);
}
