#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damages a heap of the reference collector, one word at a time, and asks `verify` what is broken.

    tests/refgc/test_verify.py [check | check-full] [--seed N]

Where things are, refgc's own record and its descriptor say. Each damaged object must be named, every time, and nobody else;
a core that is whole has no findings.
"""
import argparse
import os
import random
import struct
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from runner import Results, check  # noqa: E402
from support import Folder, inspect  # noqa: E402
from test_damage import Core  # noqa: E402

GARBAGE = (0x10, 0x6161616161616160, (1 << 62) + 8)


def word(value):
    return struct.pack("<Q", value & (1 << 64) - 1)


def half(value):
    return struct.pack("<I", value & 0xffffffff)


def damages(core, chance, count):
    """(kind, address of the object or pool, [(place, bytes)]) for @count of each kind."""
    tracked = [int(each["address"], 16) for each in core.record["objects"] if each["tracked"]]
    pools = [each for each in core.record["pools"] if 0 < each["used"] < each["capacity"]]
    size, value = core.value("gc.size"), core.value
    for address in chance.sample(tracked, count):
        head = address - size
        yield "gc next", address, [(head + value("gc.next"), word(chance.choice(GARBAGE)))]
        yield "gc prev", address, [(head + value("gc.prev"), word(chance.choice(GARBAGE)))]
    for address in chance.sample(tracked, count):
        # a negative one has the bit of immortal objects in it
        yield "refcount", address, [(address + value("object.refcount"), word(chance.choice((0, 1 << 50))))]
    for address in chance.sample(tracked, count):
        yield "type", address, [(address + value("object.type"), word(chance.choice(GARBAGE)))]
    for pool in [chance.choice(pools) for _ in range(count)]:
        address = int(pool["address"], 16)
        yield "pool used", address, [(address + value("pool.used"), half(pool["used"] + chance.choice((1, -1, 5000))))]
        yield "pool free", address, [(address + value("pool.free"), word(chance.choice(GARBAGE)))]
        yield "pool size class", address, [(address + value("pool.size_class"), half(1 << 20))]
        for free in pool["free"][:1]:
            yield "free block", address, [(int(free, 16) + value("block.next"), word(chance.choice(GARBAGE)))]


def plant(core, kind, address, writes):
    undo = core.with_damage(*writes)
    rows = inspect("verify", core.copy, "--format=json").expect(1).json()["rows"]
    core.repair(undo)
    said = "\n".join("%s %s %s" % (row["check"], row["address"], row["message"]) for row in rows)
    named = {int(row["address"], 16) for row in rows if row["address"]}
    check(named == {address}, "%s of 0x%x: %s", kind, address, said)


def clean(core):
    rows = inspect("verify", core.copy, "--format=json").expect(0).json()["rows"]
    check(not rows, "a heap that is whole: %s", rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results, chance = Results(), random.Random(options.seed)
    with Folder() as folder:
        core = Core(folder)
        results.run("a heap that is whole", clean, core)
        for number, (kind, address, writes) in enumerate(damages(core, chance, 40 if options.size == "check-full" else 4)):
            results.run("%s %d" % (kind, number), plant, core, kind, address, writes)
    results.finish()


if __name__ == "__main__":
    main()
