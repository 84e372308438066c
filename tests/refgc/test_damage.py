#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cores of refgc in which the heap descriptor, the collector or objects are damaged: a clear message or a full answer,
never a crash, a hang or all of the memory.

    tests/refgc/test_damage.py [check | check-full] [--only WORD]... [--seed N]
"""
import argparse
import json
import os
import random
import resource
import shutil
import struct
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import elf  # noqa: E402
import errors  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import Folder, SANITIZED  # noqa: E402
from test_inspect import ABORT, Stopped, SUBJECT  # noqa: E402

TEXT = """program damage
make list a
make instance b
make dict d
make str s text
make tuple t a b s
make set e
link e b
link d a k1
link a b
link b a a1
make cell c a
make closure f c
weakref w b
make instance g
link g g a0
finalizer g record
make instance h
link h h a0
legacy h
weakref w1 g callback
weakref w2 g callback
weakref w3 g callback
drop g h
make module m
link m a k2
burst list a 300
chain dict x 100
burst instance a 100
collect 1
burst set a 50
repeat a b 500
%s
end
"""
VERBS = (["status"], ["objects", "--values"], ["referents", "--all"], ["roots"], ["gc"], ["heap"], ["generations"],
         ["cycles"], ["cycles", "--objects", "--all"], ["finalizers"], ["weakrefs"], ["garbage"], ["verify"],
         ["refcounts", "--objects"])
MEMORY = 2 << 30  # bytes that py-inspect may have
SECONDS = 300  # and what takes longer hangs, on a busy machine, too
RESULT = (0, 1, 3, 4)


class Damaged(Stopped):
    """A refgc with objects of every type, that has aborted."""

    @staticmethod
    def text_of(index, last):
        return TEXT % last


class Core:
    """A core, its record, and where things are in it."""

    def __init__(self, folder):
        with Damaged(SUBJECT, 0, ABORT, folder) as stopped:
            self.path = stopped.kernel_core()
            with open(stopped.record(), encoding="utf-8") as file:
                self.record = json.load(file)
        self.copy = os.path.join(folder, "damaged")
        shutil.copyfile(self.path, self.copy)
        self.elf = elf.Elf(self.path)
        self.note = self.find_note()
        self.table = self.note + 8 + self.signed(self.note + 8)
        self.entries = {}
        for number in range(200):
            at = self.elf.offset(self.table + 48 * number)
            name = bytes(self.elf.data[at:at + 32]).split(b"\0")[0].decode("ascii", "replace")
            if "." not in name:
                break
            self.entries[name] = self.table + 48 * number
        self.collector = self.elf.word(self.value("collectors.first"))

    def find_note(self):
        at = bytes(self.elf.data).index(struct.pack("<III", 9, 24, 1) + b"heapdesc\0")
        for address, offset, size in self.elf.segments():
            if offset <= at < offset + size:
                return address + at - offset + 24
        raise Failure("the note is in no segment of the core")

    def signed(self, address):
        return struct.unpack("<q", struct.pack("<Q", self.elf.word(address)))[0]

    def value(self, name):
        return self.elf.word(self.entries[name] + 40)

    def field(self, name):
        """The address of a field of the collector."""
        return self.collector + self.value(name)

    def objects(self, kind):
        return [int(each["address"], 16) for each in self.record["objects"] if each["type"] == kind]

    def with_damage(self, *changes):
        """Writes each (address, bytes) to the copy; returns what undoes it."""
        undo = []
        with open(self.copy, "r+b", buffering=0) as file:
            for address, block in changes:
                at = self.elf.offset(address)
                check(at is not None, "0x%x is not in the core", address)
                undo.append((at, bytes(self.elf.data[at:at + len(block)])))
                file.seek(at)
                file.write(block)
        return undo

    def repair(self, undo):
        with open(self.copy, "r+b", buffering=0) as file:
            for at, block in reversed(undo):
                file.seek(at)
                file.write(block)


def limit_memory():
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def ask(core, verb, *more):
    answer = support.inspect(verb[0], core.copy, *verb[1:], *more, preexec_fn=limit_memory, timeout=SECONDS * (5 if SANITIZED else 1))
    answer.expect(*RESULT)
    check("out of memory" not in answer.messages, "%s: it wanted more than %d bytes", answer, MEMORY)
    return answer


def word(value):
    return struct.pack("<Q", value & 2**64 - 1)


# ---- damage on purpose -----------------------------------------------------------------------------

CASES = []


def case(name, status, *words):
    """@words: what the message of `objects` says; @status: its exit status. The function returns the changes."""
    def add(function):
        CASES.append((name, status, words, function))
        return function
    return add


@case("the core as it is", 0)
def nothing(core):
    return []


@case("another version of the format", 3, "version 7", "newer libinspect")
def version(core):
    return [(core.note, struct.pack("<I", 7))]


@case("tiny entries", 3, "damaged", "size of an entry is 8")
def tiny_entries(core):
    return [(core.note + 4, struct.pack("<I", 8))]


@case("huge entries", 3, "damaged", "size of an entry")
def huge_entries(core):
    return [(core.note + 4, struct.pack("<I", 1 << 30))]


@case("a table that is elsewhere", 3, "heap descriptor", "cannot be read")
def lost_table(core):
    return [(core.note + 8, word(1 << 40))]


@case("a count that is elsewhere", 3, "how long the heap descriptor", "cannot be read")
def lost_count(core):
    return [(core.note + 16, word(-(1 << 40)))]


@case("a count that is too large", 3, "damaged", "number of entries")
def large_count(core):
    return [(core.note + 16, word(core.table - core.note - 16))]  # the count is some text now


@case("a name that does not end", 3, "damaged", "name is too long")
def endless_name(core):
    return [(core.entries["gc.next"], b"x" * 32)]


@case("a name that is missing", 3, "lacks gc.next")
def missing_name(core):
    return [(core.entries["gc.next"], b"gc.nexx")]


@case("a field that is a number", 3, "damaged", "gc.next is of the kind 1")
def other_kind(core):
    return [(core.entries["gc.next"] + 32, struct.pack("<I", 1))]


@case("a pointer of four bytes", 3, "damaged", "pointer has a width of 4")
def narrow_pointer(core):
    return [(core.entries["object.type"] + 36, struct.pack("<I", 4))]


@case("a number of three bytes", 3, "damaged", "3 bytes")
def odd_width(core):
    return [(core.entries["type.flags"] + 36, struct.pack("<I", 3))]


@case("a number of 100 bytes", 3, "damaged", "number has a width of 100")
def wide_number(core):
    return [(core.entries["object.refcount"] + 36, struct.pack("<I", 100))]


@case("a field far away", 3, "damaged", "object.type")
def far_field(core):
    return [(core.entries["object.type"] + 40, word(-16))]


@case("pointers of another size", 3, "damaged", "pointer's size is 4")
def other_pointers(core):
    return [(core.entries["pointer.size"] + 40, word(4))]


@case("too many generations", 3, "damaged", "number of generations is 100")
def many_generations(core):
    return [(core.entries["collector.generation_count"] + 40, word(100))]


@case("no generations", 3, "damaged", "number of generations is 0")
def no_generations(core):
    return [(core.entries["collector.generation_count"] + 40, word(0))]


@case("a huge head in front of objects", 3, "damaged", "in front of an object")
def huge_head(core):
    return [(core.entries["gc.size"] + 40, word(1 << 60))]


@case("no list of collectors", 3, "list of collectors cannot be read")
def no_collectors(core):
    return [(core.entries["collectors.first"] + 40, word(1 << 45))]


@case("a list of collectors that leads nowhere", 4, "nothing can be read at 0x200000000000")
def lost_collector(core):
    return [(core.field("collector.next"), word(1 << 45))]


@case("collectors in a circle", 4, "list of collectors", "comes back")
def collectors_in_a_circle(core):
    return [(core.field("collector.next"), word(core.collector))]


@case("a list that runs in a circle", 4, "links back")
def circle(core):
    first, second = core.objects("dict")[10:12]
    return [(first - 16, word(second - 16)), (second - 16, word(first - 16))]


@case("a circle that only goes forward", 4, "circle")
def circle_without_prev(core):
    first, second = core.objects("dict")[10:12]
    return [(first - 16, word(second - 16)), (second - 16, word(first - 16)), (core.entries["gc.prev"], b"gc.prex")]


@case("a link to nowhere", 4, "not in the target")
def lost_link(core):
    return [(core.objects("dict")[10] - 16, word(1 << 45))]


@case("an odd link", 4, "no address of an object")
def odd_link(core):
    return [(core.objects("dict")[10] - 16, word(core.objects("dict")[11] - 12))]


@case("an object of no type", 4)
def no_type(core):
    return [(core.objects("dict")[10] + 8, word(0))]


@case("a list with references without end", 4)
def endless_items(core):
    return [(core.objects("list")[0] + 24, word(1 << 61))]


@case("a list as large as the address space", 4)
def endless_block(core):
    return [(core.objects("list")[0] + 32, word(1 << 61))]


@case("references to no address", 4)
def odd_references(core):
    return [(core.objects("cell")[0] + 16, word(0x1001))]


@case("roots without end", 4, "the roots of collector cannot be read")
def endless_roots(core):
    return [(core.field("collector.root_count"), word(1 << 62))]


@case("a root that is no address", 4, "root", "damaged")
def odd_root(core):
    return [(core.elf.word(core.field("collector.roots")) + 8, word(0x1001))]


@case("weak references in a circle", 0)
def circle_of_weakrefs(core):
    weakrefs = core.objects("weakref")[-3:]
    return [(each + 32, word(next)) for each, next in zip(weakrefs, weakrefs[1:] + weakrefs[:1])]


@case("a weak reference to no address, and a next one that is not there", 0)
def lost_weakref(core):
    return [(core.objects("weakref")[-1] + 16, word(0x1001)), (core.objects("weakref")[-2] + 32, word(1 << 45))]


def on_purpose(core, name, status, words, function):
    undo = core.with_damage(*function(core))
    try:
        answers = {verb[0]: ask(core, verb, "--format=jsonl") for verb in VERBS}
        said = answers["roots" if "root" in name else "referents" if "references" in name else "objects"]
        check(said.status == status, "%s: expected exit status %d", said, status)
        errors.expect_message(said, *words)
    finally:
        core.repair(undo)


def shared_arrays(core):
    """Hundreds of lists that share one array of a gibibyte, of which the file needs nothing: it is not looked at over and
    over."""
    size, address = 1 << 30, 1 << 44
    data = bytearray(core.elf.data)
    headers, = struct.unpack_from("<Q", data, 0x20)
    length, count = struct.unpack_from("<HH", data, 0x36)
    table = data[headers:headers + length * count]
    at = (len(data) + 0xfff) & ~0xfff
    table += struct.pack("<IIQQQQQQ", elf.PT_LOAD, 6, at + 0x10000, address, 0, size, size, 0x1000)
    struct.pack_into("<Q", data, 0x20, at)
    struct.pack_into("<H", data, 0x38, count + 1)
    for each in core.objects("list"):
        struct.pack_into("<QQ", data, core.elf.offset(each) + 16, address, size // 8)
    path = core.path + "-shared"
    with open(path, "wb") as file:
        file.write(data)
        file.seek(at)
        file.write(table)
        file.truncate(at + 0x10000 + size)
    try:
        for verb, status in (("objects", RESULT), ("referents", (4,))):
            answer = support.inspect(verb, path, *(["--all"] if verb == "referents" else []), preexec_fn=limit_memory,
                                     timeout=SECONDS * (5 if SANITIZED else 2)).expect(*status)
            check("out of memory" not in answer.messages, "%s", answer)
    finally:
        os.unlink(path)


# ---- damage by chance ------------------------------------------------------------------------------

def by_chance(core, rounds, seed):
    """Half of it hits what the reader looks at: the note, the table, types, the collector, heads and objects."""
    randomness = random.Random(seed)
    addresses = [int(each["address"], 16) for each in core.record["objects"]]
    hot = [core.note + 8 * i for i in range(3)] * 4 + list(core.entries.values()) * 2
    hot += [entry + 40 for entry in core.entries.values()] * 2 + [core.collector + 8 * i for i in range(100)]
    hot += addresses + list({core.elf.word(address + 8) for address in addresses}) * 20
    layouts = {core.elf.word(core.elf.word(address + 8) + core.value("type.layout")) for address in addresses}
    hot += [layout + 8 * i for layout in layouts for i in range(14)] * 3
    hot = [offset for offset in map(core.elf.offset, hot) if offset]
    segments = [segment for segment in core.elf.segments() if segment[1] + 8 < len(core.elf.data)]
    noticed = 0
    with open(core.copy, "r+b", buffering=0) as file:
        for number in range(rounds):
            undo = errors.damage(core.elf.data, segments, hot, randomness, file)
            try:
                verb = VERBS[number % len(VERBS)]
                noticed += ask(core, verb, *(["--format=jsonl"] if number % 2 else [])).status != 0
                sample = ["0x%x" % address for address in randomness.sample(addresses, 10)]
                ask(core, ["object"] + sample)
            except Failure as failure:
                keep = os.path.join(os.environ.get("TMPDIR", "/tmp"), "libinspect-damaged-refgc")
                shutil.copyfile(core.copy, keep)
                raise Failure("round %d of seed %d (core kept as %s): %s" % (number, seed, keep, failure))
            for at, block in reversed(undo):
                file.seek(at)
                file.write(block)
    check(noticed * 10 > rounds, "hardly any damage was noticed (%d times): the test is blunt", noticed)
    return "%d rounds, damage was noticed %d times" % (rounds, noticed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests with this word in their names")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="for the damage by chance")
    options = parser.parse_args()
    print("seed %d" % options.seed)
    results = Results(verbose=True)
    wanted = lambda name: not options.only or any(only in name for only in options.only)
    with Folder() as folder:
        try:
            core = Core(folder)
        except Skip as reason:
            results.skip("damage", reason)
            results.finish()
        for each in CASES:
            if wanted(each[0]):
                results.run(each[0], on_purpose, core, *each)
        if wanted("shared arrays"):
            results.run("shared arrays", shared_arrays, core)
        if wanted("by chance"):
            results.run("by chance", by_chance, core, 5000 if options.size == "check-full" else 400, options.seed)
    results.finish()


if __name__ == "__main__":
    main()
