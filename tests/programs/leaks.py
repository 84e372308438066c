# SPDX-License-Identifier: MIT
"""Plants mistakes with references and writes down which, for tests/leaks/test_leaks.py.

    leaks.py FOLDER [clean]

FOLDER has the module leaks; FOLDER/truth becomes a JSON object: "findings", [verdict, type, address, excess] of each object,
and "holders", {address: holder} of what C code holds. With "clean" the same objects are made, and nothing is done to them.
Of half of the objects one reference is leaked, of others four.
"""
import collections
import datetime
import decimal
import io
import itertools
import json
import os
import re
import signal
import sys
import threading
import types
import warnings
import weakref

folder, clean = sys.argv[1], "clean" in sys.argv
sys.path.insert(0, folder)
import leaks  # noqa: E402

findings, holders = [], {}


class Session(object):
    def method(self):
        yield self


class Slotted(object):
    __slots__ = ("user", "token")


def local_function():
    return sys.maxsize


def type_name(kind):
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


def make_objects(number):
    """One of each of many types; each is held once, by the list."""
    session = Session()
    yield [1, 2, 3]
    yield {"key": session}
    yield {1, 2, 3}
    yield frozenset((4, 5, 6))
    yield (session, 7)
    yield "a text of %d words" % len(sys.argv)
    yield b"bytes" * len(sys.argv)
    yield bytearray(b"more bytes")
    yield 1 << 200 + len(sys.argv)
    yield 1.5 * len(sys.argv)
    yield complex(len(sys.argv), 1)
    yield range(len(sys.argv), 1000000)
    yield slice(1, len(sys.argv) + 1000)
    yield memoryview(b"looked at")
    yield types.FunctionType(local_function.__code__, globals())
    yield session.method
    yield session.method()
    yield [].append
    yield types.ModuleType("made")
    yield type("Made", (Session,), {})
    yield property(local_function)
    yield staticmethod(local_function)
    yield weakref.ref(session)
    yield iter([1, 2])
    yield map(str, [1])
    yield types.MappingProxyType({"a": 1})
    yield object()
    yield session
    yield Slotted()
    yield collections.deque([1, 2])
    yield collections.OrderedDict(a=1)
    yield itertools.count(1)
    yield io.BytesIO(b"file")
    yield re.compile("pattern%d" % number)
    yield decimal.Decimal("1.5")
    yield datetime.datetime(2026, 11, 20, len(sys.argv))
    yield threading.Lock()
    yield ValueError("made")


def leak(thing, count=1):
    """Nobody will release these references to @thing."""
    if not clean:
        leaks.leak(thing, count)
        findings.append(("leaked", type_name(type(thing)), id(thing), count))


def lose(make):
    """What @make returns is lost: nobody refers to it any more."""
    if clean:
        make()
    else:
        kind = type_name(type(make()))
        findings.append(("orphan", kind, leaks.lose(make), 1))


def plant():
    for thing in kept:
        leak(thing, 1)
    for thing in kept_too:
        leak(thing, 4)
    if sys.version_info < (3, 12):
        leak(None, 1000)
        leak(dict, 2)
    for thing in released:
        if not clean:
            leaks.release(thing)
            findings.append(("low", type_name(type(thing)), id(thing), -1))
    lose(lambda: "an orphan of %d words" % len(sys.argv))
    lose(lambda: b"an orphan" * len(sys.argv))
    lose(lambda: 2.5 * len(sys.argv))
    lose(lambda: 1 << 300 + len(sys.argv))
    lose(lambda: [len(sys.argv), "orphan"])
    lose(lambda: {"orphan": len(sys.argv)})
    lose(lambda: (1 << 301 + len(sys.argv), 2.25 * len(sys.argv)))
    lose(Session)
    for thing in forgotten:
        if not clean:
            leaks.forget(thing)
            findings.append(("leaked", type_name(type(thing)), id(thing), 1))


def hold():
    """C code holds these."""
    leaks.keep_in_variable(held[0])
    holders[id(held[0])] = "leaks.so: leaks_kept"
    holders[id(held[1])] = "hidden 0x%x" % leaks.keep_hidden(held[1])
    for number, size in ((2, 56), (3, 5000), (4, 1 << 20)):
        holders[id(held[number])] = "malloc block 0x%x of %d bytes" % leaks.keep_in_malloc(held[number], size, 1)
    holders[id(held[5])] = "allocated block 0x%x" % leaks.keep_in_block(held[5])
    leaks.keep_in_thread(held[6])
    holders[id(held[6])] = "thread-local memory of thread %d" % os.getpid()
    holders[id(held[7])] = "C stack of thread %d" % os.getpid()
    leaks.keep_in_malloc(held[8], 100, 3)


def wait():
    leaks.scrub()
    with open(os.path.join(folder, "truth"), "w") as file:
        json.dump({"findings": findings, "holders": {hex(address): holders[address] for address in holders}}, file)
    del findings[:]
    holders.clear()
    leaks.scrub()
    os.write(1, b"ready\n")
    leaks.scrub()
    signal.pause()


kept, kept_too = list(make_objects(1)), list(make_objects(2))
released = [["held twice"] for _ in range(3)]
released_too = list(released)
forgotten = [Session(), ["forgotten"]]
held = [["held %d" % number] for number in range(9)]
warnings.simplefilter("ignore")
leaks.warn()
plant()
hold()
leaks.keep_on_stack(held[7], wait)
