# SPDX-License-Identifier: MIT
"""Looks names up with drgn, as a whole process: what ksym-resolve is compared with.

usage: drgn_lookup.py VMLINUX KIND:NAME...      KIND: function, variable, struct

Prints each name with its address and type, or that there is none.
"""
import sys

import drgn


def look_up(program, kind, name):
    """The address and type of a symbol, the size of a struct."""
    if kind == "struct":
        return program.type(f"struct {name}").size
    symbol = program.function(name) if kind == "function" else program.variable(name)
    # None: declared in every unit, and defined by the linker or in assembly.
    address = "-" if symbol.address_ is None else f"{symbol.address_:x}"
    return f"{address} {symbol.type_.type_name()}"


def main():
    program = drgn.Program()
    try:
        program.load_debug_info([sys.argv[1]])
    except drgn.MissingDebugInfoError as error:
        sys.exit(f"drgn_lookup: error: {error}")
    for wanted in sys.argv[2:]:
        kind, name = wanted.split(":", 1)
        try:
            print(wanted, look_up(program, kind, name))
        except LookupError:
            print(wanted, "not found")


main()
