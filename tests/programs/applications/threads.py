# SPDX-License-Identifier: MIT
"""Threads that make, change and drop objects of all kinds without an end. Run as it is: writes "ready" and goes on."""
import collections
import gc
import sys
import threading
import weakref

if hasattr(sys, "setswitchinterval"):
    sys.setswitchinterval(1e-5)


class Node:
    def __init__(self, value):
        self.value = value
        self.links = []


class Slots:
    __slots__ = ("a", "b", "__weakref__")


shared = {"list": [], "dict": {}, "set": set(), "deque": collections.deque(maxlen=500)}


def numbers(limit):
    for number in range(limit):
        yield number, str(number)


def churn(seed):
    number = seed
    ordered = collections.OrderedDict()
    while True:
        number = (number * 1103515245 + 12345) % (1 << 31)
        node = Node(number)
        node.links.append(node)
        node.extra = {"self": node, number: (node, [number] * (number % 50))}
        slots = Slots()
        slots.a, slots.b = node, weakref.ref(slots)
        shared["dict"][number % 1000] = slots
        shared["list"].append(node)
        shared["set"].add((number % 300, "x"))
        shared["deque"].append(lambda value=node: value)
        ordered[number % 50] = node
        if len(shared["list"]) > 2000:
            del shared["list"][:1000]
        if number % 7 == 0:
            shared["dict"] = dict(list(shared["dict"].items())[-400:])
        generator = numbers(5)
        next(generator)
        try:
            if number % 3:
                raise KeyError(generator)
        except KeyError as error:
            node.error = error
        if number % 5003 == 0:
            gc.collect(number % 3)
        for key in list(ordered)[:len(ordered) // 2]:
            ordered.pop(key, None)


threads = [threading.Thread(target=churn, args=(seed,), daemon=True) for seed in range(4)]
for each in threads:
    each.start()
sys.stdout.write("ready\n")
sys.stdout.flush()
threading.Event().wait()
