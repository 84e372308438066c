#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verb `cycles` on made-up graphs: test_cycles.py [FAKE_INSPECT]

What is unreachable, what hangs off it and what is a component are computed here a second time, from what `objects`,
`referents --all` and, about who has a finalizer of the old kind, `finalizers` say.
"""
import collections
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from runner import Results, check  # noqa: E402
from test_verbs import Run, csv_field, document_of, rows_of, same  # noqa: E402

Edge = collections.namedtuple("Edge", "target visited counted guessed")


class Heap:
    """A graph as the other verbs tell it."""

    def __init__(self, target):
        self.target = target
        self.rows = {row["address"]: row for row in rows_of("objects", self.target)}
        self.edges = collections.defaultdict(list)
        for row in rows_of("referents", self.target, "--all", "--no-labels"):
            self.edges[row["from"]].append(Edge(row["to"], row["visited"], row["counted"], row["guessed"]))
        status = 4 if self.unreachable()[1] else 0
        self.legacy = {row["address"] for row in rows_of("finalizers", self.target, status=status) if row["kind"] == "legacy"}

    def looked_at(self, address, generations, interpreters):
        row = self.rows[address]
        return (row["generation"] in generations and
                (interpreters is None or row["interpreter"] in interpreters))

    def same_collector(self, one, other):
        return self.rows[one]["interpreter"] == self.rows[other]["interpreter"]

    def unreachable(self, generations=(0, 1, 2), interpreters=None, believe=False):
        """The addresses of what a collection would find."""
        young = {address for address in self.rows if self.looked_at(address, generations, interpreters)}
        outside = {address: self.rows[address]["refcount"] for address in young}
        lent = set()    # visited by who does not hold it: there may be more references than are counted
        for address in young:
            for edge in self.edges[address]:
                if (edge.target in young and edge.visited and (believe or not edge.guessed) and
                        self.same_collector(address, edge.target) and outside[edge.target] is not None):
                    outside[edge.target] -= 1
                    if not edge.counted:
                        lent.add(edge.target)
        pending = [address for address in young if outside[address] is None or outside[address]]
        stays = set(pending)
        while pending:
            address = pending.pop()
            for edge in self.edges[address]:
                if (edge.target in young - stays and edge.visited and self.same_collector(address, edge.target)):
                    stays.add(edge.target)
                    pending.append(edge.target)
        return young - stays, any(count is not None and count < 0 for address, count in outside.items() if address not in lent)

    def apart(self, garbage):
        """Those of @garbage that have finalizers of the old kind, and all that these lead to."""
        pending = [address for address in garbage if address in self.legacy]
        apart = set(pending)
        while pending:
            for edge in self.edges[pending.pop()]:
                if edge.visited and edge.target in garbage - apart:
                    apart.add(edge.target)
                    pending.append(edge.target)
        return apart

    def freed_with(self, garbage):
        """What is freed when @garbage lets go of what it holds, but for what is set apart."""
        cleared = garbage - self.apart(garbage)
        freed, dropped, pending = set(), collections.Counter(), list(cleared)
        while pending:
            for edge in self.edges[pending.pop()]:
                if edge.counted and edge.target not in cleared and edge.target not in freed:
                    dropped[edge.target] += 1
                    if dropped[edge.target] == self.rows[edge.target]["refcount"]:
                        freed.add(edge.target)
                        pending.append(edge.target)
        return freed

    def uncollectable(self):
        """What a full collection sets apart and does not free."""
        garbage, negative = self.unreachable()
        return self.apart(garbage) - self.freed_with(garbage), negative

    def components(self, among):
        """The sets of objects of @among that lead to each other; only those with a cycle."""
        def reach(start, edges):
            found, pending = {start}, [start]
            while pending:
                for target in edges[pending.pop()]:
                    if target not in found:
                        found.add(target)
                        pending.append(target)
            return found

        forward, backward = collections.defaultdict(list), collections.defaultdict(list)
        for address in among:
            for edge in self.edges[address]:
                if edge.target in among and edge.visited:
                    forward[address].append(edge.target)
                    backward[edge.target].append(address)
        found, left = [], set(among)
        while left:
            start = min(left)
            component = reach(start, forward) & reach(start, backward)
            left -= component
            if len(component) > 1 or start in forward[start]:
                found.append(frozenset(component))
        return found


HEAPS = [Heap("fake,graph," + words) for words in (
    "counted,count=600", "counted,count=600,collectors=3", "counted,count=3000", "counted,count=300,hostile", "count=600",
    "counted,count=20", "counted,count=1")]


def check_objects(heap, *options, **how):
    """--objects says the same; returns what is unreachable."""
    everything = how.pop("everything", False)
    garbage, negative = heap.unreachable(**how)
    freed = heap.freed_with(garbage)
    components = heap.components(set(heap.rows) if everything else garbage)
    status = 4 if negative else 0
    rows = rows_of("cycles", heap.target, "--objects", *options, status=status)
    same({row["address"] for row in rows}, garbage | freed | set().union(*components), "objects")
    same({row["address"] for row in rows if row["unreachable"]}, garbage, "unreachable")
    said = collections.defaultdict(set)
    for row in rows:
        same((row["type"], row["size"], row["generation"]),
             tuple(heap.rows[row["address"]][name] for name in ("type", "size", "generation")), "object")
        if row["component"] is not None:
            said[row["component"]].add(row["address"])
    same(set(map(frozenset, said.values())), set(components), "components")
    same(sorted(said), list(range(1, len(said) + 1)), "their numbers")
    shapes = rows_of("cycles", heap.target, *options, status=status)
    same(sum(row["components"] for row in shapes), len(components), "sum of components")
    same(sum(row["objects"] for row in shapes), sum(map(len, components)), "sum of objects")
    same(sum(row["bytes"] for row in shapes), sum(heap.rows[each]["size"] for each in set().union(*components)), "bytes")
    check(sum(row["held_objects"] for row in shapes) <= len(garbage | freed), "too much is held")
    for row in shapes:
        check(row["example"] and " → " in row["example"], "no example: %s", row)
    return garbage


def test_objects():
    found = 0
    for heap in HEAPS:
        found += len(check_objects(heap))
    check(found > 100, "only %d objects are unreachable", found)


def test_uncollectable():
    """The verb `garbage` says what a collection would keep."""
    found = 0
    for heap in HEAPS:
        uncollectable, negative = heap.uncollectable()
        said = {row["address"] for row in rows_of("garbage", heap.target, status=4 if negative else 0) if not row["listed"]}
        same(said, uncollectable, "uncollectable")
        found += len(said)
    check(found > 20, "only %d objects are uncollectable", found)


def test_generation():
    for heap in HEAPS:
        check_objects(heap, "--generation=0", generations=(0,))
        check_objects(heap, "--generation=1", generations=(0, 1))
        check_objects(heap, "--generation", "2")


def test_interpreter():
    for heap in HEAPS:
        ids = sorted({row["interpreter"] for row in heap.rows.values()} - {None})
        for number in ids:
            check_objects(heap, "--interpreter=%d" % number, interpreters=(number,))
        if len(ids) > 1:
            check_objects(heap, "--interpreter=%d" % ids[0], "--interpreter=%d" % ids[1], interpreters=ids[:2])


def test_guesses():
    for heap in HEAPS:
        check_objects(heap, "--believe-guesses", believe=True)


def test_all():
    for heap in HEAPS:
        check_objects(heap, "--all", everything=True)


def test_short_ways():
    """heap and cycles, which answer without a graph of all objects where they can, say what they say of a part of them: by the
    long way, of all; also where reference counts are wrong."""
    seed = random.randrange(2 ** 32)
    print("seed %d" % seed)
    chosen = random.Random(seed)
    for _ in range(60):
        target = "fake,graph,%scount=%d%s" % (
            chosen.choice(("counted,", "counted,", "counted,", "")), chosen.choice((chosen.randrange(1, 60), chosen.randrange(1, 3000))),
            chosen.choice(("", "", ",hostile", ",dangling", ",collectors=2", ",untracked=%d" % chosen.randrange(1, 300))))
        for verb, long_way, *options in (("heap", "--type=*"), ("cycles", "--generation=2"),
                                         ("cycles", "--generation=2", "--objects")):
            said = Run(verb, target, "--limit=0", "--format=csv", *options)
            expected = Run(verb, target, "--limit=0", "--format=csv", long_way, *options)
            same((said.status, sorted(said.messages.splitlines()), said.text),
                 (expected.status, sorted(expected.messages.splitlines()), expected.text), "%s of %s" % (verb, target))


def test_limit():
    document = document_of("cycles", HEAPS[0].target, "--all", "--limit=1", status=HEAPS[0].unreachable()[1] * 4)
    same(len(document["rows"]), 1, "rows")


def test_text():
    """The example and what to cut stand below the table, behind the row's address, for each row that is shown."""
    cut = 0
    for heap in HEAPS:
        status = heap.unreachable()[1] * 4
        text = Run("cycles", heap.target, "--all", "--limit=7").expect(status).text
        expected = []
        for row in document_of("cycles", heap.target, "--all", "--limit=7", status=status)["rows"]:
            expected.append("%-14s  example: %s" % (row["address"], csv_field(row["example"])))
            if row["cut"] is not None:
                expected.append("%-14s  cut: %s" % ("", csv_field(row["cut"])))
                cut += 1
        table, _, below = text.partition("\n\n")
        same(below.splitlines(), expected, "below the table")
        check("example" not in table.splitlines()[0], "the example is a column, too: %s", table.splitlines()[0])
    check(cut, "nothing is to be cut anywhere")


def main():
    results = Results()
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            results.run(name, function)
    results.finish()


if __name__ == "__main__":
    main()
