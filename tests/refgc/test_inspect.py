#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libinspect reads a refgc from outside, live and from cores, and says what refgc's own records say: of every object.

    tests/refgc/test_inspect.py [check | check-full] [--programs N] [--only WORD]...

Random programs of a fixed seed (doc/refgc-programs.md), each with a checkpoint somewhere in it and one at its end.
Compared are all objects with type, size, reference count, generation and flags, all references with their labels,
the roots, the state of the collector and the values; everything must be equal.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), HERE, os.path.join(TOP, "fixtures", "programs")]

import generate  # noqa: E402
import support  # noqa: E402
from inspected import Through, inspected, look_at, recorded  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import BUILD, Folder, Program, SANITIZED  # noqa: E402

SEED = "inspect"
BATCH = 100  # programs in one process
SUBJECT = "refgc-pie" if SANITIZED else "refgc"  # one with ASan writes no cores, and has terabytes of memory
GO, WAIT, ABORT = "checkpoint go", "checkpoint wait", "checkpoint abort"
BOUND = ("make", "root", "weakref", "chain")


# ---- programs --------------------------------------------------------------------------------------

# What is rare in random programs: garbage that alone holds older instances, one with a finalizer and one whose weak reference
# alone holds its callback. The first lines belong at the beginning.
OLD_HELD_BY_YOUNG = ["""make instance h1
finalizer h1 record
weakref h2 h1 callback
make instance h3
make cell h4
make tuple h5 h4
make closure h6 h5
weakref h7 h3 call h6
drop h4 h5 h6
collect 0""", """make list h8 h1 h3
link h8 h8
drop h1 h3 h8"""]

# A finalizer of the old kind, and a finalizer and a callback behind it, which only garbage holds, and the same in a cycle; and
# weak references to one more piece of garbage, one of them kept by that cycle.
LEGACY = """make instance g1
legacy g1
make instance g2
finalizer g2 record
weakref g3 g2 callback
link g1 g2 a0
make list g4 g1
link g4 g4
make instance g5
finalizer g5 record
weakref g6 g5 callback
weakref g7 g5 callback
weakref g8 g5 callback
make instance g9
legacy g9
link g9 g5 a0
link g9 g9 a1
link g9 g8 a2
make instance g10
link g10 g10 a0
finalizer g10 record
weakref g11 g10 callback
weakref g12 g10 callback
weakref g13 g10 callback
link g9 g12 a3
drop g1 g2 g4 g5 g8 g9 g10 g12"""


def program(index, middle, last):
    """A random program with the checkpoint @middle at a random place (in every other one before a collection, of which
    the last is left out then) and @last before its end; two in ten have an object that never dies, two in ten one with a
    finalizer of the old kind, one in ten has callbacks of the collector, and two in ten end with what is rare."""
    kind = "large" if index % 500 == 499 else "any"
    chance = random.Random("%s %d" % (SEED, index))
    lines = [line for line in generate.program(SEED, index, kind).splitlines()[1:-1]
             if line and not line.startswith("checkpoint")]
    places = [i for i, line in enumerate(lines) if line.split()[0] in BOUND]
    if index % 10 < 2 and places:
        place = chance.choice(places)
        words = lines[place].split()
        name = words[1] if words[0] in ("root", "weakref") else words[2]
        lines.insert(chance.randint(place + 1, len(lines)), "immortal " + name)
    instances = [i for i, line in enumerate(lines) if line.startswith("make instance ")]
    if index % 10 in (3, 4) and instances:
        place = chance.choice(instances)
        lines.insert(place + 1, "legacy " + lines[place].split()[2])
    if index % 10 == 4:
        lines += LEGACY.splitlines()
    if index % 10 == 5:
        lines.insert(0, "callbacks on")
    if index % 10 == 6:
        lines = OLD_HELD_BY_YOUNG[0].splitlines() + lines + OLD_HELD_BY_YOUNG[1].splitlines()
    collects = [i for i, line in enumerate(lines) if line.startswith("collect ")]
    if index % 2 and collects:  # there is garbage before collections
        lines.insert(chance.choice(collects), middle)
        if lines[-1].startswith("collect "):
            lines.pop()
    else:
        lines.insert(chance.randint(0, len(lines)), middle)
    return "\n".join(["program inspect-%d" % index] + lines + [last, "end"]) + "\n"


def refgc_path(variant=SUBJECT):
    path = os.path.join(BUILD, variant)
    if not os.path.exists(path):
        raise Skip("there is no %s" % path)
    return path


