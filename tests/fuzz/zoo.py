# SPDX-License-Identifier: MIT
"""A few objects of many kinds, for make-corpus: what is made after gc.freeze() is the heap that fuzz-heap changes."""
import array
import asyncio
import collections
import datetime
import functools
import gc
import io
import itertools
import os
import threading
import types
import weakref


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return self


class Slotted:
    __slots__ = ("a", "b", "__weakref__")


class Finalized(Plain):
    def __del__(self):
        Plain.last = None


class Mixed(dict):
    extra = 1


def generator(argument):
    local = [argument]
    yield local
    yield argument


async def coroutine(argument):
    await asyncio.sleep(argument)


def closure(captured):
    def inner():
        return captured
    return inner


def failed(argument):
    try:
        raise ValueError(argument)
    except ValueError as error:
        return error


def build():
    keep = []
    one = Plain(name="one", number=1 << 70, items=[1, 2.5, 3j, b"bytes", "text", "\u20ac", "\U0001f40d", None, True])
    slotted = Slotted()
    slotted.a, slotted.b = one, keep
    keep += [one, slotted, {"key": one, 1: slotted, (1, 2): b""}, {1, "two", 3.0}, frozenset([one]), (one, (slotted, ()))]
    keep += [Mixed(a=1), collections.deque([1, one]), collections.OrderedDict(a=one), collections.defaultdict(list, b=[one])]
    running = generator(one)
    next(running)
    keep += [running, generator(2), coroutine(one), closure(one), one.method, functools.partial(closure, one), failed(one)]
    keep += [types.SimpleNamespace(a=one), types.MappingProxyType({"p": one}), types.ModuleType("made"), memoryview(b"view")]
    keep += [array.array("d", [1.0]), bytearray(b"grown"), slice(1, one), range(5), property(closure), staticmethod(closure)]
    keep += [iter([one]), iter({"k": one}), {"v": one}.items(), enumerate([one]), zip([one]), itertools.count(), map(str, [one])]
    keep += [weakref.ref(one), weakref.ref(slotted, keep.append), weakref.WeakValueDictionary(w=one), weakref.WeakSet([one])]
    keep += [datetime.datetime(2026, 11, 20), threading.Lock(), io.BytesIO(b"io"), io.StringIO("io"), functools.lru_cache()(closure)]
    keep[-1](one)
    return keep


def drop():
    """Garbage in cycles of several kinds."""
    a, b, c = Plain(), Finalized(), [1]
    a.b, b.a = b, a
    c.append({"c": c})
    d = Slotted()
    d.a = d.b = d
    e = closure([c])
    c.append(e)
    e.itself = e


gc.collect()
gc.disable()
gc.freeze()
keep = build()
drop()
os.write(1, b"ready\n")
os.read(0, 1)
