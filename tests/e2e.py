#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every interpreter found, looked at from outside in every way, against its own word on its heap.

    tests/e2e.py [check | check-full] [--interpreter NAME]... [--how live|gcore|kernel|gdb|gdb-core]... [-v]

For each interpreter a program with a heap of everything (tests/programs/heap.py) writes down what it holds; then
py-inspect reads the live process, a core by gdb's gcore, a core by the kernel, and the process and the core from
inside gdb. `check` gives some interpreters a small heap, `check-full` all of them at least 200,000 objects.

Environment: PY_INSPECT (the command), LIBINSPECT_LIBRARY (for gdb), LIBINSPECT_INTERPRETERS (where
tests/unpack-debian put its interpreters), LIBINSPECT_PYTHONS (more interpreters).
"""
import csv
import io
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import record as records  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

WAYS = ("live", "gcore", "kernel", "gdb", "gdb-core")


class Subject:
    """One interpreter at work: the program, its record, and the cores of it."""

    def __init__(self, interpreter, folder, options):
        self.interpreter, self.folder = interpreter, folder
        self.program = support.heap_program(interpreter, folder, *options)
        self.cores = {}

    def __enter__(self):
        self.program.__enter__()
        self.record = records.Record(os.path.join(self.folder, "record"))
        return self

    def __exit__(self, *details):
        self.program.__exit__()

    def core(self, way):
        """The path of its core, made by "gcore" or by the "kernel" (the program is then gone)."""
        if way not in self.cores:
            path = os.path.join(self.folder, "core-" + way)
            self.cores[way] = self.program.gcore(path) if way == "gcore" else self.program.abort(path)
        return self.cores[way]


def fail_with(lines):
    """Fails with all @lines, if there are any."""
    if lines:
        raise Failure("\n" + "\n".join(lines))


def complete(answer):
    """The answer's JSON, if it is complete."""
    document = answer.expect(0).json()
    if not document["complete"]:
        raise Failure("%s: not complete: %s" % (answer, document["notes"]))
    return document


def verify_oracle(subject):
    """The record itself must be exact, or nothing can be learnt from it."""
    record = subject.record
    if not record.exact:
        raise Failure("the program's record contradicts itself: %s" % record.check)
    wanted = subject.interpreter.hexversion
    if record.hexversion != wanted:
        raise Failure("the program ran on %#x, not on %#x" % (record.hexversion, wanted))
    return "%d objects of %d types" % (len(record.objects), len(record.names()))


def verify_target(subject, target):
    """Every verb's answer about @target (arguments for py-inspect) is what the record says."""
    record = subject.record
    everything = support.inspect("objects", target, "--format", "jsonl").expect(0).lines()
    rows = [row for row in everything if row["tracked"]]
    lines = records.compare_objects(record, rows)
    lines += records.compare_untracked(record, everything)
    permanent = [row for row in rows if row["generation"] == "permanent" and int(row["address"], 16) not in record.objects]
    lines += verify_gc(record, target)
    document = complete(support.inspect("heap", target, "--format", "json"))
    lines += records.compare_histogram(everything, document["rows"])
    document = complete(support.inspect("heap", target, "--tracked", "--format", "json"))
    lines += records.compare_heap(record, document["rows"], permanent)
    total = document["total"]
    if total["count"] != len(record.objects) + record.unlisted_permanent:
        lines.append("heap: the total is %d, said %d" % (len(record.objects), total["count"]))
    document = complete(support.inspect("generations", target, "--format", "json"))
    lines += records.compare_generations(record, document["rows"])
    lines += verify_samples(record, target)
    lines += verify_status(subject, target)
    fail_with(lines)


def verify_gc(record, target):
    rows = complete(support.inspect("gc", target, "--format", "json"))["rows"]
    if len(rows) != 1:
        return ["gc: %d interpreters" % len(rows)]
    return records.compare_gc(record, rows[0])


def verify_samples(record, target):
    addresses = ["0x%x" % sample.address for sample in record.samples]
    # --no-generation: what is not tracked needs no walk
    document = complete(support.inspect("object", target, *(addresses + ["--format", "json"])))
    lines = records.compare_samples(record, document["rows"])
    for row in document["rows"]:
        have = record.objects.get(int(row["address"], 16))
        if records.generation_number(row["generation"]) != (have.generation if have else None):
            lines.append("object %s: generation said %s" % (row["address"], row["generation"]))
    return lines


