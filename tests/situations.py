#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pythons in unusual places: several in one process, inside other programs, elsewhere in the file system, on the way out.

    tests/situations.py [check | check-full] [--only WORD]...

Files that are missing, other or somewhere else; chroots and mount namespaces; deleted executables; subinterpreters;
Python embedded in other programs, gdb among them; processes in the middle of a collection. Where there is a whole
answer it is compared with the interpreter's own record.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import e2e  # noqa: E402
import interpreters  # noqa: E402
import record as records  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import GDB, PROGRAMS, Folder, Program, inspect, need, need_root  # noqa: E402

TESTS = []
SIZE = ["--objects", "30000"]


def test(function):
    TESTS.append(function)
    return function


class Context:
    def __init__(self, usable, full):
        self.usable, self.full = usable, full

    def slice(self, chosen, few):
        """All of @chosen in check-full, a @few of them otherwise."""
        chosen = list(chosen)
        if not chosen:
            raise Skip("there is no interpreter for it")
        return chosen if self.full else chosen[:few]

    def each_minor(self, few=99, **wanted):
        """One interpreter of each minor version with the attributes @wanted, the newest first."""
        found = {}
        for each in self.usable:
            if all(getattr(each, name) == value for name, value in wanted.items()):
                found.setdefault(each.minor, each)
        return self.slice([found[minor] for minor in sorted(found, reverse=True)], few)

    def static(self):
        """An interpreter that is one file and starts without ld.so's help."""
        for each in self.usable:
            if each.linked == "static" and not each.prefix:
                return each
        raise Skip("there is no interpreter in one file")

    def unpacked(self, few=2):
        """Interpreters in a root folder of their own."""
        need_root()
        found = [each for each in self.usable if each.root and not each.debug]
        if not found:
            raise Skip("no interpreter is unpacked: run tests/unpack-debian")
        found.sort(key=lambda each: -each.hexversion)
        return self.slice(found, few)


def verify(folder, target, *options, **more):
    """All answers about @target are what FOLDER/record says, with one of the exit statuses @expect (0)."""
    expected = more.get("expect", (0,))
    record = records.Record(os.path.join(folder, more.get("record", "record")))
    if not record.exact:
        raise Failure("the program's record contradicts itself: %s" % record.check)
    rows = inspect("objects", target, "--tracked", "--format", "jsonl", *options).expect(*expected).lines()
    lines = records.compare_objects(record, rows)
    document = inspect("gc", target, "--format", "json", *options).expect(*expected).json()
    lines += records.compare_gc(record, document["rows"][0])
    status = {row["item"]: row["value"] for row in inspect("status", target, "--format", "json", *options).expect(*expected).json()["rows"]}
    version = record.header["version"].split()[0].rstrip("+")
    if status.get("version") != version:
        lines.append("status: the version is %s, said %s" % (version, status.get("version")))
    e2e.fail_with(lines)
    return record


def run_heap(interpreter, folder, *options):
    return support.heap_program(interpreter, folder, *(list(options) or SIZE))


def core_of(program, path):
    """A core by the kernel where that works, else by gcore."""
    try:
        return program.abort(path)
    except Skip:
        return program.gcore(path)


def expect_words(answer, *words):
    for word in words:
        check(word.lower() in answer.messages.lower() + answer.output.lower(), "%s: does not say '%s'", answer, word)


# ---- several interpreters --------------------------------------------------------------------------

@test
def several_interpreters(context):
    """Each interpreter of a process has its own heap (3.9 and later; before, one collector serves all)."""
    for interpreter in context.each_minor(5, debug=False):
        with Folder() as folder:
            path = os.path.join(folder, "record")
            command = interpreter.command(os.path.join(PROGRAMS, "subinterpreters.py"), "3", path)
            with Program(command, interpreter.env(), folder) as program:
                compare_interpreters(interpreter, path, program.pid)
                if context.full or interpreter.origin == "system":
                    compare_interpreters(interpreter, path, program.gcore(os.path.join(folder, "core")))


