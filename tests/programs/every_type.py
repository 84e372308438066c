# SPDX-License-Identifier: MIT
"""Imports every module of the standard library that is written in C and lists all types that there are.

    every_type.py

Writes "ADDRESS module.qualname" for each type, then "ready", and waits for a signal.
"""
import gc
import importlib
import os
import signal
import sys
import warnings

# Not of the standard library for those who use it: tests of CPython's own; and what changes the terminal.
LEFT_OUT = ("_test", "_ctypes_test", "xx", "_xx", "readline")

warnings.simplefilter("ignore")
names = list(sys.builtin_module_names)
for folder in sys.path:
    if folder.endswith("lib-dynload") and os.path.isdir(folder):
        names += [name.split(".")[0] for name in os.listdir(folder) if name.endswith(".so")]
# These import the modules that some types are made by.
names += ["asyncio", "ctypes", "sqlite3", "ssl", "zoneinfo", "decimal", "xml.etree.ElementTree", "concurrent.futures"]
modules = []
for name in sorted(set(names)):
    if not name.startswith(LEFT_OUT):
        try:
            modules.append(importlib.import_module(name))
        except ImportError:
            pass


def all_types():
    """Every type: those of objects that the collector tracks, and whatever is derived from object."""
    found = {}
    waiting = [object] + [type(value) for value in gc.get_objects()]
    while waiting:
        kind = waiting.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            waiting += type.__subclasses__(kind) + list(type.__dict__["__mro__"].__get__(kind) or ()) + [type(kind)]
    return found


for address, kind in all_types().items():
    os.write(1, ("%#x %s.%s\n" % (address, getattr(kind, "__module__", None), kind.__qualname__)).encode())
os.write(1, b"ready\n")
signal.pause()
