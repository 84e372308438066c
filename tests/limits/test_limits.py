#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--max-memory and --timeout: answers are whole or say which limit they reached, in time, wherever that happens.

    tests/limits/test_limits.py [check | check-full] [--interpreter NAME]... [-v]

limits-probe runs each verb many times in one process, with random deadlines and limits of memory: whatever is answered
within them must be, byte for byte, the answer without. On a build with sanitizers nothing may leak or be touched on the way.
"""
import json
import os
import signal
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [TESTS]

import elf  # noqa: E402
import interpreters  # noqa: E402
from runner import Results, check  # noqa: E402
from support import BUILD, Folder, PY_INSPECT, Program, SANITIZED, inspect, use_two_cores, wait_for_state  # noqa: E402

IN_MEMORY = "--temporary-directory="  # no files in place of memory: test_files.py
LATE = 1.0  # seconds of the processor that an answer may take after its deadline
VERY_LATE = 120  # seconds, on a machine that is busy with other things
HEAP = """import gc
gc.disable()
class Node:
    def __init__(self, number):
        self.number, self.name, self.me = number, "node %%d" %% number, [self, number]
keep = [Node(i) for i in range(%d)]
garbage = [Node(i) for i in range(%d)]
del garbage
print("ready", flush=True)
import time
time.sleep(100000)
"""
VERBS = (
    ["status"], ["heap"], ["gc"], ["generations"], ["objects", "--format=csv"], ["objects", "--sort=size", "--format=csv"],
    ["referents", "--all", "--format=csv"], ["roots", "--format=json"], ["cycles"], ["cycles", "--objects", "--format=csv"],
    ["garbage"], ["finalizers"], ["weakrefs"], ["verify"], ["refcounts"],
    ["sql", "SELECT type, count(*), sum(size) FROM objects GROUP BY type ORDER BY 2"],
    ["sql", "SELECT referrer, referent FROM refs ORDER BY referent", "--format=csv"],
)


def core_of(interpreter, folder, size):
    """A core of a heap with so many nodes, and the address of one."""
    path = os.path.join(folder, "core")
    with Program(interpreter.command("-I", "-c", HEAP % (size, size // 10)), interpreter.env()) as program:
        program.gcore(path)
    node = inspect("objects", path, "--type=*Node", "--limit=1", "--format=csv").output.splitlines()[1].split(",")[0]
    return path, node


def probe(*arguments, **more):
    """What limits-probe says."""
    ran = subprocess.run([os.path.join(BUILD, "limits-probe"), *map(str, arguments)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, check=False, **more)
    check(ran.returncode == 0, "limits-probe %s: %s", " ".join(map(str, arguments)), ran.stderr.decode()[-3000:])
    return json.loads(ran.stdout.decode())


def with_operands(node):
    """All calls."""
    return [list(verb) for verb in VERBS] + [[name, node] for name in ("object", "referents", "referrers", "path")]


# ---- random limits ---------------------------------------------------------------------------------------

def deadlines(path, node, rounds):
    """Deadlines anywhere; the later an answer, the later a hang would be noticed."""
    limited = begun = 0
    for number, verb in enumerate(with_operands(node)):
        seen = probe("timeouts", rounds, number + 1, path, *verb)
        check(seen["latest"] < LATE and seen["longest"] < VERY_LATE, "%s came %.2f s after its deadline, for which it took %.2f s of "
              "the processor", verb, seen["longest"], seen["latest"])
        limited += seen["limited"]
        begun += seen["begun"]
    check(limited > len(VERBS) * rounds // 2, "only %d of all calls met their deadline", limited)
    return "%d calls met their deadline, %d of them after their first rows" % (limited, begun)  # that for certain: cut_short()


def memory(path, node, rounds):
    """Limits anywhere below what is needed, and near it."""
    for number, verb in enumerate(with_operands(node)):
        seen = probe("memory", rounds, number + 1, path, *verb)
        check(seen["limited"] > 0, "%s: no limit was reached", verb)


def files(path, node, rounds, folder, every):
    """The same with temporary files: less memory is enough, and what is in files is the same answer."""
    outside = 0
    for number, verb in enumerate(with_operands(node)):
        if number % every or "--format=json" in verb:  # the note is in the answer
            continue
        seen = probe("files", rounds, number + 1, path, *verb, cwd=folder)
        strict = probe("memory", 1, 1, path, *verb)
        outside += seen["outside"]
        check(seen["needed"] < strict["needed"] * 1.02 + (64 << 10), "%s: %d bytes with files, %d without", verb, seen["needed"],
              strict["needed"])
    check(outside > rounds // 2, "only %d answers used files", outside)
    check(os.listdir(folder) == ["core"], "files were left: %s", os.listdir(folder))


def silence(path, node):
    """Nothing is silent for long: that is what deadlines and Ctrl-C rely on. In seconds of the processor."""
    for verb in with_operands(node):
        seen = probe("gaps", path, *verb)
        check(seen["silence"] < 0.5 + seen["seconds"] / 4, "%s said nothing for %.2f of %.2f s, between '%s' and '%s'", verb,
              seen["silence"], seen["seconds"], seen["before"], seen["after"])


# ---- the command -----------------------------------------------------------------------------------------

def says(arguments, status, *words):
    """Calls py-inspect; its status and words of its messages."""
    answer = inspect(*arguments)
    check(answer.status == status, "%s ended with %d, not %d: %s", answer, answer.status, status, answer.messages)
    for word in words:
        check(word in answer.messages, "%s does not say %r: %s", answer, word, answer.messages)
    return answer


def command(path):
    """What users see."""
    says(["heap", path, "--timeout=0.000001"], 3, "--timeout", "allow more")
    says(["heap", path, "--max-memory=1M", IN_MEMORY], 3, "--max-memory allows: of 1.0 MiB", "more were needed", "allow more")
    says(["heap", path, "--max-memory=100k"], 3, "of 100.0 KiB")
    says(["heap", path, "--timeout=0", "--max-memory=0"], 0)
    whole = says(["heap", path, "--timeout=3600", "--max-memory=8G", "--format=json"], 0).json()
    check(whole["complete"], "an answer within its limits is not complete")
    failed = inspect("heap", path, "--max-memory=1M", IN_MEMORY, "--format=json").json()
    check(failed["complete"] is False and "--max-memory" in failed["error"], "JSON does not tell of the limit: %r", failed)
    for wrong in ("x", "-1", "1e9", "", ".", "1.5.2", "5m"):
        says(["heap", path, "--timeout=" + wrong], 2, "--timeout takes seconds")
    for wrong in ("x", "-1", "1.5G", "1Q", "99999999999G"):
        says(["heap", path, "--max-memory=" + wrong], 2, "--max-memory")


def cut_short(path):
    """Rows that were given stay true: a prefix of the whole answer, and status 4. Who reads them has the first one, and does not
    go on until the time is over."""
    arguments = ["referents", path, "--all", "--format=csv"]
    whole = inspect(*arguments).output.splitlines()
    seconds, rows = 1, b""
    while not rows:
        seconds *= 2
        check(seconds < 1000, "no row came in %d seconds", seconds)
        with subprocess.Popen([PY_INSPECT, *arguments, "--timeout=%d" % seconds], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, bufsize=0) as process:
            rows = process.stdout.read(1)
            time.sleep(seconds if rows else 0)
            rest, messages = process.communicate()
        check(process.returncode == (4 if rows else 3) and b"--timeout" in messages, "%s: %d: %s", arguments, process.returncode, messages)
    rows = (rows + rest).decode().splitlines()
    check(1 < len(rows) < len(whole) and rows == whole[:len(rows)], "%d of %d rows are not the first of the answer", len(rows), len(whole))


def live(interpreter, size):
    """A process: its copy is counted before it is made, and it goes on."""
    with Program(interpreter.command("-I", "-c", HEAP % (size, 10)), interpreter.env()) as program:
        says(["heap", str(program.pid), "--max-memory=4M"], 3, "the copy of process %d" % program.pid, "gcore")
        says(["heap", str(program.pid), "--timeout=0.000001"], 3, "--timeout")
        wait_for_state(program.pid, "S")  # it goes on, and sleeps again
        says(["heap", str(program.pid), "--max-memory=8G", "--timeout=600"], 0)


def anonymous_peak(arguments):
    """The most anonymous memory that py-inspect has, in bytes, as the kernel says."""
    process = subprocess.Popen([PY_INSPECT, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
                peak = max([peak] + [int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon:")])
        except OSError:
            pass
        time.sleep(0.001)
    return peak


def accounting(path):
    """What is counted is what is used: the kernel's number is within some MiB of the least limit that is enough."""
    for verb in (["heap"], ["cycles"], ["refcounts"]):
        needed = probe("memory", 12, 1, path, *verb)["needed"]
        peak = anonymous_peak([verb[0], path, *verb[1:]])
        check(peak < needed * 1.1 + (24 << 20), "%s uses %d bytes, and %d are counted", verb, peak, needed)


