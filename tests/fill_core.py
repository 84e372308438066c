#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills in what gdb's gcore could not read: fill_core.py PID CORE

gdb writes zeros for a whole mapping if a part of it cannot be read, as it is with the guard pages that glibc 2.42 makes in the
mappings of its threads' stacks. The process must be as it was: gdb still has it stopped.
"""
import struct
import sys

PAGE, PT_LOAD, PF_W = 4096, 1, 2
LARGEST = 64 << 20  # bytes of a mapping that may be a stack


def segments(file):
    """(address, place in the file, size) of each writable mapping."""
    header = file.read(64)
    offset, = struct.unpack_from("<Q", header, 0x20)
    size, count = struct.unpack_from("<HH", header, 0x36)
    file.seek(offset)
    table = file.read(size * count)
    for number in range(count):
        kind, flags, place, address, _, filesz, _, _ = struct.unpack_from("<IIQQQQQQ", table, number * size)
        if kind == PT_LOAD and flags & PF_W and filesz:
            yield address, place, filesz


def fill(pid, path):
    with open("/proc/%d/mem" % pid, "rb", 0) as memory, open(path, "r+b") as file:
        for address, offset, size in list(segments(file)):
            file.seek(offset)
            if size > LARGEST or file.read(size).count(0) < size:
                continue
            for place in range(0, size, PAGE):
                try:
                    memory.seek(address + place)
                    page = memory.read(min(PAGE, size - place))
                except OSError:
                    continue
                if page.count(0) < len(page):
                    file.seek(offset + place)
                    file.write(page)


if __name__ == "__main__":
    fill(int(sys.argv[1]), sys.argv[2])
