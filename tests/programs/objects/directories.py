# SPDX-License-Identifier: MIT
"""Iterators and entries of directories, and what waits for files."""
import os
import select
import selectors

here = os.path.dirname(os.path.abspath(__file__))
iterators = [os.scandir(path) for path in (here, os.fsencode(here), ".", here, here)] + [os.scandir()]
next(iterators[0])
list(iterators[3])
iterators[4].close()
if os.scandir in os.supports_fd:
    descriptor = os.open(here, os.O_RDONLY)
    iterators.append(os.scandir(descriptor))
entries = list(os.scandir(here)) + list(os.scandir(os.fsencode(here)))
for entry in entries[::2]:
    entry.stat()
    entry.stat(follow_symlinks=False)
    entry.is_dir()

polls = [select.poll(), select.poll()]
polls[1].register(0)
polls[1].register(1, select.POLLIN)
epolls = [select.epoll(), select.epoll()]
epolls[1].close()
selecting = [selectors.DefaultSelector(), selectors.PollSelector()]
reading, writing = os.pipe()
for selector in selecting:
    selector.register(reading, selectors.EVENT_READ, data=entries)
if hasattr(os, "statx"):
    extended = os.statx(here, os.STATX_BASIC_STATS)
