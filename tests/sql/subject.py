# SPDX-License-Identifier: MIT
"""A program for test_sql.py: makes objects of all sorts, writes down its strings and threads, prints "ready" and waits.

    subject.py RECORD

A line of the record is a JSON array:
    ["string", address, "type", length, "text", whether of bytes]     of bytes the text is hexadecimal
    ["thread", the kernel's number, "function"]
"""
import ctypes
import gc
import json
import sys
import threading
import time
import weakref


class Text(str):
    pass


class Bytes(bytes):
    pass


class Node:
    def __init__(self, parent):
        self.parent = parent
        self.items = [self, parent]


class Slots:
    __slots__ = ("left", "right", "__weakref__")


class Finalized:
    def __init__(self):
        self.me = self

    def __del__(self):
        pass


def make_strings():
    texts = ["", "plain", "caf\xe9", "\u4e2d\u6587 text", "\U0001f40d snake", "nul\0inside", "\0", "line\nbreak\ttab", "quote ' and \" both",
             "\ud800 lone", "0x7f", "123", "x" * 100000, "\u202e turned", "\x1b[31m red"]
    made = []
    for number, text in enumerate(texts):
        made += [text + str(number), Text(text + "sub"), (text + "é" if number % 2 else text + "b").encode("utf-8", "surrogatepass") + b"\xff\0",
                 bytearray(b"array %d" % number), Bytes(b"bytes %d" % number)]
    made += [bytearray(), bytearray(b"started")]
    del made[-1][:3]  # the start has moved
    return made


def wait_here(stop, started):
    started.set()
    stop.wait()


def start_threads(stop):
    threads = []
    for _ in range(3):
        started = threading.Event()
        threads.append(threading.Thread(target=wait_here, args=(stop, started), daemon=True))
        threads[-1].start()
        started.wait()
    return threads


def thread_number():
    return ctypes.CDLL(None).syscall(186 if sys.maxsize and "x86_64" in __import__("platform").machine() else 178)


def all_strings():
    """All that tracked objects lead to, by the collector's own account."""
    found, seen, look_at = {}, set(), gc.get_objects()
    while look_at:
        some, look_at = look_at, []
        for other in gc.get_referents(*some):
            if id(other) not in seen:
                seen.add(id(other))
                if isinstance(other, (str, bytes, bytearray)):
                    found[id(other)] = other
                elif not gc.is_tracked(other):
                    look_at.append(other)
    return list(found.values())


def write(record, threads):
    kept = all_strings()
    with open(record, "w") as file:
        for string in kept:
            of_bytes = not isinstance(string, str)
            # what has no UTF-8 is told as text, as libinspect does
            text = bytes(string).hex() if of_bytes else str.__str__(string).encode("utf-8", "backslashreplace").decode()
            kind = type(string)
            name = kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)
            file.write(json.dumps(["string", id(string), name, len(string), text, of_bytes]) + "\n")
        for thread in threads:
            file.write(json.dumps(["thread", getattr(thread, "native_id", None), "wait_here"]) + "\n")
        file.write(json.dumps(["thread", thread_number(), "main"]) + "\n")
    return kept


def main():
    gc.disable()
    nodes = [Node(None)]
    for number in range(300):
        nodes.append(Node(nodes[number // 2]))
    held = {"strings": make_strings(), "nodes": nodes, "slots": [Slots() for _ in range(50)]}
    held["slots"][0].left = held
    held["weak"] = [weakref.ref(each) for each in held["slots"][:10]]
    gc.collect(1)
    more = [Finalized() for _ in range(20)]
    gc.freeze() if hasattr(gc, "freeze") and "freeze" in sys.argv else None
    for _ in range(100):  # garbage
        Node(Node(None))
        Finalized()
    stop = threading.Event()
    threads = start_threads(stop)
    kept = write(sys.argv[1], threads)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while more and kept:
        time.sleep(1000)


main()
