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
sys._debugmallocstats()
os.write(1, b"")  # the first time, what is called may keep something
sys._debugmallocstats()
os.write(1, b"ready\n")
signal.pause()
