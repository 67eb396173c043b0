/* SPDX-License-Identifier: MIT */
/* The calls by libffi's ffi_call, as an interpreter makes them: the interface is prepared once, addresses of
 * arguments are handed over each time.   libffi CASE COUNT, CASE: empty add six pair */
#include <dlfcn.h>
#include <ffi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	long a, b;
};

static void fail(const char *what)
{
	fprintf(stderr, "libffi: %s\n", what);
	exit(1);
}

int main(int argument_count, char **arguments)
{
	static ffi_type *members[] = { &ffi_type_slong, &ffi_type_slong, NULL };
	static ffi_type pair_type = { .type = FFI_TYPE_STRUCT, .elements = members };
	ffi_type *longs[6] = { &ffi_type_slong, &ffi_type_slong, &ffi_type_slong, &ffi_type_slong,
			       &ffi_type_slong, &ffi_type_slong };
	ffi_type *ints[2] = { &ffi_type_sint, &ffi_type_sint };
	ffi_type *pairs[1] = { &pair_type };
	long count = argument_count > 2 ? atol(arguments[2]) : 0, i, j, values[6] = { 0, 1, 2, 3, 4, 5 };
	struct pair pair = { 1, 2 };
	int numbers[2] = { 0, 1 };
	void *addresses[6];
	ffi_type **types = longs, *result_type = &ffi_type_slong;
	unsigned number = 0;
	const char *name = arguments[1];
	volatile long total = 0;
	ffi_arg result;
	void *callee = NULL;
	ffi_cif cif;

	for (j = 0; j < 6; j++)
		addresses[j] = &values[j];
	if (strcmp(name, "add") == 0) {
		number = 2, types = ints, result_type = &ffi_type_sint, callee = dlsym(RTLD_DEFAULT, "add");
		addresses[0] = &numbers[0], addresses[1] = &numbers[1];
	} else if (strcmp(name, "six") == 0) {
		number = 6, callee = dlsym(RTLD_DEFAULT, "six");
	} else if (strcmp(name, "pair") == 0) {
		number = 1, types = pairs, callee = dlsym(RTLD_DEFAULT, "sum_pair");
		addresses[0] = &pair;
	}
	if (number && (!callee || ffi_prep_cif(&cif, FFI_DEFAULT_ABI, number, result_type, types) != FFI_OK))
		fail("not prepared");
	for (i = 0; i < count; i++) {
		numbers[0] = (int)i;
		values[0] = pair.a = i;
		if (!number) {
			total += i;
			continue;
		}
		ffi_call(&cif, callee, &result, addresses);
		total += (long)result;
	}
	return 0;
}
