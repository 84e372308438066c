#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reference collector under valgrind, with every block from malloc: no error, nothing leaked at exit.

    tests/refgc/test_valgrind.py [check | check-full]

Its own tests, and random programs. `check` leaves out the tests that take a minute there.
"""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(TOP, "fixtures", "programs")]

import generate  # noqa: E402
from runner import Results, Skip, check  # noqa: E402
from support import BUILD, Folder, SANITIZED, need  # noqa: E402

VALGRIND = ["-q", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all", "--error-exitcode=99"]
TESTS = ("collection", "descriptor", "finalizers", "tracking")
SLOW_TESTS = ("memory", "objects")
SEED = "valgrind"


def run(*command):
    """Runs @command under valgrind, which must say nothing."""
    if SANITIZED:
        raise Skip("a program with ASan does not run under valgrind")
    if not os.path.exists(command[0]):
        raise Skip("there is no %s" % command[0])
    done = subprocess.run([need("valgrind")] + VALGRIND + list(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=dict(os.environ, REFGC_WITHOUT_POOLS="yes"), check=False)
    said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("==")]
    check(not done.returncode and not said, "exit status %d:\n%s", done.returncode, "\n".join(said[:40]))


def programs(count):
    """Random ones, with a record of each."""
    with Folder() as folder:
        path = os.path.join(folder, "programs.txt")
        with open(path, "w", encoding="utf-8") as file:
            for index in range(count):
                lines = generate.program(SEED, index).splitlines()
                file.write("\n".join(lines[:-1] + ["immortal %s" % name for name in ("l1", "t2") if index % 4 == 0] +
                                     ["checkpoint", lines[-1]]) + "\n")
        run(os.path.join(BUILD, "refgc"), "--go", "--records", folder, path)
    return "%d programs" % count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    full = parser.parse_args().size == "check-full"
    results = Results(verbose=True)
    for name in TESTS + (SLOW_TESTS if full else ()):
        results.run("test_" + name, run, os.path.join(BUILD, "tests", "refgc", "test_" + name))
    results.run("programs", programs, 2000 if full else 100)
    results.finish()


if __name__ == "__main__":
    main()
