#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands, functions and GDB/MI commands of gdb, against what the interpreters say themselves.

    tests/gdb/test_gdb.py [-v] [TestCase[.test]...]

Environment: BUILD (the build folder), or LIBINSPECT_LIBRARY and PY_INSPECT; GDB and GDBSERVER (commands).
"""
import collections
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import interpreters  # noqa: E402
from programs import Heap, Program, source  # noqa: E402
from session import GDB, GDBSERVER, LIBRARY, LOADER, PY_INSPECT, Batch, Mi, Server, Terminal, environment  # noqa: E402
import support  # noqa: E402

VERBS = ("status", "heap", "gc", "generations", "objects", "object", "referents", "referrers",
         "roots", "path", "cycles", "garbage", "finalizers", "weakrefs", "refcounts", "verify", "sql", "audit")
OBJECTS = "py-inspect objects --tracked --format=jsonl"
# Counts in gdb how often a target was opened.
COUNT_OPENED = [
    "python import py_inspect.library as l; opened = []",
    "python def counted(name):\n old = getattr(l.Library, name)\n"
    " setattr(l.Library, name, lambda *rest: opened.append(name) or old(*rest))",
    "python [counted(name) for name in ('open_core', 'open_process', 'open_debugger')]",
]
OPENED = "python print(len(opened))"


def system_python():
    """The interpreter that tests of gdb's own behaviour use."""
    usable, _ = interpreters.find_all()
    usable.sort(key=lambda each: (each.origin != "system", -each.hexversion))
    return next((each for each in usable if each.hexversion >= 0x03080000), None)


