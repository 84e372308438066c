#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--max-memory and temporary files: what does not fit into memory is put there, and the answer is the same.

    tests/limits/test_files.py [check | check-full] [-v]

A heap of refgc-scale, of a million objects and more, is asked with so little memory that not even one of its columns fits. The
kernel holds it to that, too (RLIMIT_DATA), and says how much memory there was. Then disks get full, folders are missing.
"""
import argparse
import os
import re
import resource
import shlex
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [TESTS, os.path.join(TESTS, "refgc")]

from runner import Results, Skip, check  # noqa: E402
from support import BUILD, Folder, PY_INSPECT, SANITIZED, need, need_root, run_gdb, use_two_cores  # noqa: E402
from test_scale import Heap  # noqa: E402

OBJECTS = {"check": 1000000, "check-full": 8000000}
BYTES = 5           # of memory for each object: a column of addresses takes 8
SORTED = ("objects", "--sort=size", "--limit=100", "--format=csv")  # needs columns
MIB = 1 << 20
NOTE = re.compile(r"note: memory was short: ([0-9.]+) ([KMG])iB were in temporary files in (.*); that takes longer")
VERBS = (
    ("heap",), ("cycles",), ("cycles", "--objects", "--format=csv"), ("objects", "--sort=size", "--format=csv"),
    ("referents", "--all", "--format=csv"), ("refcounts",), ("verify",),
    ("sql", "SELECT type, count(*), sum(size) FROM objects GROUP BY type ORDER BY 2"),
)


class Run:
    """A call of py-inspect on a core, with the most anonymous memory that the kernel saw it have."""

    def __init__(self, core, verb, *options, data=None, file_size=None, prefix=(), environment=None):
        def limit():
            for what, most in ((resource.RLIMIT_DATA, data), (resource.RLIMIT_FSIZE, file_size)):
                if most:
                    resource.setrlimit(what, (most, most))
        self.command = [*prefix, PY_INSPECT, verb[0], core, *verb[1:], *options]
        self.anonymous = 0
        with subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=limit, env=dict(os.environ, **environment or {})) as process:
            output = []
            while True:
                block = process.stdout.read1(1 << 20)
                self.look(process.pid)
                if not block:
                    break
                output.append(block)
            self.messages = process.stderr.read().decode()
        self.output, self.status = b"".join(output), process.returncode
        note = NOTE.search(self.messages)
        self.outside = float(note[1]) * {"K": 1 << 10, "M": MIB, "G": 1 << 30}[note[2]] if note else 0
        self.folder = note[3] if note else None

    def look(self, pid):
        try:
            with open("/proc/%d/status" % pid, encoding="ascii") as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        self.anonymous = max(self.anonymous, int(line.split()[1]) << 10)
        except OSError:
            pass

    def says(self, status, *words):
        check(self.status == status, "%s ended with %d, not %d: %s", self.command, self.status, status, self.messages)
        for word in words:
            check(word in self.messages, "%s does not say %r: %s", self.command, word, self.messages)
        return self


def calls(heap):
    """What is asked, with operands that the heap has."""
    target = hex(heap.truth["target"])
    return VERBS + (("path", target, "--count=3"), ("path", hex(heap.chain[-1]), "--steps", "--format=csv"),
                    ("referrers", target), ("object", target))


def without_note(messages):
    return [line for line in messages.splitlines() if not NOTE.search(line)]


def verify_same(heap):
    """Each answer, with as much memory as it takes and with as little; the kernel counts, too."""
    limit = heap.truth["objects"] * BYTES
    asked = "--max-memory=%d" % limit
    used = 0
    for verb in calls(heap):
        whole = Run(heap.core, verb)
        check(not whole.outside, "%s used files without a limit", verb)
        strict = Run(heap.core, verb, asked, "--temporary-directory=")
        less = Run(heap.core, verb, asked, "--temporary-directory=" + heap.folder)
        check(less.status == whole.status, "%s: %d, not %d: %s", less.command, less.status, whole.status, less.messages)
        check(less.output == whole.output, "%s: another answer with files", less.command)
        check(without_note(less.messages) == without_note(whole.messages), "%s: %s", less.command, less.messages)
        check(less.anonymous < limit + 8 * MIB, "%s had %d bytes of memory", less.command, less.anonymous)
        check(bool(less.outside) or strict.status == whole.status, "%s: no file, and no note of it", less.command)
        if strict.status != whole.status:
            strict.says(3, "--max-memory allows")
            check("temporary" not in strict.messages, "%s tells of files: %s", strict.command, strict.messages)
            check(less.folder == heap.folder, "%s: files in %s", less.command, less.folder)
            used += 1
    check(used >= len(VERBS) // 2, "only %d answers needed files", used)


def verify_data_limit(heap):
    """RLIMIT_DATA holds for what is counted, and files are no part of it; alone it is a reason for files, too."""
    limit, threads = heap.truth["objects"] * BYTES, 8 * MIB  # and what libraries have
    for verb in (SORTED, ("refcounts",)):
        whole = Run(heap.core, verb)
        for options in (("--max-memory=%d" % limit,), ()):
            less = Run(heap.core, verb, *options, "--temporary-directory=" + heap.folder, data=limit + threads)
            check(less.says(0).outside > 0, "%s used no files", less.command)
            check(less.output == whole.output, "%s: another answer", less.command)
        Run(heap.core, verb, "--temporary-directory=", data=limit + threads).says(3, "memory")


def verify_folders(heap):
    """Which folder it is: the one that is named, $TMPDIR, or one on a disk; a folder that is none is an error that says so."""
    few = "--max-memory=%d" % (heap.truth["objects"] * BYTES)
    check(Run(heap.core, SORTED, few, environment={"TMPDIR": heap.folder}).says(0).folder in (heap.folder, "/var/tmp", "/tmp"),
          "$TMPDIR is not used")
    memory = Run(heap.core, SORTED, few, environment={"TMPDIR": "/dev/shm"})
    check(memory.folder in (None, "/var/tmp", "/tmp"), "files in memory: %s", memory.folder)
    check(Run(heap.core, SORTED, few, "--temporary-directory=/dev/shm").says(0).folder == "/dev/shm", "another folder")
    for folder, why in (("/nonexistent", "No such file"), (heap.core, "Not a directory")):
        Run(heap.core, SORTED, few, "--temporary-directory=" + folder).says(
            3, "--max-memory allows", "a temporary file in %s could not take" % folder, why, "allow more", "--temporary-directory")
    check(sorted(os.listdir(heap.folder)) == ["chain", "core", "freed", "garbage", "truth.json"], "files were left: %s",
          os.listdir(heap.folder))


def verify_named_files(heap):
    """Where the file system knows no files without names they lose theirs at once."""
    shim = os.path.join(heap.folder, "no_tmpfile.so")
    subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "no_tmpfile.c")], check=True)
    with Folder() as folder:
        traced = os.path.join(folder, "trace")
        less = Run(heap.core, SORTED, "--max-memory=%d" % (heap.truth["objects"] * BYTES),
                   "--temporary-directory=" + folder, prefix=(need("strace"), "-f", "-e", "trace=openat,unlink", "-o", traced),
                   environment={"LD_PRELOAD": shim})
        check(less.says(0).outside > 0 and less.output == Run(heap.core, SORTED).output, "%s: another answer", less.command)
        check(os.listdir(folder) == ["trace"], "files were left: %s", os.listdir(folder))
        with open(traced, encoding="utf-8") as file:
            check(folder + "/libinspect-" in file.read(), "no file had a name")


def verify_full_disk(heap):
    """No room is an error before anything is written there, and no signal."""
    few = heap.truth["objects"] * BYTES
    options = ("--max-memory=%d" % few, "--temporary-directory=")
    for size in (64 << 10, few // 8, few):
        Run(heap.core, SORTED, options[0], options[1] + heap.folder, file_size=size).says(3, "File too large")
    need_root()
    script = "mount -t tmpfs -o size=%d none /mnt && exec \"$@\""
    for size in (1 << 16, few // 4, few):
        full = Run(heap.core, SORTED, options[0], options[1] + "/mnt",
                   prefix=(need("unshare"), "-m", "sh", "-c", script % size, "sh"))
        if full.status == 32 or "permission denied" in full.messages:
            raise Skip("mount namespaces are forbidden here")
        full.says(3, "a temporary file in /mnt could not take", "No space left on device", "allow more")
    enough = Run(heap.core, SORTED, options[0], options[1] + "/mnt",
                 prefix=(need("unshare"), "-m", "sh", "-c", script % (few * 20), "sh"))
    check(enough.says(0).output == Run(heap.core, SORTED).output, "%s: another answer", enough.command)


def verify_gdb(heap):
    """The same from gdb, by options and by parameters."""
    if SANITIZED:
        raise Skip("gdb cannot load libraries with sanitizers")
    few, program = heap.truth["objects"] * BYTES, os.path.join(BUILD, "refgc-scale")
    whole = Run(heap.core, SORTED).output.decode()
    ways = (
        ["py-inspect objects --sort=size --limit=100 --format=csv --max-memory=%d --temporary-directory=%s" % (few, heap.folder)],
        ["set py-inspect max-memory %d" % few, "set py-inspect temporary-directory " + heap.folder, "py-inspect objects --sort=size --limit=100 --format=csv"],
    )
    for commands in ways:
        answer = run_gdb(commands, program, heap.core)
        check(whole in answer.output, "%s: another answer: %s", commands, answer.output[-1000:])
        check(NOTE.search(answer.output + answer.messages), "%s: no note: %s", commands, answer)
    shown = run_gdb(["show py-inspect temporary-directory", "set py-inspect temporary-directory /x",
                     "show py-inspect temporary-directory"]).output
    check("/var/tmp" in shown and "is /x." in shown, "show says %s", shown)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=list(OBJECTS), default="check")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    results = Results(options.verbose)
    if SANITIZED:
        results.run("files", skip)
        return results.finish()
    use_two_cores()
    with Folder() as folder:
        heap = Heap(folder, OBJECTS[options.size])
        for verify in (verify_same, verify_data_limit, verify_folders, verify_named_files, verify_full_disk, verify_gdb):
            results.run(verify.__name__[7:].replace("_", " "), verify, heap)
    return results.finish()


def skip():
    raise Skip("programs with sanitizers leave no cores, and take another amount of memory")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
