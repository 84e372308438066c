# SPDX-License-Identifier: MIT
"""struct, csv, json, the iterators behind str.format() and those of unicodedata."""
import _json
import _string
import csv
import io
import json
import struct
import sys
import unicodedata
from json import encoder


class Held:
    def __init__(self, *arguments):
        self.arguments = arguments


structs = [struct.Struct("<iiQ4sxxx"), struct.Struct(b"<i"), struct.Struct("")]
struct.pack("<ihb", 1, 2, 3)
unpacking = [struct.iter_unpack("<i", b"12345678"), struct.iter_unpack("<i", bytearray(b"12345678")),
             struct.iter_unpack("<i", b"1234")]
next(unpacking[1])
list(unpacking[2])


class Struct(struct.Struct):
    pass


structs.append(Struct("<q"))
structs[-1].attribute = Held()


class Dialect(csv.excel):
    lineterminator = "\r\n" * 3


csv.register_dialect("of-tests", Dialect)
readers = [csv.reader(["a,b", '"unfinished'], "of-tests"), csv.reader([]), csv.DictReader(["a,b", "1,2"])]
next(readers[0])
next(readers[0], None)
next(readers[2])
writers = [csv.writer(io.StringIO(), dialect=Dialect), csv.DictWriter(io.StringIO(), ["a"])]
writers[0].writerow(["text", 1, None])
dialects = [reader.dialect for reader in readers] + [writers[0].dialect, csv.get_dialect("of-tests")]

decoders = [json.JSONDecoder(), json.JSONDecoder(object_hook=Held, object_pairs_hook=Held, parse_float=Held,
                                                 parse_int=Held, parse_constant=Held, strict=False)]
decoders[1].decode('{"a": [1.5, "text", NaN, 1]}')
scanners = [_json.make_scanner(decoder) for decoder in decoders]
arguments = ({}, Held, encoder.c_encode_basestring_ascii, None, ": ", ", ", True, False, True)
encoders = [_json.make_encoder(*arguments),
            _json.make_encoder(None, Held, lambda text: text, None, ": ", ", ", False, True, False)]
if sys.version_info >= (3, 15):
    encoders.append(json.JSONEncoder(indent=2))
    encoders[-1].encode({"a": [1]})

formatting = [_string.formatter_parser("a{b}c{d!r:{e}}"), _string.formatter_field_name_split("a.b[c]")[1]]
next(formatting[0])
next(formatting[1])
if hasattr(unicodedata, "iter_graphemes"):
    graphemes = [unicodedata.iter_graphemes("text"), list(unicodedata.iter_graphemes("text"))]
    next(graphemes[0])
