#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What verbs print of secrets: with --redact nothing, by default no values.

    tests/secrets/test_redact.py [check | check-full] [--interpreter NAME]... [--seed N] [-v]

For each interpreter tests/programs/planted_secrets.py plants secrets of all kinds. Every verb that the library knows is
called with each of its options and all of them together, in every format, live, of a core and in gdb: with --redact no
six characters of a secret may be in what it says. A verb that comes later is called, too; what operands it takes that
are no addresses, CALLS says. Without --redact the same calls show secrets: the test can fail.

Environment: as for tests/e2e.py.
"""
import importlib.util
import json
import os
import random
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [TESTS, HERE]

import interpreters  # noqa: E402
import support  # noqa: E402
from finder import Finder, test_finder  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

# What is written over parts of the heap.
DAMAGE = "tgvxkqnwhzjprsmkxwvtgqzhkjnprxsw"

# Secrets that no program plants but who starts it.
GIVEN = {"argument": "wxzqpkvgrmtjnhswzk", "option's argument": "zvkqgxrjhmwtpnskqj", "environment": "mkqzwvhgtxpjrnskvz"}


def queries(planted, thorough):
    """All rows of all tables; of those that are verbs, also with arguments."""
    schema = support.inspect("sql", planted.core, "SELECT DISTINCT table_name FROM schema", "--format=jsonl").expect(0, 4)
    tables = [row["table_name"] for row in schema.lines()]
    check({"objects", "strings", "path"} <= set(tables), "tables are %s", tables)
    addresses = " ".join(planted.addresses[:20])
    arguments = ["", "('%s')" % addresses, "('--values')", "('%s --values')" % addresses]
    if not thorough:  # the verbs themselves are asked
        tables = [table for table in tables if table not in OWN_TABLES] + ["path"]
        arguments = arguments[::3]
    return [["SELECT * FROM %s%s" % (table, given)] for table in tables for given in arguments]


# Tables that say what a verb says.
OWN_TABLES = {"refs", "objects", "heap", "status", "generations", "object", "referents", "referrers", "path", "cycles",
              "garbage", "finalizers", "weakrefs", "refcounts", "verify"}

RULES = """
[sessions]
severity = error
message  = {count} objects, such as {type}
check    = no object of type __main__.*

[keys]
severity = error
message  = no
query    = SELECT * FROM refs WHERE referrer_type = 'dict' LIMIT 3000

