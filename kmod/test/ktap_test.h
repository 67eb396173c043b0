/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The types of the callees in ktap_test.c. */
#ifndef KTAP_TEST_H
#define KTAP_TEST_H

#include <linux/types.h>

/* As kernels before 5.6 had it. */
struct timeval {
	long tv_sec;
	long tv_usec;
};

enum ktap_test_color {
	KTAP_TEST_RED = -1,
	KTAP_TEST_GREEN = 5,
};

struct ktap_test_pair {
	long a, b;
};

struct ktap_test_small {
	int a;
	short b;
	signed char c;
};

struct ktap_test_big {
	long a[5];
};

#endif
