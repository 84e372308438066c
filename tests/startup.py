#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `status` does before it can answer, on cores of small processes: counts of system calls, not times.

    tests/startup.py [check | check-full] [--interpreter NAME]... [-v]

Each file that the process had mapped is looked for, opened, mapped and let go once; what else is done is the same for
every process, and does not depend on how many libraries there are.
"""
import collections
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Results, Skip, check  # noqa: E402

SLEEPER = "import sys, signal; sys.stdout.write('ready\\n'); sys.stdout.flush(); signal.pause()"
LOADER = "import ctypes, sys; held = [ctypes.CDLL(path) for path in sys.argv[1:]]; "
LIBRARIES = 60
# A mapped file: stat, open, fstat, mmap, close, munmap; and for its debug file, a stat of each of four places, and an mprotect
# or munmap where it has compressed sections.
CALLS_PER_FILE = 12
# The core itself, memory, one thread, the answer.
CALLS = 60


def core_of(command, environment, path):
    """A core of a process that @command starts."""
    with support.Program(command, environment, os.path.dirname(path)) as program:
        return program.gcore(path)


def trace(core):
    """The lines of strace for `status` on @core, from opening it on: what comes before is the dynamic linker's."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    if support.SANITIZED:
        raise Skip("a sanitizer makes system calls of its own")
    one_core = {min(os.sched_getaffinity(0))}  # how many threads there are, and how often they wait
    # As JSON and in C: text for people needs a locale, whose files may be among those that the process had mapped.
    command = [support.PY_INSPECT, "status", core, "--format", "json"]
    run = subprocess.run(["strace", "-f", "-s", "4096", "-o", core + ".calls", *command], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ, LC_ALL="C"),
                         preexec_fn=lambda: os.sched_setaffinity(0, one_core))
    if not os.path.exists(core + ".calls") or run.returncode != 0:
        raise Skip("strace does not work here: %s" % run.stderr.decode("utf-8", "replace")[-200:])
    check(b'"CPython"' in run.stdout, "this is no answer: %s", run.stdout)
    with open(core + ".calls", encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    first = [number for number, line in enumerate(lines) if 'open' in line and '"%s"' % core in line]
    check(first, "the core was never opened")
    return lines[first[0]:]


def opened(lines):
    """How often each file was opened."""
    found = (re.search(r'\bopen(?:at)?\((?:AT_FDCWD, )?"([^"]+)".*\) = \d', line) for line in lines)
    return collections.Counter(match.group(1) for match in found if match)


def test_calls(core):
    """Each file is opened once, and there are few calls for each."""
    lines = trace(core)
    files = opened(lines)
    check(len(files) > 1, "only the core was opened: %s", files)
    twice = [path for path, count in files.items() if count > 1]
    check(not twice, "opened more than once: %s", ", ".join(twice))
    most = CALLS + CALLS_PER_FILE * len(files)
    check(len(lines) <= most, "%d system calls for %d files; at most %d are needed", len(lines), len(files), most)
    return "%d calls, %d files" % (len(lines), len(files))


def copies(folder):
    """The paths of many shared libraries, each with data of its own."""
    source, first = os.path.join(folder, "some.c"), os.path.join(folder, "some.so")
    with open(source, "w", encoding="utf-8") as file:
        file.write("int some_data[1000] = { 1 };\n")
    subprocess.run([*os.environ.get("CC", "cc").split(), "-g", "-shared", "-fPIC", "-o", first, source], check=True)
    paths = [os.path.join(folder, "some%d.so" % number) for number in range(LIBRARIES)]
    for path in paths:
        shutil.copy(first, path)
    return paths


def test_libraries(interpreter, folder):
    """More libraries cost a few calls each, and nothing is searched again for each of them."""
    paths = copies(folder)
    few = trace(core_of(interpreter.command("-c", LOADER + SLEEPER), interpreter.env(), os.path.join(folder, "few")))
    many = trace(core_of(interpreter.command("-c", LOADER + SLEEPER, *paths), interpreter.env(),
                         os.path.join(folder, "many")))
    missing = set(paths) - set(opened(many))
    check(not missing, "the test loads libraries that are not looked at: %s", missing)
    more = len(many) - len(few)
    check(more <= CALLS_PER_FILE * LIBRARIES, "%d system calls more for %d libraries", more, LIBRARIES)
    return "%.1f calls for each" % (more / LIBRARIES)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(verbose=options.verbose)
    with support.Folder() as folder:
        for number, interpreter in interpreters.chosen(options, results):
            core = os.path.join(folder, interpreter.name)
            core_of(interpreter.command("-c", SLEEPER), interpreter.env(), core)
            results.run("%s: system calls" % interpreter.name, test_calls, core)
            if number % 11 == 8 or options.size == "check-full":
                results.run("%s: many libraries" % interpreter.name, test_libraries, interpreter, folder)
    results.finish()


if __name__ == "__main__":
    main()
