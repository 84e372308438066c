#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `py-inspect cycles` calls unreachable, against what the collector itself then finds.

    tests/cycles/test_garbage.py [check | check-full] [--interpreter NAME]... [--heaps N] [--first SEED] [-v]

For each interpreter tests/programs/garbage.py builds random heaps. Each is looked at from outside — live, some of them
from a core by gdb — and then collected with gc.DEBUG_SAVEALL: the set of addresses must be the same, and so must
be the number that gc.collect() returns. Where finalizers bring objects back to life, these were unreachable,
too, and are not collected.

Environment: as for tests/e2e.py.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

EVERY_CORE = 5  # how many heaps are looked at for one that is looked at in a core, too


class Heaps(support.Program):
    """The program that builds heaps, and collects when it is told to."""

    def __init__(self, interpreter, folder, first, count):
        self.record = os.path.join(folder, "record")
        command = interpreter.command(os.path.join(support.PROGRAMS, "garbage.py"), str(first), str(count), self.record)
        self.lines = 0
        super().__init__(command, interpreter.env(), folder, stdin=subprocess.PIPE)

    def collect(self, generation):
        """Lets it collect; what it says of that. The next heap is then ready."""
        os.write(self.process.stdin.fileno(), b"%d\n" % generation)
        self.wait_for(b"ready\n")
        with open(self.record, encoding="ascii") as file:
            rows = file.read().splitlines()
        self.lines += 1
        return json.loads(rows[self.lines - 1])


def unreachable(target, generation):
    """The addresses that `cycles` calls unreachable."""
    answer = support.inspect("cycles", "--objects", "--generation", generation, target, "--format", "json").expect(0)
    document = answer.json()
    rows = [row for row in document["rows"] if row["unreachable"]]
    return {int(row["address"], 16): row["type"] for row in rows}


def names(addresses, types):
    """Some of @addresses with their types."""
    return ", ".join("0x%x %s" % (each, types.get(each, "?")) for each in sorted(addresses)[:8])


def compare(found, truth, version):
    """Lines that say how what was found differs from what the collector then said."""
    collected, resurrected = set(truth["collected"]), set(truth["resurrected"])
    lines = []
    missing = collected - set(found)
    if missing:
        lines.append("%d objects were collected and not called unreachable: %s" % (len(missing), names(missing, found)))
    if version < 0x03070000 and len(found) != truth["returned"]:  # 3.6 counts what it finds, before finalizers run
        lines.append("gc.collect() returned %d, said %d" % (truth["returned"], len(found)))
    if version < 0x03090000 and resurrected:  # if finalizers bring anything back, everything stays
        return lines
    if version >= 0x03070000 and len(collected) != truth["returned"]:
        lines.append("gc.collect() returned %d, and collected %d" % (truth["returned"], len(collected)))
    extra = set(found) - collected - resurrected - set(truth["freed"])
    if extra:
        lines.append("%d objects were called unreachable and stayed: %s" % (len(extra), names(extra, found)))
    return lines


def run_heaps(interpreter, first, count):
    """Looks at @count heaps; raises Failure with all differences."""
    lines, objects = [], 0
    with support.Folder() as folder, Heaps(interpreter, folder, first, count) as heaps:
        for number in range(count):
            generation = (2, 2, 2, 1, 0)[number % 5]
            found = {"live": unreachable(heaps.pid, generation)}
            if number % EVERY_CORE == EVERY_CORE - 1:
                core = heaps.gcore(os.path.join(folder, "core"))
                found["core"] = unreachable(core, generation)
                os.remove(core)
            truth = heaps.collect(generation)
            objects += truth["returned"]
            for way in found:
                lines += ["heap %d, generation %d, %s: %s" % (truth["seed"], generation, way, line)
                          for line in compare(found[way], truth, interpreter.hexversion)]
            if len(lines) > 30:
                break
    if lines:
        raise Failure("\n".join(lines[:40]))
    return "%d heaps, %d objects collected" % (count, objects)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--heaps", type=int, help="how many for each interpreter; default: 5, or 300 for check-full")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first heap's")
    options = parser.parse_args()
    results = Results(options.verbose)
    count = options.heaps or (300 if options.size == "check-full" else 5)
    for _, interpreter in interpreters.chosen(options, results):
        try:
            results.run("%s %d heaps" % (interpreter.name, count), run_heaps, interpreter, options.first, count)
        except Skip as reason:
            results.skip(interpreter.name, reason)
    results.finish()


if __name__ == "__main__":
    main()
