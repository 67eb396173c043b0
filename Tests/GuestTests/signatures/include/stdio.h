/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the generated sources use of <stdio.h>: one log, which is read through /proc/ktap_signatures. */
#ifndef KTAP_SIGNATURES_STDIO_H
#define KTAP_SIGNATURES_STDIO_H

typedef struct signatures_log FILE;

FILE *signatures_open(void);
__attribute__((format(printf, 1, 2))) void signatures_print(const char *format, ...);

#define NULL			((void *)0)
#define fopen(name, mode)	signatures_open()
#define fprintf(file, ...)	((void)(file), signatures_print(__VA_ARGS__))
#define fclose(file)		((void)(file))

#endif
