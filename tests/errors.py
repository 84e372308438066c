#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Targets that cannot be used, or only in part: each gets a clear message and its exit status, never a crash.

    tests/errors.py [check | check-full] [--only WORD]... [--seed N]

0 is a full answer, 3 an unusable target, 4 an answer with something missing. `check-full` truncates and corrupts a
core 1,000 times each, `check` less often. The seed is printed; with it a failure can be repeated.
"""
import argparse
import collections
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import elf  # noqa: E402
import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import Folder, Program, inspect  # noqa: E402

VERBS = (["status"], ["heap"], ["gc"], ["generations"], ["objects", "--values"], ["roots", "--limit", "1"])
# For damaged targets, in addition: what all tables are made of.
DEEP_VERBS = VERBS + (
    ["sql", "SELECT o.type, total(o.size), max(o.refcount), count(r.label), max(o.value), max(o.component), max(o.unreachable) "
            "FROM objects o LEFT JOIN refs r ON r.referent = o.address GROUP BY 1", "--limit=0"],
    ["sql", "SELECT type, total(length), max(text), max(substr(text, 1, 5)) FROM strings GROUP BY 1"],
    ["sql", "SELECT count(call) FROM threads UNION ALL SELECT count(types) FROM components UNION ALL SELECT count(place || label) "
            "FROM roots UNION ALL SELECT total(bytes) FROM types UNION ALL SELECT count(*) FROM finalizers"],
    ["verify"], ["refcounts"], ["audit", "--rules=" + os.path.join(support.TOP, "rules", "web-service.rules")],
)
SEARCHES = ("verify", "refcounts", "audit")  # that end with 1 if they find something
TESTS = []
SMALL = "import signal, os; keep = [[i] for i in range(1000)]; os.write(1, b'ready\\n'); signal.pause()"


def test(function):
    TESTS.append(function)
    return function


def run_verb(arguments, target, *more):
    """py-inspect VERB TARGET OPTIONS."""
    return inspect(arguments[0], target, *(list(arguments[1:]) + list(more)))


class Context:
    """What the tests share: an interpreter, a core of it and its folder."""

    def __init__(self, folder, usable, full, seed):
        self.folder, self.usable, self.full, self.seed = folder, usable, full, seed
        preferred = [each for each in usable if not each.prefix and not each.debug and each.hexversion >= 0x03080000]
        if not preferred:
            raise Skip("there is no CPython 3.8 or later that needs no ld.so to start")
        self.interpreter = sorted(preferred, key=lambda each: (each.origin != "system", -each.hexversion))[0]
        self.cores = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, interpreter=None):
        """A small Python process."""
        interpreter = interpreter or self.interpreter
        return Program(interpreter.command("-S", "-c", SMALL), interpreter.env(), self.folder)

    def core(self, interpreter=None):
        """A small core of @interpreter. Not to be changed."""
        interpreter = interpreter or self.interpreter
        if interpreter.name not in self.cores:
            path = self.path("core-" + interpreter.name)
            with self.program(interpreter) as program:
                try:
                    program.abort(path)
                except Skip:
                    program.gcore(path)
            self.cores[interpreter.name] = path
        return self.cores[interpreter.name]

    def copy(self, path, name="copy"):
        """A copy of the file @path to damage."""
        copy = self.path(name)
        shutil.copyfile(path, copy)
        return copy


def expect_message(answer, *words):
    """The message has every one of @words, in whatever case."""
    for word in words:
        check(word.lower() in answer.messages.lower(), "%s: the message does not say '%s'", answer, word)


# ---- what is no target at all ----------------------------------------------------------------------

@test
def no_such_file(context):
    path = context.path("nothing")
    expect_message(inspect("heap", path).expect(3), path)


@test
def empty_file(context):
    path = context.path("empty")
    open(path, "w").close()
    expect_message(inspect("heap", path).expect(3), path)


@test
def text_file(context):
    expect_message(inspect("heap", os.path.abspath(__file__)).expect(3), "ELF")


@test
def folder_instead_of_file(context):
    expect_message(inspect("heap", context.folder).expect(3), context.folder)


@test
def unreadable_file(context):
    support.need_root()
    path = context.path("secret")
    with open(path, "w") as file:
        file.write("secret")
    os.chmod(path, 0)
    answer = as_nobody("heap", path).expect(3)
    expect_message(answer, path, "permission")


@test
def executable_instead_of_core(context):
    expect_message(inspect("heap", context.interpreter.path).expect(3), "core")


@test
def other_machines_core(context):
    """A core of a 32-bit or big-endian machine."""
    for offset, value in ((4, 1), (5, 2)):
        path = context.copy(context.core())
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(bytes([value]))
        for verb in VERBS:
            run_verb(verb, path).expect(3)


@test
def unknown_machine(context):
    path = context.copy(context.core())
    with open(path, "r+b") as file:
        file.seek(18)
        file.write(struct.pack("<H", 0xfeed))
    inspect("heap", path).expect(3, 4)


@test
def core_without_python(context):
    command = [support.need("sleep"), "1000"]
    for way in ("kernel", "gcore"):
        program = Program(command, None, context.folder)
        try:
            support.wait_for_state(program.pid, "S")
            path = context.path("sleep-" + way)
            program.gcore(path) if way == "gcore" else program.abort(path)
        finally:
            program.__exit__()
        for verb in VERBS[1:]:
            expect_message(run_verb(verb, path).expect(3), "Python")


@test
def process_without_python(context):
    program = Program([support.need("sleep"), "1000"], None, context.folder)
    try:
        support.wait_for_state(program.pid, "S")
        for verb in VERBS[1:]:
            expect_message(run_verb(verb, program.pid).expect(3), "Python")
        check(program.process.poll() is None, "the process did not survive")
    finally:
        program.__exit__()


@test
def process_that_reserves_terabytes(context):
    """What a process reserves and does not use takes no time."""
    path = context.path("reserve")
    source = os.path.join(support.PROGRAMS, "reserve.c")
    run = subprocess.run([support.need("gcc"), source, "-o", path], stderr=subprocess.PIPE, check=False)
    if run.returncode:
        raise Skip("cannot compile: %s" % run.stderr.decode("utf-8", "replace")[-300:])
    with Program([path], None, context.folder) as program:
        expect_message(inspect("heap", program.pid).expect(3), "Python")
        check(program.process.poll() is None, "the process did not survive")


# ---- processes -------------------------------------------------------------------------------------

@test
def no_such_process(context):
    process = subprocess.Popen(["true"])
    process.wait()
    expect_message(inspect("heap", process.pid).expect(3), str(process.pid))
    inspect("heap", 4194304 * 100).expect(3)
    inspect("heap", "99999999999999999999999").expect(2, 3)


@test
def zombie_process(context):
    process = subprocess.Popen(["true"])
    support.wait_for_state(process.pid, "Z")
    try:
        inspect("heap", process.pid).expect(3)
    finally:
        process.wait()


@test
def kernel_thread(context):
    try:
        with open("/proc/2/cmdline") as file:
            thread = file.read() == ""
    except OSError:
        thread = False
    if not thread:
        raise Skip("there is no kernel thread 2 in sight")
    inspect("heap", 2).expect(3)


@test
def itself_or_init(context):
    inspect("status", 1).expect(0, 3, 4)


def as_nobody(*arguments):
    """py-inspect run without any privilege."""
    setpriv = support.need("setpriv")
    keep = support.PY_INSPECT
    become = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    arguments = [str(each) for each in arguments]
    if subprocess.run(become + ["test", "-x", keep], check=False).returncode:
        raise Skip("others may not run %s" % keep)
    run = subprocess.run(become + [keep] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=support.TIMEOUT, check=False)
    return support.Answer(arguments, run.returncode, run.stdout.decode(), run.stderr.decode())


@test
def process_of_somebody_else(context):
    support.need_root()
    with context.program() as program:
        answer = as_nobody("heap", program.pid).expect(3)
        expect_message(answer, str(program.pid))
        check("permi" in answer.messages or "may not" in answer.messages or "not allowed" in answer.messages,
              "%s: does not say that it is a matter of permission", answer)


@test
def process_that_ends_meanwhile(context):
    """Killed at every moment of an answer."""
    with context.program() as program:
        began = time.monotonic()
        inspect("objects", program.pid, "--format", "jsonl").expect(0)
        usual = time.monotonic() - began
    for number in range(40 if context.full else 12):
        with context.program() as program:
            arguments = [support.PY_INSPECT, "objects", str(program.pid), "--format", "jsonl"]
            command = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE)
            time.sleep(usual * 1.2 * number / 12 if number < 12 else random.random() * usual)
            program.process.kill()
            try:
                messages = command.communicate(timeout=support.TIMEOUT)[1].decode()
            except subprocess.TimeoutExpired:
                command.kill()
                raise Failure("hangs when the process ends meanwhile")
            support.Answer(arguments[1:], command.returncode, "", messages).expect(0, 3, 4)


@test
def killed_while_it_holds_the_process(context):
    """When py-inspect dies, the process goes on."""
    for number in range(6):
        with context.program() as program:
            command = subprocess.Popen([support.PY_INSPECT, "objects", str(program.pid)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.002 * number)
            command.kill()
            command.wait()
            support.wait_for_state(program.pid, "SR")


@test
def stopped_process(context):
    """A process that is stopped (by SIGSTOP) is read and stays stopped."""
    with context.program() as program:
        os.kill(program.pid, signal.SIGSTOP)
        support.wait_for_state(program.pid, "Tt")
        inspect("heap", program.pid).expect(0)
        support.wait_for_state(program.pid, "Tt")
        os.kill(program.pid, signal.SIGCONT)


@test
def the_process_goes_on(context):
    """A working process works on, unharmed, while it is looked at again and again."""
    text = ("import os, sys, gc\nos.write(1, b'ready\\n')\nn = 0\nwhile True:\n    keep = [[i] for i in range(1000)]\n"
            "    n += 1\n    if sys.stdin.read(0) is None: break\n")
    with Program(context.interpreter.command("-S", "-c", text), context.interpreter.env(), context.folder) as program:
        for _ in range(30 if context.full else 10):
            for verb in VERBS[:4]:
                run_verb(verb, program.pid).expect(0, 4)
        check(program.process.poll() is None, "the process has ended: %s", program.messages())


# ---- wrong calls -----------------------------------------------------------------------------------

@test
def wrong_calls(context):
    core = context.core()
    for arguments in ([], ["nonsense", core], ["heap"], ["heap", core, "--nonsense"], ["heap", core, "--limit", "many"],
                      ["objects", core, "--generation", "7"], ["heap", core, "--format", "xml"], ["object", core],
                      ["heap", core, "--limit"], ["object", core, "nonsense"]):
        answer = inspect(*arguments).expect(2)
        check(answer.messages.strip(), "%s: says nothing", answer)
        check(not answer.output, "%s: writes to stdout", answer)


@test
def no_such_object(context):
    for address in ("0x10", "0xffffffffffffffff", "0x7fffffffffff", "0"):
        answer = inspect("object", context.core(), address)
        check(answer.status in (3, 4), "%s: expected 3 or 4", answer)
        check(answer.messages.strip(), "%s: says nothing", answer)


@test
def output_that_nobody_reads(context):
    """A reader that goes away ends it without noise."""
    command = subprocess.Popen([support.PY_INSPECT, "objects", context.core(), "--format", "jsonl"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    command.stdout.read(10)
    command.stdout.close()
    messages = command.stderr.read().decode()
    status = command.wait()
    check(status >= 0 or status == -signal.SIGPIPE, "it died of signal %d: %s", -status, messages)
    check("anitizer" not in messages, messages)


@test
def full_device(context):
    """Output that cannot be written is an error, not a success."""
    with open("/dev/full", "w") as full:
        run = subprocess.run([support.PY_INSPECT, "objects", context.core(), "--format", "jsonl"], stdin=subprocess.DEVNULL,
                             stdout=full, stderr=subprocess.PIPE, check=False)
    check(run.returncode > 0 and run.stderr, "exit status %d and message %r", run.returncode, run.stderr)


# ---- damage ----------------------------------------------------------------------------------------

@test
def truncated_core(context):
    """Cut off at any length, and at the borders of its tables."""
    randomness = random.Random(context.seed)
    source = context.core()
    size = os.path.getsize(source)
    lengths = sorted([randomness.randrange(size) for _ in range(950 if context.full else 40)] +
                     [randomness.randrange(min(size, 8192)) for _ in range(50 if context.full else 10)], reverse=True)
    copy = context.copy(source)
    for number, length in enumerate(lengths):
        os.truncate(copy, length)
        try:
            verb = DEEP_VERBS[number % len(DEEP_VERBS)]
            answer = run_verb(verb, copy, *(["--format=json"] if verb[0] in SEARCHES else []))
            if verb[0] in SEARCHES and answer.status == 1:  # found something, and says that there may be more
                check(answer.expect(1).json()["complete"] is False, "%s: claims to be complete", answer)
            else:
                answer.expect(3, 4)
            check("no layout fits" not in answer.messages, "%s: what is missing is not the layout", answer)
        except Failure as failure:
            raise Failure("cut off at %d bytes (seed %d): %s" % (length, context.seed, failure))


@test
def reference_counts_of_any_size(context):
    """No count is so large or small that sums and differences go wrong."""
    older = [each for each in context.usable if not each.debug and each.hexversion < 0x030c0000]  # all 64 bits are the count
    if not older:
        raise Skip("there is no CPython before 3.12")
    core = elf.Elf(context.core(older[0]))
    rows = inspect("objects", context.core(older[0]), "--type=list", "--tracked", "--format=jsonl").lines()
    wanted = {}
    for row, count in zip(rows[-40:], (-1 << 63, (1 << 63) - 1, (-1 << 63) + 1, -1) * 10):
        wanted[row["address"]] = count
        core.set_word(int(row["address"], 16), count % (1 << 64))
    path = context.path("counts")
    core.write(path)
    said = {row["address"]: row for row in inspect("refcounts", path, "--objects", "--limit=0", "--format=jsonl").expect(1).lines()}
    for address, count in wanted.items():
        row = said[address]
        check(row["refcount"] == (count if count > -1 << 63 else None), "%s: the count is %d", row, count)  # the least: unknown
        check(row["excess"] == max(count - row["expected"], -(1 << 63) + 1), "%s: the excess is wrong", row)
    sums = inspect("refcounts", path, "--format=jsonl").expect(1).lines()
    check(sums[0]["verdict"] == "low" and sums[0]["excess"] == -(1 << 63) + 1, "%s: is not the least of all sums", sums[0])


def pointers_of(data, segments, randomness):
    """Some 8-byte words of @segments that look like pointers into them, as file offsets."""
    found = []
    for _ in range(200):
        _address, offset, size = randomness.choice(segments)
        at = offset + randomness.randrange(max(1, size // 8)) * 8
        if at + 8 <= len(data):
            value, = struct.unpack_from("<Q", data, at)
            if any(start <= value < start + length for start, _o, length in segments):
                found.append(at)
    return found


def damage(data, segments, hot, randomness, target):
    """Corrupts the open file @target somewhere in @segments, half of the time at one of the offsets @hot; returns what
    to write back: (offset, bytes)."""
    undo = []

    def write(at, block):
        block = block[:max(0, len(data) - at)]
        undo.append((at, bytes(data[at:at + len(block)])))
        target.seek(at)
        target.write(block)

    kind = randomness.randrange(6)
    for _ in range(randomness.choice((1, 1, 3, 20, 200))):
        address, offset, size = randomness.choice(segments)
        at = offset + randomness.randrange(size) // 8 * 8
        if randomness.randrange(2):
            at = max(0, randomness.choice(hot) + randomness.randrange(-4, 16) * 8)
        if kind == 0:
            write(at, bytes(randomness.randrange(256) for _ in range(8)))
        elif kind == 1:  # a pointer to somewhere else in memory
            start, _offset, length = randomness.choice(segments)
            for place in pointers_of(data, segments, randomness)[:3] + [at]:
                write(place, struct.pack("<Q", start + randomness.randrange(length) // 8 * 8))
        elif kind == 2:
            write(at, b"\xff" * 8)
        elif kind == 3:  # a page of nothing
            write(offset + randomness.randrange(size) // 4096 * 4096, bytes(4096))
        elif kind == 4:  # a large number
            write(at, struct.pack("<Q", 1 << randomness.randrange(64)))
        else:  # one bit
            write(at, bytes([data[at] ^ 1 << randomness.randrange(8)]) if at < len(data) else b"")
    return undo


def corrupt(context, interpreter, rounds):
    """Corrupts heap pages of a core @rounds times. Returns how often that made a difference to the exit status."""
    noticed = 0
    randomness = random.Random(context.seed)
    source = context.core(interpreter)
    copy = context.copy(source)
    parsed = elf.Elf(source)
    segments = [segment for segment in parsed.segments(writable=True) if segment[1] + 8 < len(parsed.data)]
    rows = inspect("objects", source, "--tracked", "--format", "jsonl").lines()
    objects = [row["address"] for row in rows]
    types = {row["type"]: int(row["address"], 16) for row in rows}
    hot = [parsed.offset(int(address, 16)) for address in objects]  # the objects' heads
    hot += [parsed.offset(address) for address in types.values()] * 5  # one of each type more often
    hot = [offset for offset in hot if offset]
    with open(copy, "r+b", buffering=0) as file:
        for number in range(rounds):
            undo = damage(parsed.data, segments, hot, randomness, file)
            verbs = DEEP_VERBS + (["object"] + randomness.sample(objects, 20),)
            verb = verbs[number % len(verbs)]
            try:
                if verb[0] == "object":
                    answer = inspect("object", copy, *verb[1:]).expect(0, 3, 4)
                else:
                    answer = run_verb(verb, copy, *(["--format", "jsonl"] if number % 2 else []))
                    answer.expect(0, 3, 4, *([1] if verb[0] in SEARCHES else []))
                noticed += answer.status in (3, 4)
            except Failure as failure:
                keep = os.path.join(os.environ.get("TMPDIR", "/tmp"), "libinspect-corrupt-core")
                shutil.copyfile(copy, keep)
                raise Failure("round %d of seed %d with %s (core kept as %s): %s" % (
                    number, context.seed, interpreter.name, keep, failure))
            for at, block in reversed(undo):
                file.seek(at)
                file.write(block)
    return noticed


@test
def corrupted_heap(context):
    """Heap pages with random damage: an answer, an incomplete one or an error."""
    by_version = {}
    for interpreter in context.usable:
        if not interpreter.debug or context.full:
            by_version.setdefault(interpreter.minor + (interpreter.debug,), interpreter)
    chosen = list(by_version.values())
    total = 1000 if context.full else 100
    noticed = 0
    for interpreter in chosen:
        rounds = max(5, total // len(chosen)) if interpreter is not context.interpreter else total
        noticed += corrupt(context, interpreter, rounds)
    check(noticed * 20 > total, "hardly any damage was noticed (%d times): the test is blunt", noticed)
    return "damage was noticed %d times" % noticed


@test
def corrupted_headers(context):
    """The ELF header, the program headers and the notes with random damage."""
    randomness = random.Random(context.seed)
    source = context.core()
    parsed = elf.Elf(source)
    first = min(offset for _address, offset, _size in parsed.segments())
    copy = context.copy(source)
    with open(copy, "r+b", buffering=0) as file:
        for number in range(500 if context.full else 60):
            places = [randomness.randrange(4, min(first, 1 << 16)) for _ in range(randomness.choice((1, 2, 10)))]
            for at in places:
                file.seek(at)
                file.write(bytes([randomness.randrange(256)]))
            try:
                verb = DEEP_VERBS[number % len(DEEP_VERBS)]
                run_verb(verb, copy).expect(0, 3, 4, *([1] if verb[0] in SEARCHES else []))
            except Failure as failure:
                raise Failure("round %d of seed %d: %s" % (number, context.seed, failure))
            for at in places:
                file.seek(at)
                file.write(bytes([parsed.data[at]]))


def walk(core, head_offset, start):
    """The GC heads of the list that @start is on, from its head's first, and the address of the list's head."""
    heads, at = [start], start
    while True:
        at = core.word(at) & ~3
        if at == start:
            break
        heads.append(at)
    return heads


def list_of(core, size, addresses):
    """(address of the generation's list head, GC heads in the list's order) of the list that @addresses are on."""
    ring = walk(core, 0, min(addresses) - size)
    foreign = [place for place, head in enumerate(ring) if head + size not in addresses]
    check(len(foreign) == 1, "the list of a generation has %d members that `objects` does not have", len(foreign))
    place = foreign[0]
    return ring[place], ring[place + 1:] + ring[:place]


def break_list(context, interpreter, name, damage_link):
    """Breaks the list of the oldest generation at half its length; what comes before must be told, and where it breaks."""
    source = context.core(interpreter)
    core = elf.Elf(source)
    rows = inspect("objects", source, "--tracked", "--format", "jsonl").expect(0).lines()
    by_generation = {}
    for row in rows:
        by_generation.setdefault(row["generation"], set()).add(int(row["address"], 16))
    generation = max((number for number in by_generation if number != "permanent"), key=lambda each: len(by_generation[each]))
    head_size = 16 if interpreter.hexversion >= 0x03080000 else 32
    head, members = list_of(core, head_size, by_generation[generation])
    half = len(members) // 2
    broken_at = members[half]
    damage_link(core, head, members, half)
    copy = context.path("broken")
    core.write(copy)
    answer = inspect("objects", copy, "--tracked", "--format", "jsonl").expect(4)
    said = [row for row in answer.lines() if row["generation"] == generation]
    wanted = {member + head_size for member in members[:half + 1]}
    found = {int(row["address"], 16) for row in said}
    check(wanted <= found or found == wanted - {broken_at + head_size},
          "%s: %d objects come before the break, said %d", name, len(wanted), len(found))
    check(len(found) <= len(wanted), "%s: %d objects come before the break, said %d", name, len(wanted), len(found))
    others = sum(len(each) for number, each in by_generation.items() if number != generation)
    check(len(answer.lines()) - len(said) == others, "%s: the other generations have %d objects, said %d", name, others,
          len(answer.lines()) - len(said))
    numbers = (str(half), str(half + 1))
    check(any(number in answer.messages.replace(",", "").replace(" ", "") for number in numbers),
          "%s: does not say that %d objects were read: %s", name, half, answer.messages)
    places = ["%x" % (address + offset) for address in (broken_at, members[half - 1]) for offset in (0, head_size)]
    check(any(place in answer.messages for place in places), "%s: does not say where it breaks (%#x): %s", name, broken_at,
          answer.messages)
    for verb in VERBS:
        run_verb(verb, copy).expect(4)
    document = inspect("generations", copy, "--format", "json").expect(4).json()
    check(document["complete"] is False and document["notes"], "%s: generations says that it is complete", name)


def references_by_object(core, status):
    """What each object refers to, but for guesses: counts of addresses by the object's address, as text."""
    rows = inspect("referents", core, "--all", "--no-labels", "--format", "csv").expect(status).output.splitlines()
    from_, to, guessed = map(rows[0].split(",").index, ("from", "to", "guessed"))
    references = collections.defaultdict(collections.Counter)
    for row in rows[1:]:
        fields = row.split(",")
        if fields[guessed] == "false":
            references[fields[from_]][fields[to]] += 1
    return references