def compare_interpreters(interpreter, path, target):
    rows = inspect("objects", target, "--tracked", "--format", "jsonl").expect(0).lines()
    collectors = inspect("gc", target, "--format", "json").expect(0).json()["rows"]
    if interpreter.hexversion < 0x03090000:
        check(len(collectors) == 1, "%s: one collector, said %d", interpreter.name, len(collectors))
        e2e.fail_with(records.compare_objects(records.Record(path), rows))
        return
    check(len(collectors) == 4, "%s: four interpreters, said %d", interpreter.name, len(collectors))
    owners = {row["interpreter"] for row in rows}
    check(len(owners) == 4, "%s: objects of four interpreters, said %s", interpreter.name, owners)
    e2e.fail_with(records.compare_objects(records.Record(path), [row for row in rows if row["interpreter"] == 0]))
    e2e.fail_with(records.compare_gc(records.Record(path), [row for row in collectors if row["interpreter"] == 0][0]))
    for number in range(1, 4):
        record = records.Record("%s-%d" % (path, number))
        # which id it has is for CPython to say; the threshold tells them apart
        collector, = [row for row in collectors if row["threshold0"] == 70000 + number]
        check(collector["threshold1"] == number, "%s: wrong thresholds", interpreter.name)
        check(len(record.settled & set(record.objects)) > 2000 * number, "%s: too few settled objects", interpreter.name)
        owned = [row for row in rows if row["interpreter"] == collector["interpreter"]]
        lines = records.compare_objects(record, owned)
        if lines:
            raise Failure("%s, interpreter %d:\n%s" % (interpreter.name, collector["interpreter"], "\n".join(lines)))


# ---- inside other programs -------------------------------------------------------------------------

def start_text(folder, path=os.path.join(PROGRAMS, "heap.py")):
    """Python text that runs heap.py as if it were the main program."""
    return ("import sys\nsys.argv = [%r, '--objects', '30000', %r]\n__file__ = %r\n"
            "exec(compile(open(__file__, encoding='utf-8').read(), __file__, 'exec'))\n" % (
                path, os.path.join(folder, "record"), path))


