# SPDX-License-Identifier: MIT
"""What scripts for gdb do: walks the collector's list of a core and counts types, for bench/run. In gdb:

    python HEAD, OBJECTS, HOW = 0x7f..., 200000, "Value"; exec(open("walk.py").read())

HEAD is the collector's head of any tracked object; the list is a ring. At most so many OBJECTS are counted. HOW is "Value",
a gdb.Value for each field, or "memory": read_memory() and struct. CPython 3.8 and newer: a head of two words
(Include/internal/pycore_gc.h), and the type in the second word of the object. Says how many objects it counted, and the seconds.
"""
import collections
import struct
import time

import gdb


def with_values(address):
    """(the next head, the address of the type) of the head at @address."""
    words = gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer())
    return int(words[0]), int(words[3])


def with_memory(address):
    following, _, _, kind = struct.unpack("<4Q", gdb.selected_inferior().read_memory(address, 32))
    return following, kind


def walk(head, most, step):
    types = collections.Counter()
    counted, address = 0, head
    while counted < most:
        following, kind = step(address)
        types[kind] += 1
        counted += 1
        address = following & ~3  # flags of 3.8 to 3.11 are in the other word; of newer ones in both
        if address == head:
            break
    return counted


began = time.monotonic()
print("walked", walk(HEAD, OBJECTS, with_values if HOW == "Value" else with_memory),  # noqa: F821
      time.monotonic() - began)
