# SPDX-License-Identifier: MIT
"""Tuples with named items, also with more items than they show: those of the standard library."""
import os
import sys
import time


class Held:
    pass


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except (OSError, KeyError, AttributeError):
        return None


sequences = [os.stat("/"), os.statvfs("/"), os.times(), os.uname(), time.localtime(), time.gmtime(0), time.strptime("2020", "%Y"),
             sys.flags, sys.version_info, sys.float_info, sys.int_info, sys.hash_info, sys.thread_info,
             attempt(os.get_terminal_size, 1), attempt(getattr(os, "sched_param", None) or Held, 0),
             attempt(lambda: os.stat(os.__file__))]
sequences.append(os.terminal_size((Held(), Held())))
sequences.append(os.stat_result([Held() for _ in range(10)], {"st_atime": Held(), "st_blocks": Held()}))
sequences.append(os.stat_result([Held() for _ in range(19)]))
sequences.append(time.struct_time([1] * 9))
sequences.append(time.struct_time([Held() for _ in range(11)]))
for name, calls in (("grp", (("getgrall",),)), ("pwd", (("getpwuid", 0), ("getpwall",))), ("spwd", (("getspall",),)),
                    ("resource", (("getrusage", 0),))):
    try:
        module = __import__(name)
    except ImportError:
        continue
    for call in calls:
        sequences.append(attempt(getattr(module, call[0]), *call[1:]))
if hasattr(sys, "getwindowsversion"):
    sequences.append(sys.getwindowsversion())
if hasattr(sys, "get_asyncgen_hooks"):
    sequences.append(sys.get_asyncgen_hooks())
if hasattr(sys, "_git"):
    sequences.append(sys._git)
try:
    import termios
    window = termios.tcgetwinsize(0)
except Exception:
    window = None
try:
    import threading
    sequences.append(threading.ExceptHookArgs([ValueError, ValueError(), None, Held()]))
except (ImportError, AttributeError):
    pass
child = os.fork()
if not child:
    os._exit(0)
try:
    sequences.append(os.waitid(os.P_PID, child, os.WEXITED))
except OSError:
    pass


class Held2(Held):
    pass


iterators = [iter(sequences[0]), iter(sequences[6])]
