# SPDX-License-Identifier: MIT
"""Streams and what codecs keep: read from, written to, closed, detached, never initialised."""
import codecs
import io
import os


class Held:
    pass


def held_in(stream):
    stream.attribute = Held()
    return stream


bytes_streams = [io.BytesIO(), io.BytesIO(b"text" * 100), held_in(io.BytesIO(b"abc"))]
bytes_streams[2].write(b"defg")
buffers = [bytes_streams[0].getbuffer(), bytes_streams[2].getbuffer()]

text_streams = [io.StringIO(), io.StringIO("text", newline="\r\n"), io.StringIO(newline=None)]
text_streams += [io.StringIO() for _ in range(4)]
text_streams[2].write("a\r\nb")
for number in range(1000):  # only appended to: not put together yet
    text_streams[3].write("text %d" % number)
text_streams[4].write("text \u1234")
text_streams[5].write("text" * 10)
text_streams[5].seek(0)
text_streams[5].read(3)
text_streams[6].close()
held_in(text_streams[0])

files = [open(os.devnull), open(__file__, encoding="utf-8"), open(__file__, newline=""),
         open(os.devnull, "w", encoding="utf-16"), open(os.devnull, "w"), open(os.devnull, "rb"),
         open(os.devnull, "wb"), open(os.devnull, "r+b"), open(os.devnull, "rb", 0), open(os.devnull)]
held_in(held_in(held_in(files[0]).buffer).raw)
files[1].readline()
files[1].tell()
next(files[2])
files[3].write("pending")
files[4].write("pending" * 10)
files[9].close()
wrappers = [io.TextIOWrapper(io.BytesIO(b"abc\nd")), io.TextIOWrapper(io.BytesIO(), write_through=True),
            io.TextIOWrapper(io.BytesIO())]
wrappers[0].readline()
wrappers[1].write("text")
wrappers[2].detach()
reading, writing = os.pipe()
pair = held_in(io.BufferedRWPair(io.FileIO(reading), io.FileIO(writing, "w")))
newlines = [io.IncrementalNewlineDecoder(None, True),
            io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), False, errors="replace")]
newlines[1].decode(b"a\r")


class Raw(io.RawIOBase):
    def readinto(self, buffer):
        return 0


class Buffered(io.BufferedIOBase):
    pass


class Text(io.TextIOBase):
    pass


class Bytes(io.BytesIO):
    pass


class File(io.FileIO):
    __slots__ = ("slot",)


bases = [held_in(kind()) for kind in (Raw, Buffered, Text, io.IOBase)]
bases += [io._io._IOBase(), io._io._RawIOBase()]
subclassed = [held_in(Bytes(b"bytes")), File(os.devnull)]
subclassed[1].slot = Held()
uninitialised = [kind.__new__(kind) for kind in (
    io.BytesIO, io.StringIO, io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom,
    io.BufferedRWPair, io.FileIO, io.IncrementalNewlineDecoder)]

# Error handlers with a number and with a name of their own, in the codecs that are written in C.
coders = []
for encoding in ("gbk", "shift_jis", "iso2022_jp", "big5", "euc_kr", "utf-8", "utf-16"):
    for errors in ("strict", "ignore", "replace", "xmlcharrefreplace"):
        coders += [codecs.getincrementalencoder(encoding)(errors),
                   codecs.getincrementaldecoder(encoding)(errors),
                   codecs.getreader(encoding)(io.BytesIO(), errors),
                   held_in(codecs.getwriter(encoding)(io.BytesIO(), errors))]
waiting = codecs.getincrementalencoder("euc_jis_2004")()
waiting.encode("\u304b")  # may be followed by a mark that belongs to it
partly = codecs.getincrementaldecoder("gbk")()
partly.decode(b"\x81")
infos = [codecs.lookup("gbk"), codecs.lookup("gbk").encode.__self__]
