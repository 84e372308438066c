# SPDX-License-Identifier: MIT
"""One open session per inferior, kept until the inferior runs, changes or goes."""
from __future__ import annotations

import contextlib
import ctypes
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import gdb

from . import library, selection, threads
from .interrupts import Work
from .progress import Progress

Write = Callable[[bytes], None]
ReadLine = Callable[[str], Optional[str]]


class Session:
    """An open target and what the library has found out about it."""

    def __init__(
        self, inspect: library.Library, chosen: selection.Selection, limits: library.Limits
    ) -> None:
        self.selection = chosen
        self._library = inspect
        self._busy = False
        self._closed = False
        self._torn = False  # a cancelled read may have become an answer
        self._work = Work()
        self._progress = Progress()
        self._inferior = gdb.selected_inferior()
        # The library calls these for as long as the session is open, so they live as long as this object.
        self._callbacks = (
            library.PROGRESS(lambda _context, *step: self._work.call(self._progress.report, *step)),
            library.READ(lambda _context, *span: self._read(*span)),
        )
        self._handle = 0
        try:
            with self._working():
                self._handle = self._open(limits)
        except library.Error as error:
            if error.kind == library.ERROR_CANCELLED:
                raise KeyboardInterrupt from None
            raise gdb.GdbError(str(error)) from None

    def _open(self, limits: library.Limits) -> int:
        chosen = self.selection
        progress, read = self._callbacks
        if chosen.kind == "core":
            return self._library.open_core(
                chosen.core, chosen.sysroot, chosen.executable, progress, limits
            )
        if chosen.kind == "process":
            return self._library.open_process(chosen.pid, threads.of_selected(), progress, limits)
        auxv = selection.auxiliary_vector()
        return self._library.open_debugger(
            read,
            auxv,
            chosen.pid,
            threads.of_selected(),
            chosen.sysroot,
            chosen.executable,
            progress,
            limits,
        )

    def _read(self, address: int, buffer: int, size: int) -> bool:
        def copied() -> bool:
            try:
                memory = self._inferior.read_memory(address, size)
            except gdb.MemoryError:
                return False
            ctypes.memmove(buffer, bytes(memory), size)
            return True

        has_read = self._work.call(copied)
        self._torn = self._torn or self._work.failure is not None
        return has_read

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self._work = Work()
        self._busy = True
        try:
            with self._work.running():
                yield
        finally:
            self._busy = False
            self._progress.end()
            if self._closed or self._torn:
                self.close()

    def run(
        self,
        arguments: Sequence[str],
        write: Write,
        write_message: Write,
        screen: library.Screen,
        read_line: Optional[ReadLine] = None,
    ) -> int:
        """Runs a verb; returns an enum inspect_exit. Raises what a callback raised, and KeyboardInterrupt."""
        lines: List[ctypes.c_char_p] = []  # what the library was given last stays until the next one

        def next_line(prompt: bytes, line: "ctypes._Pointer[ctypes.c_char_p]") -> int:
            assert read_line is not None
            self._progress.end()
            self._work.forget()  # a query that was interrupted does not end the prompt
            try:
                text = read_line(prompt.decode())
            except KeyboardInterrupt:
                return library.LINE_INTERRUPTED
            except BaseException as failure:  # pylint: disable=broad-except
                self._work.failure = failure
                return library.LINE_END
            if text is None:
                return library.LINE_END
            lines[:] = [ctypes.c_char_p(text.encode("utf-8", "surrogateescape"))]
            line[0] = lines[0]
            return library.LINE_READ

        def callback(take: Write) -> Callable[..., bool]:
            def taken(text: int, size: int) -> bool:
                self._progress.end()
                answer = ctypes.string_at(text, size)
                take(answer)
                self._progress.inside_line = not answer.endswith(b"\n")
                return True

            return library.WRITE(lambda _context, *text: self._work.call(taken, *text))

        with self._working():
            return self._library.run(
                self._handle,
                arguments,
                callback(write),
                callback(write_message),
                screen,
                read_line and library.READ_LINE(lambda _context, *asked: next_line(*asked)),
            )

    @property
    def closed(self) -> bool:
        """Whether nothing can be run any more."""
        return self._closed

    def close(self) -> None:
        """Frees everything; at the end of the work if there is some under way."""
        self._closed = True
        if self._handle and not self._busy:
            handle, self._handle = self._handle, 0
            self._library.close(handle)


class Sessions:
    """The open sessions by inferior."""

    def __init__(self, inspect: library.Library) -> None:
        self.library = inspect
        self._open: Dict[int, Session] = {}
        # gdb does not always tell which inferior has changed, and a continued one may share its memory with
        # another: all but cores go.
        gdb.events.cont.connect(lambda _event: self._close_live())
        gdb.events.inferior_call.connect(lambda _event: self._close_live())
        gdb.events.memory_changed.connect(lambda _event: self._close_live())
        gdb.events.register_changed.connect(lambda _event: self._close_live())
        gdb.events.exited.connect(lambda event: self._close(event.inferior.num))
        gdb.events.inferior_deleted.connect(lambda event: self._close(event.inferior.num))
        gdb.events.gdb_exiting.connect(lambda _event: self._close_all())

    def selected(self, limits: library.Limits = library.Limits()) -> Session:
        """The session of the selected inferior, opened within @limits if it is not open. Raises gdb.GdbError if there is
        nothing to inspect."""
        chosen = selection.selected()
        session = self._open.get(chosen.inferior)
        if session is None or session.closed or session.selection != chosen or chosen.running:
            self._close(chosen.inferior)
            session = self._open[chosen.inferior] = Session(
                self.library, chosen, limits
            )
        return session

    def _close(self, inferior: int) -> None:
        session = self._open.pop(inferior, None)
        if session is not None:
            session.close()

    def _close_live(self) -> None:
        for inferior, session in list(self._open.items()):
            if session.selection.kind != "core":
                self._close(inferior)

    def _close_all(self) -> None:
        for inferior in list(self._open):
            self._close(inferior)
