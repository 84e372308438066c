#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layouts that libinspect reads from debug information and the ones that are compiled in.

    tests/layout/test_layouts.py [check|check-full]

What is true: gdb's opinion of real interpreters, the compiler's of a sample, and what CPython 3.13 and later
publish about themselves.
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))

import interpreters
from runner import Failure, Results, Skip, check

TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(TOP, "build"))
DUMP = os.path.join(BUILD, "layout-dump")
SANITIZED = bool(os.environ.get("LIBINSPECT_SANITIZED"))
COMPILER = os.environ.get("CC", "cc").split()
GDB = os.environ.get("GDB", "gdb").split()

# The forms that debug information comes in.
FORMS = {
    "DWARF 5": ["-gdwarf-5"],
    "DWARF 4": ["-gdwarf-4"],
    "DWARF 3": ["-gdwarf-3", "-gstrict-dwarf"],
    "DWARF 2": ["-gdwarf-2", "-gstrict-dwarf"],
    "64-bit DWARF": ["-g", "-gdwarf64"],
    "type units": ["-gdwarf-5", "-fdebug-types-section"],
    "type units of DWARF 4": ["-gdwarf-4", "-fdebug-types-section"],
    "split": ["-gdwarf-5", "-gsplit-dwarf"],
    "compressed": ["-g", "-gz"],
    "link-time optimisation": ["-g", "-O2", "-flto"],
}


