#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The references of every object of a heap, seen from outside, against gc.get_referents() asked inside.

    tests/references/test_references.py [check | check-full] [--interpreter NAME]... [--program PROGRAM]... [--how live|gcore|kernel]...

For each interpreter programs make objects (tests/programs/heap.py; all in tests/programs/objects), write down what each
refers to, and wait; then the multiset of visited references that `py-inspect referents --all` gives must be the same for each.

Environment: as for tests/e2e.py.
"""
import io
import os
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import record as records  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

FOLDER = os.path.join(support.PROGRAMS, "objects")


def start(interpreter, folder, program):
    """The program @program under the oracle: "heap", "objects" (all files in tests/programs/objects), or a file."""
    path = os.path.join(folder, "record")
    if program == "heap":
        command = [os.path.join(support.PROGRAMS, "heap.py"), "--oracle", "referents.py", "--objects", "30000", path]
    else:
        words = program.split()
        if program == "objects":
            files = sorted(os.path.join(FOLDER, name) for name in os.listdir(FOLDER) if name.endswith(".py"))
            words = " -- ".join(files).split()
        words[0] = os.path.join(support.PROGRAMS, words[0])
        command = [os.path.join(support.PROGRAMS, "subject.py"), "referents.py", path] + words
    return support.Program(interpreter.command(*command), interpreter.env(), folder)


def verify(record, target):
    """Compares `referents --all` of @target with @record."""
    answer = support.inspect("referents", "--all", target, "--format", "csv")
    said = records.read_answer(io.StringIO(answer.output, newline=""))
    found = records.differences(record, said)
    lines = ["exit status %d: %s" % (answer.status, answer.messages)] if answer.status else []
    if found:
        lines.append("%d of %d objects differ" % (len(found), len(record)))
        lines += records.explain(record, said, found)
    if lines:
        raise Failure("\n".join(lines[:200]))
    return "%d objects, %d references" % (len(record), sum(map(len, record.referents.values())))


def examine(results, interpreter, program, ways):
    """One program under one interpreter, looked at in all @ways."""
    with support.Folder() as folder:
        try:
            with start(interpreter, folder, program) as subject:
                record = records.Record(os.path.join(folder, "record"))
                name = "%s %s %%s" % (interpreter.name, program)
                if "live" in ways:
                    results.run(name % "live", verify, record, subject.pid)
                if "gcore" in ways:
                    results.run(name % "gcore", verify, record, subject.gcore(os.path.join(folder, "core-gcore")))
                if "kernel" in ways:
                    results.run(name % "kernel", verify, record, subject.abort(os.path.join(folder, "core-kernel")))
        except Skip as reason:
            results.skip("%s %s" % (interpreter.name, program), reason)
        except Failure as failure:
            results.fail("%s %s" % (interpreter.name, program), failure)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--program", action="append", help="only this one: heap, objects, or a file in tests/programs with its arguments")
    parser.add_argument("--how", action="append", choices=("live", "gcore", "kernel"), help="only this way of looking")
    options = parser.parse_args()
    results = Results(options.verbose)
    for number, interpreter in interpreters.chosen(options, results):
        full = options.size == "check-full"
        ways = options.how or (("live", "gcore", "kernel") if full else ("live", "gcore", "kernel")[number % 3:][:1])
        heaps = ["heap"] if full or number % 8 == 0 else []
        objects = ["objects"] if full or options.interpreter or number % 2 == 0 else []
        for program in options.program or heaps + objects:
            examine(results, interpreter, program, ways)
    results.finish()


if __name__ == "__main__":
    main()
