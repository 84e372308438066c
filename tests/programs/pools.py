# SPDX-License-Identifier: MIT
"""Has allocated and freed blocks of all sizes; writes what the allocator says of itself to stderr, and waits."""
import os
import random
import signal
import sys

random.seed(1)
kept = []
for _ in range(20000):
    kept.append(bytes(random.randrange(600)))
    if random.random() < 0.4:
        del kept[random.randrange(len(kept))]
del kept[3000:5000]


def say(stats=sys._debugmallocstats, write=os.write):
    """What is called for the first time may keep something or let go of it; nothing happens between the last words and the pause."""
    for text, after in (b"", os.getpid), (b"", os.getpid), (b"ready\n", signal.pause):
        stats()
        write(1, text)
        after()


say()
