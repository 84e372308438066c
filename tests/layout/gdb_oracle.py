# SPDX-License-Identifier: MIT
"""For gdb's Python: prints "name value" of each field of layout.def as gdb sees it in the file it has open.

The fields come from the file that $FIELDS names: "name<TAB>types<TAB>members" each.
"""
import os
import re

import gdb


def evaluate(expression):
    try:
        return int(gdb.parse_and_eval(expression))
    except (gdb.error, gdb.MemoryError):
        return None


def has_items(pointer, member):
    """Are all items that @member names within their arrays? gdb computes the address of any item."""
    for bracket in re.finditer(r"\[(\d+)\]", member):
        try:
            array = gdb.parse_and_eval("%s->%s" % (pointer, member[:bracket.start()])).type.strip_typedefs()
        except (gdb.error, gdb.MemoryError):
            return False
        last = array.range()[1] if array.code == gdb.TYPE_CODE_ARRAY else -1
        if 0 <= last < int(bracket.group(1)):  # an array without a length, "items[]", ends at -1
            return False
    return True


def find(types, members):
    """The first of the alternatives that gdb can say something of."""
    for name in types.split("|"):
        name = name.split(":")[-1]
        for spelling in ("struct " + name, "union " + name, name):
            size = evaluate("sizeof(%s)" % spelling)
            if not size:  # unknown, or only declared
                continue
            if not members:
                return size
            for member in members.split("|"):
                pointer = "((%s *)0)" % spelling
                offset = evaluate("(long)&%s->%s" % (pointer, member))
                if offset is not None and has_items(pointer, member):
                    return offset
    return None


with open(os.environ["FIELDS"], encoding="utf-8") as file:
    for line in file:
        field, field_types, field_members = line.rstrip("\n").split("\t")
        value = find(field_types, field_members)
        if value is not None:
            print("field %s %d" % (field, value))
