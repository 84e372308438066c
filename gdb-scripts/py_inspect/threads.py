# SPDX-License-Identifier: MIT
"""The registers of the selected inferior's threads, laid out as the kernel does: elf_gregset_t."""
from __future__ import annotations

import contextlib
import struct
from typing import Dict, Iterator, List, Optional, Sequence

import gdb

from . import library

# struct user_regs_struct of Linux's sys/user.h, by the beginning of the architecture's name in gdb
_REGISTERS: Dict[str, Sequence[str]] = {
    "i386:x86-64": (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi"
        " orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
    ).split(),
    "aarch64": [f"x{number}" for number in range(31)] + ["sp", "pc", "cpsr"],
}


def of_selected() -> List[library.Thread]:
    """All threads of the selected inferior; what is selected stays so."""
    with _selection_kept():
        return [
            library.Thread(thread.ptid[1] or thread.ptid[2] or thread.ptid[0], _registers_of(thread))
            for thread in gdb.selected_inferior().threads()
        ]


@contextlib.contextmanager
def _selection_kept() -> Iterator[None]:
    thread = gdb.selected_thread()
    try:
        frame = gdb.selected_frame()
    except gdb.error:  # the thread runs
        frame = None
    try:
        yield
    finally:
        if thread is not None and thread.is_valid() and thread != gdb.selected_thread():
            thread.switch()
        if frame is not None and frame.is_valid() and frame != gdb.selected_frame():
            frame.select()


def _registers_of(thread: gdb.InferiorThread) -> Optional[bytes]:
    """The registers of the innermost frame, or None if the thread runs or is gone."""
    try:
        if thread != gdb.selected_thread():  # else it may be at a breakpoint, whose condition asks
            if thread.is_running():
                return None
            thread.switch()
        frame = gdb.newest_frame()
        names = _names(frame.architecture().name())
        return struct.pack(f"<{len(names)}Q", *(_value(frame, name) for name in names)) if names else None
    except gdb.error:
        return None


def _names(architecture: str) -> Optional[Sequence[str]]:
    return next((names for start, names in _REGISTERS.items() if architecture.startswith(start)), None)


def _value(frame: gdb.Frame, name: str) -> int:
    try:
        value = frame.read_register(name)
    except ValueError:  # the other end has no such register
        return 0
    return int(value) & 0xFFFFFFFFFFFFFFFF
