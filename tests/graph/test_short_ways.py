#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heap, cycles and path answer by short ways, without the columns and references of all objects: the same as by the long ones.

    tests/graph/test_short_ways.py [check | check-full] [--interpreter NAME]... [-v]

The long way of each verb is what the tests of the verbs compare with the interpreter's own word: `heap --type=*`,
`cycles --generation=2`, `path --count=1`. Here both are asked of the same cores, of heaps of tests/programs/heap.py with
garbage of all kinds in them, and have to say the same of everything; and short-ways.c tells that the short ones were taken:
on every interpreter, since no heap here is damaged, but for `cycles` where nearly all is frozen.

Environment: as for tests/e2e.py.
"""
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Results, check  # noqa: E402

OBJECTS = {"check": 3000, "check-full": 30000}
PATHS = {"check": 60, "check-full": 600}
GARBAGE = 11  # of garbage.py: a heap that has some
AT_ONCE = 60  # graph/levels.h: LEVELS_WANTED_MAX
UNCERTAIN_ROOTS = ("interned", "global")  # what they hold may be left over: path_root_certainty() of analysis/path.c
CHECKED = ("3.7.16", "3.12.1", "3.15.2")  # in check: versions that differ in their lists, in what is tracked, in references


def answer(verb, core, *arguments):
    """The rows of a verb, and what it notes."""
    said = support.inspect(verb, core, *arguments, "--limit=0", "--format=json").expect(0)
    return said.json()["rows"], sorted(said.messages.splitlines())


def same(one, other, what):
    """Both answers have the same rows and notes."""
    check(one[1] == other[1], "%s notes:\n%s\nand by the long way:\n%s", what, "\n".join(one[1]), "\n".join(other[1]))
    check(len(one[0]) == len(other[0]), "%s: %d rows, and %d by the long way", what, len(one[0]), len(other[0]))
    for row, expected in zip(one[0], other[0]):
        check(row == expected, "%s: %s, and by the long way %s", what, row, expected)


def short_ways(core, addresses):
    """What short-ways.c says: {way: [words]}."""
    run = subprocess.run([os.path.join(support.BUILD, "short-ways"), core, *addresses], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True, check=False, timeout=support.TIMEOUT)
    check(run.returncode == 0, "short-ways ends with %d: %s", run.returncode, run.stderr)
    return {way: words for way, *words in (line.split() for line in run.stdout.splitlines())}


def compare(core, count, chosen, frozen):
    """Everything about one core. @frozen: most objects are in the permanent generation."""
    rows, _ = answer("objects", core)
    heap = answer("heap", core)
    check(sum(row["count"] for row in heap[0]) == len(rows), "heap does not count the %d objects", len(rows))
    same(heap, answer("heap", core, "--type=*"), "heap")
    for option in ((), ("--objects",), ("--believe-guesses",)):
        same(answer("cycles", core, *option), answer("cycles", core, "--generation=2", *option), "cycles")
    found = 0
    addresses = [row["address"] for row in chosen.sample(rows, min(count, len(rows)))]
    for first in range(0, len(addresses), AT_ONCE):
        some = addresses[first:first + AT_ONCE]
        long = answer("path", core, "--count=1", *some)[0]
        certain = [row["address"] for row in long
                   if row["counted"] and row["guessed"] is False and row["kind"] not in UNCERTAIN_ROOTS]
        ways = short_ways(core, certain)
        check(ways["paths"][0] == "found", "the paths to %s were not found by levels", " ".join(certain))
        for address in certain:  # of two paths with roots of different kinds the longer one may be as short as the other
            levels = ways[address]
            check(levels[0] == levels[1] != "0", "%s is on level %s, and by the long way on %s", address, *levels)
        check(all(row["counted"] and row["guessed"] is False for row in answer("path", core, *certain)[0]),
              "paths by levels are not certain")
        found += len(certain)
    check(ways["tally"] == ["sound"], "the heap was not counted while it was found")
    check(ways["unheld"][0] == ("unsound" if frozen else "sound"), "what is unheld was %s", ways["unheld"])
    check(found > len(addresses) // 2, "only %d of %d objects have certain paths", found, len(addresses))
    return "%d objects, %d paths" % (len(rows), found)


def compare_garbage(interpreter, folder, seed):
    """The same of a heap with garbage: tests/programs/garbage.py."""
    path = os.path.join(folder, "garbage")
    program = interpreter.command(os.path.join(support.PROGRAMS, "garbage.py"), str(seed), "1", path)
    with support.Program(program, interpreter.env(), folder, stdin=subprocess.PIPE) as program:
        core = program.gcore(path + ".core")
    heap = answer("heap", core)
    objects = sum(row["count"] for row in heap[0])
    same(heap, answer("heap", core, "--type=*"), "heap with garbage")
    for option in ((), ("--objects",), ("--believe-guesses",)):
        rows = answer("cycles", core, *option)
        check(rows[0], "the heap has no garbage")
        same(rows, answer("cycles", core, "--generation=2", *option), "cycles")
    ways = short_ways(core, [])
    check(ways["unheld"][0] == "sound", "what is unheld was not told apart")
    check(0 < int(ways["unheld"][1]) < objects, "%s of %d objects are unheld", ways["unheld"][1], objects)
    return "%s of %d objects unheld" % (ways["unheld"][1], objects)


def compare_interpreter(interpreter, size, seed):
    """A heap of @interpreter."""
    with support.Folder() as folder:
        frozen = seed % 4 == 3
        options = ["--objects", str(OBJECTS[size])] + ["--freeze"] * frozen
        with support.heap_program(interpreter, folder, *options) as program:
            core = program.gcore(os.path.join(folder, "core"))
        said = compare(core, PATHS[size], random.Random(seed), frozen)
        return said + "; " + compare_garbage(interpreter, folder, GARBAGE)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(options.verbose)
    for number, interpreter in interpreters.chosen(options, results):
        if options.size == "check" and not any(interpreter.name.endswith(each) for each in CHECKED):
            continue
        results.run("%s short ways" % interpreter.name, compare_interpreter, interpreter, options.size, number)
    results.finish()


if __name__ == "__main__":
    main()
