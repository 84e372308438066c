# SPDX-License-Identifier: MIT
"""What gdb is looking at, in the terms of the library's three ways to open a target."""
from __future__ import annotations

import re
import struct
from typing import NamedTuple, Optional

import gdb

from . import parameters


class Selection(NamedTuple):
    """The selected inferior; equal for as long as it is the same target opened with the same files."""

    kind: str  # "core", "process" or "debugger"
    inferior: int  # gdb's number
    connection: int  # gdb's number
    pid: int
    core: str = ""
    sysroot: Optional[str] = None
    executable: Optional[str] = None
    running: bool = False  # then what is found out is not to be kept


def selected() -> Selection:
    """Describes the selected inferior, or raises gdb.GdbError if there is nothing in it to read."""
    inferior = gdb.selected_inferior()
    connection = inferior.connection
    if connection is None or not inferior.pid:
        raise gdb.GdbError(
            "There is nothing to inspect: the program is not being run and there is no core file."
            ' Use "attach PID", "run", "core-file FILE" or "target remote".'
        )
    identity = (inferior.num, connection.num, inferior.pid)
    if connection.type == "core":
        files = gdb.execute("info files", to_string=True)
        core = _core_name(inferior, files)
        return Selection("core", *identity, core, _sysroot(), _local(_named(files, "Local exec file")))
    running = any(thread.is_running() for thread in inferior.threads())
    if running and not _is_at_breakpoint():
        if connection.type != "native":
            raise gdb.GdbError("The process is running. Interrupt it first.")
        if not parameters.no_stop.value:
            raise gdb.GdbError(
                "The process is running. Interrupt it first, or read it as it runs after"
                ' "set py-inspect no-stop on".'
            )
    if connection.type == "native":
        return Selection("process", *identity, running=running)
    files = gdb.execute("info files", to_string=True)
    executable = _local(_named(files, "Local exec file"))
    return Selection("debugger", *identity, "", _sysroot(), executable, running)


def auxiliary_vector() -> bytes:
    """The selected inferior's auxiliary vector, rebuilt from what `info auxv` prints of it.

    Empty where the target has none to offer: the library says then what it lacks.
    """
    try:
        text = gdb.execute("info auxv", to_string=True)
    except gdb.error:
        return b""
    entries = re.findall(r'^(\d+) .*?\s(0x[0-9a-f]+|\d+)(?: ".*")?$', text, re.MULTILINE)
    return b"".join(struct.pack("<QQ", int(key), int(value, 0)) for key, value in entries)


def _is_at_breakpoint() -> bool:
    """Whether gdb is asking for a breakpoint's condition: the thread counts as running, but stands still."""
    try:
        gdb.newest_frame()
    except gdb.error:
        return False
    thread = gdb.selected_thread()
    return thread is not None and bool(thread.is_running())


def _core_name(inferior: gdb.Inferior, files: str) -> str:
    core = getattr(inferior, "corefile", None)  # gdb 17
    name: Optional[str] = core.filename if core else _named(files, "Local core dump file")
    if name is None:
        raise gdb.GdbError("gdb does not tell the name of the core file that it has open.")
    return name


def _named(files: str, title: str) -> Optional[str]:
    """The file below @title in what `info files` prints."""
    found = re.search(rf"^{title}:\s*[`'\"](.+)['\"],\s*file type ", files, re.MULTILINE)
    return found.group(1) if found else None


def _sysroot() -> Optional[str]:
    return _local(gdb.parameter("sysroot")) or None


def _local(path: Optional[str]) -> Optional[str]:
    """@path, unless it is gdb's way to name a file of the machine at the other end."""
    return None if path is None or path.startswith(("target:", "remote:")) else path
