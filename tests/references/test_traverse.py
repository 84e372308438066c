#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which references of undescribed types are said to be visited, for many ways to write a tp_traverse and to compile it.

    tests/references/test_traverse.py [check | check-full] [--interpreter NAME]...

Builds traverse.c with several compilers and options. All that the objects hold must be found, all that gc.get_referents() gives
said to be visited, and of types whose function is plain nothing else.
"""
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Results, Skip, check  # noqa: E402

BUILDS = ["gcc -O2", "gcc -O0", "clang -O2", "gcc -O3 -march=native", "gcc -O1", "gcc -Os", "clang -O0", "clang -O1", "clang -O3",
          "gcc -O2 -fcf-protection", "gcc -O2 -fno-plt", "gcc -O2 -fstack-protector-all",
          "gcc -O2 -mindirect-branch=thunk", "gcc -O2 -fno-omit-frame-pointer -mno-red-zone", "gcc -O2 -m3dnow -ftree-vectorize"]
SLICE = 3
# Builds in which what is plain is hidden: calls go through a function that returns elsewhere, or to one that never returns with
# the object's address left in a register.
OBSCURE = ("-mindirect-branch=thunk", "-fstack-protector-all")


def headers(interpreter, usable):
    """Python.h's folder of the interpreter or, where it has none, of the nearest older release: what traverse.c uses of it has
    not changed."""
    found = []
    for other in usable:
        said = subprocess.run(other.command("-c", "import sysconfig; print(sysconfig.get_paths()['include'])"), env=other.env(),
                              stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        if os.path.exists(os.path.join(said, "Python.h")) and other.minor <= interpreter.minor and not other.debug:
            found.append((other is interpreter, other.minor, said))
    if not found:
        raise Skip("there is no Python.h for it")
    return max(found)[2]


def build(include, folder, number, command):
    """Builds traverse.c as module t@number."""
    compiler, *options = command.split()
    if not shutil.which(compiler):
        return None
    module = "t%d" % number
    done = subprocess.run([compiler] + options + ["-w", "-fPIC", "-shared", "-I" + include, "-DMODULE_INIT=PyInit_" + module,
                          "-DMODULE_SYMBOL=visit_" + module, "-o", os.path.join(folder, module + ".so"),
                          os.path.join(HERE, "traverse.c")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    check(done.returncode == 0, "%s: %s", command, done.stdout.decode("utf-8", "replace")[-2000:])
    return module


def offset_of(label):
    """Where in the object a reference is that a scan found."""
    return int(label[1:], 16) if label.startswith("+0x") else None


def compare(record, edges, commands):
    """Compares each object; returns how many references were found, and how many there are of plain types."""
    shown, visited = {}, {}
    count = 0
    with open(record, encoding="utf-8") as rows:
        for module, name, address, held, referents in map(json.loads, rows):
            what = "%s of %s" % (name, commands[module])
            found = {offset_of(label): (to, is_visited) for to, label, is_visited in edges.get(address, ())}
            for offset, to in held.items():
                offset = int(offset)
                check(offset in found and found[offset][0] == to, "%s: %#x is not found", what, offset)
                count += 1
                if to in referents:
                    visited.setdefault((module, name), set()).add(offset)
                    check(found[offset][1], "%s: %#x is visited and not said to be", what, offset)
                if found[offset][1]:
                    shown.setdefault((module, name), set()).add(offset)
    plain = [key for key in shown if ".plain_" in key[1] and not any(word in commands[key[0]] for word in OBSCURE)]
    plain = plain if support.has_disassembler() else []
    for module, name in plain:
        more = sorted(shown[module, name] - visited.get((module, name), set()))
        check(not more, "%s of %s: %s are not visited", name, commands[module], ", ".join(map(hex, more)))
    exact = sum(shown[key] == visited.get(key, set()) for key in shown)
    return "%d references; of %d types' functions %d are understood" % (count, len(shown), exact)


def traverse(interpreter, usable, builds):
    """All types in all builds, live."""
    include = headers(interpreter, usable)
    with support.Folder() as folder:
        commands = {build(include, folder, number, command): command for number, command in enumerate(builds)}
        commands.pop(None, None)
        record = os.path.join(folder, "record")
        command = interpreter.command(os.path.join(HERE, "traverse.py"), record, folder, *commands)
        with support.Program(command, interpreter.env()) as program:
            edges = {}
            for row in support.inspect("referents", program.pid, "--all", "--format", "jsonl").expect(0, 4).lines():
                edge = (int(row["to"], 16), row["label"], row["visited"])
                edges.setdefault(int(row["from"], 16), []).append(edge)
            return compare(record, edges, commands)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    full = options.size == "check-full"
    results = Results(verbose=True)
    usable = interpreters.find_all()[0]
    for _, interpreter in interpreters.chosen(options, results):
        if full or options.interpreter or interpreter.origin == "system":
            builds = BUILDS if full and interpreter.origin == "system" else BUILDS[:SLICE] # the compilers matter more
            results.run("traverse functions on " + interpreter.name, traverse, interpreter, usable, builds)
    results.finish()


if __name__ == "__main__":
    main()
