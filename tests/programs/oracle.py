# SPDX-License-Identifier: MIT
"""The interpreter's own word on its heap: writes down all that the collector tracks, then waits.

Not a module: run it with exec(compile(text, path, "exec"), namespace), so that it executes as top-level code in
whatever process the truth is wanted of (tests/programs/heap.py, gdb's Python, a subinterpreter). Names that
@namespace may hold:

    oracle_path     the record to write (must be there)
    oracle_mode     "wait": then writes "ready" to stdout and waits in signal.pause(); "return": goes on
    oracle_snapshot a list of all objects that gc.freeze() took to the permanent generation (without itself)
    oracle_samples  list of objects to describe one by one
    oracle_stages   before 3.8: dict of object id → generation, for what is older than generation 0
    oracle_settled  with "return": ids of the objects whose reference counts stay as they are when this code has ended and
                    other interpreters share what there was at the start (none)

What makes it exact: after gc.get_objects() has returned nothing that the collector tracks is made and kept. All
names below exist before (a namespace that grows is a dict that changes), loops and temporaries are gone when
it waits, and the lists themselves are accounted for. No name ever holds one of the objects: loading a name
that holds a lazy import (3.15) would carry it out. Then the record is checked against a second
gc.get_objects(), and gc.get_count() is written until it stays the same (the tuple it returns counts, too,
until it comes from a free list).

The record has one JSON array a line:
    ["header", {...}]
    ["object", address, generation, size, refcount, "type", python_sizeof]    refcount −1: immortal
    ["settled", [address, ...]]                                               with "return"
    ["sample", address, size, refcount, "type", tracked, length or -1, "repr" or null]
    ["gc", {...}]
    ["check", expected count, expected sum of addresses, count, sum]
    ["count", n0, n1, n2]                                                     the last one holds
"""
import gc
import io
import json.encoder
import os
import signal
import sys

oracle_mode = globals().get("oracle_mode", "wait")
oracle_snapshot = globals().get("oracle_snapshot")
oracle_samples = globals().get("oracle_samples", [])
oracle_stages = globals().get("oracle_stages", {})

oracle_quote = json.encoder.c_encode_basestring_ascii or json.encoder.py_encode_basestring_ascii
oracle_module = type.__dict__["__module__"].__get__
oracle_qualname = type.__dict__["__qualname__"].__get__
oracle_mro = type.__dict__["__mro__"].__get__
oracle_dict = type.__dict__["__dict__"].__get__
oracle_by_generation = sys.version_info >= (3, 8)
oracle_out = io.open(oracle_path, "wb", buffering=1 << 20)
oracle_fd = oracle_out.fileno()
oracle_2 = oracle_1 = oracle_0 = oracle_list = oracle_type = oracle_name = oracle_text = None
oracle_generation = oracle_index = oracle_size = oracle_count = oracle_sum = oracle_references = oracle_length = 0

str(gc.get_stats())  # the first repr() of a container makes the thread's dict of those under way

# Types whose __sizeof__ is Python code: nobody outside can know what it would say.
oracle_python_sized = set()
oracle_function = type(lambda: None)
oracle_list = gc.get_objects() + (oracle_snapshot or [])
for oracle_index in range(len(oracle_list)):
    try:
        sys.getsizeof(oracle_list[oracle_index])  # the first question makes some static types ready: new objects
    except Exception:
        pass
    if issubclass(type(oracle_list[oracle_index]), type):  # isinstance() believes __class__
        for oracle_type in oracle_mro(oracle_list[oracle_index]) or ():
            if "__sizeof__" in oracle_dict(oracle_type):
                if type(oracle_dict(oracle_type)["__sizeof__"]) is oracle_function:
                    oracle_python_sized.add(id(oracle_list[oracle_index]))
                break

# How many references to an object in a list this code itself adds to sys.getrefcount().
oracle_list = [object()]
oracle_own = sys.getrefcount(oracle_list[0]) - 1
oracle_list = None

oracle_out.write(("[\"header\", {\"version\": %s, \"hexversion\": %d, \"pid\": %d, \"debug\": %d, \"exact\": %d}]\n" % (
    oracle_quote(sys.version), sys.hexversion, os.getpid(), hasattr(sys, "gettotalrefcount"),
    oracle_by_generation)).encode())

if oracle_mode == "return":
    oracle_out.write(("[\"settled\", %s]\n" % sorted(globals().get("oracle_settled", ()))).encode())

# 3.6 to 3.10: the frame that runs this may be a tracked object, gone when it returns.
oracle_frame = (id(sys._getframe()) if oracle_mode == "return" and sys.version_info < (3, 11) and
                gc.is_tracked(sys._getframe()) else 0)

if oracle_by_generation:
    oracle_2 = gc.get_objects(generation=2)
    oracle_1 = gc.get_objects(generation=1)
    oracle_0 = gc.get_objects(generation=0)
else:
    oracle_0 = gc.get_objects()
# ---- from here on nothing tracked is made that stays ----

