/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The language's own functions, and the table of all; ffi.* is in ffi.c, output in emit.c, the
 * libraries in library*.c and their neighbours. */
#include "builtins.h"
#include "convert.h"
#include "error.h"
#include "library.h"
#include "string.h"
#include "table.h"

static int one(struct ktap_value results[KTAP_RESULTS_MAX], const struct ktap_value *value)
{
	results[0] = *value;
	return 1;
}

static int make_string(struct ktap_activation *activation, const char *text,
		       struct ktap_value results[KTAP_RESULTS_MAX])
{
	u32 length = 0;
	struct ktap_string *string;

	while (text[length])
		length++;
	string = ktap_string_make(activation, text, length);
	if (!string)
		return -1;
	ktap_set_string(&results[0], string);
	return 1;
}

/* error("text"): with the place of the call in front; any other value as it is. */
static int builtin_error(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)results;
	if (!count) {
		ktap_set_nil(&activation->error);
		return -1;
	}
	if (arguments[0].tag == KTAP_STRING)
		return ktap_raise(activation, "%s", arguments[0].string->bytes);
	activation->error = arguments[0];
	return -1;
}

static int builtin_assert(struct ktap_activation *activation, const struct ktap_value *arguments,
			  u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	if (ktap_is_true(&arguments[0]))
		return one(results, &arguments[0]);
	if (count > 1)
		return builtin_error(activation, &arguments[1], 1, results);
	return ktap_raise(activation, "assertion failed");
}

static int builtin_type(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	const struct ktap_value *value = &arguments[0];

	(void)count;
	return make_string(activation,
			   ktap_is_cdata(value) ? "cdata" : ktap_type_name_of(activation, value),
			   results);
}

static int builtin_tostring(struct ktap_activation *activation, const struct ktap_value *arguments,
			    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)count;
	return ktap_to_string(activation, &results[0], &arguments[0]) ? -1 : 1;
}

static u32 digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return ~0u;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* An integer, decimal or 0x…, with a sign and blanks; unsigned if only that holds it. */
static bool parse_number(const struct ktap_string *string, struct ktap_value *number)
{
	const char *at = string->bytes;
	const char *end = at + string->length;
	bool negative = false;
	u32 base = 10;
	u64 value = 0;
	u32 digit;

	while (at < end && is_space(*at))
		at++;
	while (end > at && is_space(end[-1]))
		end--;
	if (at < end && (*at == '-' || *at == '+'))
		negative = *at++ == '-';
	if (end - at > 2 && at[0] == '0' && (at[1] | 32) == 'x') {
		base = 16;
		at += 2;
	}
	if (at == end)
		return false;
	for (; at < end; at++) {
		digit = digit_of(*at);
		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (value >> 63 && !negative)
		ktap_set_uint(number, value);
	else
		ktap_set_int(number, negative ? 0 - value : value);
	return !negative || value <= 1ull << 63;
}

static int builtin_tonumber(struct ktap_activation *activation, const struct ktap_value *arguments,
			    u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)count;
	if (ktap_to_number(activation->program, &arguments[0], &results[0]))
		return 1;
	if (arguments[0].tag != KTAP_STRING || !parse_number(arguments[0].string, &results[0]))
		ktap_set_nil(&results[0]);
	return 1;
}

int ktap_length(struct ktap_activation *activation, const struct ktap_value *value,
		struct ktap_value *to)
{
	const struct ktap_image_type *type;

	if (value->tag == KTAP_STRING) {
		ktap_set_int(to, value->string->length);
		return 0;
	}
	if (value->tag == KTAP_TABLE) {
		ktap_set_int(to, ktap_table_length(value->table));
		return 0;
	}
	type = ktap_is_reference(value) ? ktap_type(activation, value->type) : NULL;
	if (!type || type->kind != KTAP_TYPE_ARRAY || !type->length)
		return ktap_raise_operand(activation, "get the length of", value);
	ktap_set_int(to, type->length);
	return 0;
}

static int builtin_len(struct ktap_activation *activation, const struct ktap_value *arguments,
		       u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)count;
	return ktap_length(activation, &arguments[0], &results[0]) ? -1 : 1;
}

static int expect_table(struct ktap_activation *activation, const struct ktap_value *value,
			const char *function)
{
	if (value->tag == KTAP_TABLE)
		return 0;
	return ktap_raise_argument(activation, 1, function, "table expected, got %s",
				   ktap_type_name_of(activation, value));
}

