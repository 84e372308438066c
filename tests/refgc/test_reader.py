#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the heap of a stripped refgc from outside, by doc/heap-descriptor.md alone, and compares it with its records.

    test_reader.py REFGC
"""
import collections
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.path.join(ROOT, "fixtures", "programs")
COUNT = 100
NONE = 2**64 - 1
NUMBER, FIELD, ADDRESS, TEXT = 1, 2, 3, 4
REFERENCE, WEAK, LENGTH, BLOCK, INTEGER, DOUBLE, UTF8, BYTES, SIZE = range(1, 10)
INDIRECT, NAMED, INDEXED = 1, 2, 4


class Memory:
    """A process's memory."""

    def __init__(self, pid):
        self.pid = pid
        self.file = open("/proc/%d/mem" % pid, "rb", buffering=0)

    def read(self, address, size):
        self.file.seek(address)
        return self.file.read(size)

    def word(self, address, width=8, signed=False):
        return int.from_bytes(self.read(address, width), "little", signed=signed)

    def text(self, address):
        result = b""
        while b"\0" not in result:
            result += self.read(address + len(result), 16)
        return result.split(b"\0")[0].decode()

    def bias(self, path):
        """Where the binary at @path, linked to begin at zero, is loaded."""
        with open("/proc/%d/maps" % self.pid) as file:
            return min(int(line.split("-")[0], 16) for line in file if line.rstrip("\n").endswith(path))


def note_of(path):
    """The address, before loading, of the contents of the note in the binary."""
    with open(path, "rb") as file:
        image = file.read()
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, at, address, _, length = struct.unpack_from("<IIQQQQ", image, offset + i * size)
        end = at + length
        while kind == 4 and at + 12 <= end:
            name_size, contents_size, _ = struct.unpack_from("<III", image, at)
            contents = at + 12 + (name_size + 3) // 4 * 4
            if image[at + 12:at + 12 + name_size] == b"heapdesc\0":
                return address + contents - (end - length)
            at = contents + (contents_size + 3) // 4 * 4
    raise ValueError("%s has no such note" % path)


