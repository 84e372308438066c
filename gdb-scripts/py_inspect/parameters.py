# SPDX-License-Identifier: MIT
"""set/show py-inspect ..."""
from __future__ import annotations

import gdb


class SetPrefix(gdb.Command):
    """Set how py-inspect reads the inferior."""

    def __init__(self) -> None:
        super().__init__("set py-inspect", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class ShowPrefix(gdb.Command):
    """Show how py-inspect reads the inferior."""

    def __init__(self) -> None:
        super().__init__("show py-inspect", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class NoStop(gdb.Parameter):
    """Whether py-inspect reads a native process that is running.

    Off (the default): the process has to be interrupted first.
    On: it is read as it runs, which may tear what is being changed at that moment; every command reads it
    anew."""

    set_doc = "Set whether py-inspect reads a native process that is running."
    show_doc = "Show whether py-inspect reads a native process that is running."
    value: bool

    def __init__(self) -> None:
        super().__init__("py-inspect no-stop", gdb.COMMAND_DATA, gdb.PARAM_BOOLEAN)
        self.value = False

    def get_set_string(self) -> str:
        return ""

    def get_show_string(self, value: str) -> str:
        return f"py-inspect reads a native process that is running: {value}."


no_stop: NoStop


def register() -> None:
    """Makes the prefixes and the parameters."""
    global no_stop
    SetPrefix()
    ShowPrefix()
    no_stop = NoStop()
