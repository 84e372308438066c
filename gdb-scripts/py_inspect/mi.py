# SPDX-License-Identifier: MIT
"""-py-inspect-VERB: the verbs as GDB/MI commands, whose result is the verb's JSON as an MI tuple.

^done,verb="heap",target={...},complete="true",notes=[...],columns=[...],rows=[{type="dict",...},...],...
Booleans are "true" and "false"; a member that is null in the JSON is left out.
"""
from __future__ import annotations

import re
from typing import Any, Dict, List

import gdb

from . import answers, arguments
from .library import Library, Verb
from .sessions import Sessions


class VerbCommand(gdb.MICommand):
    """One verb. Operands that are addresses may be gdb expressions."""

    def __init__(self, verb: Verb, sessions: Sessions) -> None:
        self._verb = verb
        self._sessions = sessions
        super().__init__(f"-py-inspect-{verb.name}")

    def invoke(self, words: List[str]) -> Dict[str, Any]:
        """Runs the verb on the selected inferior."""
        for word in words:
            option = arguments.option_named(self._verb, word)
            if option is not None and option.name == "format":
                raise gdb.GdbError("The result of a GDB/MI command has one format; --format is for the console.")
        answer = answers.query(self._sessions, arguments.from_words(self._verb, words))
        result: Dict[str, Any] = _result(answer)
        return result


def _result(value: Any) -> Any:
    """JSON's @value as MI can have it."""
    if isinstance(value, dict):
        return {_name(key): _result(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_result(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _name(key: str) -> str:
    return re.sub("[^a-zA-Z0-9_-]", "-", key)


def register(inspect: Library, sessions: Sessions) -> None:
    """Makes a command for each verb."""
    for verb in inspect.verbs:
        VerbCommand(verb, sessions)
