#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Audits of real interpreters, against what these count themselves.

    tests/audit/test_audit.py [check | check-full] [--interpreter NAME]... [-v]

tests/programs/audited.py leaks in known ways. It is audited live, in a core and in gdb, with each limit at what is there, where
the rule must hold, and one below, where it must not; then the program counts, and lets its collector collect with
gc.DEBUG_SAVEALL: the numbers must be the same.

Environment: as for tests/e2e.py.
"""
import fnmatch
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import elf  # noqa: E402
import interpreters  # noqa: E402
import support  # noqa: E402
from results import READERS, from_json, from_text  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402
from support import inspect  # noqa: E402

RULE = "[%s]\nseverity = %s\nmessage = {count} of it\n%s\n"

# What is counted: (name of the rule, the check without its limit, where the truth is).
AMOUNTS = [
    ("unreachable-objects", "unreachable objects at most", lambda truth: truth["unreachable"]["count"]),
    ("unreachable-bytes", "unreachable bytes at most", lambda truth: truth["unreachable"]["bytes"]),
    ("reclaimable-objects", "reclaimable objects at most", lambda truth: truth["reclaimable"]["count"]),
    ("reclaimable-bytes", "reclaimable bytes at most", lambda truth: truth["reclaimable"]["bytes"]),
    ("count", "count of __main__.Session at most", lambda truth: truth["Session"]["count"]),
    ("bytes", "bytes of __main__.Session at most", lambda truth: truth["Session"]["bytes"]),
    ("count-of-untracked", "count of __main__.Larger at most", lambda truth: truth["Larger"]["count"]),
    ("bytes-of-untracked", "bytes of __main__.Larger at most", lambda truth: truth["Larger"]["bytes"]),
    ("threads", "threads at most", lambda truth: truth["threads"]),
]
# These are compared with what `heap` says, which tests/e2e.py compares with the interpreter.
OF_HEAP = [("heap-objects", "objects at most", "count"), ("heap-bytes", "bytes at most", "bytes")]
ABOVE = [("enough", "count of __main__.Session at least", lambda truth: truth["Session"]["count"]),
         ("enough-bytes", "bytes of __main__.Session at least", lambda truth: truth["Session"]["bytes"])]


class Audited(support.Program):
    """The program that leaks."""

    def __init__(self, interpreter, folder, *words):
        self.record = os.path.join(folder, "record")
        command = interpreter.command(os.path.join(support.PROGRAMS, "audited.py"), self.record, *words)
        super().__init__(command, interpreter.env(), folder, stdin=subprocess.PIPE)

    def truth(self):
        os.write(self.process.stdin.fileno(), b"\n")
        self.wait_for(b"told\n")
        with open(self.record, encoding="utf-8") as file:
            return json.load(file)


def write_rules(folder, rules, name="test.rules"):
    """A file of (name, line) or (name, line, severity); its path."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        for rule in rules:
            file.write(RULE % (rule[0], rule[2] if len(rule) > 2 else "error", rule[1]))
    return path


def audit(target, folder, rules, status, *arguments):
    """Rule → Result of an audit with the exit status @status."""
    path = write_rules(folder, rules)
    return from_json(inspect("audit", target, "--rules", path, "--format=json", *arguments).expect(status).output)


def check_results(results, expected, where):
    """All of @results are @expected."""
    wrong = ["%s is %s (found %s)" % (name, each.result, each.found) for name, each in results.items()
             if each.result != expected]
    check(not wrong, "%s: expected %s: %s", where, expected, ", ".join(wrong))


def numbers_of(target, folder):
    """Rule → what it counted, by a rule that nothing keeps; and the same at and around the limits."""
    checks = [(name, text) for name, text, _ in AMOUNTS + OF_HEAP]
    found = {name: each.found for name, each in
             audit(target, folder, [(name, "check = %s 0" % text) for name, text in checks], 1).items()}
    at = [(name, "check = %s %d" % (text, found[name])) for name, text in checks]
    at += [(name, "check = %s %d" % (text, found[like])) for (name, text, _), like in zip(ABOVE, ("count", "bytes"))]
    check_results(audit(target, folder, at, 0), "ok", "at the limits")
    beyond = [(name, "check = %s %d" % (text, found[name] - 1)) for name, text in checks]
    beyond += [(name, "check = %s %d" % (text, found[like] + 1)) for (name, text, _), like in zip(ABOVE, ("count", "bytes"))]
    results = audit(target, folder, beyond, 1)
    check_results(results, "FAIL", "beyond the limits")
    for name in found:
        if name != "threads":
            key = "bytes" if "bytes" in name else "count"
            check(sum(row[key] for row in results[name].rows) == found[name], "%s: the shares are not the whole", name)
    return found


def heap_numbers(target):
    total = inspect("heap", target, "--format=json").expect(0).json()["total"]
    return {name: total[key] for name, _, key in OF_HEAP}


