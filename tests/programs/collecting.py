# SPDX-License-Identifier: MIT
"""Waits in the middle of a collection.

    collecting.py finalizer    in a __del__ that the collector calls: the unreachable objects are on a list of its own
    collecting.py callback     in a callback of gc.callbacks, before the collection
    collecting.py forever      collects again and again
"""
import gc
import os
import signal
import sys


class Cycle:
    def __init__(self):
        self.me = self
        self.more = [[i] for i in range(100)]


class Waiting(Cycle):
    def __del__(self):
        os.write(1, b"ready\n")
        signal.pause()


gc.disable()
keep = [[i] for i in range(20000)]
gc.collect()
young = [{"young": [i]} for i in range(1000)]
garbage = [Cycle() for i in range(100)]
if sys.argv[1] == "finalizer":
    garbage.append(Waiting())
    del garbage
    gc.collect()
elif sys.argv[1] == "callback":
    del garbage
    gc.callbacks.append(lambda phase, info: (os.write(1, b"ready\n"), signal.pause()))
    gc.collect()
else:
    os.write(1, b"ready\n")
    while True:
        garbage = [Cycle() for i in range(100)]
        del garbage
        gc.collect()
