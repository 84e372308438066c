# cython: language_level=3
# SPDX-License-Identifier: MIT
"""Classes as Cython makes them, for bench/scan/run: objects, typed members, C members, bases, dicts, cycles."""


cdef class Node:
    """Members of every declared kind; the collector is told of those that may be in cycles."""
    cdef public object left, right
    cdef public list children
    cdef public dict attributes
    cdef double weight
    cdef long number
    cdef int kind

    def __init__(self, left=None, right=None):
        self.left = left
        self.right = right
        self.children = [left]
        self.attributes = {"right": right}
        self.weight = 1.5
        self.number = 0x7f0000001000
        self.kind = 3


cdef class Leaf(Node):
    """A class with a base of its kind."""
    cdef public tuple path
    cdef char buffer[64]

    def __init__(self, left, path):
        super().__init__(left, self)
        self.path = path


cdef class Named:
    """Text is nothing that the collector would be told of."""
    cdef public str name
    cdef public bytes data
    cdef public object value

    def __init__(self, name, data, value):
        self.name, self.data, self.value = name, data, value


cdef class Plain:
    """Nothing but numbers: not of the collector's."""
    cdef public double x, y
    cdef public unsigned long long bits

    def __init__(self, x, y, bits):
        self.x, self.y, self.bits = x, y, bits


cdef class Open:
    """With a __dict__ and weak references."""
    cdef dict __dict__
    cdef object __weakref__
    cdef public object item

    def __init__(self, item):
        self.item = item
        self.extra = [item]


class Derived(Node):
    """A class of Python code on one of C code."""

    def __init__(self, left):
        super().__init__(left)
        self.more = [left]


def walk(items):
    """A generator, which Cython makes an object of its own for."""
    for item in items:
        yield item


def closure(value):
    """A function with a cell of Cython's."""
    def inner(more):
        return value, more
    return inner


async def coroutine(value):
    return value
