#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes wrong reference counts into a heap of the reference collector, and asks `refcounts` whose they are.

    tests/refgc/test_refcounts.py [check | check-full] [--seed N]

Where counts are, refgc's own record and its descriptor say. A heap that is whole has no findings; in a damaged one each
object with a wrong count is found with the number of references that it has too many or too few, and nobody else. (The
subject's C code has addresses of its objects: so a few references too many may be held by that, a thousand are leaked.) Random
words all over the heap lead to any answer, but to one, in time.
"""
import argparse
import os
import random
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from runner import Results, check  # noqa: E402
from support import Folder, inspect  # noqa: E402
from test_damage import Core  # noqa: E402
from test_verify import word  # noqa: E402

ANSWERS = (0, 1, 3, 4)
MANY = 1000  # references that no memory of the subject's can hold


def findings(core, status):
    rows = inspect("refcounts", core.copy, "--objects", "--format=json").expect(*status).json()["rows"]
    for row in rows:
        wanted = ("low",) if row["excess"] < 0 else ("leaked", "orphan") if row["excess"] >= MANY else ("leaked", "orphan", "held")
        check(row["verdict"] in wanted, "%s is %s", row, " or ".join(wanted))
    return {int(row["address"], 16): row["excess"] for row in rows}


def clean(core):
    found = findings(core, [0])
    check(not found, "a heap that is whole: %s", found)


def plant(core, chance, count):
    """Wrong counts of @count objects at once."""
    place = core.value("object.refcount")
    counts = {int(each["address"], 16): core.elf.word(int(each["address"], 16) + place)
              for each in core.record["objects"] if each["tracked"]}
    wrong, writes = {}, []
    for address in chance.sample(sorted(counts), count):
        excess = chance.choice([number for number in (-2, -1, 3, MANY) if counts[address] + number > 0])
        wrong[address] = excess
        writes.append((address + place, word(counts[address] + excess)))
    undo = core.with_damage(*writes)
    found = findings(core, [1] if any(each < 0 or each >= MANY for each in wrong.values()) else [0, 1])
    core.repair(undo)
    check(found == wrong, "planted and not found: %s; found and not planted: %s",
          {hex(each): wrong[each] for each in wrong if found.get(each) != wrong[each]},
          {hex(each): found[each] for each in found if wrong.get(each) != found[each]})


def scatter(core, chance, count):
    """Nonsense in @count words of objects: any answer will do."""
    addresses = [int(each["address"], 16) for each in core.record["objects"]]
    nonsense = (0, 1, 7, 1 << 31, (1 << 64) - 1, 1 << 62)
    writes = [(chance.choice(addresses) + 8 * chance.randrange(-2, 4),
               word(chance.choice(nonsense + (chance.choice(addresses), chance.getrandbits(64))))) for _ in range(count)]
    undo = core.with_damage(*writes)
    inspect("refcounts", core.copy, "--objects", "--values").expect(*ANSWERS)
    core.repair(undo)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results, chance = Results(), random.Random(options.seed)
    rounds = 60 if options.size == "check-full" else 6
    with Folder() as folder:
        core = Core(folder)
        results.run("a heap that is whole", clean, core)
        for number in range(rounds):
            results.run("wrong counts %d" % number, plant, core, chance, 1 + number)
        for number in range(2 * rounds):
            results.run("nonsense %d" % number, scatter, core, chance, 1 + 10 * number)
    results.finish()


if __name__ == "__main__":
    main()
