# SPDX-License-Identifier: MIT
"""A process full of objects of types that nobody described, for bench/scan/run and the tests.

    subject.py RECORD FOLDER KIND...

Makes objects of each KIND (numpy, lxml, cython, pybind11; FOLDER has the built modules), writes what the interpreter
knows of all objects of the kind's types to RECORD, writes "ready" and waits. One JSON array a line:
    ["kind", kind]
    ["object", address, "type", [referents], [referents that are words of the object itself], is the type visited?]
    ["known", address, "type", [addresses]]  what is known otherwise of objects that the collector does not ask
The type of the object is among neither.
"""
import ctypes
import gc
import json
import sys
import time
import types
import weakref


class Python:
    """What the objects refer to."""


def leave_addresses():
    """Fills memory of many sizes with objects' addresses and frees it: what is made there next may not write to all of it.
    Returns the objects."""
    objects = [Python() for _ in range(1000)]
    lists = [[objects[(number + i) % 1000] for i in range(size)] for size in range(1, 400) for number in range(64)]
    del lists
    return objects


def make_numpy():
    import numpy

    class Array(numpy.ndarray):
        """A class of Python code on one of C code."""

    keep = leave_addresses()
    for number in range(500):
        base = numpy.arange(100.0)
        view = base[number % 50:]
        keep += [base, view, view.T, base.flat, numpy.dtype([("a", "<i4"), ("b", object, 3)]), base.dtype]
        keep.append(numpy.array([Python(), number, None], dtype=object))
        keep.append(numpy.broadcast(base, view[:1]))
        keep.append(numpy.nditer([base, base.copy()], ["external_loop"]))
        derived = numpy.zeros(3).view(Array)
        derived.note = [number]
        keep += [derived, numpy.float64(number), numpy.float32(number), numpy.int64(number), numpy.str_("n%d" % number)]
        keep += [numpy.datetime64(number, "s"), numpy.void(b"1234"), numpy.zeros(2, dtype="i4,f8")[0]]
        keep.append(numpy.random.RandomState(number))
        keep.append(numpy.random.default_rng(number))
    keep += [numpy.frompyfunc(lambda a: a, 1, 1), numpy.vectorize(abs), numpy.add, numpy.memmap]
    return keep


def make_lxml():
    from lxml import etree, html, objectify
    keep = []
    for number in range(300):
        root = etree.fromstring("<a x='1'><!-- c --><b y='%d'><c/>t</b><?p i?></a>" % number)
        keep += [root, root.getroottree(), root[0], root[1], root[1][0], root.attrib, root[2]]
        keep += [root.iter(), root.iterchildren(), iter(root), root.iterdescendants("b"), root.attrib.iteritems()]
        keep += [etree.XPath("//b[@y=$v]"), etree.XPathEvaluator(root), etree.QName("n", "t"), etree.XMLParser(target=None)]
        keep += [etree.XSLT(etree.XML("<xsl:stylesheet version='1.0' "
                                      "xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>"))]
        keep += [etree.DTD(external_id=None) if False else root.xpath("//b"), root.xpath("//b/@y")]
        keep += [html.fromstring("<p>a<b>c</b></p>"), objectify.fromstring("<r><v>%d</v><w>t</w></r>" % number)]
        keep += [keep[-1].v, keep[-1].w, etree.TreeBuilder(), etree.ElementTree(root), etree.XMLPullParser(("start",))]
        keep[-1].feed("<a><b/>")
        keep.append(keep[-1].read_events())
        try:
            etree.fromstring("<a>&b;</a")
        except etree.XMLSyntaxError as error:
            keep += [error.error_log, error]
    return keep


def make_cython():
    import scan_cython
    keep = []
    for number in range(500):
        node = scan_cython.Node(Python(), keep[-1] if keep else None)
        leaf = scan_cython.Leaf(node, (node, number))
        keep += [node, leaf, scan_cython.Named("n%d" % number, b"%d" % number, [number]), scan_cython.Plain(1, 2, 3)]
        opened = scan_cython.Open(leaf)
        keep += [opened, weakref.ref(opened), scan_cython.Derived(node), scan_cython.closure(node), scan_cython.walk(keep)]
        next(keep[-1])
        keep.append(scan_cython.coroutine(leaf))
        keep.append(scan_cython.Plain(0.0, 0.0, id(node)))  # a number that looks like an address
    return keep


