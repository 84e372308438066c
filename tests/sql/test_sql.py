#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of `sql` against the verbs, the interpreter's own word, and an ordinary SQLite table with the same rows.

    tests/sql/test_sql.py [check | check-full] [--interpreter NAME]... [--how live|gcore]...

Each interpreter runs tests/sql/subject.py. Every table must equal what the verb says, over the whole heap, and each query of some
hundred random ones what Python's sqlite3 says to the same query over the same rows. doc/sql.md is compared with the tables word by
word, and its examples run.

Environment: as for tests/e2e.py.
"""
import codecs
import csv
import io
import json
import os
import pty
import random
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, TESTS)

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip  # noqa: E402

DOCUMENT = os.path.join(os.path.dirname(TESTS), "doc", "sql.md")
COLUMNS = "address, type, size, refcount, immortal, generation, tracked, interpreter"


def same(have, want, what):
    if have == want:
        return
    if isinstance(have, list) and isinstance(want, list):
        for number in range(max(len(have), len(want))):
            one, other = (each[number:number + 1] for each in (have, want))
            if one != other:
                raise Failure("%s: %d and %d rows; number %d is %.600s, not %.600s" % (what, len(have), len(want), number, one, other))
    raise Failure("%s: %.1000r, not %.1000r" % (what, have, want))


def csv_rows(answer):
    return list(csv.reader(io.StringIO(answer.output, newline="")))


def ask_csv(target, query, *statuses):
    """The rows of a query, its header first."""
    return csv_rows(support.inspect("sql", target, query, "--format", "csv").expect(*(statuses or (0, 4))))


def verb_csv(target, *arguments):
    return csv_rows(support.inspect(*arguments, target, "--format", "csv").expect(0, 1, 4))


def several(target, queries, *options):
    """The answers to many queries, asked over a pipe: (columns, rows) of each."""
    run = subprocess.run([support.PY_INSPECT, "sql", str(target), "--format", "json", *options], input=";\n".join(queries) + ";\n",
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=support.TIMEOUT, check=False, text=True)
    if run.returncode not in (0, 4):
        raise Failure("exit status %d: %s" % (run.returncode, run.stderr[:1000]))
    decoder, answers, rest = json.JSONDecoder(), [], run.stdout
    place = 0
    while place < len(rest):
        answer, place = decoder.raw_decode(rest, place)
        place += len(rest[place:]) - len(rest[place:].lstrip()) if rest[place:place + 1] == "\n" else 0
        answers.append(answer)
    if len(answers) != len(queries):
        raise Failure("%d answers to %d queries: %s" % (len(answers), len(queries), run.stderr[:1000]))
    return [(answer["columns"], [[row[name] for name in answer["columns"]] for row in answer["rows"]]) for answer in answers]


def plain(value):
    """A value of JSON as SQLite has it."""
    if isinstance(value, str) and re.fullmatch("0x[0-9a-f]+", value):
        return int(value, 16)
    return int(value) if isinstance(value, bool) else value


# ---- tables that are what verbs say ----


def objects(target):
    want = verb_csv(target, "objects")
    same(ask_csv(target, "SELECT * FROM objects"), want, "objects")
    same(ask_csv(target, "SELECT * FROM objects ORDER BY address DESC"), want[:1] + want[:0:-1], "objects, descending")
    same(ask_csv(target, "SELECT * FROM objects ORDER BY +address"), want, "objects, sorted by SQLite")
    tracked = verb_csv(target, "objects", "--tracked")
    same(ask_csv(target, "SELECT * FROM objects WHERE tracked = 1"), tracked, "tracked objects")
    valued = verb_csv(target, "objects", "--values", "--type", "dict")
    same(ask_csv(target, "SELECT %s, value FROM objects WHERE type = 'dict'" % COLUMNS), valued, "values")
    return "%d objects" % len(want)


def heap(target):
    want = verb_csv(target, "heap", "--sort", "type")
    sums = "SELECT type, count(*) AS count, sum(size) AS bytes, sum(tracked) AS tracked FROM objects GROUP BY %s ORDER BY 1"
    same(ask_csv(target, sums % "type"), want, "GROUP BY type")
    same(ask_csv(target, sums % "+type"), want, "GROUP BY +type")
    same(ask_csv(target, "SELECT type, sum(count) AS count, sum(bytes) AS bytes, sum(tracked) AS tracked FROM types GROUP BY 1"), want,
         "types")
    return "%d types" % len(want)


def refs(target):
    want = verb_csv(target, "referents", "--all")
    names = 'referrer AS "from", referent AS "to", label, visited, counted, guessed'
    same(ask_csv(target, "SELECT %s FROM refs" % names), want, "refs")
    want = sorted(want[1:])
    joined = "SELECT %s FROM objects o CROSS JOIN refs r ON r.%s = o.address"
    same(sorted(ask_csv(target, joined % (names, "referrer"))[1:]), want, "refs by referrer")
    same(sorted(ask_csv(target, joined % (names, "referent"))[1:]), want, "refs by referent")
    by_type = "SELECT %s FROM (SELECT DISTINCT type FROM types) t CROSS JOIN refs r ON r.%s = t.type"
    same(sorted(ask_csv(target, by_type % (names, "referrer_type"))[1:]), want, "refs by the referrer's type")
    same(sorted(ask_csv(target, by_type % (names, "referent_type"))[1:]), want, "refs by the referent's type")
    wrong = ask_csv(target, "SELECT count(*) FROM refs r, objects a, objects b WHERE a.address = r.referrer AND b.address = r.referent "
                            "AND (a.type != r.referrer_type OR b.type != r.referent_type)")
    same(wrong[1:], [["0"]], "types of the ends")
    return "%d references" % len(want)


def roots(target):
    want = verb_csv(target, "roots")
    same(sorted(ask_csv(target, "SELECT * FROM roots")), sorted(want), "roots")
    joined = ask_csv(target, "SELECT r.* FROM objects o CROSS JOIN roots r ON r.address = o.address")
    same(sorted(joined), sorted(want), "roots by address")
    return "%d roots" % len(want)


def components(target):
    want = [row for row in verb_csv(target, "cycles", "--all", "--objects") if row[4]]
    names = "address, type, size, generation, component, unreachable"
    same(ask_csv(target, "SELECT %s FROM objects WHERE component IS NOT NULL" % names), want, "objects in components")
    sums = ask_csv(target, "SELECT component, count(*) AS objects, sum(size) AS bytes, min(address) - 0 AS address, max(unreachable) - 0 AS "
                           "unreachable FROM objects WHERE component IS NOT NULL GROUP BY 1 ORDER BY 1")
    same(ask_csv(target, "SELECT component, objects, bytes, address + 0 AS address, unreachable + 0 AS unreachable FROM components"), sums,
         "components")
    joined = ask_csv(target, "SELECT %s FROM components c CROSS JOIN objects o USING (component)" % names.replace("address", "o.address").replace("unreachable", "o.unreachable"))
    same(sorted(joined[1:]), sorted(want[1:]), "objects by component")
    garbage = [row for row in verb_csv(target, "cycles", "--objects")[1:] if row[5] == "true"]
    if not garbage:
        raise Failure("there is no garbage in this program")
    for sign in ("", "+"):
        found = ask_csv(target, "SELECT address, type, size FROM objects WHERE %sunreachable = 1" % sign)
        same(found[1:], [row[:3] for row in garbage], "unreachable objects")
    return "%d components" % (len(sums) - 1)


VERBS = (("heap", ""), ("heap", "--by-generation --sort type"), ("gc", ""), ("generations", ""), ("cycles", ""), ("cycles", "--all --objects"),
         ("garbage", ""), ("finalizers", ""), ("weakrefs", ""), ("weakrefs", "--values --type '*Slots'"), ("status", ""))
TABLES = {"gc": "collectors"}


def verbs(target):
    for verb, arguments in VERBS:
        want = verb_csv(target, verb, *arguments.replace("'", "").split())
        if verb == "status":  # what it has read changes, and its kinds of values are mixed
            want = [row[:1] for row in want]
        names = ", ".join('"%s"' % name for name in want[0])
        have = ask_csv(target, "SELECT %s FROM %s%s" % (names, TABLES.get(verb, verb), "(%s)" % quote(arguments) if arguments else ""))
        same(have, want, verb + " " + arguments)
        same(ask_csv(target, "SELECT %s FROM %s WHERE arguments = %s" % (names, TABLES.get(verb, verb), quote(arguments))), want,
             verb + " " + arguments)
    joined = ask_csv(target, "SELECT f.address, o.type FROM finalizers f LEFT JOIN objects o ON o.address = f.address")
    same(joined[1:], [row[2:4] for row in verb_csv(target, "finalizers")[1:]], "finalizers joined with objects")
    both = "SELECT count(f.address) FROM objects o CROSS JOIN finalizers f ON f.address = o.address"
    same(ask_csv(target, both)[1:], [[str(len(joined) - 1)]], "objects joined with finalizers")
    return "%d calls" % len(VERBS)


def quote(text):
    return "'%s'" % text.replace("'", "''")


# ---- the interpreter's own word ----


def strings(target, record):
    (_, rows), = several(target, ["SELECT address + 0, type, length, CASE WHEN typeof(text) = 'blob' THEN hex(text) ELSE text END, "
                                  "typeof(text) = 'blob' FROM strings"])
    found = {row[0]: row[1:] for row in rows}
    known = [row[1:] for row in record if row[0] == "string"]
    for address, *want in known:
        have = found.get(address)
        if have and want[3]:
            want[2] = want[2].upper()
        same(have and have[:3] + [bool(have[3])], want, "string at 0x%x" % address)
    same(len(ask_csv(target, "SELECT DISTINCT address FROM strings")), len(rows) + 1, "number of strings")
    by_type = ask_csv(target, "SELECT sum(n) FROM (SELECT (SELECT count(*) FROM strings s WHERE s.type = t.type) AS n "
                              "FROM (SELECT DISTINCT type FROM types) t)")
    same(by_type[1:], [[str(len(rows))]], "strings by type")
    by_address = ask_csv(target, "SELECT count(s.address) FROM objects o CROSS JOIN strings s ON s.address = o.address AND s.size = o.size")
    same(by_address[1:], [[str(len(rows))]], "strings by address")
    return "%d strings, %d of them known" % (len(rows), len(known))


def threads(target, record, pid):
    rows = ask_csv(target, "SELECT id, call, state IS NOT NULL FROM threads")[1:]
    known = {str(row[1]): row[2] for row in record if row[0] == "thread" and row[1]}
    if pid:
        same(sorted(int(row[0]) for row in rows), sorted(map(int, os.listdir("/proc/%d/task" % pid))), "threads")
    functions = {row[0]: row[1] for row in rows}
    for number, function in known.items():
        if function == "main" and not functions.get(number, "").startswith("main() at"):
            raise Failure("thread %s: %s" % (number, functions))
        if function != "main" and (number not in functions or " at " not in functions[number]):
            raise Failure("thread %s: %s" % (number, functions))
    return "%d threads" % len(rows)


# ---- an ordinary table with the same rows ----


def ordinary_tables(target):
    """An SQLite database with copies of objects and refs, and what random queries may look for."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE objects(address ADDRESS, type TEXT, size INTEGER, refcount INTEGER, immortal BOOLEAN, "
                     "generation GENERATION, tracked BOOLEAN, interpreter INTEGER)")
    database.execute("CREATE TABLE refs(referrer ADDRESS, referent ADDRESS, referrer_type TEXT, referent_type TEXT, visited BOOLEAN)")
    (_, rows), (_, edges) = several(target, [
        "SELECT * FROM objects", "SELECT referrer, referent, referrer_type, referent_type, visited FROM refs"])
    database.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ([plain(cell) for cell in row] for row in rows))
    database.executemany("INSERT INTO refs VALUES (?, ?, ?, ?, ?)", ([plain(cell) for cell in row] for row in edges))
    database.execute("CREATE INDEX a ON objects(address)")
    database.execute("CREATE INDEX f ON refs(referrer)")
    database.execute("CREATE INDEX t ON refs(referent)")
    return database, [[plain(cell) for cell in row] for row in rows]


