# SPDX-License-Identifier: MIT
"""Runs modules of the interpreter's own test suite, and stops at any moment to be looked at.

    library.py RECORD SECONDS MODULE...

Every SECONDS of running a signal's handler takes over, between two bytecodes of whatever runs. It writes RECORD
(referents.py), prints "ready" and waits for a byte on stdin; prints "whole" and waits again; then collects with
gc.DEBUG_SAVEALL and prints the number that gc.collect() returns and the addresses of what was collected, as JSON, and waits
once more. At the end it prints "end".

Nothing else may run meanwhile: while there are other threads, which would go on, the handler lets the test go on and comes
again soon; and the other signals, whose handlers would be called between its own bytecodes, wait until it has returned.
"""
import gc
import io
import json
import os
import signal
import sys
import unittest

sys.dont_write_bytecode = True
record, seconds = sys.argv[1], float(sys.argv[2])
SOON = 0.01  # seconds
SIGNALS = range(1, 32)
own_pid = os.getpid()  # tests fork
asking, saying = os.dup(0), os.dup(1)
nothing = os.open(os.devnull, os.O_RDWR)
for descriptor in (0, 1, 2):  # tests print, and close what is theirs
    os.dup2(nothing, descriptor)
with io.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "referents.py"), encoding="utf-8") as source:
    oracle = compile(source.read(), "referents.py", "exec")


def say(text):
    os.write(saying, text.encode("ascii", "backslashreplace") + b"\n")


def ask(text):
    say(text)
    if not os.read(asking, 1):
        os._exit(0)


def be_looked_at(number, frame):
    signal.setitimer(signal.ITIMER_REAL, 0)
    if os.getpid() != own_pid:
        return
    if len(os.listdir("/proc/self/task")) > 1:
        signal.setitimer(signal.ITIMER_REAL, SOON)
        return
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    enabled, flags = gc.isenabled(), gc.get_debug()
    gc.disable()
    exec(oracle, {"__name__": "oracle", "__builtins__": __builtins__, "oracle_path": record, "oracle_mode": "return"})
    ask("ready")
    uncollectable, gc.garbage[:] = gc.garbage[:], []
    ask("whole")
    gc.set_debug(gc.DEBUG_SAVEALL)
    returned = gc.collect()
    gc.set_debug(flags)
    collected = json.dumps([returned, [id(each) for each in gc.garbage]])
    gc.garbage[:] = uncollectable
    ask(collected)
    if enabled:
        gc.enable()
    signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    signal.setitimer(signal.ITIMER_REAL, seconds)


signal.signal(signal.SIGALRM, be_looked_at)
signal.setitimer(signal.ITIMER_REAL, seconds)
for name in sys.argv[3:]:
    try:
        unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromName(name))
    except (Exception, SystemExit):
        pass  # a module that this version or this machine does not have
say("end")
os._exit(0)
