/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Included in front of every file of the module: the prefix of its lines in the kernel's log. */
#ifndef __ASSEMBLY__
#define pr_fmt(fmt) "ktap: " fmt
#endif
