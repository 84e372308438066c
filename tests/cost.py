#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an answer costs: memory per object and system calls, on heaps of two sizes.

    tests/cost.py [check | check-full]

The limits are the design's: less than 40 bytes per object beyond the mapped core, at its peak, with all references
(8 more to find garbage), and 12 where objects are only counted; no system call for an object. Memory is measured by refusing it: RLIMIT_DATA counts private writable memory and not the mapped core.
"""
import os
import re
import resource
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import support  # noqa: E402
from runner import Results, Skip, check  # noqa: E402

FEW = 10000
MANY = {"check": 300000, "check-full": 2000000}
# heap keeps some bits for each word of memory with objects; cycles has edges only of what roots do not hold: here nothing
BYTES_PER_OBJECT = {("heap",): 12, ("cycles",): 24}
BYTES_PER_OBJECT_OF_OTHERS = 40
MIB = 1 << 20
# What py-inspect and its libraries take for a heap of no objects at all; a limit of this and no more must fail for MANY.
BASE = 8 * MIB
BASES = {("heap",): 4 * MIB, ("cycles",): 5 * MIB}
VERBS = (("heap",), ("heap", "--tracked"), ("objects", "--format", "csv"), ("generations",),
         ("roots", "--limit", "1"),  # makes the graph
         ("cycles",))


def core_of(count, path, folder):
    """A core of a process with @count objects at @path."""
    command = ["/usr/bin/python3", os.path.join(support.PROGRAMS, "many.py"), str(count)]
    with support.Program(command, folder=folder) as program:
        return program.gcore(path)


def run_with_limit(arguments, limit):
    """How py-inspect ends with at most @limit bytes of memory of its own, and no temporary files instead."""
    if support.SANITIZED:
        raise Skip("a sanitizer reserves more memory than the limit")
    return support.inspect(*arguments, "--temporary-directory=",
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))


def memory(verb, core, count):
    """@verb is answered within the limit for @count objects, and not within the base alone."""
    limit = BASES.get(verb, BASE) + BYTES_PER_OBJECT.get(verb, BYTES_PER_OBJECT_OF_OTHERS) * count
    run_with_limit(verb + (core,), limit).expect(0)
    short = run_with_limit(verb + (core,), BASES.get(verb, BASE))
    check(short.status != 0, "%d objects fit into the base: the test measures nothing", count)
    check("memory" in short.messages, "without memory it says only: %s", short.messages)


def on_one_core():
    """How often threads wait for each other is a matter of what else runs."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def counting(core):
    """The beginning of a command whose system calls are to be counted; sums(@core) has them then."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    if support.SANITIZED:
        raise Skip("a sanitizer makes system calls of its own")
    return ["strace", "-f", "-c", "-o", core + ".calls"]


def sums(core):
    """The numbers of system calls by name, and "total"."""
    with open(core + ".calls", encoding="utf-8") as file:
        return {name: int(calls) for calls, name in
                re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$", file.read(), re.MULTILINE)}


def count_calls(verb, core):
    """The number of system calls that @verb makes."""
    run = subprocess.run([*counting(core), support.PY_INSPECT, *verb, core], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, check=False, preexec_fn=on_one_core)
    if run.returncode != 0:
        raise Skip("strace does not work here: %s" % run.stderr.decode("utf-8", "replace")[-200:])
    return sums(core)


def count_calls_in_gdb(commands, core):
    """The number of system calls that gdb makes with @core open, and for @commands."""
    support.need("strace")
    answer = support.run_gdb(commands, "-core", core, under=counting(core), preexec_fn=on_one_core)
    if answer.status != 0:
        raise Skip("strace does not work with gdb here: %s" % answer)
    for command in commands:
        check("error" not in answer.messages.lower() and len(answer.output) > 200, "no answer to %s: %s", command, answer)
    return sums(core)


def calls_in_gdb(small, large):
    """In gdb, too, the heap is read from the core itself: what the first verb adds to gdb's own system calls does not grow with
    the heap, and a second one finds all that the first has found."""
    def added(commands, core):
        return count_calls_in_gdb(commands, core)["total"] - count_calls_in_gdb([], core)["total"]

    few, many = added(["py-inspect heap"], small), added(["py-inspect heap"], large)
    check(few > 100, "strace counted nothing: %d", few)
    check(many <= few + 300, "%d system calls more for the small heap, %d for the large one", few, many)
    twice = added(["py-inspect heap"] * 2, large)
    check(twice <= many + 60, "%d system calls for one verb, %d for two", many, twice)
    return "%d, %d, twice %d" % (few, many, twice)


def calls(verb, small, large):
    """The larger heap takes no more system calls, but for the few that ask for memory, wait and write the output."""
    by_size = ("total", "write", "mmap", "munmap", "mremap", "brk", "madvise", "mprotect", "futex")
    few, many = count_calls(verb, small), count_calls(verb, large)
    check("total" in few and few["total"] > 20, "strace counted nothing: %s", few)
    for name in set(many) - set(by_size):
        check(many[name] <= few.get(name, 0) + 16, "%s: %d calls for the small heap, %d for the large one",
              name, few.get(name, 0), many[name])
    for name in set(many) & set(by_size) - {"total", "write"}:
        check(many[name] <= few.get(name, 0) + 200, "%s: %d calls for the small heap, %d for the large one",
              name, few.get(name, 0), many[name])


def complete(core, count):
    """The heaps that are measured are read to the end."""
    document = support.inspect("heap", core, "--format", "json").expect(0).json()
    objects = sum(row["count"] for row in document["rows"] if row["type"] == "list")
    check(objects >= count, "only %d lists of %d are there", objects, count)


def main():
    size = sys.argv[1] if len(sys.argv) > 1 else "check"
    count = MANY[size]
    results = Results()
    support.use_two_cores()
    with support.Folder() as folder:
        small = core_of(FEW, os.path.join(folder, "small"), folder)
        large = core_of(count, os.path.join(folder, "large"), folder)
        results.run("cost: the heap is complete", complete, large, count)
        for verb in VERBS:
            results.run("cost: memory of %s" % " ".join(verb), memory, verb, large, count)
            results.run("cost: system calls of %s" % " ".join(verb), calls, verb, small, large)
        results.run("cost: system calls of heap in gdb", calls_in_gdb, small, large)
    results.finish()


if __name__ == "__main__":
    main()
