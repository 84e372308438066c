#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do reference counts close? All references found from outside, and all roots, against each object's ob_refcnt.

    tests/refcounts.py [check | check-full] [--interpreter NAME]... [--program PROGRAM]... [-v]

A program makes objects and waits in a system call. Then for every object the counted references of other objects
(`referents --all`) and the counted roots (`roots`; a variable of C code counts) are added up: the sum must be the
object's reference count (`objects`). What differs must have one of the causes below; anything else is a failure. -v
prints the closing rate of each type.

    immortal         its count means nothing (3.12 on; static objects of 3.11 begin at 999999999)
    static           it lies in the data of the program or of a library: variables of C code that lead there are no
                     roots, and what compiled-in code objects of 3.11 refer to was never counted
    guessed          only a scan of memory found it: it may be dead
    C code           its count is within what the scans found, of C stacks, of running frames' stacks and of variables
                     with borrowed references: C locals of the running calls
    arena            the list of the objects that the running script's syntax tree has, which only the C function that
                     runs the script holds (Python/pyarena.c)
    not released     CPython forgets one reference to it; NOT_RELEASED says where
    partly held      a type whose objects do not all hold it; PARTLY_HELD says why
    kept by C        C code holds it in memory of its own: KEPT_BY_C says where

Environment: as for tests/e2e.py.
"""
import collections
import csv
import io
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

OBJECTS = os.path.join(support.PROGRAMS, "objects")
PROGRAMS = [""] + sorted(name for name in os.listdir(OBJECTS) if name.endswith(".py"))
STATIC_COUNT = 1 << 29  # nothing is referred to so often: counts of 3.11's static objects begin behind it
EXAMPLES = 5       # unexplained objects shown

# (first version, version before which it ended, type, description): one reference too many, and where it is from.
NOT_RELEASED = [
    ((3, 6), (3, 9), "module", "<module '_warnings'>"),  # Python/pylifecycle.c: the result of _PyWarnings_Init()
    ((3, 6), (3, 9), "module", "<module 'sys'>"),        # Python/pylifecycle.c: sysmod
    ((3, 6), (3, 8), "module", "<module 'builtins'>"),   # Python/pylifecycle.c: bimod
    ((3, 7), (3, 9), "str", "'__main__'"),               # Python/_warnings.c: create_filter(), modname_obj
    ((3, 9), (3, 10), "type", "<class 'select.poll'>"),  # Modules/selectmodule.c: PyInit_select()
    ((3, 6), (3, 10), "int", "2147483647"),              # Modules/_multiprocessing/multiprocessing.c: py_sem_value_max
    ((3, 11), (3, 12), "decimal.Context", "<decimal.Context object>"),  # PyInit__decimal(): extended_context_template
    ((3, 6), (3, 7), "str", "'__init__'"),               # not found where; no word in the whole memory is left over
]

# (program, first version, version before which it ended, types): held by C code in memory of its own.
ANY = ((3, 6), (4, 0))
KEPT_BY_C = [
    # SQLite has the callbacks, and the module for each: callback_context of Modules/_sqlite/connection.c
    ("databases.py",) + ANY + ({"type", "function", "module"},),
    # what a thread runs: struct bootstate of Modules/_threadmodule.c
    ("frames.py",) + ANY + ({"method"},),
    ("threads.py",) + ANY + ({"method"},),
    # the strong cache, a linked list: StrongCacheNode of Modules/_zoneinfo.c; in a module's state since 3.12
    ("dates.py", (3, 9), (3, 12), {"str", "zoneinfo.ZoneInfo"}),
    # types that other interpreters may be sent objects of: struct _xidregitem of internal/pycore_crossinterp.h
    ("other_interpreters.py", (3, 12), (4, 0), {"weakref.ReferenceType"}),
    # exceptions in static variables that the import in a second interpreter overwrites: Modules/socketmodule.c
    ("other_interpreters.py", (3, 6), (3, 12), {"type"}),
    # a module for tests, whose types have one reference too many: Modules/_testcapimodule.c, _testcapi/
    ("contexts.py", (3, 6), (3, 13), {"type"}),
    ("examples.py", (3, 6), (3, 13), {"type"}),
    # keys that the dicts of several instances share and their type has no more: PyDictKeysObject is no object
    (None, (3, 6), (3, 11), {"str"}),
]

# (first version, version before which it ended, description): a type whose objects hold it only where tp_alloc() made them;
# PyObject_GC_New() does not let them before 3.8 (bpo-35810).
PARTLY_HELD = [
    ((3, 6), (3, 8), "<class 'xxlimited.Xxo'>"),  # Modules/xxlimited.c: newXxoObject()
]


class Heap:
    """What py-inspect says of a process."""

    def __init__(self, pid):
        self.pid = pid
        self.type, self.refcount, self.tracked = {}, {}, set()
        self.edges = collections.defaultdict(list)  # holder → targets of counted references that are not guessed
        self.guessed_edges = []
        self.roots = collections.Counter()
        self.variables, self.stacks = collections.Counter(), collections.Counter()  # found by a scan
        self.running = set()  # what the frames of running calls hold
        self.messages = []
        self.read_objects()
        self.read_references()
        self.read_roots()

    def rows(self, *arguments):
        """The rows that a verb prints."""
        answer = support.inspect(*(arguments + ("--format", "csv")))
        if answer.status:
            self.messages.append(str(answer))
        rows = csv.reader(io.StringIO(answer.output, newline=""))
        names = next(rows, [])
        return {name: index for index, name in enumerate(names)}, rows

    def read_objects(self):
        column, rows = self.rows("objects", self.pid)
        address, kind = column["address"], column["type"]
        refcount, tracked = column["refcount"], column["tracked"]
        for row in rows:
            number = int(row[address], 16)
            self.type[number] = row[kind]
            self.refcount[number] = int(row[refcount]) if row[refcount] else None
            if row[tracked] == "true":
                self.tracked.add(number)

    def read_references(self):
        column, rows = self.rows("referents", self.pid, "--all", "--no-labels")
        holder, target = column["from"], column["to"]
        counted, guessed = column["counted"], column["guessed"]
        for row in rows:
            if row[guessed] == "true":
                self.guessed_edges.append((int(row[holder], 16), int(row[target], 16)))
            elif row[counted] == "true":
                self.edges[int(row[holder], 16)].append(int(row[target], 16))

    def read_roots(self):
        column, rows = self.rows("roots", self.pid)
        address, kind, counted, guessed = column["address"], column["kind"], column["counted"], column["guessed"]
        for row in rows:
            if row[kind] == "global":
                self.variables[int(row[address], 16)] += 1
            elif row[guessed] == "true":
                self.stacks[int(row[address], 16)] += 1
            elif row[counted] == "true":
                self.roots[int(row[address], 16)] += 1
                if row[kind] == "frame":
                    self.running.add(int(row[address], 16))

    def held(self, *more):
        """The objects that are certain: tracked, or reached without a guess, or from @more."""
        found = set(self.tracked)
        found.update(self.roots, *more)
        waiting = list(found)
        while waiting:
            for target in self.edges.get(waiting.pop(), ()):
                if target not in found:
                    found.add(target)
                    waiting.append(target)
        return found


def data_ranges(pid):
    """The address ranges of the process's executables and libraries, .bss included."""
    mappings = collections.defaultdict(list)
    with open("/proc/%d/maps" % pid, encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split(None, 5)
            if len(fields) > 5 and fields[5].startswith("/"):
                first, last = (int(word, 16) for word in fields[0].split("-"))
                mappings[fields[5].rstrip("\n")].append((first, last, int(fields[2], 16)))
    ranges = []
    for path, parts in mappings.items():
        segments = loaded(path)
        if segments:
            start = min(first - offset for first, _, offset in parts if offset == segments[0][0]) + segments[0][0]
            bias = start - segments[0][1] // 4096 * 4096
            ranges += [(bias + address, bias + address + size) for _, address, size in segments]
    return ranges


def loaded(path):
    """[(offset of its page, address, size)] of what an ELF file's program headers load; [] for other files."""
    try:
        with open(path, "rb") as file:
            header = file.read(64)
            if header[:4] != b"\x7fELF":
                return []
            place, = struct.unpack_from("<Q", header, 32)
            size, count = struct.unpack_from("<HH", header, 54)
            file.seek(place)
            table = [struct.unpack_from("<IIQQQQQQ", file.read(size)) for _ in range(count)]
    except (OSError, struct.error):
        return []
    return [(offset // 4096 * 4096, address, memory) for kind, _, offset, address, _, _, memory, _ in table if kind == 1]


class Audit:
    """The sums, and what became of each object."""

    def __init__(self, heap, version, program=None):
        self.heap, self.version, self.program = heap, version, program
        self.verdicts = collections.defaultdict(collections.Counter)  # type → verdict → objects
        self.unexplained = []  # (address, counted, guessed)
        ranges = data_ranges(heap.pid)
        self.is_static = lambda address: any(first <= address < last for first, last in ranges)
        self.held = heap.held(heap.variables)
        self.certain = heap.held()
        self.counted = collections.Counter(heap.roots)
        self.variables = heap.variables
        self.guessed = heap.variables + heap.stacks
        for holder in self.held - self.stale_holders():
            self.counted.update(heap.edges.get(holder, ()))
        for holder, target in heap.guessed_edges:
            self.guessed[target] += 1
        for holder in (heap.edges.keys() - self.held) | self.stale_holders():
            self.guessed.update(heap.edges.get(holder, ()))
        for address, kind in heap.type.items():
            self.verdicts[kind][self.judge(address)] += 1

    def stale_holders(self):
        """Before 3.8 property objects of C keep a tuple for arguments, with the last one in it, which is borrowed:
        cached_args in property_descr_get(), Objects/descrobject.c."""
        if self.version >= (3, 8):
            return set()
        return {address for address in self.heap.variables if self.heap.type[address] == "tuple" and
                address not in self.heap.tracked and len(self.heap.edges.get(address, ())) == 1}

    def judge(self, address):
        """What is to be said of one object."""
        refcount, counted, guessed = self.heap.refcount[address], self.counted[address], self.guessed[address]
        if refcount is None or refcount >= STATIC_COUNT:
            return "immortal"
        if refcount in (counted, counted + self.variables[address]):
            return "closes"
        if self.is_static(address):
            return "static"
        if address not in self.certain:
            return "guessed"
        if counted <= refcount <= counted + guessed or (refcount == counted + 1 and address in self.heap.running):
            return "C code"
        if refcount == 1 and counted == 0 and self.is_arena(address):
            return "arena"
        if refcount - 1 in (counted, counted + self.variables[address]) and self.is_not_released(address):
            return "not released"
        if refcount > counted and self.is_listed(KEPT_BY_C, address):
            return "kept by C"
        if refcount < counted and self.is_partly_held(address, counted - refcount):
            return "partly held"
        self.unexplained.append((address, counted, guessed))
        return "unexplained"

    def is_listed(self, table, address):
        return any(program in (None, self.program) and first <= self.version < before and
                   self.heap.type[address] in kinds for program, first, before, kinds in table)

    def is_arena(self, address):
        kinds = {self.heap.type[item] for item in self.heap.edges.get(address, ())}
        return (self.heap.type[address] == "list" and kinds and
                kinds <= {"str", "bytes", "int", "float", "complex", "ellipsis", "NoneType", "bool"} and
                not self.verdicts["list"]["arena"])

    def is_not_released(self, address):
        described = None
        for first, before, kind, text in NOT_RELEASED:
            if first <= self.version < before and kind == self.heap.type[address]:
                described = described or self.describe(address)
                if described == text:
                    return True
        return False

    def is_partly_held(self, address, missing):
        """Is the object a type that so many of its objects do not hold?"""
        described = [text for first, before, text in PARTLY_HELD if first <= self.version < before]
        if self.heap.type[address] != "type" or not described or self.describe(address) not in described:
            return False
        name = self.describe(address).split("'")[1]
        return missing <= sum(kind == name for kind in self.heap.type.values())

    def describe(self, address):
        """The object in one line."""
        return support.inspect("object", self.heap.pid, hex(address), "--format", "json").json()["rows"][0]["value"]

    def totals(self):
        return sum(self.verdicts.values(), collections.Counter())

    def rate(self, verdicts):
        """The closing rate in per cent: of the objects that are counted."""
        counted = sum(verdicts.values()) - verdicts["immortal"]
        return 100.0 * verdicts["closes"] / counted if counted else 100.0

    def by_type(self):
        """Lines: the rate of each type that does not close everywhere."""
        for kind in sorted(self.verdicts, key=lambda kind: self.rate(self.verdicts[kind])):
            verdicts = self.verdicts[kind]
            if self.rate(verdicts) < 100:
                yield "%6.2f %% of %6d %s: %s" % (self.rate(verdicts), sum(verdicts.values()), kind, words(verdicts))

    def explain(self):
        """Lines: what is wrong."""
        counts = collections.Counter(self.heap.type[address] for address, _, _ in self.unexplained)
        for kind, count in counts.most_common():
            yield "%d %s" % (count, kind)
            for address, counted, guessed in [each for each in self.unexplained
                                              if self.heap.type[each[0]] == kind][:EXAMPLES]:
                yield "    0x%x: reference count %d, counted %d, guessed %d: %s" % (
                    address, self.heap.refcount[address], counted, guessed, self.describe(address))


def words(verdicts):
    """The numbers of verdicts in words."""
    return ", ".join("%d %s" % (count, verdict) for verdict, count in verdicts.most_common() if count)


def verify(pid, version, program, verbose):
    """One process."""
    heap = Heap(pid)
    audit = Audit(heap, version, program)
    if verbose:
        print("\n".join(audit.by_type()))
    lines = heap.messages + list(audit.explain())
    totals = audit.totals()
    said = "%.3f %% close: %s" % (audit.rate(totals), words(totals))
    if lines:
        raise Failure("\n".join([said] + lines))
    return said


def examine(results, interpreter, program, verbose):
    name = "%s %s" % (interpreter.name, program or "nothing else")
    subject = [os.path.join(support.PROGRAMS, "subject.py"), "quiet.py", "-", os.path.join(OBJECTS, program)]
    command = subject if program else [os.path.join(support.PROGRAMS, "quiet.py")]
    with support.Folder() as folder:
        try:
            with support.Program(interpreter.command(*command), interpreter.env(), folder) as running:
                results.run(name, verify, running.pid, interpreter.minor, program, verbose)
        except Skip as reason:
            results.skip(name, reason)
        except Failure as failure:
            results.fail(name, failure)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--program", action="append", help="only this one of tests/programs/objects; '' is none")
    options = parser.parse_args()
    results = Results(verbose=True)
    for _, interpreter in interpreters.chosen(options, results):
        programs = options.program or PROGRAMS
        if options.size == "check" and not options.program:
            programs = PROGRAMS[:1]
        for program in programs:
            examine(results, interpreter, program, options.verbose)
    results.finish()


if __name__ == "__main__":
    main()
