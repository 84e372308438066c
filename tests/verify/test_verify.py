#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damages heaps and asks `verify` what is broken: test_verify.py [check|check-full] [--interpreter NAME] [--damages N]

tests/programs/victims.py says where damage can be done, in words of the interpreter itself. A core of it is damaged in one
place at a time, at random (--seed), as many times for each kind as for any other; `verify` must name the damaged object in
at least 99 of 100, and find nothing in a core that is whole.
"""
import collections
import json
import mmap
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import elf  # noqa: E402
import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, check  # noqa: E402

ALLOCATORS = ("pymalloc", "debug", "malloc")


class Core:
    """A core that can be damaged and mended, in place."""

    def __init__(self, path):
        self.path = path
        self.offset = elf.Elf(path).offset
        self.file = open(path, "r+b")
        self.bytes = mmap.mmap(self.file.fileno(), 0)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.bytes.close()
        self.file.close()

    def read(self, place, size):
        at = self.offset(place)
        return self.bytes[at:at + size] if at is not None else b""

    def exchange(self, writes):
        """Writes each (place, bytes) and returns what stood there, in the order in which to put it back."""
        before = []
        for place, text in writes:
            at = self.offset(place)
            check(at is not None, "0x%x is not in the core", place)
            before.insert(0, (place, self.bytes[at:at + len(text)]))
            self.bytes[at:at + len(text)] = text
        return before


def verify(target, *options):
    return support.inspect("verify", target, "--format=json", *options)


def rows_of_clean(answer, name):
    """Fails if anything is found in a heap that is whole."""
    rows = answer.json()["rows"]
    if rows:
        raise Failure("%s: %d findings in a heap that is whole: %s" % (name, len(rows), "\n".join(
            "%s 0x%s %s %s" % (row["check"], row["address"], row["type"], row["message"]) for row in rows[:5])))
    answer.expect(0)


def start(interpreter, folder, seed, allocator):
    """tests/programs/victims.py, with the allocator @allocator."""
    command = interpreter.command(os.path.join(support.PROGRAMS, "victims.py"), os.path.join(folder, "record"), str(seed),
                                  allocator)
    return support.Program(command, interpreter.env(PYTHONMALLOC=allocator), folder)


def choose(record, count, chance):
    """@count pieces of damage, of all kinds alike."""
    kinds = collections.defaultdict(list)
    for row in record:
        kinds[row[1]].append(row)
    for each in kinds.values():
        chance.shuffle(each)
    names = sorted(kinds)
    chance.shuffle(names)
    wanted = []
    while len(wanted) < count and any(kinds.values()):
        wanted += [kinds[name].pop() for name in names if kinds[name]]
    return wanted[:count]


class Rates:
    """How often the damaged object was named, by kind."""

    def __init__(self):
        self.planted, self.right = collections.Counter(), collections.Counter()
        self.others = collections.Counter()
        self.misses = []

    def add(self, kind, right, others, miss):
        self.planted[kind] += 1
        self.right[kind] += right
        self.others[kind] += others
        if not right or others:
            self.misses.append(miss)

    def rate(self):
        return sum(self.right.values()) / max(1, sum(self.planted.values()))

    def __str__(self):
        lines = ["%-20s %4d of %4d%s" % (kind, self.right[kind], self.planted[kind],
                                        ", %d others accused" % self.others[kind] if self.others[kind] else "")
                 for kind in sorted(self.planted)]
        return "\n".join(lines)


def judge(rates, name, row, answer):
    """Was the object of @row named, and how many others were accused? A type's own objects are no others."""
    _damage, kind, address, writes = row
    if answer.status not in (0, 1, 4):
        rates.add(kind, False, 0, "%s %s 0x%x %s: %s" % (name, kind, address, writes, answer))
        return
    rows = answer.json()["rows"]
    named = {int(each["address"], 16) if each["address"] else 0 for each in rows}
    right = address in named  # 0: no object, and the place tells
    if not address:
        right = writes[0][0] in {int(each["place"], 16) for each in rows if each["place"]}
    others = len(named - {address})
    check(bool(rows) == (answer.status == 1), "%s: %d findings", answer, len(rows))
    rates.add(kind, right, others, "%s %s 0x%x %s:\n        %s" % (name, kind, address, writes, "\n        ".join(
        "%s %s %s %s" % (each["check"], each["address"], each["type"], each["message"]) for each in rows[:4])))


def plant(interpreter, options, allocator, count, rates, seed):
    """Damages a core of @interpreter @count times."""
    with support.Folder() as folder:
        core_path = os.path.join(folder, "core")
        with start(interpreter, folder, seed, allocator) as program:
            rows_of_clean(verify(program.pid), "live")
            if seed % 2:
                program.abort(core_path)
            else:
                program.gcore(core_path)
        with open(os.path.join(folder, "record"), encoding="ascii") as file:
            record = [json.loads(line) for line in file]
        rows_of_clean(verify(core_path), "core")
        with Core(core_path) as core:
            unchanged = [row for row in record if any(new != old for _place, new, old in row[3]) and
                         all(core.read(place, len(old) // 2).hex() == old for place, _new, old in row[3])]
            check(len(unchanged) > 0.9 * len(record), "only %d of %d fields are as they were", len(unchanged), len(record))
            for row in choose(unchanged, count, random.Random(seed)):
                before = core.exchange([(place, bytes.fromhex(text)) for place, text, _old in row[3]])
                answer = verify(core_path)
                core.exchange(before)
                judge(rates, interpreter.name, row, answer)
        rows_of_clean(verify(core_path), "mended core")


def all_rates(options, rates):
    print(rates)
    for miss in rates.misses[:options.misses]:
        print("    " + miss)
    planted, right = sum(rates.planted.values()), sum(rates.right.values())
    check(planted > 0, "no damage was done")
    check(right >= 0.99 * planted, "the right object was named in %d of %d", right, planted)
    return "%d of %d" % (right, planted)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--damages", type=int, metavar="N", help="in all")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--misses", type=int, default=20, metavar="N", help="show so many that were not found")
    options = parser.parse_args()
    results, rates = Results(options.verbose), Rates()
    full = options.size == "check-full"
    total = options.damages or (2200 if full else 40)
    runs = [(number, interpreter, ALLOCATORS[number % 3]) for number, interpreter in interpreters.chosen(options, results)
            if full or options.interpreter or number % 11 == 3]
    for number, interpreter, allocator in runs:
        results.run("damage %s %s" % (interpreter.name, allocator), plant, interpreter, options, allocator,
                    -(-total // len(runs)), rates, options.seed + number)
    results.run("the damaged object is named", all_rates, options, rates)
    results.finish()


if __name__ == "__main__":
    main()
