# SPDX-License-Identifier: MIT
"""The interpreter's own word on references: gc.get_referents() of every object, written down; then waits.

Not a module: run it with exec(compile(text, path, "exec"), namespace), as oracle.py. Names that @namespace may hold:

    oracle_path     the record to write (must be there)
    oracle_mode     "wait": then writes "ready" to stdout and waits in signal.pause(); "return": goes on
    oracle_snapshot a list of all objects that gc.freeze() took to the permanent generation (without itself)

Every object is: what gc.get_objects() has, and everything that these lead to by gc.get_referents(), over and
over. The record is an array of native 64-bit words, for each object

    address, address of its type, number of referents, their addresses

and RECORD.json, which has the names of types and the addresses of the objects that belong to this code
("own"): what they refer to is not recorded, since it goes on changing.

No name ever holds one of the objects: loading a name that holds a lazy import (3.15) would carry it out.
"""
import array
import gc
import io
import json
import os
import signal
import sys

oracle_mode = globals().get("oracle_mode", "wait")
oracle_snapshot = globals().get("oracle_snapshot")
referents_module = type.__dict__["__module__"].__get__
referents_qualname = type.__dict__["__qualname__"].__get__
referents_all = referents_list = referents_type = referents_name = None
referents_index = referents_item = 0
referents_seen = set()
referents_words = array.array("Q")
referents_names = {}
str(gc.get_stats())  # the first repr() of a container makes the thread's dict of those under way
try:  # what the first text file, and the first warning, make Python import is there before
    import _contextvars
except ImportError:
    pass
with io.open(os.devnull, "w") as referents_list:
    json.dump({"warm": [1]}, referents_list)
referents_list = None
gc.disable()

# This code's own: its namespace, its frame and its callers' (3.6 to 3.10: objects that run), its containers.
referents_own = [id(globals()), id(referents_seen), id(referents_words), id(referents_names)]
referents_list = sys._getframe() if sys.version_info < (3, 11) else None
while referents_list is not None:
    referents_own.append(id(referents_list))
    referents_list = referents_list.f_back
referents_own.append(id(referents_own))

referents_all = gc.get_objects()
referents_own.append(id(referents_all))
referents_all.extend(oracle_snapshot or ())
referents_seen.update(map(id, referents_all))
referents_seen.update(referents_own)

while referents_index < len(referents_all):
    if id(referents_all[referents_index]) not in referents_own:
        referents_list = gc.get_referents(referents_all[referents_index])
        for referents_item in range(len(referents_list)):
            if id(referents_list[referents_item]) not in referents_seen:
                referents_seen.add(id(referents_list[referents_item]))
                referents_all.append(referents_list[referents_item])
        referents_list = None
    referents_index += 1

for referents_index in range(len(referents_all)):
    if id(referents_all[referents_index]) not in referents_own:
        referents_list = gc.get_referents(referents_all[referents_index])
        referents_words.extend((id(referents_all[referents_index]), id(type(referents_all[referents_index])),
                                len(referents_list)))
        referents_words.extend(map(id, referents_list))
        referents_list = None

for referents_index in range(len(referents_all)):
    referents_type = type(referents_all[referents_index])
    if id(referents_type) not in referents_names:
        try:
            referents_name = referents_module(referents_type)
        except AttributeError:
            referents_name = None
        referents_names[id(referents_type)] = (
            referents_qualname(referents_type) if type(referents_name) is not str or referents_name == "builtins" else
            referents_name + "." + referents_qualname(referents_type))
referents_type = referents_name = None  # a name may be interned as long as it is held

with io.open(oracle_path, "wb") as referents_list:
    referents_list.write(referents_words.tobytes())
with io.open(oracle_path + ".json", "w", encoding="utf-8") as referents_list:  # without, 3.9 imports _bootlocale
    json.dump({"own": referents_own, "types": referents_names, "hexversion": sys.hexversion, "pid": os.getpid()},
              referents_list)
referents_list = None
if oracle_mode == "wait":
    os.write(1, b"ready\n")
    signal.pause()
    os._exit(0)