static int builtin_pairs(struct ktap_activation *activation, const struct ktap_value *arguments,
			 u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	(void)count;
	if (expect_table(activation, &arguments[0], "pairs"))
		return -1;
	results[0].bits = KTAP_BUILTIN_NEXT;
	results[0].kind = KTAP_BUILTIN;
	results[1] = arguments[0];
	ktap_set_nil(&results[2]);
	return 3;
}

static int builtin_next(struct ktap_activation *activation, const struct ktap_value *arguments,
			u32 count, struct ktap_value results[KTAP_RESULTS_MAX])
{
	struct ktap_value key;
	int found;

	if (expect_table(activation, &arguments[0], "next"))
		return -1;
	ktap_set_nil(&key);
	if (count > 1)
		key = arguments[1];
	found = ktap_table_next(arguments[0].table, &key, results);
	if (found > 0)
		return 2;
	ktap_set_nil(&results[0]);
	if (!found)
		return 1;
	return ktap_raise(activation, "the table has no such key any more: "
				      "was it given new keys while a loop went over it?");
}

static ktap_builtin_code *const builtins[KTAP_BUILTIN_COUNT] = {
	[KTAP_BUILTIN_PRINT] = ktap_builtin_print,
	[KTAP_BUILTIN_PRINTF] = ktap_builtin_printf,
	[KTAP_BUILTIN_ERROR] = builtin_error,
	[KTAP_BUILTIN_TYPE] = builtin_type,
	[KTAP_BUILTIN_TOSTRING] = builtin_tostring,
	[KTAP_BUILTIN_TONUMBER] = builtin_tonumber,
	[KTAP_BUILTIN_LEN] = builtin_len,
	[KTAP_BUILTIN_PAIRS] = builtin_pairs,
	[KTAP_BUILTIN_NEXT] = builtin_next,
	[KTAP_BUILTIN_ASSERT] = builtin_assert,
	[KTAP_BUILTIN_FFI_NEW] = ktap_builtin_new,
	[KTAP_BUILTIN_FFI_CAST] = ktap_builtin_cast,
	[KTAP_BUILTIN_FFI_SIZEOF] = ktap_builtin_sizeof,
	[KTAP_BUILTIN_FFI_ALIGNOF] = ktap_builtin_alignof,
	[KTAP_BUILTIN_FFI_OFFSETOF] = ktap_builtin_offsetof,
	[KTAP_BUILTIN_FFI_STRING] = ktap_builtin_string,
	[KTAP_BUILTIN_FFI_TYPEOF] = ktap_builtin_typeof,
	[KTAP_BUILTIN_FFI_ADDRESSOF] = ktap_builtin_addressof,
	[KTAP_BUILTIN_TIME_NS] = ktap_builtin_time_ns,
	[KTAP_BUILTIN_SELECT] = ktap_builtin_select,
	[KTAP_BUILTIN_UNPACK] = ktap_builtin_unpack,
	[KTAP_BUILTIN_STRING_LEN] = ktap_string_len,
	[KTAP_BUILTIN_STRING_SUB] = ktap_string_sub,
	[KTAP_BUILTIN_STRING_FIND] = ktap_string_find,
	[KTAP_BUILTIN_STRING_MATCH] = ktap_string_match,
	[KTAP_BUILTIN_STRING_FORMAT] = ktap_string_format,
	[KTAP_BUILTIN_STRING_REP] = ktap_string_rep,
	[KTAP_BUILTIN_STRING_BYTE] = ktap_string_byte,
	[KTAP_BUILTIN_STRING_CHAR] = ktap_string_char,
	[KTAP_BUILTIN_STRING_SPLIT] = ktap_string_split,
	[KTAP_BUILTIN_TABLE_INSERT] = ktap_table_insert,
	[KTAP_BUILTIN_TABLE_REMOVE] = ktap_table_remove,
	[KTAP_BUILTIN_TABLE_CONCAT] = ktap_table_concat,
	[KTAP_BUILTIN_TABLE_NEW] = ktap_table_new,
	[KTAP_BUILTIN_TABLE_KEYS] = ktap_table_keys,
	[KTAP_BUILTIN_PRINT_HIST] = ktap_builtin_print_hist,
	[KTAP_BUILTIN_STACK] = ktap_builtin_stack,
	[KTAP_BUILTIN_CPU] = ktap_builtin_cpu,
	[KTAP_BUILTIN_PID] = ktap_builtin_pid,
	[KTAP_BUILTIN_TID] = ktap_builtin_tid,
	[KTAP_BUILTIN_UID] = ktap_builtin_uid,
	[KTAP_BUILTIN_EXECNAME] = ktap_builtin_execname,
	[KTAP_BUILTIN_KERNEL_V] = ktap_builtin_kernel_v,
	[KTAP_BUILTIN_ARCH] = ktap_builtin_arch,
	[KTAP_BUILTIN_EXIT] = ktap_builtin_exit,
	[KTAP_BUILTIN_TIME_US] = ktap_builtin_time_us,
	[KTAP_BUILTIN_TIME_MS] = ktap_builtin_time_ms,
	[KTAP_BUILTIN_TIME_S] = ktap_builtin_time_s,
	[KTAP_BUILTIN_FFI_CALLBACK] = ktap_builtin_callback,
	[KTAP_BUILTIN_CALLBACK_FREE] = ktap_builtin_callback_free,
	[KTAP_BUILTIN_FFI_COPY] = ktap_builtin_copy,
	[KTAP_BUILTIN_FFI_FILL] = ktap_builtin_fill,
	[KTAP_BUILTIN_FFI_ISTYPE] = ktap_builtin_istype,
	[KTAP_BUILTIN_FFI_ERRNO] = ktap_builtin_errno,
	[KTAP_BUILTIN_FFI_ABI] = ktap_builtin_abi,
	[KTAP_BUILTIN_FFI_GC] = ktap_builtin_gc,
	[KTAP_BUILTIN_FFI_METATYPE] = ktap_builtin_metatype,
	[KTAP_BUILTIN_FFI_CONTAINER_OF] = ktap_builtin_container_of,
	[KTAP_BUILTIN_SYMBOL_OF] = ktap_builtin_symbol_of,
	[KTAP_BUILTIN_DUMP] = ktap_builtin_dump,
	[KTAP_BUILTIN_FFI_LIST] = ktap_builtin_list,
	[KTAP_BUILTIN_FFI_HLIST] = ktap_builtin_hlist,
	[KTAP_BUILTIN_FFI_RBTREE] = ktap_builtin_rbtree,
	[KTAP_BUILTIN_FFI_XARRAY] = ktap_builtin_xarray,
	[KTAP_BUILTIN_FFI_ITERATE] = ktap_builtin_iterate,
	[KTAP_BUILTIN_PER_CPU] = ktap_builtin_per_cpu,
	[KTAP_BUILTIN_USER_STRING] = ktap_builtin_user_string,
	[KTAP_BUILTIN_FFI_STRICT] = ktap_builtin_strict,
};

