// SPDX-License-Identifier: MIT
#ifndef KTAP_CELFUTILS_SHIM_H
#define KTAP_CELFUTILS_SHIM_H

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <libelf.h>

#endif
