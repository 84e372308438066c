#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same programs on CPython and on the reference collector, both looked at from outside: what libinspect says that a
collection would find must be the same.

    tests/differential/test_outside.py [check | check-full] [--interpreter NAME]... [--programs N] [--first N]

Random programs of a fixed seed (doc/refgc-programs.md) with two checkpoints each. At each one py-inspect looks at the
process of each runtime: `cycles`, `finalizers` and `weakrefs`. Objects are known by their serial numbers, which the
runtime's own record has by address. Both views must be equal, and what the model of the rules says. `check` takes one
CPython of each dialect, see below; `check-full` all.
"""
import collections
import concurrent.futures
import json
import os
import random
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.join(TOP, "fixtures", "programs")
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "refgc"), PROGRAMS]

import generate  # noqa: E402
import interpreters  # noqa: E402
import model  # noqa: E402
import test_inspect  # noqa: E402
from inspected import look_at  # noqa: E402
from language import parse  # noqa: E402
from runner import Results, Skip, check  # noqa: E402
from support import BUILD, Folder, wait_for_state  # noqa: E402

SEED = "outside"
BATCH = 25          # programs in one process
CHECKPOINT = "checkpoint wait"

# How a version of CPython differs from the rules, and what is left of programs there.
Dialect = collections.namedtuple("Dialect", "resurrects freezes generations")
RULES = Dialect(resurrects=True, freezes=True, generations=(0, 1, 2))


def dialect(minor):
    """Up to 3.7 cpython.py cannot find what is frozen; up to 3.8 a collection that finds anything resurrected frees nothing;
    since 3.14 all tuples and dicts are tracked, from the beginning, and so may be older, or frozen, where they are untracked
    by the rules; since 3.15 weak references without callbacks outlive finalizers, and so what these resurrect."""
    return RULES._replace(resurrects=(3, 8) < minor < (3, 15), freezes=(3, 8) <= minor < (3, 14),
                          generations=(0, 1, 2) if minor < (3, 14) else (2,))


def program(index, of):
    """A random program as the dialect @of has it: a checkpoint before a collection, if there is one, and one at the end."""
    chance = random.Random("%s %d" % (SEED, index))
    whole, lines = generate.program(SEED, index, "common").splitlines()[1:-1], []
    if index % 4 == 3:
        whole = test_inspect.OLD_HELD_BY_YOUNG[0].splitlines() + whole + test_inspect.OLD_HELD_BY_YOUNG[1].splitlines()
    for line in whole:
        words = line.split()
        if words[0] in ("freeze", "unfreeze") and not of.freezes or words[0] == "checkpoint":
            continue
        if words[:1] + words[2:3] == ["finalizer", "resurrect"] and not of.resurrects:
            line = "finalizer %s record" % words[1]
        if words[0] == "collect" and int(words[1]) not in of.generations:
            line = "collect 2"
        lines.append(line)
    collects = [i for i, line in enumerate(lines) if line.startswith("collect ")]
    lines.insert(chance.choice(collects) if collects else chance.randint(0, len(lines)), CHECKPOINT)
    if index % 2 and lines[-1].startswith("collect "):
        lines.pop()
    return "\n".join(["program outside-%d" % index] + lines + [CHECKPOINT, "end"]) + "\n"


# ---- views: of one generation at one checkpoint ----------------------------------------------------

# Sets of serial numbers: what a collection finds unreachable, what is freed with it; pairs of (kind, number): what it calls,
# and whose finalizer is called when it is freed; weakrefs: of each the number of what it refers to, or None.
View = collections.namedtuple("View", "unreachable held calls freeing_calls weakrefs")


def held_by(heap, unreachable):
    """What these nodes of the model hold alone."""
    counts = {serial: node.count for serial, node in heap.nodes.items()}
    freed, pending = {node.serial for node in unreachable}, list(unreachable)
    held = set()
    while pending:
        for to in pending.pop().referents():
            counts[to.serial] -= 1
            if not counts[to.serial] and to.serial not in freed:
                freed.add(to.serial)
                held.add(to.serial)
                pending.append(to)
    return held


def modelled(heap, generation):
    """The model's view."""
    unreachable = heap.divide(heap.generation(*range(generation + 1)))[1]
    numbers = {node.serial for node in unreachable}
    held = held_by(heap, unreachable)
    waiting = {node.serial for node in heap.nodes.values() if node.finalizer is not None and not node.finalized}
    callbacks = {node.serial for node in heap.nodes.values()
                 if node.target and node.notes and node.target.serial in numbers and node.serial not in numbers}
    return View(numbers, held, {("callback", each) for each in callbacks} | {("finalizer", each) for each in waiting & numbers},
                waiting & held,
                {node.serial: node.target.serial if node.target else None for node in heap.nodes.values()
                 if node.type == "weakref"})


