# SPDX-License-Identifier: MIT
"""Leaks in known ways, and then says what an audit should find.

    audited.py RECORD [WORD...]

Words: "off" (the collector is off), "threshold" (its threshold is 0), "debug" (debug flags are set), "kept" (objects are put
into gc.garbage). Prints "ready" and waits for a line on stdin; then it lets the collector collect with gc.DEBUG_SAVEALL, and
writes to RECORD, in JSON, what it counted itself. "released" is what the garbage alone held: bytes that nothing else
knows, each of which was measured when it was made.
"""
import gc
import json
import sys
import threading

gc.collect()
gc.disable()
gc.set_threshold(0)

released = 0
released_objects = 0


class Session:
    """Many of them are in use."""
    __slots__ = ("number", "__weakref__")

    def __init__(self, number):
        self.number = number


class Node:
    """Is its own prisoner, and holds a buffer."""
    __slots__ = ("me", "buffer")

    def __init__(self, size):
        global released, released_objects
        self.me = self
        self.buffer = bytes(size + 2)
        released += sys.getsizeof(self.buffer)
        released_objects += 1


class Kept:
    """Is put into gc.garbage."""


class Larger(bytes):
    """Is larger than other objects, and of a type of its own."""


def make(words):
    sessions = [Session(number) for number in range(217)]
    buffers = [Larger(1000 * (number % 7)) for number in range(40)]
    big = bytearray(3000000)
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(3)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    if "kept" in words:
        gc.garbage.extend(Kept() for _ in range(5))
    return sessions, buffers, big, threads


def amounts(objects):
    return {"count": len(objects), "bytes": sum(map(sys.getsizeof, objects))}


def tell(held, path):
    sessions, buffers, big, threads = held
    with open("/proc/self/status") as status:
        said = {"threads": next(int(line.split()[1]) for line in status if line.startswith("Threads:"))}
    said["listed"] = sorted(map(id, gc.garbage))
    said["listed_bytes"] = sum(map(sys.getsizeof, gc.garbage))
    before = len(gc.garbage)
    gc.set_debug(gc.DEBUG_SAVEALL)
    returned = gc.collect()
    garbage = gc.garbage[before:]
    gc.set_debug(0)
    said["unreachable"] = amounts(garbage)
    said["returned"] = returned
    said["reclaimable"] = {"count": len(garbage) + released_objects,
                           "bytes": said["unreachable"]["bytes"] + released}
    said["Session"] = amounts(sessions)
    said["Larger"] = amounts(buffers)
    said["larger"] = sorted(id(each) for each in buffers if sys.getsizeof(each) > 3033)
    said["big"] = [id(big)]
    said["big_bytes"] = sys.getsizeof(big)
    with open(path, "w") as record:
        json.dump(said, record)


def main():
    path, words = sys.argv[1], sys.argv[2:]
    held = make(words)
    for number in range(60):
        Node(100 * number)
    if "debug" in words:
        gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    # As a service should have it; so few objects are made from here on that nothing is collected.
    if "threshold" not in words:
        gc.set_threshold(100000, 50, 100)
    if "off" not in words:
        gc.enable()
    print("ready", flush=True)
    sys.stdin.readline()
    tell(held, path)
    print("told", flush=True)
    sys.stdin.readline()


main()
