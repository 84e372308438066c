#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What py-inspect says of a process that was stopped in the middle of a collection, at any instruction.

    tests/cycles/test_collecting.py [check | check-full] [--interpreter NAME]... [--points N] [--seed N] [-v]

gdb runs tests/programs/caught.py, stops it at random instructions of the collector and of what it calls, and writes a core
of each (tests/cycles/catch.py). What must hold:

    - The objects on the collector's lists, those on its stack among them, are those that gc.get_objects() had said just
      before, but for what has been freed meanwhile, and what finalizers and callbacks have made.
    - `cycles` calls unreachable what gc.collect() found in a child process with the same heap, until the collector
      itself takes hold of it: it holds what it calls a finalizer for, or clears, and gc.garbage what DEBUG_SAVEALL keeps.
    - gdb's commands say the same of the stopped process, word by word.

Programs also wait in a callback or finalizer that the collector calls: then the live process is looked at, too, and
interpreters without symbols can be.

Environment: as for tests/e2e.py.
"""
import json
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, check  # noqa: E402

CATCH = os.path.join(TESTS, "cycles", "catch.py")
UNTRACKED_REFS = -2  # gc_refs of 3.6 and 3.7, shifted: Include/objimpl.h
FREED = 0xdddddddd  # what debug builds fill freed memory with: PYMEM_DEADBYTE
# what Python code that the collector calls makes to run
PASSING = {"frame", "tuple", "method", "builtin_function_or_method", "dict", "list", "cell"}


def rows_of(answer):
    return [json.loads(line) for line in answer[1].splitlines()]


def short(addresses, types):
    return ", ".join("0x%x %s" % (each, types.get(each, "?")) for each in sorted(addresses)[:6]) + \
        (" and %d more" % (len(addresses) - 6) if len(addresses) > 6 else "")


def is_gone(words, old):
    """Has the object been freed, or does the collector not track it any more? @words: 32 bytes before it, and its
    reference count. @old: 3.6 and 3.7, where the head is 32 bytes."""
    refcount = words[4] & 0xffffffff
    untracked = (words[2] >> 1) - (1 << 63 if words[2] >> 63 else 0) == UNTRACKED_REFS if old else words[2] == 0
    return refcount in (0, FREED) or untracked


def closure(start, referents):
    """What @start leads to, and itself."""
    found, pending = set(start), list(start)
    while pending:
        for other in referents.get(pending.pop(), ()):
            if other not in found:
                found.add(other)
                pending.append(other)
    return found


def is_held(missing, record):
    """Is @missing what gc.garbage leads to, with the objects that it has so far, or one object that is being finalized or
    cleared, or both?"""
    referents = {int(key): value for key, value in record["referents"].items()}
    held = set()
    for each in [None] + record["garbage"]:
        if each is not None:
            held |= closure([each], referents)
        if held == missing:
            return True
        if not held <= missing:
            return False
        if any(held | closure([one], referents) == missing for one in missing - held):
            return True
    return False


def differences_of_objects(point, record, old):
    """What is wrong with the objects that were said to be on the collector's lists."""
    rows = rows_of(point["objects"])
    frozen = [row for row in rows if row["generation"] == "permanent"]
    if len(frozen) != record["frozen"]:  # get_objects() does not give those
        yield "%d objects in the permanent generation instead of %d" % (len(frozen), record["frozen"])
    rows = [row for row in rows if row["generation"] != "permanent"]
    types = {int(row["address"], 16): row["type"] for row in rows}
    before, have = set(record["objects"]), set(types)
    gone = {int(key) for key, words in point["missing"].items() if is_gone(words, old)}
    missing, more = before - have - gone, have - before
    if missing:
        yield "%d objects are missing: %s" % (len(missing), short(missing, types))
    if more and (record["quiet"] or len(more) > 12 or not {types[each] for each in more} <= PASSING):
        yield "%d objects too many: %s" % (len(more), short(more, types))
    if len(types) != len(rows):
        yield "objects are there twice"
    if gone and record["saveall"]:
        freed = {each for each in gone if point["missing"][str(each)][4] & 0xffffffff in (0, FREED)}
        if freed & set(record["garbage"]):
            yield "garbage is missing that DEBUG_SAVEALL keeps: %s" % short(freed, types)
    if {row["generation"] for row in rows} - {0, 1, 2}:
        yield "objects without a generation"


def differences_of_cycles(point, record):
    """What is wrong with the objects that are said to be unreachable."""
    rows = rows_of(point["cycles"])
    said = {int(row["address"], 16): row["type"] for row in rows if row["unreachable"]}
    true = set(record["garbage"])
    gone = {int(key) for key in point["missing"]}
    more, missing = set(said) - true, true - set(said)
    if more:
        yield "%d are not unreachable: %s" % (len(more), short(more, said))
    if not record["saveall"]:
        missing -= gone
        if missing and point["missing"]:
            return  # garbage is being cleared: what it refers to is not what it was
    if missing and not is_held(missing, record):
        yield "%d are unreachable, and not said to be: %s" % (len(missing), short(missing, said))


def is_resizing(point, messages):
    """Is gc.garbage just between its old array of items and a longer one, and is that said?"""
    return "list_resize" in point["running"] and "delete_garbage" in point["running"] and \
        "objects of whose references some could not be read: 1\n" in messages