def make_pybind11():
    import scan_pybind11
    keep = []

    class Derived(scan_pybind11.Named):
        """A class of Python code on one of C++."""

    for number in range(500):
        point = scan_pybind11.Point(1, 2)
        point.extra = [number]
        keep += [point, scan_pybind11.Named(1, 2, "n"), scan_pybind11.Both(), scan_pybind11.Holder([number])]
        keep += [weakref.ref(point), Derived(1, 2, "d"), scan_pybind11.Second(), scan_pybind11.Byte.zero]
        keep[-3].note = Python()
        keep[-5].more = "text"
    return keep


MAKERS = {"numpy": (make_numpy, ("numpy",)), "lxml": (make_lxml, ("lxml",)),
          "cython": (make_cython, ("scan_cython", "_cython_")),
          "pybind11": (make_pybind11, ("scan_pybind11", "pybind11_builtins", "pybind11"))}


# Every module that Cython made has types of its own that are called as if they were builtin.
CYTHON_NAMES = ("generator", "coroutine", "cython_function_or_method")
BUILTIN = (types.GeneratorType, types.CoroutineType)


def of_modules(object_type, modules):
    """Is one of its classes from one of @modules?"""
    if object_type.__name__ in CYTHON_NAMES and object_type not in BUILTIN:
        return "scan_cython" in modules
    for each in object_type.__mro__:
        module = type.__dict__["__module__"].__get__(each)
        if isinstance(module, str) and module.split(".")[0].startswith(modules):
            return True
    return False


def all_objects():
    """All that can be reached: what the collector tracks, and what that refers to."""
    found = {}
    pending = gc.get_objects()
    while pending:
        following = []
        for each in pending:
            if id(each) not in found:
                found[id(each)] = each
                following.append(each)
        pending = gc.get_referents(*following)
    return found


def words(each):
    """The words of its struct and items, as numbers."""
    kind = type(each)
    size = kind.__basicsize__
    if kind.__itemsize__:
        size += abs(ctypes.c_ssize_t.from_address(id(each) + object.__basicsize__).value) * kind.__itemsize__
    size -= size % 8
    return set((ctypes.c_uint64 * (size // 8)).from_buffer_copy(ctypes.string_at(id(each), size)))


def name_of(kind):
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def known_otherwise(each):
    """What numpy's arrays, which have no traverse function, hold in themselves."""
    if "numpy" not in sys.modules or not isinstance(each, sys.modules["numpy"].ndarray):
        return None
    return [id(other) for other in (each.dtype, each.base) if other is not None]


def main():
    path, folder, kinds = sys.argv[1], sys.argv[2], sys.argv[3:]
    sys.path.insert(0, folder)
    keep = [MAKERS[kind][0]() for kind in kinds]
    gc.collect()
    gc.disable()
    found = all_objects()
    found.update((id(each), each) for some in keep for each in some)
    for each in found.values():
        gc.get_referents(each)  # pybind11's traverse function makes the __dict__
    with open(path, "w", encoding="utf-8") as record:
        for kind in kinds:
            record.write(json.dumps(["kind", kind]) + "\n")
            for address, each in found.items():
                if isinstance(each, type) or not of_modules(type(each), MAKERS[kind][1]):
                    continue
                known = known_otherwise(each)
                if known is not None:
                    record.write(json.dumps(["known", address, name_of(type(each)), known]) + "\n")
                referents = [id(other) for other in gc.get_referents(each) if other is not type(each)]
                inside = words(each)
                record.write(json.dumps(["object", address, name_of(type(each)), referents,
                                         [other for other in referents if other in inside],
                                         any(other is type(each) for other in gc.get_referents(each))]) + "\n")
    print("ready", flush=True)
    time.sleep(100000)


if __name__ == "__main__":
    main()
