# SPDX-License-Identifier: MIT
"""What libinspect says about a refgc, and the same from refgc's own record, in one form to be compared."""
import collections
import ctypes
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import support  # noqa: E402
from runner import Failure, check  # noqa: E402

STATISTICS = ("threshold", "count", "collections", "collected", "uncollectable")
READ = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
WRITE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


# ---- libinspect ----

class Output(ctypes.Structure):
    """struct inspect_output"""
    _fields_ = [("write", WRITE), ("write_message", WRITE), ("context", ctypes.c_void_p), ("terminal", ctypes.c_bool),
                ("width", ctypes.c_uint), ("height", ctypes.c_uint)]


class Debugger(ctypes.Structure):
    """struct inspect_debugger"""
    _fields_ = [("read", READ), ("context", ctypes.c_void_p), ("auxv", ctypes.c_char_p), ("auxv_size", ctypes.c_size_t),
                ("pid", ctypes.c_int)]


class Session:
    """One target, looked at through the library: with Session(pid or path) as ask: ask("objects")."""
    library = None

    def __init__(self, target):
        self.target = target
        if Session.library is None:
            library = Session.library = ctypes.CDLL(support.LIBRARY)
            for function in (library.inspect_target_open, library.inspect_target_open_debugger,
                             library.inspect_session_create):
                function.restype = ctypes.c_void_p
            library.inspect_error_message.restype = ctypes.c_char_p

    def open(self, opened):
        return self.library.inspect_target_open(str(self.target).encode(), None, opened)

    def __enter__(self):
        opened = ctypes.c_void_p()
        error = self.open(ctypes.byref(opened))
        if error:
            raise Failure("%s: %s" % (self.target, self.library.inspect_error_message(ctypes.c_void_p(error)).decode()))
        self.session = ctypes.c_void_p(self.library.inspect_session_create(opened))
        return self

    def __exit__(self, *details):
        self.library.inspect_session_destroy(self.session)

    def __call__(self, *arguments):
        """The rows of a verb's answer. It must be a full one, and there must be nothing to say about it."""
        rows, messages = self.with_notes(*arguments)
        check(not messages, "%s of %s: %s", arguments[0], self.target, messages)
        return rows

    def with_notes(self, *arguments):
        """The rows, and what is said about them."""
        written, said = [], []
        take = [WRITE(lambda _, text, size, to=to: to.append(ctypes.string_at(text, size)) or True)
                for to in (written, said)]
        words = [word.encode() for word in arguments + ("--format=jsonl",)]
        status = self.library.inspect_session_run(self.session, len(words), (ctypes.c_char_p * len(words))(*words),
                                                  ctypes.byref(Output(take[0], take[1], None, False, 0, 0)))
        messages = b"".join(said).decode("utf-8", "replace")
        check(not status, "%s of %s: exit status %d: %s", arguments[0], self.target, status, messages)
        return [json.loads(line) for line in b"".join(written).splitlines()], messages


class Through(Session):
    """A process as a debugger shows it: nothing but memory to be read, and the auxiliary vector."""

    def open(self, opened):
        self.memory = open("/proc/%d/mem" % self.target, "rb", buffering=0)
        with open("/proc/%d/auxv" % self.target, "rb") as file:
            auxv = file.read()
        self.debugger = Debugger(READ(self.read), None, auxv, len(auxv), self.target)
        return self.library.inspect_target_open_debugger(ctypes.byref(self.debugger), None, opened)

    def read(self, _context, address, buffer, size):
        try:
            self.memory.seek(address)
            block = self.memory.read(size)
        except (OSError, ValueError, OverflowError):
            return False
        ctypes.memmove(buffer, block, len(block))
        return len(block) == size

    def __exit__(self, *details):
        super().__exit__(*details)
        self.memory.close()


