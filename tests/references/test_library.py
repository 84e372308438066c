#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each interpreter's own test suite, stopped at any moment: its references, and its garbage, against its own word.

    tests/references/test_library.py [check | check-full] [--interpreter NAME]... [--modules "NAME..."]... [-v]

tests/programs/library.py runs modules of the package `test` and stops at moments that nobody chose, but for those at which
there are threads: these would go on. Then the visited references of every object must be what gc.get_referents() says, and
what `cycles` calls unreachable must be what gc.collect() then collects with gc.DEBUG_SAVEALL.

Environment: as for tests/e2e.py.
"""
import collections
import io
import itertools
import json
import os
import select
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import record as records  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

MODULES = [
    "typing dataclasses enum abc",
    "sqlite3 ctypes",
    "coroutines asyncgen contextlib generators yield_from",
    "asyncio.test_futures asyncio.test_tasks asyncio.test_streams",
    "xml_etree_c xml_etree minidom json pickle csv",
    "descr weakref weakset functools collections itertools exceptions traceback",
    "decimal datetime zoneinfo re struct memoryview array buffer",
    "unittest logging inspect dis ast symtable",
    "dict set list tuple frozenset bytes deque ordered_dict userdict",
    "zipfile tarfile bz2 lzma gzip zlib ssl hashlib",
    "class metaclass super property slice genericclass call funcattrs context",
]
SECONDS = 0.3
TIMEOUT = 100  # seconds to the next look
LOOKS = 4   # of each list of modules


class Stopped(support.Program):
    """The program, which is "ready" again and again."""

    def __init__(self, interpreter, folder, modules):
        self.record = os.path.join(folder, "record")
        names = ["test.test_" + name for name in modules.split()]
        command = interpreter.command(os.path.join(support.PROGRAMS, "library.py"), self.record, str(SECONDS), *names)
        self.rest = b""
        super().__init__(command, interpreter.env(), folder, stdin=subprocess.PIPE)

    def __enter__(self):
        return self

    def line(self):
        """The next line that it says; "end" if it ended, or takes too long: some tests do."""
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], TIMEOUT)[0]:
                return "end"
            block = os.read(self.process.stdout.fileno(), 1 << 16)
            if not block:
                return "end"
            self.rest += block
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode("ascii")

    def go_on(self):
        os.write(self.process.stdin.fileno(), b"\n")


def compare_references(stopped):
    """Lines that say how references differ from the record, and how many objects there are."""
    record = records.Record(stopped.record)
    answer = support.inspect("referents", "--all", stopped.pid, "--format", "csv").expect(0, 4)
    said = records.read_answer(io.StringIO(answer.output, newline=""))
    found = records.differences(record, said)
    return (records.explain(record, said, found) if found else []), len(record)


def compare_garbage(stopped):
    """Lines that say how what `cycles` calls unreachable differs from what is collected, and how much that is."""
    answer = support.inspect("cycles", "--objects", stopped.pid, "--format", "json").expect(0, 4)
    unreachable = {int(row["address"], 16): row["type"] for row in answer.json()["rows"] if row["unreachable"]}
    rows = support.inspect("finalizers", stopped.pid, "--format", "json").expect(0, 4).json()["rows"]
    called = collections.Counter(row["kind"] for row in rows if row["called"] not in (None, "not"))
    stopped.go_on()
    line = stopped.line()
    if line == "end":
        return ["it ended in the collection"], 0
    returned, collected = json.loads(line)
    if "collection" in answer.messages and not returned:
        return [], 0  # stopped in code that a collection calls: another one does nothing
    missing = set(collected) - set(unreachable)
    extra = collections.Counter(unreachable[address] for address in set(unreachable) - set(collected))
    lines = []
    if missing:
        lines.append("%d objects were collected and not called unreachable: %s" % (
            len(missing), ", ".join(map(hex, sorted(missing)[:8]))))
    if extra and not called:  # what is called is Python code, which may do anything
        lines.append("%d objects were called unreachable and stayed: %s" % (sum(extra.values()), extra.most_common(8)))
    # the number counts weak references, too, that nobody holds any more when their callback has been called
    if not extra and not 0 <= returned - len(unreachable) <= called["callback"]:
        lines.append("gc.collect() returned %d, said %d" % (returned, len(unreachable)))
    return lines, len(collected)


def run_modules(interpreter, modules, looks):
    objects = garbage = number = 0
    with support.Folder() as folder, Stopped(interpreter, folder, modules) as stopped:
        for number in range(1, looks + 1):
            if stopped.line() != "ready":
                number -= 1
                break
            lines, count = compare_references(stopped)
            objects += count
            stopped.go_on()
            if stopped.line() == "whole":
                more, count = compare_garbage(stopped)
                lines += more
                garbage += count
            if lines:
                raise Failure("look %d: %s" % (number, "\n".join(lines[:40])))
            stopped.go_on()
    if not number:
        raise Skip("these modules are not there, or ran too shortly")
    return "%d times, %d objects, %d collected" % (number, objects, garbage)


def has_suite(interpreter):
    return subprocess.run(interpreter.command("-c", "import test.test_dict, unittest"), env=interpreter.env(),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--modules", action="append", metavar="NAMES", help='instead of the usual ones: "typing enum"')
    options = parser.parse_args()
    results = Results(options.verbose)
    full = options.size == "check-full"
    chosen = sorted((each for _, each in interpreters.chosen(options, results)), key=lambda each: -each.hexversion)
    having = filter(has_suite, chosen)
    having = list(having if full or options.interpreter else itertools.islice(having, 1))
    if not having:
        results.skip("the interpreter's own tests", "no interpreter here has them installed")
    for interpreter in having:
        for modules in options.modules or (MODULES if full else MODULES[:1]):
            results.run("%s %s" % (interpreter.name, modules), run_modules, interpreter, modules, LOOKS if full else 2)
    results.finish()


if __name__ == "__main__":
    main()
