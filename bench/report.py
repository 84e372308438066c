# SPDX-License-Identifier: MIT
"""What bench/run has measured, in tables: text() and write()."""
import os
import statistics

import plot

COUNT = "Counter(map(type, gc.get_objects()))"
COLLECT = "gc.collect()"
DOCUMENT = "performance.md"
BEGIN, END = "<!-- bench/run writes this: begin -->", "<!-- bench/run writes this: end -->"
BILLIONS = 2_000_000_000  # objects, of the extrapolation
MIB, GIB = 2**20, 2**30

# The bounds of the issue.
START_SECONDS = 0.050
GDB_FACTOR = 1.10
COLLECT_FACTOR = 0.7
BYTES_PER_OBJECT = 24
GROWTH_FACTOR = 1.15

GROUPS = (
    ("shell", "py-inspect in the shell, the whole process"),
    ("gdb", "in gdb"),
    ("live", "py-inspect on the live process"),
    ("inside", "the process itself"),
    ("machine", "what the core alone takes"),
    ("peer", "other inspectors"),
)


def table(columns, rows):
    """Lines of a markdown table; the first column is text, the others are numbers."""
    yield "| %s |" % " | ".join(columns)
    yield "|---|%s" % ("---:|" * (len(columns) - 1))
    for row in rows:
        yield "| %s |" % " | ".join(row)


def number(value):
    """With thin groups of three digits."""
    return "{:,}".format(value).replace(",", " ")


def seconds(value):
    """Three digits that count."""
    if value < 0.0995:
        return "%.1f ms" % (value * 1e3)
    return "%.3f s" % value if value < 9.95 else "%.1f s" % value


def median(heap, name):
    """Of the row's seconds; None if there is no such row."""
    row = heap["rows"].get(name)
    return statistics.median(row["seconds"]) if row else None


def find(results, kind, which=-1):
    """The heap of this kind with the most objects, or another one in the order of sizes; None if there is none."""
    heaps = sorted((heap for heap in results["heaps"] if heap["kind"] == kind), key=lambda heap: heap["objects"])
    return heaps[which] if -len(heaps) <= which < len(heaps) else None


# ---- one heap ----


def heap_title(heap):
    return "%s: %s tracked objects, %s in all" % (heap["kind"], number(heap["tracked"]), number(heap["objects"]))


def row_cells(heap, name, row):
    middle = statistics.median(row["seconds"])
    unit = median(heap, COLLECT)
    counted = row.get("counted")
    if counted is not None:
        name += ", %s objects" % number(counted)
    whole = counted is None or counted >= heap["tracked"] / 2  # of a part of the heap no ratio says anything
    memory = "%.1f" % (row["anonymous"] / heap["objects"]) if "anonymous" in row else ""
    return ("`%s`" % name if row["group"] in ("shell", "inside") else name,
            seconds(middle),
            "%s – %s" % (seconds(min(row["seconds"])), seconds(max(row["seconds"]))),
            "%.2f" % (middle / unit) if unit and whole else "",
            "%.0f" % (middle * 1e9 / (counted or heap["objects"])),
            seconds(statistics.median(row["cpu"])) if row["cpu"] else "",
            memory,
            "%.0f" % (row["anonymous"] / MIB) if "anonymous" in row else "",
            "%.0f" % (row["file"] / MIB) if "file" in row else "")


def heap_table(heap):
    columns = ("", "median", "least – most", "× gc.collect()", "ns an object", "processors", "anonymous bytes an object",
               "anonymous MiB", "file-backed MiB")
    rows = []
    for group, title in GROUPS:
        members = [(name, row) for name, row in heap["rows"].items() if row["group"] == group]
        if members:
            rows.append(("**%s**" % title,) + ("",) * (len(columns) - 1))
            rows += [row_cells(heap, name, row) for name, row in members]
    yield "### " + heap_title(heap)
    yield ""
    yield "%s references. A core of %.0f MiB on disk, of a process with %.0f MiB of anonymous memory. `cycles` says, as " \
        "`gc.collect()` does, that %s objects are unreachable." % (
            number(heap["references"]), heap["core"] / MIB, heap["own"] / MIB, number(heap["found"]))
    yield ""
    yield from table(columns, rows)
    if heap["absent"]:
        yield ""
        yield "Not measured, since not here: %s." % ", ".join("%s (%s)" % each for each in heap["absent"].items())


