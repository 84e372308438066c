# SPDX-License-Identifier: MIT
"""A heap with a bit of everything in it, and the interpreter's own word on it (see oracle.py).

    heap.py [--objects N] [--freeze] [--enabled] [--threads N] [--oracle FILE] RECORD

Makes objects of every kind that the standard library and Python code have, until the collector tracks at least N
of them; some are old, some young, some frozen. Writes RECORD, then "ready", and waits for a signal. Runs on
every CPython from 3.6 on; what a version does not have is left out (--list says on stderr what that was).
"""
import argparse
import array
import ast
import asyncio
import collections
import collections.abc
import concurrent.futures
import contextlib
import copy
import csv
import ctypes
import datetime
import decimal
import enum
import fractions
import functools
import gc
import hashlib
import heapq
import inspect
import io
import itertools
import json
import logging
import mmap
import multiprocessing
import operator
import os
import pickle
import queue
import random
import re
import selectors
import socket
import string
import struct
import sys
import tempfile
import threading
import time
import traceback
import types
import typing
import uuid
import warnings
import weakref

sys.dont_write_bytecode = True
warnings.simplefilter("ignore")
gc.disable()

NUMBERS = list(range(1 << 17))  # shared by all that wants to be large

MAKERS = []  # (function, how often at most; 0: as often as wanted)
LEFT_OUT = []


def ignore(*args, **keywords):
    """Does nothing: a callback."""


def maker(times=0):
    """Registers a function number → list of objects. @times: how often it may be called."""
    def register(function):
        MAKERS.append((function, times))
        return function
    return register


def optional(name):
    """The module @name or None."""
    try:
        return __import__(name, fromlist=["_"])
    except Exception:
        LEFT_OUT.append("module " + name)
        return None


def attempt(*functions):
    """The results of those of @functions that work on this version."""
    made = []
    for function in functions:
        try:
            made.append(function())
        except Exception as error:
            LEFT_OUT.append("%s: %r" % (inspect.getsource(function).strip(), error))
    return made


def compiled(text, **names):
    """The namespace after running @text, or {} where this version does not know its syntax."""
    names.setdefault("__name__", "heap.compiled")
    try:
        exec(compile(text, "<heap>", "exec"), names)
    except SyntaxError:
        LEFT_OUT.append("syntax: " + text.strip().splitlines()[0])
        return {}
    names.pop("__builtins__", None)
    return names


# ---- containers ----------------------------------------------------------------------------------

@maker()
def dicts(n):
    made = [{}, dict(a=1), {str(i): i for i in range(n % 40)}, {i: i for i in range(n % 300)},
            {(i, i): [i] for i in range(n % 20)}, {"k": object()}, dict.fromkeys(range(n % 7), ())]
    holes = {i: str(i) for i in range(n % 200 + 10)}
    for i in range(0, len(holes), 3):
        del holes[i]
    emptied = {"key%d" % i: [] for i in range(n % 60)}
    emptied.clear()
    mixed = {"a": 1, "b": 2}
    mixed[n] = "not a str key"
    popped = {"x%d" % i: i for i in range(30)}
    while len(popped) > n % 30:
        popped.popitem()
    copied = copied_after = {"c%d" % i: [i] for i in range(n % 50 + 1)}
    copied = copied.copy()
    return made + [holes, emptied, mixed, popped, copied, copied_after, {"d": made[0]}.keys(), {"d": []}.values(),
                   {"d": []}.items(), iter({"d": made}), iter({"d": made}.values()), iter({"d": made}.items())]


