# SPDX-License-Identifier: MIT
"""Arrays, their iterators and views; memory maps."""
import array
import mmap


class Row(array.array):
    """A subclass with a __dict__."""


class Region(mmap.mmap):
    pass


class Held:
    pass


arrays = [array.array(code, range(5)) for code in "bBhHiIlLqQfd"] + [array.array("u", "text"), array.array("i")]
arrays.append(Row("d", [1.0, 2.0]))
arrays[-1].held = Held()
iterators = [iter(arrays[0]), iter(arrays[-1]), iter(arrays[13])]
next(iterators[0])
list(iterators[2])
views = [memoryview(arrays[3]), memoryview(arrays[-1]).cast("b")]
regions = [mmap.mmap(-1, 4096), Region(-1, 8192), mmap.mmap(-1, 100)]
regions[1].held = Held()
regions[2].close()
views.append(memoryview(regions[0])[10:20])