def differences(point, record, old):
    """All that is wrong at @point, in words."""
    for verb, said in point.get("gdb", {}).items():
        shell = (point[verb][1] + point[verb][2].replace("py-inspect: ", "")).splitlines()
        if sorted(said.splitlines()) != sorted(shell):
            yield "%s: gdb says %s instead of %s" % (verb, sorted(set(said.splitlines()) - set(shell))[:5],
                                                     sorted(set(shell) - set(said.splitlines()))[:5])
    for verb in ("objects", "cycles", "gc"):
        status, _, messages = point[verb]
        if status == 4 and verb == "cycles" and is_resizing(point, messages):
            return
        if status != 0:
            yield "%s: exit status %d: %s" % (verb, status, messages.strip())
        elif "in the middle of a collection" not in messages:
            yield "%s does not say that it is in the middle of a collection: %s" % (verb, messages)
    if any(point[verb][0] not in (0, 4) for verb in ("objects", "cycles", "gc")):
        return
    yield from differences_of_objects(point, record, old)
    yield from differences_of_cycles(point, record)


def catch(interpreter, folder, points, seed):
    """Lets gdb stop the program at @points points. What it printed."""
    environment = interpreter.env(CATCH_FOLDER=folder, CATCH_POINTS=str(points), CATCH_SEED=str(seed),
                                  PY_INSPECT=support.PY_INSPECT, LIBINSPECT_LIBRARY=support.LIBRARY)
    loader = ["-x", os.path.join(support.TOP, "gdb-scripts", "py-inspect.py")]
    command = support.GDB + support.GDB_OPTIONS + ([] if support.SANITIZED else loader) + ["-x", CATCH, "--args"] + \
        interpreter.command(os.path.join(support.PROGRAMS, "caught.py"), folder, "1000000", str(seed))
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
                         stderr=subprocess.STDOUT, universal_newlines=True, timeout=support.TIMEOUT + 60 * points)
    return run.stdout


def at_random_instructions(interpreter, points, seed):
    """All points of one interpreter."""
    wrong, found = [], []
    with support.Folder() as folder:
        said = catch(interpreter, folder, points, seed)
        if not os.path.exists(os.path.join(folder, "points.jsonl")):
            raise Failure("gdb: %s" % said[-2000:])
        with open(os.path.join(folder, "points.jsonl"), encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
        for number, point in enumerate(found):
            with open(os.path.join(folder, "%d.json" % point["round"]), encoding="utf-8") as file:
                record = json.load(file)
            wrong += ["point %d, round %d, %s, %s: %s" % (number, point["round"], " < ".join(point["running"][:6]), point["pc"], each)
                      for each in differences(point, record, interpreter.minor < (3, 8))]
        check(len(found) == points, "%d points instead of %d: %s", len(found), points, said[-2000:])
    check(not wrong, "%d things are wrong at %d points:\n%s", len(wrong), points, "\n".join(wrong[:20]))
    return "%d points in %d collections" % (points, len({point["round"] for point in found}))


PLACES = ("start", "weakref", "finalizer", "stop")
VERBS = (("objects", "--tracked"), ("cycles", "--objects"), ("gc",))


def look_at(target, pid, before):
    """What py-inspect says of @target, which is the process @pid or a core of it, as catch.py writes it down."""
    point = {"missing": {}}
    for verb in VERBS:
        answer = support.inspect(verb[0], target, "--format", "jsonl", *verb[1:])
        point[verb[0]] = [answer.status, answer.output, answer.messages]
    have = {int(row["address"], 16) for row in rows_of(point["objects"])}
    with open("/proc/%d/mem" % pid, "rb") as memory:
        for each in before - have:
            memory.seek(each - 32)
            point["missing"][str(each)] = struct.unpack("<5Q", memory.read(40))
    return point


def in_python_code(interpreter, place):
    """The collector calls Python code, which waits: live, and in a core."""
    with support.Folder() as folder:
        command = interpreter.command(os.path.join(support.PROGRAMS, "caught.py"), folder, "1", "1", place)
        with support.Program(command, interpreter.env(), folder) as program:
            with open(os.path.join(folder, "0.json"), encoding="utf-8") as file:
                record = json.load(file)
            with open(os.path.join(folder, "now.json"), encoding="utf-8") as file:
                record["objects"] = sorted(set(record["objects"] + json.load(file)))
            core = program.gcore(os.path.join(folder, "core"))
            points = [(name, look_at(target, program.pid, set(record["objects"])))
                      for name, target in (("live", program.pid), ("core", core))]
    wrong = ["%s: %s" % (name, each) for name, point in points
             for each in differences(point, record, interpreter.minor < (3, 8))]
    check(not wrong, "%s", "\n".join(wrong))
    return "%d objects, %d of them garbage" % (len(rows_of(points[0][1]["objects"])), len(record["garbage"]))


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--points", type=int, help="for each interpreter; default: 4, or 100 for check-full")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = Results(options.verbose)
    full = options.size == "check-full"
    for number, interpreter in interpreters.chosen(options, results):
        for place in PLACES if full else PLACES[number % 4:number % 4 + 1] if number % 3 == 0 else ():
            results.run("%s: in Python code: %s" % (interpreter.name, place), in_python_code, interpreter, place)
        if interpreter.dwarf and not interpreter.prefix and (full or number % 4 == 1):
            results.run("%s: at random instructions" % interpreter.name, at_random_instructions, interpreter,
                        options.points or (100 if full else 4), options.seed)
    results.finish()


if __name__ == "__main__":
    main()
