#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""References in real programs: web frameworks, Mercurial, an asyncio server, gdb, threads at any moment.

    tests/references/test_applications.py [check | check-full] [--only WORD]... [-v]

As tests/references/test_references.py, with programs whose shapes nobody made for a test (tests/programs/applications). For
objects of extension types that nobody described the scan's hits and misses are shown and not judged. What is not
installed is skipped by name; most of it is part of check-full.
"""
import argparse
import collections
import io
import os
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interpreters  # noqa: E402
import record as records  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

APPLICATIONS = os.path.join(support.PROGRAMS, "applications")
SYSTEM = "/usr/bin/python3"
TESTS_OF_IT = []


def test(function):
    TESTS_OF_IT.append(function)
    return function


class Context:
    def __init__(self, usable, full):
        self.usable, self.full = usable, full


def compare(record_path, target, extensions=()):
    """Everything but objects of @extensions (prefixes of types' names) must be as the interpreter said."""
    record = records.Record(record_path)
    answer = support.inspect("referents", "--all", target, "--format", "csv")
    said = records.read_answer(io.StringIO(answer.output, newline=""))
    found = records.differences(record, said)
    foreign = [each for each in found if each[1].startswith(extensions)] if extensions else []
    wrong = [each for each in found if each not in foreign]
    if wrong or answer.status:
        raise Failure("\n".join([str(answer), "%d of %d objects differ" % (len(wrong), len(record))] +
                                records.explain(record, said, wrong)[:200]))
    text = "%d objects, %d references" % (len(record), sum(map(len, record.referents.values())))
    if extensions:
        counts = collections.Counter()
        for address, name in record.type_of.items():
            if name.startswith(extensions):
                wanted = collections.Counter(record.referents[address])
                have = collections.Counter(said.visited.get(address, ()))
                counts.update(objects=1, wanted=sum(wanted.values()), have=sum(have.values()),
                              right=sum((wanted & have).values()))
        text += "; of extension types: %(objects)d objects, %(right)d of %(wanted)d references found, %(have)d given" % counts
    return text


def run_application(name, module, package, extensions=(), python=SYSTEM, environment=None):
    """Runs an application with @python, which must have @module of Debian's @package, and compares."""
    done = subprocess.run([python, "-c", "import " + module], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Skip("%s has no %s: apt-get install %s" % (python, module, package))
    with support.Folder() as folder:
        path = os.path.join(folder, "record")
        command = [python, os.path.join(support.PROGRAMS, "subject.py"), "referents.py", path, os.path.join(APPLICATIONS, name)]
        with support.Program(command, environment, folder) as program:
            said = compare(path, program.pid, extensions)
            compare(path, program.gcore(os.path.join(folder, "core")), extensions)
    return said


def need_full(context):
    if not context.full:
        raise Skip("part of check-full")


@test
def flask(context):
    need_full(context)
    return run_application("flask_app.py", "flask", "python3-flask", ("markupsafe.",))


@test
def django(context):
    need_full(context)
    return run_application("django_app.py", "django", "python3-django")


@test
def mercurial(context):
    need_full(context)
    return run_application("mercurial_client.py", "mercurial.hg", "mercurial", ("mercurial.cext.", "parsers.", "dirs", "mpatch."))


@test
def asyncio_server(context):
    """Its load is stopped, and with it everything else: on every minor version."""
    minors = {}
    for each in context.usable:
        if not each.debug and not each.free_threaded:
            minors.setdefault(each.minor, each)
    chosen = [minors[minor] for minor in sorted(minors, reverse=True)]
    said = []
    for interpreter in chosen if context.full else chosen[:2]:
        with support.Folder() as folder:
            path = os.path.join(folder, "record")
            command = interpreter.command(os.path.join(support.PROGRAMS, "subject.py"), "referents.py", path,
                                          os.path.join(APPLICATIONS, "asyncio_server.py"))
            with support.Program(command, interpreter.env(), folder) as program:
                try:
                    said.append("%s: %s" % (interpreter.name, compare(path, program.pid)))
                except Failure as failure:
                    raise Failure("%s: %s" % (interpreter.name, failure))
    return "; ".join(said)


@test
def inside_gdb(context):
    """gdb's own Python, with gdb's objects: extension types that nobody described."""
    support.need(support.GDB[0])
    with support.Folder() as folder:
        path = os.path.join(folder, "record")
        script = os.path.join(folder, "start.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write("import gdb\nkept = [gdb.parameter('height'), gdb.lookup_static_symbol, gdb.inferiors(), gdb.Value(3), "
                       "gdb.Value('text').type]\n"
                       "namespace = {'oracle_path': %r}\n"
                       "exec(compile(open(%r).read(), 'referents.py', 'exec'), namespace)\n"
                       % (path, os.path.join(support.PROGRAMS, "referents.py")))
        command = support.GDB + ["-nx", "-q", "-batch", "-ex", "source " + script]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with support.Program(command, environment, folder) as program:
            said = compare(path, program.pid, ("gdb.",))
            compare(path, program.gcore(os.path.join(folder, "core")), ("gdb.",))
    return said


@test
def threads_at_any_moment(context):
    """Stopped wherever its threads happen to be, in all 200 times: an answer, and the process lives on."""
    usable = [each for each in context.usable if not each.debug and not each.free_threaded]
    minors = {}
    for each in usable:
        minors.setdefault(each.minor, each)
    chosen = [minors[minor] for minor in sorted(minors, reverse=True)]
    if not context.full:
        chosen = chosen[:2]
    times = 200 // len(chosen) + 1 if context.full else 10
    statuses = collections.Counter()
    for interpreter in chosen:
        with support.Folder() as folder:
            command = interpreter.command(os.path.join(APPLICATIONS, "threads.py"))
            with support.Program(command, interpreter.env(), folder) as program:
                for number in range(times):
                    verb = (["referents", "--all", "--no-labels"], ["roots"], ["referents", "--all"])[number % 3]
                    answer = support.inspect(verb[0], program.pid, *verb[1:], "--format", "csv").expect(0, 4)
                    statuses[answer.status] += 1
                    check(len(answer.output.splitlines()) > 1000, "%s: too little: %s", interpreter.name, answer)
                    check(program.process.poll() is None, "%s: the process has ended", interpreter.name)
    return "%d whole answers, %d incomplete ones" % (statuses[0], statuses[4])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests whose name contains it")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    results = Results(options.verbose)
    usable = [each for each in interpreters.find_all()[0] if not each.free_threaded]
    context = Context(usable, options.size == "check-full")
    for function in TESTS_OF_IT:
        name = function.__name__.replace("_", " ")
        if not options.only or any(word in name for word in options.only):
            results.run(name, function, context)
    results.finish()


if __name__ == "__main__":
    main()
