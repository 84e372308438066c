# SPDX-License-Identifier: MIT
"""The record that tests/programs/oracle.py writes, and how py-inspect's answers are compared with it.

Every compare_… function returns a list of lines that say what differs; an empty one is a match.
"""
import collections
import json

EXAMPLES = 3  # of each kind of difference

Row = collections.namedtuple("Row", "address generation size refcount type python_sizeof")
Sample = collections.namedtuple("Sample", "address size refcount type tracked length repr")


class Record:
    """What the interpreter said about its own heap."""

    def __init__(self, path):
        self.objects, self.samples = {}, []
        self.settled = None  # those whose reference counts are known to stay; None: all
        counts = []
        with open(path, "rb") as file:
            for line in file:
                row = json.loads(line.decode("ascii"))
                kind = row.pop(0)
                if kind == "object":
                    row = Row(*row)
                    self.objects[row.address] = row
                elif kind == "sample":
                    self.samples.append(Sample(*row))
                elif kind == "settled":
                    self.settled = set(row[0])
                elif kind == "gc":
                    self.gc = row[0]
                elif kind == "header":
                    self.header = row[0]
                elif kind == "check":
                    self.check = row
                elif kind == "count":
                    counts.append(row)
        self.gc["count"] = counts[-1]
        self.hexversion = self.header["hexversion"]
        self.exact = self.check[:2] == self.check[2:] and counts[-1] == counts[-2]
        # 3.12 starts with objects in the permanent generation, which nothing inside can list.
        frozen = sum(row.generation == 3 for row in self.objects.values())
        self.unlisted_permanent = self.gc["freeze_count"] - frozen

    @property
    def python_sized(self):
        """How many objects have a __sizeof__ in Python, or inherit one."""
        return sum(row.python_sizeof for row in self.objects.values())

    def names(self):
        """Names of all types."""
        return {row.type for row in self.objects.values()}


def short(text, limit=90):
    """@text for a message."""
    text = str(text)
    return text if len(text) <= limit else "%s...(%d characters)" % (text[:limit], len(text))


def histogram(what, differences):
    """Lines for @differences, pairs of a type and an example's text, most frequent type first."""
    by_type = collections.OrderedDict()
    for kind, text in differences:
        by_type.setdefault(kind, []).append(text)
    if not by_type:
        return []
    lines = ["%s: %d objects of %d types" % (what, sum(map(len, by_type.values())), len(by_type))]
    ordered = sorted(by_type.items(), key=lambda item: -len(item[1]))
    for kind, texts in ordered[:12]:
        lines.append("  %7d %s: %s" % (len(texts), short(kind), "; ".join(texts[:EXAMPLES])))
    if len(ordered) > 12:
        lines.append("  ... and %d more types" % (len(ordered) - 12))
    return lines


def generation_number(value):
    """3 for the permanent generation."""
    return 3 if value == "permanent" else None if value in (None, "") else int(value)


def one_line(text):
    """@text as CSV and text have it, where a row is one line."""
    return text.replace("\n", "\\n")


def compare_objects(record, rows, written=str):
    """@rows: what `objects` said, as dicts with at least address, type, size, refcount and generation. @written: how
    the format writes a name."""
    lines = []
    seen = {}
    twice, extra, generation, kind, size, refcount = [], [], [], [], [], []
    unlisted = 0
    for row in rows:
        address = int(row["address"], 16)
        if address in seen:
            twice.append((row["type"], row["address"]))
        seen[address] = row
        have = record.objects.get(address)
        number = generation_number(row["generation"])
        if have is None:
            if number == 3 and unlisted < record.unlisted_permanent:
                unlisted += 1
            else:
                extra.append((row["type"], "%s in %s" % (row["address"], row["generation"])))
            continue
        if number != have.generation:
            generation.append((have.type, "%s is in %s, said %s" % (row["address"], have.generation, row["generation"])))
        if row["type"] != written(have.type):
            kind.append((have.type, "%s said %s" % (row["address"], short(repr(row["type"])))))
        said = None if row["size"] in (None, "") else int(row["size"])
        if said != have.size and not have.python_sizeof:
            size.append((have.type, "%s has %d, said %s" % (row["address"], have.size, said)))
        said = -1 if row["refcount"] in (None, "") else int(row["refcount"])
        if said != have.refcount and (record.settled is None or address in record.settled):
            refcount.append((have.type, "%s has %d, said %d" % (row["address"], have.refcount, said)))
    missing = [(have.type, "0x%x in %s" % (address, have.generation))
               for address, have in record.objects.items() if address not in seen]
    lines += histogram("not found", missing)
    lines += histogram("listed, but not tracked", extra)
    lines += histogram("listed twice", twice)
    if unlisted != record.unlisted_permanent:
        lines.append("the permanent generation holds %d objects more than the record, %d were found" % (
            record.unlisted_permanent, unlisted))
    lines += histogram("wrong generation", generation)
    lines += histogram("wrong type", kind)
    lines += histogram("wrong size", size)
    lines += histogram("wrong reference count", refcount)
    return lines


