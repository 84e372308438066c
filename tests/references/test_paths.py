#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Paths and referrers, seen from outside, against the interpreter itself.

    tests/references/test_paths.py [check | check-full] [--interpreter NAME]... [-v]

`check` asks about some of the objects and gives some interpreters the second program, `check-full` asks about all.

A program makes objects of which it is known why they are alive (tests/programs/paths.py), another one objects of
everything (heap.py). Both then evaluate what `py-inspect path` says: each expression must be the very object that was
asked for. `referrers` must have all that gc.get_referrers() finds.

Environment: as for tests/e2e.py.
"""
import json
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

ASKED_AT_ONCE = 4000  # addresses on a command line
SEARCHED_AT_ONCE = 400  # with searches of their own


class Subject:
    """A program that answers questions."""

    def __init__(self, program, path):
        self.program, self.path, self.pid = program, path, program.pid
        with open(path, encoding="ascii") as file:
            self.record = json.load(file)

    def evaluate(self, expressions):
        """The id() of each expression's value and of what is behind it, or what is wrong with it, as strings."""
        with open(self.path + ".questions", "w", encoding="utf-8") as file:
            file.write("\n".join(expressions))
        os.kill(self.pid, signal.SIGUSR1)
        self.program.wait_for(b"done\n")
        with open(self.path + ".answers", encoding="utf-8") as file:
            answers = file.read().split("\n")
        check(len(answers) == len(expressions), "%d answers to %d questions", len(answers), len(expressions))
        return answers


def rows_of(verb, target, *arguments):
    return support.inspect(verb, target, *arguments, "--format", "jsonl").expect(0).lines()


def paths(target, addresses, *options):
    """The rows of `path` for all @addresses."""
    rows, some = [], SEARCHED_AT_ONCE if "--count" in options else ASKED_AT_ONCE
    for start in range(0, len(addresses), some):
        rows += rows_of("path", target, *options, *addresses[start:start + some])
    return rows


def is_expression(path):
    """Is all of @path Python, and of what the program has names for? Not so where keys have no short text; where
    functions have annotations: what they hold before 3.14 is a tuple that becomes a dict when it is asked for; and
    not co_linetable, which had another name before 3.10."""
    return path and re.match(r"(sys|builtins)\b[.\[]", path) and \
        not re.search(r"[<\u2026]|\[\w+, \d+ items?\]|\.__annotations__($|\[\d)|[(\[ ]\w+\(|\.co_linetable$", path)


def is_hidden(path, answer):
    """Is this something that the object does not show: the dict of a Future, the callback of a weak proxy; or, before 3.14, what
    evaluates the value of a type's alias, and what that holds?"""
    missing = re.fullmatch(r"AttributeError: .* has no attribute '(__dict__|__callback__|evaluate_\w+)'", answer)
    if not missing:
        return False
    name = "." + missing.group(1)
    return path.endswith(name) or (name.startswith(".evaluate_") and name + "." in path)


def compare_values(subject, rows):
    """Lines on expressions of @rows that are not the objects asked for."""
    asked = [row for row in rows if is_expression(row["path"]) and row["type"] != "lazy_import"]  # loads it
    lines = {}
    for row, answer in zip(asked, subject.evaluate([row["path"] for row in asked])):
        if str(int(row["address"], 16)) not in answer.split() and not is_hidden(row["path"], answer):
            lines.setdefault(row["type"], []).append("%s is not %s: %s" % (row["path"], row["address"], answer[:100]))
    return [line for name in lines for line in ["%d of type %s:" % (len(lines[name]), name)] + lines[name][:5]], len(asked)


def fail_with(lines):
    if lines:
        raise Failure("\n".join(lines[:100]))


def verify_known(subject):
    """The paths of all that is known are as they should be."""
    known = subject.record["known"]
    rows = {int(row["address"], 16): row for row in paths(subject.pid, [hex(address) for address, _ in known.values()])}
    lines = []
    for name, (address, expected) in known.items():
        row = rows.get(address, {"path": "no such object", "counted": True, "guessed": False})
        # What is left on a C stack, or in an interpreter's lists of free objects, holds nothing.
        found = row["path"] if expected or (row["counted"] and not row["guessed"]) else None
        if expected and "%" in expected:
            pattern = r"thread \d+: " + re.escape(expected % ("F", 1)).replace("F:1", r".*paths\.py:\d+")
            matches = found and re.fullmatch(pattern, found)
        else:
            matches = found == expected
        if not matches:
            lines.append("%s: %s, not %s" % (name, found, expected))
    fail_with(lines + compare_values(subject, rows.values())[0])
    return "%d paths" % len(known)