class Reader:
    """The heap of one process."""

    def __init__(self, pid, path):
        self.memory = memory = Memory(pid)
        note = memory.bias(path) + note_of(path)
        version, size = memory.word(note, 4), memory.word(note + 4, 4)
        assert version == 1 and size >= 48, (version, size)
        table = note + 8 + memory.word(note + 8, 8, True)
        count = memory.word(note + 16 + memory.word(note + 16, 8, True))
        self.table = {}
        for i in range(count):
            name, _, width, value = struct.unpack("<32sIIQ", memory.read(table + i * size, 48))
            self.table[name.rstrip(b"\0").decode()] = (width, value)

    def number(self, name):
        return self.table[name][1]

    def at(self, structure, name):
        return structure + self.number(name)

    def field(self, structure, name, signed=False):
        return self.memory.word(self.at(structure, name), self.table[name][0], signed)

    def collectors(self):
        collector = self.memory.word(self.number("collectors.first"))
        while collector:
            yield collector
            collector = self.field(collector, "collector.next")

    def generations(self, collector):
        for i in range(self.number("collector.generation_count")):
            yield self.at(collector, "collector.generations") + i * self.number("generation.size")

    def objects(self, head):
        gc = self.field(head, "gc.next") & self.number("gc.next.mask")
        while gc != head:
            yield gc + self.number("gc.size")
            gc = self.field(gc, "gc.next") & self.number("gc.next.mask")

    def items(self, item):
        type_ = self.field(item, "object.type")
        layout = self.memory.read(self.field(type_, "type.layout"), 56 * self.field(type_, "type.layout_count"))
        return struct.iter_unpack("<IIQQQQQQ", layout)

    def references(self, item, wanted=REFERENCE):
        """(to, label) of each."""
        for kind, flags, label, offset, count, stride, member, key in self.items(item):
            if kind != wanted:
                continue
            base = self.memory.word(item + offset) if flags & INDIRECT else item + offset
            label = self.memory.text(label) if label else ""
            for i in range(1 if count == NONE else self.memory.word(item + count)) if base else ():
                to = self.memory.word(base + i * stride + member)
                if to:
                    name = self.value(self.memory.word(base + i * stride + key)) if flags & NAMED else i
                    yield to, self.title(flags, label, name)

    @staticmethod
    def title(flags, label, name):
        """As the records have it."""
        if flags & NAMED:
            return {"key": "key '%s'", "value": "['%s']", "attribute": ".%s"}[label] % name
        return "[%d]" % name if flags & INDEXED else label

    def value(self, item):
        for kind, _, _, offset, count, stride, _, _ in self.items(item):
            if kind == INTEGER:
                return self.memory.word(item + offset, stride, True)
            if kind == DOUBLE:
                return struct.unpack("<d", self.memory.read(item + offset, 8))[0]
            if kind in (UTF8, BYTES):
                data = self.memory.read(item + offset, self.memory.word(item + count))
                return data.decode() if kind == UTF8 else data.hex()
        return None

    def size(self, item):
        type_ = self.field(item, "object.type")
        size = self.field(type_, "type.basic_size")
        if self.field(type_, "type.flags") & self.number("type.flags.container"):
            size += self.number("gc.size")
        for kind, _, _, offset, count, stride, _, _ in self.items(item):
            if kind == LENGTH:
                size += self.memory.word(item + offset) * self.field(type_, "type.item_size")
            elif kind == BLOCK:
                size += self.memory.word(item + count) * stride
        return size

    def roots(self, collector):
        array = self.field(collector, "collector.roots")
        for i in range(self.field(collector, "collector.root_count")):
            root = self.memory.word(array + 8 * i)
            if root:
                yield root
        yield self.field(collector, "collector.garbage")

    def arenas(self, collector):
        array = self.field(collector, "collector.arenas")
        for i in range(self.field(collector, "collector.arena_count")):
            arena = self.memory.word(array + 8 * i)
            if self.field(arena, "arena.address"):
                yield arena

    def pools(self, arena):
        for i in range(self.field(arena, "arena.untouched")):
            pool = self.field(arena, "arena.address") + i * self.number("pool.size")
            if self.field(pool, "pool.used"):
                yield pool

    def free_blocks(self, pool):
        block = self.field(pool, "pool.free")
        while block:
            yield block
            block = self.field(block, "block.next")

    def large(self, collector):
        block = self.field(collector, "collector.large")
        while block:
            yield block + self.number("large.header_size"), self.field(block, "large.size")
            block = self.field(block, "large.next")


def read(reader):
    """What the reader finds, in the form of expected()."""
    collector, = reader.collectors()
    where = {}
    for number, generation in enumerate(reader.generations(collector)):
        where.update((item, number) for item in reader.objects(reader.at(generation, "generation.head")))
    where.update((item, "permanent") for item in reader.objects(reader.at(collector, "collector.permanent")))
    objects, references, pending = {}, collections.Counter(), list(where) + list(reader.roots(collector))
    while pending:
        item = pending.pop()
        if item in objects:
            continue
        refcount = reader.field(item, "object.refcount", True)
        name = reader.memory.text(reader.field(reader.field(item, "object.type"), "type.name"))
        objects[item] = (name, refcount, bool(refcount & reader.number("object.immortal")), where.get(item), reader.size(item),
                         reader.value(item))
        for to, label in reader.references(item):
            references[item, to, label] += 1
            pending.append(to)
    return {
        "objects": objects,
        "references": references,
        "weak": {(item, to) for item in objects for to, _ in reader.references(item, WEAK)},
        "generations": [tuple(reader.field(each, "generation." + name, True) for name in (
            "threshold", "count", "collections", "collected", "uncollectable")) for each in reader.generations(collector)],
        "state": [reader.field(collector, "collector." + name, True) for name in (
            "enabled", "collecting", "long_lived_total", "long_lived_pending")],
        "debug": [name for name in ("stats", "collectable", "uncollectable", "saveall")
                  if reader.field(collector, "collector.debug") & reader.number("debug." + name)],
        "garbage": [to for to, _ in reader.references(reader.field(collector, "collector.garbage"))],
        "arenas": [reader.field(arena, "arena.address") for arena in reader.arenas(collector)],
        "pools": [(pool, (reader.field(pool, "pool.size_class") + 1) * reader.number("pool.block_unit"),
                   reader.field(pool, "pool.capacity"), reader.field(pool, "pool.used"), list(reader.free_blocks(pool)))
                  for arena in reader.arenas(collector) for pool in reader.pools(arena)],
        "large": list(reader.large(collector)),
    }