# ---- comparison ------------------------------------------------------------------------------------

def difference_of(want, have):
    """Some of what is in one and not in the other."""
    if isinstance(want, dict):
        keys = [key for key in {**want, **have} if want.get(key) != have.get(key)]
        return "%d differ: %s" % (len(keys), "; ".join(
            "%s: recorded %s, said %s" % (key, want.get(key), have.get(key)) for key in keys[:4]))
    return "recorded %s, said %s" % (want, have)


def counts(heap):
    """How often each object is referred to."""
    result = collections.Counter()
    for (_, to, _, _), count in heap.references.items():
        result[to] += count
    for (address, _), count in heap.roots.items():
        result[address] += count
    return result


class Tally:
    """How much was compared."""

    def __init__(self):
        self.checkpoints = self.objects = self.references = self.hidden = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self):
        return "%d checkpoints, %d objects, %d references equal; %d objects that nothing leads to" % (
            self.checkpoints, self.objects, self.references, self.hidden)


def compare(target, path, tally, look_at=look_at):
    """Compares what libinspect says of @target, a process or a core, with the record at @path."""
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    want, hidden = recorded(record)
    with look_at(target) as ask:
        have = inspected(ask)
    where = os.path.basename(path)
    for member in want._fields:
        check(getattr(want, member) == getattr(have, member), "%s: %s: %s", where, member,
              difference_of(getattr(want, member), getattr(have, member)))
    check_counts(have, where)
    check_hidden(hidden, record, where)
    tally.checkpoints += 1
    tally.objects += len(have.objects)
    tally.references += sum(have.references.values())
    tally.hidden += len(hidden)


# What is compared at checkpoints: a function like compare(), the class of its tally, the options that the record needs.
Comparison = collections.namedtuple("Comparison", "compare tally options")
EVERYTHING = Comparison(compare, Tally, ())


def check_counts(heap, where):
    """By what libinspect says alone: an object's reference count is the number of references to it."""
    found = counts(heap)
    for address, (kind, _, refcount, immortal, _, _) in heap.objects.items():
        check(immortal or refcount == found[address], "%s: the %s at %s has the count %s, and %d references", where, kind,
              address, refcount, found[address])
    check(set(found) <= set(heap.objects), "%s: a reference leads to no object", where)


def check_hidden(hidden, record, where):
    """Objects that no list, root or other object leads to are those that should be dead and cannot die: made immortal,
    or held by such an object, or by a cycle of tuples that were taken out of the collector's sight for good."""
    addresses = {each["address"] for each in hidden}
    held = {each["to"] for each in record["references"] if each["from"] in addresses}
    for each in hidden:
        check(each["immortal"] or each["address"] in held, "%s: nothing leads to %s, and nothing keeps it", where, each)
        check(not each["tracked"], "%s: %s is tracked", where, each)


# ---- live ------------------------------------------------------------------------------------------

def environment():
    """With pools, as users have it."""
    return {key: value for key, value in os.environ.items() if key != "REFGC_WITHOUT_POOLS"}


