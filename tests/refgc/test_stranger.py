#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libinspect reads a runtime that it has never seen, by its heap descriptor alone: tests/refgc/stranger.c, in shared
libraries, several of them in one process, and in a Python."""
import collections
import json
import os
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import errors  # noqa: E402
import interpreters  # noqa: E402
import support  # noqa: E402
from inspected import look_at  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import Folder, Program  # noqa: E402

LOAD = """import ctypes, os, signal, sys
for path in sys.argv[1:]:
    ctypes.CDLL(path).stranger_fill()
os.write(1, b"ready\\n")
signal.pause()
"""


class World:
    """The compiled libraries, and a program that loads them."""

    def __init__(self, folder):
        self.folder = folder
        self.record = os.path.join(folder, "record")
        self.loader = self.compile("loader.c", "loader", "-ldl")
        self.one, self.other = (self.compile("stranger.c", name, "-shared", "-fPIC") for name in ("one.so", "other.so"))
        self.different = self.compile("stranger.c", "different.so", "-shared", "-fPIC", "-DDIFFERENT")

    def compile(self, source, name, *options):
        path = os.path.join(self.folder, name)
        compiler = shlex.split(os.environ.get("CC", "gcc"))
        run = subprocess.run(compiler + ["-std=gnu11", "-o", path, os.path.join(HERE, source)] + list(options),
                             stderr=subprocess.PIPE, check=False)
        check(not run.returncode, "%s does not compile: %s", source, run.stderr.decode("utf-8", "replace")[-1000:])
        return path

    def run(self, *command):
        """The program of @command, whose libraries write their record."""
        if os.path.exists(self.record):
            os.unlink(self.record)
        return Program(command, dict(os.environ, STRANGER_RECORD=self.record), self.folder)

    def recorded(self):
        """What the libraries wrote, by kind."""
        found = collections.defaultdict(list)
        with open(self.record, encoding="utf-8") as file:
            for line in file:
                (kind, values), = json.loads(line).items()
                found[kind].append(tuple(values))
        return found


def same(what, have, want):
    check(have == want, "%s: %d and %d; said but not recorded: %s; recorded but not said: %s", what, sum(have.values()),
          sum(want.values()), list((have - want).items())[:4], list((want - have).items())[:4])


def compare(target, record, *options):
    """All that the verbs say of @target against all that was recorded."""
    with look_at(target) as ask:
        same("objects", collections.Counter(tuple(each[name] for name in (
            "address", "type", "size", "refcount", "immortal", "generation", "tracked", "value"))
            for each in ask("objects", "--values", *options)), collections.Counter(record["object"]))
        same("references", collections.Counter((each["from"], each["to"], each["label"], each["visited"])
                                               for each in ask("referents", "--all", *options)), collections.Counter(record["reference"]))
        several = len(record["collector"]) > 1
        have = collections.Counter((each["address"], each["place"], each["label"]) for each in ask("roots", *options))
        want, number = collections.Counter(), -1
        for address, slot in record["root"]:
            number += slot == 0
            want[address, "collector %d" % number if several else "collector", ".roots[%d]" % slot] += 1
        same("roots", have, want)
        rows = ask("gc", *options)
        same("collectors", collections.Counter((row["interpreter"],) + tuple(row[name] for name in (
            "enabled", "threshold0", "threshold1", "count0", "count1")) for row in rows),
            collections.Counter((number,) + each for number, each in enumerate(record["collector"])))
        unknown = ["debug", "collecting", "threshold2", "count2", "collections0", "uncollectable1", "garbage", "callbacks"]
        check(all(row[name] is None for row in rows for name in unknown), "%s should not be known: %s", unknown, rows)


def live(world):
    with world.run(world.loader, world.one) as program:
        compare(program.pid, world.recorded())


def from_cores(world):
    with world.run(world.loader, world.one) as program:
        core = program.gcore(os.path.join(world.folder, "core-gcore"))
        compare(core, world.recorded())
        compare(program.abort(os.path.join(world.folder, "core-kernel")), world.recorded())


def two_alike(world):
    """Two runtimes that describe objects alike are one heap with all their collectors."""
    with world.run(world.loader, world.one, world.other) as program:
        record = world.recorded()
        first = support.inspect("roots", program.pid, "--format=jsonl").lines()[0]["address"]
        if first != record["root"][0][0]:  # libraries come in the order of their addresses
            for kind, values in record.items():
                half = len(values) // 2
                record[kind] = values[half:] + values[:half]
        compare(program.pid, record)


def two_different(world):
    """The first one is shown, the other one is told of."""
    with world.run(world.loader, world.one, world.different) as program:
        answer = support.inspect("objects", program.pid, "--format=jsonl").expect(0)
        shown = {each["address"] for each in answer.lines()}
        recorded = [each[0] for each in world.recorded()["object"]]
        halves = set(recorded[:18]), set(recorded[18:])
        check(shown in halves, "neither of the heaps is shown: %s", answer)
        check("another heap, of stranger in " in answer.messages, "%s", answer)


def in_python(world):
    """A Python with such a library is a Python, and the other heap is told of."""
    usable = [each for each in interpreters.find_all()[0] if not each.free_threaded and not each.prefix]
    if not usable:
        raise Skip("there is no CPython that needs no ld.so to start")
    interpreter = sorted(usable, key=lambda each: each.origin != "system")[0]
    with world.run(*interpreter.command("-c", LOAD, world.one)) as program:
        answer = support.inspect("status", program.pid, "--format=jsonl").expect(0)
        facts = {each["item"]: each["value"] for each in answer.lines()}
        check(facts["runtime"] == "CPython", "%s", facts)
        check("another heap" in answer.messages and "--runtime=described" in answer.messages, "%s", answer)
        support.inspect("status", program.pid, "--runtime=cpython").expect(0)
        compare(program.pid, world.recorded(), "--runtime=described")


def choice(world):
    """--runtime in one session after the other, and where there is no such runtime."""
    with world.run(world.loader, world.one) as program:
        compare(program.pid, world.recorded(), "--runtime=described")
        errors.expect_message(support.inspect("heap", program.pid, "--runtime=cpython").expect(3), "no Python")
        errors.expect_message(support.inspect("heap", program.pid, "--runtime=ruby").expect(2), "cpython", "described")
        with look_at(program.pid) as ask:
            first = ask("objects")
            try:
                ask("objects", "--runtime=cpython")
                found = "a CPython was found"
            except Failure as failure:
                found = str(failure)
            check("no Python" in found, "%s", found)
            check(ask("objects", "--runtime=described") == first == ask("objects"), "another answer")
    with world.run(world.loader) as program:
        errors.expect_message(support.inspect("heap", program.pid, "--runtime=described").expect(3), "describes itself")


def main():
    results = Results(verbose=True)
    with Folder() as folder:
        world = World(folder)
        for function in (live, from_cores, two_alike, two_different, in_python, choice):
            results.run(function.__name__.replace("_", " "), function, world)
    results.finish()


if __name__ == "__main__":
    main()