@maker(1)
def dicts_of_all_sizes(n):
    return [dict.fromkeys(NUMBERS[:size]) for size in
            [2 ** k + d for k in range(17) for d in (-1, 0, 1)]] + [
                {"s%d" % i: [] for i in range(size)} for size in [2 ** k * 2 // 3 + d for k in range(13) for d in (0, 1)]]


@maker()
def lists_and_tuples(n):
    grown = []
    for i in range(n % 50):
        grown.append(i)
    shrunk = list(range(n % 1000))
    del shrunk[n % 10:]
    reserved = [None] * (n % 33)
    reserved.extend(iter([1, 2]))
    return [[], [[]], [n], list(range(n % 100)), grown, shrunk, reserved, sorted([3, 1, 2]), ([],), (n, [n]), tuple([[]] * (n % 25)),
            (1, 2, (3, [])), iter([n]), reversed([n]), iter((n, [])), list(iter(range(3))), slice([], [n]),
            slice(1, [2])]


@maker()
def sets(n):
    shrunk = set(range(n % 500))
    for i in range(0, n % 500, 2):
        shrunk.discard(i)
    emptied = set(range(n % 90))
    emptied.clear()
    return [set(), frozenset(), {n}, set(range(n % 9)), set(map(str, range(n % 70))), frozenset(range(n % 33)), shrunk,
            emptied, frozenset([(n,), (n, (n,))]), iter({1, 2, n}), set("abcdefg"[:n % 8]), set([1]) | set(range(n % 5))]


@maker(1)
def sets_of_all_sizes(n):
    return [kind(NUMBERS[:size]) for size in [2 ** k * 3 // 5 + d for k in range(17) for d in (-1, 0, 1, 2)] if size >= 0
            for kind in (set, frozenset)]


@maker()
def collections_of_all_kinds(n):
    ordered = collections.OrderedDict((i, [i]) for i in range(n % 70))
    for i in range(0, n % 70, 4):
        del ordered[i]
    counter = collections.Counter("abracadabra" * (n % 3))
    default = collections.defaultdict(list)
    default[n].append(n)
    queue_ = collections.deque(range(n % 1001))
    rotated = collections.deque(range(n % 200), maxlen=100)
    rotated.rotate(n)
    popped = collections.deque(range(n % 300))
    for _ in range(n % 300 // 2):
        popped.popleft()
    grown = collections.deque()
    for i in range(n % 130):
        grown.appendleft(i)
    chain = collections.ChainMap({}, {"a": n}, ordered)
    return [ordered, collections.OrderedDict(), counter, default, collections.defaultdict(None), queue_, rotated, popped, grown,
            collections.deque(), iter(queue_), reversed(queue_), chain, collections.UserDict(a=1), collections.UserList([n]),
            collections.UserString("u%d" % n), Point(n, [n]), Point3(1, 2, n), types.SimpleNamespace(a=n, b=[]), ordered.keys(),
            ordered.items(), ordered.values(), iter(ordered), types.MappingProxyType(ordered), collections.deque(maxlen=n % 5)]


@maker(1)
def deques_of_all_sizes(n):
    return [collections.deque(NUMBERS[:size]) for size in range(0, 1001)]


Point = collections.namedtuple("Point", "x y")


class Point3(collections.namedtuple("Base3", "x y z")):
    __slots__ = ()


# ---- iterators -----------------------------------------------------------------------------------

@maker()
def iterators(n):
    tees = itertools.tee(range(n % 120 + 3), 2)
    for _ in range(n % 120):
        next(tees[0])
    groups = itertools.groupby([1, 1, 2, n])
    group = next(groups)[1]
    cycle = itertools.cycle([n, 1])
    next(cycle)
    made = [enumerate([n]), enumerate([n], 2 ** 70), zip([1], [n]), map(str, [n]), filter(None, [n]), reversed(range(n)),
            iter(range(n)), iter(range(2 ** 70)), iter("abc"), iter("\u1234" * n), iter(b"abc"), iter(bytearray(b"abc")),
            itertools.count(n), itertools.count(2 ** 80, 2), itertools.count(1.5), cycle, itertools.repeat([n]),
            itertools.repeat(n, 3), itertools.chain([n], [n]), itertools.chain.from_iterable([[n]]),
            itertools.compress("ab", [1, n]), itertools.dropwhile(bool, [n]), itertools.takewhile(bool, [n]),
            itertools.filterfalse(bool, [n]), itertools.islice([n], 1), itertools.starmap(pow, [(n, 2)]),
            itertools.zip_longest([n], [1, 2]), itertools.product([1, n], repeat=n % 4),
            itertools.permutations(range(n % 5)), itertools.combinations(range(n % 6), 2),
            itertools.combinations_with_replacement([1, n], 3), itertools.accumulate([1, n]), groups, group,
            iter(lambda: n, 0), heapq.merge([1], [n]), iter(memoryview(b"abc"))]
    made += tees
    for name, call in (("pairwise", lambda: itertools.pairwise([1, n])),
                       ("batched", lambda: itertools.batched([1, 2, n], 2))):
        if hasattr(itertools, name):
            made.append(call())
    started = itertools.product([1, 2, n], [3])
    next(started)
    permuted = itertools.permutations([1, 2, n])
    next(permuted)
    return made + [started, permuted]


# ---- text, numbers, buffers ----------------------------------------------------------------------

@maker()
def atoms_in_containers(n):
    return [["a" * n, "é" * n, "\u1234" * n, "\U00012345" * n, b"b" * n, bytearray(b"c" * n), n * 1.5, complex(n, 1), 10 ** n,
             -10 ** n, True, None, Ellipsis, NotImplemented, range(n), range(2 ** 65, 2 ** 66), 2 ** 30 - 1, 2 ** 30, 0, -1,
             str(n).encode(), "".join(["x", str(n)])], [sys.intern("heap%d" % n)]]


@maker()
def buffers(n):
    data = bytearray(range(n % 256))
    data.extend(b"x" * (n % 10))
    front = bytearray(b"z" * (n % 100 + 4))
    del front[:3]
    view = memoryview(bytearray(16))
    made = [[data, front, bytearray(), bytes(n % 1000)], view, view[2:8], memoryview(b"abcd").cast("I"),
            memoryview(array.array("d", [1.0, n])),
            memoryview(bytes(24)).cast("B", [2, 3, 4]), [array.array(code, range(n % 50)) for code in "bBhHiIlLqQfd"],
            [array.array("u", "wide")] if sys.version_info < (3, 16) else [], iter(array.array("i", [n]))]
    grown = array.array("i")
    for i in range(n % 60):
        grown.append(i)
    made.append([grown])
    released = memoryview(b"released")
    released.release()
    made.append(released)
    return made


@maker()
def numbers(n):
    return [decimal.Decimal(n) / 7, [decimal.Decimal("1" * (n % 400 + 1)), decimal.Decimal("NaN"), decimal.Decimal(10) ** n],
            decimal.Context(prec=n + 1), fractions.Fraction(n, 7), datetime.datetime(2020, 1, 1), [datetime.date(2020, 1, 1),
            datetime.time(1, 2, 3), datetime.timedelta(n), datetime.timezone(datetime.timedelta(hours=n % 12)),
            datetime.datetime.now(datetime.timezone.utc), datetime.datetime(2021, 1, 1, tzinfo=datetime.timezone.utc)],
            uuid.uuid4(), random.Random(n), string.Template("$x"), decimal.getcontext(), datetime.timezone.utc]


@maker()
def text_tools(n):
    pattern = re.compile("(a)|(?P<n>b)%d" % n)
    match = re.match("(.)(.)(.)", "abc")
    made = [pattern, match, pattern.scanner("abc"), re.finditer("a", "banana"), struct.Struct("<%diq" % (n % 20)), [
        struct.Struct("")], struct.iter_unpack("i", bytes(16)), re.compile(b"bytes%d" % n), string.Formatter(),
        json.JSONEncoder(), json.JSONDecoder(), csv.reader(io.StringIO("a,b")), csv.writer(io.StringIO()), csv.Dialect and
        csv.get_dialect("excel"), csv.DictReader(io.StringIO("a,b")), json.scanner.make_scanner(json.JSONDecoder()),
        operator.itemgetter(1, n), operator.attrgetter("a.b", "c"), operator.methodcaller("f", n, k=n), operator.itemgetter(n),
        "%s".__mod__, "x".join, str.join, iter(re.finditer("x", "xx")), re.Scanner([("a", None)])]
    made.append(json.encoder.c_make_encoder(None, str, repr, None, ":", ",", False, False, True))
    return made


# ---- functions, classes, code ----------------------------------------------------------------------

def outer(n):
    cell = [n]

    def inner(a, b=[n], *args, c=n, **kwargs):
        """A closure."""
        return cell, a, b, c, inner

    inner.attribute = n
    return inner


class Plain:
    """A class with the usual things."""
    class_attribute = []

    def __init__(self, n):
        self.n = n
        self.list = [n]

    def method(self):
        return super().__init__

    @staticmethod
    def static():
        pass

    @classmethod
    def klass(cls):
        pass

    @property
    def prop(self):
        return self.n

    class Nested:
        class Deeper:
            pass


class Slots:
    __slots__ = ("a", "b", "__weakref__")

    def __init__(self, n):
        self.a = [n]


class SlotsAndDict(Slots):
    __slots__ = ("c", "__dict__")


class NoSlots(Slots):
    pass


class Empty:
    pass


class ManyAttributes:
    pass


class WithSizeof:
    """Says its size itself."""

    def __init__(self, n):
        self.n = n

    def __sizeof__(self):
        return 12345 + self.n


class InheritedSizeof(WithSizeof):
    pass


class ListSizeof(list):
    def __sizeof__(self):
        return 77


class Raises:
    def __sizeof__(self):
        raise ValueError("no size")


class Finalized:
    def __del__(self):
        pass


class Meta(type):
    def __new__(mcs, name, bases, namespace, **keywords):
        return super().__new__(mcs, name, bases, namespace)

    @property
    def on_meta(cls):
        return cls


class WithMeta(metaclass=Meta):
    pass


class SlotMeta(type):
    pass


class WithGetattr:
    def __getattr__(self, name):
        raise AttributeError(name)

    def __eq__(self, other):
        raise TypeError("never compare")

    __hash__ = None

    def __bool__(self):
        raise TypeError("never ask")


class LyingClass:
    """Says that it is something else."""
    @property
    def __class__(self):
        return int


class Größe:
    """A class whose name is not ASCII."""
    class Ünder:
        pass


NonBmp = type("Class\U00020000name", (), {"__module__": "módulo.\u4e2d\u6587"})
Spaces = type("a name with spaces, \"quotes\" and\nnewline", (list,), {})
NoModule = type("NoModule", (), {"__module__": 5})
Odd = type("Odd", (), {})
Odd.__qualname__ = "some.Where.<locals>.Odd"
Moved = type("Moved", (), {"__module__": "builtins"})
Renamed = type("Renamed", (dict,), {})
Renamed.__name__ = "AfterRenaming"
LongName = type("L" * 3000, (), {})

SUBCLASSES = []
for _base in (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, object, type, Exception, OSError,
              StopIteration, UnicodeDecodeError, SystemExit, SyntaxError, ImportError, KeyError, BaseException, property,
              staticmethod, classmethod, super, enumerate, zip, map, filter, reversed, types.ModuleType, types.SimpleNamespace,
              collections.OrderedDict, collections.defaultdict, collections.deque, collections.Counter, functools.partial,
              weakref.ref, datetime.datetime, datetime.date, datetime.timedelta, datetime.time, datetime.tzinfo, decimal.Decimal,
              decimal.Context, array.array, io.BytesIO, io.StringIO, io.RawIOBase, io.FileIO, threading.Thread, threading.local,
              random.Random, struct.Struct, itertools.count, itertools.chain, fractions.Fraction, enum.Enum, string.Template,
              ctypes.Structure, ctypes.Union, ctypes.c_int, pickle.Pickler, json.JSONEncoder, logging.Handler, socket.socket,
              uuid.UUID, asyncio.Future, weakref.WeakKeyDictionary, ast.AST, ast.Name, csv.Dialect, mmap.mmap):
    for _slots in (None, (), ("extra",), ("__dict__",), ("one", "__dict__", "two", "__weakref__")):
        _body = {"__module__": "heap.sub"} if _slots is None else {"__module__": "heap.sub", "__slots__": _slots}
        try:
            SUBCLASSES.append(type(_base)("%s_%s" % (_base.__name__, len(SUBCLASSES)), (_base,), _body))
        except Exception:
            pass

ARGUMENTS = [(), (5,), ("17",), ([1, 2, 3],), (b"abc",), ("a", [1]), (int,), ([], {}), (len,), (Plain(1),), (2020, 1, 1), ("i",),
             ("i", [1, 2]), (list,), ("utf-8", b"x", 0, 1, "why"), (1.5, 2.5), (Plain, Plain(2)), (str, [1]), (0,), ("name", (), {})]


def instantiate(kind, n=0):
    """Some instance of @kind, or None."""
    for arguments in ARGUMENTS[n % 3:] + ARGUMENTS[:n % 3]:
        try:
            made = kind(*arguments)
        except BaseException:
            continue
        return made
    return None


@maker(4)
def instances_of_subclasses(n):
    made = []
    for kind in SUBCLASSES:
        if issubclass(kind, (socket.socket, mmap.mmap, io.FileIO, asyncio.Future)) and n > 1:
            continue
        instance = instantiate(kind, n)
        if instance is None:
            continue
        made.append(instance)
        for name in ("extra", "one", "two", "in_dict", "another"):
            try:
                setattr(instance, name, [name])
            except Exception:
                pass
    return made


@maker(1)
def instances_of_everything(n):
    """One instance of every class that the loaded modules have, where it can be made without side effects."""
    made = []
    for name in ("builtins", "collections", "itertools", "types", "functools", "weakref", "string", "decimal", "datetime",
                 "array", "operator", "enum", "queue", "threading", "abc", "copy", "textwrap", "shlex", "numbers", "calendar",
                 "configparser", "difflib", "dis", "email.message", "email.policy", "html.parser", "http.cookies", "ipaddress", "optparse",
                 "pathlib", "plistlib", "pprint", "sched", "statistics", "string", "tokenize", "trace", "urllib.parse",
                 "urllib.request", "uuid", "xml.dom.minidom", "code", "codecs", "symtable",
                 "gettext", "io", "re", "typing", "contextlib", "traceback", "warnings", "argparse", "asyncio.locks",
                 "asyncio.queues", "concurrent.futures", "lzma", "bz2", "zlib", "_struct", "_random", "_json", "_csv",
                 "_pickle", "_datetime", "_decimal", "_elementtree", "_collections", "_functools", "_operator", "_hashlib",
                 "_md5", "_sha1", "_sha256", "_sha512", "_sha3", "_blake2", "_ssl", "_socket", "_queue", "_contextvars", "_asyncio",
                 "_ctypes", "_io", "_sre", "_thread", "_weakref", "_abc", "_multibytecodec", "_bisect", "_heapq", "_lsprof",
                 "_interpreters", "_xxsubinterpreters", "_tkinter", "_zoneinfo", "unicodedata", "select", "pyexpat", "parser",
                 "_typing", "_tokenize", "_symtable", "_zstd", "_lzma", "_bz2", "_dbm", "_gdbm", "_curses",
                 "_multiprocessing", "_posixsubprocess", "_uuid", "xxlimited", "_sqlite3", "_types", "_opcode"):
        module = optional(name)
        for attribute in sorted(vars(module) if module else ()):
            kind = getattr(module, attribute)
            made.append(kind)
            if not isinstance(kind, type) or kind in (type(None),) or "Thread" in attribute or "Server" in attribute:
                continue
            if attribute.startswith(("Popen", "Connect", "Quitter", "help", "CDLL", "PyDLL", "Fault", "Cookie")):
                continue
            if issubclass(kind, (io.TextIOWrapper, argparse.ArgumentParser, enum.Enum, type)) or kind.__module__ == "idlelib":
                continue
            try:
                made.append(kind())
            except BaseException:
                try:
                    made.append(kind([1, 2]) if kind is not io.FileIO else None)
                except BaseException:
                    continue
    return made


@maker()
def classes_and_instances(n):
    many = ManyAttributes()
    for i in range(n % 60):
        setattr(many, "attribute%d" % i, [i])
    deleted = Plain(n)
    del deleted.n
    looked = Plain(n)
    looked.__dict__["through the dict"] = n
    extra = Plain(n)
    for i in range(n % 40):
        setattr(extra, "own%d" % i, i)
    replaced = Plain(n)
    replaced.__dict__ = {"another": "dict", "n": n}
    out_of_order = Plain.__new__(Plain)
    out_of_order.list = 1
    out_of_order.n = 2
    slotted = SlotsAndDict(n)
    slotted.c = [n]
    slotted.free = {}
    local = type("Local%d" % (n % 50), (Plain,), {"__slots__": (), "attribute": n}) if n % 50 == 0 else None
    return [Plain(n), many, deleted, looked, extra, replaced, out_of_order, Slots(n), slotted, NoSlots(n), Empty(), Plain.Nested(),
            Plain.Nested.Deeper(), WithSizeof(n % 100), InheritedSizeof(n % 100), ListSizeof([n]), Raises(), Finalized(), WithMeta(),
            WithGetattr(), LyingClass(), Größe(), Größe.Ünder(), NonBmp(), Spaces([n]), NoModule(), Odd(), Moved(), Renamed(a=n),
            LongName(), local, Plain(n).method, Plain.klass, Plain.__dict__["prop"], Plain.__dict__["static"], super(Slots, slotted),
            slotted.__init__, object().__repr__, [n].append, Plain.__dict__, Colour.RED, Flag.A | Flag.B, Colour(n % 3 + 1)]


@maker(20)
def classes(n):
    class Local:
        value = n

        def method(self):
            return __class__

    class Generic(typing.Generic[T]):
        pass

    first = type("First%d" % n, (), {"__slots__": ("a%d" % i for i in range(n))})
    second = type("Second%d" % n, (first,), {"attribute%d" % i: i for i in range(n * 3)})
    made = [Local, Local(), first, second, first(), second(), Generic, Generic(), Generic[int], Meta("Made%d" % n, (), {}),
            enum.Enum("Enum%d" % n, "A B C"), collections.namedtuple("Tuple%d" % n, "a b c"), type("Sub%d" % n, (dict, Empty), {}),
            types.new_class("New%d" % n), ctypes.c_int * n, ctypes.POINTER(ctypes.c_int * (n + 1))]
    for i in range(n * 2):
        instance = Local()
        setattr(instance, "attribute%d" % i, i)
        made.append(instance)
    return made


class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


class Flag(enum.Flag):
    A = 1
    B = 2


T = typing.TypeVar("T")


@maker()
def functions(n):
    partial = functools.partial(outer, n, key=n)
    partial.attribute = n

    @functools.lru_cache(maxsize=n % 7)
    def cached(x):
        return [x]

    @functools.lru_cache(maxsize=None)
    def unbounded(x, y=1):
        return x

    for i in range(n % 12):
        cached(i)
        unbounded(i, y=i)
    single = functools.singledispatch(outer)
    closure = outer(n)
    return [closure, partial, functools.partial(partial, 1), cached, unbounded, single, closure.__closure__, closure.__closure__[0],
            lambda x=n: x, len, [].append, dict.fromkeys, property(closure), staticmethod(closure), classmethod(closure),
            types.MethodType(closure, n), functools.partialmethod(closure, n), closure.__code__, closure.__globals__ and closure,
            functools.cmp_to_key(lambda a, b: 0), functools.cmp_to_key(lambda a, b: 0)(n), str.__add__, "".__add__,
            type.__dict__["__mro__"], types.FunctionType(closure.__code__, {}, "made", (1,), closure.__closure__), int.from_bytes,
            Slots.a, Slots.__dict__["a"], types.CodeType.__dict__["co_code"], ignore, contextlib.contextmanager(generator)(n)]


# ---- suspended code ------------------------------------------------------------------------------

def generator(n, *args):
    local = [n]
    yield local
    try:
        yield n
    finally:
        pass
    for i in range(n):
        with contextlib.suppress(ValueError):
            yield (i, [local])


def delegating(n):
    yield from generator(n)


async def coroutine(n):
    local = [n]
    await asyncio.sleep(1000)
    return local


async def async_generator(n):
    for i in range(n + 1):
        yield [i]


class Awaitable:
    def __await__(self):
        yield self


async def awaiting(n):
    async with AsyncContext():
        await Awaitable()


class AsyncContext:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *details):
        return None


@types.coroutine
def old_coroutine():
    yield 1


@maker()
def suspended(n):
    made = []
    for steps in range(5):
        started = generator(n % 5 + 1, [n])
        for _ in range(steps):
            next(started, None)
        made.append(started)
    finished = generator(0)
    list(finished)
    delegated = delegating(n % 4 + 2)
    next(delegated)
    waiting = awaiting(n)
    waiting.send(None)
    fresh = coroutine(n)
    agen = async_generator(n % 3)
    stepped = async_generator(n % 3)
    step = stepped.__anext__()
    try:
        step.send(None)
    except StopIteration:
        pass
    closed = generator(3)
    next(closed)
    closed.close()
    failed = (1 // x for x in [0])
    try:
        next(failed)
    except ZeroDivisionError:
        pass
    return made + [finished, delegated, waiting, fresh, agen, stepped, agen.__anext__(), agen.asend(None), stepped.athrow(ValueError),
                   agen.aclose(), closed, failed, (x for x in [n]), fresh.__await__(), old_coroutine()]


@maker(8)
def huge_frames(n):
    """Generators with many locals."""
    text = "def g():\n" + "".join("    v%d = [%d]\n" % (i, i) for i in range(n * 20)) + "    yield 1\n"
    started = compiled(text)["g"]()
    next(started)
    return [started]


@maker()
def frames_and_exceptions(n):
    def raising(depth):
        if depth:
            return raising(depth - 1)
        raise KeyError(n, [depth])

    try:
        raising(n % 6)
    except KeyError as error:
        caught = error
    try:
        try:
            raising(0)
        except KeyError as error:
            raise ValueError("chained") from error
    except ValueError as error:
        chained = error
    made = [caught, chained, caught.__traceback__, caught.__traceback__.tb_frame, caught.__traceback__.tb_next]
    try:
        [][n]
    except IndexError as error:
        made.append(error.with_traceback(None))
    made += [OSError(2, "message", "file"), UnicodeDecodeError("utf-8", b"x", 0, 1, "why"), UnicodeEncodeError("ascii", "x", 0, 1, "w"),
             UnicodeTranslateError("x", 0, 1, "why"), SyntaxError("m", ("f", 1, 2, "t")), ImportError("m", name="n", path="p"),
             StopIteration(n), SystemExit(n), MemoryError(), RecursionError(n), AttributeError("a"), NameError("n"), KeyboardInterrupt(),
             StopAsyncIteration([n]), Warning(n), BlockingIOError(1, "x", 2), traceback.StackSummary(),
             traceback.TracebackException.from_exception(ValueError(n))]
    noted = ValueError(n)
    noted.attribute = [n]
    if hasattr(noted, "add_note"):
        noted.add_note("note")
    made.append(noted)
    group = getattr(__import__("builtins"), "ExceptionGroup", None)
    if group:
        made.append(group("group", [ValueError(n)]))
    return made


@maker(3)
def live_frames(n):
    """Frames of this very stack, kept."""
    return [sys._getframe(), sys._getframe(1), inspect.currentframe()]


# ---- weak references, memory, threads --------------------------------------------------------------

@maker()
def weak_references(n):
    target, another, third = Plain(n), Slots(n), outer(n)
    values, keys, members = weakref.WeakValueDictionary(), weakref.WeakKeyDictionary(), weakref.WeakSet()
    values[n] = target
    keys[target] = n
    members.add(another)
    dead = weakref.ref(Plain(n))
    return [target, another, third, weakref.ref(target), weakref.ref(target, ignore), weakref.ref(another), weakref.proxy(target),
            weakref.proxy(third), weakref.proxy(target, ignore), values, keys, members, dead, weakref.WeakMethod(target.method),
            weakref.finalize(target, ignore, n), weakref.ref(Plain), weakref.ref(generator), weakref.ref({1, 2}, len) if False else None]


@maker()
def streams(n):
    written = io.BytesIO()
    written.write(b"x" * (n % 3000))
    shared = io.BytesIO(b"y" * n)
    text = io.StringIO("t" * (n % 700))
    text.write("\u1234" * (n % 50))
    appended = io.StringIO()
    for i in range(n % 10):
        appended.write(str(i))
    realized = io.StringIO("q" * n)
    realized.seek(1)
    realized.write("z")
    closed = io.BytesIO(b"closed")
    closed.close()
    return [written, shared, text, appended, realized, closed, written.getbuffer(), io.BufferedReader(io.BytesIO(b"a")),
            io.BufferedWriter(io.BytesIO(), 4096), io.BufferedRandom(io.BytesIO(), 100), io.TextIOWrapper(io.BytesIO(b"a\nb")),
            io.BufferedRWPair(io.BytesIO(), io.BytesIO()), io.IncrementalNewlineDecoder(None, True), io.RawIOBase(), io.IOBase(),
            pickle.Pickler(io.BytesIO()), pickle.Unpickler(io.BytesIO(b""))]


@maker(30)
def pickles(n):
    pickler = pickle.Pickler(io.BytesIO(), protocol=n % 4)
    data = [[i, str(i), {"k": i}] for i in range(n * 3)]
    pickler.dump(data)
    stream = io.BytesIO(pickle.dumps(data))
    unpickler = pickle.Unpickler(stream)
    unpickler.load()
    return [pickler, unpickler, pickler.memo, unpickler.memo, pickle._Pickler(io.BytesIO()), pickle._Unpickler(io.BytesIO())]


@maker(60)
def hashes(n):
    return [[hashlib.new(name) for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s", "shake_128")],
            hashlib.sha256(b"x"), hashlib.blake2b(b"x"), hashlib.sha3_512(b"x")]


@maker(3)
def operating_system(n):
    left, right = socket.socketpair()
    file = tempfile.TemporaryFile()
    file.write(b"x" * 5000)
    anonymous = mmap.mmap(-1, 4096)
    selector = selectors.DefaultSelector()
    selector.register(left, selectors.EVENT_READ, [n])
    with open(os.devnull) as null:
        closed = null
    return [left, right, file, anonymous, selector, memoryview(anonymous), closed, open(os.devnull, "rb"), open(os.devnull, "w"),
            open(os.devnull, "rb", buffering=0), os.scandir("/"), os.stat("/"), os.times(), os.environ, os.statvfs("/"),
            time.localtime(), sys.flags, sys.float_info, sys.version_info, os.uname()] + attempt(
                lambda: __import__("select").epoll(), lambda: __import__("select").poll(), lambda: __import__("pwd").getpwuid(0),
                lambda: __import__("resource").getrusage(0), lambda: next(os.scandir("/")), lambda: os.terminal_size((1, 2)),
                lambda: tempfile.SpooledTemporaryFile(), lambda: tempfile.NamedTemporaryFile())


@maker(10)
def locks_and_queues(n):
    fifo, stack, heap = queue.Queue(), queue.LifoQueue(), queue.PriorityQueue(3)
    fifo.put([n])
    heap.put(n)
    local = threading.local()
    local.value = [n]
    made = [fifo, stack, heap, local, threading.Lock(), threading.RLock(), threading.Condition(), threading.Event(), threading.Semaphore(2),
            threading.Barrier(2), threading.Thread(target=ignore), threading.Timer(1, ignore), concurrent.futures.Future(),
            concurrent.futures.ThreadPoolExecutor(1), threading.current_thread()]
    if hasattr(queue, "SimpleQueue"):
        simple = queue.SimpleQueue()
        for i in range(n * 7):
            simple.put([i])
        made.append(simple)
    return made


@maker(1)
def processes(n):
    context = multiprocessing.get_context("fork")  # the others start helper processes
    return [context] + attempt(
        lambda: context.Pipe(), lambda: context.Process(target=ignore), lambda: multiprocessing.get_context("spawn"),
        lambda: context.Lock(), lambda: context.Queue(), lambda: context.Value("i", 1), lambda: context.Array("d", 3),
        lambda: context.Event(), lambda: __import__("multiprocessing.shared_memory", fromlist=["_"]).SharedMemory)


@maker(200)
def logs(n):
    logger = logging.getLogger("heap.%d" % n)
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    return [logger, handler, logging.Formatter(), logger.makeRecord("n", 10, "f", n, "m", (n,), None), logging.NullHandler(),
            logging.LoggerAdapter(logger, {}), logging.Filter("x")]


# ---- C extensions --------------------------------------------------------------------------------

@maker(12)
def databases(n):
    sqlite3 = optional("sqlite3")
    if not sqlite3:
        return []
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("create table t (a integer, b text)")
    connection.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(20)])
    connection.create_function("f", 1, lambda x: x)
    cursor = connection.execute("select * from t")
    row = cursor.fetchone()
    return [connection, cursor, row, connection.execute("select 1").fetchall(), sqlite3.Binary(b"x"), sqlite3.Error(n),
            connection.iterdump()] + (attempt(lambda: connection.blobopen) if hasattr(connection, "blobopen") else [])


class Struct(ctypes.Structure):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_char_p), ("c", ctypes.c_double * 4), ("p", ctypes.py_object)]


class BitStruct(ctypes.BigEndianStructure):
    _fields_ = [("a", ctypes.c_uint, 3), ("b", ctypes.c_uint, 5)]


class Union(ctypes.Union):
    _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_byte * 24)]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


