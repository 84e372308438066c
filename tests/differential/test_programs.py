#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs of operations (doc/refgc-programs.md) on the reference collector, on CPython and on the model of the rules.

    tests/differential/test_programs.py [check|check-full] [--refgc PATH] [--programs N]

1. Each rule has a program and a result that was worked out by hand: all must report it.
2. Random programs of a fixed seed: what refgc and every CPython 3.8 to 3.13 on this machine report is what the model
   says.
3. The comparison sees differences: a model with any one of its rules broken is found out by these programs.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = os.path.join(TOP, "fixtures", "programs")
sys.path[:0] = [os.path.dirname(HERE), PROGRAMS]
sys.dont_write_bytecode = True

import differential
import generate
import interpreters
import model
from language import Malformed, parse, ranges, serials
from mutations import MUTATIONS
from rules import RULES
from runner import Failure, Results, Skip, check
from support import BUILD, SANITIZED

SEED = "libinspect"
GENERATED = "ea3aa973c58615a3"  # a digest of some programs of that seed


def cpythons():
    """An interpreter for each version of CPython that the language can be compared with."""
    found = {}
    for interpreter in interpreters.find_all()[0]:
        if (3, 8) <= interpreter.minor <= (3, 13) and not interpreter.free_threaded and \
                not interpreter.trace_refs and interpreter.minor not in found and has_ctypes(interpreter):
            found[interpreter.minor] = interpreter
    return [differential.CPython(each.name, each.command(), each.minor, each.env())
            for _, each in sorted(found.items())]


