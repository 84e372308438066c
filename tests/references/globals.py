# SPDX-License-Identifier: MIT
"""Keeps objects in the variables of scan_globals.so; writes their addresses: globals.py RECORD FOLDER"""
import json
import sys
import threading
import time

sys.path.insert(0, sys.argv[2])
import scan_globals  # noqa: E402


class Held:
    def __init__(self):
        held.append(id(self))


held = []
objects = {name: [name] for name in ("kept", "exported_table", "initialised", "not_aligned")}
variable = scan_globals.keep(*objects.values())
threading.Thread(target=scan_globals.hold, args=(Held,), daemon=True).start()
while not held:
    time.sleep(0.01)
time.sleep(0.1)
with open(sys.argv[1], "w") as record:
    json.dump({"objects": {name: id(each) for name, each in objects.items()}, "held": held[0], "variable": variable}, record)
del objects
print("ready", flush=True)
time.sleep(100000)