def shell(*arguments, **more):
    """Runs py-inspect; returns its output."""
    run = subprocess.run([PY_INSPECT, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=support.TIMEOUT, check=False, **more)
    return run.stdout.decode()


def first_json(answer):
    """The JSON that @answer begins with; messages come behind it."""
    return json.JSONDecoder().raw_decode(answer)[0]


def by_address(rows):
    return {int(row["address"], 16): row for row in rows}


class Case(unittest.TestCase):
    maxDiff = 2000
    python = None

    @classmethod
    def setUpClass(cls):
        if Case.python is None:
            Case.python = system_python()
        if Case.python is None:
            raise unittest.SkipTest("there is no CPython on this machine")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="py-inspect-gdb-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def heap(self, interpreter=None):
        return Heap(self, interpreter or self.python, self.folder)

    def run_python(self, text, *arguments, **more):
        """Starts a program that says "ready"."""
        command = self.python.command("-I", "-c", source(text), *arguments)
        return Program(self, command, env=self.python.env(), cwd=self.folder, **more)

    def batch(self, commands, *arguments, **more):
        result = Batch(commands, *arguments, cwd=self.folder, **more)
        self.assertTrue(result.complete, result.output)
        return result

    def check_objects(self, record, rows):
        """Every object that the collector tracks, its generation, type, size and reference count."""
        found = by_address(rows)
        self.assertEqual(len(found), len(rows), "an object is there twice")
        differences = {"missing": set(record.objects) - set(found), "too many": set(found) - set(record.objects)}
        for kind, wrong in differences.items():
            self.assertEqual(len(wrong), 0, "%s: %d of %d, such as %s" % (kind, len(wrong), len(record.objects), [
                (hex(address), record.objects.get(address) or found.get(address)) for address in sorted(wrong)[:3]]))
        exact = record.facts["header"][0]["exact"]
        for address, (generation, size, refcount, type_name, python_sized) in record.objects.items():
            row = found[address]
            self.assertEqual(row["type"], type_name, row)
            if exact:
                self.assertEqual(row["generation"], "permanent" if generation == 3 else generation, row)
            if not python_sized and size >= 0:
                self.assertEqual(row["size"], size, row)
            self.assertEqual(row["refcount"], None if refcount < 0 else refcount, row)


class Commands(Case):
    def test_verbs_are_listed(self):
        for line in ("help py-inspect", "py-inspect", "py-inspect --help"):
            answer, = self.batch([line]).answers
            for verb in VERBS:
                self.assertRegex(answer, r"(?m)^py-inspect %s -- [A-Z].*\.$" % verb)

    def test_help_says_what_the_shell_says(self):
        answers = self.batch(["help py-inspect " + verb for verb in VERBS]).answers
        for verb, answer in zip(VERBS, answers):
            options = set(re.findall(r"--[a-z][-a-z]*", shell(verb, "--help")))
            self.assertIn("--format", options)
            self.assertLessEqual(options & set(re.findall(r"--[a-z][-a-z]*", answer)), options)
            missing = options - set(re.findall(r"--[a-z][-a-z]*", answer))
            # how a target is opened is gdb's business
            self.assertLessEqual(missing, {"--sysroot", "--executable", "--no-stop", "--version"}, verb)
            self.assertIn("Usage: py-inspect %s" % verb, answer)

    def test_help_option_needs_no_target(self):
        plain, option = self.batch(["help py-inspect heap", "py-inspect heap --help"]).answers
        self.assertEqual(plain, option)

    def test_completion(self):
        asked = {
            "py-inspect h": ["py-inspect heap"],
            "py-inspect heap --form": ["py-inspect heap --format"],
            "py-inspect heap --format=js": ["py-inspect heap --format=json", "py-inspect heap --format=jsonl"],
            "py-inspect heap --format cs": ["py-inspect heap --format csv"],
            "py-inspect heap --limit 3 --format=cs": ["py-inspect heap --limit 3 --format=csv"],
            "py-inspect heap --limit ": [],
            "py-inspect heap no": [],
            "set py-inspect no-": ["set py-inspect no-stop"],
        }
        answers = self.batch(["complete " + line for line in asked]).answers
        for (line, expected), answer in zip(asked.items(), answers):
            self.assertEqual(answer.split("\n")[:-1] if answer else [], expected, line)
        # an expression: what it may begin with is gdb's business
        program = self.heap()
        answers = self.batch(["complete py-inspect object &PyDict_T", "complete print &PyDict_T"],
                             "-p", str(program.pid)).answers
        self.assertEqual(answers[0].replace("py-inspect object", "print"), answers[1])
        self.assertIn("&PyDict_Type\n", answers[0])

    def test_unknown_verb_and_option(self):
        program = self.heap()
        result = self.batch(["py-inspect nosuch", "py-inspect heap --nosuch", "py-inspect heap --format=nosuch",
                             "py-inspect heap operand", "py-inspect object", "print 40+2"], "-p", str(program.pid))
        self.assertIn('Undefined py-inspect command: "nosuch".', result.answers[0])
        self.assertIn("--nosuch", result.answers[1])
        self.assertIn("nosuch", result.answers[2])
        self.assertIn("operand", result.answers[3])
        self.assertRegex(result.answers[4], "(?i)address")
        self.assertEqual(result.answers[5], "$1 = 42\n")
        self.assertNotIn("Traceback", result.output)
        self.assertNotIn("Python Exception", result.output)

    def test_nothing_to_inspect(self):
        result = self.batch(["py-inspect heap", "print $_py_type(1)", "print 40+2"])
        self.assertRegex(result.answers[0], "^There is nothing to inspect: .*attach PID.*core-file")
        self.assertIn("There is nothing to inspect", result.answers[1])
        self.assertEqual(result.answers[2], "$1 = 42\n")

    def test_scripts_stop_at_an_error(self):
        script = os.path.join(self.folder, "script.gdb")
        with open(script, "w", encoding="utf-8") as file:
            file.write("py-inspect heap\necho not reached\\n\n")
        self.assertNotIn("not reached", self.batch(["source " + script]).output)

    def test_library_missing(self):
        not_a_library = os.path.join(self.folder, "libinspect.so")
        with open(not_a_library, "w", encoding="utf-8") as file:
            file.write("no library")
        for path in ("/nonexistent/libinspect.so", not_a_library):
            result = self.batch(["py-inspect", "py-inspect heap", "print 40+2"],
                                env=environment(LIBINSPECT_LIBRARY=path))
            message = result.output.splitlines()[0]
            self.assertIn("libinspect cannot be loaded", message)
            self.assertIn(path, message)
            self.assertIn("LIBINSPECT_LIBRARY", message)
            self.assertEqual(result.answers, [message + "\n", message + "\n", "$1 = 42\n"])

    def test_loader_finds_the_library_of_its_build_folder(self):
        build = os.path.join(self.folder, "build")
        os.makedirs(os.path.join(build, "gdb-scripts"))
        os.makedirs(os.path.join(build, ".libs"))
        os.symlink(LIBRARY, os.path.join(build, ".libs", "libinspect.so"))
        loader = os.path.join(build, "gdb-scripts", "py-inspect.py")
        os.symlink(LOADER, loader)
        run = subprocess.run(GDB + ["-nx", "-batch", "-ex", "source " + loader, "-ex", "help py-inspect heap"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                             env=environment(LIBINSPECT_LIBRARY=None))
        self.assertIn("Usage: py-inspect heap", run.stdout)

    def test_installed_package_knows_its_library(self):
        package = os.path.join(self.folder, "gdb")
        shutil.copytree(os.path.dirname(LOADER), package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(LIBRARY, os.path.join(self.folder, "libinspect.so.0"))
        with open(os.path.join(package, "py_inspect", "config.py.in"), encoding="utf-8") as file:
            text = file.read().replace("@libdir@", self.folder)
        with open(os.path.join(package, "py_inspect", "config.py"), "w", encoding="utf-8") as file:
            file.write(text)
        # as in gdb's system-gdbinit-dir: a link to the loader
        link = os.path.join(self.folder, "py-inspect.py")
        os.symlink(os.path.join(package, "py-inspect.py"), link)
        maps = "python print(open('/proc/self/maps').read())"
        commands = ["-ex", "source " + link, "-ex", "help py-inspect heap", "-ex", maps]
        run = subprocess.run(GDB + ["-nx", "-batch"] + commands,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                             env=environment(LIBINSPECT_LIBRARY=None))
        self.assertIn("Usage: py-inspect heap", run.stdout)
        self.assertIn(os.path.join(self.folder, "libinspect.so.0"), run.stdout)


class Targets(Case):
    def test_live_process(self):
        usable, skipped = interpreters.find_all()
        for interpreter in skipped:
            with self.subTest(interpreter.name):
                self.skipTest(interpreter.problem)
        for interpreter in usable:
            with self.subTest(interpreter.name):
                if interpreter.free_threaded:
                    self.skipTest("free-threaded builds have no generations")
                program = self.heap(interpreter)
                result = self.batch([OBJECTS], "-p", str(program.pid))
                self.check_objects(program.record, result.rows(0))

    def test_same_rows_as_the_shell(self):
        program = self.heap()
        verbs = ("heap", "gc", "generations", "objects", "roots", "cycles", "garbage", "finalizers", "weakrefs",
                 "refcounts", "verify")
        result = self.batch(["py-inspect %s --format=csv" % verb for verb in verbs], "-p", str(program.pid))
        for verb, answer in zip(verbs, result.answers):
            lines = [line for line in answer.splitlines(True) if not line.startswith("note: ")]
            self.assertEqual("".join(lines), shell(verb, str(program.pid), "--format=csv"), verb)

    def test_sql(self):
        program = self.heap()
        queries = ("SELECT type, count(*), sum(size) FROM objects GROUP BY 1", "SELECT * FROM refs WHERE referent_type = 'type'",
                   'SELECT address AS "a b", type FROM objects WHERE type IN (\'dict\', \'list\') ORDER BY size DESC, address LIMIT 9',
                   "SELECT 1; SELECT 2", ".schema types", "SELECT * FROM cycles('--all')", "SELECT text FROM strings WHERE text LIKE '%\\%'")
        commands = ["py-inspect sql --format=csv " + query for query in queries]
        commands += ['py-inspect sql --format csv "SELECT type AS \\"x\\" FROM types"', "py-inspect sql --format=csv -- SELECT 7",
                     "py-inspect sql SELECT nonsense FROM objects", "py-inspect sql"]
        result = self.batch(commands, "-p", str(program.pid))
        for query, answer in zip(queries, result.answers):
            self.assertEqual(answer, shell("sql", str(program.pid), query, "--format=csv"), query)
        self.assertEqual(result.answers[-4], shell("sql", str(program.pid), 'SELECT type AS "x" FROM types', "--format=csv"))
        self.assertEqual(result.answers[-3], "7\r\n7\r\n")
        self.assertIn("no such column: nonsense, line 1, column 8", result.answers[-2])
        self.assertIn("sql needs a statement here", result.answers[-1])

    def test_sql_prompt(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.send("py-inspect sql\n")
        gdb.expect("sql> ")
        gdb.send("SELECT 'two'\n")
        gdb.expect("...> ")
        gdb.send("|| ' lines';\n")
        self.assertIn("two lines", gdb.expect("sql> "))
        gdb.send("SELECT nonsense;\n")
        self.assertIn("no such column: nonsense", gdb.expect("sql> "))
        gdb.send("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c;\n")
        gdb.expect("\n")
        support.wait_until_busy(gdb.process.pid)
        gdb.send("\x03")
        gdb.expect("sql> ")
        gdb.send("SELECT 'still' || ' here';\n")
        self.assertIn("still here", gdb.expect("sql> "))
        gdb.send(".quit\n")
        gdb.expect(gdb.PROMPT)
        self.assertIn("= 42", gdb.command("print 6*7"))

    def check_core(self, core, record, *arguments):
        result = self.batch(["core-file " + core, OBJECTS, "py-inspect objects --format=json",
                             "py-inspect heap --format=json", "py-inspect gc"], *arguments)
        self.check_objects(record, result.rows(1))
        self.assertEqual(result.answers[2], shell("objects", core, "--format=json"))
        self.assertEqual(result.answers[3], shell("heap", core, "--format=json"))
        self.assertEqual(result.answers[4], shell("gc", core))

    def test_gcore_core(self):
        program = self.heap()
        core = os.path.join(self.folder, "core.gcore")
        self.batch(["gcore " + core], "-p", str(program.pid))
        self.check_core(core, program.record)
        # a relative name, and gdb elsewhere since
        result = self.batch(["core-file core.gcore", "cd /", OBJECTS])
        self.check_objects(program.record, result.rows(2))

    def test_core_with_its_executable(self):
        program = self.heap()
        core = os.path.join(self.folder, "core with space")
        self.batch(["gcore " + core], "-p", str(program.pid))
        executable = os.readlink("/proc/%d/exe" % program.pid)
        result = self.batch([OBJECTS], executable, core)
        self.check_objects(program.record, result.rows(0))

    def test_core_with_a_wrong_executable(self):
        program = self.heap()
        core = os.path.join(self.folder, "core")
        self.batch(["gcore " + core], "-p", str(program.pid))
        result = self.batch(["py-inspect heap", "print 40+2"], "/bin/true", core)
        self.assertRegex(result.answers[0], "build-id")
        self.assertEqual(result.answers[1], "$1 = 42\n")

    def test_kernel_core(self):
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
            pattern = file.read().strip()
        if pattern.startswith(("|", "/")):
            self.skipTest("the kernel's core_pattern is %s" % pattern)
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        if hard == 0:
            self.skipTest("the limit of core files is 0")
        program = self.heap()
        resource.prlimit(program.pid, resource.RLIMIT_CORE, (hard, hard))
        os.kill(program.pid, signal.SIGABRT)
        program.process.wait()
        cores = [name for name in os.listdir(self.folder) if name.startswith("core")]
        if not cores:
            self.skipTest("the kernel wrote no core file here")
        self.check_core(os.path.join(self.folder, cores[0]), program.record)

    def test_remote(self):
        program = self.heap()
        server = Server(self, ["--once", "--attach"], str(program.pid))
        result = self.batch(["target remote 127.0.0.1:" + server.port, OBJECTS,
                             "py-inspect heap --format=csv", "py-inspect status --format=json",
                             "python print(gdb.selected_inferior().connection.type)"])
        self.check_objects(program.record, result.rows(1))
        self.assertEqual(result.answers[2], shell("heap", str(program.pid), "--format=csv"))
        self.assertEqual(json.loads(result.answers[3])["target"]["kind"], "debugger")
        self.assertEqual(result.answers[4], "remote\n")

    def test_extended_remote(self):
        program = self.heap()
        server = Server(self, ["--multi"])
        result = self.batch(["target extended-remote 127.0.0.1:" + server.port, "attach %d" % program.pid, OBJECTS,
                             "detach", "py-inspect heap", "monitor exit"])
        self.check_objects(program.record, result.rows(2))
        self.assertIn("nothing to inspect", result.answers[4])

    def test_gdb_is_a_python_program(self):
        path = os.path.join(self.folder, "record")
        oracle = os.path.join(os.path.dirname(HERE), "programs", "oracle.py")
        text = "python exec(compile(open(%r).read(), %r, 'exec'), {'oracle_path': %r})" % (oracle, oracle, path)
        inner = Program(self, GDB + ["-nx", "-batch", "-ex", text], env=environment())
        from programs import Record
        result = self.batch([OBJECTS], "-p", str(inner.pid))
        self.check_objects(Record(path), result.rows(0))

    def test_no_python_inside(self):
        program = Program(self, ["sleep", "600"], ready=None)
        result = self.batch(["py-inspect heap", "py-inspect status", "print $_py_type($sp)", "print 40+2"],
                            "-p", str(program.pid))
        for answer in result.answers[:3]:
            self.assertRegex(answer, "(?i)no (known )?(python|runtime)")
        self.assertEqual(result.answers[3], "$1 = 42\n")

    def test_several_inferiors(self):
        folders = [os.path.join(self.folder, name) for name in "ab"]
        for folder in folders:
            os.mkdir(folder)
        programs = [Heap(self, self.python, folder) for folder in folders]
        result = self.batch(COUNT_OPENED + [
            "attach %d" % programs[0].pid, "add-inferior", "inferior 2", "attach %d" % programs[1].pid,
            OBJECTS, "inferior 1", OBJECTS, "inferior 2", OBJECTS, OPENED])
        for number, program in ((7, programs[1]), (9, programs[0]), (11, programs[1])):
            self.check_objects(program.record, result.rows(number))
        self.assertEqual(result.answers[12], "2\n")

    def test_running_process(self):
        program = self.heap()
        commands = ["set non-stop on", "attach %d" % program.pid, "py-inspect heap", "continue &", "py-inspect heap",
                    "set py-inspect no-stop on", "show py-inspect no-stop", OBJECTS, OBJECTS, OPENED,
                    "set py-inspect no-stop off", "py-inspect heap"]
        result = self.batch(COUNT_OPENED + commands)
        answers = result.answers[3:]
        self.assertRegex(answers[4], "^The process is running.")
        self.assertIn("no-stop on", answers[4])
        self.assertIn(": on.", answers[6])
        self.check_objects(program.record, result.rows(10))
        self.check_objects(program.record, result.rows(11))
        self.assertEqual(answers[9], "3\n")  # stopped, and each time while it ran
        self.assertRegex(answers[11], "^The process is running.")


class Threads(Case):
    """What C stacks and registers lead to is in gdb what it is in the shell, which reads them from a core."""

    VERBS = ("roots", "objects", "heap", "gc", "cycles --objects")
    # Ends in labs(), an ordinary function of libc, with an object in a register; other threads wait in calls from C.
    WAITS = """
        import ctypes, sys, threading, time
        class Thing: pass
        def work(depth):
            local = [Thing() for _ in range(depth)]
            if depth:
                sorted([Thing()], key=lambda thing: work(depth - 1))
            else:
                entered.release()
                sorted([Thing()], key=lambda thing: time.sleep(600))
        entered = threading.Semaphore(0)
        for i in range(5):
            threading.Thread(target=work, args=(3 * i,), daemon=True).start()
            entered.acquire()
        time.sleep(0.2)
        sorted([Thing()], key=lambda thing: ctypes.CDLL(None).labs(ctypes.py_object(thing)))
    """

    def command(self, *arguments):
        """Images have the names that the process uses, in a core those of the files: the same without links."""
        command = self.python.command("-I", *arguments)
        return [os.path.realpath(command[0])] + command[1:]

    def calls(self):
        return ["py-inspect %s --format=json" % verb for verb in self.VERBS]

    def check_answers(self, answers, core):
        """The rows, notes and completeness of all verbs. Returns the roots."""
        for verb, answer in zip(self.VERBS, answers):
            name, *options = verb.split()
            mine, theirs = first_json(answer), json.loads(shell(name, core, "--format=json", *options))
            for each in (mine, theirs):
                each["rows"] = collections.Counter(json.dumps(row, sort_keys=True) for row in each["rows"])
                del each["target"]
            self.assertEqual(mine["rows"] - theirs["rows"], {}, verb + ": only in gdb")
            self.assertEqual(theirs["rows"] - mine["rows"], {}, verb + ": only in the shell")
            self.assertEqual(mine, theirs, verb)
        return first_json(answers[0])["rows"]

    def check_roots(self, roots, threads):
        """Do the roots come from the stacks of so many threads, and from registers?"""
        places = {row["place"] for row in roots if row["kind"] == "stack"}
        self.assertEqual(len({place for place in places if place.startswith("stack of thread ")}), threads, places)
        self.assertIn(".rdi", {row["label"] for row in roots if row["place"].startswith("registers of thread ")})

    def test_stacks_and_registers(self):
        command = self.command("-c", source(self.WAITS))
        core = os.path.join(self.folder, "core")
        selected = ["thread", "frame", "info registers rip rsp"]
        for remote, thread in ((False, 1), (True, 3)):
            with self.subTest(remote=remote):
                choose = ["thread %d" % thread, "up", "up"]
                start = ["run"]
                if remote:
                    server = Server(self, ["--once"], *command)
                    start = ["target remote 127.0.0.1:" + server.port, "continue"]
                setup = COUNT_OPENED + ["set breakpoint pending on", "break labs"] + start + choose + selected
                result = self.batch(setup + self.calls() + selected + [OPENED, "gcore " + core, "kill"],
                                    *([] if remote else ["--args", *command]))
                answers = result.answers[len(setup):]
                roots = self.check_answers(answers, core)
                self.check_roots(roots, 6)
                before, after = result.answers[len(setup) - 3:len(setup)], answers[len(self.VERBS):][:3]
                self.assertEqual(before, after, "what is selected has changed")
                self.assertRegex(before[1], "^#2 ")
                self.assertEqual(answers[len(self.VERBS) + 3], "1\n")  # the threads are read once

    def test_registers_change(self):
        show = "py-inspect roots --format=jsonl"
        result = self.batch(["set breakpoint pending on", "break labs", "run", show, "set $r12 = $rdi", show, "kill"],
                            "--args", *self.command("-c", source(self.WAITS)))
        found = [{row["label"]: row["address"] for row in result.rows(number) if row["place"].startswith("registers of")}
                 for number in (3, 5)]
        self.assertNotEqual(found[0].get(".r12"), found[0][".rdi"])
        self.assertEqual(found[1], dict(found[0], **{".r12": found[0][".rdi"]}))

    def test_middle_of_a_collection(self):
        program = os.path.join(os.path.dirname(HERE), "programs", "collecting.py")
        waiting = Program(self, self.command(program, "finalizer"), env=self.python.env(), cwd=self.folder)
        core = os.path.join(self.folder, "core")
        result = self.batch(self.calls() + ["gcore " + core], "-p", str(waiting.pid))
        self.check_answers(result.answers, core)
        objects = first_json(result.answers[1])
        self.assertGreater(len(objects["rows"]), 20000)
        self.assertTrue(objects["complete"])
        self.assertIn("in the middle of a collection", json.dumps(objects["notes"]))
        server = Server(self, ["--once", "--attach"], str(waiting.pid))
        result = self.batch(["target remote 127.0.0.1:" + server.port] + self.calls() + ["gcore " + core])
        self.check_answers(result.answers[1:], core)

    def test_some_threads_run(self):
        """In non-stop mode: what is not searched is said."""
        text = self.WAITS[:self.WAITS.index("sorted([Thing()], key=lambda thing: ctypes")]
        program = self.run_python(text + "print('ready', flush=True); time.sleep(600)\n")
        result = self.batch(["set non-stop on", "attach %d" % program.pid, "thread 3", "continue &",
                             "set py-inspect no-stop on", "py-inspect roots --format=json", "thread"])
        roots = first_json(result.answers[5])
        said = re.search(r"C stacks and registers of (\d) of 6 threads were not searched", json.dumps(roots["notes"]))
        self.assertIsNotNone(said, roots["notes"])
        running = int(said.group(1))  # gdb does not wait for all to stop when it attaches
        self.assertIn(running, range(1, 6))
        places = {row["place"] for row in roots["rows"] if row["place"].startswith("stack of thread ")}
        self.assertEqual(len(places), 6 - running)
        self.assertIn("thread is 3 ", result.answers[6])


class Expressions(Case):
    # Calls labs(), an ordinary function of libc, with an object; then again with another.
    CALLS = """
        import ctypes, sys
        class Thing: pass
        labs = ctypes.CDLL(None).labs
        thing = Thing()
        open(sys.argv[1], "w").write("%d %d" % (id(thing), id(sys)))
        labs(ctypes.py_object(thing))
        labs(ctypes.py_object(sys))
    """

    def test_register(self):
        path = os.path.join(self.folder, "ids")
        command = self.python.command("-I", "-c", source(self.CALLS), path)
        show = "py-inspect object $rdi --format=jsonl"
        result = self.batch(["set breakpoint pending on", "break labs", "run", show, "continue", show, "kill"],
                            "--args", *command)
        with open(path, encoding="ascii") as file:
            thing, module = map(int, file.read().split())
        self.assertEqual(result.rows(3)[0]["address"], hex(thing))
        self.assertEqual(result.rows(3)[0]["type"], "__main__.Thing")
        self.assertEqual(result.rows(5)[0]["address"], hex(module))
        self.assertEqual(result.rows(5)[0]["type"], "module")

    def test_expressions(self):
        program = self.heap()
        address, size, _, type_name, _, length, _ = program.record.samples[0]
        self.assertEqual((type_name, length), ("list", 4100))
        first = program.record.samples[1][0]
        show = "py-inspect object --format=jsonl "
        expressions = {
            hex(address): address,
            str(address): address,
            "%d + 8 - 8" % address: address,
            '"%d - 0"' % address: address,
            "(char *) %d" % address: address,
            "$list": address,
            "*(char (*)[16]) %d" % address: address,
            "**(long **) (%d + 24)" % address: None,
            "*(long *) *(long *) (%d + 24)" % address: first,
        }
        commands = ["set $list = (void *) %d" % address] + [show + each for each in expressions]
        result = self.batch(commands, "-p", str(program.pid))
        for number, (expression, expected) in enumerate(expressions.items(), 1):
            if expected is not None:
                self.assertEqual([row["address"] for row in result.rows(number)], [hex(expected)], expression)
        self.assertEqual(result.rows(1)[0]["size"], size)
        self.assertEqual(result.rows(1)[0]["type"], "list")

    # Calls labs() with one object after the other, and with a list that has grown meanwhile.
    GROWS = """
        import ctypes, sys
        labs = ctypes.CDLL(None).labs
        grows = [1]
        for thing in (grows, sys, {}, "text", grows):
            labs(ctypes.py_object(thing))
            grows.append("x" * 1000)
            grows += range(1000)
    """

    def test_condition_of_a_breakpoint(self):
        command = self.python.command("-I", "-c", source(self.GROWS))
        show = "py-inspect object $rdi --format=jsonl"
        # the list is that large only at its second call
        conditions = ['$_streq($_py_type($rdi), "dict")',
                      '$_streq($_py_type($rdi), "list") && $_py_size($rdi) > 30000']
        for remote in (False, True):
            commands = ["continue", show, "condition 1 " + conditions[1], "continue", show, "condition 1", "kill"]
            if remote:
                server = Server(self, ["--once"], *command)
                start = ["target remote 127.0.0.1:" + server.port]
            else:
                start = ["run"]
                commands[0] = "echo"
            result = self.batch(["set breakpoint pending on", "break labs if " + conditions[0]] + start + commands,
                                *([] if remote else ["--args", *command]))
            self.assertNotIn("Error in testing", result.output)
            self.assertEqual(result.rows(4)[0]["type"], "dict")
            self.assertEqual(result.rows(7)[0]["type"], "list")
            self.assertGreater(result.rows(7)[0]["size"], 30000)

    def test_not_an_address(self):
        program = self.heap()
        result = self.batch(["py-inspect object nosuchsymbol", "py-inspect object 1.5", "py-inspect object 1 +",
                             "py-inspect object *(long *) 8", "py-inspect object 8", "py-inspect object $void",
                             "print $_py_type(1.5)", "print 40+2"], "-p", str(program.pid))
        for answer, expected in zip(result.answers, ('No symbol ("nosuchsymbol"|table)', "not an address",
                                                     "A syntax error in expression", "Cannot access memory", "0x8",
                                                     "not an address", "not an address", "\\$1 = 42")):
            self.assertRegex(answer, expected)
        self.assertNotIn("Python Exception", result.output)

    def test_symbols(self):
        program = self.heap()
        none = next(sample for sample in program.record.samples if sample[3] == "NoneType")
        result = self.batch(["py-inspect object --format=jsonl &_Py_NoneStruct", "py-inspect object _Py_NoneStruct"],
                            "-p", str(program.pid))
        row, = result.rows(0)
        self.assertEqual((row["address"], row["type"], row["value"]), (hex(none[0]), "NoneType", "None"))
        if self.python.dwarf is False:
            self.assertIn("unknown type", result.answers[1])

    def test_members_with_debug_information(self):
        usable, _ = interpreters.find_all()
        interpreter = next((each for each in usable if each.dwarf and not each.prefix and each.hexversion >= 0x03080000),
                           None)
        if interpreter is None:
            self.skipTest("no interpreter whose debug information gdb finds is here")
        program = self.heap(interpreter)
        address, _, _, type_name, *_ = program.record.samples[1]
        self.assertEqual(type_name, "__main__.Plain")
        result = self.batch(["set $o = (PyObject *) %d" % address,
                             "py-inspect object --format=jsonl $o->ob_type",
                             "py-inspect object --format=jsonl *$o",
                             "py-inspect object --format=jsonl _Py_NoneStruct",
                             "complete py-inspect object $o->ob_ty"], "-p", str(program.pid))
        row, = result.rows(1)
        self.assertEqual(row["type"], "type")
        self.assertIn("Plain", row["value"])
        self.assertEqual(result.rows(2)[0]["address"], hex(address))
        self.assertEqual(result.rows(3)[0]["type"], "NoneType")
        self.assertIn("$o->ob_type", result.answers[4])


class Functions(Case):
    def test_functions(self):
        program = self.heap()
        samples = program.record.samples
        functions = ("type", "size", "refcount", "generation")
        commands = ["print $_py_%s(%d)" % (function, sample[0]) for sample in samples for function in functions]
        result = self.batch(COUNT_OPENED + commands + [OPENED], "-p", str(program.pid))
        answers = [answer.split(" = ", 1)[1].rstrip("\n") for answer in result.answers[3:-1]]
        self.assertEqual(len(answers), len(samples) * len(functions))
        for number, (address, size, refcount, type_name, tracked, _, _) in enumerate(samples):
            said = answers[number * len(functions):(number + 1) * len(functions)]
            self.assertEqual(said[0], '"%s"' % type_name)
            self.assertEqual(said[1], str(size), type_name)
            if refcount == -1:  # before 3.12 immortal objects just have very many references
                self.assertTrue(said[2] == "void" or int(said[2]) > 1 << 29, said)
            elif tracked:
                self.assertEqual(said[2], str(refcount), type_name)
            if tracked:
                self.assertEqual(said[3], str(program.record.objects[address][0]), type_name)
            else:
                self.assertEqual(said[3], "void", type_name)
        self.assertEqual(result.answers[-1], "1\n")

    def test_values(self):
        program = self.heap()
        plain = [sample for sample in program.record.samples if sample[6] is not None]
        self.assertGreater(len(plain), 6)
        result = self.batch(["output $_py_value(%d)" % sample[0] for sample in plain], "-p", str(program.pid))
        for sample, answer in zip(plain, result.answers):
            said = answer.rstrip("\n")
            said = re.sub(r'\\([0-7]{3}|.)', lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else m[1], said[1:-1])
            said = said.encode("latin-1", "ignore").decode("utf-8") if all(ord(c) < 256 for c in said) else said
            self.assertEqual(said, sample[6])

    def test_permanent_generation(self):
        program = self.run_python("""
            import gc, os, signal, sys
            frozen = []
            gc.freeze()
            young = []
            open(sys.argv[1], "w").write("%d %d" % (id(frozen), id(young)))
            os.write(1, b"ready\\n")
            signal.pause()
        """, os.path.join(self.folder, "ids"))
        with open(os.path.join(self.folder, "ids"), encoding="ascii") as file:
            frozen, young = file.read().split()
        result = self.batch(["output $_py_generation(%s)" % frozen, "output $_py_generation(%s)" % young],
                            "-p", str(program.pid))
        self.assertEqual([answer.rstrip("\n") for answer in result.answers], ['"permanent"', "0"])

    def test_in_expressions(self):
        program = self.heap()
        address, size, *_ = program.record.samples[0]
        result = self.batch(["print $_py_size(%d) * 2" % address,
                             'print $_streq($_py_type(%d), "list")' % address,
                             "if $_py_size(%d) > %d\necho larger\\n\nelse\necho not larger\\n\nend" % (address, size),
                             "print $_py_type(8)", "print 40+2"], "-p", str(program.pid))
        self.assertEqual(result.answers[0], "$1 = %d\n" % (size * 2))
        self.assertEqual(result.answers[1], "$2 = 1\n")
        self.assertIn("0x8", result.answers[3])
        self.assertEqual(result.answers[4], "$3 = 42\n")

    # Keeps one object, holds another one in a running function, and lets one only hold itself.
    HELD = """
        import gc, os, signal, sys
        gc.disable()
        class Held: pass
        keep = {"k": [Held()]}
        def wait(held):
            cycle = Held()
            cycle.self = cycle
            ids = [id(keep["k"][0]), id(held), id(cycle), id(keep["k"])]
            del cycle
            with open(sys.argv[1], "w") as file:
                file.write(" ".join(map(str, ids)))
            del ids
            os.write(1, b"ready\\n")
            signal.pause()
        wait(Held())
    """

    def test_paths(self):
        program = self.run_python(self.HELD, os.path.join(self.folder, "ids"))
        with open(os.path.join(self.folder, "ids"), encoding="ascii") as file:
            kept, held, cycle, holder = map(int, file.read().split())
        result = self.batch(["output $_py_path(%d)" % kept, "output $_py_path(%d)" % held, "output $_py_path(%d)" % cycle,
                             "py-inspect path --format=jsonl %d" % kept, "py-inspect referrers --format=jsonl %d" % kept,
                             "py-inspect referents --format=jsonl %d" % holder, "py-inspect roots --kind=frame",
                             "print $_py_path(8)"], "-p", str(program.pid))
        path = "sys.modules['__main__'].keep['k'][0]"
        said = [answer.rstrip("\n").split("\n")[-1] for answer in result.answers]  # behind notes on C stacks
        self.assertEqual(said[0], '"%s"' % path)
        self.assertRegex(said[1], r'"thread %d: wait\(\) at <string>:\d+: held"' % program.pid)
        self.assertEqual(said[2], "void")
        self.assertEqual(result.rows(3)[0]["path"], path)
        self.assertEqual([(row["address"], row["label"]) for row in result.rows(4)], [(hex(holder), "[0]")])
        self.assertEqual([(row["address"], row["label"]) for row in result.rows(5)], [(hex(kept), "[0]")])
        self.assertIn("local held", result.answers[6])
        self.assertIn("0x8", result.answers[7])

    def test_help(self):
        answer, = self.batch(["help function"]).answers
        for function in ("type", "size", "refcount", "generation", "value", "path"):
            self.assertRegex(answer, r"function _py_%s -- .*\." % function)


class Caching(Case):
    # Makes more objects of its own class each time and stops for the debugger.
    GROWS = """
        import os, signal
        class Grown: pass
        keep = []
        for number in (1000, 3000, 6000):
            while len(keep) < number:
                keep.append(Grown())
            os.kill(os.getpid(), signal.SIGTRAP)
    """

    def grown(self, result, number):
        """How many objects of the class the answer to py-inspect heap has."""
        return next((row["count"] for row in result.rows(number) if row["type"] == "__main__.Grown"), 0)

    def test_until_it_runs(self):
        command = self.python.command("-I", "-c", source(self.GROWS))
        heap = "py-inspect heap --format=jsonl"
        commands = ["handle SIGTRAP nopass", "run", heap, "py-inspect gc", OPENED, "continue", heap, heap, OPENED,
                    "continue", heap, "next", heap, OPENED, "kill", heap, "print 40+2"]
        result = self.batch(COUNT_OPENED + commands, "--args", *command)
        self.assertEqual([self.grown(result, number) for number in (5, 9, 10, 13)], [1000, 3000, 3000, 6000])
        self.assertEqual([result.answers[number] for number in (7, 11)], ["1\n", "2\n"])
        self.assertIn("nothing to inspect", result.answers[18])
        self.assertEqual(result.answers[19], "$1 = 42\n")

    def test_remote_until_it_runs(self):
        server = Server(self, ["--once"], *self.python.command("-I", "-c", source(self.GROWS)))
        heap = "py-inspect heap --format=jsonl"
        commands = ["handle SIGTRAP nopass", "target remote 127.0.0.1:" + server.port, "continue", heap, heap,
                    "continue", heap, OPENED, "disconnect", heap]
        result = self.batch(COUNT_OPENED + commands)
        self.assertEqual([self.grown(result, number) for number in (6, 7, 9)], [1000, 1000, 3000])
        self.assertEqual(result.answers[10], "2\n")
        self.assertIn("nothing to inspect", result.answers[12])

    def test_until_memory_is_changed(self):
        program = self.heap()
        address = program.record.samples[1][0]
        show = "py-inspect object --format=jsonl %d" % address
        counter = "*(long *) %d" % address
        result = self.batch(COUNT_OPENED + [show, "set var %s = %s + 5" % (counter, counter), show, OPENED,
                            "set var %s = %s - 5" % (counter, counter), show], "-p", str(program.pid))
        before, changed, after = (result.rows(number)[0]["refcount"] for number in (3, 5, 8))
        self.assertEqual((changed, after), (before + 5, before))
        self.assertEqual(result.answers[6], "2\n")

    def test_core_stays_while_another_inferior_runs(self):
        program = self.heap()
        core = os.path.join(self.folder, "core")
        self.batch(["gcore " + core], "-p", str(program.pid))
        commands = ["core-file " + core, "py-inspect gc", "add-inferior -no-connection", "inferior 2",
                    "file /bin/true", "run", "inferior 1", "py-inspect gc", OPENED, "core-file", "py-inspect gc"]
        result = self.batch(COUNT_OPENED + commands)
        self.assertEqual(result.answers[4], result.answers[10])
        self.assertEqual(result.answers[11], "1\n")
        self.assertIn("nothing to inspect", result.answers[13])


class MachineInterface(Case):
    def simple(self, value):
        """JSON's @value as the documentation of the GDB/MI commands says it looks there."""
        if isinstance(value, dict):
            return {key: self.simple(item) for key, item in value.items() if item is not None}
        if isinstance(value, list):
            return [self.simple(item) for item in value]
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def test_same_as_json(self):
        program = self.heap()
        core = os.path.join(self.folder, "core")
        self.batch(["gcore " + core], "-p", str(program.pid))
        mi = Mi(self)
        self.assertEqual(mi.command("-interpreter-exec console \"core-file %s\"" % core)[0], "done")
        for verb in ("status", "heap", "gc", "generations", "objects", "roots"):
            options = ["--limit=20"] if verb in ("heap", "objects", "roots") else []
            kind, values = mi.command(" ".join(["-py-inspect-" + verb] + options))
            self.assertEqual(kind, "done", values)
            self.assertEqual(values, self.simple(json.loads(shell(verb, core, "--format=json", *options))))
        for address, size, _, type_name, *_ in program.record.samples:
            kind, values = mi.command('-py-inspect-object "%d + 0"' % address)
            self.assertEqual(kind, "done", values)
            row, = values["rows"]
            self.assertEqual((row["address"], row["type"], row["size"]), (hex(address), type_name, str(size)))

    def test_live_objects(self):
        program = self.heap()
        mi = Mi(self, "-p", str(program.pid))
        kind, values = mi.command("-py-inspect-objects --tracked")
        self.assertEqual(kind, "done", values)
        self.assertEqual({int(row["address"], 16) for row in values["rows"]}, set(program.record.objects))
        self.assertEqual(values["complete"], "true")

    def test_errors(self):
        program = self.heap()
        mi = Mi(self)
        kind, values = mi.command("-py-inspect-heap")
        self.assertEqual(kind, "error")
        self.assertIn("nothing to inspect", values["msg"])
        mi.command("-target-attach %d" % program.pid)
        for command, message in (("-py-inspect-heap --nosuch", "--nosuch"), ("-py-inspect-object nosuch", "No symbol"),
                                 ("-py-inspect-object 8", "0x8"), ("-py-inspect-heap --format=csv", "--format")):
            kind, values = mi.command(command)
            self.assertEqual(kind, "error", command)
            self.assertIn(message, values["msg"])
        self.assertEqual(mi.command("-data-evaluate-expression 40+2"), ("done", {"value": "42"}))
        for verb in VERBS:
            kind, values = mi.command("-info-gdb-mi-command py-inspect-" + verb)
            self.assertEqual(values, {"command": {"exists": "true"}})

    def test_console_in_mi(self):
        program = self.heap()
        mi = Mi(self, "-p", str(program.pid))
        self.assertEqual(mi.command('-interpreter-exec console "py-inspect heap"')[0], "done")
        kind, values = mi.command('-interpreter-exec console "py-inspect heap --nosuch"')
        self.assertEqual(kind, "error")
        self.assertIn("--nosuch", values["msg"])


class Interrupts(Case):
    MANY = """
        import os, signal, sys, gc
        gc.disable()
        keep = [[] for _ in range(%(count)d)]
        os.write(1, b"ready\\n")
        signal.pause()
    """

    def many(self, count):
        command = self.python.command("-I", "-c", source(self.MANY, count=count))
        return Program(self, command, env=self.python.env())

    def counted(self, gdb, count):
        """gdb is as useful as ever."""
        self.assertIn("= 42", gdb.command("print 40+2"))
        answer = gdb.command("py-inspect heap --format=jsonl")
        lists = json.loads(re.search('{.*"list".*}', answer).group())
        self.assertGreaterEqual(lists["count"], count)
        self.assertLess(lists["count"], count + 5000)

    def forget(self, gdb):
        """What has been read is forgotten: memory may have changed. A prompt that is still to come of before is skipped."""
        gdb.send("set var *(char *) $sp = *(char *) $sp\n")
        gdb.send("print 6000*7\n")
        gdb.expect(" = 42000")
        gdb.expect(gdb.PROMPT)

    def test_while_it_prints(self):
        count = 400000
        program = self.many(count)
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.send("py-inspect objects --format=jsonl\n")
        gdb.expect("address")
        gdb.send("\x03")
        printed = gdb.expect("Quit")
        self.assertLess(printed.count("\n"), count)
        gdb.expect(gdb.PROMPT)
        self.counted(gdb, count)

    def test_while_it_reads(self):
        count = 500000
        program = self.many(count)
        server = Server(self, ["--once", "--attach"], str(program.pid))
        gdb = Terminal(self, "-ex", "target remote 127.0.0.1:" + server.port)
        before = support.cpu_time(gdb.process.pid)
        gdb.command("py-inspect heap")
        usual = support.cpu_time(gdb.process.pid) - before
        for part in (0.02, 0.1, 0.4):
            self.forget(gdb)
            gdb.send("py-inspect heap\n")
            gdb.expect("\n")
            support.wait_until_busy(gdb.process.pid, part * usual)
            gdb.send("\x03")
            printed = gdb.expect(gdb.PROMPT)
            self.assertIn("Quit", printed, "after %s of %s s" % (part, usual))
        self.counted(gdb, count)

    def test_while_the_library_works(self):
        count = 1000000
        program = self.many(count)
        gdb = Terminal(self, "-p", str(program.pid))
        quits = 0
        for number, pause in enumerate(itertools.cycle((0.03, 0.06, 0.1, 0.15, 0.2, 0.01, 0.003))):
            if number == 70 or (number >= 7 and quits):  # whether it is still at work depends on what else runs
                break
            gdb.send("py-inspect heap\n")
            gdb.expect("\n")
            time.sleep(pause)
            gdb.send("\x03")
            printed = gdb.expect(gdb.PROMPT)
            self.assertNotIn("Exception", printed)
            quits += "Quit" in printed and "total of" not in printed
            self.forget(gdb)
        self.assertGreater(quits, 0)
        self.counted(gdb, count)

    def test_at_any_step(self):
        """Ctrl-C at the first, the second ... read, as if somebody were that quick."""
        program = self.heap()
        server = Server(self, ["--once", "--attach"], str(program.pid))
        commands = [
            "target remote 127.0.0.1:" + server.port,
            "python import ctypes, types, py_inspect.sessions as s; reads = [0, 0]",
            "python def memmove(*rest):\n reads[0] += 1\n if reads[0] == reads[1]: raise KeyboardInterrupt\n"
            " ctypes.memmove(*rest)",
            "python s.ctypes = types.SimpleNamespace(memmove=memmove, string_at=ctypes.string_at)",
        ]
        steps = (1, 2, 5, 20, 50, 100)
        for step in steps:
            commands += ["python reads = [0, %d]" % step, "py-inspect heap"]
        result = self.batch(commands + ["python reads = [0, 0]", OBJECTS])
        for number, step in enumerate(steps):
            self.assertEqual(result.answers[len(commands) - 2 * len(steps) + 2 * number + 1], "Quit\n", step)
        self.check_objects(program.record, result.rows(len(commands) + 1))

    def test_signal_of_another_process(self):
        count = 1000000
        program = self.many(count)
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.send("py-inspect objects --tracked --format=csv\n")
        gdb.expect("address")
        os.kill(gdb.process.pid, signal.SIGINT)
        gdb.expect("Quit")
        gdb.expect(gdb.PROMPT)
        self.counted(gdb, count)

    def test_pager(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.command("set pagination on")
        gdb.command("set height 12")
        gdb.send("py-inspect objects --tracked --format=csv\n")
        gdb.expect("--Type <RET>")
        gdb.send("q\n")
        printed = gdb.expect(gdb.PROMPT)
        self.assertIn("Quit", printed)
        gdb.command("set height 0")
        answer = gdb.command("py-inspect objects --tracked --format=csv")
        self.assertEqual(len(re.findall("(?m)^0x", answer)), len(program.record.objects))

    def test_ctrl_c_still_interrupts_the_program(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.command("py-inspect heap")
        gdb.send("continue\n")
        gdb.expect("Continuing.")
        support.wait_for_state(program.pid, "SR")
        gdb.send("\x03")
        gdb.expect("SIGINT")
        gdb.expect(gdb.PROMPT)
        answer = gdb.command(OBJECTS)
        rows = [json.loads(line) for line in answer.splitlines() if line.startswith("{")]
        self.check_objects(program.record, rows)


class Screen(Case):
    AT_ONCE = "python import py_inspect.progress as p; p._DELAY = 0"  # how far the work is, is told as if it took long

    def test_pipe_has_no_escapes(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid), cwd=self.folder)
        gdb.command(self.AT_ONCE)
        gdb.command("pipe py-inspect heap | cat >piped")
        with open(os.path.join(self.folder, "piped"), "rb") as file:
            piped = file.read()
        self.assertIn(b"list", piped)
        self.assertNotIn(b"\x1b", piped)
        gdb.command("set style enabled off")
        self.assertNotIn("\x1b[3", gdb.command("py-inspect heap"))

    def test_progress_wipes_no_answer(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.command(self.AT_ONCE)
        gdb.send(OBJECTS + "\n")
        self.assertIn("\r\x1b[K", gdb.expect("{"))
        gdb.expect(gdb.PROMPT)
        rows = [json.loads(line) for line in gdb.command(OBJECTS).splitlines() if line.startswith("{")]
        self.check_objects(program.record, rows)

    def test_width(self):
        program = self.heap()
        gdb = Terminal(self, "-p", str(program.pid))
        gdb.command("set style enabled off")
        widest = []
        for width in (220, 160):
            gdb.command("set width %d" % width)
            lines = gdb.command("py-inspect objects --values --type=function --limit=500").splitlines()
            self.assertGreater(len(lines), 500)
            lines = [re.sub("\x1b\\[[?0-9]*[a-zA-Z]", "", line).rstrip() for line in lines]
            widest.append(max(map(len, lines)))
        self.assertGreater(widest[0], 160)
        self.assertLessEqual(widest[1], 160)

    def test_text_that_the_character_set_lacks(self):
        program = self.heap()
        sample = next(sample for sample in program.record.samples if sample[6] and "\\u" in ascii(sample[6]).lower())
        result = self.batch(["py-inspect object %d" % sample[0], "print 40+2"], "-p", str(program.pid),
                            env=environment(LC_ALL="C", PYTHONCOERCECLOCALE="0"))
        self.assertIn("\\xe4", result.answers[0])
        self.assertEqual(result.answers[1], "$1 = 42\n")


class CountingResult(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    for program in (GDB, GDBSERVER):
        if not shutil.which(program[0]):
            print("%s is not installed: nothing is tested\n0 passed, 0 failed, 1 skipped" % program[0])
            return 0
    for path in (LIBRARY, PY_INSPECT):
        if not os.path.exists(path):
            print("there is no %s: build first, or set BUILD\n0 passed, 1 failed, 0 skipped" % path)
            return 1
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=CountingResult, verbosity=2)
    result = unittest.main(testRunner=runner, exit=False).result
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print("%d passed, %d failed, %d skipped" % (result.passed, failed, len(result.skipped)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