# ---- the bounds ----


class Bound:
    """What must hold, and what was measured: None where it was not."""

    def __init__(self, what, most_said, most, measured, said):
        self.what, self.most_said, self.measured = what, most_said, measured
        self.said = said if measured is not None else ""
        self.verdict = "not measured" if measured is None else "held" if measured <= most else "**not held**"


def bounds(results):
    for kind in ("ordinary", "shuffled"):
        yield from ratio_bounds(find(results, kind), kind)
    small = find(results, "ordinary", 0)
    start = small and median(small, "status")
    yield Bound("`status` of a small core (%s objects)" % (number(small["objects"]) if small else "?"), seconds(START_SECONDS),
                START_SECONDS, start, seconds(start or 0))
    yield from gdb_bounds(small, "that core")
    for kind in ("ordinary", "shuffled"):
        yield from memory_bounds(find(results, kind), kind)
    for kind in ("ordinary", "shuffled"):
        yield from growth_bounds(find(results, kind, -2), find(results, kind), kind)


def ratio_bounds(heap, kind):
    for verb, inside, most in (("heap", COUNT, 1.0), ("cycles", COLLECT, COLLECT_FACTOR), ("path", COLLECT, COLLECT_FACTOR)):
        ours, own = (median(heap, name) if heap else None for name in (verb, inside))
        ratio = ours / own if ours and own else None
        yield Bound("`%s`, %s" % (verb, kind), "%.1f × `%s`" % (most, inside), most, ratio,
                    "%.2f × (%s, %s)" % (ratio or 0, seconds(ours or 0), seconds(own or 0)))


def gdb_bounds(heap, which):
    for verb in ("status", "heap"):
        alone, ours, shell = (median(heap, name) if heap else None for name in ("gdb alone", "gdb, first verb: " + verb, verb))
        most = (alone + shell) * GDB_FACTOR if alone and shell else 0
        said = "gdb's start + the shell's time + 10 %" + (" = " + seconds(most) if most else "")
        yield Bound("first verb in gdb, `%s` of %s" % (verb, which), said, most, ours, seconds(ours or 0))


def memory_bounds(heap, kind):
    for verb in ("heap", "cycles", "path"):
        row = heap and heap["rows"].get(verb)
        each = row["anonymous"] / heap["objects"] if row else None
        yield Bound("anonymous memory of `%s`, %s" % (verb, kind), "%d bytes an object" % BYTES_PER_OBJECT, BYTES_PER_OBJECT,
                    each, "%.1f" % (each or 0))


def growth(small, large, verb):
    """How much more the larger heap takes for each object; None if that was not measured."""
    few, many = (median(heap, verb) if heap else None for heap in (small, large))
    return (many / few) / (large["objects"] / small["objects"]) if few and many else None


def growth_bounds(small, large, kind):
    for verb in ("heap", "cycles", "path"):
        factor = growth(small, large, verb)
        sizes = "%s to %s tracked" % (number(small["tracked"]), number(large["tracked"])) if small else "one size to another"
        yield Bound("growth of `%s`, %s, from %s" % (verb, kind, sizes), "%.2f × linear" % GROWTH_FACTOR, GROWTH_FACTOR,
                    factor, "%.2f ×" % (factor or 0))


def bounds_table(results):
    yield from table(("", "at most", "measured", ""),
                     [(bound.what, bound.most_said, bound.said, bound.verdict) for bound in bounds(results)])


# ---- over all heaps ----


def growth_table(results, kind):
    heaps = sorted((heap for heap in results["heaps"] if heap["kind"] == kind), key=lambda heap: heap["objects"])
    names = [name for name in heaps[0]["rows"] if all(name in heap["rows"] for heap in heaps) and
             heaps[0]["rows"][name]["group"] in ("shell", "inside", "gdb", "live", "machine")]
    columns = [kind] + ["%s objects" % number(heap["objects"]) for heap in heaps] + ["the last two: × linear"]
    yield from table(columns, [
        ["`%s`" % name] + [seconds(median(heap, name)) for heap in heaps] + ["%.2f" % growth(heaps[-2], heaps[-1], name)]
        for name in names])


