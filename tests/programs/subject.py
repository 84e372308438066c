# SPDX-License-Identifier: MIT
"""Runs programs that make objects, one after the other, and then the oracle (oracle.py, referents.py) over all.

    subject.py ORACLE RECORD PROGRAM [ARGUMENT...] [-- PROGRAM [ARGUMENT...]]...

Each program is a file, run as __main__ would be in a namespace of its own, which is kept. Writes RECORD, then "ready",
and waits for a signal.
"""
import gc
import os
import sys

sys.dont_write_bytecode = True
gc.disable()


def run(path, arguments):
    """The namespace of the program at @path after it ran."""
    namespace = {"__name__": "__main__", "__file__": path, "__builtins__": __builtins__}
    sys.argv = [path] + arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), namespace)
    return namespace


def split(arguments):
    """The lists between the words "--"."""
    parts = [[]]
    for argument in arguments:
        if argument == "--":
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


oracle, oracle_path = sys.argv[1:3]
kept = [run(os.path.abspath(part[0]), part[1:]) for part in split(sys.argv[3:])]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), oracle), encoding="utf-8") as source:
    text = source.read()
exec(compile(text, oracle, "exec"))
