# SPDX-License-Identifier: MIT
"""set/show py-inspect ..."""
from __future__ import annotations

import itertools
from typing import List, Optional

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


class Limit(gdb.Parameter):
    """What a py-inspect command may take; its option of the same name says it for one command.

    Nothing, or 0, is no limit (the default)."""

    value: Optional[str]

    def __init__(self, option: str, what: str, default: str = "not limited") -> None:
        self.option = option
        self._what = what
        self._default = default
        self.set_doc = f"Set {what}."
        self.show_doc = f"Show {what}."
        super().__init__(f"py-inspect {option}", gdb.COMMAND_DATA, gdb.PARAM_STRING)

    def get_set_string(self) -> str:
        return ""

    def get_show_string(self, value: str) -> str:
        return f"{self._what[:1].upper()}{self._what[1:]} is {value or self._default}."


no_stop: NoStop
limits: List[Limit] = []


def register() -> None:
    """Makes the prefixes and the parameters."""
    global no_stop
    SetPrefix()
    ShowPrefix()
    no_stop = NoStop()
    limits.append(Limit("max-memory", "the most memory of a py-inspect command, such as 512M or 2G"))
    folders = "$TMPDIR or /var/tmp"
    limits.append(Limit("temporary-directory", "where what max-memory leaves no room for is put", folders))
    limits.append(Limit("timeout", "the longest time of a py-inspect command, in seconds"))


def with_limits(arguments: List[str]) -> List[str]:
    """A verb's @arguments, with the parameters' limits where they name none."""
    options = {word.split("=", 1)[0] for word in itertools.takewhile(lambda word: word != "--", arguments)}
    return [
        arguments[0],
        *(f"--{limit.option}={limit.value}" for limit in limits if limit.value and f"--{limit.option}" not in options),
        *arguments[1:],
    ]
