# SPDX-License-Identifier: MIT
"""Collects garbage again and again, for a debugger that stops it in the middle.

    caught.py FOLDER ROUNDS SEED [PLACE]

With PLACE it says "ready" in its first collection and waits there, after it has written FOLDER/now.json, a list of what
gc.get_objects() says there: what is on the lists of the generations.

    start, stop  in a callback of gc.callbacks
    weakref      in the callback of a weak reference to garbage
    finalizer    in the __del__ of garbage

Writes FOLDER/ROUND.json before each collection:

    objects    addresses of all objects that the collector knows
    frozen     gc.get_freeze_count()
    garbage    addresses of those that a full collection finds unreachable, in the order of gc.garbage: asked of a
               child process, which has the same heap
    referents  of each of them, those that are garbage
    saveall    nothing is freed: gc.DEBUG_SAVEALL is set
    generation that is collected
    quiet      no finalizer and no callback is called

and calls os.getppid() before and after it.
"""
import functools
import gc
import json
import os
import random
import signal
import sys
import weakref


class Node:
    def __init__(self):
        self.links = []


class Slots:
    __slots__ = ("one", "two", "__weakref__")


class Finalized(Node):
    def __del__(self):
        called.append(len(self.links))
        if place == "finalizer":
            wait()


def wait():
    """Waits to be looked at. Nobody knows better than gc.get_objects() which objects have come into being."""
    with open(os.path.join(folder, "now.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps([id(each) for each in gc.get_objects()]))
    os.write(1, b"ready\n")
    signal.pause()


def weakref_called(reference):
    called.append(reference)
    if place == "weakref":
        wait()


def collector_called(phase, info):
    if place == phase:
        wait()


def closure(link):
    def inner():
        return link
    return inner


# no generators: where the collector calls their finalizers, they drop what they hold
def make_objects(count, classes, chance):
    """Objects that refer to each other at random."""
    objects = []
    for _ in range(count):
        kind = chance.randrange(len(classes) + 5)
        if kind < len(classes):
            objects.append(classes[kind]())
        elif objects:
            other = chance.choice(objects)
            objects.append(([other], {"key": other}, (other, [other]), functools.partial(closure, other), closure(other))[kind - len(classes)])
    for one in objects:
        link(one, chance.choice(objects), chance.choice(objects))
    return objects


def link(one, first, second):
    if isinstance(one, Node):
        one.links += [first, second]
    elif isinstance(one, Slots):
        one.one, one.two = first, second
    elif isinstance(one, list):
        one.append(first)
    elif isinstance(one, dict):
        one["first"], one[second is first] = first, second


def ask_child(path):
    """What a full collection finds here, asked of a child process."""
    if not os.fork():
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        addresses = set(map(id, gc.garbage))
        referents = {str(id(each)): [id(other) for other in gc.get_referents(each) if id(other) in addresses]
                     for each in gc.garbage}
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps({"garbage": list(map(id, gc.garbage)), "referents": referents}))
        os._exit(0)
    os.wait()


def write(path, facts):
    with open(path + "-garbage", encoding="utf-8") as file:
        facts.update(json.load(file))
    with open(path + "-new", "w", encoding="utf-8") as file:
        file.write(json.dumps(facts))  # dump() leaves garbage
    os.rename(path + "-new", path)


gc.disable()
called = []
folder, rounds, chance = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
place = None
kept = make_objects(3000, (Node, Slots), chance)
references, nothing = [], []
for number in range(-1, rounds):
    objects = facts = arguments = None
    gc.set_debug(0)
    del gc.garbage[:]
    del references[:]
    del called[:]
    gc.collect()
    waits = number == 0 and len(sys.argv) > 4
    quiet = number % 2 == 0 and not waits
    generation = 2 if waits else chance.choice((0, 1, 2, 2))
    saveall = number % 4 < 3
    classes = (Node, Slots) if quiet else (Node, Slots, Finalized)
    young = make_objects(150, classes, chance)
    if chance.random() < .5:
        gc.collect(0)
    dead = make_objects(100 if waits else chance.choice((5, 100, 300)), classes, chance)
    if not quiet:
        references += [weakref.ref(each, weakref_called) for each in dead if isinstance(each, (Node, Slots))][:20]
    if chance.random() < .5:
        gc.collect(1)
    del dead
    more = make_objects(20, classes, chance)
    path = os.path.join(folder, "%d.json" % number)
    if waits:
        gc.callbacks.append(collector_called)
    ask_child(path + "-garbage")
    if waits:
        place = sys.argv[4]
    gc.set_debug(gc.DEBUG_SAVEALL if saveall else 0)
    arguments = (generation,)  # that the call makes none: 3.6
    facts = {"frozen": gc.get_freeze_count() if hasattr(gc, "freeze") else 0, "saveall": saveall,
             "generation": generation, "quiet": quiet, "objects": nothing}
    objects = gc.get_objects()
    objects = list(map(id, objects))
    facts["objects"] = objects + [id(objects)]
    del objects[:]
    write(path, facts)
    facts.clear()
    os.getppid()
    gc.collect(*arguments)
    os.getppid()
    del young, more
