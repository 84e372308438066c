#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pools and blocks that we find in a target, against what sys._debugmallocstats() says in it.

    tests/allocator/test_pymalloc.py [check | check-full] [--interpreter NAME]... [-v]

Blocks in use and pools of each size, arenas and free pools must be the same, and no pool may look broken: with the
interpreter's own allocator, and with PYTHONMALLOC=pymalloc_debug.

Environment: as for tests/e2e.py.
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

POOLS = os.path.join(support.BUILD, "pymalloc-pools")


def said_inside(text):
    """What sys._debugmallocstats() printed last, as pymalloc-pools says it; without the block sizes of no pools."""
    text = text[text.rindex("Small block threshold"):]
    # "    0     16           5            1240              25": class, size, pools, blocks in use, blocks free
    said = {size: (int(pools), int(used), int(free)) for size, pools, used, free in
            re.findall(r"^ *\d+ +(\d+) +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)}
    said["arenas"], = map(int, re.findall(r"^# arenas allocated current *= +([\d,]+)", text, re.MULTILINE))
    free = re.search(r"^(?:# bytes in )?([\d,]+) unused pools", text, re.MULTILINE)
    said["free-pools"] = int(free.group(1).replace(",", "")) if free else None
    return said


def said_outside(target):
    run = subprocess.run([POOLS, str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=support.TIMEOUT)
    if run.returncode or run.stderr:
        raise Failure("pymalloc-pools: %s: %s" % (run.returncode, run.stderr.decode()))
    said = {}
    for line in run.stdout.decode().splitlines():
        words = line.split()
        said[words[0]] = int(words[1]) if len(words) == 2 else tuple(map(int, words[1:]))
    return said


def verify(running, target, debug):
    running.log.seek(0)
    inside, outside = said_inside(running.log.read().decode()), said_outside(target)
    expected = dict(inside, broken=0, debug=int(debug))
    if outside != expected:
        raise Failure("\n".join("%s: inside %s, outside %s" % (name, expected.get(name), outside.get(name))
                                for name in sorted(set(expected) | set(outside))
                                if expected.get(name) != outside.get(name)))
    return "%d blocks in use" % sum(value[1] for value in outside.values() if isinstance(value, tuple))


def examine(results, interpreter, core):
    for allocator in (None, "pymalloc", "pymalloc_debug"):
        name = "%s %s" % (interpreter.name, allocator or "as it is")
        environment = dict(interpreter.env() or {})
        if allocator:
            environment["PYTHONMALLOC"] = allocator
        debug = allocator == "pymalloc_debug" or (interpreter.debug and not allocator)
        try:
            with support.Folder() as folder:
                command = interpreter.command(os.path.join(support.PROGRAMS, "pools.py"))
                with support.Program(command, environment, folder) as running:
                    results.run(name, verify, running, running.pid, debug)
                    if core:
                        path = running.gcore(os.path.join(folder, "core"))
                        results.run(name + " gcore", verify, running, path, debug)
        except Skip as reason:
            results.skip(name, reason)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(options.verbose)
    for number, interpreter in interpreters.chosen(options, results):
        if options.size == "check-full" or options.interpreter or number % 3 == 0:
            examine(results, interpreter, options.size == "check-full")
    results.finish()


if __name__ == "__main__":
    main()
