#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guard of the hot paths: how many instructions each object takes, which does not depend on how busy the machine is.

    tests/speed/test_instructions.py [--record]

Runs verbs under valgrind (callgrind), by one thread, on cores of two sizes of the same heap: of a CPython process
(bench/heap.py) and of the reference collector (bench/refgc/scale.c). The difference is what the objects in between take; the
smaller one shows the start, too. Counted are instructions of libinspect itself, since other libraries choose theirs by the
processor, and calls of other libraries' functions. None may be a tenth more than is recorded in tests/speed/instructions.txt,
for this compiler, its optimisation and this CPython; where nothing is recorded it is skipped.

What became better or had to become worse is recorded anew, in a build folder: python3 ../tests/speed/test_instructions.py --record
"""
import argparse
import concurrent.futures
import ctypes
import glob
import json
import os
import platform
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from runner import Results, Skip, check  # noqa: E402
from support import BUILD, PY_INSPECT, SANITIZED, TIMEOUT, TOP, Folder, Program, need  # noqa: E402

PYTHON = "/usr/bin/python3"
RECORDS = os.path.join(HERE, "instructions.txt")
HEADER = """\
# Instructions of libinspect and its calls of other libraries: tests/speed/test_instructions.py --record
# what was built, and by what | heap | verb | instructions an object | calls an object | instructions on the smaller heap
"""
VERBS = (("status",), ("gc",), ("heap",), ("cycles",), ("path", "ADDRESS"), ("objects", "--format", "csv"))
WORSE = 1.10
FEW_INSTRUCTIONS, FEW_CALLS = 0.5, 0.02  # as much may be added to nothing
ADDR_NO_RANDOMIZE = 0x0040000  # personality(2): addresses are the same in each run


# ---- what is counted ----


class Counts:
    """What callgrind wrote to @path: instructions in @own, and calls from there to anything else."""

    def __init__(self, path, own):
        self.own, self.names = own, {}
        self.instructions = self.calls = 0
        inside = called_inside = False
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = iter(file)
            for line in lines:
                if line.startswith("ob="):
                    inside = called_inside = self.is_own(line[3:])
                elif line.startswith("cob="):
                    called_inside = self.is_own(line[4:])
                elif line.startswith("calls="):
                    if inside and not called_inside:
                        self.calls += int(line[6:].split()[0])
                    next(lines)  # what that took is told where it was taken
                    called_inside = inside
                elif inside and line[0] in "0123456789+-*":
                    self.instructions += int(line.split()[1])

    def is_own(self, text):
        """Of "(NUMBER) NAME", where NAME is said the first time only."""
        number, name = re.match(r"(\(\d+\)) ?(.*)$", text).groups()
        return os.path.basename(self.names.setdefault(number, name)) in self.own


def count(folder, core, *command):
    """What `py-inspect COMMAND` takes on @core."""
    path = os.path.join(folder, "%s-%s" % (os.path.basename(core), command[0]))
    one_core = {min(os.sched_getaffinity(0))}
    run = subprocess.run(["valgrind", "-q", "--tool=callgrind", "--dump-line=no", "--callgrind-out-file=" + path, PY_INSPECT,
                          command[0], core, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, timeout=TIMEOUT, check=False, preexec_fn=lambda: os.sched_setaffinity(0, one_core))
    check(run.returncode == 0, "%s: exit status %d: %s", " ".join(command), run.returncode,
          run.stderr.decode("utf-8", "replace")[-1000:])
    return Counts(path, (os.path.basename(PY_INSPECT), os.path.basename(os.path.realpath(PY_INSPECT))))


class Measured:
    """Of one verb on one heap: the line between two sizes."""

    def __init__(self, sizes, counts):
        (few, many), (less, more) = sizes, counts
        self.instructions = (more.instructions - less.instructions) / (many - few)
        self.calls = (more.calls - less.calls) / (many - few)
        self.smaller = less.instructions


# ---- heaps ----


class PythonHeaps:
    """Cores of bench/heap.py: 20,000 and 60,000 objects in all."""

    name, sizes = "CPython", (1000, 20000)

    def __init__(self, folder):
        need("gdb"), need(PYTHON)
        self.name = "CPython " + re.search(r"\d+\.\d+", subprocess.check_output([PYTHON, "--version"], text=True)).group()
        self.cores = [self.make(folder, size) for size in self.sizes]

    @staticmethod
    def make(folder, size):
        """(core, its objects, the address of one)."""
        # No site, no environment: the same interpreter has the same objects everywhere.
        command = [PYTHON, "-S", "-s", "-B", os.path.join(TOP, "bench", "heap.py"), str(size)]
        program = Program(command, {"PYTHONHASHSEED": "0"}, folder, stdin=subprocess.PIPE)
        try:
            program.process.stdout.readline()
            program.process.stdin.write(b"collect\nlitter %d\ndeep\n" % (size // 20))
            program.process.stdin.flush()
            address = [program.process.stdout.readline() for _ in range(3)][-1].decode().strip()
            return program.gcore(os.path.join(folder, "cpython-%d" % size)), address
        finally:
            program.process.stdin.close()
            program.__exit__()


class ReferenceHeaps:
    """Cores of refgc-scale: of some shapes, and a large cycle of garbage."""

    name, sizes = "refgc", (20000, 60000)

    def __init__(self, folder):
        self.cores = [self.make(os.path.join(folder, "refgc-%d" % size), size) for size in self.sizes]

    @staticmethod
    def make(folder, size):
        os.mkdir(folder)
        core = folder + ".core"
        process = subprocess.Popen([os.path.join(BUILD, "refgc-scale"), str(size), folder, "--hold"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        pid = int(process.stdout.readline())
        subprocess.run([need("gcore"), "-o", core, str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        messages = process.communicate(b"\n")[1]
        check(process.returncode == 0 and glob.glob(core + "*"), "refgc-scale: exit status %s: %s", process.returncode, messages)
        with open(os.path.join(folder, "truth.json"), encoding="ascii") as file:
            return glob.glob(core + "*")[0], hex(json.load(file)["target"])


def objects_of(core):
    """How many there are in all."""
    said = subprocess.run([PY_INSPECT, "heap", core, "--format", "json"], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(said)["total"]["count"]


# ---- records ----


def what_was_built():
    """The compiler, its major version, the machine, and what was asked of it: counts of one say nothing of another."""
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
        found = dict(re.findall("^(CC|CFLAGS) = (.*)$", file.read(), re.MULTILINE))
    version = subprocess.run(found["CC"].split() + ["-dumpversion"], stdout=subprocess.PIPE, text=True, check=True).stdout
    wanted = " ".join(re.findall(r"-(?:O\S*|m\S+|flto\S*|fprofile\S*)", found["CFLAGS"]))
    return "%s %s %s %s" % (os.path.basename(found["CC"].split()[0]), version.partition(".")[0].strip(), platform.machine(), wanted)


def read_records():
    """Numbers by (what was built, heap, verb)."""
    records = {}
    with open(RECORDS, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                *key, instructions, calls, smaller = (word.strip() for word in line.split("|"))
                records[tuple(key)] = float(instructions), float(calls), int(smaller)
    return records


def write_records(records):
    with open(RECORDS, "w", encoding="utf-8") as file:
        file.write(HEADER)
        for key, numbers in sorted(records.items()):
            file.write(" | ".join(key + ("%.2f" % numbers[0], "%.4f" % numbers[1], "%d" % numbers[2])) + "\n")


def compare(measured, record):
    """Says what was counted; fails where it is more than a tenth above the record."""
    told = []
    for what, now, before, few in (("%.1f instructions an object", measured.instructions, record[0], FEW_INSTRUCTIONS),
                                   ("%.2f calls an object", measured.calls, record[1], FEW_CALLS),
                                   ("%d instructions on the smaller heap", measured.smaller, record[2], 1)):
        told.append((what + " (%+.1f %%)") % (now, 100 * (now - before) / max(before, few)))
        check(now <= max(before * WORSE, before + few), "%s: more than a tenth worse than recorded. If that has to be, record it anew: "
              "%s --record", told[-1], os.path.relpath(__file__))
    better = measured.instructions * WORSE < record[0]
    return ", ".join(told) + (": better by more than a tenth, so record it" if better else "")


def run_heap(results, heaps, folder, records, record):
    """All verbs, on all cores of this machine at once."""
    key = what_was_built(), heaps.name
    if not record and not any(known[:2] == key for known in records):
        for verb in VERBS:
            results.skip("instructions: %s, %s" % (heaps.name, verb[0]),
                         "nothing is recorded for %s; `%s --record` does it" % (" and ".join(key), os.path.relpath(__file__)))
        return
    sizes = [objects_of(core) for core, _ in heaps.cores]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        counting = {verb: [pool.submit(count, folder, core, *(address if word == "ADDRESS" else word for word in verb))
                           for core, address in heaps.cores] for verb in VERBS}

        def judge(verb):
            measured = Measured(sizes, [each.result() for each in counting[verb]])
            if record:
                records[key + verb[:1]] = measured.instructions, measured.calls, measured.smaller
            return compare(measured, records[key + verb[:1]])

        for verb in VERBS:
            results.run("instructions: %s, %s" % (heaps.name, verb[0]), judge, verb)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", action="store_true", help="record what is counted now")
    options = parser.parse_args()
    results = Results(verbose=True)
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)  # for all that is started from here
    records = read_records()
    with Folder() as folder:
        for kind in (ReferenceHeaps, PythonHeaps):
            try:
                if SANITIZED:
                    raise Skip("a sanitizer has instructions of its own")
                need("valgrind")
                heaps = kind(folder)
            except Skip as reason:
                results.skip("instructions: " + kind.name, reason)
                continue
            run_heap(results, heaps, folder, records, options.record)
    if options.record:
        write_records(records)
    results.finish()


if __name__ == "__main__":
    main()
