# SPDX-License-Identifier: MIT
"""py-inspect.py - gives gdb the commands of libinspect:  (gdb) source py-inspect.py

The Python package py_inspect is beside this file (or beside the file that this one is a link to).
"""
import os
import sys


def _load() -> None:
    here = os.path.dirname(os.path.realpath(__file__))
    if here not in sys.path:
        sys.path.insert(0, here)
    import py_inspect

    py_inspect.register(os.path.dirname(os.path.abspath(__file__)))


_load()
del _load
