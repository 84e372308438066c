#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Finds every CPython 3.6+ on this machine and says how to start it: a module for the tests and a command.

    tests/interpreters.py [--json] [--unpacked FOLDER] [PATTERN...]

Looks at pyenv's versions, at the system's /usr/bin/python3*, at those that tests/unpack-debian unpacked and
at the files that $LIBINSPECT_PYTHONS names (separated by colons). Each one is started once and asked what
it is. Candidates that do not start are listed as skipped, with the reason.
"""
import argparse
import glob
import json
import os
import re
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)

PROBE = r"""
import sys, json, os
maps = [line.split(None, 5) for line in open("/proc/self/maps") if "/" in line]
library = [fields[5].rstrip("\n") for fields in maps if "/libpython" in fields[5]]
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3] + ("" if sys.version_info[3] == "final" else
               sys.version_info[3][0] + str(sys.version_info[4])),
    "hexversion": sys.hexversion,
    "implementation": sys.implementation.name,
    "debug": hasattr(sys, "gettotalrefcount"),
    "trace_refs": hasattr(sys, "getobjects"),
    "free_threaded": "t" in getattr(sys, "abiflags", ""),
    "build": sys.version.replace("\n", " "),
    "library": library[0] if library else None,
    "executable": os.path.realpath("/proc/self/exe"),
}))
"""


class Interpreter:
    """One CPython: what it is and how to start it."""

    def __init__(self, name, origin, path, prefix=(), environment=None, root=None):
        self.name = name                # "pyenv-3.9.18", "debian-sid-3.14.10d"
        self.origin = origin            # "pyenv", "system", "debian", "other"
        self.path = path                # the interpreter's file
        self.prefix = list(prefix)      # what to put before the path to start it
        self.environment = dict(environment or {})
        self.root = root                # the folder that stands for / in a chroot, or None
        self.problem = None             # why it cannot be used
        self.version = self.hexversion = self.build = None
        self.debug = self.trace_refs = self.free_threaded = False
        self.runtime_file = None        # the file that has the runtime in it: the executable or libpython
        self.linked = None              # "static": in the executable; "libpython"
        self.stripped = None            # has the runtime's file no symbol table?
        self.dwarf = None               # has the runtime's file debug information?

    def command(self, *arguments):
        """argv that starts it with @arguments."""
        return self.prefix + [self.path] + list(arguments)

    def chroot_command(self, *arguments):
        """argv that starts it in a chroot (root only; @self.root must be set)."""
        return ["chroot", self.root, "/" + os.path.relpath(self.path, self.root)] + list(arguments)

    def env(self, **more):
        """The environment to start it in: nothing of the caller's Python gets in."""
        keep = {name: value for name, value in os.environ.items()
                if name in ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")}
        keep.update(self.environment)
        keep.update(PYTHONDONTWRITEBYTECODE="1")
        keep.update(more)
        return keep

    @property
    def minor(self):
        """(3, 14)"""
        return (self.hexversion >> 24, self.hexversion >> 16 & 255)

    def probe(self):
        """Starts it and fills in what it is; sets .problem where that fails."""
        try:
            run = subprocess.run(self.command("-I", "-c", PROBE), env=self.env(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, universal_newlines=True, timeout=300, check=False,
                                 cwd="/")
        except (OSError, subprocess.TimeoutExpired) as error:
            self.problem = str(error)
            return
        if run.returncode:
            message = (run.stderr.strip() or "exit status %d" % run.returncode).splitlines()
            self.problem = message[-1]
            return
        facts = json.loads(run.stdout)
        if facts["implementation"] != "cpython":
            self.problem = "is %s, not CPython" % facts["implementation"]
            return
        if facts["hexversion"] < 0x03060000:
            self.problem = "is older than 3.6"
            return
        for name in ("version", "hexversion", "debug", "trace_refs", "free_threaded", "build"):
            setattr(self, name, facts[name])
        self.linked = "libpython" if facts["library"] else "static"
        self.runtime_file = facts["library"] or (self.path if self.prefix else facts["executable"])
        sections = elf_sections(self.runtime_file)
        self.stripped = ".symtab" not in sections
        self.dwarf = any(name in sections for name in (".debug_info", ".zdebug_info"))

    def as_dict(self):
        """What the command prints as JSON."""
        fields = dict(vars(self))
        fields["command"] = self.command()
        return fields

    def describe(self):
        """One line for people."""
        words = [self.linked, "stripped" if self.stripped else "not stripped",
                 "with DWARF" if self.dwarf else "no DWARF"]
        words += [word for word in ("debug", "trace_refs", "free_threaded") if getattr(self, word)]
        if self.prefix:
            words.append("started by ld.so")
        return "%-24s %-8s %s" % (self.name, self.version, ", ".join(words))


def elf_sections(path):
    """The names of the sections of the 64-bit little-endian ELF file at @path; [] if it is none."""
    try:
        with open(path, "rb") as file:
            header = file.read(64)
            if header[:6] != b"\x7fELF\x02\x01":
                return []
            offset, = struct.unpack_from("<Q", header, 0x28)
            size, count, names = struct.unpack_from("<HHH", header, 0x3a)
            file.seek(offset)
            table = [struct.unpack_from("<IIQQQQ", entry) for entry in
                     (file.read(size) for _ in range(count)) if len(entry) == size]
            if names >= len(table):
                return []
            file.seek(table[names][4])
            strings = file.read(table[names][5])
            return [strings[entry[0]:strings.index(b"\0", entry[0])].decode("ascii", "replace") for entry in table]
    except (OSError, struct.error, ValueError):
        return []


def pyenv_candidates():
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python3"))):
        version = path.split(os.sep)[-3]
        if not os.path.islink(os.path.join(root, "versions", version)):
            yield Interpreter("pyenv-" + version, "pyenv", path)


def system_candidates():
    for path in sorted(glob.glob("/usr/bin/python3*")):
        if re.fullmatch(r"python3(\.\d+)?[dt]*", os.path.basename(path)):
            yield Interpreter("system-" + os.path.basename(path), "system", path)


def named_candidates():
    for path in os.environ.get("LIBINSPECT_PYTHONS", "").split(":"):
        if path:
            yield Interpreter("other-" + path.strip("/").replace("/", "-"), "other", path)


def unpacked_folder():
    """Where tests/unpack-debian puts interpreters unless it is told otherwise."""
    return os.environ.get("LIBINSPECT_INTERPRETERS") or os.path.join(TOP, "build", "interpreters")


def library_folders(root):
    """The folders below @root that hold its shared libraries."""
    triplets = [os.path.basename(path) for path in glob.glob(os.path.join(root, "usr", "lib", "*-linux-gnu*"))]
    return [os.path.join(root, "usr", "lib", triplet) for triplet in triplets] + [os.path.join(root, "usr", "lib")]


def inside(root, path):
    """The file that @path is in a chroot to @root, as named from outside: absolute links stay below @root."""
    for _ in range(16):
        if not os.path.islink(path):
            break
        target = os.readlink(path)
        path = root + target if target.startswith("/") else os.path.join(os.path.dirname(path), target)
    return path


def unpacked_candidates(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*", "interpreter.json"))):
        root = os.path.abspath(os.path.dirname(path))
        try:
            with open(path, encoding="utf-8") as file:
                facts = json.load(file)
        except (OSError, ValueError):
            continue
        loaders = sorted(glob.glob(os.path.join(root, "lib64", "ld-linux-*.so.*")) +
                         glob.glob(os.path.join(root, "lib", "ld-linux-*.so.*")))
        version = re.split("[-+]", facts["version"])[0]
        name = "debian-%s-%s%s" % (facts["suite"], version, "d" if facts["debug"] else "")
        interpreter = Interpreter(name, "debian", os.path.join(root, facts["program"]), root=root)
        if loaders:
            interpreter.prefix = [inside(root, loaders[0]), "--library-path", ":".join(library_folders(root))]
            interpreter.environment = {"PYTHONHOME": os.path.join(root, "usr")}
        else:
            interpreter.problem = "there is no ld.so in %s" % root
        yield interpreter


def find_all(unpacked=None):
    """(usable, skipped): all interpreters found, those with a .problem apart; each file once."""
    usable, skipped, seen = [], [], {}
    for candidates in (pyenv_candidates(), system_candidates(), unpacked_candidates(unpacked or unpacked_folder()),
                       named_candidates()):
        for interpreter in candidates:
            same = os.path.realpath(interpreter.path)
            if same in seen:
                continue
            seen[same] = interpreter
            if not interpreter.problem:
                interpreter.probe()
            if interpreter.problem:
                skipped.append(interpreter)
                continue
            if interpreter.origin == "system":
                interpreter.name = "system-" + interpreter.version + ("d" if interpreter.debug else "")
            usable.append(interpreter)
    return usable, skipped


def suite_parser(description):
    """The options of all suites that go through the interpreters."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--interpreter", action="append", metavar="NAME", help="only those whose name contains it")
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser


def chosen(options, results):
    """(number, interpreter) of those that @options want; the others are told to @results. The number is the same whatever
    is wanted."""
    usable, skipped = find_all()
    for interpreter in skipped:
        results.skip(interpreter.name, interpreter.problem)
    if not usable:
        results.fail("interpreters", "there is no CPython on this machine")
    for number, interpreter in enumerate(usable):
        if options.interpreter and not any(each in interpreter.name for each in options.interpreter):
            continue
        if interpreter.free_threaded:
            results.skip(interpreter.name, "is free-threaded: its collector keeps no lists")
            continue
        yield number, interpreter


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print all that is known, one JSON object a line")
    parser.add_argument("--unpacked", help="where tests/unpack-debian put its interpreters")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="only those whose name contains it")
    options = parser.parse_args()
    usable, skipped = find_all(options.unpacked)
    for interpreter in usable + skipped:
        if options.patterns and not any(pattern in interpreter.name for pattern in options.patterns):
            continue
        if options.json:
            print(json.dumps(interpreter.as_dict()))
        elif interpreter.problem:
            print("skipped: %s (%s): %s" % (interpreter.name, interpreter.path, interpreter.problem))
        else:
            print(interpreter.describe())
    sys.exit(0 if usable else 1)


if __name__ == "__main__":
    main()
