# SPDX-License-Identifier: MIT
"""Regular expressions: patterns, matches, scanners, templates."""
import array
import mmap
import re


class Text(str):
    """Matches keep the very object they were made of."""


class Held:
    pass


text = Text("one two  three")
text.held = Held()
data = bytearray(b"one two  three")
words = array.array("b", b"one two")
patterns = [re.compile(r"(?P<first>\w+)\s+(\w+)(?P<last>x)?"), re.compile(Text(r"\w+")), re.compile(rb"(\w+)"),
            re.compile("a|b|c", re.I), re.compile("(((((a)))))")]
matches = [patterns[0].match(text), patterns[1].search(text, 4), patterns[2].match(data), patterns[2].search(words),
           patterns[2].match(memoryview(b"abc")), patterns[4].match("a")]
spans = [match.regs for match in matches[:2]]
scanners = [patterns[1].scanner(text), patterns[2].scanner(data), patterns[2].scanner(words),
            patterns[0].scanner(Text("a b")), patterns[1].scanner("", 0, 0)]
mapped = mmap.mmap(-1, 4096)
mapped[:11] = b"hello world"
scanners.append(patterns[2].scanner(mapped))
found = [scanners[0].match(), scanners[1].search(), scanners[5].search()]
iterators = [patterns[1].finditer(text), patterns[2].finditer(data)]
next(iterators[0])
templates = [patterns[0].sub(r"<\2-\1>", text), re.sub(r"(a)(b)", r"x\2y\1z\g<1>", "abab"), re.sub(b"(a)", rb"\1\1", b"a")]
template = getattr(re, "_compile_template", None)
if template:
    templates += [template(patterns[0], r"lead \1 middle \g<first> tail"), template(patterns[2], rb"\1lit\1"),
                  template(patterns[0], r"\1\2"), template(patterns[0], "nothing")]
subn = re.compile("x").subn(lambda match, held=Held(): "y", "axbxc")
try:
    re.compile("(")
except re.error as error:
    error.held = Held()
    failure = error
lexicon = re.Scanner([(r"\d+", lambda scanner, token: int(token)), (r"\s+", None)])
tokens = lexicon.scan("1 2 3 rest")
