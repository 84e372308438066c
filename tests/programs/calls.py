# SPDX-License-Identifier: MIT
"""Threads in calls of every kind, all waiting; their frames as the interpreter has them, written down.

    calls.py RECORD

RECORD is JSON: {thread: [call...]}, the innermost call first, a call {"name", "file", "line", "function", "variables":
{name: [id, kind]}}; kind is "local", "cell" or "free", and a cell's id is that of its contents. Threads are named by their
native ids. Then writes "ready" and waits.
"""
import asyncio
import functools
import json
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.setrecursionlimit(5000)
reached, forever = threading.Semaphore(0), threading.Lock()
forever.acquire()
native = {}  # ident → native id
kept = []


def block(*ignored):
    native[threading.get_ident()] = int(os.readlink("/proc/thread-self").split("/")[-1])
    reached.release()
    forever.acquire()
    return ignored


def is_waiting(frame):
    """Is this in the last line but one of block()?"""
    return frame.f_code is block.__code__ and frame.f_lineno == block.__code__.co_firstlineno + 3


def recursion(depth=400, argument=None):
    here = [depth]

    def inner():
        return here, argument
    return recursion(depth - 1, inner) if depth else block()


def generators():
    def lowest(start):
        local = [start]
        yield block()
        yield local

    def middle(start):
        other = (start,)
        yield from lowest(start)
        yield other
    for item in middle("x"):
        kept.append(item)


def class_body():
    outer = ["outer"]

    class Body:
        attribute = [1]
        seen = outer
        value = block()
    return Body


def executed():
    class Namespace(dict):
        pass
    exec(compile("\n\nfirst = [1]\n\nblock(\n  1,\n  first)\n", "made up.py", "exec"), {"block": block}, Namespace())


def comprehension():
    factor = [3]
    return [block(item, factor) for item in [[1], [2]]]


def generator_expression():
    return list(block(item) for item in [[1]])


def coroutines():
    async def lowest(argument):
        held = [argument]
        await asyncio.sleep(0)
        block(held)

    async def middle(argument):
        await lowest([argument])
    loop = asyncio.new_event_loop()
    loop.run_until_complete(middle("argument"))


def through_c():
    def key(item):
        held = [item]
        return block(held)
    return sorted(map(functools.partial(lambda first, second: key((first, second)), "bound"), "ab"))


def in_handlers():
    try:
        try:
            raise KeyError([1])
        except KeyError as error:
            message = [error]
            raise ValueError(message)
    except ValueError as error:
        caught = error
        with open(os.devnull) as file:
            block(
                caught,

                file,
            )
    finally:
        caught = None


def far_lines():
    first = 1
    # a line far below: more than a signed byte of difference
    # 1
    # 2
    # 3
    # 4
    # 5
    # 6
    # 7
    # 8
    # 9
    # 10
    # 11
    # 12
    # 13
    # 14
    # 15
    # 16
    # 17
    # 18
    # 19
    # 20
    # 21
    # 22
    # 23
    # 24
    # 25
    # 26
    # 27
    # 28
    # 29
    # 30
    # 31
    # 32
    # 33
    # 34
    # 35
    # 36
    # 37
    # 38
    # 39
    # 40
    # 41
    # 42
    # 43
    # 44
    # 45
    # 46
    # 47
    # 48
    # 49
    # 50
    # 51
    # 52
    # 53
    # 54
    # 55
    # 56
    # 57
    # 58
    # 59
    # 60
    # 61
    # 62
    # 63
    # 64
    # 65
    # 66
    # 67
    # 68
    # 69
    # 70
    # 71
    # 72
    # 73
    # 74
    # 75
    # 76
    # 77
    # 78
    # 79
    # 80
    # 81
    # 82
    # 83
    # 84
    # 85
    # 86
    # 87
    # 88
    # 89
    # 90
    # 91
    # 92
    # 93
    # 94
    # 95
    # 96
    # 97
    # 98
    # 99
    # 100
    # 101
    # 102
    # 103
    # 104
    # 105
    # 106
    # 107
    # 108
    # 109
    # 110
    # 111
    # 112
    # 113
    # 114
    # 115
    # 116
    # 117
    # 118
    # 119
    # 120
    # 121
    # 122
    # 123
    # 124
    # 125
    # 126
    # 127
    # 128
    # 129
    # 130
    # 131
    # 132
    # 133
    # 134
    # 135
    # 136
    # 137
    # 138
    # 139
    # 140
    # 141
    # 142
    # 143
    # 144
    # 145
    # 146
    # 147
    # 148
    # 149
    # 150
    # 151
    # 152
    # 153
    # 154
    # 155
    # 156
    # 157
    # 158
    # 159
    # 160
    second = (first,
              block(first,
                    first))
    return second


def backwards():
    for item in [
            1,
            2]:
        while block(item) and \
                item:
            pass


def traced():
    def trace(frame, event, argument):
        if event == "line" and frame.f_code.co_name == "watched":
            sys.settrace(None)
            block(frame.f_lineno)
        return trace

    def watched():
        inside = [1]
        return inside
    sys.settrace(trace)
    watched()


def deleted(argument):
    gone = [argument]
    del gone
    unset = None if argument else 1  # noqa: F841
    if not argument:
        never = 1  # noqa: F841
    block()


def arguments(first, *rest, second=2, **more):
    captured = [first]

    def use():
        return first, rest, more, captured
    return block(), use


class Method:
    def run(self):
        return super().__init__(), block()


def variables(frame):
    """{name: [id, kind]} of the variables of a function's frame that are set."""
    code = frame.f_code
    kinds = dict.fromkeys(code.co_varnames, "local")
    kinds.update(dict.fromkeys(code.co_cellvars, "cell"))
    kinds.update(dict.fromkeys(code.co_freevars, "free"))
    values = dict(frame.f_locals) if code.co_flags & 2 else {}  # CO_NEWLOCALS and fast locals: functions
    return {name: [id(value), kinds[name]] for name, value in values.items() if name in kinds}


def describe(frame):
    calls = []
    while frame:
        code = frame.f_code
        calls.append({"name": getattr(code, "co_qualname", code.co_name), "file": code.co_filename,
                      "line": frame.f_lineno, "function": bool(code.co_flags & 1), "variables": variables(frame)})
        frame = frame.f_back
    return calls


bodies = [recursion, generators, class_body, executed, comprehension, generator_expression, coroutines, through_c,
          in_handlers, far_lines, backwards, traced, functools.partial(deleted, 1),
          functools.partial(arguments, 1, 2, 3, other=4), Method().run]
if __name__ == "__main__":
    threading.stack_size(64 << 20)
    for body in bodies:
        thread = threading.Thread(target=body)
        thread.daemon = True
        thread.start()
        reached.acquire()
    # A thread says that it is there before it waits, and may not have had a processor since.
    frames = sys._current_frames()
    while not all(is_waiting(frames[ident]) for ident in native):
        time.sleep(0.001)
        frames = sys._current_frames()
    record = {native[ident]: describe(frame) for ident, frame in frames.items() if ident in native}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(record, file)
    del frames
    os.write(1, b"ready\n")
    signal.pause()