class Queries:
    """Random queries."""

    def __init__(self, seed, rows):
        self.random = random.Random(seed)
        self.rows = rows
        self.types = sorted({row[1] for row in rows})

    def pick(self, *choices):
        return self.random.choice(choices)

    def address(self):
        return str(self.random.choice(self.rows)[0] + self.pick(0, 0, 0, 8, -8, 1))

    def type(self):
        return quote(self.pick(self.random.choice(self.rows)[1], self.random.choice(self.types), "no such type", "dict", "a\0b".split("\0")[0]))

    def number(self):
        return self.pick(str(self.random.randrange(0, 200)), "56.5", "1e3", "'64'", "NULL", "-1", "9223372036854775807", "0", "1")

    def condition(self, prefix="", depth=0):
        compare = self.pick("=", "<", "<=", ">", ">=", "IS", "!=")
        kinds = [
            lambda: "%stype %s %s" % (prefix, self.pick("=", "=", "=", "!=", "IS", "<"), self.type()),
            lambda: "%stype IN (%s, %s)" % (prefix, self.type(), self.type()),
            lambda: "%saddress %s %s" % (prefix, compare, self.address()),
            lambda: "%saddress IN (%s, %s, %s)" % (prefix, self.address(), self.address(), self.pick("NULL", "'x'", "1.5", self.address())),
            lambda: "%saddress BETWEEN %s AND %s" % (prefix, self.address(), self.address()),
            lambda: "%saddress = %s" % (prefix, quote(self.address())),
            lambda: "%ssize %s %s" % (prefix, compare, self.number()),
            lambda: "%sgeneration %s %s" % (prefix, self.pick("=", "IS", ">=", "!="), self.pick("0", "1", "2", "'permanent'", "NULL", "'2'", "3", "2.0")),
            lambda: "%sgeneration IN (0, 'permanent')" % prefix,
            lambda: "%stracked %s %s" % (prefix, self.pick("=", "IS"), self.pick("0", "1", "2", "NULL", "'1'")),
            lambda: "%srefcount %s %s" % (prefix, compare, self.number()),
        ]
        if depth < 2 and self.random.random() < 0.4:
            return "(%s %s %s)" % (self.condition(prefix, depth + 1), self.pick("AND", "AND", "OR"), self.condition(prefix, depth + 1))
        return self.random.choice(kinds)()

    def order(self):
        return self.pick("", " ORDER BY address", " ORDER BY address DESC", " ORDER BY type, address", " ORDER BY type DESC, address DESC",
                         " ORDER BY type, address DESC", " ORDER BY size, address", " ORDER BY type COLLATE NOCASE, address")

    def query(self):
        """A query, and whether its rows have one order only."""
        where = self.condition()
        order = self.order()
        return self.pick(
            ("SELECT address, type, size, generation, tracked, refcount FROM objects WHERE %s%s" % (where, order), bool(order)),
            ("SELECT type, count(*), sum(size), max(address), total(refcount) FROM objects WHERE %s GROUP BY type ORDER BY type" % where, True),
            ("SELECT type, generation, count(*) FROM objects WHERE %s GROUP BY 1, 2" % where, False),
            ("SELECT DISTINCT type FROM objects WHERE %s" % where, False),
            # not in an OR: SQLite itself (3.40) loses the collation there when an index is used
            ("SELECT address FROM objects WHERE type = %s COLLATE NOCASE ORDER BY 1" % self.type().upper(), True),
            ("SELECT count(*), min(address), max(size) FROM objects WHERE %s" % where, True),
            ("SELECT address, type FROM objects WHERE %s ORDER BY address LIMIT 7 OFFSET 3" % where, True),
            ("SELECT r.referrer, r.referent, r.visited FROM objects o JOIN refs r ON r.%s = o.address WHERE %s AND o.size %% 3 = 1" % (
                self.pick("referrer", "referent"), self.condition("o.")), False),
            ("SELECT o.address, count(r.referent) FROM objects o LEFT JOIN refs r ON r.referrer = o.address AND r.referent_type = %s WHERE %s "
             "GROUP BY 1 ORDER BY 1" % (self.type(), self.condition("o.")), True),
            ("SELECT referrer, referent FROM refs WHERE %s = %s AND %s = %s" % (
                self.pick("referrer", "referrer_type"), self.pick(self.address(), self.type()),
                self.pick("referent", "referent_type"), self.pick(self.address(), self.type())), False),
            ("SELECT referrer_type, referent_type, count(*) FROM refs WHERE %s = %s GROUP BY 1, 2 ORDER BY 1, 2" % (
                self.pick("referrer_type", "referent_type"), self.type()), True),
            ("SELECT count(*) FROM objects a JOIN objects b ON b.address = a.address + a.size WHERE %s" % self.condition("a."), True),
            ("SELECT type, (SELECT count(*) FROM objects i WHERE i.type = o.type AND %s) FROM objects o WHERE address IN (%s, %s) ORDER BY 1, 2"
             % (self.condition("i."), self.address(), self.address()), True),
        )