class Command:
    """The same through py-inspect, for builds that no other program can load."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def __call__(self, *arguments):
        rows, messages = self.with_notes(*arguments)
        check(not messages, "%s of %s: %s", arguments[0], self.target, messages)
        return rows

    def with_notes(self, *arguments):
        answer = support.inspect(arguments[0], self.target, *arguments[1:], "--format=jsonl").expect(0)
        return answer.lines(), answer.messages


def look_at(target):
    """A session on @target, a process or a core."""
    return (Command if support.SANITIZED or not os.path.exists(support.LIBRARY) else Session)(target)


# ---- one form ----

Heap = collections.namedtuple("Heap", "objects looks references roots generations members state")
# Heap.objects: of each address a tuple; looks: what a look at the object alone says; references: a Counter of
# (from, to, label, visited); roots: a Counter of (address, label); members: objects and bytes of each generation.


def inspected(ask):
    """What libinspect says."""
    objects = {each["address"]: (each["type"], each["size"], each["refcount"], each["immortal"], each["generation"],
                                 each["tracked"]) for each in ask("objects")}
    references = collections.Counter((each["from"], each["to"], each["label"], each["visited"])
                                     for each in ask("referents", "--all") if each["counted"] and not each["guessed"])
    roots = collections.Counter((each["address"], each["place"] + each["label"])
                                for each in ask("roots") if each["counted"] and not each["guessed"])
    mentioned = set(objects).union(*(key[:2] for key in references)).union(key[0] for key in roots)
    looks = {each["address"]: (each["type"], each["size"], each["refcount"], each["immortal"], each["generation"],
                               each["tracked"], each["gc_flags"], each["value"]) for each in ask("object", *mentioned)}
    collector, = ask("gc")
    return Heap(
        objects, looks, references, roots,
        [tuple(collector[name + str(i)] for name in STATISTICS) for i in range(3)],
        {each["generation"]: (each["objects"], each["bytes"]) for each in ask("generations")},
        {name: collector[name] for name in ("enabled", "collecting", "debug_flags", "garbage", "frozen", "callbacks")})


class Values:
    """How libinspect describes the objects of a record."""

    def __init__(self, record, names):
        self.types = {each["address"]: names[each["address"]] for each in record["objects"]}
        self.weak = {each["from"]: each["to"] for each in record["weak"]}
        self.attributes = collections.Counter(each["from"] for each in record["references"] if each["label"][0] == ".")

    def of(self, item):
        kind, value, address = item["type"], item["value"], item["address"]
        if kind == "float":
            return repr(float(value))
        if kind == "bytes":
            return repr(bytes.fromhex(value))
        if value is not None:
            return repr(value)
        if kind == "weakref":
            to = self.weak.get(address)
            return "<weakref to %s object at %s>" % (self.types[to], to) if to else "<weakref; dead>"
        length = self.attributes[address] if kind == "instance" else item["length"]
        if length is not None:
            return "%s, %d item%s" % (kind, length, "" if length == 1 else "s")
        return "<%s object>" % self.types[address]


def reachable(record):
    """The addresses of the objects that are in a list, or that a root or another such object refers to."""
    referents = collections.defaultdict(list)
    for each in record["references"]:
        referents[each["from"]].append(each["to"])
    found = {each["address"] for each in record["objects"] if each["tracked"]}
    found.update(each["address"] for each in record["roots"])
    pending = list(found)
    while pending:
        new = set(referents[pending.pop()]) - found
        found |= new
        pending += new
    return found


def recorded(record):
    """What the record says; and the objects in it that nothing leads to."""
    names = {each["address"]: "function" if each["type"] == "closure" else each["type"] for each in record["objects"]}
    values = Values(record, names)
    found = reachable(record)
    items = [each for each in record["objects"] if each["address"] in found]
    objects = {each["address"]: (names[each["address"]], each["total_size"],
                                 None if each["immortal"] else each["refcount"], each["immortal"], each["generation"],
                                 each["tracked"]) for each in items}
    titles = {"element": "{\u2026}"}
    members = {each: [0, 0] for each in (0, 1, 2, "permanent")}
    for each in items:
        if each["tracked"]:
            members[each["generation"]][0] += 1
            members[each["generation"]][1] += each["total_size"]
    heap = Heap(
        objects,
        {each["address"]: objects[each["address"]] + ("finalized" if each["finalized"] else "", values.of(each))
         for each in items},
        collections.Counter((each["from"], each["to"], titles.get(each["label"], each["label"]), each["visited"])
                            for each in record["references"] if each["from"] in found),
        collections.Counter((each["address"], "collector.garbage" if each["slot"] is None else
                             "collector.roots[%d]" % each["slot"]) for each in record["roots"]),
        [tuple(each[name] for name in STATISTICS) for each in record["generations"]],
        {generation: tuple(pair) for generation, pair in members.items()},
        {"enabled": record["enabled"], "collecting": record["collecting"],
         "debug_flags": "|".join("DEBUG_" + flag.upper() for flag in record["debug"]),
         "garbage": len(record["garbage"]), "frozen": record["permanent"], "callbacks": record["callbacks"]})
    return heap, [each for each in record["objects"] if each["address"] not in found]