def compile_embedder(folder, *options):
    """embed.c as a program; the path of it."""
    path = os.path.join(folder, "server")
    run = subprocess.run([need("gcc"), "-O1", os.path.join(PROGRAMS, "embed.c"), "-o", path] + list(options),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if run.returncode:
        raise Skip("cannot compile a program with Python inside: %s" % run.stdout.decode()[-300:])
    return path


def home_of(interpreter):
    """sys.prefix of an installed interpreter."""
    return os.path.dirname(os.path.dirname(interpreter.path))


def embedded(interpreter, folder, *options, **environment):
    """Verifies a program made with the options @options that has Python inside."""
    path = compile_embedder(folder, *options)
    with Program([path, start_text(folder)], interpreter.env(**environment), folder) as program:
        verify(folder, program.pid)
        verify(folder, program.gcore(os.path.join(folder, "core-gcore")))
        verify(folder, core_of(program, os.path.join(folder, "core")))


@test
def inside_a_program_by_libpython(context):
    chosen = [each for each in context.usable if each.linked == "libpython" and each.origin == "pyenv"]
    chosen.sort(key=lambda each: -each.hexversion)
    for interpreter in context.slice(chosen, 2):
        with Folder() as folder:
            embedded(interpreter, folder, interpreter.runtime_file, "-ldl",
                     "-Wl,-rpath," + os.path.dirname(interpreter.runtime_file), PYTHONHOME=home_of(interpreter))


@test
def inside_a_program_that_loads_it_later(context):
    chosen = [each for each in context.usable if each.linked == "libpython" and each.origin == "pyenv"]
    chosen.sort(key=lambda each: each.hexversion)
    for interpreter in context.slice(chosen, 2):
        with Folder() as folder:
            embedded(interpreter, folder, "-DLIBRARY=\"%s\"" % interpreter.runtime_file, "-ldl",
                     PYTHONHOME=home_of(interpreter))


def static_archives(context):
    """(interpreter, libpython.a, options to link it) of those that are installed with one."""
    for interpreter in context.usable:
        if interpreter.origin not in ("system", "pyenv"):
            continue
        run = subprocess.run(interpreter.command("-c", "import sysconfig as s\nfor n in ('LIBPL', 'LIBRARY', 'LIBS', "
                                                 "'SYSLIBS', 'MODLIBS', 'LINKFORSHARED'): print(s.get_config_var(n) or '')"),
                             env=interpreter.env(), stdout=subprocess.PIPE, universal_newlines=True, check=False)
        lines = run.stdout.splitlines()
        if len(lines) == 6:
            archive = os.path.join(lines[0], lines[1])
            if archive.endswith(".a") and os.path.exists(archive):
                yield interpreter, archive, " ".join(lines[2:5]).split()


@test
def inside_a_program_statically(context):
    """libpython3.x.a linked into the program: with its symbols exported, and with none left at all."""
    found = list(static_archives(context))
    if not found:
        raise Skip("no libpython3.x.a is installed")
    for interpreter, archive, libraries in context.slice(found, 1):
        libraries = [each for each in libraries if each.startswith("-l")] + ["-lm", "-ldl", "-lutil", "-lz", "-lexpat"]
        with Folder() as folder:
            embedded(interpreter, folder, "-Wl,-E", archive, *libraries)


@test
def inside_gdb(context):
    """gdb has a Python in it; it is read while it runs Python code."""
    need(GDB[0])
    with Folder() as folder:
        script = os.path.join(folder, "start.py")
        with open(script, "w") as file:
            file.write(start_text(folder))
        command = GDB + ["-nx", "-q", "-batch", "-ex", "source " + script]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with Program(command, environment, folder) as program:
            verify(folder, program.pid)
            verify(folder, core_of(program, os.path.join(folder, "core")))


@test
def inside_uwsgi(context):
    """Debian's uwsgi loads Python as a plug-in."""
    if not context.full:
        raise Skip("needs a download: part of check-full")
    tool = os.path.join(support.TOP, "tools", "debian-archive")
    with Folder() as folder:
        with open("/etc/os-release") as file:
            suite = [line.split("=")[1].strip() for line in file if line.startswith("VERSION_CODENAME=")]
        root = os.path.join(folder, "root")
        run = subprocess.run([tool, "unpack", "--suite", suite[0] if suite else "stable", "--root", root, "uwsgi-core",
                              "uwsgi-plugin-python3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if run.returncode:
            raise Skip("cannot have uwsgi: %s" % run.stderr.decode().strip()[-200:])
        plugin = sorted(glob.glob(os.path.join(root, "usr/lib/uwsgi/plugins/python3*_plugin.so")))[0]
        script = os.path.join(folder, "application.py")
        with open(script, "w") as file:
            file.write(start_text(folder))
        libraries = ":".join(interpreters.library_folders(root))
        command = [os.path.join(root, "usr/bin/uwsgi-core"), "--plugins-dir", os.path.dirname(plugin), "--plugin",
                   os.path.basename(plugin)[:-len("_plugin.so")], "--socket", os.path.join(folder, "socket"), "--wsgi-file", script,
                   "--single-interpreter"]
        loader = sorted(glob.glob(os.path.join(root, "lib64", "ld-linux-*")))
        if loader:
            command = [interpreters.inside(root, loader[0]), "--library-path", libraries] + command
        environment = dict(os.environ, PYTHONHOME=os.path.join(root, "usr"))
        with Program(command, environment, folder) as program:
            verify(folder, program.pid)
            verify(folder, core_of(program, os.path.join(folder, "core")))


# ---- files elsewhere -------------------------------------------------------------------------------

def chrooted(interpreter, folder):
    """Starts heap.py in a chroot to the interpreter's root. The record appears in FOLDER."""
    inside = os.path.join(interpreter.root, "tmp", os.path.basename(folder))
    os.makedirs(inside)
    for name in ("heap.py", "oracle.py"):
        shutil.copy(os.path.join(PROGRAMS, name), inside)
    short = "/tmp/" + os.path.basename(folder)
    command = interpreter.chroot_command(short + "/heap.py", *(SIZE + [short + "/record"]))
    environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "PYTHONDONTWRITEBYTECODE": "1"}
    return Program(command, environment, inside), inside


@test
def chroot(context):
    """A process in a chroot; a core of it with --sysroot; without it, an error that helps."""
    for interpreter in context.unpacked(2):
        with Folder() as folder:
            program, inside = chrooted(interpreter, folder)
            try:
                with program:
                    shutil.copy(os.path.join(inside, "record"), folder)
                    verify(folder, program.pid)
                    core = program.abort(os.path.join(folder, "core"))
            finally:
                shutil.rmtree(inside)
            verify(folder, core, "--sysroot", interpreter.root)
            verify(folder, core, "--sysroot=" + interpreter.root + "/")
            if os.path.exists("/" + os.path.relpath(interpreter.path, interpreter.root)):
                continue
            with open(core, "rb") as file:
                if interpreter.path.encode() in file.read(1 << 20):
                    continue  # on overlayfs the kernel names files as they are called outside of the chroot
            answer = inspect("heap", core).expect(3, 4)
            expect_words(answer, os.path.basename(interpreter.path), "--sysroot")


@test
def files_moved_away(context):
    """A core whose program, started by ld.so, is somewhere else by now."""
    for interpreter in context.unpacked(1):
        with Folder() as folder:
            first = os.path.join(folder, "first")
            shutil.copytree(interpreter.root, os.path.join(first, "tree"), symlinks=True)
            moved = interpreters.Interpreter("copy", "other", interpreter.path.replace(interpreter.root, first + "/tree"))
            moved.prefix = [word.replace(interpreter.root, first + "/tree") for word in interpreter.prefix]
            moved.environment = {"PYTHONHOME": first + "/tree/usr"}
            with run_heap(moved, folder) as program:
                core = program.abort(os.path.join(folder, "core"))
            os.makedirs(os.path.join(folder, "there" + folder))
            os.rename(first, os.path.join(folder, "there" + first))
            answer = inspect("heap", core).expect(3, 4)
            expect_words(answer, "missing", "--sysroot", "--executable")
            verify(folder, core, "--sysroot", os.path.join(folder, "there"))


def copy_executable(context, folder):
    """A copy of a static interpreter in FOLDER/bin, and how to start it."""
    original = context.static()
    os.makedirs(os.path.join(folder, "bin"))
    copy = os.path.join(folder, "bin", "python3-copy")
    shutil.copy(original.path, copy)
    interpreter = interpreters.Interpreter("copy", "other", copy)
    interpreter.environment = {"PYTHONHOME": home_of(original)}
    return original, interpreter


@test
def executable_missing(context):
    with Folder() as folder:
        original, interpreter = copy_executable(context, folder)
        with run_heap(interpreter, folder) as program:
            core = program.abort(os.path.join(folder, "core"))
        verify(folder, core)
        os.unlink(interpreter.path)
        answer = inspect("heap", core).expect(3, 4)
        expect_words(answer, interpreter.path, "--executable")
        status = inspect("status", core).expect(0, 3, 4)
        expect_words(status, interpreter.path)
        verify(folder, core, "--executable", os.path.realpath(original.path))


@test
def executable_is_another(context):
    """Upgraded since the crash: another build at the same path is never used."""
    with Folder() as folder:
        original, interpreter = copy_executable(context, folder)
        with run_heap(interpreter, folder) as program:
            core = program.abort(os.path.join(folder, "core"))
        others = [each.path for each in context.usable if each.linked == "static" and each.root and not each.debug]
        for other in (others[:1] or []) + ["/bin/true", os.path.abspath(__file__)]:
            os.unlink(interpreter.path)
            shutil.copy(other, interpreter.path)
            answer = inspect("heap", core).expect(3, 4)
            expect_words(answer, interpreter.path)
            if not other.endswith(".py"):
                expect_words(answer, "build-id")
            answer = inspect("heap", core, "--executable", other).expect(2, 3, 4)
            expect_words(answer, other)
            verify(folder, core, "--executable", os.path.realpath(original.path))
        answer = inspect("heap", core, "--executable", os.path.join(folder, "nothing")).expect(2, 3)
        expect_words(answer, "nothing")
        inspect("heap", core, "--sysroot", os.path.join(folder, "nothing")).expect(2, 3, 4)


@test
def executable_deleted(context):
    """Deleted while it runs, as an upgrade does."""
    with Folder() as folder:
        original, interpreter = copy_executable(context, folder)
        with run_heap(interpreter, folder) as program:
            os.unlink(interpreter.path)
            verify(folder, program.pid)
            core = program.gcore(os.path.join(folder, "core-gcore"))
            verify(folder, core, "--executable", os.path.realpath(original.path))
            core = program.abort(os.path.join(folder, "core"))
        answer = inspect("heap", core).expect(3, 4)
        expect_words(answer, interpreter.path)
        verify(folder, core, "--executable", os.path.realpath(original.path))


@test
def library_deleted(context):
    """libpython deleted while it is in use."""
    chosen = [each for each in context.usable if each.linked == "libpython" and each.origin == "pyenv"]
    chosen.sort(key=lambda each: -each.hexversion)
    for interpreter in context.slice(chosen, 1):
        with Folder() as folder:
            library = os.path.join(folder, os.path.basename(interpreter.runtime_file))
            shutil.copy(interpreter.runtime_file, library)
            environment = interpreter.env(LD_LIBRARY_PATH=folder)
            command = interpreter.command(os.path.join(PROGRAMS, "heap.py"), *(SIZE + [os.path.join(folder, "record")]))
            # a RUNPATH gives way to LD_LIBRARY_PATH, an RPATH does not
            with Program(command, environment, folder) as program:
                with open("/proc/%d/maps" % program.pid) as file:
                    if library not in file.read():
                        raise Skip("the interpreter has an RPATH")
                os.unlink(library)
                verify(folder, program.pid)


IDLE = """
import sys, time
with open(sys.argv[1], "w") as file:
    file.write(hex(id(sys.modules)))
print("ready", flush=True)
time.sleep(600)
"""


def interpreter_roots(interpreter, folder, environment):
    """What an idle process has as roots in the interpreter's state; its modules are where it says."""
    output = os.path.join(folder, "output")
    with Program(interpreter.command("-c", IDLE, output), environment, folder) as program:
        rows = inspect("roots", program.pid, "--format", "csv").expect(0).output.splitlines()
        with open(output, encoding="ascii") as file:
            modules = file.read()
    check(any(row.startswith("interpreter,sys,.modules,%s," % modules) for row in rows), "sys.modules is no root")
    fields = [row.split(",") for row in rows if row.startswith(("interpreter,", "thread,"))]
    return sorted((kind, place.split()[0], label, rest[1]) for kind, place, label, *rest in fields)


@test
def stripped_and_idle(context):
    """A 3.6 without a symbol table, none of whose threads holds the interpreter lock: its state is found all the same."""
    chosen = [each for each in context.usable if each.linked == "libpython" and each.origin == "pyenv" and each.minor == (3, 6)]
    for interpreter in context.slice(chosen, 1):
        with Folder() as folder:
            library = os.path.join(folder, os.path.basename(interpreter.runtime_file))
            subprocess.run([need("strip"), "-o", library, interpreter.runtime_file], check=True)
            whole = interpreter_roots(interpreter, folder, interpreter.env())
            stripped = interpreter_roots(interpreter, folder, interpreter.env(LD_LIBRARY_PATH=folder))
            check(whole == stripped, "the roots differ: %s", sorted(set(whole) ^ set(stripped)))


@test
def another_mount_namespace(context):
    """A process that sees other files at the paths it names, as in a container."""
    need_root()
    unshare = need("unshare")
    original = context.static()
    with Folder() as folder:
        place = os.path.join(folder, "place")
        os.makedirs(place)
        shutil.copy("/bin/true", os.path.join(place, "python3-inside"))  # what this namespace has there
        script = ("mount -t tmpfs tmpfs %s && cp %s %s/python3-inside && exec %s/python3-inside \"$@\"" % (
            place, os.path.realpath(original.path), place, place))
        command = [unshare, "-m", "sh", "-c", script, "sh", os.path.join(PROGRAMS, "heap.py")] + SIZE + [
            os.path.join(folder, "record")]
        if subprocess.run([unshare, "-m", "mount", "-t", "tmpfs", "tmpfs", place], stderr=subprocess.DEVNULL, check=False).returncode:
            raise Skip("mount namespaces are forbidden here")
        with Program(command, original.env(PYTHONHOME=home_of(original)), folder) as program:
            verify(folder, program.pid)
            core = program.gcore(os.path.join(folder, "core"))
            inspect("heap", core).expect(3, 4)  # what is at that path here is not it
            verify(folder, core, "--executable", os.path.realpath(original.path))


@test
def without_stopping(context):
    """--no-stop on a process that waits anyway: right, and said that it might not be."""
    for interpreter in context.each_minor(3, debug=False):
        with Folder() as folder:
            with run_heap(interpreter, folder) as program:
                verify(folder, program.pid, "--no-stop", expect=(4,))


@test
def the_command_line_of_gdb(context):
    """A core's file may be named relatively, through links, and be sparse."""
    interpreter = context.static()
    with Folder() as folder:
        with run_heap(interpreter, folder) as program:
            core = core_of(program, os.path.join(folder, "core"))
        os.symlink(core, os.path.join(folder, "link"))
        verify(folder, os.path.join(folder, "link"))
        sparse = os.path.join(folder, "sparse")
        subprocess.run([need("cp"), "--sparse=always", core, sparse], check=True)
        verify(folder, sparse)
        os.rename(sparse, os.path.join(folder, "4711"))  # a core that looks like a process
        os.chmod(core, 0o400)
        verify(folder, core)
        verify(folder, os.path.join(folder, "4711"))


# ---- in the middle of a collection -----------------------------------------------------------------

def expect_collecting(target, name):
    """`status` and `gc` say that a collection is in progress; the answers are whole (cycles/test_collecting.py compares
    them), and say where objects are."""
    rows = inspect("status", target, "--format", "json").expect(0).json()["rows"]
    said = {row["item"]: row["value"] for row in rows}
    check(said.get("collecting") is True, "%s: status does not say that it is collecting", name)
    rows = inspect("gc", target, "--format", "json").expect(0).json()["rows"]
    check(rows[0]["collecting"] is True, "%s: gc does not say that it is collecting", name)
    answer = inspect("objects", target, "--tracked", "--format", "jsonl").expect(0)
    check("in the middle of a collection" in answer.messages, "%s: %s", name, answer)
    return answer.lines()


@test
def in_a_finalizer(context):
    """In a __del__ that the collector calls: what is unreachable is on no generation's list."""
    for interpreter in context.each_minor(99, debug=False):
        with Folder() as folder:
            command = interpreter.command(os.path.join(PROGRAMS, "collecting.py"), "finalizer")
            with Program(command, interpreter.env(), folder) as program:
                rows = expect_collecting(program.pid, interpreter.name)
                check(len(rows) > 20000, "%s: 20,000 lists are tracked, said %d objects", interpreter.name, len(rows))
                rows = expect_collecting(core_of(program, os.path.join(folder, "core")), interpreter.name + " core")
                check(len(rows) > 20000, "%s: 20,000 lists are tracked, said %d objects", interpreter.name, len(rows))


@test
def in_a_callback(context):
    """In a callback before the collection."""
    for interpreter in context.each_minor(4, debug=False):
        with Folder() as folder:
            command = interpreter.command(os.path.join(PROGRAMS, "collecting.py"), "callback")
            with Program(command, interpreter.env(), folder) as program:
                for verb in ("status", "gc", "heap", "objects", "generations"):
                    inspect(verb, program.pid).expect(0, 4)


@test
def inside_the_collector(context):
    """Stopped by gdb in the collector's own functions, with its lists half done."""
    need(GDB[0])
    chosen = [each for each in context.usable if each.dwarf and not each.prefix]
    chosen.sort(key=lambda each: -each.hexversion)
    for interpreter in context.slice(chosen, 4):
        for function in ("visit_decref", "visit_reachable"):
            collect_and_stop(interpreter, function)


def collect_and_stop(interpreter, function):
    """A core taken when the collector is in @function for the thousandth time."""
    name = "%s in %s" % (interpreter.name, function)
    with Folder() as folder:
        command = interpreter.command(os.path.join(PROGRAMS, "collecting.py"), "forever")
        with Program(command, interpreter.env(), folder) as program:
            core = program.gcore(os.path.join(folder, "core"), "sharedlibrary", "break " + function, "ignore 1 1000",
                                 "continue", "delete")
            expect_collecting(core, name)
            for verb in ("heap", "generations"):
                inspect(verb, core).expect(0)
            check(program.process.poll() is None, "%s: the process has ended", name)


@test
def at_any_moment(context):
    """Read while it collects all the time: whole, or incomplete and said so."""
    for interpreter in context.each_minor(4, debug=False):
        with Folder() as folder:
            command = interpreter.command(os.path.join(PROGRAMS, "collecting.py"), "forever")
            with Program(command, interpreter.env(), folder) as program:
                for number in range(20 if context.full else 6):
                    answer = inspect("objects", program.pid, "--tracked", "--format", "jsonl", *(["--no-stop"] if number % 3 == 2 else []))
                    answer.expect(0, 4, *([3] if number % 3 == 2 else []))
                    if number % 3 != 2:
                        check(len(answer.lines()) > 15000, "%s: 20,000 lists are tracked, said %d: %s", interpreter.name,
                              len(answer.lines()), answer.messages)
                check(program.process.poll() is None, "%s: the process has ended", interpreter.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests whose name contains it")
    options = parser.parse_args()
    results = Results()
    usable = [each for each in interpreters.find_all()[0] if not each.free_threaded]
    context = Context(usable, options.size == "check-full")
    for function in TESTS:
        name = function.__name__.replace("_", " ")
        if not options.only or any(word in name for word in options.only):
            results.run(name, function, context)
    results.finish()


if __name__ == "__main__":
    main()
