# SPDX-License-Identifier: MIT
"""Runs programs that make objects, one after the other, and then the oracle (oracle.py, referents.py) over all.

    subject.py ORACLE RECORD PROGRAM [ARGUMENT...] [-- PROGRAM [ARGUMENT...]]...

Each program is a file, run as __main__ would be in a namespace of its own, which is kept. Writes RECORD, then "ready",
and waits for a signal.
"""
import gc
import os
import sys
import time

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


def other_threads():
    """The state of each thread but this one, and how often it has begun to wait."""
    seen = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/status" % task) as file:
                lines = [line for line in file if line.startswith("State:") or line.startswith("voluntary")]
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if int(task) != os.getpid():
            seen.append(lines)
    return seen


def let_others_come_to_rest():
    """Waits until the other threads wait: what they hold stays the same from now on."""
    before = None
    while before is None or before != other_threads() or "R (running)" in str(before):
        before = other_threads()
        time.sleep(0.01)


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
let_others_come_to_rest()
exec(compile(text, oracle, "exec"))
