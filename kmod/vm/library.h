/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The functions of the libraries, and what they share. */
#ifndef KTAP_LIBRARY_H
#define KTAP_LIBRARY_H

#include "builtins.h"

ktap_builtin_code ktap_builtin_select, ktap_builtin_unpack;
ktap_builtin_code ktap_string_len, ktap_string_sub, ktap_string_rep, ktap_string_byte,
	ktap_string_char, ktap_string_split, ktap_string_find, ktap_string_match,
	ktap_string_format;
ktap_builtin_code ktap_table_insert, ktap_table_remove, ktap_table_concat, ktap_table_new,
	ktap_table_keys;
ktap_builtin_code ktap_builtin_print_hist;
ktap_builtin_code ktap_builtin_cpu, ktap_builtin_pid, ktap_builtin_tid, ktap_builtin_uid,
	ktap_builtin_execname, ktap_builtin_kernel_v, ktap_builtin_arch, ktap_builtin_stack,
	ktap_builtin_exit, ktap_builtin_time_ns, ktap_builtin_time_us, ktap_builtin_time_ms,
	ktap_builtin_time_s;
ktap_builtin_step ktap_step_sort, ktap_step_sort_pairs, ktap_step_gsub;

/* Argument `number` (from 1) of a call; -1 with the error set where it is of another type. What may be
 * left out is `fallback` where it is missing or nil. */
int ktap_argument_string(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, u32 number, const char *function,
			 const struct ktap_string **string);
int ktap_argument_table(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, u32 number, const char *function, struct ktap_table **table);
int ktap_argument_number(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, u32 number, const char *function, s64 *value);
int ktap_argument_optional(struct ktap_activation *activation, const struct ktap_value *arguments,
			   u32 count, u32 number, const char *function, s64 fallback, s64 *value);
/* The address that an argument gives for reading or writing; a string's bytes may be read. */
int ktap_argument_address(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 number, const char *function, bool write, u64 *address);

/*
 * Pays for `work` units of a loop in C, each about an instruction's worth: lets others run now and then
 * and keeps to the program's budget. 0, or -1 with the error set.
 */
int ktap_spend(struct ktap_activation *activation, u64 work);

/* The same, and the turn is given up where it is time: others may change tables and collect garbage meanwhile.
 * So whatever the caller goes on with is reachable, and it reads tables anew. */
int ktap_spend_turn(struct ktap_activation *activation, u64 work);

static inline bool ktap_is_one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return *set;
}

/* Results that are more than the usual few: the caller finds them at values[0] .. values[count-1], which
 * are in the stack or kept. */
static inline int ktap_many_results(struct ktap_activation *activation,
				    const struct ktap_value *values, u32 count)
{
	activation->many = values;
	return count;
}

/* A start and an end as Lua's string functions take them, from 1, negative from the end: cut to
 * 1 .. length. */
struct ktap_span {
	u64 first, last; /* empty: first > last */
};
struct ktap_span ktap_span_of(s64 first, s64 last, u64 length);

#endif
