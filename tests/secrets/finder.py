# SPDX-License-Identifier: MIT
"""Looks for parts of secrets in output, however they are spelled."""
import re

PART = 6          # characters of a text
DIGITS_PART = 9   # digits of a number: addresses and sizes have six by chance
HEX_PART = 13     # the same in hexadecimal, in which addresses have twelve

LETTERS = "[ghjkmnpqrstvwxz]"  # of planted_secrets.py
WIDE = "[\u0400-\u04ff\U00010330-\U0001034f]"
ESCAPES = re.compile(r"\\+(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[uU]\{([0-9a-fA-F]+)\})")


def parts(text, length):
    """All parts of @text of so many characters."""
    return {text[i:i + length] for i in range(len(text) - length + 1)}


def decoded(match):
    """The character that an escape stands for."""
    code = int(next(filter(None, match.groups())), 16)
    return chr(code) if code < 0x110000 else "?"


class Finder:
    """Knows secrets and finds them."""

    def __init__(self, texts, numbers):
        self.of = {}  # part, as it is spelled: what it is of
        for how, text in texts.items():
            for part in parts(text, PART):
                self.of[part] = how
                for encoding in ("utf-8", "utf-16-le", "utf-32-le", "utf-16-be"):
                    encoded = part.encode(encoding)
                    self.of[encoded.hex()] = how
                    self.of[encoded[::-1].hex()] = how  # as words of memory are written
        for how, digits in numbers.items():
            self.of.update({part: how for part in parts(digits, DIGITS_PART)})
            for number in (int(digits), int(digits) << 3, int(digits) << 1):
                self.of.update({part: how for part in parts("%x" % number, HEX_PART)})
        self.lengths = sorted({len(part) for part in self.of if len(part) >= 2 * PART})  # of what is hexadecimal
        self.clean, self.dirty = set(), {}  # pieces of output that have been looked at, since most come again

    def _among(self, runs, lengths):
        return {self.of[part]: part for run in set(runs) for length in lengths for part in parts(run, length)
                if part in self.of}

    def _in_text(self, text):
        found = self._among(re.findall("%s{%d,}" % (LETTERS, PART), text.lower()), [PART])
        found.update(self._among(re.findall("%s{%d,}" % (WIDE, PART), text), [PART]))
        return found

    def find(self, output):
        """The secrets of which a part is in the bytes @output, {how: part}."""
        pieces = set(output.replace(b'"', b"\n").split(b"\n")) - self.clean
        found = {}
        for piece in pieces & self.dirty.keys():
            found.update(self.dirty[piece])
        pieces -= self.dirty.keys()
        joined = self._find(b"\n".join(pieces)) if pieces else {}
        if joined:
            self.dirty.update((piece, in_piece) for piece in pieces for in_piece in [self._find(piece)] if in_piece)
            for piece in pieces & self.dirty.keys():
                found.update(self.dirty[piece])
            found = found or joined  # which was in no single piece
        self.clean |= pieces - self.dirty.keys()
        return found

    def _find(self, output):
        text = output.decode("utf-8", "replace")
        found = self._in_text(text)
        if "\\" in text:
            found.update(self._in_text(ESCAPES.sub(decoded, text)))
        for width, pad in ((1, b"\\x00"), (3, b"\\x00\\x00\\x00")):
            for run in set(re.findall(b"(?:%s%s){%d,}" % (LETTERS.encode(), pad, PART), output)):
                found.update(self._in_text(run[::width + 1].decode()))
        hexadecimal = re.findall("[0-9a-f]{%d,}" % (2 * PART), text.lower())
        found.update(self._among(hexadecimal, self.lengths))
        decimal = re.sub(r"0x[0-9a-fA-F]{1,12}\b", "", text)  # addresses, which are in hexadecimal
        joined = re.sub(r"(?<=\d)[ _](?=\d\d\d)", "", decimal)  # 1 204 331
        found.update(self._among(re.findall(r"\d{%d,}" % DIGITS_PART, joined), [DIGITS_PART]))
        for run in set(re.findall(r"(?:\b\d{1,3}\b[, ]+){%d,}" % PART, text)):  # bytes as numbers
            codes = [int(code) for code in re.findall(r"\d+", run)]
            found.update(self._in_text("".join(map(chr, codes))))
        return found


def test_finder():
    """Each spelling is found, and nothing else."""
    secret, number = "ghjkmnpqrstvwxzghj", "123456789012345678901234"
    finder = Finder({"text": secret, "wide": "бвгджзклмн"}, {"number": number})
    part = secret[3:9]
    for spelled in (part, part.upper(), "x" * 3 + part + "aa", part.encode().hex(), part.encode()[::-1].hex().upper(),
                    "".join("\\x%02x" % ord(each) for each in part), "".join("\\\\u%04x" % ord(each) for each in part),
                    ", ".join(str(ord(each)) for each in part) + ", ", part.encode("utf-16-le"),
                    part.encode("utf-32-le")):
        spelled = spelled if isinstance(spelled, bytes) else spelled.encode()
        assert list(finder.find(b"before " + spelled + b" after")) == ["text"], spelled
    for spelled in ("вгджзк", r"\u0432\u0433\u0434\u0436\u0437\u043a", "вгджзк".encode("utf-16-le").hex()):
        assert list(finder.find(spelled.encode())) == ["wide"], spelled
    for spelled in (number, number[4:13], "012 345 678 90", "0x%x" % int(number)):
        assert list(finder.find(spelled.encode())) == ["number"], spelled
    for other in (secret[:5], "вгджз", number[:8], "0x7f1234a4567890", "strtok strxfrm", "12345678  90123456",
                  "12345678,90123456", "0x" + ("%x" % int(number))[2:14], "0x7" + number[:11]):
        assert not finder.find(other.encode()), other
