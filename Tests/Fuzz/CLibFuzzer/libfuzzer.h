/* SPDX-License-Identifier: MIT */
/* What libFuzzer offers to programs with a main() of their own; clang ships no header for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test)(const uint8_t *bytes, size_t count));