ktap_builtin_step *ktap_steps_of(u32 builtin)
{
	switch (builtin) {
	case KTAP_BUILTIN_STRING_GSUB:
		return ktap_step_gsub;
	case KTAP_BUILTIN_TABLE_SORT:
		return ktap_step_sort;
	case KTAP_BUILTIN_SORT_PAIRS:
		return ktap_step_sort_pairs;
	case KTAP_BUILTIN_RCU:
		return ktap_step_rcu;
	}
	return NULL;
}

int ktap_check_argument_count(struct ktap_activation *activation, u32 builtin, u32 count)
{
	const struct ktap_builtin_info *info = ktap_builtin_info(builtin);
	bool any = info->most == KTAP_ARGS_ANY;

	if (count >= info->least && (any || count <= info->most))
		return 0;
	if (any)
		return ktap_raise(
			activation,
			"wrong number of arguments to '%s' (at least %u expected, got %u)",
			info->name, info->least, count);
	if (info->least == info->most)
		return ktap_raise(activation,
				  "wrong number of arguments to '%s' (%u expected, got %u)",
				  info->name, info->least, count);
	return ktap_raise(activation,
			  "wrong number of arguments to '%s' (%u to %u expected, got %u)",
			  info->name, info->least, info->most, count);
}

int ktap_call_builtin(struct ktap_activation *activation, u32 builtin,
		      const struct ktap_value *arguments, u32 count,
		      struct ktap_value results[KTAP_RESULTS_MAX])
{
	if (ktap_check_argument_count(activation, builtin, count))
		return -1;
	activation->many = NULL;
	return builtins[builtin](activation, arguments, count, results);
}
