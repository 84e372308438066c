#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verbs `finalizers`, `weakrefs` and `garbage` against what the interpreter says and its collector then calls.

    tests/cycles/test_finalizers.py [check | check-full] [--interpreter NAME]... [--heaps N] [-v]

For each interpreter tests/programs/finalizers.py builds heaps. What is seen of them from outside is compared with what
it wrote down, and the order of the calls with that in which a collection then makes them.

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


class Heaps(support.Program):
    """The program that builds heaps, and collects when it is told to."""

    def __init__(self, interpreter, folder, count):
        self.record = os.path.join(folder, "record")
        command = interpreter.command(os.path.join(support.PROGRAMS, "finalizers.py"), "1", str(count), self.record)
        super().__init__(command, interpreter.env(), folder, stdin=subprocess.PIPE)

    def line(self, number):
        with open(self.record, encoding="ascii") as file:
            return json.loads(file.read().splitlines()[number])

    def collect(self, generation):
        os.write(self.process.stdin.fileno(), b"%d\n" % generation)
        self.wait_for(b"ready\n")


def rows_of(*arguments):
    return support.inspect(*arguments, "--format", "json").expect(0).json()["rows"]


def number(address):
    return int(address, 16) if address else 0


def difference(what, wanted, found):
    """Lines that say how @found differs from @wanted."""
    if wanted == found:
        return []
    if isinstance(wanted, list):
        return ["%s: %s…, said %s…" % (what, wanted[:8], found[:8])]
    return ["%s: missing %s, too many %s" % (what, sorted(wanted - found)[:4], sorted(found - wanted)[:4])]


def compare_weakrefs(record, pid):
    """All references of the record are said so; dead ones, those with callbacks and to an object are found as such."""
    rows = rows_of("weakrefs", pid)
    said = {(number(row["address"]), number(row["referent"])): number(row["callback"]) for row in rows}
    known = {(address, referent) for address, referent, _ in record["weakrefs"]}
    lines = difference("weak references", known, {each for each in said if each in known})
    lines += difference("dead ones", {each for each in known if not each[1]}, {each for each in said if not each[1]})
    lines += difference("callbacks", {(address, callback) for address, _, callback in record["weakrefs"] if callback},
                        {(address, said.get((address, referent), 0)) for address, referent, callback in record["weakrefs"]
                         if callback})
    dead = {number(row["address"]) for row in rows_of("weakrefs", pid, "--dead")}
    lines += difference("--dead", {address for address, referent in said if not referent}, dead)
    called = {number(row["address"]) for row in rows_of("weakrefs", pid, "--callbacks")}
    lines += difference("--callbacks", {address for (address, _), callback in said.items() if callback}, called)
    referents = sorted({referent for _, referent in known if referent})[:3]
    of_some = {number(row["address"]) for row in rows_of("weakrefs", pid, *map(hex, referents))}
    return lines + difference("of some", {address for address, referent in said if referent in referents}, of_some)


def compare_containers(record, pid):
    said = {number(row["address"]): row["live"] for row in rows_of("weakrefs", pid, "--containers")}
    return difference("containers", {tuple(each) for each in record["containers"]},
                      {(address, said.get(address)) for address, _ in record["containers"]})


def compare_finalizable(record, pid):
    rows = rows_of("finalizers", pid, "--type", "__main__.Finalized*")
    lines = difference("finalizable", {address for address, _ in record["finalizable"]},
                       {number(row["address"]) for row in rows if row["kind"] == "finalizer"})
    said = {number(row["address"]): row["finalized"] for row in rows}
    return lines + difference("finalized", {address for address, done in record["finalizable"] if done},
                              {address for address, done in record["finalizable"] if done is not None and said.get(address)})


def calls_of(pid, generation):
    """What a collection would call, in its order; and what would be freed with what it finds."""
    rows = rows_of("finalizers", pid, "--called", "--collect", generation)
    ordered = [row for row in rows if row["order"] is not None]
    if [row["order"] for row in ordered] != list(range(1, len(ordered) + 1)):
        raise Failure("finalizers: the order is %s" % [row["order"] for row in ordered][:20])
    return ([[row["kind"], number(row["address"])] for row in ordered],
            {number(row["address"]) for row in rows if row["order"] is None and row["kind"] == "finalizer"})


def compare_calls(truth, calls, freed):
    """Those of objects that are freed by the freeing of others may come at any time after."""
    made = [call for call in truth["calls"] if call[1] not in freed]
    lines = difference("calls", made, calls)
    return lines + difference("freed with", {call[1] for call in truth["calls"]} - {call[1] for call in made}, freed)


def run_heaps(interpreter, count):
    lines, made = [], 0
    with support.Folder() as folder, Heaps(interpreter, folder, count) as heaps:
        for heap in range(count):
            generation = (2, 2, 1, 0)[heap % 4]
            record = heaps.line(2 * heap)
            found = compare_weakrefs(record, heaps.pid) + compare_containers(record, heaps.pid)
            found += compare_finalizable(record, heaps.pid)
            calls, freed = calls_of(heaps.pid, generation)
            garbage = rows_of("garbage", heaps.pid)
            found += difference("gc.garbage", set(record["garbage"]), {number(row["address"]) for row in garbage if row["listed"]})
            heaps.collect(generation)
            truth = heaps.line(2 * heap + 1)
            if generation == 2:
                found += difference("uncollectable", set(truth["uncollectable"]), {
                    number(row["address"]) for row in garbage if not row["listed"] and "tp_del" in row["why"]})
            found += compare_calls(truth, calls, freed)
            made += len(truth["calls"])
            lines += ["heap %d, generation %d: %s" % (heap + 1, generation, line) for line in found]
    if lines:
        raise Failure("\n".join(lines[:40]))
    return "%d heaps, %d calls" % (count, made)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--heaps", type=int, help="how many for each interpreter; default: 1, or 40 for check-full")
    options = parser.parse_args()
    results = Results(options.verbose)
    count = options.heaps or (40 if options.size == "check-full" else 1)
    for _, interpreter in interpreters.chosen(options, results):
        try:
            results.run("%s %d heaps" % (interpreter.name, count), run_heaps, interpreter, count)
        except Skip as reason:
            results.skip(interpreter.name, reason)
    results.finish()


if __name__ == "__main__":
    main()
