// SPDX-License-Identifier: MIT
#ifndef KTAP_CELFUTILS_SHIM_H
#define KTAP_CELFUTILS_SHIM_H

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>

/* The shared objects of this process, as the dynamic linker shows them to debuggers. */
static inline const struct link_map *ktap_loaded_objects(void)
{
	return _r_debug.r_map;
}

#endif
