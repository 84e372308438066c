#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verbs about references on made-up graphs: test_references.py [FAKE_INSPECT]

What fake.c refers to is computed here a second time, and so are labels, shortest paths and how they are written.
"""
import keyword
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from runner import Results, check  # noqa: E402
from test_verbs import BASE, HOSTILE, PLAIN, SPACING, Run, columns, document_of, mix, rows_of, same  # noqa: E402

UNVISITED, UNCOUNTED, GUESSED = 1, 2, 4
KINDS = ["interpreter", "frame", "thread", "static", "interned", "global", "stack"]
DELAYS = {"frame": 3, "thread": 3, "static": 4, "interpreter": 8}
TEXTS = [".attribute", "cell", ".__dict__", ".__mro__"]
HELD, CERTAINTIES = 0, 4
ROOT = 2 ** 64 - 1  # where mix() has the facts about roots


class Label:
    """What a reference is called: @kind as in fake.c, @text as it is shown, @name: the number of what names it."""

    def __init__(self, number, reference, graph):
        self.kind = mix(number, 200 + reference) % 15
        self.value = mix(number, 300 + reference) % graph.count
        key, bare = graph.name(self.value), graph.name(self.value, bare=True)
        self.key = key
        self.text = (["?"] + 4 * [TEXTS[self.value % 4]] +
                     ["[%d]" % self.value, "stack[%d]" % self.value] + 2 * ["[%s]" % key] +
                     ["key %s" % key, "{…}", "." + bare, "local " + bare, ".member", "+%#x" % self.value])[self.kind]
        self.is_key, self.is_attribute, self.is_local = self.kind in (7, 8), self.kind == 11, self.kind == 12


class Reference:
    """One of an object's, or a root's."""

    def __init__(self, number, reference, graph):
        self.target = mix(number, 100 + reference) % graph.count
        self.flags = 0 if mix(number, 400 + reference) % 3 else mix(number, 500 + reference) % 8
        self.dangling = graph.dangling and mix(number, 600 + reference) % 10 == 0
        self.label = Label(number, reference, graph)
        self.certainty = 3 if self.flags & UNCOUNTED else 1 if self.flags & GUESSED else HELD
        self.position = reference
        if number == ROOT:
            self.kind = KINDS[mix(number, 700 + reference) % len(KINDS)]
            if self.certainty == HELD and self.kind in ("interned", "global"):
                self.certainty = 1
            if self.certainty < 3 and self.kind == "stack":
                self.certainty = 2
            self.place = ("\x1b[%dm" if graph.hostile else "place %d") % (reference // 2)

    @property
    def delay(self):
        """As how many references longer a path counts that begins here."""
        named = self.kind == "interpreter" and self.label.kind in (1, 2, 3, 4) and self.label.text[0] == "."
        return 0 if named else DELAYS.get(self.kind, 0)

    def cells(self):
        return {"label": self.label.text, "visited": not self.flags & UNVISITED, "counted": not self.flags & UNCOUNTED,
                "guessed": bool(self.flags & GUESSED)}


class Graph:
    """What a made-up target with the word "graph" holds."""

    def __init__(self, count, hostile=False, dangling=False):
        self.count, self.hostile, self.dangling = count, hostile, dangling
        self.target = "fake,graph,count=%d%s%s" % (count, ",hostile" * hostile, ",dangling" * dangling)
        self.status = 4 if dangling else 0
        self.names = HOSTILE if hostile else PLAIN
        self.roots = [Reference(ROOT, i, self) for i in range(count // 50)]
        self.references = {}
        found = [number for number in range(count) if mix(number, 9) % 4]
        found += [root.target for root in self.roots if not root.dangling]
        while found:
            number = found.pop()
            if number not in self.references:
                made = [Reference(number, i, self) for i in range(mix(number, 10) % 5)]
                self.references[number] = [reference for reference in made if not reference.dangling]
                for position, reference in enumerate(self.references[number]):
                    reference.position = position
                found += [reference.target for reference in self.references[number]]
        self.roots = [root for root in self.roots if not root.dangling]
        self.numbers = sorted(self.references)

    def name(self, number, bare=False):
        text = ["name%d" % number, "no name %d" % number, "class", "__name%d__" % number][number % 4]
        text += "\x1b\n\"\\xff" if self.hostile else ""
        return text if bare else "'%s'" % text

    def type(self, number):
        return self.names[mix(number, 1) % 8]

    def is_type(self, number):
        return any(reference.label.text == ".__mro__" for reference in self.references[number])

    def root_text(self, root):
        if root.label.kind == 0:
            return root.place
        if root.label.is_local:
            return "%s: %s" % (root.place, self.name(root.label.value, bare=True))
        return root.place + ("" if root.label.text[0] in ".[{" else ": ") + root.label.text


def address(number):
    return hex(BASE + SPACING * number)


def end(graph, number):
    """The cells of an object at the end of a reference."""
    return {"address": address(number), "type": graph.type(number)}


PLAIN_GRAPH = Graph(600)
GRAPHS = [PLAIN_GRAPH, Graph(300, hostile=True), Graph(500, dangling=True), Graph(60), Graph(1), Graph(2000)]


# ---- references -------------------------------------------------------------------------------------------------------

def test_all_referents():
    for graph in GRAPHS:
        expected = [dict({"from": address(number), "to": address(reference.target)}, **reference.cells())
                    for number in graph.numbers for reference in graph.references[number]]
        same(rows_of("referents", graph.target, "--all", status=graph.status), expected, graph.target)
        names = ["from", "to", "visited", "counted", "guessed"]
        same(rows_of("referents", graph.target, "--all", "--no-labels", status=graph.status), columns(expected, *names),
             "without labels")
        same(document_of("referents", graph.target, "--all", "--limit=3", status=graph.status)["total"],
             {"rows": len(expected)}, "total")


def referents(graph, number):
    return [dict(end(graph, reference.target), object=address(number), **reference.cells())
            for reference in graph.references[number]]


def test_referents():
    for graph in GRAPHS:
        numbers = graph.numbers[::7]
        expected = [row for number in numbers for row in referents(graph, number)]
        found = rows_of("referents", graph.target, *map(address, numbers), status=graph.status)
        same(found, expected, graph.target)
        one = max(graph.numbers, key=lambda number: len(graph.references[number]))
        same(rows_of("referents", graph.target, address(one), status=graph.status), referents(graph, one), "of one")
        same(rows_of("referents", graph.target, address(one), address(one), status=graph.status), referents(graph, one),
             "of the same twice")


def test_values():
    number = max(PLAIN_GRAPH.numbers, key=lambda each: sum(reference.target % 2 for reference in PLAIN_GRAPH.references[each]))
    rows = document_of("referents", PLAIN_GRAPH.target, address(number), "--values")["rows"]
    same([row["value"] for row in rows],
         ["<number %d>" % reference.target for reference in PLAIN_GRAPH.references[number]], "values")
    shown = {row["address"]: row["size"] for row in document_of("object", PLAIN_GRAPH.target, *{row["address"] for row in rows})["rows"]}
    same([row["size"] for row in rows], [shown[row["address"]] for row in rows], "sizes")
    unreadable = document_of("referents", PLAIN_GRAPH.target + ",unreadable", address(number), "--values", status=4)
    odd = sum(reference.target % 2 for reference in PLAIN_GRAPH.references[number])
    check(odd and any(note.startswith("%d objects could not be read" % odd) for note in unreadable["notes"]), "notes: %s",
          unreadable["notes"])


def referrers(graph, number, types=None):
    rows = [dict({"object": address(number), "address": None, "type": None, "kind": root.kind}, **dict(root.cells(), label=graph.root_text(root)))
            for root in sorted(graph.roots, key=lambda root: KINDS.index(root.kind)) if root.target == number and not types]
    rows += [dict(end(graph, holder), object=address(number), kind=None, **reference.cells())
             for holder in graph.numbers for reference in graph.references[holder]
             if reference.target == number and (not types or graph.type(holder) in types)]
    return rows


def test_referrers():
    for graph in GRAPHS:
        numbers = graph.numbers[::5] + [root.target for root in graph.roots]
        numbers = list(dict.fromkeys(numbers))
        expected = [row for number in numbers for row in referrers(graph, number)]
        same(rows_of("referrers", graph.target, *map(address, numbers), status=graph.status), expected, graph.target)
        unlabelled = [{name: row[name] for name in row if name != "label"} for row in expected]
        same(rows_of("referrers", graph.target, "--no-labels", *map(address, numbers), status=graph.status),
             [dict(row) for row in unlabelled], "without labels")
    numbers = PLAIN_GRAPH.numbers
    same(rows_of("referrers", PLAIN_GRAPH.target, "--type=app.*", *map(address, numbers)),
         [row for number in numbers for row in referrers(PLAIN_GRAPH, number, ("app.models.Session", "app.models.User"))],
         "by type")


def test_roots():
    def expect(graph, keep, *options):
        rows = [dict(end(graph, root.target), kind=root.kind, place=root.place, label=root.label.text if root.label.kind else None,
                     counted=not root.flags & UNCOUNTED, guessed=bool(root.flags & GUESSED))
                for root in sorted(graph.roots, key=lambda root: KINDS.index(root.kind)) if keep(root)]
        same(rows_of("roots", graph.target, *options, status=graph.status), rows, str(options))

    for graph in GRAPHS:
        expect(graph, lambda root: True)
    expect(PLAIN_GRAPH, lambda root: root.kind == "thread", "--kind=thread")
    expect(PLAIN_GRAPH, lambda root: root.kind in ("frame", "static"), "--kind", "static", "--kind=frame")
    expect(PLAIN_GRAPH, lambda root: PLAIN_GRAPH.type(root.target) == "dict", "--type=dict")
    many = GRAPHS[-1]
    for kind in KINDS:
        expect(many, lambda root: root.kind == kind, "--kind=" + kind)


# ---- paths ------------------------------------------------------------------------------------------------------------

class Barrier:
    def __init__(self):
        self.objects, self.lasts = set(), set()


def reach(graph, goal, barrier):
    """number → (certainty, level, root, reference that led here): what reaches each object, certain paths first."""
    reached = {}

    def relax(target, certainty, level, root, last):
        if target in barrier.objects or (target == goal and last[:2] in barrier.lasts):
            return False
        have = reached.get(target)
        if have and have[0] < certainty:
            return False
        order = level, root.delay, KINDS.index(root.kind), graph.roots.index(root)
        if have and (have[1], have[2].delay, KINDS.index(have[2].kind), graph.roots.index(have[2])) <= order:
            return False
        reached[target] = certainty, level, root
        return True

    for certainty in range(CERTAINTIES):
        for root in graph.roots:
            if root.certainty <= certainty:
                relax(root.target, certainty, root.delay + 1, root, ("root", graph.roots.index(root)))
        changed = True
        while changed:
            changed = False
            for number in list(reached):
                _, level, root = reached[number]
                for reference in graph.references[number]:
                    if reference.certainty <= certainty:
                        changed |= relax(reference.target, certainty, level + 1, root, (number, reference.position))
    return reached


def attribute(item):
    """The name of an item of a dictionary of attributes that can stand behind a dot, or None."""
    name = re.fullmatch("'([A-Za-z_][A-Za-z_0-9]*)'", item.label.key)
    return name.group(1) if item.label.is_key and name and not keyword.iskeyword(name.group(1)) else None


def write(graph, root, steps):
    """A path as a Python expression; @steps are (holder, reference)."""
    text = graph.root_text(root)
    position = 0
    if root.label.text == ".__dict__" and steps and attribute(steps[0][1]):
        text = "%s.%s" % (root.place, attribute(steps[0][1]))
        position = 1
    while position < len(steps):
        holder, reference = steps[position]
        label = reference.label
        position += 1
        if label.text == ".__dict__" and position < len(steps):
            item = steps[position][1]
            plain = graph.type(item.target) in ("dict", "list") and not item.label.key.startswith("'__")
            if attribute(item) and (not graph.is_type(holder) or plain):
                text += "." + attribute(item)
                position += 1
                continue
        if label.text == "cell":
            text += ".cell_contents"
            continue
        if label.is_attribute and not (label.text[1:].isidentifier() and not keyword.iskeyword(label.text[1:])):
            text += ".__dict__[%s]" % label.key
        elif label.text[0] in ".[{":
            text += label.text
        else:
            text += "<%s>" % label.text
    return text


def check_path(graph, row, steps, number, barrier, reached):
    """Is the path of @row and @steps one of the graph's, is it as short as it can be, and is it written as it should be?
    Bars it."""
    if number not in reached:
        same(row["path"], None, "unreachable")
        same([row[name] for name in ("length", "kind", "counted", "guessed")], 4 * [None], "of what is unreachable")
        return False
    certainty, level, root = reached[number]
    same([step["step"] for step in steps], list(range(1, row["length"] + 1)), "steps of %s" % row)
    roots = [each for each in graph.roots if steps[0]["label"] == graph.root_text(each) and each.kind == row["kind"] and
             address(each.target) == steps[0]["address"]]
    check(roots, "there is no such root: %s", steps[0])
    same(row["length"], level - roots[0].delay, "length of %s" % row)
    taken, worst, flags = [], [roots[0].certainty], [roots[0].flags]
    if certainty == HELD:
        check(root in roots, "the root is %s, not %s", graph.root_text(roots[0]), graph.root_text(root))
    for before, step in zip(steps, steps[1:]):
        holder = (int(before["address"], 16) - BASE) // SPACING
        found = [reference for reference in graph.references[holder]
                 if address(reference.target) == step["address"] and reference.cells() == columns([step], "label", "visited", "counted", "guessed")[0]]
        check(found, "there is no such reference: %s", step)
        taken.append((holder, found[0]))
        worst.append(found[0].certainty)
        flags.append(found[0].flags)
        same(step["type"], graph.type(found[0].target), "type")
    same(steps[-1]["address"], address(number), "the end")
    same(max(worst), certainty, "certainty of %s" % row)
    same(row["counted"], not any(each & UNCOUNTED for each in flags), "counted")
    same(row["guessed"], any(each & GUESSED for each in flags), "guessed")
    same(row["path"], write(graph, roots[0], taken), "path")
    objects = [(int(step["address"], 16) - BASE) // SPACING for step in steps]
    check(not barrier.objects & set(objects), "shares objects with another path")
    barrier.objects |= set(objects[1:-1])
    barrier.lasts.add((taken[-1][0], taken[-1][1].position) if taken else ("root", graph.roots.index(roots[0])))
    return True


def paths(graph, numbers, *options):
    """address → list of (row, steps)"""
    addresses = list(map(address, numbers))
    rows = rows_of("path", graph.target, *options, *addresses, status=graph.status)
    steps = rows_of("path", graph.target, "--steps", *options, *addresses, status=graph.status)
    found = {}
    for row in rows:
        paths_so_far = found.setdefault(row["address"], [])
        paths_so_far.append((row, [step for step in steps if step["object"] == row["address"] and
                                   step["number"] == (len(paths_so_far) + 1 if row["path"] else None)]))
    same(sum(len(each) for _, each in sum(found.values(), [])), len(steps), "rows with --steps")
    same(list(found), addresses, "objects")
    return found


def test_path():
    for graph in GRAPHS:
        unreachable = 0
        numbers = graph.numbers[::3]
        reached = reach(graph, None, Barrier())
        for number, found in zip(numbers, paths(graph, numbers).values()):
            same(len(found), 1, "paths")
            same(found[0][0]["type"], graph.type(number), "type")
            unreachable += not check_path(graph, *found[0], number, Barrier(), reached)
        check(unreachable < len(numbers) or graph.count < 50, "all is unreachable")


def test_disjoint_paths():
    for graph in GRAPHS[:4]:
        several = 0
        for number, found in paths(graph, graph.numbers[::9], "--count=4").items():
            barrier = Barrier()
            number = (int(number, 16) - BASE) // SPACING
            there = [check_path(graph, row, steps, number, barrier, reach(graph, number, barrier)) for row, steps in found]
            check(there in ([False], [True] * len(there)) and len(there) <= 4, "rows: %s", there)
            if all(there) and len(there) < 4:
                check(number not in reach(graph, number, barrier), "there is another path to %s", number)
            several += len(there) > 1
        check(several or graph.count < 100, "nothing has several paths")


def test_unreachable():
    reached = reach(PLAIN_GRAPH, None, Barrier())
    lost = [number for number in PLAIN_GRAPH.numbers if number not in reached]
    check(len(lost) > 1, "everything is reachable")
    one = max(lost, key=lambda number: len(referrers(PLAIN_GRAPH, number)))
    run = Run("path", PLAIN_GRAPH.target, address(one)).expect(0)
    check(re.search(r"%s .* - +unreachable" % address(one), run.text), "%s", run.text)
    check("%s is unreachable" % address(one) in run.messages and
          "something that was not found holds" in run.messages, "%s", run.messages)
    many = Run("path", PLAIN_GRAPH.target, *map(address, lost)).expect(0)
    check("%d of the objects are unreachable" % len(lost) in many.messages, "%s", many.messages)


# ---- calls ------------------------------------------------------------------------------------------------------------

def test_operands():
    target, numbers = PLAIN_GRAPH.target, PLAIN_GRAPH.numbers
    inside = hex(BASE + SPACING * numbers[3] + 9)
    for verb in "referents", "referrers", "path":
        run = Run(verb, target, inside).expect(3)
        check("9 bytes into the %s at %s" % (PLAIN_GRAPH.type(numbers[3]), address(numbers[3])) in run.messages, "%s", run.messages)
        check("not in the target's memory" in Run(verb, target, "0x10").expect(3).messages, "nowhere")
        absent = next(number for number in range(PLAIN_GRAPH.count) if number not in PLAIN_GRAPH.references)
        run = Run(verb, target, address(absent)).expect(3)
        check("no object begins here" in run.messages or "none of the %d objects" % len(numbers) in run.messages, "%s", run.messages)
        run = Run(verb, target, inside, address(numbers[0]), "--format=json").expect(4)
        check("incomplete: %s" % inside in run.messages, "%s", run.messages)
        check("is not an address" in Run(verb, target, "here").expect(2).messages, "no number")
    decimal = rows_of("referents", target, str(BASE + SPACING * numbers[5]))
    same(decimal, referents(PLAIN_GRAPH, numbers[5]), "a decimal address")


def test_wrong_calls():
    for call, message in (["referents"], "needs ADDRESS..., or --all"), (["referents", "--all", "0x1"], "leave out one"), \
            (["referents", "--all", "--values"], "not for --all"), (["referrers"], "needs ADDRESS"), (["path"], "needs ADDRESS"), \
            (["path", "--count=0", "0x1"], "from 1 on"), (["roots", "0x1"], "takes no operand"), \
            (["roots", "--kind=heap"], "takes one of interpreter|frame"):
        run = Run(call[0], PLAIN_GRAPH.target, *call[1:]).expect(2)
        check(message in run.messages and not run.text, "%s: %s%s", call, run.text, run.messages)
    check("Usage: py-inspect referents" in Run("referents", "--help").expect(0).text, "help of a verb that checks its call")


def test_text():
    """Columns that tell objects apart are there when there are several."""
    one, other = [number for number in PLAIN_GRAPH.numbers if len(PLAIN_GRAPH.references[number]) > 1][:2]
    for verb in "referents", "referrers":
        check(not Run(verb, PLAIN_GRAPH.target, address(one)).text.startswith("object"), "the only object is repeated")
        check(Run(verb, PLAIN_GRAPH.target, address(one), address(other)).text.startswith("object"), "not said whose they are")
    lines = Run("referents", PLAIN_GRAPH.target, "--all", "--limit=4").text.splitlines()
    count = sum(map(len, PLAIN_GRAPH.references.values()))
    check(lines[-1].split() == "total of {:,} references".format(count).replace(",", " ").split(), "%s", lines)
    steps = Run("path", PLAIN_GRAPH.target, "--steps", *map(address, PLAIN_GRAPH.numbers)).expect(0).text
    check("total of" in steps and steps.rstrip().endswith("steps"), "%s", steps[-300:])


def main():
    results = Results()
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            results.run(name, function)
    results.finish()


if __name__ == "__main__":
    main()
