# SPDX-License-Identifier: MIT
"""A file that is mapped twice, with objects in between: nothing there belongs to the file."""
import mmap
import signal
import tempfile

SIZE = 64 << 20  # so much fits into no gap between libraries: it comes below all that is mapped


class Held:
    def __init__(self, number):
        self.number = number


def made():
    """What the signal module is to hold: up to 3.11 by a C variable."""
    return lambda number, frame: None


with tempfile.TemporaryFile() as file:
    file.truncate(SIZE)
    first = [mmap.mmap(file.fileno(), SIZE), mmap.mmap(-1, SIZE)]
    between = [Held(number) for number in range(30000)]
    lowest = sorted((made() for _ in range(20000)), key=id)[:3]
    for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH):
        signal.signal(number, lowest.pop())
    second = [mmap.mmap(file.fileno(), SIZE), mmap.mmap(-1, SIZE)]
