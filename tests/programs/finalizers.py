# SPDX-License-Identifier: MIT
"""Makes heaps with finalizers, weak references and uncollectable objects, and lets the collector say what it calls.

    finalizers.py SEED COUNT RECORD

For each seed from SEED on: builds a heap of which parts are garbage in cycles, appends a line about its weak references
to RECORD, prints "ready" and waits for a line on stdin, which says which generation to collect. After that it
appends a second line. Both are JSON:

    {"weakrefs": [[address, referent or 0, callback or 0]…], "containers": [[address, live]…],
     "finalizable": [[address, has the finalizer been called]…], "garbage": [address…]}
    {"calls": [["callback" or "finalizer", address]…], "uncollectable": [address…]}

"weakrefs" are those to objects that the collector tracks, and dead ones; "finalizable" are the objects with a __del__;
"garbage" is gc.garbage before the collection, "uncollectable" what the collection added to it.
"""
import gc
import json
import os
import random
import sys
import weakref

sys.dont_write_bytecode = True
gc.disable()
gc.set_threshold(0)

try:
    from _testcapi import with_tp_del
except ImportError:
    with_tp_del = None

called = []


class Finalized:
    """Has a finalizer."""

    def __del__(self):
        called.append(["finalizer", id(self)])


class FinalizedList(list):
    """Has one, too."""

    def __del__(self):
        called.append(["finalizer", id(self)])


class Plain:
    """Has none."""


class Uncollectable:
    """With tp_del, where the test module has it."""

    def __tp_del__(self):
        pass


if with_tp_del:
    Uncollectable = with_tp_del(Uncollectable)


def on_death(reference):
    """A callback."""
    called.append(["callback", id(reference)])


def make(random_, held):
    """A few objects in a cycle, with weak references to them; puts some of all that into @held."""
    kinds = [Finalized, FinalizedList, Plain, Plain] + ([Uncollectable] if with_tp_del else [])
    cycle = [random_.choice(kinds)() for _ in range(random_.randrange(1, 5))]
    for index, each in enumerate(cycle):
        each.next = cycle[index - 1]
        each.more = [Finalized() for _ in range(random_.randrange(2))]
    for each in cycle:
        for _ in range(random_.randrange(4)):
            reference = weakref.ref(each, random_.choice([on_death, None]))
            if random_.randrange(3):
                held.append(reference)
            else:
                random_.choice(cycle).reference = reference
        if random_.randrange(4) == 0:
            held.append(weakref.proxy(each, on_death))
    if random_.randrange(3) == 0:
        held.append(cycle[0])


def weak_references():
    """[[address, referent or 0, callback or 0]…]"""
    found, answer = set(), []
    objects = gc.get_objects()
    for each in objects:
        try:
            references = weakref.getweakrefs(each)
        except TypeError:
            continue
        for reference in references:
            found.add(id(reference))
            callback = reference.__callback__ if isinstance(reference, weakref.ReferenceType) else None
            answer.append([id(reference), id(each), id(callback) if callback else 0])
    for each in objects:
        if ((issubclass(type(each), weakref.ReferenceType) and each() is None) or
                (issubclass(type(each), weakref.ProxyTypes) and id(each) not in found)):
            answer.append([id(each), 0, 0])
    return answer


def finalizable():
    return [[id(each), gc.is_finalized(each) if hasattr(gc, "is_finalized") else None]
            for each in gc.get_objects() if type(each) in (Finalized, FinalizedList)]


def build(seed, held):
    random_ = random.Random(seed)
    values, keys, items = weakref.WeakValueDictionary(), weakref.WeakKeyDictionary(), weakref.WeakSet()
    for number in range(random_.choice([2, 10, 60])):
        make(random_, held)
        live = Plain()
        values[number] = keys[live] = live
        items.add(live)
        if random_.randrange(2):
            held.append(live)
        if random_.randrange(10) == 0:
            gc.collect(random_.randrange(2))
            held.append([])
        del live
    keys.clear()  # its values hold its keys
    held += [values, keys, items]
    return [[id(values), len(values.data)], [id(keys), len(keys.data)], [id(items), len(items.data)]]


def main():
    first, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with open(path, "w") as record:
        for seed in range(first, first + count):
            held = []
            containers = build(seed, held)
            record.write(json.dumps({"weakrefs": weak_references(), "containers": containers,
                                     "finalizable": finalizable(), "garbage": list(map(id, gc.garbage))}) + "\n")
            record.flush()
            del called[:]
            os.write(1, b"ready\n")
            line = os.read(0, 100)
            if not line:
                break
            before = len(gc.garbage)
            gc.collect(int(line))
            record.write(json.dumps({"calls": called, "uncollectable": list(map(id, gc.garbage[before:]))}) + "\n")
            record.flush()
            for each in gc.garbage:
                each.__dict__.clear()
            del held, gc.garbage[:]
            gc.collect()
    os.write(1, b"ready\n")


if __name__ == "__main__":
    main()
