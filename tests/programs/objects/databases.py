# SPDX-License-Identifier: MIT
"""Databases: sqlite3's connections, cursors, rows, statements, blobs and callbacks; dbm."""
import os
import sys
import tempfile

try:
    import sqlite3
except ImportError:
    sqlite3 = None


class Held:
    pass


if sqlite3:
    class Connection(sqlite3.Connection):
        """A subclass with a __dict__."""

    class Cursor(sqlite3.Cursor):
        pass

    class Row(sqlite3.Row):
        pass

    class Total:
        def __init__(self, held=Held()):
            self.total = 0

        def step(self, value):
            self.total += value

        def finalize(self):
            return self.total

    class Conform:
        def __conform__(self, protocol):
            return protocol.__class__.__name__ if protocol is not sqlite3.PrepareProtocol else "conformed"

    def callback(held):
        return lambda *arguments: 0 if held else 1

    plain = sqlite3.connect(":memory:")
    plain.execute("create table t (a integer, b text, c blob)")
    plain.executemany("insert into t values (?, ?, ?)", [(number, "text %d" % number, b"blob") for number in range(20)])
    full = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES, isolation_level=None,
                           factory=Connection, cached_statements=5)
    full.held = Held()
    full.row_factory = Row
    full.text_factory = lambda data, held=Held(): data.decode()
    full.set_trace_callback(callback(Held()))
    full.set_progress_handler(callback(Held()), 1000)
    full.set_authorizer(callback(Held()))
    functions = [callback(Held()), callback(Held())]
    full.create_function("f", 1, functions[0])
    full.create_aggregate("total_of", 1, Total)
    full.create_collation("reversed", lambda a, b: (a < b) - (a > b))
    sqlite3.register_converter("point", lambda data, held=Held(): data)
    sqlite3.register_adapter(Conform, lambda value, held=Held(): "adapted")
    full.execute("create table p (a point, b text collate reversed)")
    for number in range(12):
        full.execute("insert into p values (?, ?) -- %d" % number, (b"1;2", "text"))  # more than are cached
    replaced = sqlite3.connect(":memory:")
    for _ in range(2):
        replaced.set_trace_callback(callback(Held()))
        replaced.set_progress_handler(callback(Held()), 100)
        replaced.set_authorizer(callback(Held()))
    for reset in (replaced.set_trace_callback, replaced.set_authorizer):
        try:
            reset(None)
        except TypeError:
            pass
    closed = sqlite3.connect(":memory:")
    closed.row_factory = sqlite3.Row
    closed_cursor = closed.cursor()
    closed.close()
    levels = [sqlite3.connect(":memory:", isolation_level=level) for level in (None, "EXCLUSIVE", "")]

    cursors = [plain.cursor(), plain.execute("select * from t"), full.execute("select a as 'a [point]', b from p"),
               plain.cursor(Cursor), plain.execute("insert into t values (99, null, null)")]
    cursors[3].held = Held()
    cursors[3].row_factory = lambda cursor, row, held=Held(): row
    cursors[3].execute("select a, b from t where a > ?", (3,))
    rows = [cursors[1].fetchone(), cursors[2].fetchone(), cursors[3].fetchmany(3)]
    plain.row_factory = sqlite3.Row
    rows += plain.execute("select * from t limit 3").fetchall()
    rows.append(sqlite3.Row(plain.cursor(), ()) if sys.version_info >= (3, 7) else None)
    iterators = [iter(rows[-2]), iter(cursors[1])]
    exhausted = plain.execute("select 1 where 0")
    exhausted.fetchall()
    closed_cursors = [plain.execute("select 1")]
    closed_cursors[0].close()
    failures = []
    for statement in ("nonsense", "insert into t values (1)", "select ?"):
        try:
            plain.execute(statement)
        except sqlite3.Error as error:
            error.held = Held()
            failures.append(error)
    statements = [plain("select %d" % number) for number in range(3)]
    conformed = plain.execute("select ?", (Conform(),)).fetchone()
    if hasattr(plain, "blobopen"):
        blobs = [plain.blobopen("t", "c", 1), plain.blobopen("t", "c", 2, readonly=True), plain.blobopen("t", "c", 3)]
        blobs[0].read(2)
        blobs[2].close()
    if hasattr(plain, "create_window_function"):
        try:
            class Window(Total):
                def inverse(self, value):
                    self.total -= value

                value = Total.finalize
            plain.create_window_function("window_of", 1, Window)
        except sqlite3.NotSupportedError:
            pass
    protocol = sqlite3.PrepareProtocol()

    class Uninitialised(sqlite3.Connection):
        def __init__(self):
            pass

    class UninitialisedCursor(sqlite3.Cursor):
        def __init__(self, connection):
            pass

    raw = [Uninitialised(), UninitialisedCursor(plain)]

folder = tempfile.mkdtemp(prefix="libinspect-")
databases = []
for name in ("_dbm", "_gdbm"):
    try:
        module = __import__(name)
        databases.append(module.open(os.path.join(folder, name), "n"))
        databases[-1][b"key"] = b"value"
    except ImportError:
        pass
for entry in os.listdir(folder):
    os.unlink(os.path.join(folder, entry))
os.rmdir(folder)
