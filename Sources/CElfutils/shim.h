// SPDX-License-Identifier: MIT
#ifndef KTAP_CELFUTILS_SHIM_H
#define KTAP_CELFUTILS_SHIM_H

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>

/* The shared objects of this process, as the dynamic linker shows them to debuggers. */
static inline const struct link_map *ktap_loaded_objects(void)
{
	return _r_debug.r_map;
}

/* Debug files are found by DebugFiles, which asks no server. */
static inline int ktap_find_no_debuginfo(Dwfl_Module *module, void **data, const char *name,
					 Dwarf_Addr base, const char *file, const char *link,
					 GElf_Word crc, char **found)
{
	(void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc;
	*found = 0;
	return -1;
}

/* A reader of files that no process has loaded: relocatable ones are laid out and relocated. */
static inline Dwfl *ktap_dwfl_begin(void)
{
	static const Dwfl_Callbacks callbacks = {
		.find_debuginfo = ktap_find_no_debuginfo,
		.section_address = dwfl_offline_section_address,
	};

	return dwfl_begin(&callbacks);
}

#endif
