# SPDX-License-Identifier: MIT
"""Objects of the types of traverse.c; writes what they hold and visit to RECORD: traverse.py RECORD FOLDER MODULE...

One JSON array a line: [module, type, address, {offset: address} held in the object itself, [addresses] visited].
"""
import ctypes
import gc
import importlib
import json
import sys
import time

KINDS = (0, 3, 5)


def held(each):
    """The lists in the words of an object: nothing else is made of lists there."""
    size = type(each).__basicsize__ // 8
    words = (ctypes.c_uint64 * size).from_address(id(each))
    lists = {id(other) for other in gc.get_objects() if type(other) is list}
    return {8 * i: word for i, word in enumerate(words) if word in lists}


gc.disable()
sys.path.insert(0, sys.argv[2])
keep = []
with open(sys.argv[1], "w", encoding="utf-8") as record:
    for module in sys.argv[3:]:
        for kind in KINDS:
            objects = importlib.import_module(module).make(kind)
            keep.append(objects)
            for name, each in sorted(objects.items()):
                row = [module, name, id(each), held(each), [id(other) for other in gc.get_referents(each)]]
                record.write(json.dumps(row) + "\n")
print("ready", flush=True)
time.sleep(100000)
