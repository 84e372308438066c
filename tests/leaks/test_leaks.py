#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mistakes with references that an extension makes are found, all of them and nothing else.

    tests/leaks/test_leaks.py [check | check-full] [--interpreter NAME]... [-v]

leaks.c is built for each interpreter, with its own headers or those of the nearest older release; tests/programs/leaks.py
makes the mistakes and writes down which. What `refcounts` calls low, leaked or an orphan must be the same, object by object
and with the same numbers; the same program without the mistakes has none. What C code holds must be said to be held, and
where.

Environment: as for tests/e2e.py.
"""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

ACCUSATIONS = ["--verdict=low", "--verdict=leaked", "--verdict=orphan"]
COMPILER = os.environ.get("CC", "gcc")


def headers(interpreter, usable):
    """Python.h's folder of the interpreter or, where it has none, of the nearest older release."""
    found = []
    for other in usable:
        said = subprocess.run(other.command("-c", "import sysconfig; print(sysconfig.get_paths()['include'])"), env=other.env(),
                              stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        if os.path.exists(os.path.join(said, "Python.h")) and other.minor <= interpreter.minor and not other.debug:
            found.append((other is interpreter, other.minor, said))
    if not found:
        raise Skip("there is no Python.h for it")
    return max(found)[2]


def build(include, folder, stripped):
    command = [COMPILER, "-O2", "-w", "-fPIC", "-shared", "-I" + include, "-o", os.path.join(folder, "leaks.so"),
               os.path.join(HERE, "leaks.c")] + (["-s"] if stripped else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    check(done.returncode == 0, "%s: %s", command, done.stdout.decode("utf-8", "replace")[-2000:])


def rows_of(target, *options):
    answer = support.inspect("refcounts", target, "--objects", "--format=json", *options)
    answer.expect(0, 1)
    document = answer.json()
    check(document["complete"], "incomplete: %s", document["notes"])
    found = [row for row in document["rows"] if row["verdict"] != "held"]
    check(answer.status == (1 if found else 0), "exit status %d with %d findings", answer.status, len(found))
    return document["rows"]


def section(path, name):
    """(address, size) of a section of an ELF file."""
    for line in subprocess.run(["readelf", "-SW", path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines():
        words = line.replace("[ ", "[").split()
        if len(words) > 5 and words[1] == name:
            return int(words[3], 16), int(words[5], 16)
    raise Failure("%s has no %s" % (path, name))


def loaded_at(pid, path):
    with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
        return min(int(line.split("-")[0], 16) for line in file if line.rstrip().endswith(path))


UNDECIDABLE = ("C stack of thread ", "malloc block ", "allocated block ", "memory at ", "register ",
               "stack of a running function")


def left_over(target, addresses):
    """Those of the objects at @addresses to which only a guess leads: a word left over on a stack may lead to one that is no
    longer alive, and that looks as if it held something."""
    if not addresses:
        return set()
    rows = support.inspect("path", target, "--limit=0", "--format=json", *addresses).expect(0).json()["rows"]
    return {row["address"] for row in rows if row["guessed"] or row["counted"] is False}


def dead_holders(target, address):
    """Holders of the object at @address to which only a guess leads."""
    rows = support.inspect("referrers", target, address, "--limit=0", "--format=json").expect(0).json()["rows"]
    return left_over(target, [row["address"] for row in rows if row["address"]])


def verify(target, truth):
    """Every accusation and no other. A word that is left over somewhere, on a stack or in a block that was used before, may
    look as if it held the one reference that is leaked: then the object is there with all its numbers, and held by that, or by
    an object to which only such a word leads."""
    expected = sorted((verdict, kind, hex(address), excess) for verdict, kind, address, excess in truth["findings"])
    rows = rows_of(target)
    found = sorted((row["verdict"], row["type"], row["address"], row["excess"]) for row in rows if row["verdict"] != "held")
    doubtful = {(row["type"], row["address"], row["excess"]) for row in rows
                if row["verdict"] == "held" and row["excess"] == 1 and row["holder"].startswith(UNDECIDABLE)}
    missing = [row for row in expected if row not in found]
    lines = ["missing: %s" % (row,) for row in missing
             if row[1:] not in doubtful and not (row[3] == 1 and dead_holders(target, row[2]))]
    wrong = [row for row in found if row not in expected]
    lines += ["wrong: %s" % (row,) for row in wrong if row[2] not in left_over(target, [row[2]])]
    if lines:
        raise Failure("\n".join(lines))
    return "%d findings, %d undecided" % (len(found), len(missing))


def verify_holders(target, holders, hidden):
    held = {row["address"]: row for row in rows_of(target, "--verdict=held")}
    lines = []
    for address, holder in holders.items():
        said = held[address]["holder"].split(", and ")[0] if address in held else "nothing"
        holder = hidden if holder.startswith("hidden") else holder
        whole = not holder.startswith("allocated block")  # its size is the allocator's
        if (said != holder) if whole else not said.startswith(holder + " of "):
            lines.append("%s: held by %s, not %s" % (address, said, holder))
    if lines:
        raise Failure("\n".join(lines))
    return "%d holders" % len(holders)


def examine(results, interpreter, usable, full):
    name = interpreter.name + " %s"
    try:
        with support.Folder() as folder:
            stripped = interpreter.minor[1] % 2 == 0  # without symbols holders are named by their sections
            build(headers(interpreter, usable), folder, stripped)
            program = os.path.join(support.PROGRAMS, "leaks.py")
            with support.Program(interpreter.command(program, folder), interpreter.env(), folder) as running:
                with open(os.path.join(folder, "truth"), encoding="ascii") as file:
                    truth = json.load(file)
                library = os.path.join(folder, "leaks.so")
                place = [int(text.split()[1], 16) for text in truth["holders"].values() if text.startswith("hidden")][0]
                start, _ = section(library, ".bss")
                offset = place - loaded_at(running.pid, library) - start
                hidden = "leaks.so .bss+0x%x" % offset if stripped else "leaks.so: hidden+0x10"
                results.run(name % "live", verify, running.pid, truth)
                results.run(name % "holders", verify_holders, running.pid, truth["holders"], hidden)
                if full:
                    core = running.gcore(os.path.join(folder, "core-gcore"))
                    results.run(name % "gcore", verify, core, truth)
                    results.run(name % "kernel", verify, running.abort(os.path.join(folder, "core-kernel")), truth)
            with support.Program(interpreter.command(program, folder, "clean"), interpreter.env(), folder) as running:
                results.run(name % "clean", verify, running.pid, {"findings": []})
    except Skip as reason:
        results.skip(name % "leaks", reason)
    except Failure as failure:
        results.fail(name % "leaks", failure)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(options.verbose)
    usable, _ = interpreters.find_all()
    for number, interpreter in interpreters.chosen(options, results):
        if interpreter.minor >= (3, 6) and (options.size == "check-full" or options.interpreter or number % 4 == 0):
            examine(results, interpreter, usable, options.size == "check-full")
    results.finish()


if __name__ == "__main__":
    main()