def inspected(ask, serials, weakrefs, generation):
    """libinspect's view. @serials: by address. @weakrefs: rows of that verb."""
    rows = ask("cycles", "--objects", "--generation", str(generation))
    strangers = [row for row in rows if row["unreachable"] and row["address"] not in serials]
    check(not strangers, "unreachable, and not the program's: %s", strangers[:4])
    finalizers = ask("finalizers", "--called", "--collect", str(generation))
    return View(
        {serials[row["address"]] for row in rows if row["unreachable"]},
        {serials[row["address"]] for row in rows if not row["unreachable"] and row["address"] in serials},
        {(row["kind"], serials[row["address"]]) for row in finalizers if row["order"] is not None},
        {serials[row["address"]] for row in finalizers if row["order"] is None},
        {serials[row["address"]]: serials[row["referent"]] if row["referent"] else None for row in weakrefs
         if row["address"] in serials})


def without_tracking(view):
    """What is left of a view where all tuples and dicts are tracked: those that are freed with others may be unreachable."""
    return view._replace(unreachable=view.unreachable | view.held, held=set())


# ---- runtimes --------------------------------------------------------------------------------------

def look_at_all(command, environment, texts, of):
    """Runs programs. Returns the views by (program, line, generation)."""
    views = {}
    with Folder() as folder:
        source = os.path.join(folder, "programs.txt")
        with open(source, "w", encoding="utf-8") as file:
            file.write("".join(texts))
        process = subprocess.Popen(command + ["--records", folder, source], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment)
        try:
            for line in process.stdout:
                report = json.loads(line.decode("utf-8"))
                if report["op"] != CHECKPOINT:
                    continue
                with open(os.path.join(folder, "%s-%d.json" % (report["program"], report["line"])), encoding="utf-8") as file:
                    serials = {each["address"]: each["serial"] for each in json.load(file)["objects"] if each["serial"]}
                wait_for_state(process.pid, "S")  # it says where it is before it waits there
                with look_at(process.pid) as ask:
                    weakrefs = ask("weakrefs")
                    for generation in of.generations:
                        views[report["program"], report["line"], generation] = inspected(ask, serials, weakrefs, generation)
                os.kill(process.pid, signal.SIGUSR1)
            check(process.wait() == 0, "%s: exit status %d: %s", command, process.returncode, process.stderr.read()[-500:])
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
    return views


def model_all(texts, of):
    """The model's views. Those of reports that the rules leave open, and of all after them in the program, are None."""
    views = {}
    for text in texts:
        each = next(parse(text.splitlines()))
        heap, left_open = model.Heap(), False
        for operation in each.operations:
            report = heap.do(each, operation)
            left_open |= bool(report and set(report["ambiguous"]) & {"all", "unseen"})
            if report and report["op"] == CHECKPOINT:
                for generation in of.generations:
                    views[each.name, operation.line, generation] = None if left_open else modelled(heap, generation)
    return views


# ---- comparison ------------------------------------------------------------------------------------

def compare(want, have, where):
    for member in View._fields:
        one, other = getattr(want, member), getattr(have, member)
        if one != other:
            one, other = (set(each.items()) if isinstance(each, dict) else each for each in (one, other))
            check(False, "%s: %s: missing %s, too many %s", where, member, sorted(one - other, key=str)[:8],
                  sorted(other - one, key=str)[:8])


def run_batch(command, environment, minor, first, count):
    """Returns how much was compared: views, and the sizes of their members."""
    of = dialect(minor)
    texts = [program(index, of) for index in range(first, first + count)]
    expected = model_all(texts, of)
    views = [look_at_all([os.path.join(BUILD, "refgc")], None, texts, of), look_at_all(command, environment, texts, of)]
    sums = collections.Counter()
    for key, want in expected.items():
        if not want:
            sums["left open"] += 1
            continue
        of_refgc, of_cpython = (each[key] for each in views)
        where = "%s, line %d, generation %d" % key
        compare(want, of_refgc, "refgc: " + where)
        if minor >= (3, 14):
            want, of_refgc, of_cpython = map(without_tracking, (want, of_refgc, of_cpython))
        compare(want, of_cpython, "CPython: " + where)
        check(of_refgc == of_cpython, "%s: the views differ", where)
        sums["views"] += 1
        for member in View._fields:
            sums[member] += len(getattr(want, member))
    return sums


def run_programs(interpreter, first, count):
    if not os.path.exists(os.path.join(BUILD, "refgc")):
        raise Skip("there is no refgc in %s" % BUILD)
    command = interpreter.command("-S", os.path.join(PROGRAMS, "cpython.py"))
    sums = collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        batches = [pool.submit(run_batch, command, interpreter.env(), interpreter.minor, at, min(BATCH, first + count - at))
                   for at in range(first, first + count, BATCH)]
        for batch in batches:
            sums.update(batch.result())
    check(sums["unreachable"] > 2 * count, "too little was garbage: %s", sums)
    return "%d programs, equal: %s" % (count, ", ".join("%d %s" % (sums[each], each) for each in
                                                        ("views",) + View._fields + ("left open",)))


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--programs", type=int, help="how many for each interpreter; default: 12, or 300 for check-full")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first program's number")
    options = parser.parse_args()
    full = options.size == "check-full"
    results = Results(verbose=True)
    seen = set()
    for _, interpreter in interpreters.chosen(options, results):
        if not full and not options.interpreter and dialect(interpreter.minor) in seen:
            continue
        seen.add(dialect(interpreter.minor))
        results.run(interpreter.name, run_programs, interpreter, options.first, options.programs or (300 if full else 12))
    results.finish()


if __name__ == "__main__":
    main()
