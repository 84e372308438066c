# SPDX-License-Identifier: MIT
"""A process with a heap of many tracked objects, for bench/run: python3 heap.py OBJECTS

Answers commands on standard input, one a line, with one line each:
  collect   seconds that its own gc.collect() takes, and seconds of processor time
  count     the same of collections.Counter(map(type, gc.get_objects()))
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
    function()
    return "%f %f" % (time.monotonic() - began, time.thread_time() - used)


def count():
    return collections.Counter(map(type, gc.get_objects()))


def main():
    gc.disable()
    heap = build(int(sys.argv[1]))
    heartbeat = Heartbeat()
    heartbeat.start()
    print(len(gc.get_objects()), flush=True)
    for command in sys.stdin:
        if command.strip() in ("collect", "count"):
            print(timed(gc.collect if command.strip() == "collect" else count), flush=True)
        else:
            time.sleep(0.05)
            print(heartbeat.longest, flush=True)
            heartbeat.longest = 0.0
    return heap


if __name__ == "__main__":
    main()
