#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the workflow of doc/audit.md, as a server for continuous integration would, and the commands of that page.

    tests/audit/test_workflow.py [check | check-full] [--interpreter NAME]... [--write] [-v]

What the commands print is compared with the page where Python is 3.11, whose sizes it shows; addresses may differ. --write puts
what is printed now into the page.
"""
import os
import re
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "docs")]

import interpreters  # noqa: E402
import support  # noqa: E402
from examples import SHOWN, changed, comparable  # noqa: E402
from results import from_junit, from_text  # noqa: E402
from runner import Results, check  # noqa: E402

PAGE = os.path.join(support.TOP, "doc", "audit.md")
EXAMPLE = os.path.join(support.TOP, "doc", "examples", "audit")
COMMAND = re.compile(r"```\n\$ (py-inspect audit 4711 --rules shop.rules.*)\n((?:.*\n)*?)```\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def sources():
    """The service as it is, and with the page's change."""
    source = read(os.path.join(EXAMPLE, "shop.py"))
    diff = re.search(r"```diff\n(.*?)```\n", read(PAGE), re.DOTALL).group(1)
    return {"leaking": source, "fixed": changed(source, diff)}


def write_service(folder, source):
    path = os.path.join(folder, "shop.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    return path


def environment(interpreter, **more):
    """As a step of a workflow has it: py-inspect is on the PATH."""
    env = dict(interpreter.env(), **more)
    env["PATH"] = os.path.dirname(support.PY_INSPECT) + ":" + env["PATH"]
    return env


def run_workflow(interpreter):
    """The script fails for what leaks and passes what does not; its reports say why."""
    for kind, source in sources().items():
        with support.Folder() as folder:
            service = write_service(folder, source)
            summary = os.path.join(folder, "summary.md")
            run = subprocess.run([os.path.join(EXAMPLE, "workflow.sh")] + interpreter.command(service), cwd=folder,
                                 env=environment(interpreter, GITHUB_STEP_SUMMARY=summary), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False,
                                 timeout=support.TIMEOUT)
            check(run.returncode == (1 if kind == "leaking" else 0), "%s: ended with %d: %s%s", kind, run.returncode, run.stdout,
                  run.stderr)
            junit, text = from_junit(read(os.path.join(folder, "audit.xml"))), from_text(read(os.path.join(folder, "audit.txt")))
            wrong = {"sessions", "carts"} if kind == "leaking" else set()
            for results in (junit, text):
                check({name for name, each in results.items() if each.result != "ok"} == wrong, "%s: %s", kind, run.stdout)
                check("collector-runs" in results, "the rules for web services are not among %s", sorted(results))
            check({name for name, each in junit.items() if each.fails} == wrong - {"carts"}, "%s: failures in JUnit", kind)
            check(read(summary) == "```\n%s```\n" % read(os.path.join(folder, "audit.txt")), "%s: the summary", kind)
            check(("::error::The heap of the service breaks a rule" in run.stdout) == bool(wrong), "%s: %s", kind, run.stdout)


def service_that_ends(interpreter):
    """The script does not wait for ever."""
    with support.Folder() as folder:
        service = write_service(folder, "raise SystemExit(3)")
        run = subprocess.run([os.path.join(EXAMPLE, "workflow.sh")] + interpreter.command(service), cwd=folder,
                             env=environment(interpreter), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, universal_newlines=True, check=False, timeout=300)
        check(run.returncode == 1 and "::error::The service ended before it was ready" in run.stdout, "%s", run)


def printed(interpreter):
    """What the page's commands print now, in its order."""
    texts = []
    for (command, _), source in zip(COMMAND.findall(read(PAGE)), sources().values()):
        with support.Folder() as folder:
            with support.Program(interpreter.command(write_service(folder, source)), interpreter.env(), folder) as program:
                words = [str(program.pid) if word == "4711" else word for word in shlex.split(command)]
                run = subprocess.run(words, cwd=EXAMPLE, env=environment(interpreter, LC_ALL="C.UTF-8"),
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
                texts.append(run.stdout)
    return texts


def compare_page(interpreter):
    blocks = COMMAND.findall(read(PAGE))
    check(len(blocks) == 2, "the page has %d commands", len(blocks))
    for (_, shown), text in zip(blocks, printed(interpreter)):
        check(comparable(shown) == comparable(text), "the page shows:\n%sit prints:\n%s", shown, text)


def write_page(interpreter):
    texts = iter(printed(interpreter))
    page = COMMAND.sub(lambda found: "```\n$ %s\n%s```\n" % (found.group(1), next(texts)), read(PAGE))
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


def main():
    parser = interpreters.suite_parser(__doc__)
    parser.add_argument("--write", action="store_true", help="put what is printed now into the page")
    options = parser.parse_args()
    results = Results(options.verbose)
    usable = [each for _, each in interpreters.chosen(options, results)]
    usable.sort(key=lambda each: (each.origin != "system", each.hexversion))
    shown = [each for each in usable if each.minor == SHOWN and not each.debug]
    if options.write:
        write_page(shown[0])
        return
    if shown:
        results.run("workflow: what the page shows on %s" % shown[0].name, compare_page, shown[0])
    else:
        results.skip("workflow: what the page shows", "there is no Python %d.%d" % SHOWN)
    if options.size == "check" and not options.interpreter:
        usable = usable[:1] + usable[-1:]
    for interpreter in usable:
        results.run("workflow: on %s" % interpreter.name, run_workflow, interpreter)
    results.run("workflow: a service that ends", service_that_ends, usable[0])
    results.finish()


if __name__ == "__main__":
    main()