def machine_table(results):
    yield from table(("", ""), [(name, value) for name, value in results["machine"].items()])
    yield ""
    yield "%d round%s%s; %.1f processes wanted to run at the start." % (
        results["rounds"], "s" if results["rounds"] > 1 else "",
        ", at real-time priority" if results["alone"] else "", results["load"])


# ---- billions ----


def billions_table(results):
    """What the largest heaps say about a much larger one, if all grows with the number of objects."""
    rows = []
    for kind in ("ordinary", "shuffled"):
        heap = find(results, kind)
        for verb in ("heap", "cycles", "path"):
            row = heap and heap["rows"].get(verb)
            if row:
                time = statistics.median(row["seconds"]) / heap["objects"]
                anonymous, core = row["anonymous"] / heap["objects"], heap["own"] / heap["objects"]
                rows.append(("`%s`, %s" % (verb, kind), "%.0f" % (time * 1e9), "%.1f" % anonymous, "%.0f" % core,
                             "%.0f s" % (time * BILLIONS), "%.0f GiB" % (anonymous * BILLIONS / GIB),
                             "%.0f GiB" % (core * BILLIONS / GIB), "%.0f GiB" % ((anonymous + core) * BILLIONS / GIB)))
    yield from table(("", "ns an object", "anonymous bytes an object", "bytes of core an object", "time", "anonymous memory",
                      "core", "both in memory"), rows)
    yield ""
    yield from billions_text(results)


def memory_to_buy(size):
    """The next size of memory that machines come with, in GiB, and a tenth is left for all else."""
    return next(gibibytes for gibibytes in (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192) if
                size * 1.1 < gibibytes * GIB)


def billions_text(results):
    heap = find(results, "ordinary")
    rows = [heap["rows"][verb] for verb in ("heap", "cycles", "path") if heap and verb in heap["rows"]]
    if not rows:
        return
    most = max(row["anonymous"] for row in rows) / heap["objects"] * BILLIONS
    core = heap["own"] / heap["objects"] * BILLIONS
    slowest = max(statistics.median(row["seconds"]) for row in rows) / heap["objects"] * BILLIONS
    yield "A machine with %d GiB of memory holds the core of such an ordinary heap and what py-inspect needs beyond it: each of " \
        "these answers takes at most %.0f minutes there, with %s cores like those of this machine. A core that is read from a " \
        "disk at 3 GB/s takes %.0f s more, once; what of it does not stay in memory is read again where references lead." % (
            memory_to_buy(most + core), slowest / 60 + 0.5, results["machine"]["cores"], core / 3e9)
    references = heap["references"] / heap["objects"]
    yield ""
    yield "Such a heap has %.2f references an object, %.1f × 10⁹ in all: %s 2³² = 4.3 × 10⁹, which is what rows with 32-bit places " \
        "can hold, where a verb keeps all references." % (references, references * BILLIONS / 1e9, "more than" if references * BILLIONS > 2**32 else "fewer than")


# ---- the report ----


def text(results):
    """All tables, as markdown."""
    kinds = list(dict.fromkeys(heap["kind"] for heap in results["heaps"]))
    lines = ["### The machine", ""] + list(machine_table(results)) + ["", "### What must hold", ""] + list(bounds_table(results))
    lines += ["", "### Growth with the number of objects", ""]
    for kind in kinds:
        if find(results, kind, -2):
            lines += list(growth_table(results, kind)) + [""]
    for kind in kinds:
        lines += list(heap_table(find(results, kind))) + [""]
    lines += ["### Two billion objects", ""] + list(billions_table(results))
    return "\n".join(lines)


def write(results, folder):
    """Puts the tables between the marks of the document in @folder, and the plots beside it."""
    path = os.path.join(folder, DOCUMENT)
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN + "\n")
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit("bench: %s has no marks between which to write" % path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + text(results) + "\n" + END + after)
    plot.write_times(results, os.path.join(folder, "performance-time.svg"))
    plot.write_ratios([heap for heap in (find(results, kind) for kind in ("ordinary", "shuffled")) if heap],
                      os.path.join(folder, "performance-ratio.svg"))