# ---- cores that lie --------------------------------------------------------------------------------------

HUGE = (1 << 62, 1 << 47, (1 << 64) - 1, 1 << 40, 1 << 33)


def lies(path, folder):
    """Cores that claim huge sizes: the limit holds, whatever they say, and there is an answer."""
    for number, value in enumerate(HUGE):
        core = elf.Elf(path)
        count = len(core.program_headers)
        start, = struct.unpack_from("<Q", core.data, 0x20)
        for i in range(count):
            kind, = struct.unpack_from("<I", core.data, start + 56 * i)
            if kind == elf.PT_LOAD and i % len(HUGE) == number:
                struct.pack_into("<Q", core.data, start + 56 * i + 40, value)  # p_memsz
            elif kind == elf.PT_NOTE:
                offset, = struct.unpack_from("<Q", core.data, start + 56 * i + 8)
                at = core.data.find(b"ELIF", offset)
                if number % 2:
                    struct.pack_into("<Q", core.data, at + 4 + 8, value)  # the number of files
        lying = os.path.join(folder, "lying")
        core.write(lying)
        answer = inspect("heap", lying, "--max-memory=256M", "--timeout=60")
        check(answer.status in (0, 3, 4), "%s: status %d: %s", answer, answer.status, answer.messages)
        os.unlink(lying)
    # a list that claims to have more items than there is memory
    node = inspect("objects", path, "--type=list", "--sort=size", "--limit=1", "--format=csv").output.splitlines()[1]
    address = int(node.split(",")[0], 16)
    for value in HUGE:
        core = elf.Elf(path)
        core.set_word(address + 16, value)
        lying = os.path.join(folder, "lying")
        core.write(lying)
        for verb in ("heap", "cycles"):
            answer = inspect(verb, lying, "--max-memory=512M", "--timeout=60")
            check(answer.status in (0, 3, 4), "%s: status %d: %s", answer, answer.status, answer.messages)
        os.unlink(lying)


# ---- together --------------------------------------------------------------------------------------------

def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(options.verbose)
    use_two_cores()
    full = options.size == "check-full"
    size = 3000 if SANITIZED else 12000
    rounds = 40 if full else 4
    chosen = [interpreter for _number, interpreter in interpreters.chosen(options, results)]
    for interpreter in chosen if full else chosen[-1:]:
        def named(name, function, *arguments, interpreter=interpreter):
            results.run("%s %s" % (interpreter.name, name), function, *arguments)
        with Folder() as folder:
            path, node = core_of(interpreter, folder, size)
            named("deadlines", deadlines, path, node, rounds)
            named("memory", memory, path, node, rounds)
            named("files", files, path, node, rounds, folder, 1 if full else 3)
            named("silence", silence, path, node)
            named("command", command, path)
            named("lies", lies, path, folder)
            named("cut short", cut_short, path)
            if not SANITIZED:
                named("accounting", accounting, path)
        named("live", live, interpreter, size)
    return results.finish()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