def differential(target, count, seed):
    database, rows = ordinary_tables(target)
    queries = Queries(seed, rows)
    asked = [queries.query() for _ in range(count)]
    answers = several(target, [query for query, _ in asked])
    for (query, ordered), (_, have) in zip(asked, answers):
        want = [list(row) for row in database.execute(query)]
        have = [[plain(cell) for cell in row] for row in have]
        if not ordered:
            have, want = (sorted(each, key=repr) for each in (have, want))
        same(have, want, "seed %r: %s" % (seed, query))
    return "%d queries over %d objects" % (count, len(rows))


# ---- what is taken over ----

PLANS = (
    ("SELECT type, count(*), sum(size) FROM objects GROUP BY 1", "by type", "TEMP B-TREE"),
    ("SELECT * FROM objects ORDER BY address", "by address", "TEMP B-TREE"),
    ("SELECT * FROM objects ORDER BY type DESC, address DESC", "by type desc", "TEMP B-TREE"),
    ("SELECT * FROM objects WHERE type = 'dict' ORDER BY address", "type=? by address", "TEMP B-TREE"),
    ("SELECT * FROM objects WHERE address = 1", "address=?", None),
    ("SELECT * FROM objects WHERE address IN (1, 2)", "address=?", None),
    ("SELECT * FROM objects WHERE address BETWEEN 1 AND 5", "address>=? address<=?", None),
    ("SELECT * FROM objects WHERE type = 'dict' AND size > 100 AND generation = 2 AND tracked = 1",
     "type=? generation=? tracked=? size>?", None),
    ("SELECT * FROM objects WHERE component = 3", "component=?", None),
    ("SELECT * FROM objects WHERE unreachable = 1", "unreachable=?", None),
    ("SELECT * FROM refs WHERE referrer = 5", "referrer=?", None),
    ("SELECT * FROM refs WHERE referent = 5", "referent=?", None),
    ("SELECT * FROM refs WHERE referrer_type = 'dict' ORDER BY referrer", "referrer_type=? by referrer", "TEMP B-TREE"),
    ("SELECT * FROM refs WHERE referent_type = 'dict'", "referent_type=?", None),
    ("SELECT * FROM objects o JOIN refs r ON r.referrer = o.address JOIN objects t ON t.address = r.referent WHERE o.type = 'dict'",
     "address=?", None),
    ("SELECT * FROM roots WHERE address = 5", "address=?", None),
    ("SELECT * FROM types WHERE type = 'dict'", "type=?", None),
    ("SELECT * FROM strings WHERE type = 'str' AND length > 5", "type=?", None),
    ("SELECT * FROM finalizers WHERE address = 5", "address=?", None),
    ("SELECT * FROM cycles('--all')", "arguments=?", None),
)


