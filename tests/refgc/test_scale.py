#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Heaps of very many objects: what `heap`, `cycles` and `path` say of a core, and what refgc knows.

    tests/refgc/test_scale.py [check | check-full] [--objects N] [--heap FOLDER] [--only WORD] [--measure] [--max-memory SIZE]

refgc-scale (bench/refgc/scale.c) makes a heap of N objects, and a core of it by the kernel (where that is not possible, by
gcore). Then it is gone. What it found out about the heap by walking over it and by collecting it must be what is
answered: each type's objects and bytes, the address of every object that a collection finds and frees, the one way
along a chain through the whole heap, and how far another object is from the roots.

With --measure it says what that took: seconds, the peaks of anonymous memory and of pages of files, and both for each
object; with --max-memory the answers get no more memory than that. `make bench-scale objects=200000000` does it: for that, memory and disk of about 55 bytes an object are needed.
"""
import argparse
import array
import csv
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

from runner import Failure, Results, Skip, check  # noqa: E402
from support import BUILD, GDB, GDB_OPTIONS, PY_INSPECT, SANITIZED  # noqa: E402

OBJECTS = {"check": 200000, "check-full": 3000000}
BYTES_PER_OBJECT = 55   # of the process, and of its core
# What refgc's structures are: fixtures/refgc/list.c, tuple.h, atoms.c
LIST_ITEMS, LIST_COUNT, TUPLE_COUNT, TUPLE_ITEMS = 16, 24, 16, 24


# ---- the heap ---------------------------------------------------------------------------------------------

class Heap:
    """A heap in FOLDER: its core, and what is true of it."""

    def __init__(self, folder, objects):
        self.folder, self.core, self.messages = folder, os.path.join(folder, "core"), ""
        if not os.path.exists(os.path.join(folder, "truth.json")):
            self.make(objects)
        with open(os.path.join(folder, "truth.json"), encoding="ascii") as file:
            self.truth = json.load(file)
        self.garbage, self.freed, self.chain = (self.addresses(name) for name in ("garbage", "freed", "chain"))

    def make(self, objects):
        with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
            pattern = file.read().strip()
        by_kernel = not pattern.startswith("|") and "/" not in pattern
        command = [os.path.join(BUILD, "refgc-scale"), str(objects), self.folder] + ([] if by_kernel else ["--hold"])
        before = set(os.listdir(self.folder))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            if not by_kernel:
                subprocess.run(GDB + GDB_OPTIONS + ["-p", process.stdout.readline().decode().strip(), "-ex",
                                                    "gcore " + self.core], stdout=subprocess.DEVNULL, check=True)
                process.stdin.write(b"\n")
            self.messages = process.communicate()[1].decode()
        check(process.returncode == 0, "refgc-scale ended with %s: %s", process.returncode, self.messages)
        if by_kernel:
            core, = set(os.listdir(self.folder)) - before - {"truth.json", "garbage", "freed", "chain"}
            os.rename(os.path.join(self.folder, core), self.core)

    def addresses(self, name):
        numbers = array.array("Q")
        with open(os.path.join(self.folder, name), "rb") as file:
            numbers.frombytes(file.read())
        return numbers


class Memory:
    """The words of a core, whatever its size."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start, = struct.unpack_from("<Q", self.bytes, 0x20)
        count, = struct.unpack_from("<H", self.bytes, 0x38)
        headers = [struct.unpack_from("<IIQQQQQQ", self.bytes, start + 56 * i) for i in range(count)]
        self.loads = [(address, offset, size) for kind, _, offset, address, _, size, _, _ in headers if kind == 1]

    def words(self, address, count):
        for start, offset, size in self.loads:
            if start <= address and address + 8 * count <= start + size:
                return struct.unpack_from("<%dQ" % count, self.bytes, address - start + offset)
        raise Failure("the core has nothing at 0x%x" % address)

    def references(self, address, kind):
        """What the list or tuple at @address holds."""
        if kind == "tuple":
            return self.words(address + TUPLE_ITEMS, self.words(address + TUPLE_COUNT, 1)[0])
        check(kind == "list", "nobody said what is in a %s", kind)
        return self.words(self.words(address + LIST_ITEMS, 1)[0], self.words(address + LIST_COUNT, 1)[0])


# ---- answers ----------------------------------------------------------------------------------------------

class Answers:
    """What py-inspect says of a heap, and what it takes for that."""

    def __init__(self, heap, measure, *options):
        self.heap, self.measure, self.options = heap, measure, options

    def ask(self, verb, *arguments):
        """The path of its output."""
        output = os.path.join(self.heap.folder, "output")
        with open(output, "wb") as file, tempfile.TemporaryFile() as messages:
            began, processor, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN), {}
            command = [PY_INSPECT, verb, self.heap.core, *map(str, arguments), *self.options]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=messages) as process:
                while process.poll() is None:
                    note_memory(process.pid, peak)
                    time.sleep(0.01)
            seconds = time.monotonic() - began
            messages.seek(0)
            check(process.returncode == 0, "%s: %d: %s", command, process.returncode, messages.read()[-1000:])
        if self.measure:
            self.say(" ".join([verb] + [str(each) for each in arguments if not str(each).startswith(("0x", "--format"))]),
                     seconds, processor_seconds(processor), peak)
        return output

    def say(self, what, seconds, processor, peak):
        count = self.heap.truth["objects"]
        anonymous, files = peak.get("RssAnon", 0), peak.get("RssFile", 0) + peak.get("RssShmem", 0)
        print("%-20s %6.1f s %6.1f ns an object, %6.1f s of the processor, anonymous %6.2f GB %5.1f bytes an object, files %6.2f GB" %
              (what, seconds, seconds / count * 1e9, processor, anonymous / 1e9, anonymous / count, files / 1e9), flush=True)


