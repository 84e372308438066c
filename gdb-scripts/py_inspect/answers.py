# SPDX-License-Identifier: MIT
"""Runs a verb on the selected inferior: what it prints onto gdb's screen, or its JSON as Python values."""
from __future__ import annotations

import codecs
import json
import os
import sys
from typing import Any, Callable, Dict, List, Optional

import gdb

from . import library, parameters
from .sessions import ReadLine, Sessions


def show(sessions: Sessions, arguments: List[str]) -> None:
    """Prints a verb's answer. Raises gdb.GdbError with the library's message if there is none."""
    asks = arguments == ["sql"] or (arguments[0] == "sql" and "--" not in arguments)
    if asks and not _has_terminal():
        raise gdb.GdbError("sql needs a statement here: py-inspect sql SELECT count(*) FROM objects")
    _run(sessions, arguments, _writer(gdb.STDOUT), _screen(), _read_line if asks else None)


def query(sessions: Sessions, arguments: List[str]) -> Dict[str, Any]:
    """A verb's answer as JSON says it. Raises gdb.GdbError with the library's message if there is none."""
    pieces: List[bytes] = []
    _run(sessions, [arguments[0], "--format=json", *arguments[1:]], pieces.append, library.Screen())
    answer: Dict[str, Any] = json.loads(b"".join(pieces).decode("utf-8", "replace"))
    return answer


def _run(
    sessions: Sessions,
    arguments: List[str],
    write: Callable[[bytes], None],
    screen: library.Screen,
    read_line: Optional[ReadLine] = None,
) -> None:
    arguments = parameters.with_limits(arguments)
    wrong = sessions.library.wrong_call(arguments)
    if wrong:
        raise gdb.GdbError(_printable(wrong))
    messages: List[bytes] = []
    write_message = _writer(gdb.STDERR) if read_line else messages.append
    limits = sessions.library.call_limits(arguments)
    status = sessions.selected(limits).run(arguments, write, write_message, screen, read_line)
    message = b"".join(messages)
    if status in (library.EXIT_USAGE, library.EXIT_UNUSABLE):
        raise gdb.GdbError(_printable(message.decode("utf-8", "replace").strip()))
    _writer(gdb.STDERR)(message)


def _writer(stream: int) -> Callable[[bytes], None]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(text: bytes) -> None:
        gdb.write(_printable(decoder.decode(text)), stream)

    return write


def _printable(text: str) -> str:
    """@text with escapes for what gdb's character set does not have."""
    charset = gdb.host_charset()
    return text.encode(charset, "backslashreplace").decode(charset)


def _screen() -> library.Screen:
    # gdb has no width while its output goes to a pipe or a string instead of the terminal.
    width = gdb.parameter("width") or 0
    height = gdb.parameter("height") or 0
    terminal = bool(width) and os.isatty(1) and bool(gdb.parameter("style enabled"))
    return library.Screen(terminal, width, height)


def _has_terminal() -> bool:
    """Whether somebody can be asked: not where gdb is a program's, or its commands come from a pipe."""
    return os.isatty(0) and os.isatty(1) and sys.stdin is not None


def _read_line(prompt: str) -> Optional[str]:
    """A line that somebody types; None at the end."""
    try:
        return input(prompt)
    except EOFError:
        gdb.write("\n")
        return None
