# SPDX-License-Identifier: MIT
"""What CPython's own collector needs for a heap: the same as bench.c does with the reference collector.

Prints a line for each measurement: its name, the objects, nanoseconds of the processor an object.
"""
import gc
import sys
import time


def make_live(count):
    every = []
    for _ in range(count // 2):
        part = []
        every.append((part, every))
        part.append(every)
    return every


def make_cycles(count):
    for _ in range(count // 2):
        one, other = [], []
        one.append(other)
        other.append(one)


def collect():
    began = time.process_time()
    gc.collect()
    return time.process_time() - began


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    gc.disable()
    gc.collect()
    gc.freeze()
    every = make_live(count)
    gc.collect()
    live = min(collect() for _ in range(5))
    del every
    gc.collect()
    cycles = []
    for _ in range(5):
        make_cycles(count)
        cycles.append(collect())
    print("live %d %.2f\ncycles %d %.2f" % (count, live * 1e9 / count, count, min(cycles) * 1e9 / count))


main()