@maker(150)
def foreign(n):
    structure = Struct(n, b"bytes", (ctypes.c_double * 4)(), [n])
    number = ctypes.c_int(n)
    big = (ctypes.c_int * (n * 5))()
    pointer = ctypes.pointer(structure)
    return [structure, number, BitStruct(1, 2), Union(), big, pointer, pointer.contents, ctypes.byref(number), CALLBACK(lambda x: x),
            ctypes.POINTER(Struct)(), ctypes.create_string_buffer(n * 10), ctypes.create_unicode_buffer(n + 1), ctypes.c_char_p(b"x"),
            ctypes.c_void_p(1), ctypes.py_object([n]), Struct.a, (Struct * 3)(), ctypes.cast(big, ctypes.POINTER(ctypes.c_char)),
            ctypes.CDLL(None), ctypes.pythonapi.Py_IncRef, ctypes.c_longdouble(1), ctypes.c_bool(1), ctypes.c_wchar_p("x"),
            ctypes.memset, Struct.from_buffer(bytearray(200)), big[1:3]]


@maker(60)
def trees(n):
    etree = optional("xml.etree.ElementTree")
    expat = optional("xml.parsers.expat")
    made = []
    if etree:
        root = etree.Element("root", {"a": "1"})
        for i in range(n):
            child = etree.SubElement(root, "child%d" % (i % 5), a=str(i))
            child.text = "t" * i
            for _ in range(i % 7):
                etree.SubElement(child, "leaf")
        made += [root, etree.ElementTree(root), iter(root), root.iter("leaf"), root.attrib, etree.TreeBuilder(), etree.XMLParser(),
                 etree.fromstring("<a><b c='d'>x</b>y</a>"), root.findall("child0"), etree.XMLPullParser()]
    if expat:
        parser = expat.ParserCreate()
        parser.StartElementHandler = ignore
        parser.Parse("<a>")
        made.append(parser)
    return made