ORDERS = (
    "objects ORDER BY {0}type, {0}address DESC", "objects ORDER BY {0}type DESC, {0}address", "objects ORDER BY {0}type, {0}size, {0}address",
    "objects ORDER BY {0}address DESC, {0}type", "refs ORDER BY {0}referrer, {0}referent, {0}visited, {0}counted, {0}guessed",
    "refs ORDER BY {0}referent DESC, {0}referrer, {0}visited, {0}counted, {0}guessed", "components ORDER BY {0}component DESC",
    "types ORDER BY {0}type DESC, {0}address",
)


def orders(target):
    """Orders that tables take over, and others that only look like these, against SQLite's own sorting."""
    names = {"objects": COLUMNS, "refs": "referrer, referent, visited, counted, guessed"}
    for order in ORDERS:
        select = "SELECT %s FROM " % names.get(order.split()[0], "*")
        same(ask_csv(target, select + order.format("")), ask_csv(target, select + order.format("+")), order)
    return "%d orders" % len(ORDERS)


def plans(target):
    answers = several(target, ["EXPLAIN QUERY PLAN " + query for query, _, _ in PLANS])
    for (query, taken, not_there), (_, rows) in zip(PLANS, answers):
        text = "\n".join(row[3] for row in rows)
        if taken not in text or (not_there and not_there in text):
            raise Failure("%s: %s" % (query, text))
    (_, rows), = several(target, ["EXPLAIN QUERY PLAN SELECT * FROM objects WHERE +type = 'dict' ORDER BY +address"])
    if "type=?" in str(rows) or "TEMP B-TREE" not in str(rows):
        raise Failure("+type: %s" % rows)
    return "%d plans" % len(PLANS)