def live_batch(variant, first, count, comparison):
    """Programs of one process, looked at while it waits."""
    tally = comparison.tally()
    with Folder() as folder:
        source = os.path.join(folder, "programs.txt")
        with open(source, "w", encoding="utf-8") as file:
            file.write("".join(program(index, WAIT, WAIT) for index in range(first, first + count)))
        process = subprocess.Popen([refgc_path(variant), "--records", folder, *comparison.options, source],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        try:
            for line in process.stdout:
                report = json.loads(line)
                if report["op"] == WAIT:
                    path = os.path.join(folder, "%s-%d.json" % (report["program"], report["line"]))
                    comparison.compare(process.pid, path, tally)
                    os.unlink(path)
                    os.kill(process.pid, signal.SIGUSR1)
            check(process.wait() == 0, "exit status %d: %s", process.returncode, process.stderr.read()[-500:])
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
    check(tally.checkpoints == 2 * count, "%d of %d checkpoints were seen", tally.checkpoints, 2 * count)
    return tally


def live(count, variant=SUBJECT, first=0, comparison=EVERYTHING):
    """Both cores are busy."""
    tally = comparison.tally()
    began = time.monotonic()
    batches = [(variant, at, min(BATCH, first + count - at), comparison)
               for at in range(first, first + count, BATCH)]
    with concurrent.futures.ProcessPoolExecutor(max_workers=2) as pool:
        for done in pool.map(live_batch, *zip(*batches)):
            tally.add(done)
    return "%d programs, %s (%.0f s)" % (count, tally, time.monotonic() - began)


# ---- cores -----------------------------------------------------------------------------------------

class Stopped(Program):
    """A refgc at the last checkpoint of one program, where it waits or has aborted: with Stopped(...) as program."""

    def __init__(self, variant, index, last, folder, options=()):
        self.text = self.text_of(index, last)
        source = os.path.join(folder, "program.txt")
        with open(source, "w", encoding="utf-8") as file:
            file.write(self.text)
        super().__init__([refgc_path(variant), "--records", folder, *options, source], environment(), folder)
        self.last = last

    @staticmethod
    def text_of(index, last):
        return program(index, GO, last)

    def __enter__(self):
        if self.last == WAIT:
            self.wait_for(b'"op": "checkpoint wait"')
        else:
            self.process.wait(timeout=self.limit)
        return self

    def record(self):
        """The path of the record of that checkpoint."""
        lines = self.text.splitlines()
        return os.path.join(self.folder, "%s-%d.json" % (lines[0].split()[1], len(lines) - 2))

    def kernel_core(self):
        """The path of the core that the kernel has written."""
        cores = [name for name in os.listdir(self.folder) if name == "core" or name.startswith("core.")]
        if len(cores) != 1:
            with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
                raise Skip("the kernel wrote no core here: kernel.core_pattern is %s" % file.read().strip())
        return os.path.join(self.folder, cores[0])


def from_core(variant, index, way, comparison):
    tally = comparison.tally()
    with Folder() as folder, Stopped(variant, index, ABORT if way == "kernel" else WAIT, folder, comparison.options) as stopped:
        core = stopped.kernel_core() if way == "kernel" else stopped.gcore(os.path.join(folder, "core"))
        stopped.__exit__()
        comparison.compare(core, stopped.record(), tally)
    return tally


def cores(count, way, variant=SUBJECT, first=0, comparison=EVERYTHING):
    tally = comparison.tally()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for done in pool.map(lambda index: from_core(variant, index, way, comparison), range(first, first + count)):
            tally.add(done)
    return "%d programs, %s (%.0f s)" % (count, tally, time.monotonic() - began)


def through_a_debugger(count, comparison=EVERYTHING):
    if SANITIZED:
        raise Skip("there is no library for this in a sanitized build")
    tally = comparison.tally()
    for index in range(count):
        with Folder() as folder, Stopped(SUBJECT, index, WAIT, folder, comparison.options) as stopped:
            comparison.compare(stopped.pid, stopped.record(), tally, Through)
    return "%d programs, %s" % (count, tally)


def in_gdb(index):
    """gdb's commands on a process and on its core."""
    if SANITIZED:
        raise Skip("gdb cannot load a sanitized library")
    with Folder() as folder, Stopped(SUBJECT, index, WAIT, folder) as stopped:
        with open(stopped.record(), encoding="utf-8") as file:
            want = recorded(json.load(file))[0]
        core = stopped.gcore(os.path.join(folder, "core"))
        for where in (["-p", str(stopped.pid)], [refgc_path(), core]):
            said = support.run_gdb(["py-inspect objects --format=jsonl", "py-inspect referents --all --format=jsonl"], *where)
            rows = [json.loads(line) for line in said.output.splitlines() if line.startswith("{")]
            have = {row["address"]: (row["type"], row["size"], row["refcount"], row["immortal"], row["generation"],
                                     row["tracked"]) for row in rows if "address" in row}
            references = collections.Counter((row["from"], row["to"], row["label"], row["visited"])
                                             for row in rows if "from" in row)
            check(have == want.objects, "%s: objects: %s: %s", where, difference_of(want.objects, have), said)
            check(references == want.references, "%s: %s", where, difference_of(want.references, references))
    return "%d objects" % len(want.objects)


IN_GDB = ("objects --format=jsonl", "cycles --objects --format=jsonl", "gc --format=jsonl")
COLLECTING = """program collecting
make list keep
burst instance keep 50
make list a
make instance b
link a b
link b a a0
make tuple t a keep
chain dict c 20
link a c
drop a b c t
checkpoint go
collect 2
end
"""


def in_the_middle_of_a_collection():
    """gdb stops a refgc when a collection has set the unreachable apart: they are found on its stack."""
    with Folder() as folder:
        source, core = os.path.join(folder, "program.txt"), os.path.join(folder, "core")
        with open(source, "w", encoding="utf-8") as file:
            file.write(COLLECTING)
        said = support.run_gdb(["break finalizing_call", "run --records %s %s" % (folder, source), "gcore " + core] +
                               ["py-inspect " + each for each in IN_GDB], refgc_path())
        check(os.path.exists(core), "gdb wrote no core: %s", said)
        with open(os.path.join(folder, "collecting-11.json"), encoding="utf-8") as file:
            record = json.load(file)
        dead = set(record["would_free"])
        check(len(dead) > 20, "there is too little garbage: %s", dead)
        answer = support.inspect("objects", core, "--format=jsonl").expect(0)
        rows = {row["address"]: row for row in answer.lines()}
        want = {each["address"] for each in record["objects"]}
        check(set(rows) == want, "said but not there: %s; there but not said: %s", set(rows) - want, want - set(rows))
        check("collector 0 was in the middle of a collection" in answer.messages, "%s", answer)
        row, = support.inspect("gc", core, "--format=jsonl").expect(0).lines()
        check(row["collecting"] is True, "%s", row)
        apart = {each["address"] for each in record["objects"] if each["tracked"] and each["address"] in dead}
        check({rows[each]["generation"] for each in apart} == {2}, "they are being collected in generation 2")
        unreachable = {row["address"] for row in support.inspect("cycles", "--objects", core, "--format=jsonl").expect(0).lines()
                       if row["unreachable"]}
        check(unreachable == apart, "unreachable: said %s, recorded %s", unreachable, apart)
        if not SANITIZED:  # gdb cannot load a sanitized library
            shell = [line for each in IN_GDB for line in support.inspect(*each.split() + [core]).expect(0).output.splitlines()]
            in_gdb_too = [line for line in said.output.splitlines() if line.startswith("{")]
            check(sorted(in_gdb_too) == sorted(shell), "gdb: %s", said)
        look, = support.inspect("object", core, apart.pop(), "--no-generation", "--format=jsonl").expect(0).lines()
        check(look["gc_flags"] == "collecting" and look["tracked"], "%s", look)
        return "%d objects, %d set apart" % (len(rows), len(apart) + 1)


def without_the_program():
    """A core whose program is gone, and one that has it elsewhere."""
    with Folder() as folder:
        path = os.path.join(folder, "program")
        shutil.copy(refgc_path(), path)
        with Stopped(path, 0, ABORT, folder) as stopped:
            core, record = stopped.kernel_core(), stopped.record()
        elsewhere = os.path.join(folder, "sysroot" + folder)
        os.makedirs(elsewhere)
        os.rename(path, os.path.join(elsewhere, "program"))
        for verb in ("heap", "objects", "status"):
            answer = support.inspect(verb, core).expect(3)
            check(path in answer.messages and "--sysroot" in answer.messages, "%s", answer)
        with open(record, encoding="utf-8") as file:
            want = set(recorded(json.load(file))[0].objects)
        for option in ("--sysroot=" + os.path.join(folder, "sysroot"), "--executable=" + os.path.join(elsewhere, "program")):
            have = {row["address"] for row in support.inspect("objects", core, option, "--format=jsonl").expect(0).lines()}
            check(have == want, "%s: said %s, recorded %s", option, have, want)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    parser.add_argument("--programs", type=int, help="how many are run live; the others in proportion")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests with this word in their names")
    options = parser.parse_args()
    count = options.programs or (20 if SANITIZED else 100000 if options.size == "check-full" else 6000)
    results = Results(verbose=True)
    tests = [("live", live, count),
             ("kernel's cores", cores, max(count // 50, 3), "kernel"),
             ("gcore's cores", cores, max(count // 500, 2), "gcore"),
             ("through a debugger", through_a_debugger, max(count // 500, 2)),
             ("in gdb", in_gdb, 0),
             ("in the middle of a collection", in_the_middle_of_a_collection),
             ("without the program", without_the_program)]
    for variant in ("refgc-plain", "refgc-static"):
        tests += [("live: " + variant, live, max(count // 50, 10), variant),
                  ("kernel's cores: " + variant, cores, max(count // 500, 2), "kernel", variant),
                  ("gcore's cores: " + variant, cores, max(count // 1000, 2), "gcore", variant)]
    for name, function, *arguments in tests:
        if not options.only or any(word in name for word in options.only):
            results.run(name, function, *arguments)
    results.finish()


if __name__ == "__main__":
    main()
