#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The calls of every thread, seen from outside, against the interpreter's own frames; and threads caught anywhere.

    tests/calls.py [check | check-full] [--interpreter NAME]... [-v]

1. Threads wait in calls of every kind (tests/programs/calls.py). `roots` must list the same calls in the same order, with
   names, files and lines, and the same variables with the same values (cells by their contents).
2. Threads that never rest (tests/programs/busy.py) are caught at random points, 200 times on each interpreter in
   check-full: `roots` and `referents --all` must answer, and each thread's calls must end where it began.

Environment: as for tests/e2e.py.
"""
import collections
import json
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

PLACE = re.compile(r"thread (\d+): (.*)\(\) at (.*):(-?\d+)$", re.S)
# What a call has once, whatever else it has: an object up to 3.10; after that its code, or the generator that has it.
FIRST_LABELS = {"frame", ".f_code", "generator"}

Call = collections.namedtuple("Call", "name file line references holder")


def read_calls(pid):
    """{thread: [Call...]} as `roots` has them, the innermost first."""
    threads = collections.defaultdict(list)
    rows = collections.defaultdict(list)  # of a call that is not told apart yet
    for row in support.inspect("roots", pid, "--kind", "frame", "--format", "jsonl").expect(0, 4).lines():
        match = PLACE.match(row["place"])
        check(match, "a frame's place is %r", row["place"])
        thread = int(match.group(1))
        place = (match.group(2), match.group(3), int(match.group(4)))
        label = row["label"]
        if label == "function" or label in FIRST_LABELS and not rows[thread]:
            rows[thread] = []
        if label in FIRST_LABELS:
            holder = row["address"] if label != ".f_code" else None
            threads[thread].append(Call(*place, references=rows[thread], holder=holder))
        if not row["guessed"]:
            (threads[thread][-1].references if threads[thread] and label not in ("function", "frame object", ".f_locals")
             else rows[thread]).append((label, row["address"]))
    return threads


def referents(pid, addresses):
    """{holder: [(label, address)...]}"""
    found = collections.defaultdict(list)
    addresses = sorted(set(addresses))
    for start in range(0, len(addresses), 500):
        answer = support.inspect("referents", pid, *(addresses[start:start + 500] + ["--format", "jsonl"]))
        for row in answer.expect(0, 4).lines():
            found[row["object"]].append((row["label"], row["address"]))
    return found


def read_variables(pid, threads):
    """{(thread, number of the call): {name: (kind, address)}}"""
    held = referents(pid, [call.holder for calls in threads.values() for call in calls if call.holder])
    variables, cells = {}, []
    for thread, calls in threads.items():
        for number, call in enumerate(calls):
            pairs = held[call.holder] if call.holder else call.references
            mine = {}
            for label, address in pairs:
                kind, _, name = label.partition(" ")
                if kind in ("local", "cell", "free") and name:
                    mine[name] = (kind, address)
                    cells += [address] if kind != "local" else []
            variables[thread, number] = mine
    contents = referents(pid, cells)
    for mine in variables.values():
        for name, (kind, address) in list(mine.items()):
            if kind != "local":
                inside = [target for _, target in contents[address]]
                if inside:
                    mine[name] = (kind, inside[0])
                else:
                    del mine[name]  # an empty cell
    return variables


def compare_variables(where, said, wanted):
    """Lines: how the variables of one call differ. f_locals hides those of an inlined comprehension (3.12 on)."""
    for name, (identity, kind) in wanted.items():
        have = said.pop(name, None)
        if not have or int(have[1], 16) != identity or (have[0] != kind and have[0] != "cell"):
            yield "%s: %s %s is 0x%x, said %s" % (where, kind, name, identity, have)
    for name in said:
        if name not in ("item", ".0", "__class__"):
            yield "%s: %s is not there, said %s" % (where, name, said[name])


def verify_calls(pid, record):
    threads = read_calls(pid)
    variables = read_variables(pid, threads)
    lines, count = [], 0
    for thread, wanted in record.items():
        calls = threads.get(int(thread), [])
        have = [(call.name, call.file, call.line) for call in calls]
        there = [(call["name"], call["file"], call["line"]) for call in wanted]
        if have != there:
            different = [pair for pair in zip(have, there) if pair[0] != pair[1]]
            lines.append("thread %s: %d calls, said %d; %s" % (thread, len(wanted), len(calls), different[:2]))
            continue
        for number, call in enumerate(wanted):
            where = "thread %s: %s() at line %d" % (thread, call["name"], call["line"])
            count += 1
            if call["function"]:
                lines += compare_variables(where, variables[int(thread), number], call["variables"])
    if lines:
        raise Failure("\n".join(lines[:40]))
    return "%d calls in %d threads" % (count, len(record))


def waiting(interpreter):
    with support.Folder() as folder:
        path = os.path.join(folder, "record")
        command = interpreter.command(os.path.join(support.PROGRAMS, "calls.py"), path)
        with support.Program(command, interpreter.env(), folder) as program:
            with open(path, encoding="utf-8") as file:
                return verify_calls(program.pid, json.load(file))


def catch(pid, generator, expected, whole_heap):
    """One look at the program: returns how many threads' calls were whole, and how many threads there were."""
    time.sleep(generator.random() * 0.02)
    whole = 0
    threads = read_calls(pid)
    for calls in threads.values():
        names = [call.name.split(".")[-1] for call in calls]
        whole += names[-1] in ("<module>", "_bootstrap")
    check(len(threads) <= expected, "there are %d threads, said %d", expected, len(threads))
    if whole_heap:
        answer = support.inspect("referents", pid, "--all", "--no-labels", "--format", "csv").expect(0, 4)
        check(answer.output.count("\n") > 10000, "%s: only %d references", answer, answer.output.count("\n"))
    return whole, len(threads)


def caught(interpreter, times, seed):
    generator = random.Random(seed)
    with support.Folder() as folder:
        command = interpreter.command(os.path.join(support.PROGRAMS, "busy.py"))
        with support.Program(command, interpreter.env(), folder) as program:
            whole = seen = 0
            for number in range(times):
                one = catch(program.pid, generator, 8, number % 4 == 0)
                whole, seen = whole + one[0], seen + one[1]
            check(program.process.poll() is None, "the program ended: %s", program.messages())
    # a thread is caught while it starts or leaves a call, or with its current frame in the making, now and then
    check(whole >= 0.95 * seen, "only %d of %d threads' calls lead to where the thread began", whole, seen)
    return "%d of %d threads' calls lead to where the thread began" % (whole, seen)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--times", type=int, help="how often the busy program is caught")
    options = parser.parse_args()
    results = Results(options.verbose)
    full = options.size == "check-full"
    for number, interpreter in interpreters.chosen(options, results):
        results.run("%s calls" % interpreter.name, waiting, interpreter)
        if full or number % 6 == 0 or options.interpreter:
            times = options.times or (200 if full else 8)
            results.run("%s caught" % interpreter.name, caught, interpreter, times, number)
    results.finish()


if __name__ == "__main__":
    main()