def verify_status(subject, target):
    record, interpreter = subject.record, subject.interpreter
    document = support.inspect("status", target, "--format", "json").expect(0).json()
    said = {}
    for row in document["rows"]:
        said.setdefault(row["item"], row["value"])
    wanted = [("objects", len(record.objects) + record.unlisted_permanent), ("sizes_basic", record.python_sized),
              ("collecting", False), ("version", interpreter.version), ("complete", True),
              ("pid", record.header["pid"])]
    lines = ["status: %s is %r, said %r" % (name, value, said.get(name)) for name, value in wanted
             if said.get(name) != value]
    if ("debug" in str(said.get("build"))) != interpreter.debug:
        lines.append("status: the build is %s, said %s" % ("debug" if interpreter.debug else "release", said.get("build")))
    if not said.get("layout"):
        lines.append("status: does not say where the layout is from")
    return lines


def verify_csv(subject, target):
    """CSV has the same rows, and filters and limits do what they say."""
    record = subject.record
    text = support.inspect("objects", target, "--tracked", "--format", "csv").expect(0).output
    fail_with(records.compare_objects(record, csv.DictReader(io.StringIO(text, newline="")), written=records.one_line))
    rows = support.inspect("objects", target, "--type", "dict", "--generation", "2", "--format", "jsonl").expect(0).lines()
    wanted = {address for address, have in record.objects.items() if have.type == "dict" and have.generation == 2}
    if {int(row["address"], 16) for row in rows} != wanted:
        raise Failure("objects --type dict --generation 2: %d objects, said %d" % (len(wanted), len(rows)))


def verify_gdb(subject, *arguments):
    """The commands inside gdb say the same."""
    record = subject.record
    answer = support.run_gdb(["echo \\n<objects>\\n", "py-inspect objects --tracked --format jsonl", "echo \\n<gc>\\n",
                              "py-inspect gc --format json", "echo \\n<end>\\n"], *arguments)
    parts = answer.output.split("\n<")
    found = {part.split(">\n")[0]: part.split(">\n", 1)[1] for part in parts if ">\n" in part}
    if "end" not in found or "objects" not in found or "incomplete" in answer.messages:
        raise Failure("gdb did not get to the end: %s %s" % (answer.output[-500:], answer.messages[-1500:]))
    try:
        rows = support.json_lines("\n".join(line for line in found["objects"].splitlines() if line.startswith("{")))
        document = json.loads(found["gc"])
    except ValueError as error:
        raise Failure("in gdb: %s: %s %s" % (error, found["gc"][:300], answer.messages[-1500:]))
    fail_with(records.compare_objects(record, rows) + records.compare_gc(record, document["rows"][0]))


def verify(subject, way):
    """One way of looking at one interpreter."""
    if way == "live":
        verify_target(subject, subject.program.pid)
        verify_csv(subject, subject.program.pid)
    elif way == "gdb":
        verify_gdb(subject, "-p", str(subject.program.pid))
    elif way == "gdb-core":
        executable = subject.interpreter.prefix[0] if subject.interpreter.prefix else subject.interpreter.path
        verify_gdb(subject, os.path.realpath(executable), subject.core("gcore"))
    else:
        verify_target(subject, subject.core(way))


def heap_options(interpreter, number, size):
    """Different interpreters get different heaps, so that each kind is there."""
    options = ["--objects", str(size)]
    if number % 3 == 1:
        options.append("--freeze")
    if number % 2 == 1:
        options.append("--enabled")
    if number % 4 == 2:
        options += ["--threads", "9"]
    return options


def examine(results, interpreter, ways, options):
    """All ways of looking at one interpreter."""
    with support.Folder() as folder:
        try:
            with Subject(interpreter, folder, options) as subject:
                name = "%s %%s %s" % (interpreter.name, " ".join(options))
                if not results.run(name % "oracle", verify_oracle, subject):
                    return
                for way in sorted(ways, key=lambda each: ("live", "gdb", "gcore", "gdb-core", "kernel").index(each)):
                    results.run(name % way, verify, subject, way)
        except (Failure, Skip) as error:
            results.fail(interpreter.name, error)


def plan(numbered, full):
    """(interpreter, ways, heap options) for each (number, interpreter)."""
    large = {"pyenv": 1, "system": 1, "debian": 1, "other": 9}  # how many of each origin get a large heap in `check`
    for number, interpreter in numbered:
        if full:
            yield interpreter, WAYS, heap_options(interpreter, number, 200000)
            continue
        big = large[interpreter.origin] > 0 and not interpreter.debug
        large[interpreter.origin] -= big
        ways = [("live", "gcore", "kernel")[number % 3]] + (["gdb", "gdb-core"] if number % 8 == 0 else [])
        yield interpreter, ways, heap_options(interpreter, number, 200000 if big else 30000)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--how", action="append", choices=WAYS, help="only this way of looking")
    parser.add_argument("--objects", type=int, help="how many objects the heaps have")
    options = parser.parse_args()
    results = Results(options.verbose)
    for interpreter, ways, heap in plan(interpreters.chosen(options, results), options.size == "check-full"):
        if options.objects:
            heap[1] = str(options.objects)
        examine(results, interpreter, options.how or ways, heap)
    results.finish()


if __name__ == "__main__":
    main()