def processor_seconds(before):
    """What processes that have ended since took."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime - before.ru_utime + now.ru_stime - before.ru_stime


def note_memory(pid, peak):
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as file:
            for line in file:
                if line.startswith(("RssAnon", "RssFile", "RssShmem")):
                    name, amount = line.split()[:2]
                    peak[name[:-1]] = max(peak.get(name[:-1], 0), int(amount) * 1024)
    except OSError:
        pass


def verify_heap(heap, answers):
    with open(answers.ask("heap", "--format=json"), encoding="utf-8") as file:
        answer = json.load(file)
    check(answer["complete"] and len(answer["notes"]) <= len(answers.options), "heap: %s", answer["notes"])
    said = {row["type"]: (row["count"], row["bytes"]) for row in answer["rows"]}
    expected = {name: (each["count"], each["bytes"]) for name, each in heap.truth["types"].items()}
    check(said == expected, "heap says %s, and there are %s", said, expected)
    check(answer["total"]["count"] == heap.truth["objects"], "heap says %s objects in all", answer["total"])


def verify_shapes(heap, answers):
    with open(answers.ask("cycles", "--format=json"), encoding="utf-8") as file:
        answer = json.load(file)
    total, freed = answer["total"], len(heap.freed)
    check(answer["complete"] and total["components"] == heap.truth["cycles"], "cycles: %s, not %d", total, heap.truth["cycles"])
    check(total["objects"] + total["held_objects"] == freed, "cycles frees %s objects, not %d", total, freed)


def verify_cycles(heap, answers):
    found, freed = array.array("Q"), array.array("Q")
    with open(answers.ask("cycles", "--objects", "--format=csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            address = int(row["address"], 16)
            freed.append(address)
            if row["unreachable"] == "true":
                found.append(address)
    for what, said, true in (("finds", found, heap.garbage), ("frees", freed, heap.freed)):
        check(len(said) == len(true) and set(said) == set(true),
              "a collection %s %d objects, and cycles says %d, or others", what, len(true), len(said))


def path_of(heap, answers, address):
    """What its path leads through, from the root's object on: addresses and types."""
    with open(answers.ask("path", hex(address), "--steps", "--format=csv"), encoding="utf-8", newline="") as file:
        return [(int(row["address"], 16), row["type"]) for row in csv.DictReader(file)]


def verify_path(heap, answers):
    """A shortest path, each step of which is a reference."""
    path = path_of(heap, answers, heap.truth["target"])
    check(len(path) == heap.truth["distance"] + 1, "the path has %d steps, not %d", len(path), heap.truth["distance"] + 1)
    check(path[-1][0] == heap.truth["target"], "the path leads to 0x%x", path[-1][0])
    memory = Memory(heap.core)
    for (holder, kind), (held, _) in zip(path, path[1:]):
        check(held in memory.references(holder, kind), "0x%x does not refer to 0x%x", holder, held)


def verify_chain(heap, answers):
    """The only way to the end of the chain."""
    said = array.array("Q", (address for address, _ in path_of(heap, answers, heap.chain[-1])))
    check(said == heap.chain, "the path along the chain has %d steps, not %d, or others", len(said), len(heap.chain))


# ---- together ---------------------------------------------------------------------------------------------

def need_room(objects, folder):
    wanted = objects * BYTES_PER_OBJECT
    with open("/proc/meminfo", encoding="ascii") as file:
        available = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
    for what, there in (("memory", available), ("room in " + folder, shutil.disk_usage(folder).free)):
        if there < wanted:
            raise Skip("%d objects take %.1f GB of %s, and there are %.1f GB" % (objects, wanted / 1e9, what, there / 1e9))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=list(OBJECTS), default="check")
    parser.add_argument("--objects", type=int)
    parser.add_argument("--heap", metavar="FOLDER", help="the heap that an earlier run left there, or else leave one there")
    parser.add_argument("--only", metavar="WORD", default="", help="only what has this in its name")
    parser.add_argument("--max-memory", metavar="SIZE", help="of py-inspect")
    parser.add_argument("--measure", action="store_true", help="say what answers take")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    objects = options.objects or OBJECTS[options.size]
    results = Results(options.verbose)
    with tempfile.TemporaryDirectory(prefix="libinspect-") as temporary:
        folder, heap = options.heap or temporary, None

        def make():
            nonlocal heap
            if SANITIZED:
                raise Skip("programs with sanitizers leave no cores")
            if not options.heap:
                need_room(objects, folder)
            heap = Heap(folder, objects)
            check(min(len(heap.garbage), len(heap.chain)) > 0, "there is no garbage, or no chain")
        results.run("a heap", make)
        answers = Answers(heap, options.measure, *(["--max-memory=" + options.max_memory] if options.max_memory else []))
        if heap and options.measure:
            print(heap.messages, end="", flush=True)
        for verify in (verify_heap, verify_shapes, verify_cycles, verify_path, verify_chain) if heap else ():
            if options.only in verify.__name__:
                results.run("%s of %d objects" % (verify.__name__[7:], heap.truth["objects"]), verify, heap, answers)
    return results.finish()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