def expected(record):
    address = lambda text: int(text, 16)
    names = {"closure": "function"}
    return {
        "objects": {address(each["address"]): (
            names.get(each["type"], each["type"]), each["refcount"], each["immortal"], each["generation"], each["total_size"],
            each["value"]) for each in record["objects"]},
        "references": collections.Counter((address(each["from"]), address(each["to"]), each["label"])
                                          for each in record["references"]),
        "weak": {(address(each["from"]), address(each["to"])) for each in record["weak"]},
        "generations": [tuple(each[name] for name in ("threshold", "count", "collections", "collected", "uncollectable"))
                        for each in record["generations"]],
        "state": [record[name] for name in ("enabled", "collecting", "long_lived_total", "long_lived_pending")],
        "debug": record["debug"],
        "garbage": [address(each) for each in record["garbage"]],
        "arenas": [address(each["address"]) for each in record["arenas"]],
        "pools": [(address(each["address"]), each["class_size"], each["capacity"], each["used"],
                   [address(block) for block in each["free"]]) for each in record["pools"]],
        "large": [(address(each["address"]), each["size"]) for each in record["large"]],
    }


def programs():
    """Random programs, each with a checkpoint in the middle and one before its end; and how many checkpoints."""
    text = subprocess.run([sys.executable, "-B", os.path.join(PROGRAMS, "generate.py"), "--seed", "77", "--count", str(COUNT)],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    lines, checkpoints, length = [], 0, 0
    for line in text.splitlines():
        if line.startswith("checkpoint"):
            continue
        length = 0 if line.startswith("program") else length + 1
        if line == "end" or length == 20:
            lines.append("checkpoint wait")
            checkpoints += 1
        lines.append(line)
    return "\n".join(lines) + "\n", checkpoints


def compare(path, folder):
    """The differences; each a text."""
    text, checkpoints = programs()
    source = os.path.join(folder, "programs")
    with open(source, "w") as file:
        file.write(text)
    environment = {key: value for key, value in os.environ.items() if key != "REFGC_WITHOUT_POOLS"}
    process = subprocess.Popen([path, "--records", folder, source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env=environment)
    differences, seen = [], 0
    try:
        for line in process.stdout:
            report = json.loads(line)
            if not report["op"].startswith("checkpoint"):
                continue
            seen += 1
            with open(os.path.join(folder, "%s-%d.json" % (report["program"], report["line"]))) as file:
                want = expected(json.load(file))
            have = read(Reader(process.pid, path))
            differences += ["%s, line %d: %s: read %s, recorded %s" % (report["program"], report["line"], what, have[what], want[what])
                            for what in want if have[what] != want[what]]
            os.kill(process.pid, signal.SIGUSR1)
    finally:
        process.kill()
        process.wait()
    if seen != checkpoints:
        differences.append("%d checkpoints of %d were read" % (seen, checkpoints))
    return differences


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "refgc")
        shutil.copy(sys.argv[1], path)
        subprocess.run(["strip", path], check=True)
        differences = compare(path, folder)
    for difference in differences[:10]:
        print("FAILED " + difference[:1000])
    print("%d passed, %d failed, 0 skipped" % (not differences, bool(differences)))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