# ---- what is not allowed, and what is wrong ----

FORBIDDEN = (
    "ATTACH '%s/a.db' AS a", "ATTACH ':memory:' AS a", "VACUUM INTO '%s/b.db'", "VACUUM", "CREATE TABLE t(a)", "CREATE VIEW v AS SELECT 1",
    "DROP TABLE objects", "DELETE FROM objects", "UPDATE objects SET size = 0", "INSERT INTO objects(address) VALUES (1)",
    "PRAGMA temp_store = file", "PRAGMA temp_store_directory = '%s'", "PRAGMA writable_schema = on", "PRAGMA journal_mode = wal",
    "SELECT load_extension('%s/x')", "PRAGMA hard_heap_limit = 1", "CREATE VIRTUAL TABLE temp.t USING fts5(a)", "DETACH main",
    "CREATE VIRTUAL TABLE temp.t USING objects", "SELECT writefile('%s/c', 'x')", "SELECT readfile('/etc/passwd')",
    "PRAGMA trusted_schema = 0", "ALTER TABLE objects RENAME TO o", "CREATE TRIGGER t AFTER INSERT ON objects BEGIN SELECT 1; END",
)
ALLOWED = (
    "CREATE TEMP VIEW v AS SELECT type FROM types; SELECT count(*) > 0 FROM v",
    "CREATE TEMP TABLE t AS SELECT address FROM objects LIMIT 5; INSERT INTO t VALUES (1); DELETE FROM t WHERE address = 1; "
    "CREATE INDEX temp.i ON t(address); SELECT count(*) = 5 FROM t",
    "PRAGMA table_xinfo(objects)", "SELECT name FROM pragma_table_xinfo('types')", "SELECT value FROM json_each('[7]')",
    "BEGIN; SELECT 1; COMMIT",
)
WRONG = (
    ("SELECT nonsense FROM objects", "no such column: nonsense, line 1, column 8"),
    ("SELECT *\nFROM objects\nWHERE thing = 1", "no such column: thing, line 3, column 7"),
    ("SELECT 1; SELECT *, FROM types", 'near "FROM": syntax error, line 1, column 11'),
    ("SELECT * FROM nowhere", "no such table: nowhere"), ("SELECT 'open", "unrecognized token"), ("SELECT (1", "incomplete input"),
    ("SELECT * FROM objects WHERE type = \"dict\"", "no such column: dict"), ("SELECT * FROM path", "path needs ADDRESS"),
    ("SELECT * FROM heap('--nonsense')", "heap has no option --nonsense"), ("SELECT * FROM heap('--format=csv')", "--format is for whole"),
    ("SELECT abs(-9223372036854775808)", "integer overflow"), ("", "no statement"), (" ; -- nothing\n", "no statement"), (".nonsense", ".help"),
    ("SELECT ?1 + nonsense", "no such column"), ("SELECT " + "+".join("1" * 2000), "too large"),
    ("SELECT " + ", ".join(["1"] * 300), "too many columns"),
)


