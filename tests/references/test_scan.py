#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scan of types that nobody described, on numpy, lxml and classes built with Cython and pybind11.

    tests/references/test_scan.py [check | check-full] [--kind KIND]... [--python PYTHON]

All references that gc.get_referents() gives and that are words of the objects themselves must be found, and of those found
more than 99 in 100 must be references: gc.get_referents() gives them, or reference counts prove that they are held.
bench/scan/run shows the figures. What is not installed is skipped.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(os.path.dirname(TESTS), "bench", "scan"))

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
    missed = ["%s: %d of %d" % (name, each.known_missed, each.known) for name, each in types.items() if each.known_missed]
    check(not missed, "references that are known otherwise are not found: %s", "; ".join(missed[:20]))
    check(counts.held_precision > 0.99, "of %d references found %d are none: %s", counts.guessed, counts.refuted,
          counts.wrongs.most_common(5))
    return "%d objects, %d of %d references inside found; of %d found %d are visited, %d held, %d neither" % (
        counts.objects, counts.inside - counts.missed, counts.inside, counts.guessed, counts.guessed - counts.wrong,
        counts.held, counts.refuted)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--kind", action="append", choices=list(measure.KINDS))
    parser.add_argument("--python", default="/usr/bin/python3", help="the Python that has the packages")
    options = parser.parse_args()
    results = Results(verbose=True)
    for kind in options.kind or measure.KINDS:
        results.run("scan of %s's types" % kind, scan, kind, options.python)
    results.finish()


if __name__ == "__main__":
    main()
