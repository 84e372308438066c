# SPDX-License-Identifier: MIT
"""A process with a heap of many objects, for bench/run and bench/sql: python3 heap.py OBJECTS [KIND]

  ordinary  as many tracked objects in the proportions of a service, made one after the other
  shuffled  the same, but most references lead to some other object far away, and the collector's list has no order either
  chain     a list of so many linked nodes
  dict      one dict with so many keys, and a small list for each
  strings   so many small strings

Says how many objects are tracked, and answers commands on standard input, one a line, with one line each:
  litter N  drops about N tracked objects in cycles of several shapes, and says how many
  collect   seconds that its own gc.collect() takes, seconds of processor time, and how many objects that found
  count     the same of collections.Counter(map(type, gc.get_objects())), and how many types that found
  beat      seconds of the longest time since the last `beat` or `watch` that it could not run
  watch     from now on, it notices that; until `rest`
  rest      no longer, so that nothing disturbs what is measured
  deep      the address of an object deep inside
  head      the address of the collector's head of a tracked object
  peer NAME seconds, seconds of processor time, bytes of memory and objects of another inspector, which runs inside: see PEERS
"""
import collections
import gc
import os
import random
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


def shuffle(objects):
    """As build() makes it, without locality: the order of addresses, of references and of the collector's list have nothing to
    do with each other."""
    chance = random.Random(1)
    heap = build(objects)
    chance.shuffle(heap)
    nodes = [each[0] for each in heap]

    def any_node():
        return nodes[int(chance.random() * len(nodes))]

    for node, record, single, slots in heap:
        node.parent, node.tags[1] = any_node(), any_node()
        record["node"] = any_node()
        single.clear()
        single.add(any_node())
        slots.left = any_node()
    return heap


def chain(objects):
    """Linked nodes; the first is the last one made."""
    node = None
    for number in range(objects):
        node = Slots(node, number + 0.5)
    return [node]


KINDS = {
    "ordinary": build,
    "shuffled": shuffle,
    "chain": chain,
    "dict": lambda objects: [{"key %d" % number: [number] for number in range(objects)}],
    "strings": lambda objects: ["string %d" % number for number in range(objects)],
}


def deep(kind, heap):
    """An object as far inside as those of this heap are."""
    if kind == "chain":
        node = heap[0]
        while node.left:
            node = node.left
        return node
    if kind == "dict":
        return next(reversed(heap[0].values()))
    return heap[len(heap) // 2] if kind == "strings" else heap[len(heap) // 2][0].tags


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
    """Notices when the process stands still, while it is awake."""

    def __init__(self):
        super().__init__(daemon=True)
        self.awake = threading.Event()
        self.longest = 0.0

    def run(self):
        while True:
            self.awake.wait()
            last = time.monotonic()
            while self.awake.is_set():
                time.sleep(0.0002)
                now = time.monotonic()
                self.longest = max(self.longest, now - last)
                last = now

    def said(self):
        """The longest time, which begins anew."""
        time.sleep(0.05)
        longest, self.longest = self.longest, 0.0
        return longest


def timed(function):
    began, used = time.monotonic(), time.thread_time()
    result = function()
    return "%f %f %d" % (time.monotonic() - began, time.thread_time() - used, result)


def count():
    return len(collections.Counter(map(type, gc.get_objects())))


# ---- other inspectors that run inside: what they count ----


def guppy3():
    import guppy
    return guppy.hpy().heap().count


def pympler():
    from pympler import muppy, summary
    return sum(row[1] for row in summary.summarize(muppy.get_objects()))


def objgraph():
    import objgraph as peer
    return sum(peer.typestats().values())


PEERS = {"guppy3": guppy3, "pympler": pympler, "objgraph": objgraph}


def memory(field):
    """Bytes of memory of this process: VmHWM or VmRSS."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def ask_peer(name):
    """Its seconds, bytes beyond what the process has anyway, and objects; empty if it is not installed."""
    try:
        __import__("guppy" if name == "guppy3" else name)
    except ImportError:
        return ""
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as peak:
        peak.write("5")  # VmHWM begins anew: proc(5)
    before = memory("VmRSS")
    times = timed(PEERS[name]).split()
    return " ".join(times[:2] + [str(memory("VmHWM") - before), times[2]])


def main():
    gc.disable()
    kind = sys.argv[2] if len(sys.argv) > 2 else "ordinary"
    heap = KINDS[kind](int(sys.argv[1]))
    heartbeat = Heartbeat()
    heartbeat.start()
    answers = {
        "litter": lambda objects: litter(int(objects)),
        "collect": lambda: timed(gc.collect),
        "count": lambda: timed(count),
        "watch": lambda: heartbeat.awake.set() or heartbeat.said(),
        "beat": heartbeat.said,
        "rest": heartbeat.awake.clear,
        "deep": lambda: hex(id(deep(kind, heap))),
        "head": lambda: hex(id(heap) - 16),  # struct PyGC_Head, CPython 3.8 and newer
        "peer": ask_peer,
    }
    print(len(gc.get_objects()), flush=True)
    for command in sys.stdin:
        verb, *arguments = command.split()
        print(answers[verb](*arguments), flush=True)
    sys.stdout.flush()
    os._exit(0)  # to free all of it would take as long as to make it


if __name__ == "__main__":
    main()
