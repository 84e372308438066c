# SPDX-License-Identifier: MIT
"""A line on the terminal that says how far long work is."""
from __future__ import annotations

import os
import sys
import time

import gdb

_DELAY = 1.0  # seconds until there is something to say
_INTERVAL = 0.2  # seconds between two lines


class Progress:
    """The line of one session."""

    def __init__(self) -> None:
        self._terminal = os.isatty(sys.__stderr__.fileno()) if sys.__stderr__ else False
        self._next = 0.0  # when to write; 0 where no work is under way
        self._shown = False
        self.inside_line = False  # of an answer, which may not be wiped

    def report(self, what: bytes, done: int, total: int) -> bool:
        """A PROGRESS callback's work. Never asks to cancel."""
        now = time.monotonic()
        if not self._next:
            self._next = now + _DELAY
        elif now >= self._next and self._terminal and not self.inside_line:
            self._next = now + _INTERVAL
            if not gdb.parameter("width"):  # gdb's output goes to a pipe or a string instead of the terminal
                return True
            part = f"{100 * done // total} %" if total else f"{done}"
            gdb.write(f"\r\x1b[K{what.decode('utf-8', 'replace')}: {part}", gdb.STDERR)
            gdb.flush(gdb.STDERR)
            self._shown = True
        return True

    def end(self) -> None:
        """Takes the line away."""
        if self._shown:
            gdb.write("\r\x1b[K", gdb.STDERR)
            gdb.flush(gdb.STDERR)
        self._shown = self.inside_line = False
        self._next = 0.0
