#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Heaps that are whole, and `verify` must find nothing: test_clean.py [check|check-full] [--interpreter NAME] [--program NAME]

Every interpreter runs programs that wait: with a heap of everything, with all of tests/programs/objects, several
interpreters, frozen objects, threads; under each allocator; they are looked at live and in cores. A program whose threads
are in the middle of something is looked at at random moments: then what a thread is just changing may be half done, so
that its findings must be gone the next time.
"""
import glob
import os
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

OBJECTS = os.path.join(support.PROGRAMS, "objects")
ALLOCATORS = ("default", "malloc", "debug", "malloc_debug", "pymalloc_debug")
PROGRAMS = ("heap", "frozen", "objects", "subinterpreters", "victims")


def command_of(program, folder):
    record = os.path.join(folder, "record")
    if program in ("heap", "frozen"):
        return [os.path.join(support.PROGRAMS, "heap.py"), "--objects", "30000", "--threads", "3"] + \
            (["--freeze"] if program == "frozen" else []) + [record]
    if program == "objects":
        files = sorted(os.path.join(OBJECTS, name) for name in os.listdir(OBJECTS) if name.endswith(".py"))
        return [os.path.join(support.PROGRAMS, "subject.py"), "referents.py", record] + " -- ".join(files).split()
    if program == "subinterpreters":
        return [os.path.join(support.PROGRAMS, "subinterpreters.py"), "3", record]
    return [os.path.join(support.PROGRAMS, "victims.py"), record, "1", "malloc"]


def findings(target):
    """The rows of `verify` as text."""
    answer = support.inspect("verify", target, "--format=json")
    rows = answer.json()["rows"]
    if not rows:
        answer.expect(0, 4)
    return ["%s %s %s %s" % (row["check"], row["address"], row["type"], row["message"]) for row in rows]


def verify(target):
    found = findings(target)
    if found:
        raise Failure("%d findings in a heap that is whole:\n%s" % (len(found), "\n".join(found[:10])))


def look_at(results, interpreter, program, allocator, ways):
    """@program under @interpreter, looked at in all @ways."""
    environment = {} if allocator == "default" else {"PYTHONMALLOC": allocator}
    name = "%s %s %s %%s" % (interpreter.name, program, allocator)
    with support.Folder() as folder:
        try:
            with support.Program(interpreter.command(*command_of(program, folder)), interpreter.env(**environment),
                                 folder) as subject:
                if "live" in ways:
                    results.run(name % "live", verify, subject.pid)
                if "gcore" in ways:
                    results.run(name % "gcore", verify, subject.gcore(os.path.join(folder, "core-gcore")))
                if "kernel" in ways:
                    results.run(name % "kernel", verify, subject.abort(os.path.join(folder, "core-kernel")))
        except Skip as reason:
            results.skip(name % "", reason)
        except Failure as failure:
            results.fail(name % "", failure)


def processor_times(pid):
    """{thread: how long it has had a processor, in ticks of the clock}"""
    times = {}
    for path in glob.glob("/proc/%d/task/*/stat" % pid):
        with open(path, encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        times[path] = int(fields[11]) + int(fields[12])
    return times


def let_it_run(pid):
    """Waits until each of the process's threads has run for a while: on a machine with more to do, time alone does not tell."""
    before, end = processor_times(pid), time.monotonic() + support.TIMEOUT
    while any(now <= before.get(thread, -1) for thread, now in processor_times(pid).items()):
        check(time.monotonic() < end, "the program rests: %s", before)
        time.sleep(0.01)


def busy(interpreter, moments):
    """Nothing may be found twice in a program that never rests."""
    with support.Folder() as folder:
        command = interpreter.command(os.path.join(support.PROGRAMS, "busy.py"))
        with support.Program(command, interpreter.env(), folder) as subject:
            before, transient = set(), 0
            for _ in range(moments):
                let_it_run(subject.pid)
                found = set(findings(subject.pid))
                transient += bool(found)
                if found & before:
                    raise Failure("found twice:\n" + "\n".join(sorted(found & before)[:10]))
                before = found
            return "%d of %d moments with something half done" % (transient, moments)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--program", action="append", choices=PROGRAMS + ("busy",))
    options = parser.parse_args()
    results = Results(options.verbose)
    full = options.size == "check-full"
    for number, interpreter in interpreters.chosen(options, results):
        for place, program in enumerate(PROGRAMS):
            wanted = program in options.program if options.program else full or (number + place) % 22 == 0
            allocators = ALLOCATORS if full and program == "heap" else [ALLOCATORS[(number + place) % len(ALLOCATORS)]]
            for allocator in allocators if wanted else ():
                ways = ("live", "gcore", "kernel") if full else ("live", "gcore", "kernel")[place % 3:][:1]
                look_at(results, interpreter, program, allocator, ways)
        if "busy" in options.program if options.program else full or number == 5:
            results.run("%s busy" % interpreter.name, busy, interpreter, 30 if full else 5)
    results.finish()


if __name__ == "__main__":
    main()