def forbidden(target, folder):
    for statement in FORBIDDEN:
        statement = statement.replace("%s", folder)
        answer = support.inspect("sql", target, statement).expect(2)
        if answer.output or not answer.messages.startswith("py-inspect: error: SQL: "):
            raise Failure("%s: %s" % (statement, answer))
    same([name for name in os.listdir(folder) if name not in ("record", "core")], [], "files written")
    for statement in ALLOWED:
        answer = support.inspect("sql", target, statement, "--format", "csv").expect(0, 4)
        if answer.output.splitlines()[-1:] == ["0"]:
            raise Failure("%s: %s" % (statement, answer.output))
    return "%d statements" % (len(FORBIDDEN) + len(ALLOWED))


def wrong(target):
    for statement, message in WRONG:
        answer = support.inspect("sql", target, statement, "--format", "csv").expect(2)
        if message not in answer.messages:
            raise Failure("%r: %s" % (statement, answer))
    (columns, rows), = several(target, ["SELECT 1 AS a, 2 AS a, address, address AS address, 2.5, 1e999, NULL, x'00ff', 'a' || char(0, 0x202e) "
                                        "FROM objects LIMIT 1"])
    same(columns[:4], ["a", "a_2", "address", "address_2"], "names of columns")
    same(rows[0][4:], [2.5, float("inf"), None, "X'00ff'", "a\0\u202e"], "values")
    return "%d statements" % len(WRONG)