def compare_gc(record, row):
    """@row: what `gc` said about the interpreter."""
    have = record.gc
    pairs = [("enabled", bool(have["enabled"]), row["enabled"]), ("debug", have["debug"], row["debug"]),
             ("garbage", have["garbage"], row["garbage"]), ("callbacks", have["callbacks"], row["callbacks"]),
             ("frozen", have["freeze_count"], row["frozen"]), ("collecting", False, row["collecting"])]
    for i in range(3):
        pairs.append(("threshold%d" % i, have["threshold"][i], row["threshold%d" % i]))
        pairs.append(("count%d" % i, have["count"][i], row["count%d" % i]))
        for name in ("collections", "collected", "uncollectable"):
            pairs.append(("%s%d" % (name, i), have["stats"][i][name], row["%s%d" % (name, i)]))
    return ["gc: %s is %s, said %s" % (name, true, said) for name, true, said in pairs if true != said]


def compare_heap(record, rows, permanent=()):
    """@rows: what `heap` said. @permanent: rows of `objects` that the record cannot have."""
    counts, sizes, free = collections.Counter(), collections.Counter(), set()
    for have in record.objects.values():
        counts[have.type] += 1
        sizes[have.type] += have.size
        if have.python_sizeof:
            free.add(have.type)
    for row in permanent:
        counts[row["type"]] += 1
        sizes[row["type"]] += int(row["size"])
    lines = []
    said = {row["type"]: row for row in rows}
    for name in sorted(set(counts) | set(said)):
        row = said.get(name, {"count": 0, "bytes": 0})
        if int(row["count"]) != counts[name]:
            lines.append("heap: %d objects of type %s, said %s" % (counts[name], short(name), row["count"]))
        elif int(row["bytes"]) != sizes[name] and name not in free:
            lines.append("heap: %d bytes of type %s, said %s" % (sizes[name], short(name), row["bytes"]))
    if len(said) != len(rows):
        lines.append("heap: some types are listed twice")
    return lines[:40]


def compare_untracked(record, rows):
    """@rows: what `objects` said of all objects. Those that the record has by example have to be among them."""
    said = {int(row["address"], 16): row for row in rows}
    lines = []
    for row in rows:
        if not row["tracked"] and (row["generation"] is not None or row["interpreter"] is not None):
            lines.append("object %s is not tracked and in generation %s" % (row["address"], row["generation"]))
    for have in record.samples:
        name = "object 0x%x (%s %s)" % (have.address, have.type, (have.repr or "")[:40])
        row = said.get(have.address)
        if row is None:
            lines.append("%s is not among all objects" % name)
            continue
        pairs = [("type", have.type, row["type"]), ("tracked", bool(have.tracked), row["tracked"])]
        if have.repr is not None:  # of a type whose size is exactly known
            pairs.append(("size", have.size, row["size"]))
        lines += ["%s: %s is %s, said %s" % (name, what, true, text) for what, true, text in pairs if true != text]
    return lines[:40]


def compare_histogram(rows, types):
    """@types: what `heap` said; @rows: what `objects` said."""
    sums = collections.defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for index, number in enumerate((1, row["size"], row["tracked"])):
            sums[row["type"]][index] += number
    said = {row["type"]: [row["count"], row["bytes"], row["tracked"]] for row in types}
    return ["heap: %s is %s in all, said %s" % (short(name), sums.get(name), said.get(name))
            for name in sorted(set(sums) | set(said)) if sums.get(name) != said.get(name)][:40]


def compare_generations(record, rows):
    """@rows: what `generations` said."""
    counts = collections.Counter(have.generation for have in record.objects.values())
    counts[3] += record.unlisted_permanent
    lines = []
    said = {generation_number(row["generation"]): row for row in rows}
    for number in sorted(set(counts) | set(said)):
        have = int(said[number]["objects"]) if number in said else 0
        if have != counts[number]:
            lines.append("generations: %d objects in %s, said %s" % (counts[number], number, have))
    for number in range(3):
        row = said.get(number, {})
        for name, true in (("threshold", record.gc["threshold"][number]), ("count", record.gc["count"][number]),
                           ("collections", record.gc["stats"][number]["collections"]),
                           ("collected", record.gc["stats"][number]["collected"]),
                           ("uncollectable", record.gc["stats"][number]["uncollectable"])):
            if row.get(name) != true:
                lines.append("generations: %s of %d is %s, said %s" % (name, number, true, row.get(name)))
    return lines


def compare_samples(record, rows):
    """@rows: what `object` said about the addresses of record.samples, in any order."""
    said = {int(row["address"], 16): row for row in rows}
    lines = []
    for have in record.samples:
        row = said.get(have.address)
        name = "object 0x%x (%s %s)" % (have.address, have.type, (have.repr or "")[:40])
        if row is None:
            lines.append("%s: no answer" % name)
            continue
        pairs = [("type", have.type, row["type"]), ("tracked", bool(have.tracked), row["tracked"])]
        if row["size_basic"] is not True:
            pairs.append(("size", have.size, row["size"]))
        lines += ["%s: %s is %s, said %s" % (name, what, true, text) for what, true, text in pairs if true != text]
        if have.repr is not None:
            lines += compare_value(name, have, row["value"])
    return lines


def compare_value(name, have, value):
    """A short value is what repr() says; a long one says so and begins or ends like it."""
    if value is None:
        return ["%s: value is %s, said nothing" % (name, have.repr)]
    if len(have.repr) <= 120:
        if value != have.repr:
            return ["%s: value is %s, said %s" % (name, have.repr, value)]
    elif len(value) > 200:
        return ["%s: value has %d characters" % (name, len(value))]
    elif value != have.repr and value[:20] != have.repr[:20] and have.type != "int":
        return ["%s: value begins with %s, said %s" % (name, have.repr[:30], value)]
    return []