def objects_named(results, name):
    return sorted(int(row["address"], 16) for row in results[name].rows)


NO_OBJECT = [
    ("none", "check = no object of type __main__.Missing"),
    ("none-larger", "check = no object of type __main__.* larger than 100000"),
    ("larger", "check = no object of type __main__.Larger larger than 3033"),
    ("big", "check = no object of type bytearray larger than 2999999"),
    ("query", "query = SELECT address, type, size FROM objects WHERE type = '__main__.Larger' AND size > 3033"),
    ("grouped", "query = SELECT type, count(*) AS count, sum(size) AS bytes FROM objects WHERE unreachable GROUP BY 1"),
    ("empty", "query = SELECT address FROM objects WHERE type = '__main__.Missing'"),
    ("uncollectable", "check = uncollectable none"),
]


def said_of(target, folder):
    """What is to be compared with the truth, of one target: the process or its core."""
    said = numbers_of(target, folder)
    heap = heap_numbers(target)
    for name in heap:
        check(said[name] == heap[name], "%s: found %s, `heap` says %d", name, said[name], heap[name])
    return said, audit(target, folder, NO_OBJECT, 1)


def compare(said, truth, where):
    numbers, results = said
    for name, _, number in AMOUNTS:
        check(numbers[name] == number(truth), "%s: %s: found %s, the interpreter says %d", where, name, numbers[name],
              number(truth))
    for name, addresses in (("larger", truth["larger"]), ("query", truth["larger"]), ("big", truth["big"]),
                            ("uncollectable", truth["listed"]), ("none", []), ("none-larger", []), ("empty", [])):
        check(objects_named(results, name) == sorted(addresses), "%s: %s: %d objects, the interpreter says %d", where, name,
              len(results[name].rows), len(addresses))
        check(results[name].result == ("FAIL" if addresses else "ok"), "%s: %s is %s", where, name, results[name].result)
    check(results["big"].rows[0]["bytes"] == truth["big_bytes"], "%s: the big one has %d bytes", where,
          results["big"].rows[0]["bytes"])
    check(sum(row["bytes"] for row in results["uncollectable"].rows) == truth["listed_bytes"], "%s: garbage's bytes", where)
    grouped = results["grouped"].rows
    check(sum(row["count"] for row in grouped) == truth["unreachable"]["count"], "%s: unreachable by query", where)
    check(sum(row["bytes"] for row in grouped) == truth["unreachable"]["bytes"], "%s: unreachable by query", where)


def counts(interpreter):
    """Every number is the interpreter's, live and in a core; each limit holds at it and not below."""
    with support.Folder() as folder, Audited(interpreter, folder, "kept") as program:
        core = program.gcore(os.path.join(folder, "core"))
        targets = {"live": program.pid, "core": core}
        said = {where: said_of(target, folder) for where, target in targets.items()}
        formats_agree(core, folder)
        truth = program.truth()
        check(truth["unreachable"]["count"] == 60, "there is other garbage: %d", truth["unreachable"]["count"])
        for where in said:
            compare(said[where], truth, where)
        if not support.SANITIZED:  # gdb cannot load a sanitized library
            in_gdb(core, interpreter, folder)


def formats_agree(core, folder):
    """All formats say the same of a core; what each of them says in detail is test_results.py's."""
    path = write_rules(folder, NO_OBJECT + [("sessions", "check = count of __main__.Session at most 5", "warning")])
    truth = None
    for name in ("json", "jsonl", "csv", "junit", "text"):
        output = inspect("audit", core, "--rules", path, "--violations=0", "--format", name).expect(1).output
        said = {rule: (each.result, len(each.violations)) for rule, each in READERS[name](output).items()}
        truth = truth or said
        check(said == truth, "%s: %s, json says %s", name, said, truth)


def in_gdb(core, interpreter, folder):
    """gdb's command says what the shell's says."""
    path = write_rules(folder, NO_OBJECT)
    shell = inspect("audit", core, "--rules", path).expect(1).output
    answer = support.run_gdb(["py-inspect audit --rules " + path], "-c", core)
    check(from_text(shell).keys() == {name for name, *_ in NO_OBJECT}, "the shell says %s", shell)
    check(shell.strip() in answer.output, "gdb says otherwise: %s %s", answer.output[-2000:], answer.messages[-500:])


# ---- the collector -----------------------------------------------------------------------------------------------------


