#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of doc/worked-examples.md, and compares what they print and what its text says with what is so.

    tests/docs/examples.py [check | check-full] [--write]

The page has comments that say which program its commands are about (<!-- program FILE ARGUMENT core|live -->, and
<!-- fixed core|live -->: the same with the changes of the ```diff above it), and blocks of commands. 4711 stands for the process,
ADDRESS and any other address in a command for the first address that the command before it printed.

What the commands print is compared with the page where Python is 3.11, whose sizes it shows; addresses may differ. On
other interpreters, and there, too, what the text says is compared with what the process says of itself (inside.py).
--write puts what is printed now into the page.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import interpreters  # noqa: E402
import support  # noqa: E402
from runner import Failure, Results, Skip, check  # noqa: E402

DOCUMENT = os.path.join(support.TOP, "doc", "worked-examples.md")
PROGRAMS = os.path.join(support.TOP, "doc", "examples")
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
SHOWN = (3, 11)  # the minor version whose sizes the page shows


# ---- the page ------------------------------------------------------------------------------------------------------


def changed(source, diff):
    """@source with the hunks of @diff, each of which fits in one place."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines()
        old = "\n".join(line[1:] for line in lines if line[:1] != "+") + "\n"
        new = "\n".join(line[1:] for line in lines if line[:1] != "-") + "\n"
        check(source.count(old) == 1, "a hunk of the diff fits in %d places:\n%s", source.count(old), hunk)
        source = source.replace(old, new)
    return source


class Part:
    """Commands about one program: its file, with changes or not, its argument, where it is looked at, its blocks."""

    def __init__(self, program, argument, where, diff=None):
        self.program, self.argument, self.where, self.diff = program, argument, where, diff
        self.blocks = []  # (place in the page, length, [commands])

    def name(self):
        return self.program + (", fixed" if self.diff else "")

    def source(self):
        with open(os.path.join(PROGRAMS, self.program), encoding="utf-8") as file:
            source = file.read()
        return changed(source, self.diff) if self.diff else source


def parts_of(page):
    parts, diff = [], None
    pattern = r"<!-- (program|fixed) ([^>]*) -->|```(\w*)\n(.*?)```\n"
    for found in re.finditer(pattern, page, re.DOTALL):
        kind, words, language, text = found.groups()
        if kind == "program":
            parts.append(Part(*words.split()))
        elif kind == "fixed":
            parts.append(Part(parts[-1].program, parts[-1].argument, words.strip(), diff))
        elif language == "diff":
            diff = text
        elif text.startswith("$ "):
            parts[-1].blocks.append((found.start(4), found.end(4), re.findall(r"^\$ (.*)$", text, re.MULTILINE)))
    return parts


# ---- running it ----------------------------------------------------------------------------------------------------


class Example(support.Program):
    """A part's program under an interpreter, started by inside.py."""

    def __init__(self, part, interpreter, folder):
        self.source = os.path.join(folder, part.program)
        with open(self.source, "w", encoding="utf-8") as file:
            file.write(part.source())
        command = interpreter.command(os.path.join(HERE, "inside.py"), self.source, part.argument)
        super().__init__(command, interpreter.env(), folder)

    def core(self):
        """The path of its core, which is taken once: nothing happens in the process until it is asked."""
        path = os.path.join(self.folder, "core.4711")
        return path if os.path.exists(path) else self.gcore(path)

    def ask_inside(self):
        os.kill(self.pid, signal.SIGUSR1)
        line = b""
        while not line.endswith(b"\n"):
            block = os.read(self.process.stdout.fileno(), 1 << 16)
            check(block, "it ended: %s", self.messages())
            line += block
        return json.loads(line.decode())


def run_command(command, example, last_address):
    """@command with the address, as the page shows it, and what it prints, on a part's process or its core in the folder."""
    shown = ADDRESS.sub(lambda found: last_address, command.replace("ADDRESS", last_address))
    line = re.sub(r"(?<=\s)4711\b", str(example.pid), shown)
    environment = dict(os.environ, LC_ALL="C.UTF-8", PATH=os.path.dirname(support.PY_INSPECT) + ":" + os.environ["PATH"])
    run = subprocess.run(line, shell=True, cwd=example.folder, env=environment, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, universal_newlines=True, timeout=support.TIMEOUT, check=False)
    return shown, run.stdout


def run_blocks(part, example):
    """The text of each block, as it is now."""
    address, texts = "", []
    for _, _, commands in part.blocks:
        text = ""
        for command in commands:
            shown, output = run_command(command, example, address)
            text += "$ %s\n%s" % (shown, output)
            address = (ADDRESS.findall(output) or [address])[0]
        texts.append(text)
    return texts


# ---- comparing -----------------------------------------------------------------------------------------------------


def rotated(found):
    """A cycle begun at its least step: which of its objects has the lowest address is chance."""
    steps = found.group(0).split(" → ")[:-1]
    least = steps.index(min(steps))
    return " → ".join(steps[least:] + steps[:least])


def comparable(text):
    """@text without what differs from run to run: addresses but for which are the same, widths, which child of many."""
    names = {}
    text = ADDRESS.sub(lambda found: "@%d" % names.setdefault(found.group(0), len(names)), text)
    text = re.sub(r"\[\d+\]", "[i]", text)
    text = re.sub(r"(?<=example: )[^\n]*", rotated, text)
    text = re.sub(r"every \S+\.\w+(, every \S+\.\w+)+", lambda found: ", ".join(sorted(found.group(0).split(", "))), text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


def compare_page(part, page, example):
    """What the page shows is what is printed."""
    for (start, end, _), text in zip(part.blocks, run_blocks(part, example)):
        shown = page[start:end]
        for old, new in zip(comparable(shown) + ["(end)"], comparable(text) + ["(end)"]):
            check(old == new, "the page shows:   %s\nit prints:        %s", old, new)
        check(len(comparable(shown)) == len(comparable(text)), "the page shows fewer or more lines than:\n%s", text)


def said_outside(target):
    """What is unreachable, what `cycles` says of it."""
    objects = support.inspect("cycles", target, "--objects", "--format", "json").expect(0).json()["rows"]
    shapes = support.inspect("cycles", target, "--format", "json").expect(0).json()["rows"]
    return {
        "unreachable": {int(row["address"], 16): row["type"] for row in objects if row["unreachable"]},
        "cycles": [row for row in shapes if "__main__." in row["shape"] or "Task" in row["shape"]],
        "live": {row["type"]: row["count"] for row in support.inspect("heap", target, "--type", "__main__.*", "--format",
                                                                      "json").expect(0).json()["rows"]},
    }


def compare_with_inside(part, outside, inside):
    """The garbage of the program's classes, and how much there is in all."""
    different = set(outside["unreachable"]) ^ set(inside["garbage"])
    check(not different, "of %d unreachable objects the collector found %d; different: %d", len(outside["unreachable"]),
          len(inside["garbage"]), len(different))
    for name, addresses in inside["classes"].items():
        wrong = [address for address in addresses if outside["unreachable"].get(address) != name]
        check(not wrong, "%s: %d of %d are not said to be unreachable", name, len(wrong), len(addresses))
    known = sum(inside["classes"].values(), [])
    others = {address for address, name in outside["unreachable"].items() if name.startswith("__main__.")} - set(known)
    check(not others, "%d objects of the program are no garbage", len(others))
    check(inside["left"] == 0, "%s: %d objects stay when the reference is cut", part.name(), inside["left"])


def check_gateway(part, outside, inside):
    """The facts of the text: one in three requests leaks its task, and Request.task closes the cycle."""
    failed = -(-int(part.argument) // 3)
    classes = {name: len(addresses) for name, addresses in inside["classes"].items()}
    check(classes == {"__main__.Request": failed, "__main__.UpstreamError": failed, "_asyncio.Task": failed},
          "the garbage is %s", classes)
    check(inside["closed"] == failed, "%d requests are held by the traceback of their task", inside["closed"])
    check([row["components"] for row in outside["cycles"]] == [failed], "there are %d shapes", len(outside["cycles"]))
    row = outside["cycles"][0]
    check("Request.task" in row["cut"].split(", "), "to be cut: %s", row["cut"])
    for words in ("Request.task → Task", "traceback.tb_frame → frame<local request>"):
        check(words in " → ".join([row["example"], row["example"].split(" → ", 1)[1]]), "the example is %s", row["example"])


def check_importer(part, outside, inside):
    """Each order is a tree of its own; the parents close the cycles."""
    orders = int(part.argument)
    elements = sum(2 + 3 * (1 + number % 3) for number in range(orders))
    check({name: len(addresses) for name, addresses in inside["classes"].items()} == {"__main__.Element": elements},
          "the garbage is not %d elements", elements)
    check(inside["closed"] == elements - orders, "%d elements have a parent that has them", inside["closed"])
    check(sorted(row["components"] for row in outside["cycles"]) == [orders // 3] * 3, "the rows are not three")
    for row in outside["cycles"]:
        check(sorted(row["cut"].split(", ")) == ["every Element.children", "every Element.parent"], "cut: %s", row["cut"])
        check(re.search(r"Element\.children → list\[\d\]", row["example"] + " → " + row["example"]), "no list")


def check_fixed(_, outside, inside):
    """Nothing of the program is garbage."""
    check(not outside["cycles"], "there are cycles: %s", outside["cycles"])
    check(not inside["classes"], "there is garbage: %s", list(inside["classes"]))
    check(not {name for name in outside["live"] if name != "__main__.Gateway"}, "alive: %s", outside["live"])


def check_facts(part, example):
    outside = [said_outside(target) for target in (str(example.pid), example.core())]
    inside = example.ask_inside()
    for said in outside:
        compare_with_inside(part, said, inside)
        if part.diff:
            check_fixed(part, said, inside)
        else:
            {"gateway.py": check_gateway, "importer.py": check_importer}[part.program](part, said, inside)


def run_part(part, page, interpreter):
    with support.Folder() as folder, Example(part, interpreter, folder) as example:
        if interpreter.minor == SHOWN and not interpreter.debug:
            if part.where == "core":
                example.core()
            compare_page(part, page, example)
        check_facts(part, example)


# ---- together ------------------------------------------------------------------------------------------------------


def write(page, interpreter):
    """@page with what its commands print now."""
    for part in reversed(parts_of(page)):
        with support.Folder() as folder, Example(part, interpreter, folder) as example:
            if part.where == "core":
                example.core()
            for (start, end, _), text in reversed(list(zip(part.blocks, run_blocks(part, example)))):
                page = page[:start] + text + page[end:]
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(page)


def choose(usable, full):
    """All interpreters, or one whose sizes the page shows, the oldest and the newest."""
    if full:
        return usable
    shown = [each for each in usable if each.minor == SHOWN and not each.debug]
    ordered = sorted((each for each in usable if not each.debug), key=lambda each: each.hexversion)
    chosen = shown[:1] + ordered[:1] + ordered[-1:]
    return list({each.name: each for each in chosen}.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", nargs="?", choices=("check", "check-full"), default="check")
    parser.add_argument("--write", action="store_true", help="put what is printed now into the page")
    options = parser.parse_args()
    with open(DOCUMENT, encoding="utf-8") as file:
        page = file.read()
    usable = [each for each in interpreters.find_all()[0] if not each.free_threaded]
    usable.sort(key=lambda each: each.origin != "system")
    shown = [each for each in usable if each.minor == SHOWN and not each.debug]
    if options.write:
        write(page, shown[0])
        return
    results = Results()
    if not shown:
        results.skip("examples: what the page shows", "there is no Python %d.%d" % SHOWN)
    for interpreter in choose(usable, options.size == "check-full"):
        for part in parts_of(page):
            results.run("examples: %s on %s" % (part.name(), interpreter.name), run_part, part, page, interpreter)
    results.finish()


if __name__ == "__main__":
    main()
