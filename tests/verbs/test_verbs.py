#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every verb, option and format on made-up heaps: test_verbs.py [FAKE_INSPECT]

fake-inspect is py-inspect with a made-up runtime in it (fake.c). What its heaps hold is computed here a second
time, and all that it prints is read with Python's own json and csv.
"""
import csv
import fcntl
import fnmatch
import io
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import support  # noqa: E402
from runner import Results, check  # noqa: E402

FAKE = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "fake-inspect")
MASK = 2 ** 64 - 1
BASE, SPACING, UNTRACKED = 0x7F0000000000, 64, 0x7EFFFFFF0000
PLAIN = ["dict", "list", "lxml.etree._Element", "app.models.Session", "app.models.User", "function", "dict", "cell"]
HOSTILE = ["dict", "evil\x1b[31m\nred", 'comma,"quote"', "bad\\xff\\xfebytes", "turn\u202eed", "back\\slash",
           "surrogate\\xed\\xa0\\x80", "\xdcml\xe4ut"]
GENERATIONS = [0, 1, 2, "permanent"]
COLLECTOR_IDS = [0, 3, 6]


def mix(number, salt):
    x = (number * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def heap(count=100, collectors=1, names=PLAIN, damaged=False, untracked=0):
    """The rows that `objects` has to print: @count tracked objects, then @untracked others."""
    rows = []
    for number in range(count + untracked):
        immortal = mix(number, 6) % 10 == 0
        broken = damaged and mix(number, 8) % 20 == 0
        rows.append({
            "address": hex(BASE + SPACING * number),
            "type": names[mix(number, 1) % 8],
            "size": 16 + (mix(number, 7) % 5000000 if mix(number, 4) % 100 == 0 else mix(number, 7) % 500),
            "refcount": None if immortal or broken else 1 + mix(number, 5) % 3000,
            "immortal": immortal,
            "generation": GENERATIONS[mix(number, 2) % 4] if number < count else None,
            "tracked": number < count,
            "interpreter": COLLECTOR_IDS[mix(number, 3) % collectors] if number < count else None,
        })
    return rows


def histogram(rows, by_generation=False):
    """The rows that `heap` has to print for objects like @rows, in no particular order."""
    sums = {}
    for row in rows:
        key = (row["type"], row["generation"]) if by_generation else (row["type"],)
        count, size, tracked = sums.get(key, (0, 0, 0))
        sums[key] = (count + 1, size + row["size"], tracked + row["tracked"])
    names = ["type", "generation"]
    return [dict(zip(names, key), count=count, bytes=size, tracked=tracked) for key, (count, size, tracked) in sums.items()]


def address_order(row):
    return int(row["address"], 16)


# ---- running ----------------------------------------------------------------------------------------------------------

class Run:
    def __init__(self, *arguments, environment=None):
        run = subprocess.run([FAKE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=support.TIMEOUT, env=dict(os.environ, **(environment or {})))
        self.arguments, self.status, self.raw = arguments, run.returncode, run.stdout
        self.messages = run.stderr.decode("utf-8")
        check("Sanitizer" not in self.messages and "runtime error" not in self.messages, "%s", self.messages)

    @property
    def text(self):
        return self.raw.decode("utf-8")

    def expect(self, status):
        check(self.status == status, "%s ended with %s, not %s: %s", self.arguments, self.status, status, self.messages)
        return self


def rows_of(*arguments, status=0):
    """The rows of a call, which all three formats for programs have alike."""
    document = document_of(*arguments, status=status)
    lines = [json.loads(line) for line in Run(*arguments, "--format=jsonl").expect(status).text.splitlines()]
    check(lines == document["rows"], "%s: jsonl differs from json", arguments)
    printed = Run(*arguments, "--format", "csv").expect(status).raw.decode("utf-8")
    check(printed.count("\r\n") == printed.count("\n"), "%s: csv lines do not end in CR LF", arguments)
    records = list(csv.reader(io.StringIO(printed, newline=""), strict=True))
    check(records[0] == document["columns"], "%s: csv header %s", arguments, records[0])
    check(len(records) - 1 == len(lines), "%s: %d csv records", arguments, len(records) - 1)
    for record, row in zip(records[1:], lines):
        expected = [csv_field(row[name]) for name in document["columns"]]
        check(record == expected, "%s: csv %s, json %s", arguments, record, expected)
    return document["rows"]


def csv_field(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    shown = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return re.sub("[\x00-\x1f\x7f-\x9f\u202e]",
                  lambda match: shown.get(match.group(), ("\\x%02x" if ord(match.group()) < 256 else "\\u%04x") % ord(match.group())),
                  value)


def document_of(*arguments, status=0):
    run = Run(*arguments, "--format=json").expect(status)
    document = json.loads(run.text)
    for name in "verb", "target", "complete", "notes", "columns", "rows", "total":
        check(name in document, "%s: no %s in the JSON", arguments, name)
    check(document["verb"] == arguments[0], "verb is %s", document["verb"])
    check(document["complete"] == (status == 0), "%s: complete is %s", arguments, document["complete"])
    for row in document["rows"]:
        check(list(row) == document["columns"], "%s: a row has %s", arguments, list(row))
    for note in document["notes"]:
        check(note in run.messages or "\\" in note, "%s: the note %r is not on stderr", arguments, note)
    return document


def same(found, expected, what):
    if found == expected:
        return
    if isinstance(found, list) and isinstance(expected, list):
        for index, (one, other) in enumerate(zip(found, expected)):
            check(one == other, "%s: item %d is %s, not %s", what, index, one, other)
        check(False, "%s: %d items, not %d", what, len(found), len(expected))
    check(False, "%s: %s, not %s", what, found, expected)


# ---- heap -------------------------------------------------------------------------------------------------------------

TARGET = "fake,count=3000,untracked=500,collectors=3"
OBJECTS = heap(3000, 3, untracked=500)
TRACKED = OBJECTS[:3000]


def by(*names):
    """Sort key: largest first for numbers, then by name."""
    return lambda row: tuple(-row[name] if isinstance(row[name], int) else row[name] for name in names)


def heap_rows(rows, *order):
    return sorted(histogram(rows), key=by(*order))


def columns(rows, *names):
    return [{name: row[name] for name in names} for row in rows]


def test_heap():
    document = document_of("heap", TARGET)
    same(document["columns"], ["type", "count", "bytes", "tracked"], "columns")
    same(document["rows"], heap_rows(OBJECTS, "bytes", "count", "type"), "rows")
    same(document["total"], {"rows": 7, "count": 3500, "bytes": sum(row["size"] for row in OBJECTS), "tracked": 3000}, "total")
    same(document["target"], {"kind": "core", "name": TARGET, "pid": 1234567, "command": "/usr/bin/fake", "signal": 11},
         "target")
    check("rest" not in document, "there is a rest without --limit")
    rows_of("heap", TARGET)


def test_heap_sort():
    for order, key in ("bytes", ("bytes", "count", "type")), ("count", ("count", "bytes", "type")), ("type", ("type",)):
        expected = heap_rows(OBJECTS, *key)
        same(rows_of("heap", TARGET, "--sort=" + order), expected, "by " + order)
        same(rows_of("heap", TARGET, "--sort", order, "--reverse"), expected[::-1], "reversed by " + order)


def test_heap_by_generation():
    expected = histogram(OBJECTS, by_generation=True)
    found = rows_of("heap", "--by-generation", TARGET)
    same(list(found[0]), ["type", "count", "bytes", "tracked", "generation"], "columns")
    same(sorted(found, key=str), sorted(columns(expected, "type", "count", "bytes", "tracked", "generation"), key=str), "rows")
    same([row["bytes"] for row in found], sorted((row["bytes"] for row in expected), reverse=True), "order")


def test_heap_filters():
    def expect(keep, *options):
        kept = [row for row in OBJECTS if keep(row)]
        same(rows_of("heap", TARGET, *options), heap_rows(kept, "bytes", "count", "type"), str(options))

    expect(lambda row: row["type"] == "dict", "--type", "dict")
    expect(lambda row: fnmatch.fnmatchcase(row["type"], "app.*"), "--type=app.*")
    expect(lambda row: fnmatch.fnmatchcase(row["type"], "[cl]*l?*"), "--type=[cl]*l?*")
    expect(lambda row: row["type"] in ("cell", "dict"), "--type=cell", "--type=dict")
    expect(lambda row: row["tracked"], "--tracked")
    expect(lambda row: not row["tracked"], "--untracked")
    expect(lambda row: row["type"] == "dict" and not row["tracked"], "--untracked", "--type=dict")
    expect(lambda row: row["generation"] == 2, "--generation=2")
    expect(lambda row: row["generation"] == 2, "--generation=2", "--tracked")
    expect(lambda row: row["generation"] == "permanent", "--generation", "permanent")
    expect(lambda row: row["generation"] in (0, 1), "--generation=0", "--generation=1")
    expect(lambda row: row["interpreter"] == 3, "--interpreter=3")
    expect(lambda row: row["interpreter"] in (0, 6), "--interpreter=0", "--interpreter", "6")
    expect(lambda row: row["interpreter"] == 6 and row["generation"] == 1 and row["type"] == "list",
           "--type=list", "--interpreter=6", "--generation=1")


def test_heap_minimum():
    everything = heap_rows(OBJECTS, "bytes", "count", "type")
    count = sorted(row["count"] for row in everything)[3]
    same(rows_of("heap", TARGET, "--min-count=%d" % count), [row for row in everything if row["count"] >= count], "min-count")
    size = sorted(row["bytes"] for row in everything)[3]
    expected = [row for row in everything if row["bytes"] >= size]
    same(rows_of("heap", TARGET, "--min-bytes=%d" % size), expected, "min-bytes")
    same(rows_of("heap", TARGET, "--min-bytes=%#x" % size), expected, "min-bytes in hexadecimal")
    for unit, factor in ("k", 2 ** 10), ("MiB", 2 ** 20), ("G", 2 ** 30):
        same(rows_of("heap", TARGET, "--min-bytes=1" + unit), [row for row in everything if row["bytes"] >= factor], unit)
    total = document_of("heap", TARGET, "--min-count=%d" % count)["total"]
    same(total["count"], sum(row["count"] for row in everything if row["count"] >= count), "total of what is listed")


def test_heap_limit():
    everything = heap_rows(OBJECTS, "bytes", "count", "type")
    document = document_of("heap", TARGET, "--limit=2")
    same(document["rows"], everything[:2], "rows")
    rest = everything[2:]
    same(document["rest"], {"rows": 5, "count": sum(row["count"] for row in rest), "bytes": sum(row["bytes"] for row in rest),
                            "tracked": sum(row["tracked"] for row in rest)}, "rest")
    same(document["total"]["count"], 3500, "total")
    same(rows_of("heap", TARGET, "--limit=0"), everything, "limit 0")
    same(rows_of("heap", TARGET, "--limit=7"), everything, "limit of exactly all")
    same(len(rows_of("heap", TARGET, "--limit=1", "--limit=3")), 3, "the last --limit counts")
    text = Run("heap", TARGET, "--limit=2").expect(0).text.splitlines()
    same(len(text), 5, "lines: header, two rows, rest, total")
    check(re.match(r"… 5 more types +%s +%s" % (grouped(document["rest"]["count"]), grouped(document["rest"]["bytes"])), text[3]),
          "rest is %r", text[3])
    check(re.match(r"total of 7 types +3 500 +%s" % grouped(document["total"]["bytes"]), text[4]), "total is %r", text[4])


def grouped(number):
    return "{:,}".format(number).replace(",", " ")


def test_heap_unknown_type():
    run = Run("heap", TARGET, "--type=app.models.Sesion", "--format=json").expect(0)
    check("there is app.models.Session" in run.messages, "no hint: %s", run.messages)
    same(json.loads(run.text)["rows"], [], "rows")
    check("there is app.models.User" in Run("heap", TARGET, "--type=Users").messages, "no hint at the last part of the name")


# ---- objects ----------------------------------------------------------------------------------------------------------

COLUMNS = ["address", "type", "size", "refcount", "immortal", "generation", "tracked", "interpreter"]


def test_objects():
    document = document_of("objects", TARGET)
    same(document["columns"], COLUMNS, "columns")
    same(document["rows"], OBJECTS, "rows")
    same(document["total"], {"rows": 3500, "size": sum(row["size"] for row in OBJECTS)}, "total")
    rows_of("objects", TARGET)


def test_objects_sort():
    largest = sorted(OBJECTS, key=lambda row: -row["size"])
    same(rows_of("objects", TARGET, "--sort=size"), largest, "by size")
    same([row["size"] for row in rows_of("objects", TARGET, "--sort=size", "--reverse")],
         sorted(row["size"] for row in OBJECTS), "by size, reversed")
    same(rows_of("objects", TARGET, "--sort=type"), sorted(OBJECTS, key=lambda row: row["type"]), "by type")
    same([row["type"] for row in rows_of("objects", TARGET, "--sort=type", "--reverse")],
         sorted((row["type"] for row in OBJECTS), reverse=True), "by type, reversed")
    same(rows_of("objects", TARGET, "--sort=address", "--reverse"), OBJECTS[::-1], "by address, reversed")


def test_objects_filters():
    def expect(keep, *options):
        same(rows_of("objects", TARGET, *options), [row for row in OBJECTS if keep(row)], str(options))

    expect(lambda row: row["type"] == "function", "--type=function")
    expect(lambda row: row["tracked"], "--tracked")
    expect(lambda row: not row["tracked"], "--untracked")
    expect(lambda row: not row["tracked"] and row["size"] >= 300, "--untracked", "--min-size=300")
    expect(lambda row: row["generation"] == "permanent", "--generation=permanent")
    expect(lambda row: row["interpreter"] == 6, "--interpreter=6")
    expect(lambda row: row["size"] >= 300, "--min-size=300")
    expect(lambda row: row["size"] <= 300, "--max-size=300")
    expect(lambda row: 4096 <= row["size"] <= 2 ** 20, "--min-size=4k", "--max-size=1M")
    expect(lambda row: row["type"] == "dict" and row["size"] < 100 and row["generation"] == 0,
           "--type=d?ct", "--max-size=99", "--generation=0")
    kept = sorted((row for row in OBJECTS if row["type"] == "list"), key=lambda row: -row["size"])
    same(rows_of("objects", TARGET, "--type=list", "--sort=size"), kept, "filtered and sorted")


def test_objects_limit():
    document = document_of("objects", TARGET, "--limit=10")
    same(document["rows"], OBJECTS[:10], "rows")
    same(document["rest"], {"rows": 3490, "size": sum(row["size"] for row in OBJECTS[10:])}, "rest")
    same(len(rows_of("objects", TARGET, "--limit=2", "--sort=size")), 2, "limit of sorted rows")


def test_objects_values():
    rows = rows_of("objects", TARGET, "--values", "--limit=50")
    same([row["value"] for row in rows], ["<number %d>" % number for number in range(50)], "values")
    run = Run("objects", "fake,unreadable", "--values", "--format=json").expect(4)
    rows = json.loads(run.text)["rows"]
    same([row["value"] for row in rows], [None if number % 2 else "<number %d>" % number for number in range(100)], "values")
    check("50 objects could not be read" in run.messages, "messages: %s", run.messages)


def test_objects_damaged():
    same(rows_of("objects", "fake,damaged,count=500", status=4), heap(500, damaged=True), "rows")


def test_objects_text():
    lines = Run("objects", TARGET).expect(0).text.splitlines()
    same(len(lines), 1 + 25 + 2, "lines of a default table")
    check("… 3 475 more objects" in lines[-2] and "total of 3 500 objects" in lines[-1], "ends with %s", lines[-2:])
    lines = Run("objects", TARGET, "--limit=0").expect(0).text.splitlines()
    same(len(lines), 1 + 3500 + 1, "lines of a full table")
    same([line.split()[0] for line in lines[1:-1]], [row["address"] for row in OBJECTS], "addresses")
    check("immortal" in lines[1 + next(i for i, row in enumerate(OBJECTS) if row["immortal"])], "immortal is not said")


# ---- object -----------------------------------------------------------------------------------------------------------

def object_row(number, objects=OBJECTS):
    expected = dict(objects[number])
    type_number = mix(number, 1) % 8
    expected.update(gc_flags="", value="<number %d>" % number, size_basic=type_number == 2, type_address=hex(0x1000 + 8 * type_number))
    return expected


def test_object():
    for number in 0, 1, 17, 2999, 3000, 3499:
        address = BASE + SPACING * number
        for written in hex(address), "%x" % address, "0X%X" % address, str(address):
            (row,) = rows_of("object", TARGET, written)
            same(row, {name: object_row(number)[name] for name in row}, written)
    rows = rows_of("object", TARGET, hex(BASE), hex(BASE + SPACING))
    same([row["address"] for row in rows], [hex(BASE), hex(BASE + SPACING)], "two objects")
    same(document_of("object", TARGET, hex(BASE))["total"], None, "total")


def test_object_digits():
    # 0x7f0000000000 written without 0x has letters; an address that has none is decimal unless only hexadecimal fits.
    digits = next("%x" % (BASE + SPACING * number) for number in range(3000) if ("%x" % (BASE + SPACING * number))[2:].isdigit())
    check(not digits.isdigit(), "the test is about letters")
    (row,) = rows_of("object", TARGET, str(UNTRACKED))
    same(row["address"], hex(UNTRACKED), "decimal")


def test_object_untracked():
    (row,) = rows_of("object", TARGET, hex(UNTRACKED))
    same((row["type"], row["tracked"], row["generation"], row["interpreter"], row["refcount"], row["value"]),
         ("str", False, None, None, 7, "'text'"), "row")
    (row,) = rows_of("object", TARGET, hex(BASE), "--no-generation")
    same((row["generation"], row["interpreter"], row["tracked"]), (None, None, True), "no generation")
    check("12 345 (12.1 KiB)" in Run("object", TARGET, hex(UNTRACKED)).expect(0).text, "no unit beside the size")


def test_object_errors():
    run = Run("object", TARGET, "0x10").expect(3)
    check("0x10: not in the target's memory" in run.messages and not run.raw, "said: %s", run.messages)
    run = Run("object", TARGET, "0x10", hex(BASE), "--format=json").expect(4)
    document = json.loads(run.text)
    same([row["address"] for row in document["rows"]], [hex(BASE)], "rows")
    check(any("0x10" in note for note in document["notes"]), "notes: %s", document["notes"])
    document = document_of("object", TARGET, "0x10", status=3)
    check("0x10" in document["error"], "error: %s", document["error"])
    for wrong in "hello", "0x", "-5", "0x10z", "", "99999999999999999999999":
        Run("object", TARGET, "--", wrong).expect(2)
    check("ADDRESS" in Run("object", TARGET).expect(2).messages, "no word about addresses")


# ---- gc, generations, status ------------------------------------------------------------------------------------------

def test_gc():
    rows = rows_of("gc", TARGET)
    same([row["interpreter"] for row in rows], COLLECTOR_IDS, "interpreters")
    expected = {"interpreter": 0, "enabled": True, "debug": 36, "debug_flags": "DEBUG_UNCOLLECTABLE|DEBUG_SAVEALL",
                "collecting": False, "threshold0": 700, "threshold1": 701, "threshold2": 702, "count0": 0, "count1": 1,
                "count2": 2, "collections0": 1000000, "collections1": 1000001, "collections2": 1000002, "collected0": 20,
                "collected1": 21, "collected2": 22, "uncollectable0": 0, "uncollectable1": 0, "uncollectable2": None,
                "garbage": 5, "callbacks": 2,
                "frozen": sum(row["interpreter"] == 0 and row["generation"] == "permanent" for row in OBJECTS)}
    same(rows[0], expected, "first row")
    same((rows[1]["enabled"], rows[1]["debug_flags"], rows[1]["callbacks"], rows[2]["count1"]), (False, "", None, 21), "others")
    same(rows_of("gc", "fake,collecting")[0]["collecting"], True, "collecting")
    text = Run("gc", TARGET).expect(0).text
    same(len(text.split("\n\n")), 3, "records")
    check(re.search(r"^collections0: +1 000 000$", text, re.MULTILINE), "text: %s", text)
    check(re.search(r"^threshold2: +702$", text, re.MULTILINE), "text: %s", text)


def test_generations():
    document = document_of("generations", TARGET)
    rows = document["rows"]
    same([(row["interpreter"], row["generation"]) for row in rows],
         [(id, generation) for id in COLLECTOR_IDS for generation in GENERATIONS], "keys")
    for row in rows:
        mine = [each["size"] for each in TRACKED
                if each["interpreter"] == row["interpreter"] and each["generation"] == row["generation"]]
        same((row["objects"], row["bytes"]), (len(mine), sum(mine)), "sums")
        index = COLLECTOR_IDS.index(row["interpreter"])
        state = [row[name] for name in ("threshold", "count", "collections", "collected", "uncollectable")]
        g = row["generation"]
        same(state, [None] * 5 if g == "permanent" else [700 + g, 10 * index + g, 1000000 + g, 20 + g, None if g == 2 else 0], "state")
    same(document["total"], {"rows": 12, "objects": 3000, "bytes": sum(row["size"] for row in TRACKED)}, "total")
    rows_of("generations", TARGET)
    text = Run("generations", TARGET).expect(0).text.splitlines()
    same(len(text), 14, "lines of text: all, without a limit")


def items(rows):
    found = {}
    for row in rows:
        found.setdefault(row["item"], []).append(row["value"])
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def test_status():
    found = items(rows_of("status", TARGET))
    basic = sum(row["type"] == "lxml.etree._Element" for row in TRACKED)
    same(found, {"target": TARGET, "kind": "core", "command": "/usr/bin/fake", "pid": 1234567, "signal": "SIGSEGV (11)",
                 "threads": 1, "missing_files": 0, "runtime": "CPython", "version": "3.99.1", "collecting": False,
                 "objects": 3000, "bytes": sum(row["size"] for row in TRACKED), "types": 7, "sizes_basic": basic,
                 "sizes_basic_types": "lxml.etree._Element (%d)" % basic, "complete": True}, "items")
    same(items(rows_of("status", TARGET, "--arguments"))["arguments"], "service --port=80", "arguments")
    same(items(rows_of("status", TARGET, "--arguments", "--redact"))["arguments"], None, "redacted arguments")
    text = Run("status", TARGET).expect(0).text
    check(re.search(r"^pid: +1234567$", text, re.MULTILINE), "a pid is no amount: %s", text)
    check(re.search(r"^objects: +3 000$", text, re.MULTILINE), "text: %s", text)


def test_status_incomplete():
    found = items(rows_of("status", "fake,broken,missing", status=4))
    same((found["missing_files"], found["missing_file"]), (1, "/usr/lib/libfake.so.1: no such file here"), "missing")
    same((found["complete"], len(found["note"]), found["objects"]), (False, 2, 100), "notes")


def test_status_without_runtime():
    run = Run("status", "fake,noruntime,missing").expect(3)
    check(re.search(r"^pid: +1234567$", run.text, re.MULTILINE), "no facts of the target: %s", run.text)
    check("no Python found" in run.messages and "libfake.so.1" in run.messages and "--sysroot" in run.messages,
          "message: %s", run.messages)
    document = document_of("status", "fake,noruntime", status=3)
    same(items(document["rows"])["kind"], "core", "kind")
    check("no Python in it" in document["error"] and "/usr/bin/fake" in document["error"], "error: %s", document["error"])
    run = Run("heap", "fake,badruntime").expect(3)
    check("no layout fits this Python 9.9" in run.messages and not run.raw, "message: %s", run.messages)


# ---- what is common to all ----------------------------------------------------------------------------------------------

def test_empty_heap():
    for verb in "heap", "objects", "generations", "gc", "status":
        document = document_of(verb, "fake,count=0")
        check(verb in ("generations", "gc", "status") or document["rows"] == [], "%s: %s", verb, document["rows"])
        Run(verb, "fake,count=0").expect(0)
        rows_of(verb, "fake,count=0")


def test_incomplete():
    for verb in "heap", "generations", "gc", "objects":
        document = document_of(verb, "fake,broken", status=4)
        same(len(document["notes"]), 2 + (verb == "heap"), "notes of " + verb)
        run = Run(verb, "fake,broken").expect(4)
        check("incomplete: a list breaks at 0x7f0000000000" in run.messages, "messages: %s", run.messages)
    expected = heap()
    check(expected[98]["generation"] != 0, "the object that is in two lists has to be in the youngest one for us to see it")
    expected[98]["generation"] = 0
    same(document_of("objects", "fake,broken", status=4)["rows"], expected, "each object once")


def test_hostile_names():
    rows = rows_of("heap", "fake,hostile,count=500")
    expected = heap_rows(heap(500, names=HOSTILE), "bytes", "count", "type")
    same(sorted(rows, key=str), sorted(expected, key=str), "rows")
    query = "SELECT type, count(*) AS count, sum(size) AS bytes, sum(tracked) AS tracked FROM objects GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1"
    for format in "json", "csv", "jsonl":
        answer, expected = (Run(verb, "fake,hostile,count=500", *words, "--format=" + format).expect(0).text
                            for verb, *words in (("sql", query), ("heap",)))
        answer, expected = (each.split('"total"')[0].split('"columns"')[-1] for each in (answer, expected))
        same(answer, expected, "sql as " + format)
    check("62 objects are only their basic size" in Run("sql", "fake,hostile,count=500", query).expect(0).messages, "sizes without a doubt")
    check("basic size" not in Run("sql", "fake,hostile,count=500", "SELECT type FROM objects").expect(0).messages, "doubt without sizes")
    same(document_of("status", "fake,hostile")["target"]["command"], "/usr/bin/fake\x1b[2J\\xff", "command")
    same(items(rows_of("status", "fake,hostile", "--arguments"))["arguments"], "sh\x1b[2J\\xff", "arguments")
    rows_of("objects", "fake,hostile", "--values")
    rows_of("status", "fake,hostile")
    rows_of("object", "fake,hostile", hex(BASE))
    calls = [(verb, "fake,hostile") for verb in ("status", "heap", "objects", "gc", "generations")]
    calls += [("objects", "fake,hostile", "--values"), ("object", "fake,hostile", hex(BASE))]
    for call in calls:
        for format_name in "text", "csv", "json", "jsonl":
            run = Run(*call, "--format=" + format_name)
            text = run.text + run.messages
            check(not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text), "%s as %s is not safe: %r", call, format_name, text)
    check("evil\\x1b[31m\\nred" in Run("heap", "fake,hostile").text, "not escaped as expected")
    check("Ümläut" in Run("heap", "fake,hostile", environment={"LC_ALL": "C"}).text, "UTF-8 depends on the locale")


def test_wrong_calls():
    def expect(words, *arguments):
        run = Run(*arguments).expect(2)
        check(all(word in run.messages for word in words) and not run.raw, "%s said: %s", arguments, run.messages)
        check(run.messages.count("\n") == 1, "%s: more than a line: %s", arguments, run.messages)

    expect(["no verb 'heep'", "heap"], "heep", "fake")
    expect(["no verb 'xyzzyplugh'", "--help"], "xyzzyplugh", "fake")
    expect(["--limt", "--limit", "heap --help"], "heap", "fake", "--limt=3")
    expect(["--frobnicate", "heap --help"], "heap", "fake", "--frobnicate")
    expect(["--limit", "argument"], "heap", "fake", "--limit")
    expect(["--limit", "'three'"], "heap", "fake", "--limit=three")
    expect(["--limit", "'-1'"], "heap", "fake", "--limit=-1")
    expect(["--limit", "''"], "heap", "fake", "--limit=")
    expect(["--limit", "too large"], "heap", "fake", "--limit=99999999999999999999")
    expect(["--limit", "too large"], "heap", "fake", "--limit=99999999999999G")
    expect(["--min-bytes", "'4q'"], "heap", "fake", "--min-bytes=4q")
    expect(["--sort", "count|bytes|type"], "heap", "fake", "--sort=size")
    expect(["--generation", "permanent"], "heap", "fake", "--generation=3")
    expect(["--reverse", "no argument"], "heap", "fake", "--reverse=yes")
    expect(["--format", "xml"], "heap", "fake", "--format=xml")
    expect(["no operand", "'extra'"], "heap", "fake", "extra")
    expect(["-x"], "heap", "fake", "-x")
    expect(["no interpreter '1'", "0, 3, 6"], "heap", TARGET, "--interpreter=1")
    expect(["no interpreter '3x'"], "objects", TARGET, "--interpreter=3x")
    expect(["--tracked and --untracked"], "heap", TARGET, "--tracked", "--untracked")
    expect(["--untracked", "generation"], "objects", TARGET, "--untracked", "--generation=1")
    expect(["--untracked", "interpreter"], "objects", TARGET, "--untracked", "--interpreter=0")
    expect(["needs a target"], "heap")
    expect(["no verb"],)
    expect(["--frobnicate"], "--frobnicate")
    expect(["--sysroot", "argument"], "heap", "fake", "--sysroot")
    run = Run("heap", "nothing").expect(3)
    check("nothing: not a fake" in run.messages, "messages: %s", run.messages)
    expect(["--limt"], "heap", "nothing", "--limt")  # told before the target is opened


def test_argument_order():
    expected = document_of("heap", TARGET, "--limit=2")["rows"]
    for arguments in (["heap", "--limit", "2", TARGET], ["heap", "--limit=2", "--", TARGET], ["--no-stop", "heap", TARGET, "--limit", "2"],
                      ["heap", "--sysroot", "/nowhere", TARGET, "--limit=2"], ["--executable=/x", "heap", "--limit", "2", "--sysroot=/", TARGET],
                      ["heap", "--format", "json", "--limit", "2", TARGET]):
        words = arguments if "--format" in arguments else ["--format=json"] + arguments
        same(json.loads(Run(*words).expect(0).text)["rows"], expected, str(arguments))


# Calls that have all columns of their verb.
CALLS = {
    "heap": [["--by-generation"]], "objects": [["--values"]], "object": [[hex(BASE)]],
    "referents": [["--all"], [hex(BASE), "--values"]], "referrers": [[hex(BASE), "--values"]], "roots": [["--values"]],
    "path": [[hex(BASE), "--values"], [hex(BASE), "--values", "--steps"]], "cycles": [[], ["--objects"]],
    "garbage": [["--values"]], "finalizers": [["--values"]], "weakrefs": [["--values"], ["--containers"]], "refcounts": [["--values"], ["--objects"]],
}


def test_help():
    text = Run("--help").expect(0).text
    verbs = re.findall(r"^  ([a-z]+) ", text.split("Verbs:\n")[1].split("\n\n")[0], re.MULTILINE)
    same(verbs, ["status", "heap", "gc", "generations", "objects", "object", "referents", "referrers", "roots", "path",
                 "cycles", "garbage", "finalizers", "weakrefs", "refcounts", "verify", "sql", "audit"], "verbs")
    for word in "TARGET", "--sysroot", "--executable", "--no-stop", "--format", "--version", "Examples", "Exit status":
        check(word in text, "--help does not say %s", word)
    same(Run("-h").expect(0).text, text, "-h")
    check(re.fullmatch(r"py-inspect \d+\.\d+\n", Run("--version").expect(0).text), "version")
    rules = tempfile.NamedTemporaryFile("w", suffix=".rules")
    print("[any]\nseverity = info\nmessage = {count}\ncheck = objects at most 1", file=rules, flush=True)
    calls = dict(CALLS, audit=[["--rules=" + rules.name]])
    for verb in verbs:
        text = Run(verb, "--help").expect(0).text
        same(Run(verb, "fake", "--help").expect(0).text, text, "help with a target")
        if verb == "sql":  # its columns are those of the query
            continue
        status = 1 if verb == "refcounts" else 0  # the fake's counts are made up
        headers = [Run(verb, "fake", *call, "--format=csv").expect(status).text.splitlines()[0].split(",") for call in calls.get(verb, [[]])]
        documented = re.findall(r"^  ([a-z][a-z_0-9]*) ", text.split("Columns:\n")[1], re.MULTILINE)
        same(sorted(documented), sorted(set(sum(headers, []))), "columns of " + verb)
        for header in headers:
            same([name for name in documented if name in header], header, "order of the columns of " + verb)
        check("--format=FORMAT" in text and "--help" in text, "%s: no common options", verb)
    check("fake" not in Run("heap", "--help").text, "help names the fake")


def test_closed_output():
    for handler in signal.SIG_DFL, signal.SIG_IGN:
        process = subprocess.Popen([FAKE, "objects", "fake,count=300000", "--format=jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, handler))
        first = process.stdout.readline()
        check(json.loads(first)["address"] == hex(BASE), "first line %r", first)
        process.stdout.close()
        messages = process.stderr.read()
        process.stderr.close()
        status = process.wait()
        check(status == (0 if handler == signal.SIG_IGN else -signal.SIGPIPE) and not messages, "status %s: %s", status, messages)
    with open("/dev/full", "wb") as full:
        run = subprocess.run([FAKE, "heap", "fake"], stdout=full, stderr=subprocess.PIPE)
    check(run.returncode == 4 and b"cannot write" in run.stderr, "full disk: %s, %s", run.returncode, run.stderr)


def test_interrupt():
    process = subprocess.Popen([FAKE, "heap", "fake,seconds=100000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    support.wait_until_caught(process.pid, signal.SIGINT)
    process.send_signal(signal.SIGINT)
    try:
        output, messages = process.communicate(timeout=support.TIMEOUT)
    finally:
        process.kill()
    check(process.returncode == -signal.SIGINT and not output and not messages, "status %s: %s %s", process.returncode, output, messages)


def on_terminal(*arguments, rows=24, columns=80, environment=None, pause=0):
    """Runs with a terminal for all, which takes more after so many seconds. Returns what the terminal got."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.environ.update({"TERM": "xterm"}, **(environment or {}))
        os.execv(FAKE, [FAKE, *arguments])
    shown = b""
    while select.select([terminal], [], [], support.TIMEOUT)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
        time.sleep(pause)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status >> 8, shown.decode("utf-8")


