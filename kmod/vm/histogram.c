/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* print_hist: the largest counts of a table as bars. */
#include "emit.h"
#include "error.h"
#include "convert.h"
#include "library.h"
#include "string.h"
#include "table.h"

#define ROWS       20u
#define KEY_WIDTH  28u
#define BAR_WIDTH  32u
#define LINE_BYTES 128u

/* The pairs with the greatest values, the greatest first; equal ones in the table's order. */
struct rows {
	u32 count;
	struct {
		u32 cursor; /* in the table: behind the pair */
		s64 value;
	} row[ROWS];
};

static void insert_row(struct rows *rows, u32 cursor, s64 value)
{
	u32 i = rows->count;

	if (i == ROWS && value <= rows->row[ROWS - 1].value)
		return;
	if (i < ROWS)
		rows->count++;
	else
		i--;
	for (; i && rows->row[i - 1].value < value; i--)
		rows->row[i] = rows->row[i - 1];
	rows->row[i].cursor = cursor;
	rows->row[i].value = value;
}

static int print_line(struct ktap_activation *activation, const char *bytes, u32 length)
{
	struct ktap_string *string = ktap_string_make(activation, bytes, length);
	struct ktap_value value;

	if (!string)
		return -1;
	ktap_set_string(&value, string);
	return ktap_emit_values(activation, KTAP_RECORD_PRINT, &value, 1);
}

/* Text at the right of a field. */
static void add_right(struct ktap_text *text, const char *bytes, u32 length, u32 width)
{
	u32 i;

	for (i = length; i < width; i++)
		ktap_text_bytes(text, " ", 1);
	ktap_text_bytes(text, bytes, length);
}

static int print_row(struct ktap_activation *activation, const struct ktap_value *key, s64 value,
		     u64 total)
{
	struct ktap_value *shown = &activation->kept[KTAP_KEEP_RESULT];
	char digits[KTAP_DIGITS_MAX];
	char line[LINE_BYTES];
	struct ktap_text text;
	u32 length;
	u32 filled = 0;
	u32 shift = 0;
	u32 i;

	/* The bar's part of the total, without an overflow. */
	while (total >> shift >= 1ull << 58)
		shift++;
	if (value > 0 && total >> shift)
		filled = ((u64)value >> shift) * BAR_WIDTH / (total >> shift);
	if (ktap_to_string(activation, shown, key))
		return -1;
	ktap_text_begin(&text, line, sizeof(line));
	length = shown->string->length < KEY_WIDTH ? shown->string->length : KEY_WIDTH;
	add_right(&text, shown->string->bytes, length, KEY_WIDTH);
	ktap_text_string(&text, " |");
	for (i = 0; i < BAR_WIDTH; i++)
		ktap_text_string(&text, i < filled ? "@" : " ");
	ktap_text_string(&text, "| ");
	length = ktap_signed_digits(digits, value);
	ktap_text_bytes(&text, digits, length);
	return print_line(activation, line, text.length);
}

static int collect_rows(struct ktap_activation *activation, const struct ktap_table *table,
			struct rows *rows, u64 *total, u64 *pairs)
{
	struct ktap_value pair[2];
	struct ktap_value number;
	u32 cursor = 0;
	u32 before = 0;

	for (; ktap_table_step(table, &cursor, pair); before = cursor) {
		if (!ktap_to_number(activation->program, &pair[1], &number))
			return ktap_raise(activation, "print_hist: a value is a %s, not a number",
					  ktap_type_name_of(activation, &pair[1]));
		if (ktap_spend(activation, 1))
			return -1;
		if ((s64)number.bits > 0)
			*total += number.bits;
		++*pairs;
		insert_row(rows, before, number.bits);
	}
	return 0;
}

int ktap_builtin_print_hist(struct ktap_activation *activation, const struct ktap_value *arguments,
			    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	static const char title[] = "                       value "
				    "|---------- Distribution ----------| count";
	struct rows rows = { .count = 0 };
	struct ktap_value pair[2];
	struct ktap_table *table;
	u64 total = 0;
	u64 pairs = 0;
	u32 i;

	(void)results;
	if (ktap_argument_table(activation, arguments, count, 1, "print_hist", &table) ||
	    collect_rows(activation, table, &rows, &total, &pairs) ||
	    print_line(activation, title, sizeof(title) - 1))
		return -1;
	for (i = 0; i < rows.count; i++) {
		u32 cursor = rows.row[i].cursor;

		if (ktap_table_step(table, &cursor, pair) &&
		    print_row(activation, &pair[0], rows.row[i].value, total))
			return -1;
	}
	if (pairs > rows.count)
		return print_line(activation, "                         ...", 28);
	return 0;
}
