/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Included in front of every file of the module. */
#ifndef __ASSEMBLY__

/* The prefix of its lines in the kernel's log. */
#define pr_fmt(fmt) "ktap: " fmt

/* How this kernel wants the VM's dispatch table announced to objtool (see vm/base.h). */
#include <linux/compiler.h>
#define KTAP_JUMP_TABLE __annotate_jump_table

#endif