for oracle_generation in range(3, -1, -1):
    oracle_list = (oracle_snapshot if oracle_generation == 3 else oracle_2 if oracle_generation == 2 else
                   oracle_1 if oracle_generation == 1 else oracle_0)
    if oracle_list is None:
        continue
    oracle_length = len(oracle_list)
    # each list holds all but itself: the last one is told of by hand below, the others are in later ones
    for oracle_index in range(len(oracle_list)):
        if id(oracle_list[oracle_index]) == oracle_frame:
            oracle_length -= 1
            continue
        oracle_type = type(oracle_list[oracle_index])
        try:
            oracle_name = oracle_module(oracle_type)
        except AttributeError:
            oracle_name = None
        if type(oracle_name) is not str or oracle_name == "builtins":
            oracle_name = oracle_qualname(oracle_type)
        else:
            oracle_name = oracle_name + "." + oracle_qualname(oracle_type)
        try:
            oracle_size = sys.getsizeof(oracle_list[oracle_index])
        except Exception:
            oracle_size = -1
        # What is being called has a reference more: then another function than now.
        oracle_references = (sys.getrefcount(oracle_list[oracle_index]) - oracle_own -
                             (oracle_list[oracle_index] is sys.getrefcount) +
                             (oracle_mode == "wait" and oracle_list[oracle_index] is signal.pause))
        if oracle_references > 1 << 29:
            oracle_references = -1
        oracle_out.write(("[\"object\", %d, %d, %d, %d, %s, %d]\n" % (
            id(oracle_list[oracle_index]),
            oracle_generation if oracle_by_generation or oracle_generation == 3 else
            oracle_stages.get(id(oracle_list[oracle_index]), 0),
            oracle_size, oracle_references, oracle_quote(oracle_name),
            id(oracle_type) in oracle_python_sized)).encode())
        if oracle_generation != 3:
            oracle_sum += id(oracle_list[oracle_index])
    if oracle_generation != 3:
        oracle_count += oracle_length
oracle_list = oracle_type = None

# The list that was taken last is the one that is in none of them. So is the snapshot, which froze itself.
oracle_out.write(("[\"object\", %d, 0, %d, %d, \"list\", 0]\n" % (
    id(oracle_0), sys.getsizeof(oracle_0), sys.getrefcount(oracle_0) - oracle_own)).encode())
oracle_count += 1
oracle_sum += id(oracle_0)
if oracle_snapshot is not None:
    oracle_out.write(("[\"object\", %d, 3, %d, %d, \"list\", 0]\n" % (
        id(oracle_snapshot), sys.getsizeof(oracle_snapshot),
        sys.getrefcount(oracle_snapshot) - oracle_own)).encode())

for oracle_index in range(len(oracle_samples)):
    oracle_type = type(oracle_samples[oracle_index])
    try:
        oracle_name = oracle_module(oracle_type)
    except AttributeError:
        oracle_name = None
    if type(oracle_name) is not str or oracle_name == "builtins":
        oracle_name = oracle_qualname(oracle_type)
    else:
        oracle_name = oracle_name + "." + oracle_qualname(oracle_type)
    oracle_references = sys.getrefcount(oracle_samples[oracle_index]) - oracle_own
    if oracle_references > 1 << 29:
        oracle_references = -1
    oracle_size = sys.getsizeof(oracle_samples[oracle_index])
    if oracle_type in (str, bytes, int, float, complex, bool, type(None), type(Ellipsis)):
        try:
            oracle_text = oracle_quote(repr(oracle_samples[oracle_index]))
        except ValueError:  # an int of more digits than sys.get_int_max_str_digits()
            oracle_text = "null"
    else:
        oracle_text = "null"
    try:
        oracle_length = len(oracle_samples[oracle_index])
    except Exception:
        oracle_length = -1
    oracle_out.write(("[\"sample\", %d, %d, %d, %s, %d, %d, %s]\n" % (
        id(oracle_samples[oracle_index]), oracle_size, oracle_references, oracle_quote(oracle_name), gc.is_tracked(oracle_samples[oracle_index]),
        oracle_length, oracle_text)).encode())
oracle_type = None

oracle_out.write(("[\"gc\", {\"threshold\": [%d, %d, %d], " % gc.get_threshold()).encode())
oracle_out.write(("\"enabled\": %d, \"debug\": %d, \"garbage\": %d, \"callbacks\": %d, \"freeze_count\": %d, " % (
    gc.isenabled(), gc.get_debug(), len(gc.garbage), len(gc.callbacks),
    gc.get_freeze_count() if hasattr(gc, "get_freeze_count") else 0)).encode())
oracle_out.write(("\"stats\": %s}]\n" % str(gc.get_stats()).replace("'", "\"")).encode())

oracle_length = len(gc.get_objects())
oracle_size = sum(map(id, gc.get_objects()))
if oracle_frame:
    oracle_length -= 1
    oracle_size -= oracle_frame
oracle_out.write(("[\"check\", %d, %d, %d, %d]\n" % (
    oracle_count, oracle_sum, oracle_length, oracle_size)).encode())
oracle_out.flush()

os.write(oracle_fd, b"[\"count\", %d, %d, %d]\n" % gc.get_count())
os.write(oracle_fd, b"[\"count\", %d, %d, %d]\n" % gc.get_count())
os.write(oracle_fd, b"[\"count\", %d, %d, %d]\n" % gc.get_count())
os.write(oracle_fd, b"[\"count\", %d, %d, %d]\n" % gc.get_count())
if oracle_mode == "wait":
    os.write(1, b"ready\n")
    signal.pause()
    os._exit(0)