@maker(40)
def syntax(n):
    tree = ast.parse("def f(x, *y, z=%d):\n    return [x + 1 for x in y if z] + {'a': 1}\n" % n)
    code = compile(tree, "f", "exec")
    return [tree, list(ast.walk(tree)), code, [code.co_consts], ast.NodeVisitor()]


@maker(10)
def security(n):
    ssl = optional("ssl")
    if not ssl:
        return []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return [context, ssl.MemoryBIO(), context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")]


@maker(40)
def compressors(n):
    made = []
    for name in ("zlib", "bz2", "lzma"):
        module = optional(name)
        if not module:
            continue
        if name == "zlib":
            compressor = module.compressobj()
            compressor.compress(b"x" * n)
            made += [[compressor, module.decompressobj()]]
        elif n < 6:
            made += [[getattr(module, name.upper().replace("BZ2", "BZ2") + "Compressor")(),
                      getattr(module, name.upper() + "Decompressor")()]]
    made += attempt(lambda: [__import__("compression.zstd", fromlist=["_"]).ZstdCompressor()]) if sys.version_info >= (3, 14) else []
    return made


@maker(100)
def contexts(n):
    contextvars = optional("contextvars")
    if not contextvars:
        return []
    variables = [contextvars.ContextVar("v%d" % i, default=[i]) for i in range(n % 40)]
    tokens = [variable.set([n]) for variable in variables]
    context = contextvars.copy_context()
    for variable, token in zip(variables[::2], tokens[::2]):
        variable.reset(token)
    return variables + tokens + [context, contextvars.Context(), context.items(), iter(context), context.keys(), context.values()]


@maker(100)
def more_modules(n):
    made = [types.ModuleType("module%d" % n), sys.modules["os"], copy.copy, types.DynamicClassAttribute(), inspect.signature(outer),
            inspect.Parameter("p", inspect.Parameter.KEYWORD_ONLY)]
    zoneinfo = optional("zoneinfo")
    if zoneinfo:
        made += attempt(lambda: zoneinfo.ZoneInfo("Europe/Berlin"), lambda: zoneinfo.ZoneInfo.no_cache("America/New_York"))
    bisect, calendar, pathlib = optional("bisect"), optional("calendar"), optional("pathlib")
    made += [bisect, calendar.Calendar(), pathlib.Path("/a/b%d" % n), pathlib.PurePosixPath("x")]
    return made


@maker()
def typings(n):
    made = [typing.List[int], typing.Dict[str, typing.Any], typing.Optional[int], typing.Union[int, str, None],
            typing.Callable[[int], str], T, typing.TypeVar("T%d" % n), typing.Tuple[int, ...], typing.Any, typing.NamedTuple(
                "N%d" % (n % 10), [("a", int)]) if n < 10 else None, typing.Generic]
    if sys.version_info >= (3, 9):
        made += [list[int], dict[str, T], tuple[int, ...], collections.abc.Callable[[int], T]]
    if sys.version_info >= (3, 10):
        made += [int | str, list[T] | None, typing.ParamSpec("P")]
    if sys.version_info >= (3, 12):
        made += list(compiled("type Alias[T] = list[T]\ndef f[T, *Ts, **P](x: T) -> T: return x\nclass C[T: int]: pass\n"
                              "c = C[int]()\nt = f.__type_params__\n").values()) if n < 20 else []
    if sys.version_info >= (3, 14) and n < 20:
        made += list(compiled("n = 3\nt = t'hello {n!r:>10} {n}'\ni = t.interpolations[0]\nit = iter(t)\n"
                              "def f(x: undefined): pass\na = f.__annotate__\n").values())
    if sys.version_info >= (3, 7) and n < 20:
        made += list(compiled("import dataclasses\n@dataclasses.dataclass\nclass D:\n    a: int\n    b: list = dataclasses.field("
                              "default_factory=list)\nd = D(1)\nf = dataclasses.fields(D)\n@dataclasses.dataclass(frozen=True)\n"
                              "class F:\n    a: int = 0\nx = F()\n").values())
    if sys.version_info >= (3, 10) and n < 20:
        made += list(compiled("import dataclasses\n@dataclasses.dataclass(slots=True)\nclass S:\n    a: int\ns = S(1)\n").values())
    if sys.version_info >= (3, 15) and n < 20:
        made += list(compiled("lazy import xml.sax.saxutils\nlazy from xml.sax import handler\nf = frozendict(a=[1])\n"
                              "s = sentinel('S')\n").values())
    return made


class Sequence:
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index


@maker(30)
def odds_and_ends(n):
    """What nothing else makes."""
    api = ctypes.pythonapi
    api.PyInstanceMethod_New.restype = ctypes.py_object
    made = [reversed(Sequence()), iter(Sequence()), api.PyInstanceMethod_New(ctypes.py_object(ignore)), time.localtime(n),
            time.struct_time(range(11)), sys.flags, sys.float_info, sys.hash_info, sys.int_info, sys.thread_info, sys.version_info]
    made += attempt(lambda: os.sched_param(n), lambda: os.terminal_size((n, n)), lambda: os.times_result(range(5)),
                    lambda: os.stat_result(range(19)), lambda: os.waitid_result(range(5)),
                    lambda: __import__("signal").struct_siginfo(range(7)), lambda: __import__("pwd").struct_passwd(range(7)))
    for name in ("_md5.md5", "_sha1.sha1", "_sha2.sha256", "_sha2.sha512", "_sha256.sha256", "_sha512.sha512", "_sha3.sha3_256",
                 "_blake2.blake2b", "_hmac.new"):
        module, _, function = name.partition(".")
        try:
            made.append([getattr(__import__(module), function)(b"x" * n)])
        except Exception:
            continue
    codec = __import__("_codecs_jp").getcodec("shift_jis")
    import encodings.shift_jis as shift_jis
    made += [codec, shift_jis.IncrementalEncoder(), shift_jis.IncrementalDecoder(), shift_jis.StreamReader(io.BytesIO()),
             shift_jis.StreamWriter(io.BytesIO())]
    profiler = optional("_lsprof")
    if profiler:
        profile = profiler.Profiler()
        profile.enable()
        outer(n)
        profile.disable()
        made += [profile, profile.getstats()]
    if sys.version_info >= (3, 8):
        made += attempt(lambda: pickle.PickleBuffer(bytearray(n)), lambda: reversed({"a": n}), lambda: reversed({"a": n}.values()),
                        lambda: reversed({"a": n}.items()), lambda: datetime.date.today().isocalendar())
    if sys.version_info >= (3, 9):
        made += attempt(lambda: iter(tuple[int]), lambda: list[T][int], lambda: re.compile("(a)").sub("\\1x", "a"))
    if sys.version_info >= (3, 10):
        made += attempt(lambda: anext(async_generator(1), n), lambda: aiter(async_generator(1)))
    if sys.version_info >= (3, 11):
        made += attempt(lambda: BaseExceptionGroup("g", [KeyboardInterrupt(n)]))
    if sys.version_info >= (3, 13):
        made += attempt(lambda: (lambda local: sys._getframe().f_locals)(n))
    contextvars = optional("contextvars")
    if contextvars:
        context = contextvars.copy_context()
        many = [contextvars.ContextVar("many%d" % i) for i in range(n * 20)]
        context.run(lambda: [variable.set([n]) for variable in many])
        made += [context, many, iter(context.items()), iter(context.values()), context.keys(), contextvars.copy_context()]
    return made


@maker(1)
def frozen_dicts(n):
    kind = getattr(__import__("builtins"), "frozendict", None)
    return [kind((i, [i]) for i in range(size)) for size in range(300)] if kind else []


@maker(1)
def event_loop(n):
    """An asyncio loop that stopped in the middle of its work."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    kept = []

    async def sleeper(i):
        await asyncio.sleep(1000 + i)

    async def failing():
        raise ValueError("task")

    async def main():
        event, lock, condition = asyncio.Event(), asyncio.Lock(), asyncio.Condition()
        items = asyncio.Queue()
        await lock.acquire()
        tasks = [asyncio.ensure_future(sleeper(i)) for i in range(200)]
        tasks += [asyncio.ensure_future(event.wait()), asyncio.ensure_future(lock.acquire()), asyncio.ensure_future(items.get()),
                  asyncio.ensure_future(failing())]
        future = loop.create_future()
        future.add_done_callback(ignore)
        done = loop.create_future()
        done.set_result([1])
        gathered = asyncio.gather(asyncio.sleep(1000), asyncio.sleep(1001))
        kept.extend([tasks, future, done, gathered, event, lock, condition, items, asyncio.Semaphore(3), asyncio.shield(future),
                     iter(future), loop.call_later(1000, ignore)])
        await asyncio.sleep(0.01)
        kept.append(tasks[-1].exception())

    loop.run_until_complete(main())
    return kept + [loop]


def blocked_thread(event, level):
    """Waits for ever, some calls deep."""
    local = [level]
    if level:
        return blocked_thread(event, level - 1)
    with event:
        pass
    return local


# ---- growing it ----------------------------------------------------------------------------------

def grow(kept, wanted, first):
    """Calls the makers, each with one number after the other, until @wanted objects are tracked."""
    number = first
    while True:
        for function, times in MAKERS:
            if times and number > times:
                continue
            try:
                kept.append(function(number))
            except Exception as error:
                if "--list" in sys.argv:
                    traceback.print_exc()
                LEFT_OUT.append("%s: %r" % (function.__name__, error))
        number += 1
        if len(gc.get_objects()) >= wanted:
            return number


def make_garbage():
    """Puts objects into gc.garbage as DEBUG_SAVEALL does."""
    for i in range(20):
        cycle = Plain(i)
        cycle.self = cycle
    del cycle
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)


def on_collection(phase, info):
    """A collector callback."""


def samples(kept):
    """Objects to look at one by one; most of them are not tracked."""
    found = ["", "a", "hello, world", "quote ' and \" and \\ and \n\t\x00\x7f", "Größe", "\u4e2d\u6587 text", "\U0001f40d snake",
             "lone \ud800 surrogate", "x" * 1000, b"", b"bytes \x00\xff'\"\n", b"y" * 500, 0, 1, -1, 255, 2 ** 30 - 1, 2 ** 30, -2 ** 60,
             10 ** 50, -10 ** 300, 1.0, -0.0, 1e300, 0.1, float("inf"), float("nan"), 5e-324, 2.5e-7, 1e16, 123456789012345680.0,
             1j, complex(1.5, -0.0), complex("nan"), True, False, None, Ellipsis, NotImplemented, range(5), bytearray(b"abc"), [], [1], (), (1,
             2), {}, {"a": 1}, set(), {1}, frozenset([1]), collections.deque([1, 2]), outer, Plain, Plain(1), sys, int, type, object(),
             Plain.Nested, len, [].append, Colour.RED, datetime.date(2020, 1, 2), decimal.Decimal("1.5"), outer(1).__code__,
             collections.OrderedDict(a=1), collections.defaultdict(list), generator(1), slice(1, 2), ValueError("x"), Größe, Spaces(), NonBmp,
             memoryview(b"abc"), array.array("i", [1, 2, 3]), Point(1, 2), range(0), 3.0, 1e22, 12345.678, 10 ** 4300, "\\", "it's"]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=200000)
    parser.add_argument("--freeze", action="store_true", help="freeze what exists half way")
    parser.add_argument("--enabled", action="store_true", help="leave the collector enabled (with a high threshold)")
    parser.add_argument("--threads", type=int, default=0, help="threads that wait meanwhile")
    parser.add_argument("--oracle", default="oracle.py", help="what to ask the interpreter: oracle.py, referents.py")
    parser.add_argument("--list", action="store_true", help="say what was left out")
    parser.add_argument("record")
    return parser.parse_args()


options = main()
kept = []
stages = {}
for number in range(options.threads):
    gate = threading.Lock()
    gate.acquire()
    thread = threading.Thread(target=blocked_thread, args=(gate, number % 5), daemon=True)
    thread.start()
    kept.append((gate, thread))
wanted = options.objects
following = grow(kept, wanted * 5 // 10, 0)
make_garbage()
gc.callbacks.append(on_collection)
gc.collect()
if options.freeze and hasattr(gc, "freeze"):
    gc.unfreeze()  # 3.12 starts with some
    oracle_snapshot = gc.get_objects()
    gc.freeze()
    following = grow(kept, wanted * 3 // 10, following)
    gc.collect()
    wanted = wanted // 2
else:
    oracle_snapshot = None
if sys.version_info < (3, 8):  # the collector does not say who is in which generation: note it on the way
    stage = gc.get_objects()
    stages.update((id(item), 2) for item in stage)
    kept.append(stage)
following = grow(kept, wanted * 7 // 10, following)
if sys.version_info < (3, 8):
    stage = gc.get_objects()
    stages.update((id(item), 1) for item in stage if id(item) not in stages)
    stages[id(stage)] = 1
    kept.append(stage)
gc.collect(0)
following = grow(kept, wanted, following)
gc.set_threshold(1000000, 7, 5)
if options.list:
    for text in sorted(set(LEFT_OUT)):
        print(text, file=sys.stderr)
time.sleep(0.3 if options.threads else 0)
oracle_path = options.record
oracle_stages = stages
oracle_samples = samples(kept)
sys.stderr.flush()
logging.disable(logging.CRITICAL)
if options.enabled:
    gc.set_threshold(100000000, 7, 5)
    gc.enable()
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE | gc.DEBUG_SAVEALL)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), options.oracle), encoding="utf-8") as source:
    text = source.read()
exec(compile(text, options.oracle, "exec"))
