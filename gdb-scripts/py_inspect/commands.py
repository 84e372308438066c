# SPDX-License-Identifier: MIT
"""py-inspect VERB: the library's verbs as gdb commands, with their help and completion."""
from __future__ import annotations

from typing import List, Optional, Union

import gdb

from . import answers, arguments
from .library import Library, Verb
from .sessions import Sessions


class Prefix(gdb.Command):
    """Inspect the Python objects of the inferior: a live process, a core file or a remote target.

    Usage: py-inspect VERB [ADDRESS]... [OPTION]...

    Nothing of the inferior is changed. An ADDRESS is any gdb expression: py-inspect object $rdi
    What has been found out is kept until the inferior runs again.
    $_py_type(ADDRESS) and its likes tell expressions the same: see "help function"."""

    def __init__(self, problem: Optional[str] = None) -> None:
        self._problem = problem
        super().__init__("py-inspect", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """Lists the verbs."""
        if self._problem:
            raise gdb.GdbError(self._problem)
        if argument not in ("", "--help"):
            raise gdb.GdbError(f'Undefined py-inspect command: "{argument}".  Try "help py-inspect".')
        gdb.execute("help py-inspect")


class VerbCommand(gdb.Command):
    """One verb."""

    def __init__(self, verb: Verb, sessions: Sessions) -> None:
        self._verb = verb
        self._sessions = sessions
        self.__doc__ = help_text(verb)
        super().__init__(f"py-inspect {verb.name}", gdb.COMMAND_DATA)

    def invoke(self, argument: str, _from_tty: bool) -> None:
        """Runs the verb on the selected inferior."""
        if "--help" in arguments.split(argument):
            gdb.execute(f"help py-inspect {self._verb.name}")
        else:
            answers.show(self._sessions, arguments.from_text(self._verb, argument))

    def complete(self, text: str, word: Optional[str]) -> Union[List[str], int]:
        """Offers options, the values of options, and for addresses what gdb knows."""
        words = arguments.split(text)
        last = "" if not words or text[-1].isspace() else words.pop()
        name, equals, _ = last.partition("=")
        if last.startswith("-") and not equals:
            return _matching([f"--{option.name}" for option in self._verb.options], last, word)
        valued = arguments.option_named(self._verb, name) if equals else None
        if valued is None and words and "=" not in words[-1]:
            valued, name = arguments.option_named(self._verb, words[-1]), ""
        if valued is None or valued.argument is None:
            takes_address = "ADDRESS" in self._verb.operands
            return gdb.COMPLETE_EXPRESSION if takes_address else gdb.COMPLETE_NONE
        if valued.argument == "ADDRESS":
            return gdb.COMPLETE_EXPRESSION
        start = f"{name}=" if name else ""
        return _matching([start + value for value in valued.values], last, word)


def _matching(offered: List[str], last: str, word: Optional[str]) -> List[str]:
    # gdb replaces @word only, which may be just the end of what is after the last space.
    kept = len(last) - len(word or "")
    return [text[kept:] for text in offered if text.startswith(last)]


def help_text(verb: Verb) -> str:
    """What `help py-inspect VERB` prints: the library's help under a first line as gdb's lists want it."""
    _, _, text = verb.help.partition("\n")
    return f"{verb.summary[:1].upper()}{verb.summary[1:]}.\n{text.rstrip()}"


def register(inspect: Library, sessions: Sessions) -> None:
    """Makes the prefix and a command for each verb."""
    Prefix()
    for verb in inspect.verbs:
        VerbCommand(verb, sessions)


def register_without_library(problem: str) -> None:
    """Makes the prefix alone, which says what the problem is."""
    Prefix(problem)
