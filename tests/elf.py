# SPDX-License-Identifier: MIT
"""As much of ELF as the tests need to damage files on purpose and to check answers by hand."""
import struct

PT_LOAD, PT_NOTE = 1, 4
PF_W = 2


class Elf:
    """A 64-bit little-endian ELF file: segments, and symbols of .dynsym and .symtab."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        assert self.data[:6] == b"\x7fELF\x02\x01", path
        self.kind, = struct.unpack_from("<H", self.data, 16)
        offset, = struct.unpack_from("<Q", self.data, 0x20)
        size, count = struct.unpack_from("<HH", self.data, 0x36)
        self.program_headers = [struct.unpack_from("<IIQQQQQQ", self.data, offset + i * size) for i in range(count)]

    def segments(self, writable=None):
        """(address, file offset, size in the file) of what is loaded and in the file."""
        return [(address, offset, filesz) for kind, flags, offset, address, _p, filesz, _m, _a in self.program_headers
                if kind == PT_LOAD and filesz and (writable is None or bool(flags & PF_W) == writable)]

    def offset(self, address):
        """Where in the file the byte at @address is, or None."""
        for start, offset, size in self.segments():
            if start <= address < start + size:
                return offset + address - start
        return None

    def word(self, address):
        """The 64-bit word at @address, or None."""
        offset = self.offset(address)
        return None if offset is None else struct.unpack_from("<Q", self.data, offset)[0]

    def set_word(self, address, value):
        """Writes a 64-bit word (in memory: see write)."""
        struct.pack_into("<Q", self.data, self.offset(address), value)

    def write(self, path):
        """Writes the whole file to @path."""
        with open(path, "wb") as file:
            file.write(self.data)

    def symbols(self):
        """name → value of all defined symbols."""
        offset, = struct.unpack_from("<Q", self.data, 0x28)
        size, count = struct.unpack_from("<HH", self.data, 0x3a)
        sections = [struct.unpack_from("<IIQQQQIIQQ", self.data, offset + i * size) for i in range(count)]
        found = {}
        for _name, kind, _flags, _address, start, length, link, _info, _align, entry in sections:
            if kind not in (2, 11):  # SHT_SYMTAB, SHT_DYNSYM
                continue
            strings = sections[link][4]
            for at in range(start, start + length, entry or 24):
                name, _info, _other, section, value, _size = struct.unpack_from("<IBBHQQ", self.data, at)
                if section:
                    end = self.data.index(b"\0", strings + name)
                    found[self.data[strings + name:end].decode("ascii", "replace")] = value
        return found
