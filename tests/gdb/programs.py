# SPDX-License-Identifier: MIT
"""The processes that the tests of the gdb commands look at, and what they say about themselves."""
import json
import os
import subprocess
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import support  # noqa: E402

ORACLE = os.path.join(support.PROGRAMS, "oracle.py")

# A small heap with a bit of everything, then the oracle.
HEAP = """
    import collections, gc, io, itertools, re, sys, weakref

    class Plain:
        pass

    class Slotted:
        __slots__ = ("a", "b")

    class Grown(dict):
        pass

    keep = [Plain() for _ in range(2000)] + [Slotted() for _ in range(500)]
    keep += [Grown(a=[i]) for i in range(300)] + [collections.deque([i], 4) for i in range(100)]
    keep += [{"key": [i, str(i)]} for i in range(1000)] + [set([i, "x"]) for i in range(100)]
    keep += [itertools.count(i) for i in range(50)] + [(lambda: i) for i in range(50)]
    for i in range(200):
        keep[i].self = keep[i]
        keep[i].link = weakref.ref(keep[i])
    oracle_samples = [keep, keep[0], Grown, sys, None, True, 12345678901234567890, -7, 1.5, "text", b"bytes",
                      "h\\u00e4ngt \\U0001f40d", {"a": 1}, {1, 2}, (1, "two"), len, print]
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()  # 3.12 starts with objects that gc.get_objects() does not show
    namespace = {"oracle_path": sys.argv[1], "oracle_samples": oracle_samples}
    with open(sys.argv[2], encoding="utf-8") as file:
        text = file.read()
    exec(compile(text, sys.argv[2], "exec"), namespace)
"""


def source(text, **values):
    """@text as a program; %(name)s in it comes from @values."""
    return textwrap.dedent(text) % values if values else textwrap.dedent(text)


class Record:
    """What the oracle wrote."""

    def __init__(self, path):
        self.objects = {}  # address: (generation, size, refcount, type, size is Python's)
        self.samples = []
        self.facts = {}
        with open(path, encoding="utf-8") as file:
            for line in file:
                kind, *fields = json.loads(line)
                if kind == "object":
                    self.objects[fields[0]] = tuple(fields[1:])
                elif kind == "sample":
                    self.samples.append(fields)
                else:
                    self.facts[kind] = fields
        count, total, check_count, check_total = self.facts["check"]
        if (count, total) != (check_count, check_total):
            raise AssertionError("the oracle contradicts itself")


class Program:
    """A running process that ends with the test."""

    def __init__(self, test, command, ready="ready", **more):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more)
        test.addCleanup(self.end)
        if ready is not None:
            line = self.process.stdout.readline().strip()
            if line != ready:
                raise AssertionError("%s said %r instead of %r" % (command, line, ready))
        support.wait_until_idle(self.pid)

    @property
    def pid(self):
        return self.process.pid

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Heap(Program):
    """An interpreter with the heap above, which waits after the oracle has written its .record."""

    def __init__(self, test, interpreter, folder, text=HEAP):
        path = os.path.join(folder, "record")
        super().__init__(test, interpreter.command("-I", "-c", source(text), path, ORACLE), env=interpreter.env(),
                         cwd=folder)
        self.record = Record(path)
