# SPDX-License-Identifier: MIT
"""A process with several interpreters, each with its own word on its heap.

    subinterpreters.py NUMBER RECORD

Makes NUMBER interpreters beside the main one, with Py_NewInterpreter(), which every version has. Each fills its
__main__ with objects and writes RECORD-1, RECORD-2 ...; then the main one writes RECORD and waits.
"""
import ctypes
import gc
import os
import sys

FILL = """
import gc, sys
gc.disable()
class Tenant%(number)d:
    def __init__(self, n):
        self.n = [n]
kept = [Tenant%(number)d(i) for i in range(1000 * %(number)d)]
gc.collect()
if sys.version_info < (3, 8):  # no gc.get_objects(generation=2): all there is now is in generation 2
    stage = gc.get_objects()  # kept, so that no address is used again
    oracle_stages = dict.fromkeys(map(id, stage), 2)
young = [{"a": [i]} for i in range(100 * %(number)d)]
oracle_settled, found = set(), [kept, young]
for each in found:
    if id(each) not in oracle_settled and not isinstance(each, type):
        oracle_settled.add(id(each))
        found += gc.get_referents(each)
del each, found
gc.set_threshold(70000 + %(number)d, %(number)d, 9)
oracle_path = %(path)r
oracle_mode = %(mode)r
with open(%(oracle)r) as source:
    text = source.read()
exec(compile(text, "oracle.py", "exec"))
"""

number, path = int(sys.argv[1]), sys.argv[2]
oracle = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle.py")
api = ctypes.pythonapi
for name in ("Py_NewInterpreter", "PyThreadState_Swap", "PyThreadState_Get"):
    getattr(api, name).restype = ctypes.c_void_p
api.PyThreadState_Swap.argtypes = [ctypes.c_void_p]


def run_in_new(text):
    """Runs @text in a new interpreter, which stays. All in C: no Python code may run between the swaps."""
    main, run, swap, text = api.PyThreadState_Get(), api.PyRun_SimpleString, api.PyThreadState_Swap, text.encode()
    new = api.Py_NewInterpreter()
    if not new:
        raise RuntimeError("no new interpreter")
    status = run(text)
    swap(main)
    if status:
        raise RuntimeError("the new interpreter failed")


if __name__ == "__main__":
    for i in range(1, number + 1):
        run_in_new(FILL % {"number": i, "path": "%s-%d" % (path, i), "mode": "return", "oracle": oracle})
    exec(FILL % {"number": number + 1, "path": path, "mode": "wait", "oracle": oracle})
