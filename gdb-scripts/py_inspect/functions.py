# SPDX-License-Identifier: MIT
"""$_py_type(ADDRESS) and its likes: what `py-inspect object` and `path` say, for expressions and conditions."""
from __future__ import annotations

from typing import Any

import gdb

from . import answers, arguments
from .sessions import Sessions


def _value(answer: Any) -> Any:
    return gdb.parse_and_eval("(void) 0") if answer is None else answer


class ObjectFunction(gdb.Function):
    """One column of `py-inspect object`."""

    def __init__(self, column: str, help_text: str, sessions: Sessions) -> None:
        self._column = column
        self._sessions = sessions
        self.__doc__ = help_text
        super().__init__(f"_py_{column}")

    def invoke(self, value: gdb.Value) -> Any:
        """The column's value; void where the object has none."""
        # Only the generation takes a walk through the heap.
        quick = [] if self._column == "generation" else ["--no-generation"]
        place = hex(arguments.address(value))
        (row,) = answers.query(self._sessions, ["object", *quick, place])["rows"]
        return _value(row[self._column])


class PathFunction(gdb.Function):
    """$_py_path - Why a Python object is alive: a path from a root to it, as a string.
    Usage: $_py_path (ADDRESS)
    Void if no root leads to it. The first call looks at the whole heap."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        super().__init__("_py_path")

    def invoke(self, value: gdb.Value) -> Any:
        """The path that `py-inspect path` prints."""
        (row,) = answers.query(self._sessions, ["path", hex(arguments.address(value))])["rows"]
        return _value(row["path"])


_FUNCTIONS = {
    "type": """$_py_type - The name of a Python object's type.
Usage: $_py_type (ADDRESS)
As Python says it: "module.qualname", and builtins bare.""",
    "size": """$_py_size - The size of a Python object in bytes.
Usage: $_py_size (ADDRESS)
What sys.getsizeof() says for the types that py-inspect knows.""",
    "refcount": """$_py_refcount - The reference count of a Python object.
Usage: $_py_refcount (ADDRESS)
Void for an immortal object, which has none.""",
    "generation": """$_py_generation - The collector's generation that a Python object is in.
Usage: $_py_generation (ADDRESS)
0, 1, 2 or "permanent"; void for an object that the collector does not track.""",
    "value": """$_py_value - A short description of a Python object's value, as a string.
Usage: $_py_value (ADDRESS)
Void where there is none.""",
}


def register(sessions: Sessions) -> None:
    """Makes the functions."""
    for column, help_text in _FUNCTIONS.items():
        ObjectFunction(column, help_text, sessions)
    PathFunction(sessions)
