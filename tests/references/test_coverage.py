#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every type of the standard library is described: none is left to the scan.

    tests/references/test_coverage.py [check | check-full] [--interpreter NAME]...

Each interpreter imports all modules that are written in C and lists its types (tests/programs/every_type.py); the adapter is
asked which of them it knows (type-coverage.c).

Environment: as for tests/e2e.py.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results  # noqa: E402

# What is not described, and why.
UNDESCRIBED = {
    # Debian has no debug information of this module for its release builds; what these hold is in hash tables.
    "_remote_debugging.BinaryReader", "_remote_debugging.BinaryWriter", "_remote_debugging.RemoteUnwinder",
    "uop_executor",  # of the just-in-time compiler, which no build here has
}


def cover(interpreter):
    program = interpreter.command(os.path.join(support.PROGRAMS, "every_type.py"))
    with subprocess.Popen(program, env=interpreter.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True) as subject:
        try:
            lines = []
            for line in subject.stdout:
                if line == "ready\n":
                    break
                lines.append(line)
            else:
                raise Failure("the program ended: %s" % subject.stderr.read()[-500:])
            answer = subprocess.run([os.path.join(support.BUILD, "type-coverage"), str(subject.pid)], input="".join(lines),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                    check=False, timeout=support.TIMEOUT)
        finally:
            subject.kill()
    if answer.returncode:
        raise Failure("type-coverage: %s" % answer.stderr)
    said = [line.split(" ", 2) for line in answer.stdout.splitlines()]
    if len(said) != len(lines) or not any(how == "described" for _address, how, _name in said):
        raise Failure("%d types, and %d answers" % (len(lines), len(said)))
    left = sorted({name for _address, how, name in said if how == "scanned"} - UNDESCRIBED)
    if left:
        raise Failure("not described: %s" % ", ".join(left))
    return "%d types" % len(said)


def main():
    parser = interpreters.suite_parser(__doc__)
    options = parser.parse_args()
    results = Results(options.verbose)
    for _, interpreter in interpreters.chosen(options, results):
        results.run("%s types" % interpreter.name, cover, interpreter)
    results.finish()


if __name__ == "__main__":
    main()