def verify_values(subject, share):
    """The paths of one of @share objects evaluate to the objects."""
    addresses = [row["address"] for row in rows_of("objects", subject.pid)][::share]
    rows = paths(subject.pid, addresses)
    check([row["address"] for row in rows] == addresses, "rows of other objects")
    lines, asked = compare_values(subject, rows)
    fail_with(lines)
    unreachable = sum(row["path"] is None for row in rows)
    named = sum((row["path"] or "").startswith(("sys.", "builtins.")) for row in rows)
    check(named > len(rows) // 3 and asked > named // 2, "of %d paths %d begin at a name and %d are expressions", len(rows), named, asked)
    check(unreachable < len(rows) // 10, "%d of %d objects are unreachable", unreachable, len(rows))
    return "%d of %d paths are expressions and true, %d objects unreachable" % (asked, len(rows), unreachable)


def verify_disjoint(subject, share):
    """Several paths to an object are all true, and share no object but where they begin and end."""
    shared = [row["address"] for row in rows_of("objects", subject.pid, "--tracked") if row["refcount"] and row["refcount"] > 1]
    addresses = shared[::max(1, share // 8)]
    rows = paths(subject.pid, addresses, "--count", "3")
    steps_of_all = paths(subject.pid, addresses, "--count", "3", "--steps")
    fail_with(compare_values(subject, rows)[0])  # the program runs for this, and its heap is another one then
    check(len(rows) > len(addresses), "no object has several paths")
    seen = {}
    for step in steps_of_all:
        seen.setdefault(step["object"], {}).setdefault(step["number"], []).append(step)
    lines = []
    for address, found in seen.items():
        inner = [{step["address"] for step in steps[place_steps(steps):-1]} for steps in found.values()]
        if sum(map(len, inner)) != len(set().union(*inner)):
            lines.append("the paths to %s share objects" % address)
    fail_with(lines)
    return "%d paths to %d objects" % (len(rows), len(addresses))


def place_steps(steps):
    """How many steps at the beginning may be shared: the root's, a module's and its namespace's."""
    if len(steps) < 2 or steps[1]["type"] != "module":
        return 1
    return 3 if len(steps) > 2 and steps[2]["label"] == ".__dict__" else 2


def verify_referrers(subject):
    """Of the tracked objects that visit it, `referrers` has the same as gc.get_referrers(). That misses what tasks
    inherit from futures: TaskObj_traverse() drops what FutureObj_traverse() says (Modules/_asynciomodule.c)."""
    record = subject.record["referrers"]
    own = set(subject.record["own"])
    now = {int(row["address"], 16): row["type"] for row in rows_of("objects", subject.pid, "--tracked")}
    tracked = (set(subject.record["tracked"]) & set(now)) - own
    found = {}
    for row in rows_of("referrers", subject.pid, *[hex(int(address)) for address in record]):
        if row["address"] and int(row["address"], 16) in tracked and row["visited"]:
            found.setdefault(int(row["object"], 16), set()).add(int(row["address"], 16))
    lines = []
    for address, wanted in record.items():
        wanted, have = set(wanted) & tracked, found.get(int(address), set())
        have = {each for each in have if each in wanted or now[each] != "_asyncio.Task"}
        if have != wanted:
            lines.append("%s: missing %s, extra %s" % (hex(int(address)), *[
                ["%s %#x" % (now[each], each) for each in sorted(side)[:5]] for side in (wanted - have, have - wanted)]))
    fail_with(lines)
    return "%d objects, %d referrers" % (len(record), sum(map(len, found.values())))


def examine(results, interpreter, names, share):
    """The programs @names under @interpreter."""
    programs = {
        "paths": [os.path.join(support.PROGRAMS, "paths.py")],
        "heap": [os.path.join(support.PROGRAMS, "heap.py"), "--oracle", "questions.py", "--objects", "30000"],
    }
    for name in names:
        command = programs[name]
        with support.Folder() as folder:
            path = os.path.join(folder, "record")
            try:
                with support.Program(interpreter.command(*command, path), interpreter.env(), folder) as program:
                    subject = Subject(program, path)
                    title = "%s %s %%s" % (interpreter.name, name)
                    if name == "paths":
                        results.run(title % "known", verify_known, subject)
                    results.run(title % "referrers", verify_referrers, subject)
                    factor = 1 if name == "paths" or share == 1 else 5
                    results.run(title % "values", verify_values, subject, share * factor)
                    results.run(title % "disjoint", verify_disjoint, subject, share * factor * 40)
            except Skip as reason:
                results.skip("%s %s" % (interpreter.name, name), reason)
            except Failure as failure:
                results.fail("%s %s" % (interpreter.name, name), failure)


def main():
    parser = interpreters.suite_parser(__doc__)
    options = parser.parse_args()
    results = Results(options.verbose)
    for number, interpreter in interpreters.chosen(options, results):
        full = options.size == "check-full"
        examine(results, interpreter, ["paths", "heap"] if full or number % 8 == 1 else ["paths"], 1 if full else 11)
    results.finish()


if __name__ == "__main__":
    main()
