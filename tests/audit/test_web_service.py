#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules for web services, on services with a fault and without.

    tests/audit/test_web_service.py [check | check-full] [--interpreter NAME]... [--fault NAME]... [-v]

tests/programs/service.py is a service; it keeps all rules of rules/web-service.rules. With one fault it breaks the rule of that
name, and no other. Every rule has a fault, and every fault a rule.

Environment: as for tests/e2e.py.
"""
import configparser
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import interpreters  # noqa: E402
import support  # noqa: E402
from results import from_json  # noqa: E402
from runner import Results, check  # noqa: E402
from support import inspect  # noqa: E402

RULES = os.path.join(support.TOP, "rules", "web-service.rules")
SERVICE = os.path.join(support.PROGRAMS, "service.py")
# What the slice does without: these take seconds each.
SLOW = {"classes", "garbage", "threads"}


def severities():
    """Rule → severity, as Python's own reader of such files has it."""
    parser = configparser.ConfigParser(delimiters="=", comment_prefixes="#", interpolation=None)
    parser.read(RULES, encoding="utf-8")
    return {name: parser[name]["severity"] for name in parser.sections()}


def audit_service(interpreter, fault, broken, severity):
    """The rules that a service with @fault breaks are @broken; live, and in the kernel's core: gcore has no stacks of the threads
    that glibc 2.42 made."""
    with support.Folder() as folder:
        command = interpreter.command(SERVICE, *([fault] if fault else []))
        with support.Program(command, interpreter.env(), folder) as program:
            # A thread that runs may hold references that no memory has.
            check(support.wait_until_idle(program.pid, 0.05), "the service does not come to rest")
            for target in [program.pid] if fault else [program.pid, "core"]:
                if target == "core":
                    target = program.abort(os.path.join(folder, "service.core"))
                answer = inspect("audit", target, "--rules=web-service", "--format=json")
                results = from_json(answer.output)
                said = {name: each for name, each in results.items() if each.result != "ok"}
                lines = ["%s %s: %s %s" % (each.result, name, each.message, each.violations[:5]) for name, each in said.items()]
                check({name: each.result for name, each in said.items()} == {name: "FAIL" for name in broken}, "%s",
                      "\n".join(lines) or "no rule is broken")
                answer.expect(1 if severity == "error" else 0)
                check(results.keys() == severities().keys(), "the rules are %s", sorted(results))


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--fault", action="append", help="only these")
    options = parser.parse_args()
    results = Results(options.verbose)
    rules = severities()
    usable = [each for _, each in interpreters.chosen(options, results)]
    full = options.size == "check-full"
    if not full and not options.interpreter:
        usable = choose(usable)
    for number, interpreter in enumerate(usable):
        if not options.fault:
            results.run("web-service: a sound service on %s" % interpreter.name, audit_service, interpreter, None, [], None)
        for fault in options.fault or rules:
            if full or options.fault or (fault not in SLOW and not number):
                results.run("web-service: %s on %s" % (fault, interpreter.name), audit_service, interpreter, fault, [fault],
                            rules[fault])
    results.finish()


def choose(usable):
    """The newest, on which all faults are tried, the system's, and an old one."""
    ordered = sorted((each for each in usable if not each.debug), key=lambda each: each.hexversion)
    chosen = ordered[-1:] + [each for each in ordered if each.origin == "system"][:1] + \
        [each for each in ordered if each.minor >= (3, 8)][:1]
    return list({each.name: each for each in chosen}.values())


if __name__ == "__main__":
    main()
