#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make bench` works: a run over small heaps measures everything, and its report has all of it.

    tests/speed/test_bench.py

What it measures is not judged here: other tests run beside it.
"""
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from runner import Results, check  # noqa: E402
from support import BUILD, TIMEOUT, TOP, Folder, need  # noqa: E402

PYTHON = "/usr/bin/python3"
VERBS = ("`status`", "`gc`", "`heap --tracked`", "`heap`", "`cycles`", "`path`", "`objects --format csv`")
INSIDE = ("`Counter(map(type, gc.get_objects()))`", "`gc.collect()`")
MACHINE = ("cat core", "summing the mapped core, one thread")
OUTSIDE = ("gdb alone", "gdb, first verb: status", "gdb, first verb: heap", "gdb, second verb: heap again",
           "gdb, third verb: cycles", "live: heap", "live: cycles", "live: pause of the process")
PEERS = ("guppy3", "pympler", "objgraph", "chap", "pystack", "a script in gdb, gdb.Value", "a script in gdb, read_memory() and struct")
ROWS = {"ordinary": VERBS + INSIDE + MACHINE + OUTSIDE, "shuffled": VERBS + INSIDE + MACHINE + OUTSIDE,
        "chain": VERBS + INSIDE + MACHINE, "dict": VERBS + INSIDE + MACHINE, "strings": VERBS + INSIDE + MACHINE}
BOUNDS = [subject % kind for subject in ("`heap`, %s", "`cycles`, %s", "`path`, %s", "anonymous memory of `heap`, %s",
                                         "anonymous memory of `cycles`, %s", "anonymous memory of `path`, %s",
                                         "growth of `heap`, %s", "growth of `cycles`, %s", "growth of `path`, %s")
          for kind in ("ordinary", "shuffled")]
BOUNDS += ["`status` of a small core", "first verb in gdb, `status`", "first verb in gdb, `heap`"]


def run(*arguments):
    """What bench/run prints."""
    command = [sys.executable, os.path.join(TOP, "bench", "run"), "--build", BUILD, "--python", PYTHON, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                          text=True, check=False)
    check(done.returncode == 0, "%s: exit status %d: %s", " ".join(command), done.returncode, done.stderr[-2000:])
    return done.stdout


def sections(report):
    """The lines below each heading."""
    found = {}
    for part in report.split("\n### ")[1:]:
        title, _, text = part.partition("\n")
        found[title.partition(":")[0]] = text
    return found


def cells(text):
    """The cells of each row of the tables, by the first one."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def all_rows(found):
    for kind, names in ROWS.items():
        rows = cells(found[kind])
        missing = [name for name in names if name not in rows]
        check(not missing, "%s: no row for %s; there are %s", kind, missing, list(rows))
        for name in names:
            check("s" in rows[name][0] and "–" in rows[name][1], "%s: nothing was measured of %s: %s", kind, name, rows[name])
        for name in VERBS:
            check(all(float(cell) > 0 for cell in rows[name][5:8]), "%s: no memory of %s: %s", kind, name, rows[name])
    return "%d rows" % sum(map(len, ROWS.values()))


def all_peers(found):
    for kind in ("ordinary", "shuffled"):
        for peer in PEERS:
            check(peer.lower() in found[kind].lower(), "%s: neither measured nor named as absent: %s", kind, peer)


def all_bounds(found):
    rows = cells(found["What must hold"])
    for wanted in BOUNDS:
        matching = [row for name, row in rows.items() if name.startswith(wanted)]
        check(len(matching) == 1, "%d verdicts on %s: %s", len(matching), wanted, list(rows))
        (_, measured, verdict), = matching
        check(verdict in (("held", "**not held**") if measured else ("not measured",)), "%s: %s", wanted, verdict)
    check(sum(row[2] != "not measured" for row in rows.values()) >= 18, "few were measured: %s", rows)


def plots(folder):
    for name, least in (("performance-time.svg", 20), ("performance-ratio.svg", 20)):
        root = xml.etree.ElementTree.parse(os.path.join(folder, name)).getroot()
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        check(len(list(root)) > least and "cycles" in texts and "gc.collect()" in texts, "%s: %d elements: %s", name,
              len(list(root)), texts)


def document(folder, before, report):
    with open(os.path.join(folder, "performance.md"), encoding="utf-8") as file:
        after = file.read()
    begin, end = before.index("begin -->\n") + len("begin -->\n"), before.index("<!-- bench/run writes this: end")
    check(after == before[:begin] + report.strip("\n") + "\n" + before[end:],
          "the document is not what it was with the report between its marks")


def saved(path, report):
    """The same is reported again, and what is named names no machine and no path."""
    check(run("--report", path) == report, "--report says something else")
    with open(path, encoding="utf-8") as file:
        machine = json.load(file)["machine"]
    check(len(machine) >= 10 and all(machine.values()), "the machine has properties without values: %s", machine)
    words = " ".join(machine.values()).split()
    check(os.uname().nodename not in words and "/" not in machine["interpreter"], "it names the host: %s", machine)


def main():
    results = Results(verbose=True)
    with Folder() as folder:
        path = os.path.join(folder, "saved.json")
        with open(os.path.join(TOP, "doc", "performance.md"), encoding="utf-8") as file:
            before = file.read()
        shutil.copy(os.path.join(TOP, "doc", "performance.md"), folder)
        reports = []

        def measure():
            need("gcore"), need(PYTHON)
            reports.append(run("--quick", "--save", path, "--document", folder))

        if results.run("bench: a quick run", measure):
            found = sections("\n" + reports[0])
            results.run("bench: all rows", all_rows, found)
            results.run("bench: other inspectors are measured or named", all_peers, found)
            results.run("bench: a verdict on each bound", all_bounds, found)
            results.run("bench: the plots", plots, folder)
            results.run("bench: the document", document, folder, before, reports[0])
            results.run("bench: what was saved", saved, path, reports[0])
    results.finish()


if __name__ == "__main__":
    main()