def collectors(interpreter):
    """gc enabled and no gc debug flags, both ways."""
    for words, enabled, debug in (((), "ok", "ok"), (("off",), "FAIL", "ok"), (("threshold",), "FAIL", "ok"),
                                  (("debug",), "ok", "FAIL")):
        with support.Folder() as folder, Audited(interpreter, folder, *words) as program:
            rules = [("enabled", "check = gc enabled"), ("debug", "check = no gc debug flags"),
                     ("uncollectable", "check = uncollectable none")]
            results = audit(program.pid, folder, rules, 0 if enabled == debug == "ok" else 1)
            said = {name: each.result for name, each in results.items()}
            check(said == {"enabled": enabled, "debug": debug, "uncollectable": "ok"}, "%s: %s", words, said)
            wrong = results["debug" if words == ("debug",) else "enabled"].violations
            expected = {(): [], ("off",): ["interpreter 0: gc.isenabled() is False"],
                        ("threshold",): ["interpreter 0: gc.get_threshold()[0] is 0"],
                        ("debug",): ["interpreter 0: gc.get_debug() is DEBUG_UNCOLLECTABLE"]}[words]
            check(wrong == expected, "%s: %s", words, wrong)


# ---- how it ends -------------------------------------------------------------------------------------------------------


def break_list(core, copy, address, interpreter):
    """Writes a 0 where the collector's list goes on behind the object at @address."""
    parsed = elf.Elf(core)
    head = 16 if interpreter.hexversion >= 0x03080000 else 32
    parsed.set_word(address - head, 0)
    parsed.write(copy)


def statuses(interpreter):
    """All five, on real targets."""
    with support.Folder() as folder, Audited(interpreter, folder) as program:
        core = program.gcore(os.path.join(folder, "core"))
        few, many = "check = count of __main__.Session at most 217", "check = count of __main__.Session at most 3"
        audit(core, folder, [("few", few)], 0)
        audit(core, folder, [("many", many)], 1)
        path = write_rules(folder, [("many", "check = count of")])
        check("the check ends too early" in inspect("audit", core, "--rules", path).expect(2).messages, "2")
        path = write_rules(folder, [("few", few)])
        inspect("audit", os.path.join(folder, "record-that-is-not-there"), "--rules", path).expect(3)
        inspect("audit", path, "--rules", path).expect(3)
        session = inspect("objects", core, "--type=__main__.Session", "--limit=1", "--format=json").expect(0).json()["rows"][0]
        broken = os.path.join(folder, "broken")
        break_list(core, broken, int(session["address"], 16), interpreter)
        said = audit(broken, folder, [("few", few)], 4)
        check(said["few"].result == "unknown" and said["few"].message, "few: %s", said["few"].result)
        said = audit(broken, folder, [("few", few), ("many", many)], 1)
        check([said["few"].result, said["many"].result] == ["unknown", "FAIL"], "1 before 4: %s", said["many"].result)


def redacted(interpreter):
    """Names that --redact hides keep rules from being called ok that may be about them, and no others."""
    with support.Folder() as folder, Audited(interpreter, folder) as program:
        core = program.gcore(os.path.join(folder, "core"))
        names = {row["type"] for row in inspect("heap", core, "--redact", "--format=json").expect(0).json()["rows"]}
        hidden = sorted(name for name in names if "<class at" in name)
        check(hidden and "__main__.Session" in names, "hidden are %s", hidden)
        module = hidden[0].rsplit(".", 1)[0]
        patterns = [re.sub("<class at [^>]*>|…", "*", name) for name in names if "<class at" in name or "…" in name]
        shown = "unknown" if any(fnmatch.fnmatchcase("__main__.Session", each) for each in patterns) else "ok"
        rules = [("shown", "check = count of __main__.Session at most 217"),
                 ("hidden", "check = count of %s.Whatever at most 0" % module),
                 ("violated", "check = count of __main__.Session at most 1", "warning"),
                 ("pattern", "check = no object of type *.Whatever"),
                 ("query", "query = SELECT 1 FROM types WHERE type = 'x.Whatever'")]
        said = {name: each.result for name, each in audit(core, folder, rules, 4, "--redact").items()}
        check(said == {"shown": shown, "hidden": "unknown", "violated": "FAIL", "pattern": "unknown", "query": "unknown"}, "%s",
              said)
        audit(core, folder, rules, 0)


def main():
    options = interpreters.suite_parser(__doc__).parse_args()
    results = Results(options.verbose)
    chosen = [each for _, each in interpreters.chosen(options, results)]
    is_slice = options.size == "check" and not options.interpreter
    if is_slice:
        chosen = choose(chosen)
    for interpreter in chosen:
        # The slice asks what is the same for all versions on one of them.
        tests = [counts] if is_slice and interpreter is not chosen[-1] else [counts, collectors, statuses, redacted]
        for test in tests:
            results.run("audit: %s on %s" % (test.__name__.replace("_", " "), interpreter.name), test, interpreter)
    results.finish()


def choose(usable):
    """The oldest, the newest and one between that are not debug builds."""
    ordered = sorted((each for each in usable if not each.debug), key=lambda each: each.hexversion)
    chosen = {each.name: each for each in (ordered[:1] + ordered[len(ordered) // 2:len(ordered) // 2 + 1] + ordered[-1:])}
    return list(chosen.values())


if __name__ == "__main__":
    main()