[text]
severity = warning
message  = no
query    = SELECT * FROM objects WHERE size > 60 LIMIT 3000
"""


def audit_rules(folder):
    """Rules that are broken, so that examples are shown."""
    path = os.path.join(folder, "rules")
    with open(path, "w", encoding="ascii") as file:
        file.write(RULES)
    return ["--rules=" + path]


# Options without which a verb does not go: functions of a folder.
NEEDED = {"audit": audit_rules}

# What is asked of verbs whose operands are no addresses: functions of the program.
CALLS = {"sql": queries}

# Verbs that show secrets when they are not told to redact: all that show names, keys or values.
SHOWING = {"heap", "objects", "object", "referents", "referrers", "roots", "path", "cycles", "garbage",
           "finalizers", "weakrefs"}

# Options that make no difference: they limit, or say what is in other calls; and those that only leave rows out.
IGNORED = {"help", "redact", "format", "runtime", "sort", "reverse", "rules", "max-memory", "temporary-directory",
           "timeout"}
FILTERS = {"tracked", "untracked", "generation", "kind", "check", "verdict", "dead", "callbacks", "called"}

# Options that ask for values.
ASKING = {"values", "arguments"}

# Verbs that are a question for values.
VALUES = {"object"}

def load_library():
    """libinspect through what gdb's commands use."""
    path = os.path.join(support.TOP, "gdb-scripts", "py_inspect", "library.py")
    specification = importlib.util.spec_from_file_location("libinspect_library", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Session:
    """A target, opened once and asked many times through the library."""

    def __init__(self, module, library, core):
        self.module, self.library = module, library
        self.progress = module.PROGRESS(lambda *arguments: True)
        self.session = library.open_core(core, None, None, self.progress, module.Limits())

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.library.close(self.session)

    def ask(self, arguments):
        """The exit status, and all that is printed."""
        import ctypes
        pieces = []

        def take(_context, text, size):
            pieces.append(ctypes.string_at(text, size))
            return True
        write = self.module.WRITE(take)
        status = self.library.run(self.session, arguments, write, write, self.module.Screen(), None)
        return status, b"".join(pieces)


class Commands:
    """The same through py-inspect, since Python cannot load a library with sanitizers in it."""

    def __init__(self, _module, _library, core):
        self.core = core

    def __enter__(self):
        return self

    def __exit__(self, *details):
        pass

    def ask(self, arguments):
        """As Session.ask()."""
        answer = support.inspect(arguments[0], self.core, *arguments[1:]).expect(0, 1, 2, 3, 4)
        return answer.status, (answer.output + answer.messages).encode()


def ask(module, library, core):
    """A Session, or what there is instead."""
    return (Commands if support.SANITIZED else Session)(module, library, core)


# ---- calls ----

def operands_of(verb, planted, thorough=False):
    """Lists of operands to call @verb with."""
    if verb.name in CALLS:
        return CALLS[verb.name](planted, thorough)
    if not verb.operands:
        return [[]]
    if verb.operands == "ADDRESS...":
        return [planted.addresses]
    if verb.operands == "[ADDRESS...]":
        return [planted.addresses, []]
    raise Failure("%s takes %s: say in CALLS of tests/secrets/test_redact.py what to call it with" % (verb.name, verb.operands))


def options_of(verb, thorough):
    """Each option that changes what is shown, as arguments."""
    result = []
    for option in verb.options:
        if option.name in IGNORED or (option.name in FILTERS and not thorough):
            continue
        if option.values:
            result += [["--%s=%s" % (option.name, value)] for value in option.values]
        elif not option.argument:
            result.append(["--" + option.name])
        elif option.name in ("count", "limit"):
            result.append(["--%s=3" % option.name])
    return result


def formats_of(verb):
    """What --format takes."""
    return next(option.values for option in verb.options if option.name == "format")


def combinations(verb, folder, thorough):
    """Options to call @verb with, and in which format."""
    every = options_of(verb, thorough)
    needed = NEEDED[verb.name](folder) if verb.name in NEEDED else []
    alone = [[]] + every
    flags = [option for option in every if "=" not in option[0]]
    together = [sum((option for option in flags if option != skipped), []) for skipped in [None] + flags]
    limit = ["--limit=0"] if any(option.name == "limit" for option in verb.options) else []
    for options in alone + together:
        if "--limit=3" not in options:
            options = options + limit
        whole = options == together[0] + limit and verb.name not in CALLS
        for name in formats_of(verb) if whole or thorough else ["json"]:
            yield needed + options + ["--format", name]


def calls(verbs, planted, thorough):
    """All calls: the verb, and its arguments."""
    for verb in verbs:
        seen = set()
        for operands in operands_of(verb, planted, thorough):
            for options in combinations(verb, planted.folder, thorough):
                call = tuple([verb.name] + options + ["--"] + operands)
                if call not in seen:
                    seen.add(call)
                    yield verb, list(call)


def is_wrong(library, arguments):
    """Does the verb refuse them together?"""
    return library.wrong_call(arguments) is not None


def is_no_query(output):
    """Does the table take other arguments?"""
    return re.match(rb"(?:py-inspect: )?error: .*(needs|has no option|takes no|too many arguments)", output)


# ---- tests ----

class Planted:
    """The program, and what it has."""

    def __init__(self, interpreter, folder, seed):
        self.folder, record = folder, os.path.join(folder, "record")
        command = interpreter.command(os.path.join(support.PROGRAMS, "planted_secrets.py"), seed, record,
                                      GIVEN["argument"], "--password=" + GIVEN["option's argument"])
        environment = interpreter.env(TOKEN=GIVEN["environment"])
        self.program = support.Program(command, environment, folder)
        self.record = record

    def __enter__(self):
        self.program.__enter__()
        with open(self.record, encoding="utf-8") as file:
            self.record = json.load(file)
        self.texts = dict(self.record["texts"], **GIVEN)
        self.finder = Finder(self.texts, self.record["numbers"])
        self.addresses = ["0x%x" % address for address in dict.fromkeys(self.record["addresses"])]
        self.core = self.program.gcore(os.path.join(self.folder, "core"))
        return self

    def __exit__(self, *details):
        self.program.__exit__(*details)


def complain(found, arguments):
    """Fails: secrets were seen."""
    if len(arguments) > 12:
        arguments = arguments[:12] + ["…"]
    raise Failure("%d secrets are in what `%s` says: %s" % (
        len(found), " ".join(arguments), "; ".join("%s: %s" % (how, found[how]) for how in sorted(found)[:10])))


def look_redacted(planted, module, library, thorough):
    """Every call with --redact shows nothing."""
    asked = {}
    with ask(module, library, planted.core) as session:
        for verb, arguments in calls(library.verbs, planted, thorough):
            redacted = arguments[:1] + ["--redact"] + arguments[1:]
            if is_wrong(library, arguments):
                continue
            status, output = session.ask(redacted)
            if verb.name in CALLS and is_no_query(output):
                continue
            check(status in (0, 1, 4), "`%s` → %s %s", " ".join(redacted[:12]), status,
                  output[-500:].decode("utf-8", "replace"))
            found = planted.finder.find(output)
            if found:
                complain(found, redacted)
            asked[verb.name] = asked.get(verb.name, 0) + 1
    missing = {verb.name for verb in library.verbs} - set(asked)
    check(not missing, "%s cannot be called: say in tests/secrets/test_redact.py how", ", ".join(sorted(missing)))
    return "%d calls" % sum(asked.values())


def look_plain(planted, module, library, thorough):
    """The same without it shows every secret somewhere, but values only where they are asked for."""
    shown, by_verb = set(), {}
    with ask(module, library, planted.core) as session:
        for verb, arguments in calls(library.verbs, planted, thorough):
            if "json" not in arguments or is_wrong(library, arguments):
                continue
            found = planted.finder.find(session.ask(arguments)[1])
            by_verb.setdefault(verb.name, set()).update(found)
            shown.update(found)
            asks = verb.name in VALUES | set(CALLS) or any("--" + name in arguments for name in ASKING)
            values = {how: part for how, part in found.items() if not asks and how not in planted.record["names"]}
            if values:
                complain(values, arguments)
    silent = {name for name in SHOWING if not by_verb.get(name)}
    check(not silent, "without --redact no secrets are shown by %s: what is tested?", ", ".join(sorted(silent)))
    known = set(planted.texts) | set(planted.record["numbers"])
    check(known == shown, "without --redact these are not shown: %s", ", ".join(sorted(known - shown)))
    return "%d secrets" % len(known)


def damaged_core(planted, seed):
    """A copy of the core in which the heads and first words of many objects, which @seed chooses, are text."""
    path = os.path.join(planted.folder, "damaged")
    with open(planted.core, "rb") as file:
        data = bytearray(file.read())
    begin, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<II6Q", data, begin + i * size) for i in range(count)]
    for i, address in enumerate(random.Random(seed).sample(planted.record["addresses"], 60)):
        for kind, _, offset, start, _, length, _, _ in segments:
            if kind == 1 and start <= address < start + length:
                at = offset + address - start + 8 * (i % 5)
                word = 8 * (i % 4)
                data[at:at + 8] = DAMAGE[word:word + 8].encode()
    with open(path, "wb") as file:
        file.write(data)
    return path


def look_at_damage(planted, module, library, seed):
    """Text where addresses and numbers should be: messages say what stands there, but not with --redact."""
    words = [DAMAGE[i:i + 8].encode() for i in range(0, len(DAMAGE), 8)]
    numbers = {"number of %s" % word.decode(): str(int.from_bytes(word, "little")) for word in words}
    finder = Finder(dict(planted.texts, damage=DAMAGE), dict(planted.record["numbers"], **numbers))
    shown = {}
    with ask(module, library, damaged_core(planted, seed)) as session:
        for redact in (True, False):
            for verb, arguments in calls(library.verbs, planted, False):
                if "json" not in arguments or is_wrong(library, arguments):
                    continue
                status, output = session.ask(arguments[:1] + ["--redact"] * redact + arguments[1:])
                check(status in (0, 1, 2, 3, 4), "`%s` → %s", " ".join(arguments[:12]), status)
                found = finder.find(output)
                if found and redact:
                    complain(found, arguments)
                shown.update(found)
    missing = ({"damage"} | set(numbers)) - set(shown)
    check(len(missing) < 3 and "damage" not in missing, "damage is not shown without --redact: %s", missing)


HEAP = """make dict D
make str S ghjkmnpqrstvwxzgh
make bytes B zxwvtsrqpnmkjhgzx
make int N 4611686018427387904
make list L
link D S qzzvkwqzxxq
link D L other
link L S
link L B
link L N
checkpoint wait
"""


def look_at_refgc():
    """A heap that describes itself: with --redact nothing of its values and keys."""
    driver = os.path.join(support.BUILD, "refgc")
    if not os.path.exists(driver):
        raise Skip("there is no %s" % driver)
    finder = Finder({"str": "ghjkmnpqrstvwxzgh", "bytes": "zxwvtsrqpnmkjhgzx", "key": "qzzvkwqzxxq"},
                    {"int": "4611686018427387904"})
    with subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdin.write(HEAP.encode())
        program.stdin.close()
        program.stdout.readline()  # the report of the checkpoint
        found = {}
        try:
            for redact in ([], ["--redact"]):
                for call in (["status"], ["heap"], ["objects", "--values"], ["referents", "--all"], ["roots", "--values"]):
                    answer = support.inspect(*(call + [program.pid, "--format=json"] + redact)).expect(0, 4)
                    seen = finder.find((answer.output + answer.messages).encode())
                    if seen and redact:
                        complain(seen, call + redact)
                    found.update(seen)
        finally:
            program.kill()
    check(len(found) == 4, "without --redact only these are shown: %s", found)


def one_call(verb, planted):
    """A call with as much in it as goes."""
    operands = ["SELECT * FROM strings"] if verb.name == "sql" else operands_of(verb, planted)[0]
    values = ["--values"] if any(option.name == "values" for option in verb.options) else []
    needed = NEEDED[verb.name](planted.folder) if verb.name in NEEDED else []
    return [verb.name], ["--redact"] + needed + values, operands


def look_live(planted, library):
    """The shell's command, at the process itself."""
    said = support.inspect("status", "--arguments", planted.program.pid).expect(0, 4).output.encode()
    check({"argument", "option's argument"} <= set(planted.finder.find(said)), "arguments are not said: %s", said)
    for verb in library.verbs:
        name, options, operands = one_call(verb, planted)
        arguments = name + [str(planted.program.pid)] + options + operands
        answer = support.inspect(*arguments).expect(0, 1, 4)
        found = planted.finder.find((answer.output + answer.messages).encode())
        if found:
            complain(found, arguments)


def look_in_gdb(planted, library):
    """gdb's commands, one after the other, with others that are not redacted between them."""
    address = planted.addresses[0]
    commands = []
    for verb in library.verbs:
        name, options, operands = one_call(verb, planted)
        commands.append("py-inspect " + " ".join(name + options + operands))
    answer = support.run_gdb(["set pagination off", "set width 0", "printf \"begin\\n\""] + commands + ["printf \"end\\n\""],
                             "-p", str(planted.program.pid))
    check("begin\n" in answer.output and "\nend\n" in answer.output, "gdb: %s\n%s",
          answer.output[-500:], answer.messages[-1000:])
    check("rror" not in answer.messages, "gdb: %s", answer.messages[-2000:])
    found = planted.finder.find((answer.output.split("begin\n", 1)[1] + answer.messages).encode())
    if found:
        complain(found, ["(gdb)"] + commands)
    toggled = ["py-inspect path " + address + redact for redact in ("", " --redact", "", " --redact")]
    answer = support.run_gdb(["set width 0"] + toggled, "-p", str(planted.program.pid))
    lines = [line for line in answer.output.splitlines() if line.startswith(address)]
    check(len(lines) == 4 and lines[0] == lines[2] and lines[1] == lines[3] and lines[0] != lines[1], "gdb: %s", lines)
    check(not planted.finder.find(lines[1].encode()), "gdb: %s", lines)


def look(interpreter, module, library, thorough, plain, seed, results):
    """All tests of one interpreter; @plain: those without --redact, too; @seed: for what is damaged."""
    with support.Folder() as folder, Planted(interpreter, folder, interpreter.name) as planted:
        results.run(interpreter.name + " core", look_redacted, planted, module, library, thorough)
        if plain:
            results.run(interpreter.name + " not redacted", look_plain, planted, module, library, thorough)
            results.run("%s damaged (seed %d)" % (interpreter.name, seed), look_at_damage, planted, module, library, seed)
        results.run(interpreter.name + " live", look_live, planted, library)
        if not support.SANITIZED:  # gdb cannot load such a library either
            results.run(interpreter.name + " gdb", look_in_gdb, planted, library)


def main():
    """Runs it."""
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="for the random damage")
    options = parser.parse_args()
    results = Results(options.verbose)
    results.run("finder", test_finder)
    results.run("refgc", look_at_refgc)
    module = load_library()
    try:
        library = module.Library(support.LIBRARY)  # with sanitizers: one without, which knows the verbs
    except module.LoadError as reason:
        if not support.SANITIZED:
            raise
        results.skip("verbs", "LIBINSPECT_LIBRARY is no library without sanitizers: %s" % reason)
        results.finish()
    every = [interpreter for _, interpreter in interpreters.chosen(options, results)]
    if options.size == "check" and not options.interpreter:
        every.sort(key=lambda each: (each.debug, each.hexversion))
        every = [every[0], [each for each in every if not each.debug][-1]]  # the oldest and the newest
    for interpreter in every:
        try:
            thorough = options.size == "check-full"
            look(interpreter, module, library, thorough, thorough or interpreter == every[-1], options.seed, results)
        except Skip as reason:
            results.skip(interpreter.name, reason)
        except Failure as failure:
            results.fail(interpreter.name, failure)
    results.finish()


if __name__ == "__main__":
    main()
