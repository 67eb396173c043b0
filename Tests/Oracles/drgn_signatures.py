#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What drgn reads in a kernel's DWARF, for the tests: its reader is not ours.

usage: drgn_signatures.py [--unqualified-parameters] VMLINUX

Reads lines "function NAME [FILE]", "variable NAME [FILE]", "constant NAME", "struct NAME", "union NAME",
"enum NAME" and "typedef NAME" from standard input; writes for each that drgn knows the line, its address (hexadecimal; 0 of a type) and its type,
separated by tabs. A type is written as Tests/SymbolResolverTests/Proofs/TypeSignature.swift writes it; on demand
with unqualified parameters (C11 6.7.6.3p15).
"""
import sys

import drgn
from drgn import Qualifiers, TypeKind

QUALIFIERS = [(Qualifiers.ATOMIC, ""), (Qualifiers.CONST, "const"), (Qualifiers.RESTRICT, "restrict"),
              (Qualifiers.VOLATILE, "volatile")]
KEYWORDS = {TypeKind.STRUCT: "struct", TypeKind.UNION: "union", TypeKind.CLASS: "class"}


def canonical(name):
    words = sorted(word for word in name.split() if word != "int")
    return ".".join(words + ["int"] if words in ([], ["unsigned"]) else words)


def mention(type_):
    words = [word for flag, word in QUALIFIERS if type_.qualifiers & flag and word]
    return " ".join(words + [plain(type_)])


def plain(type_):
    kind = type_.kind
    if kind == TypeKind.VOID:
        return "void"
    if kind == TypeKind.INT:
        return f"{canonical(type_.name)}.{'s' if type_.is_signed else 'u'}{type_.size}"
    if kind == TypeKind.BOOL:
        return f"{canonical(type_.name)}.b{type_.size}"
    if kind == TypeKind.FLOAT:
        return f"f{type_.size}"
    if kind == TypeKind.POINTER:
        return f"*{mention(type_.type)}"
    if kind == TypeKind.ARRAY:
        return f"[{type_.length or 0}]{mention(type_.type)}"
    if kind == TypeKind.TYPEDEF:
        return f"{type_.name}={mention(type_.type)}"
    if kind == TypeKind.ENUM:
        return f"enum {type_.tag}" if type_.tag else enumeration(type_)
    if kind in KEYWORDS:
        return f"{KEYWORDS[kind]} {type_.tag}" if type_.tag else record(type_)
    if kind == TypeKind.FUNCTION:
        spell = plain if "--unqualified-parameters" in sys.argv else mention
        parts = [f"{parameter.name or ''} {spell(parameter.type)}" for parameter in type_.parameters]
        parts += ["..."] if type_.is_variadic else []
        return f"({','.join(parts)}){mention(type_.type)}"
    raise ValueError(kind)


def record(type_):
    text = ""
    for member in type_.members:
        text += f"{member.name or ''}@{member.bit_offset}"
        text += f":{member.bit_field_size}" if member.bit_field_size else ""
        text += f" {mention(member.type)};"
    return f"{KEYWORDS[type_.kind]} {type_.tag or ''}/{type_.size}{{{text}}}"


def enumeration(type_):
    values = ",".join(f"{value.name}={value.value}" for value in type_.enumerators)
    return f"enum {type_.tag or ''}/{drgn.sizeof(type_)}{{{values}}}"


def definition(type_):
    if type_.kind in KEYWORDS:
        return record(type_)
    if type_.kind == TypeKind.ENUM:
        return enumeration(type_)
    return f"typedef {type_.name}={mention(type_.type)}"


def answer(program, kind, name, file=None):
    if kind in ("function", "variable"):
        found = (program.function if kind == "function" else program.variable)(name, file)
        return found.address_ or 0, mention(found.type_)
    if kind == "constant":
        return 0, definition(program.constant(name).type_)
    return 0, definition(program.type(name if kind == "typedef" else f"{kind} {name}"))


def main():
    program = drgn.Program()
    program.load_debug_info([sys.argv[-1]])
    for line in sys.stdin:
        request = line.rstrip("\n")
        try:
            address, text = answer(program, *request.split())
        except LookupError:
            continue
        except Exception as error:
            # What the assembler says of its functions: they return an unspecified type.
            if "unknown DWARF type tag 0x3b" not in str(error):
                raise
            continue
        print(f"{request}\t{address:x}\t{text}")


main()
