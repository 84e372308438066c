# SPDX-License-Identifier: MIT
"""Starting gdb for a test: in batch, on a terminal, or as GDB/MI."""
import codecs
import errno
import fcntl
import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from support import TIMEOUT  # noqa: E402

TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))
LIBRARY = os.environ.get("LIBINSPECT_LIBRARY", os.path.join(BUILD, ".libs", "libinspect.so"))
PY_INSPECT = os.environ.get("PY_INSPECT", os.path.join(BUILD, "py-inspect"))
LOADER = os.path.join(TOP, "gdb-scripts", "py-inspect.py")
GDB = shlex.split(os.environ.get("GDB", "gdb"))
GDBSERVER = shlex.split(os.environ.get("GDBSERVER", "gdbserver"))
LOAD = "source " + LOADER
OPTIONS = ["-nx", "-q", "-iex", "set debuginfod enabled off", "-iex", "set confirm off", "-ex", LOAD]
MARK = "----- %s -----"


def environment(**more):
    """For gdb, and for programs that gdb starts."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    keep.update(LIBINSPECT_LIBRARY=LIBRARY, LC_ALL="C.UTF-8", TERM="xterm")
    keep.update(more)
    return {name: value for name, value in keep.items() if value is not None}


class Batch:
    """`gdb -batch` that has run: .output is what it printed, .answers what each command printed."""

    def __init__(self, commands, *arguments, timeout=TIMEOUT, env=None, **more):
        command = GDB + ["-batch"] + OPTIONS
        for number, line in enumerate(commands):
            command += ["-ex", "echo \\n%s\\n" % (MARK % number), "-ex", line]
        command += ["-ex", "echo \\n%s\\n" % (MARK % "end")]
        gdb = subprocess.Popen(command + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env=env or environment(), **more)
        timer = threading.Timer(timeout, gdb.kill)
        timer.start()
        with gdb.stdout:
            self.output = gdb.stdout.read().decode("utf-8", "backslashreplace")
        self.status = gdb.wait()
        timer.cancel()
        self.answers = re.split("\n?" + re.escape(MARK).replace("%s", r"\w+") + "\n", self.output)[1:-1]
        self.complete = MARK % "end" in self.output  # gdb has lived to the last command

    def rows(self, number):
        """The answer to a command with --format=jsonl, as dicts."""
        return [json.loads(line) for line in self.answers[number].splitlines() if line.startswith("{")]


class Terminal:
    """gdb on a terminal of its own."""

    PROMPT = "(gdb) "
    WIPED = re.compile("(?<![^\r\n])(?:\r\x1b\\[K[^\r\n]*)*\r\x1b\\[K")

    def __init__(self, test, *arguments, env=None, **more):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\0\x64\0\0\0\0\0")  # 40 rows of 100 columns

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        command = GDB + OPTIONS + ["-ex", "set pagination off"] + list(arguments)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=take_terminal, env=env or environment(), **more)
        os.close(slave)
        self._master = master
        self._seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a block may end within a character
        test.addCleanup(self.end)
        self.expect(self.PROMPT)

    def expect(self, text, timeout=TIMEOUT):
        """Waits until @text is printed; returns what was printed before."""
        end = time.monotonic() + timeout
        while text not in self._seen:
            if not select.select([self._master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("no %r in %r" % (text, self._seen[-2000:]))
            try:
                new = os.read(self._master, 65536)
            except OSError as error:
                new = b"" if error.errno == errno.EIO else None
            if not new:
                raise AssertionError("gdb has ended; no %r in %r" % (text, self._seen[-2000:]))
            self._seen += self._decoder.decode(new)
        before, _, self._seen = self._seen.partition(text)
        return before

    def send(self, text):
        """Types @text."""
        os.write(self._master, text.encode())

    def command(self, line, timeout=TIMEOUT):
        """Types a command and returns what is printed until the next prompt, without what is wiped at once: how far the work is,
        where it takes more than a second."""
        self.send(line + "\n")
        self.expect("\n", timeout)
        return self.WIPED.sub("", self.expect(self.PROMPT, timeout))

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self._master)


class Server:
    """A gdbserver that listens on .port. (On a pipe, gdb asks for errors after each byte: ten times slower.)"""

    def __init__(self, test, options, *program, **more):
        command = GDBSERVER + options + ["127.0.0.1:0"] + list(program)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, **more)
        test.addCleanup(self.end)
        said = ""
        for line in self.process.stderr:
            said += line
            match = re.match(r"Listening on port (\d+)", line)
            if match:
                self.port = match.group(1)
                return
        raise AssertionError("gdbserver does not listen: " + said)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


class Mi:
    """`gdb -i mi3`."""

    def __init__(self, test, *arguments):
        command = GDB + OPTIONS[:2] + ["-i", "mi3"] + OPTIONS[2:] + list(arguments)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, errors="replace",
                                        env=environment())
        test.addCleanup(self.end)

    def command(self, line):
        """Sends a command; returns the result's class ("done", "error") and its values."""
        timer = threading.Timer(TIMEOUT, self.process.kill)
        timer.start()
        self.process.stdin.write("7" + line + "\n")
        self.process.stdin.flush()
        for answer in self.process.stdout:
            if answer.startswith("7^"):
                timer.cancel()
                kind, _, rest = answer[2:].rstrip("\n").partition(",")
                return kind, mi_values(rest)
        raise AssertionError("gdb has ended at %s, or has taken too long" % line)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def mi_values(text):
    """The results `name=value,...` of GDB/MI as a dict of str, list and dict."""
    position = 0

    def value():
        nonlocal position
        if text[position] == '"':
            match = re.compile(r'"((?:\\.|[^"\\])*)"').match(text, position)
            position = match.end()
            raw = re.sub(r"\\([0-7]{3}|.)", unescape, match.group(1))
            return raw.encode("latin-1", "replace").decode("utf-8", "replace")
        if text[position] == "{":
            return items("}", lambda into: into.__setitem__(name(), value()), {})
        return items("]", lambda into: into.append(value()), [])

    def unescape(match):
        word = match.group(1)
        return chr(int(word, 8)) if len(word) == 3 else {"n": "\n", "t": "\t", "r": "\r"}.get(word, word)

    def name():
        nonlocal position
        end = text.index("=", position)
        found, position = text[position:end], end + 1
        return found

    def items(close, take, into):
        nonlocal position
        position += 1
        while text[position] != close:
            if text[position] == ",":
                position += 1
            take(into)
        position += 1
        return into

    text = "{" + text + "}"
    return value()