def has_ctypes(interpreter):
    return subprocess.run(interpreter.command("-c", "import ctypes"), env=interpreter.env(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


# ---- 1: rules ----

def text_of(number, program):
    lines = [line.strip() for line in program.strip().splitlines()]
    return "program rule-%d\n%s\n" % (number, "\n".join(lines + (["end"] if lines[-1] != "end" else [])))


def check_rule(expected, reports):
    """@expected: of each report "member=value member.member=value"; a value is JSON, or else a text."""
    check(len(reports) >= len(expected), "%d reports, expected %d", len(reports), len(expected))
    for report, members in zip(reports, expected):
        for pair in members.split():
            path, value = pair.split("=", 1)
            have = report
            for step in path.split("."):
                have = have[int(step)] if isinstance(have, list) else have[step]
            if not isinstance(have, str):
                value = json.loads(value)
            check(have == value, "line %d, %s: %s is %s, expected %s", report["line"], report["op"], path,
                  json.dumps(have), json.dumps(value))


def run_rules(results, title, where, reports_of):
    """@where: of which rules. @reports_of: a function that runs texts and returns the reports of each."""
    rules = [(i, rule) for i, rule in enumerate(RULES) if rule[1] in where]
    try:
        all_reports = reports_of([text_of(i, rule[2]) for i, rule in rules])
    except Failure as failure:
        results.fail("%s: the rules" % title, failure)
        return
    for (i, rule), reports in zip(rules, all_reports):
        results.run("%s: %s" % (title, rule[0]), check_rule, rule[3], reports)


def model_reports(texts):
    return [list(model.reports(next(parse(text.splitlines())))) for text in texts]


def runtime_reports(runtime):
    def run(texts):
        with differential.tempfile.TemporaryDirectory(prefix="programs-") as folder:
            reports, ended = runtime.finish(*runtime.start("".join(texts), folder))
        check(not ended and len(reports) == len(texts), "%d of %d programs ran: %s", len(reports), len(texts), ended)
        return reports
    return run


# ---- 2: random programs ----

def compare(runtimes, count, kind="any", first=0):
    comparison = differential.Comparison(runtimes, tell=lambda text: None)
    comparison.run_all(generate.program(SEED, index, kind) for index in range(first, first + count))
    differences = ["%s: %s\n%s" % (runtime.name, what, text) for runtime, text, what in comparison.differences]
    check(not differences, "%s", "\n".join(differences + [comparison.summary()]))
    check(comparison.programs == count and comparison.freed > count, "too little happened: %s", comparison.summary())
    return comparison.summary()


# ---- 3: the comparison itself ----

def broken_model(old, new):
    with open(os.path.join(PROGRAMS, "model.py"), encoding="utf-8") as file:
        source = file.read()
    check(source.count(old) == 1, "model.py has this %d times, not once: %s", source.count(old), old)
    module = types.ModuleType("broken_model")
    exec(compile(source.replace(old, new), "broken model.py", "exec"), vars(module))
    return module


def too_late(number, frame):
    raise TimeoutError("it does not end")


def found_out(old, new, most):
    """Breaks the model's rule @old, and runs programs until it says something else than it should."""
    broken = broken_model(old, new)
    for index in range(most):
        program = next(parse(generate.program(SEED, index).splitlines()))
        expected, got = list(model.reports(program)), []
        signal.setitimer(signal.ITIMER_VIRTUAL, 2)  # of the processor: however busy the machine is, what ends has ended by then
        try:
            for report in broken.reports(program):
                got.append(report)
                what = differential.difference(program, expected[:len(got)], got, "", ())
                if what:
                    return "program %d: %.60s" % (index, what)
        except Exception as error:  # a broken model may well fail, or not end
            return "program %d: %r" % (index, error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    raise Failure("%d programs did not notice" % most)


class Wrong(differential.Runtime):
    """Says what the model says, but for one thing."""

    def __init__(self, change):
        super().__init__("wrong", [])
        self.change = change

    def start(self, text, folder):
        return (text,)

    def finish(self, text):
        results, ended = [], ""
        for program in parse(text.splitlines()):
            results.append(list(model.reports(program)))
            if any(operation.words[:2] == ["make", "dict"] for operation in program.operations):
                self.change(results)
                ended = "it died"
        return results, ended


def told_and_minimised(change, expected):
    """A runtime that is wrong about programs with a dict: the difference is found, the program made short."""
    comparison = differential.Comparison([Wrong(change)], tell=lambda text: None)
    comparison.run_all([generate.program(SEED, index, "common") for index in range(20)], most=1)
    check(comparison.differences, "no difference found")
    _, text, what = comparison.differences[0]
    check(expected in what, "told: %s", what)
    lines = text.splitlines()
    check(len(lines) <= 4 and any("make dict" in line for line in lines), "the shortest program is\n%s", text)


def add_count(results):
    results[-1][-1]["count"][1] += 1


def lose_end(results):
    results[-1].pop()


def says_nothing(results):
    pass


def malformed(text, runtimes):
    """A line that is no operation: the interpreters say which line it is."""
    try:
        list(parse(text.splitlines()))
        raise Failure("the model accepts it")
    except Malformed:
        pass
    for runtime in runtimes:
        run = subprocess.run(runtime.command, input=("make list a\n" + text).encode(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=runtime.environment, timeout=300, check=False)
        check(run.returncode == 2 and b"line 2:" in run.stderr, "%s: exit status %d: %s", runtime.name, run.returncode,
              run.stderr.decode("utf-8", "replace"))


def same_ranges():
    for text in ("", "1", "1-2", "1,3-5,7", "2-1000"):
        check(ranges(reversed(serials(text))) == text, "%s became %s", text, ranges(serials(text)))


def same_programs():
    """The fixed seed means the same programs on every machine and with every Python."""
    import hashlib
    digest = hashlib.sha256()
    for index in range(200):
        digest.update(generate.program(SEED, index).encode())
    digest.update(generate.program(SEED, 0, "large").encode())
    check(digest.hexdigest()[:16] == GENERATED, "the generator writes other programs than it did: if that is meant, "
          "GENERATED is %s", digest.hexdigest()[:16])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    parser.add_argument("--refgc", default=os.path.join(BUILD, "refgc"), help="the program of the reference collector")
    parser.add_argument("--programs", type=int, metavar="N", help="how many random ones refgc runs; the others in proportion")
    parser.add_argument("--rules", action="store_true", help="nothing but the rules")
    options = parser.parse_args()
    full = options.size == "check-full"
    count = options.programs or (200000 if full else 2000 if SANITIZED else 10000)
    results = Results(verbose=True)

    pythons = [] if SANITIZED else cpythons()  # what is sanitized is refgc
    refgc = [differential.Refgc(options.refgc)] if os.path.exists(options.refgc) else []

    run_rules(results, "model", ("everywhere", "later", "refgc", "model"), model_reports)
    for runtime in refgc:
        run_rules(results, runtime.name, ("everywhere", "later", "refgc"), runtime_reports(runtime))
    for runtime in pythons:
        where = ("everywhere", "later") if runtime.version > (3, 8) else ("everywhere",)
        run_rules(results, runtime.name, where, runtime_reports(runtime))
    if options.rules:
        results.finish()

    signal.signal(signal.SIGVTALRM, too_late)
    results.run("the generator", same_programs)
    results.run("sets of serial numbers", same_ranges)
    for text in ("jump", "make list", "make thing a", "make tuple t", "collect 3", "collect x", "make int i x",
                 "threshold", "finalizer a later", "weakref w", "burst tuple l 3", "chain set s 3", "link a",
                 "make list 1"):
        results.run("malformed: %s" % text, malformed, text, refgc + pythons[-1:])
    for what, old, new in MUTATIONS if not SANITIZED else ():
        results.run("a model is found out: %s" % what, found_out, old, new, 3000)
    results.run("a wrong number is told", told_and_minimised, add_count, "count is")
    results.run("a runtime that dies is told", told_and_minimised, lose_end, "it died")
    results.run("a runtime that ends badly is told", told_and_minimised, says_nothing, "it died")

    if refgc:
        results.run("random programs: refgc", compare, refgc, count)
        results.run("large programs: refgc", compare, refgc, 100 if full else 5, "large")
    else:
        results.skip("random programs: refgc", "there is no %s" % options.refgc)
    for runtime in pythons:
        results.run("random programs: %s" % runtime.name, compare, [runtime], max(count // 20, 20))
    if pythons:
        results.run("large programs: CPython", compare, pythons if full else pythons[-1:], 20 if full else 2, "large")
    elif not SANITIZED:
        results.skip("random programs: CPython", "there is no CPython from 3.8 to 3.13")
    results.finish()


if __name__ == "__main__":
    main()
