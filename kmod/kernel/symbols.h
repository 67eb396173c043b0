/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The running kernel's own names: looking them up, and what lies at an address. */
#ifndef KTAP_KERNEL_SYMBOLS_H
#define KTAP_KERNEL_SYMBOLS_H

#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/types.h>

#define KTAP_BUILD_ID_MAX 64

/* What is known of this kernel once the module is loaded; constant from then on. */
struct ktap_kernel {
	unsigned long stext;
	unsigned long etext;
	unsigned long end;
	u32 build_id_size; /* bytes; 0: not found */
	u8 build_id[KTAP_BUILD_ID_MAX];
};

extern struct ktap_kernel ktap_kernel;

/* The symbol that an address lies in. */
struct ktap_place {
	char name[KSYM_NAME_LEN];
	unsigned long offset;   /* bytes from the symbol's start */
	unsigned long distance; /* bytes from the symbol's start to the next higher symbol */
	bool in_module;
};

/* Finds the kernel's look-up functions and this kernel's build id. 0 or -errno. */
int ktap_symbols_init(void);

/* Address of a symbol of the kernel or, as "module:name", of a module; 0 where there is none. */
unsigned long ktap_symbol_address(const char *name);

/* False if the address lies in no symbol of the kernel or a module. */
bool ktap_symbol_at(unsigned long address, struct ktap_place *place);

/* The live module whose core holds `address`, with a reference taken; NULL where there is none. */
struct module *ktap_module_get_at(unsigned long address);

/* Whether `address` is in the text of a module. */
bool ktap_is_module_text(unsigned long address);

/* Calls a function of the kernel that is not exported, found with ktap_symbol_address(). */
u64 ktap_call_kernel(unsigned long function, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

#endif