def quick_on_terminal(*arguments, **more):
    """What a terminal gets in less than a second, however often it takes longer because other programs run, too."""
    while True:
        began = time.monotonic()
        status, shown = on_terminal(*arguments, **more)
        check(status == 0, "status %s: %s", status, shown)
        if time.monotonic() - began < 1:
            return shown


def test_terminal():
    status, shown = on_terminal("objects", "fake,seconds=3,count=1000", "--values", "--type=cell", rows=24, columns=75)
    check(status == 0, "status %s", status)
    check(re.search(r"\r\x1b\[Kdawdling: \d+ %", shown), "no progress: %r", shown)
    answer = shown[shown.rindex("\r\x1b[K"):]
    check("dawdling" not in answer, "progress is not erased: %r", answer)
    lines = re.sub(r"\x1b\[[0-9;]*[mK]", "", answer).replace("\r", "").splitlines()
    same(len(lines), 1 + (24 - 5) + 2, "lines of a screen")
    check(all("<number " in line for line in lines[1:-2]), "values are not shown: %s", lines)
    check("\x1b[" in answer[3:], "no colour on a terminal")
    _, wide = on_terminal("objects", "fake,seconds=3,long", "--values", rows=24, columns=150)
    lines = re.sub(r"\x1b\[[0-9;]*[mK]", "", wide[wide.rindex("\r\x1b[K"):]).replace("\r", "").splitlines()
    check(all(len(line) == 150 and line[-1] == "…" for line in lines[1:-2]), "not cut to the screen: %s", lines)
    check(document_of("objects", "fake,long", "--values")["rows"][0]["value"].endswith(">" * 180), "cut for programs")
    plain = quick_on_terminal("heap", "fake", environment={"NO_COLOR": "1"})
    check("\x1b" not in plain, "colour despite NO_COLOR: %r", plain)
    quick = quick_on_terminal("heap", "fake")
    check("\x1b[K" not in quick, "progress within the first second: %r", quick)
    check(b"\x1b" not in Run("heap", "fake").raw, "colour in a pipe")


def test_progress_wipes_no_answer():
    """On a terminal that is slow, too, how far the work is stands on lines of its own."""
    status, shown = on_terminal("objects", "fake,count=10000", "--limit=0", "--format=jsonl", pause=0.005)
    check(status == 0, "status %s", status)
    rows = re.sub("(?<![^\r\n])(?:\r\x1b\\[K[^\r\n]*)*\r\x1b\\[K", "", shown).splitlines()
    same([json.loads(row) for row in rows], heap(10000), "rows")


def test_memory():
    count = 3000000
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for arguments in ["heap"], ["objects", "--sort=size", "--limit=1"], ["objects", "--sort=type", "--limit=1"], \
            ["objects", "--limit=300000"]:
        Run(*arguments, "fake,count=%d" % count).expect(0)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check(most > before, "the measure is of no use: %d KiB before", before)
    check(most * 1024 < 64 * count, "%d bytes an object", most * 1024 // count)
    return "%d bytes an object" % (most * 1024 // count)


def main():
    results = Results()
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            if name == "test_memory" and os.environ.get("LIBINSPECT_SANITIZED"):
                results.skip(name, "the sanitizers' memory is not ours")
            else:
                results.run(name, function)
    results.finish()


if __name__ == "__main__":
    main()