@test
def arrays_that_overlap(context):
    """Every list claims a whole segment of memory as its items: told, in bounded time, and other objects have theirs."""
    source = context.core()
    parsed = elf.Elf(source)
    lists = {row["address"] for row in inspect("objects", source, "--type", "list", "--format", "jsonl").lines()}
    address, _offset, size = max(parsed.segments(writable=True), key=lambda segment: segment[2])[:3]
    copy = context.copy(source)
    with open(copy, "r+b") as file:
        for each in lists:
            file.seek(parsed.offset(int(each, 16)) + 16)
            file.write(struct.pack("<QQQ", size // 8, address, size // 8))  # ob_size, ob_item, allocated
    check(len(lists) * size // 8 > 10 * len(parsed.data) // 8, "the lists are too few")
    answer = inspect("roots", copy, "--limit", "1").expect(4)
    check("more references than the target has memory for" in answer.messages, "%s", answer)
    left_out = int(re.search(r"left out: (\d+), the first at 0x", answer.messages).group(1))
    check(left_out > len(lists) // 2, "%d lists, but %d objects are left out", len(lists), left_out)
    # The largest of the other objects cannot be told from these; all others keep theirs, and are lost only with what held them.
    before, after = references_by_object(source, 0), references_by_object(copy, 4)
    large = lists.union(each for each, targets in before.items() if sum(targets.values()) > 200)
    small = before.keys() - large
    check(len(small) > len(before) // 2, "only %d of %d objects are compared", len(small), len(before))
    wrong = [each for each in small & after.keys() if after[each] != before[each]]
    check(not wrong, "%d of %d objects have other references than before, as %s", len(wrong), len(small), wrong[:1])
    lost = small - after.keys()
    kept = [each for holder, targets in before.items() if holder not in lost | large for each in targets if each in lost]
    check(not kept, "%d objects are lost, though others hold them, as %s", len(kept), kept[:1])
    check(len(lost) < len(small) // 10, "%d of %d objects are lost", len(lost), len(small))
    inspect("heap", copy).expect(4)


@test
def stacks_of_zeros(context):
    """What gcore writes for stacks that it cannot read: told, since roots are missing."""
    source = context.core()
    threads = inspect("sql", source, "SELECT stack_start, stack_end FROM threads WHERE stack_start IS NOT NULL",
                      "--format", "json").expect(0).json()["rows"]
    check(threads, "there are no stacks")
    parsed = elf.Elf(source)
    copy = context.copy(source)
    with open(copy, "r+b") as file:
        for row in threads:
            start, end = int(row["stack_start"], 16), int(row["stack_end"], 16)
            file.seek(parsed.offset(start))
            file.write(bytes(end - start))
    for verb in ("roots", "heap"):
        answer = inspect(verb, copy).expect(4)
        wanted = "the core has zeros in place of the stacks of %d of %d threads" % (len(threads), len(threads))
        check(wanted in answer.messages, "%s: %s", verb, answer.messages)


@test
def list_that_does_not_close(context):
    """The next pointer of an object in the middle of a generation leads nowhere."""
    def nowhere(core, head, members, half):
        core.set_word(members[half], 0x4141414141414140)

    def null(core, head, members, half):
        core.set_word(members[half], 0)

    def loop(core, head, members, half):
        core.set_word(members[half], members[half // 2])

    def itself(core, head, members, half):
        core.set_word(members[half], members[half])

    def into_another_object(core, head, members, half):
        core.set_word(members[half], members[-1] + 40)

    seen = set()
    for interpreter in context.usable:
        if interpreter.minor in seen or interpreter.debug:
            continue
        seen.add(interpreter.minor)
        for kind in (nowhere, null, loop, itself, into_another_object):
            if context.full or interpreter is context.interpreter or kind in (nowhere, loop):
                break_list(context, interpreter, "%s %s" % (interpreter.name, kind.__name__), kind)


@test
def unknown_version(context):
    """A Python that says it is 3.99."""
    tried = 0
    for interpreter in context.usable:
        if interpreter.hexversion < 0x030b0000 or interpreter.origin == "pyenv" or interpreter.debug or interpreter.root:
            continue
        if interpreter.linked == "static":
            copy = future_python(context, interpreter)
            with Program([copy, "-S", "-c", SMALL], interpreter.env(), context.folder) as program:
                for verb in VERBS[1:]:
                    answer = run_verb(verb, program.pid).expect(3)
                    expect_message(answer, "3.99")
            tried += 1
    for interpreter in context.usable:
        if interpreter.root and interpreter.hexversion >= 0x030d0000 and not interpreter.debug:
            keep = interpreter.path
            copy = future_python(context, interpreter)
            interpreter.path = copy
            try:
                with Program(interpreter.command("-S", "-c", SMALL), interpreter.env(), context.folder) as program:
                    answer = inspect("heap", program.pid).expect(3)
                    expect_message(answer, "3.99")
            finally:
                interpreter.path = keep
            tried += 1
            if not context.full:
                break
    if not tried:
        raise Skip("there is no static executable of 3.11 or later")


def future_python(context, interpreter):
    """A copy of @interpreter's executable in which every mark of its version says 3.99."""
    program = elf.Elf(interpreter.path)
    symbols = program.symbols()
    version = struct.pack("<Q", interpreter.hexversion)
    future = struct.pack("<Q", 0x036300f0)
    places = [symbols["Py_Version"]]
    if interpreter.hexversion >= 0x030d0000:
        places.append(symbols["_PyRuntime"] + 8)  # _Py_DebugOffsets.version
    for address in places:
        at = program.offset(address)
        check(bytes(program.data[at:at + 8]) == version, "the version is not where it should be in %s", interpreter.path)
        program.data[at:at + 8] = future
    text = interpreter.build.split()[0].encode()
    replacement = b"3.99.0".ljust(len(text), b"0")[:len(text)] if len(text) >= 6 else b"3.99"[:len(text)]
    at = program.data.find(b"\0" + text)
    while at >= 0:
        program.data[at + 1:at + 1 + len(text)] = replacement
        at = program.data.find(b"\0" + text, at + 1)
    path = context.path("python-3.99")
    program.write(path)
    os.chmod(path, 0o755)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests whose name contains it")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="for the random damage")
    options = parser.parse_args()
    random.seed(options.seed)
    print("seed %d" % options.seed)
    results = Results(verbose=True)
    usable = [each for each in interpreters.find_all()[0] if not each.free_threaded]
    with Folder() as folder:
        try:
            context = Context(folder, usable, options.size == "check-full", options.seed)
        except Skip as reason:
            results.skip("errors", reason)
            results.finish()
        for function in TESTS:
            name = function.__name__.replace("_", " ")
            if not options.only or any(word in name for word in options.only):
                results.run(name, function, context)
    results.finish()


if __name__ == "__main__":
    main()
