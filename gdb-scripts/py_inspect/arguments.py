# SPDX-License-Identifier: MIT
"""From what was typed after a command to the words that the library takes."""
from __future__ import annotations

import re
from typing import List, Optional

import gdb

from .library import Option, Verb

_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|["'\\])+""", re.DOTALL)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_MASK = 2**64 - 1
# What one names by its own name when one means its address.
_PLACES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC)
_NUMBERS = (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT, gdb.TYPE_CODE_ENUM)


def address(value: gdb.Value) -> int:
    """The target address that @value is, or is at. Raises gdb.GdbError if it is none."""
    value_type = value.type.strip_typedefs()
    if value_type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return address(value.referenced_value())
    if value_type.code in _PLACES:
        if value.address is None:
            raise gdb.GdbError("This value is not in the target's memory, so it has no address.")
        return int(value.address) & _MASK
    if value_type.code in _NUMBERS:
        return int(value) & _MASK
    raise gdb.GdbError(f"A value of type {value.type} is not an address.")


def evaluate(expression: str) -> str:
    """The address that a gdb expression means, as the library takes it."""
    if re.fullmatch("0x[0-9a-fA-F]+", expression):  # in any of gdb's languages
        return expression
    try:
        return hex(address(gdb.parse_and_eval(expression)))
    except gdb.error as error:
        raise gdb.GdbError(f"{error}") from None


def split(text: str) -> List[str]:
    """The words of a command line; quotes, which an expression may need, are still on them."""
    return _WORD.findall(text)


def unquote(word: str) -> str:
    """@word without quotes and backslashes, as gdb's own commands take it."""
    return "".join(gdb.string_to_argv(word))


def option_named(verb: Verb, word: str) -> Optional[Option]:
    """The option of @verb that the word --NAME or --NAME=ARGUMENT is."""
    return next((option for option in verb.options if word.split("=", 1)[0] == f"--{option.name}"), None)


def from_text(verb: Verb, text: str) -> List[str]:
    """What the library takes for the command line @text: as typed, but addresses evaluated."""
    if "STATEMENT" in verb.operands:
        return _with_statement(verb, text)
    return _arguments(verb, split(text), quoted=True)


def _with_statement(verb: Verb, text: str) -> List[str]:
    """Options, and then the rest of the line as it is: quotes are the statement's. If all of it is in double quotes, as a
    shell wants it, these are none of its own."""
    arguments = [verb.name]
    words = list(_WORD.finditer(text))
    while words and words[0].group().startswith("--"):
        word = unquote(words.pop(0).group())
        if word == "--":
            break
        arguments.append(word)
        option = option_named(verb, word)
        if option is not None and option.argument is not None and "=" not in word and words:
            arguments.append(unquote(words.pop(0).group()))
    statement = text[words[0].start() :].strip() if words else ""
    if _QUOTED.fullmatch(statement):
        statement = unquote(statement)
    return [*arguments, *(["--", statement] if statement else [])]


def from_words(verb: Verb, words: List[str]) -> List[str]:
    """The same for words that have been split and unquoted already."""
    return _arguments(verb, words, quoted=False)


def _arguments(verb: Verb, words: List[str], quoted: bool) -> List[str]:
    def plain(word: str) -> str:
        return unquote(word) if quoted else word

    def expression(word: str) -> str:
        return plain(word) if _QUOTED.fullmatch(word) else word

    arguments: List[str] = []
    operands: List[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            operands += left
            break
        if not re.match(r"-[-\w]", word):
            operands.append(word)
            continue
        option = option_named(verb, plain(word))
        if option is not None and option.argument == "ADDRESS" and ("=" in word or left):
            value = word.split("=", 1)[1] if "=" in word else left.pop(0)
            arguments.append(f"--{option.name}={evaluate(expression(value))}")
            continue
        arguments.append(plain(word))
        if option is not None and option.argument is not None and "=" not in word and left:
            arguments.append(plain(left.pop(0)))
    if "ADDRESS" in verb.operands:
        operands = _addresses([expression(word) for word in operands])
    else:
        operands = [plain(word) for word in operands]
    return [verb.name, *arguments, *(["--"] if operands else []), *operands]


def _addresses(words: List[str]) -> List[str]:
    """Each word is an expression, or all of them are one that is written with spaces."""
    try:
        return [evaluate(word.rstrip(",")) for word in words]
    except gdb.GdbError:
        return [evaluate(" ".join(words))]
