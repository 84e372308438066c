# SPDX-License-Identifier: MIT
"""What the end-to-end suites share: programs to look at, cores of them, py-inspect and gdb."""
import glob
import json
import os
import re
import resource
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from runner import Failure, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
PROGRAMS = os.path.join(HERE, "programs")
BUILD = os.path.abspath(os.environ.get("BUILD") or ("." if os.path.exists("py-inspect") else os.path.join(TOP, "build")))
PY_INSPECT = os.path.abspath(os.environ.get("PY_INSPECT") or os.path.join(BUILD, "py-inspect"))
LIBRARY = os.environ.get("LIBINSPECT_LIBRARY") or os.path.join(os.path.dirname(PY_INSPECT), ".libs", "libinspect.so")
GDB = shlex.split(os.environ.get("GDB", "gdb"))
GDB_OPTIONS = ["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set confirm off",
               "-iex", "set auto-load off"]
SANITIZED = bool(os.environ.get("LIBINSPECT_SANITIZED"))
TIMEOUT = 900 if SANITIZED else 300


def state_of(pid):
    """The state of process @pid: a letter as in /proc/PID/stat."""
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def wait_for_state(pid, states):
    """Waits until process @pid is in one of @states: letters as in /proc/PID/stat."""
    end, pause = time.monotonic() + 120, 0.0001
    while True:
        state = state_of(pid)
        if state in states:
            return
        if time.monotonic() > end:
            raise Failure("process %d is in state %s, not %s" % (pid, state, " or ".join(states)))
        time.sleep(pause)
        pause = min(2 * pause, 0.01)


def cpu_time(pid):
    """The seconds that the threads of process @pid have run."""
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_busy(pid, seconds=0.2):
    """Waits until process @pid has run for so long from now on: it has begun its work, however slow the machine is."""
    enough, end = cpu_time(pid) + seconds, time.monotonic() + TIMEOUT
    while cpu_time(pid) < enough:
        if time.monotonic() > end:
            raise Failure("process %d does not work: its state is %s" % (pid, state_of(pid)))
        time.sleep(0.01)


def threads_of(pid):
    """The number of each thread of process @pid, its state, and how often it was switched to and from."""
    seen = []
    for task in sorted(os.listdir("/proc/%d/task" % pid)):
        try:
            with open("/proc/%d/task/%s/status" % (pid, task), encoding="utf-8", errors="replace") as file:
                fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        seen.append((task, fields["State"][0], fields["voluntary_ctxt_switches"], fields["nonvoluntary_ctxt_switches"]))
    return seen


def wait_until_idle(pid, pause=0.001):
    """Waits until all threads of process @pid sleep, and none has run between two looks: what they hold stays the same from now
    on. Returns False if that is not so after a second of its CPU time: it never rests."""
    enough, end, before = cpu_time(pid) + 1, time.monotonic() + TIMEOUT, None
    while cpu_time(pid) < enough:
        now = threads_of(pid)
        if now == before and all(state in "STtZX" for _, state, *_ in now):
            return True
        if time.monotonic() > end:
            raise Failure("process %d neither works nor rests: %s" % (pid, now))
        before = now
        time.sleep(pause)
    return False


def wait_until_caught(pid, number):
    """Waits until process @pid has a handler for signal @number."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
            caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt:"))
        if caught >> (number - 1) & 1:
            return
        time.sleep(0.01)
    raise Failure("process %d does not catch signal %d" % (pid, number))


def json_lines(text):
    """The documents of a text of JSON lines; ValueError if any of the lines is none. All are parsed at once, which is
    faster than one after the other."""
    lines = text.splitlines()
    documents = json.loads("[%s]" % ",\n".join(lines))
    if len(documents) != len(lines):
        raise ValueError("%d documents in %d lines" % (len(documents), len(lines)))
    return documents


class Answer:
    """How a py-inspect call ended."""

    def __init__(self, arguments, status, output, messages):
        self.arguments, self.status, self.output, self.messages = arguments, status, output, messages

    def json(self):
        """The output as one JSON object."""
        try:
            return json.loads(self.output)
        except ValueError as error:
            raise Failure("%s: not JSON (%s): %s" % (self, error, self.output[:300]))

    def lines(self):
        """The output as JSON lines."""
        try:
            return json_lines(self.output)
        except ValueError as error:
            raise Failure("%s: not JSON lines (%s)" % (self, error))

    def __str__(self):
        return "`py-inspect %s` → %s %s" % (" ".join(self.arguments), self.status, self.messages.strip()[:1000])

    def expect(self, *statuses):
        """Fails unless the exit status is one of @statuses. Returns self."""
        if self.status not in statuses:
            raise Failure("%s: expected exit status %s" % (self, " or ".join(map(str, statuses))))
        if ("Sanitizer" in self.messages or "runtime error:" in self.messages):
            raise Failure("%s" % self)
        return self


def inspect(*arguments, **more):
    """Runs py-inspect with @arguments."""
    timeout = more.pop("timeout", TIMEOUT)
    if not os.path.exists(PY_INSPECT):
        raise Failure("there is no %s: build it first, or set PY_INSPECT" % PY_INSPECT)
    try:
        run = subprocess.run([PY_INSPECT] + [str(each) for each in arguments], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False, **more)
    except subprocess.TimeoutExpired:
        raise Failure("`py-inspect %s` hangs: no answer in %d s" % (" ".join(map(str, arguments)), timeout))
    return Answer([str(each) for each in arguments], run.returncode, run.stdout.decode("utf-8", "replace"),
                  run.stderr.decode("utf-8", "replace"))


class Folder:
    """A temporary folder, removed at the end: with Folder() as path."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="libinspect-")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *details):
        shutil.rmtree(self.path, ignore_errors=True)


