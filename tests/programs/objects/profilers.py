# SPDX-License-Identifier: MIT
"""Profilers with many functions seen, and their answers."""
import _lsprof
import cProfile


class Held:
    pass


class Timer:
    def __init__(self):
        self.held, self.now = Held(), 0

    def __call__(self):
        self.now += 1
        return self.now


class Profiler(_lsprof.Profiler):
    pass


def make(number):
    namespace = {}
    exec("def made_%d(): return len('x')" % number, namespace)
    return namespace["made_%d" % number]


functions = [make(number) for number in range(200)]
unused = _lsprof.Profiler()
busy = cProfile.Profile()
busy.enable()
for function in functions:
    function()
sorted([3, 1, 2], key=abs)
[].append(1)
busy.disable()
timed = _lsprof.Profiler(Timer(), 0.001)
timed.enable()
functions[0]()
timed.disable()
own = Profiler(subcalls=True, builtins=False)
own.held = Held()
own.enable(subcalls=True)
functions[1]()
own.disable()
cleared = _lsprof.Profiler()
cleared.enable()
functions[2]()
cleared.disable()
cleared.clear()
stats = busy.getstats() + own.getstats()
del functions[50:]