# ---- the prompt ----


class Terminal:
    def __init__(self, target, folder):
        self.seen = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a block may end within a character
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", XDG_STATE_HOME=os.path.join(folder, "state"), LC_ALL="C.UTF-8", HOME=folder)
            os.execv(support.PY_INSPECT, ["py-inspect", "sql", str(target)])

    def expect(self, text, timeout=180):
        """Waits for @text; returns what came up to its end."""
        end = time.monotonic() + timeout
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure("no %r in %r" % (text, self.seen[-1000:]))
            try:
                self.seen += self.decoder.decode(os.read(self.master, 65536))
            except OSError:
                raise Failure("the prompt has ended; no %r in %r" % (text, self.seen[-1000:]))
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def comes(self, seconds):
        """Takes what comes, if something does within so many seconds."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.seen += self.decoder.decode(os.read(self.master, 65536))
        return True

    def ready(self, prompt="sql> "):
        """Waits until @prompt is the last of all and a key is waited for: it is also drawn anew while a line is typed. What is typed
        before may be lost. Returns what came."""
        end = time.monotonic() + support.TIMEOUT
        while self.comes(0.1) or not (self.seen.endswith(prompt) and support.wait_until_idle(self.pid)) or self.comes(0.1):
            if time.monotonic() > end:
                raise Failure("no prompt at the end of %r" % self.seen[-1000:])
        seen, self.seen = self.seen, ""
        return seen

    def type(self, text, prompt="sql> "):
        """Types @text; returns what comes up to the next prompt."""
        os.write(self.master, text.encode())
        return self.ready(prompt)

    def end(self, timeout=180):
        end = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid or time.monotonic() > end:
                break
            time.sleep(0.01)
        os.close(self.master)
        if not pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise Failure("the prompt does not end")
        return status


def prompt(target, folder):
    terminal = Terminal(target, folder)
    terminal.ready()
    terminal.type("SELECT 'two'\n", "...> ")
    if "two lines" not in terminal.type("|| ' lines';\n"):
        raise Failure("no answer")
    if "no such column: nonsense" not in terminal.type("SELECT nonsense;\n"):
        raise Failure("no error")
    terminal.type("SELECT half", "half")
    if "^C" not in terminal.type("\x03"):
        raise Failure("Ctrl-C does not drop the line")
    os.write(terminal.master, b"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c;\n")
    terminal.expect("FROM c;")
    support.wait_until_busy(terminal.pid)
    terminal.type("\x03")
    if "still here" not in terminal.type("SELECT 'still' || ' here';\n"):
        raise Failure("no answer after Ctrl-C")
    if "every type" not in terminal.type(".tables\n") or "finalizer" not in terminal.type(".schema types\n"):
        raise Failure(".tables and .schema")
    again = terminal.type("\x1b[A\x1b[A\x1b[A\n")  # three statements ago
    if "still here" not in again:
        raise Failure("no history: %r" % again)
    os.write(terminal.master, b"\x04")
    same(terminal.end(), 0, "exit status")
    with open(os.path.join(folder, "state", "py-inspect", "sql_history")) as file:
        same("still" in file.read(), True, "history")
    same(os.stat(file.name).st_mode & 0o777, 0o600, "mode of the history")
    terminal = Terminal(target, folder)
    terminal.ready()
    if "still here" not in terminal.type("\x1b[A\n"):
        raise Failure("the history of before is gone")
    os.write(terminal.master, b".quit\n")
    same(terminal.end(), 0, "exit status")
    run = subprocess.run([support.PY_INSPECT, "sql", str(target), "--format=csv"], input="SELECT 1\n; SELECT bad; \n-- c\nSELECT 3",
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=support.TIMEOUT, check=False)
    same((run.returncode, run.stdout.split()), (2, ["1", "1", "3", "3"]), "statements over a pipe")
    long_query = subprocess.Popen([support.PY_INSPECT, "sql", str(target), "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
                                   "SELECT max(n) FROM c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    support.wait_until_busy(long_query.pid)
    long_query.send_signal(signal.SIGINT)
    long_query.communicate(timeout=180)
    same(long_query.returncode, -signal.SIGINT, "Ctrl-C")
    answer = support.inspect("sql", target, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c", "--timeout=1")
    if answer.status not in (3, 4) or "timeout" not in answer.messages:
        raise Failure("--timeout: %s" % answer)
    return "typed, over a pipe, and interrupted"


# ---- the document ----


def described_tables(target):
    """All tables and columns, as doc/sql.md has them."""
    (_, rows), = several(target, ["SELECT * FROM schema"])
    lines = []
    for table, column, kind, hidden, meaning in rows:
        meaning = meaning.replace("|", "\\|")
        if column is None:
            lines += ["### `%s`: %s" % (table, meaning), "", "| column | type | |", "|---|---|---|"]
        else:
            lines.append("| `%s` | %s | %s%s |" % (column, kind, meaning, " (hidden)" if hidden else ""))
    return lines


def write_document(target):
    with open(DOCUMENT) as file:
        text = file.read()
    tables = "\n".join(described_tables(target)).replace("\n### ", "\n\n### ")
    with open(DOCUMENT, "w") as file:
        file.write(re.split("^### `", text, 1, re.MULTILINE)[0] + tables + "\n")


def document(target):
    with open(DOCUMENT) as file:
        text = file.read()
    documented = re.split("(?=^### `)", text, 1, re.MULTILINE)[-1].splitlines()
    same([line for line in documented if line], [line for line in described_tables(target) if line],
         "doc/sql.md (test_sql.py --write-document)")
    examples = re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if len(examples) < 5:
        raise Failure("few examples in doc/sql.md")
    for example in examples:
        support.inspect("sql", target, example).expect(0, 4)
    return "%d lines, %d examples" % (len(documented), len(examples))


# ---- redacted ----


def redacted(target, record):
    answers = several(target, ["SELECT text FROM strings", "SELECT value FROM objects", "SELECT label FROM refs"], "--redact")
    same({row[0] for row in answers[0][1]}, {None}, "texts")
    secrets = [row[4] for row in record if row[0] == "string" and row[2] == "__main__.Text" and len(row[4]) > 6]
    said = "\n".join(str(row[0]) for answer in answers for row in answer[1])
    found = [secret for secret in secrets if secret in said]
    same(found, [], "secrets")
    return "%d texts" % len(answers[0][1])


# ---- all ----


def examine(results, interpreter, way, full):
    name = "%s %s %%s" % (interpreter.name, way)
    with support.Folder() as folder:
        record_path = os.path.join(folder, "record")
        try:
            with support.Program(interpreter.command(os.path.join(HERE, "subject.py"), record_path), interpreter.env(), folder) as subject:
                with open(record_path) as file:
                    record = [json.loads(line) for line in file]
                target = subject.pid if way == "live" else subject.gcore(os.path.join(folder, "core"))
                for check in objects, heap, refs, roots, components, verbs, orders, plans:
                    results.run(name % check.__name__, check, target)
                results.run(name % "strings", strings, target, record)
                results.run(name % "threads", threads, target, record, subject.pid if way == "live" else None)
                results.run(name % "random queries", differential, target, 1000 if full else 120, interpreter.name)
                results.run(name % "redacted", redacted, target, record)
        except Skip as reason:
            results.skip(name % "all", reason)
        except Failure as failure:
            results.fail(name % "all", failure)


def examine_once(results, interpreter, only_write):
    """What does not depend on the interpreter."""
    with support.Folder() as folder:
        with support.Program(interpreter.command(os.path.join(HERE, "subject.py"), os.path.join(folder, "record")), interpreter.env(),
                             folder) as subject:
            if only_write:
                write_document(subject.pid)
                return
            results.run("what is forbidden", forbidden, subject.pid, folder)
            results.run("what is wrong", wrong, subject.pid)
            results.run("the document", document, subject.pid)
            results.run("the prompt", prompt, subject.pid, folder)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--write-document", action="store_true", help="write the tables of doc/sql.md anew, and end")
    parser.add_argument("--how", action="append", choices=("live", "gcore"), help="only this way of looking")
    options = parser.parse_args()
    results = Results(options.verbose)
    full = options.size == "check-full"
    once = False
    for number, interpreter in interpreters.chosen(options, results):
        if not once:
            examine_once(results, interpreter, options.write_document)
            once = True
        if options.write_document:
            break
        if not full and not options.interpreter and number % 11:
            continue
        for way in options.how or (("live", "gcore") if full else ("live", "gcore")[number // 11 % 2:][:1]):
            examine(results, interpreter, way, full)
    results.finish()


if __name__ == "__main__":
    main()
