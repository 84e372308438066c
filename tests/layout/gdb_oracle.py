# SPDX-License-Identifier: MIT
"""For gdb's Python: prints "name value" of each field of layout.def as gdb sees it in the file it has open.

The fields come from the file that $FIELDS names: "name<TAB>types<TAB>members" each.
"""
import os

import gdb


def evaluate(expression):
    try:
        return int(gdb.parse_and_eval(expression))
    except (gdb.error, gdb.MemoryError):
        return None


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
                offset = evaluate("(long)&((%s *)0)->%s" % (spelling, member))
                if offset is not None:
                    return offset
    return None


with open(os.environ["FIELDS"], encoding="utf-8") as file:
    for line in file:
        field, field_types, field_members = line.rstrip("\n").split("\t")
        value = find(field_types, field_members)
        if value is not None:
            print("field %s %d" % (field, value))
