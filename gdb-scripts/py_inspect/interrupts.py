# SPDX-License-Identifier: MIT
"""Ctrl-C and errors while the library runs and calls back."""
from __future__ import annotations

import contextlib
import ctypes
import signal
from typing import Callable, Iterator, Optional

_libc = ctypes.CDLL(None)


class Work:
    """One call of the library: no exception may cross it, so the first one is kept until it is over."""

    def __init__(self) -> None:
        self.failure: Optional[BaseException] = None

    def interrupt(self) -> None:
        """Ends the work as soon as the library calls back."""
        self.failure = self.failure or KeyboardInterrupt()

    def forget(self) -> None:
        """A Ctrl-C has been dealt with."""
        if isinstance(self.failure, KeyboardInterrupt):
            self.failure = None

    def call(self, function: Callable[..., bool], *arguments: object) -> bool:
        """What @function returns; False, which cancels the work, if it or anything before it failed."""
        if self.failure is None:
            try:
                done = function(*arguments)
            except BaseException as failure:  # pylint: disable=broad-except
                self.failure = failure
        return self.failure is None and done

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """For the time of the call: Ctrl-C cancels it, and what failed is raised when it is over."""
        with _interrupts_to(self.interrupt):
            try:
                yield
            except Exception:  # pylint: disable=broad-except
                if self.failure is None:  # otherwise that is the reason for it
                    raise
        if self.failure is not None:
            raise self.failure


@contextlib.contextmanager
def _interrupts_to(interrupted: Callable[[], None]) -> Iterator[None]:
    """Lets @interrupted take Ctrl-C instead of a KeyboardInterrupt between any two steps of a callback.

    gdb's own signal handler stays: it hands a Ctrl-C on to Python's. As signal.signal() replaces both, gdb's
    is put back, through libc's sigaction() since Python has no function for that.
    """
    handler = ctypes.create_string_buffer(1024)  # room for any libc's struct sigaction
    previous = signal.getsignal(signal.SIGINT) or signal.default_int_handler

    def set_handler(python_handler: object) -> None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        _libc.sigaction(signal.SIGINT, None, handler)
        signal.signal(signal.SIGINT, python_handler)  # type: ignore[arg-type]
        _libc.sigaction(signal.SIGINT, handler, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    set_handler(lambda *_: interrupted())
    try:
        yield
    finally:
        set_handler(previous)
