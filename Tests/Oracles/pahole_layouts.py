# SPDX-License-Identifier: MIT
"""What pahole prints of a file's structs and unions, as one line for each.

usage: pahole_layouts.py btf|dwarf FILE

A line is "struct NAME/BYTES{MEMBER@BITS[:WIDTH]/BYTES;...}": each member with its place from the start of the
outermost record, the members of anonymous records in front of the member that they are of. Of a union, pahole
does not print the size: BYTES is 0.
"""
import re
import subprocess
import sys

HEAD = re.compile(r"(struct|union) (\w+) \{$")
MEMBER = re.compile(r"(.*\S)\s+/\*\s*(\d+)(?::\s*(\d+))?\s+(\d+)\s*\*/$")
SIZE = re.compile(r"/\* size: (\d+), ")
ATTRIBUTE = re.compile(r"\s*__attribute__\(\(.*?\)\)+")
POINTER = re.compile(r"\(\*+\s*(\w*)")
NAME = re.compile(r"(\w+)(?:\[\d*\])*$")


def member(line):
    found = MEMBER.match(line)
    if not found:
        return None
    text, start, bit, size = found.groups()
    text = ATTRIBUTE.sub("", text).strip().rstrip(";")
    width = ""
    if bit is not None:
        text, width = text.rsplit(":", 1)
    if text == "}":
        name = ""
    else:
        name = (POINTER.search(text) or NAME.search(text.strip("} "))).group(1)
    place = int(start) * 8 + int(bit or 0)
    return f"{name}@{place}{':' + width if width else ''}/{size};"


def main():
    output = subprocess.Popen(["pahole", "-F", *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
    head, members, size = None, [], None
    for line in output.stdout:
        line = line.rstrip("\n")
        if found := HEAD.match(line):
            head, members, size = " ".join(found.groups()), [], "0"
        elif line.startswith("}") and head:
            print(f"{head}/{size}{{{''.join(members)}}}")
            head = None
        elif found := SIZE.search(line):
            if line.startswith("\t/"):
                size = found.group(1)
        elif head and (fact := member(line)):
            members.append(fact)
    sys.exit(output.wait())


main()
