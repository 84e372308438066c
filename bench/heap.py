# SPDX-License-Identifier: MIT
"""A process with a heap of many tracked objects, for bench/run: python3 heap.py OBJECTS

Answers commands on standard input, one a line, with one line each:
  litter N  drops about N tracked objects in cycles of several shapes, and says how many
  collect   seconds that its own gc.collect() takes, seconds of processor time, and how many objects that found
  count     the seconds of collections.Counter(map(type, gc.get_objects()))
  beat      seconds of the longest time since the last `beat` that it could not run
"""
import collections
import gc
import sys
import threading
import time


class Node:
    """An instance with attributes, as most objects of a real heap are."""

    def __init__(self, number, parent):
        self.number = number
        self.parent = parent
        self.name = "node %d" % number
        self.tags = [number, parent, number * 0.5]


class Slots:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left, self.right = left, right


def build(objects):
    """As many tracked objects, in the proportions of a service (instances, lists, dicts, tuples, sets), and as many that
    are not tracked: numbers, str, bytes."""
    heap = []
    node = Node(0, None)
    while len(heap) * 6 < objects:
        number = len(heap)
        node = Node(number, node if number % 1000 else None)  # 2 tracked objects
        record = {"node": node, "name": "n%d" % number, "data": b"%d" % number}
        heap.append((node, record, {node}, Slots(node, number + 0.25)))  # 4
    return heap


# ---- garbage: each of these drops something in a cycle ----


class Session:
    def __init__(self, number):
        self.user = "user %d" % number
        self.handler = Handler(self)


class Handler:
    def __init__(self, session):
        self.session = session
        self.callbacks = [session, self.close]

    def close(self):
        self.session = None


def drop_pair(number):
    first = Slots(None, number + 0.5)
    first.left = Slots(first, b"%d" % number)


def drop_session(number):
    Session(number)


def drop_list(number):
    itself = [number, "item %d" % number]
    itself.append(itself)


def drop_closure(number):
    def again(left):
        return again(left - 1) if left else number


def drop_nodes(number):
    parent = Node(number, None)
    parent.tags.append(Node(number, parent))


def litter(objects):
    """Drops about as many tracked objects; the collector, which does not run, counts them."""
    shapes = (drop_pair, drop_session, drop_list, drop_closure, drop_nodes)
    before, number = gc.get_count()[0], 0
    while gc.get_count()[0] - before < objects:
        shapes[number % len(shapes)](number)
        number += 1
    return gc.get_count()[0] - before


class Heartbeat(threading.Thread):
    """Notices when the process stands still."""

    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0.0

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(0.0002)
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now


def timed(function):
    began, used = time.monotonic(), time.thread_time()
    result = function()
    return "%f %f %d" % (time.monotonic() - began, time.thread_time() - used, result)


def count():
    return len(collections.Counter(map(type, gc.get_objects())))


def main():
    gc.disable()
    heap = build(int(sys.argv[1]))
    heartbeat = Heartbeat()
    heartbeat.start()
    print(len(gc.get_objects()), flush=True)
    for command in sys.stdin:
        verb, *arguments = command.split()
        if verb == "litter":
            print(litter(int(arguments[0])), flush=True)
        elif verb in ("collect", "count"):
            print(timed(gc.collect if verb == "collect" else count), flush=True)
        else:
            time.sleep(0.05)
            print(heartbeat.longest, flush=True)
            heartbeat.longest = 0.0
    return heap


if __name__ == "__main__":
    main()