class Program:
    """A program that prints "ready" and waits: with Program([...]) as program: program.pid."""

    def __init__(self, command, environment=None, folder=None, limit=180, stdin=subprocess.DEVNULL, **more):
        self.folder, self.limit = folder, limit
        self.log = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=self.log,
                                            env=environment, cwd=folder, preexec_fn=self._allow_cores, **more)
        except OSError as error:
            raise Skip("cannot start %s: %s" % (command[0], error))
        self.pid = self.process.pid

    @staticmethod
    def _allow_cores():
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    def __enter__(self):
        try:
            self.wait_for(b"ready\n")
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_for(self, wanted):
        """Reads stdout until the line @wanted, and waits until it rests: it says so a moment before, and its threads may just
        begin."""
        end = time.monotonic() + self.limit
        seen = b""
        while wanted not in seen:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure("the program was not ready in %d s: %s" % (self.limit, self.messages()))
            block = os.read(self.process.stdout.fileno(), 4096)
            if not block:
                raise Failure("the program ended before it was ready: %s" % self.messages())
            seen += block
        wait_until_idle(self.pid)

    def messages(self):
        """The end of its stderr."""
        self.log.seek(0)
        return self.log.read()[-1500:].decode("utf-8", "replace")

    def __exit__(self, *details):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    # ---- cores ----

    def gcore(self, path, *commands):
        """Writes a core of it with gdb to @path; it goes on. What gdb cannot read of it is filled in (fill_core.py)."""
        arguments = GDB + GDB_OPTIONS + ["-iex", "set auto-solib-add off", "-p", str(self.pid)]
        fill = "shell %s %s %d %s" % (shlex.quote(sys.executable), shlex.quote(os.path.join(HERE, "fill_core.py")), self.pid,
                                      shlex.quote(path))
        for command in commands + ("gcore " + path, fill):
            arguments += ["-ex", command]
        run = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=TIMEOUT, check=False)
        if not os.path.exists(path):
            raise Failure("gcore wrote nothing: %s" % run.stdout.decode("utf-8", "replace")[-500:])
        return path

    def abort(self, path):
        """Ends it with SIGABRT; moves the core that the kernel writes to @path."""
        with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
            pattern = file.read().strip()
        if pattern.startswith("|") or "/" in pattern:
            raise Skip("kernel cores go elsewhere here: kernel.core_pattern is %s" % pattern)
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            raise Skip("kernel cores are forbidden here: the hard limit is 0")
        where = os.readlink("/proc/%d/cwd" % self.pid)
        before = set(glob.glob(os.path.join(where, "*")))
        os.kill(self.pid, signal.SIGABRT)
        self.process.wait()
        written = [name for name in set(glob.glob(os.path.join(where, "*"))) - before if os.path.getsize(name) > 0]
        if len(written) != 1:
            raise Failure("the kernel wrote %s in %s instead of one core" % (written, where))
        shutil.move(written[0], path)
        return path


def heap_program(interpreter, folder, *options, **more):
    """Starts tests/programs/heap.py under @interpreter; its record is FOLDER/record."""
    command = interpreter.command(os.path.join(PROGRAMS, "heap.py"), *(list(options) + [os.path.join(folder, "record")]))
    return Program(command, interpreter.env(), folder, **more)


def run_gdb(commands, *arguments, under=(), **more):
    """What gdb prints for @commands, with py-inspect's commands loaded; @under: the command that gdb is run by."""
    if not shutil.which(GDB[0]):
        raise Skip("gdb is not installed")
    loader = os.path.join(TOP, "gdb-scripts", "py-inspect.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.update(LIBINSPECT_LIBRARY=LIBRARY, LC_ALL="C.UTF-8")
    line = list(under) + GDB + GDB_OPTIONS + list(arguments) + ["-ex", "source " + loader]
    for command in commands:
        line += ["-ex", command]
    run = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                         env=environment, check=False, **more)
    return Answer(["(gdb)"] + list(commands), run.returncode, run.stdout.decode("utf-8", "replace"),
                  run.stderr.decode("utf-8", "replace"))


def has_disassembler():
    """Was the build configured with libcapstone? Without it nobody reads the code of traverse functions."""
    try:
        with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
            return any(re.match("CAPSTONE_LIBS = .*capstone", line) for line in file)
    except OSError:
        return True


def use_two_cores():
    """This process and all that it starts use two cores at most: each thread of py-inspect has a stack and buffers of its own,
    so how much memory it takes is a matter of how many cores there are, too."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def need_root():
    """Skips the test unless run by root."""
    if os.geteuid() != 0:
        raise Skip("needs root")


def need(program):
    """The path of @program; skips the test if it is not installed."""
    path = shutil.which(program)
    if not path:
        raise Skip("%s is not installed" % program)
    return path
