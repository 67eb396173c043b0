/* SPDX-License-Identifier: MIT */
/* The trampoline is one source for both hosts. */
#include "../../kmod/arch/x86_64/call.S"
