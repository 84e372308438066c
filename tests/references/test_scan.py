#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scan of types that nobody described, on numpy, lxml and classes built with Cython and pybind11; and for roots.

    tests/references/test_scan.py [check | check-full] [--kind KIND]... [--python PYTHON]

All references that gc.get_referents() gives and that are words of the objects themselves must be found. Of those found and said
to be visited gc.get_referents() must give more than 99 in 100, and reference counts must speak against none that are said to be
held. bench/scan/run shows the figures. What is not installed is skipped. check-full also builds with Cython and pybind11 for every
pyenv.
"""
import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM = "/usr/bin/python3"
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(os.path.dirname(TESTS), "bench", "scan"))

import interpreters  # noqa: E402
import measure  # noqa: E402
import support  # noqa: E402
from runner import Results, Skip, check  # noqa: E402


def scan(kind, python):
    """One kind of types."""
    with support.Folder() as folder:
        try:
            measure.prepare(kind, python, folder)
        except measure.Missing as missing:
            raise Skip(missing)
        with measure.Subject(python, folder, [kind]) as subject:
            types = measure.measure(subject, support.PY_INSPECT)[kind]
    counts = measure.total(types)
    check(counts.objects > 1000, "there are only %d objects of types of %s", counts.objects, kind)
    missed = ["%s: %d of %d" % (name, each.missed, each.inside) for name, each in types.items() if each.missed]
    check(not missed, "references in the objects themselves are not found: %s", "; ".join(missed[:20]))
    wrong = ["%s: %d of %d" % (name, each.types_wrong, each.objects) for name, each in types.items() if each.types_wrong]
    check(not wrong, "whether the reference to the type is visited is wrong: %s", "; ".join(wrong[:20]))
    missed = ["%s: %d of %d" % (name, each.known_missed, each.known) for name, each in types.items() if each.known_missed]
    check(not missed, "references that are known otherwise are not found: %s", "; ".join(missed[:20]))
    check(counts.held_precision > 0.99, "of %d references found %d are none: %s", counts.guessed, counts.refuted,
          counts.wrongs.most_common(5))
    check(not counts.unvisited_refuted, "of %d references found that are not visited %d are none", counts.unvisited,
          counts.unvisited_refuted)
    check(counts.precision > 0.99 or not support.has_disassembler(), "of %d references said to be visited %d are not: %s",
          counts.guessed, counts.wrong, counts.wrongs.most_common(5))
    return "%d objects, %d of %d references inside found; of %d found %d are visited, %d held, %d neither" % (
        counts.objects, counts.inside - counts.missed, counts.inside, counts.guessed, counts.guessed - counts.wrong,
        counts.held, counts.refuted)


def build_globals(folder, *options):
    """The module of globals.c."""
    include = subprocess.run([SYSTEM, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
                             stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if not os.path.exists(os.path.join(include, "Python.h")):
        raise Skip("there is no Python.h: apt-get install libpython3-dev")
    measure.run(os.environ.get("CC", "gcc").split()[0], "-O1", "-w", "-fPIC", "-shared", "-I" + include, *options, "-o",
                os.path.join(folder, "scan_globals.so"), os.path.join(HERE, "globals.c"))


def roots_of(target):
    """{address: [(kind, place + label, counted)]}"""
    found = {}
    for row in support.inspect("roots", target, "--format", "jsonl").expect(0).lines():
        found.setdefault(int(row["address"], 16), []).append((row["kind"], row["place"] + row["label"], row["counted"]))
    return found


def check_globals(target, record, stripped):
    """The objects in the module's variables, and the one on a C stack, are roots by these names, and no other root has them."""
    found = roots_of(target)
    with open(record, encoding="utf-8") as file:
        known = json.load(file)
    objects = {name: found.get(address, []) for name, address in known["objects"].items()}
    for name, label in (("kept", ""), ("exported_table", "+0x10"), ("initialised", "+0x8")):
        roots = [root for root in objects[name] if root[0] == "global"]
        check(len(roots) == 1 and roots[0][2], "%s is not one global root: %s", name, objects[name])
        named = not stripped or name == "exported_table"
        want = "scan_globals.so: " + name + label if named else "scan_globals.so+0x"
        check(roots[0][1] == want or (not named and roots[0][1].startswith(want)), "%s is called %s", name, roots[0][1])
    check(not [root for root in objects["not_aligned"] if root[0] == "global"], "not a pointer: %s", objects["not_aligned"])
    roots = found.get(known["held"], [])
    check(any(kind == "stack" and place.startswith("stack of thread ") and not counted for kind, place, counted in roots),
          "the object on the C stack of a thread has these roots: %s", roots)
    other = [place for roots in found.values() for kind, place, _ in roots if "scan_globals.so" in place and kind == "global"]
    check(len(other) == 3, "these are no roots: %s", other)
    static = sorted(place for roots in found.values() for kind, place, _ in roots if "scan_globals.so" in place and kind == "static")
    check(len(static) == 2, "the module's definition and its static type are static roots, said %s", static)
    check(stripped or (static[0].endswith(": definition") and ": last+0x" in static[1]), "%s", static)


def c_variables(stripped):
    """Objects that only C code holds."""
    with support.Folder() as folder:
        build_globals(folder, *(["-s"] if stripped else []))
        record = os.path.join(folder, "record")
        with support.Program([SYSTEM, os.path.join(HERE, "globals.py"), record, folder]) as program:
            check_globals(program.pid, record, stripped)
            check_globals(program.gcore(os.path.join(folder, "core"), "sharedlibrary"), record, stripped)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--kind", action="append", choices=list(measure.KINDS))
    parser.add_argument("--python", default=SYSTEM, help="the Python that has the packages")
    options = parser.parse_args()
    results = Results(verbose=True)
    for kind in options.kind or measure.KINDS:
        results.run("scan of %s's types" % kind, scan, kind, options.python)
    if options.size == "check-full":
        for interpreter in interpreters.find_all()[0]:
            for kind in ("cython", "pybind11") if interpreter.origin == "pyenv" else ():
                results.run("scan of %s's types on %s" % (kind, interpreter.name), scan, kind, interpreter.path)
    if not options.kind:
        results.run("roots in C variables and on C stacks", c_variables, False)
        results.run("roots in C variables without names", c_variables, True)
    results.finish()


if __name__ == "__main__":
    main()