def dump(*arguments):
    """The lines that layout-dump prints."""
    run = subprocess.run([DUMP, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if run.returncode:
        status = run.returncode
        how = signal.Signals(-status).name if status < 0 else "exit status %d" % status
        command = " ".join(map(str, arguments))
        raise Failure("layout-dump %s: %s: %s" % (command, how, run.stderr.strip()[-2000:]))
    return run.stdout.splitlines()


def values(lines):
    """{"dict_used": 16}"""
    return {name: int(value) for name, value in (line.split() for line in lines)}


def compare(found, expected, what):
    names = [name for name in sorted(set(found) | set(expected)) if found.get(name) != expected.get(name)]
    different = ["%s is %s, %s says %s" % (name, found.get(name), what, expected.get(name)) for name in names]
    check(not different, "%s", "\n".join(different))


# ---- a sample, in all forms ---------------------------------------------------------------------------


def build_sample(compiler, flags, folder):
    program = os.path.join(folder, "sample")
    run = subprocess.run([*compiler, *flags, "-o", program, os.path.join(HERE, "sample.c")], cwd=folder,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                         check=False)
    if run.returncode:
        raise Skip("%s cannot: %s" % (compiler[0], run.stdout.strip().splitlines()[-1]))
    return program


def check_sample(program):
    truth = values(subprocess.run([program], stdout=subprocess.PIPE, universal_newlines=True, check=True)
                   .stdout.splitlines())
    compare(values(dump("elf", program)), truth, "the compiler")


def test_form(compiler, flags):
    with tempfile.TemporaryDirectory() as folder:
        check_sample(build_sample(compiler, flags, folder))


def test_shared_by_dwz():
    """dwz moves what two files have in common to a third one."""
    if not shutil.which("dwz"):
        raise Skip("dwz is not installed")
    with tempfile.TemporaryDirectory() as folder:
        program = build_sample(COMPILER, ["-g"], folder)
        copies = [program + str(number) for number in range(2)]
        for copy in copies:
            shutil.copy(program, copy)
        subprocess.run(["dwz", "-m", os.path.join(folder, "common"), *copies], check=True)
        check(b".gnu_debugaltlink" in open(copies[0], "rb").read(), "dwz has moved nothing")
        check_sample(copies[0])


def test_separate_file():
    """A debug file without code; the program itself then has nothing to say."""
    with tempfile.TemporaryDirectory() as folder:
        program = build_sample(COMPILER, ["-g"], folder)
        truth = values(dump("elf", program))
        subprocess.run(["objcopy", "--only-keep-debug", program, program + ".debug"], check=True)
        subprocess.run(["strip", program], check=True)
        compare(values(dump("elf", program + ".debug")), truth, "the unstripped program")
        compare(values(dump("elf", program)), {}, "the stripped program")


def test_damage(path, count):
    for seed in range(0, count, 100):
        dump("damage", path, min(100, count - seed), seed)


# ---- real interpreters --------------------------------------------------------------------------------


def gdb_values(path, folder):
    """What gdb says of every field."""
    fields = os.path.join(folder, "fields")
    with open(fields, "w", encoding="utf-8") as file:
        file.write("\n".join(dump("fields")) + "\n")
    run = subprocess.run([*GDB, "-nx", "-batch", "-iex", "set auto-load off",
                          "-iex", "set debuginfod enabled off",
                          "-x", os.path.join(HERE, "gdb_oracle.py"), path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                         env=dict(os.environ, FIELDS=fields), check=False)
    found = values([line[len("field "):] for line in run.stdout.splitlines() if line.startswith("field ")])
    if not found:
        raise Failure("gdb %s: %s" % (path, run.stderr.strip()[-1000:]))
    return found


def qualified():
    """The fields of types that are looked up in one source file only; gdb looks in all."""
    return {line.split("\t")[0] for line in dump("fields") if ":" in line.split("\t")[1]}


def test_against_gdb(path):
    with tempfile.TemporaryDirectory() as folder:
        truth, found = gdb_values(path, folder), values(dump("elf", path))
    for name in qualified() - set(found):
        truth.pop(name, None)
    check(len(found) > 3, "only %d fields", len(found))
    compare(found, truth, "gdb")
    return "%d fields" % len(found)


def test_by_version(path, hexversion):
    """Who knows the version, and so when the search is over, finds all that a search through everything finds."""
    found = values(dump("elf", path, hexversion))
    compare(found, values(dump("elf", path)), "the whole search")
    return "%d fields" % len(found)


def instructions(*arguments):
    """How many instructions layout-dump takes."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    if SANITIZED:
        raise Skip("a sanitizer has instructions of its own")
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", DUMP, *map(str, arguments)],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True, check=True)
    return int(re.search(r"refs:\s+([\d,]+)", run.stderr).group(1).replace(",", ""))


def test_search_ends(path, hexversion):
    """The search by version is over long before everything is searched."""
    hurried, whole = instructions("elf", path, hexversion), instructions("elf", path)
    check(hurried < 0.6 * whole, "%d instructions by version, %d through everything", hurried, whole)
    return "%.2f of the instructions" % (hurried / whole)


def tables(hexversion, debug):
    """(first version, last version, source, values) of the tables for a release, best first."""
    found = []
    for line in dump("table", hexversion, int(debug), 0x3E):
        if line.startswith("table "):
            _table, first, last, source = line.split(" ", 3)
            found.append((int(first), int(last), source, []))
        else:
            found[-1][3].append(line)
    return [(first, last, source, values(lines)) for first, last, source, lines in found]


def test_against_table(files, hexversion, debug):
    """Of the tables that are for this very release, one says what the debug information says."""
    found = {}
    for path in files:
        for name, value in values(dump("elf", path)).items():
            check(found.setdefault(name, value) == value, "%s: %s is %d and %d", path, name, found[name],
                  value)
    near = [row for row in tables(hexversion, debug) if row[0] <= hexversion <= row[1]]
    if not near:
        raise Skip("no table is for this release")
    problems = []
    for _first, _last, source, expected in near:
        # An interpreter may lack extension modules, and their types.
        expected = {name: value for name, value in expected.items() if name in found}
        try:
            compare(found, expected, source)
            return source
        except Failure as failure:
            problems.append(str(failure))
    raise Failure("\n".join(problems))


def test_published(path):
    """_Py_DebugOffsets say the same as the debug information."""
    lines = dump("offsets", path)
    published = values(lines[1:])
    if lines[0] == "version 0":
        raise Skip("publishes nothing about itself")
    truth = values(dump("elf", path))
    check(len(published) > 40, "only %d values", len(published))
    compare(published, {name: truth.get(name) for name in published}, "the debug information")
    return "%d values" % len(published)


def modules_of(path):
    """The extension modules beside an interpreter or libpython that have debug information."""
    prefix = os.path.dirname(os.path.dirname(path))
    found = glob.glob(os.path.join(prefix, "lib", "python3*", "lib-dynload", "*.so"))
    version = os.path.basename(path).replace("libpython", "").replace("python", "").split(".so")[0]
    tag = "-%s-" % version.replace(".", "")
    return sorted(module for module in found
                  if tag in module and ".debug_info" in interpreters.elf_sections(module))


def separate_files(interpreter):
    """The debug files of the release build that come with an unpacked debug build; the interpreter's first."""
    if not (interpreter.root and interpreter.debug):
        return []
    files = glob.glob(os.path.join(interpreter.root, "usr", "lib", "debug", ".build-id", "*", "*.debug"))
    return sorted((path for path in files if values(dump("elf", path))), key=os.path.getsize, reverse=True)


def test_interpreter(results, interpreter, each_module):
    path = interpreter.runtime_file
    results.run("%s: as gdb says" % interpreter.name, test_against_gdb, path)
    results.run("%s: by its version" % interpreter.name, test_by_version, path, interpreter.hexversion)
    if each_module:
        results.run("%s: the search ends" % interpreter.name, test_search_ends, path, interpreter.hexversion)
    modules = modules_of(path)
    told = set(values(dump("elf", path)))
    for module in modules:
        if each_module and set(values(dump("elf", module))) - told:
            results.run("%s: %s as gdb says" % (interpreter.name, os.path.basename(module).split(".")[0]),
                        test_against_gdb, module)
    results.run("%s: as compiled in" % interpreter.name, test_against_table, [path, *modules],
                interpreter.hexversion, interpreter.debug)
    if interpreter.hexversion >= 0x030D0000:
        results.run("%s: as it publishes" % interpreter.name, test_published, path)
    separate = separate_files(interpreter)
    if separate:
        results.run("%s: the release build's debug file as gdb says" % interpreter.name, test_against_gdb,
                    separate[0])
        results.run("%s: the release build's debug files as compiled in" % interpreter.name, test_against_table,
                    separate, interpreter.hexversion, False)


def main():
    full = "check-full" in sys.argv[1:]
    results = Results(verbose=True)
    for name, flags in FORMS.items():
        results.run("sample: %s" % name, test_form, COMPILER, flags)
    if shutil.which("clang"):
        results.run("sample: clang", test_form, ["clang"], ["-g"])
    else:
        results.skip("sample: clang", "clang is not installed")
    results.run("sample: shared by dwz", test_shared_by_dwz)
    results.run("sample: separate file", test_separate_file)
    with tempfile.TemporaryDirectory() as folder:
        count = 20000 if full else 2000
        samples = {"sample": ["-g"], "compressed sample": ["-g", "-gz"], "old sample": ["-gdwarf-2"]}
        for name, flags in samples.items():
            results.run("damage: %s" % name, test_damage, build_sample(COMPILER, flags, folder), count)

    usable, skipped = interpreters.find_all()
    damaged = False
    for number, interpreter in enumerate(usable):
        if damaged and SANITIZED and not full:
            break  # one reads as much of our code as all do; their answers are checked by the other build
        if not interpreter.dwarf:
            results.skip("%s: layout" % interpreter.name, "has no debug information")
            continue
        test_interpreter(results, interpreter, full or number % 5 == 3)
        if full or not damaged:
            damaged = results.run("damage: %s" % interpreter.name, test_damage, interpreter.runtime_file, 200)
    for interpreter in skipped:
        results.skip("%s: layout" % interpreter.name, interpreter.problem)
    results.finish()


if __name__ == "__main__":
    main()
