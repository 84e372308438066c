#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What libinspect says that a collection of refgc would find, and what refgc then finds.

    tests/refgc/test_cycles.py [check | check-full] [--programs N] [--only WORD]...

The random programs of test_inspect.py, each with two checkpoints. At each one refgc collects every generation, in
copies of itself, and writes down what its collector found, called and freed (doc/refgc-programs.md, `collections`).
`cycles`, `finalizers`, `weakrefs` and `garbage` must say the same beforehand, of the whole heap.
"""
import argparse
import collections
import functools
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import support  # noqa: E402
import test_inspect  # noqa: E402
from inspected import look_at, recorded  # noqa: E402
from runner import Results, Skip, check  # noqa: E402
from support import Folder, SANITIZED  # noqa: E402
from test_inspect import GO  # noqa: E402

GENERATIONS = (0, 1, 2)


class Tally(test_inspect.Tally):
    """How much was compared."""

    def __init__(self):
        self.checkpoints = self.unreachable = self.components = self.held = self.calls = self.freeing_calls = 0
        self.weakrefs = self.dead = self.garbage = self.uncollectable = self.resurrected = 0

    def __str__(self):
        return ("%(checkpoints)d checkpoints, three generations each: %(unreachable)d unreachable objects in %(components)d "
                "components, %(held)d held by them, %(calls)d calls in their order and %(freeing_calls)d by freeing, "
                "%(uncollectable)d uncollectable, %(resurrected)d resurrected; %(weakrefs)d weak references, %(dead)d of them "
                "dead; %(garbage)d objects of garbage" % vars(self))


# ---- the record ------------------------------------------------------------------------------------

class Heap:
    """What a record says, by address."""

    def __init__(self, record):
        found = recorded(record)[0].objects     # without those that nothing leads to
        self.objects = {each["address"]: each for each in record["objects"] if each["address"] in found}
        self.names = {address: each[0] for address, each in found.items()}
        self.references = collections.defaultdict(list)
        for each in record["references"]:
            self.references[each["from"]].append(each["to"])
        self.callbacks = {each["from"]: each["to"] for each in record["references"] if each["label"] == "callback"}
        self.referents = {each["from"]: each["to"] for each in record["weak"]}
        self.weakrefs = collections.defaultdict(list)
        for each in record["weak"]:
            self.weakrefs[each["to"]].append(each["from"])
        self.garbage = record["garbage"]
        self.saveall = "saveall" in record["debug"]
        self.collections = {(each["generation"], each["aside"]): each for each in record["collections"]}

    def bytes(self, addresses):
        return sum(self.objects[address]["total_size"] for address in addresses)

    def apart(self, unreachable):
        """Those of @unreachable that have finalizers of the old kind, and all that these lead to."""
        pending = [address for address in unreachable if self.objects[address]["finalizer"] == "legacy"]
        found = set(pending)
        while pending:
            new = {to for to in self.references[pending.pop()] if to in unreachable} - found
            found |= new
            pending += new
        return found

    def uncollectable(self, generation):
        """What a collection keeps, finalizers aside: also the weak references set apart whose callbacks it has called, which
        it no longer counts."""
        trial = self.collections[generation, True]
        called = (self.apart(set(trial["found"])) & set(trial["calls"])) - set(trial["freed"])
        return set(trial["uncollectable"]) | called

    def freed(self, cleared):
        """What is freed when the unreachable objects @cleared let go of what they refer to; and whether that is so
        because of a weak reference, which lets go of its callback when it has called that."""
        counts = {address: each["refcount"] for address, each in self.objects.items() if not each["immortal"]}
        freed, pending, let_go, by_callback = set(cleared), list(cleared), set(), False

        def release(address):
            if address in counts:
                counts[address] -= 1
                if not counts[address] and address not in freed:
                    freed.add(address)
                    pending.append(address)

        while pending:
            address = pending.pop()
            for to in self.references[address]:
                if address in let_go and to == self.callbacks.get(address):
                    continue
                release(to)
            for weakref in self.weakrefs[address] if address not in cleared else ():
                if weakref in self.callbacks and weakref not in freed:
                    let_go.add(weakref)
                    before = len(freed)
                    release(self.callbacks[weakref])
                    by_callback |= len(freed) != before
        return freed, by_callback


def components(addresses, references):
    """The strongly connected components of @addresses that have a cycle, as a set of frozensets: Kosaraju's algorithm."""
    backward = collections.defaultdict(list)
    for address in addresses:
        for to in references[address]:
            backward[to].append(address)
    order, seen = [], set()
    for start in addresses:
        stack = [(start, iter(references[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            address, rest = stack[-1]
            for to in rest:
                if to in addresses and to not in seen:
                    seen.add(to)
                    stack.append((to, iter(references[to])))
                    break
            else:
                order.append(address)
                stack.pop()
    found, done = set(), set()
    for start in reversed(order):
        component, stack = set(), [start]
        while stack:
            address = stack.pop()
            if address in addresses and address not in done:
                done.add(address)
                component.add(address)
                stack += backward[address]
        if len(component) > 1 or (component and start in references[start]):
            found.add(frozenset(component))
    return found


# ---- comparison ------------------------------------------------------------------------------------

def same(want, have, where, what):
    """Both must be equal: sets, lists or dicts."""
    if want == have:
        return
    if isinstance(want, dict):
        want, have = set(want.items()), set(have.items())
    if isinstance(want, (set, frozenset)):
        check(False, "%s: %s: recorded and not said: %s; said and not recorded: %s", where, what, sorted(want - have, key=str)[:5],
              sorted(have - want, key=str)[:5])
    check(False, "%s: %s: recorded %s, said %s", where, what, want, have)


def compare_cycles(ask, heap, generation, where, tally):
    """The unreachable objects, their components, and what is freed with them. Returns both sets."""
    real, aside = heap.collections[generation, False], heap.collections[generation, True]
    rows = ask("cycles", "--objects", "--generation", str(generation))
    said = {row["address"] for row in rows if row["unreachable"]}
    held = {row["address"] for row in rows if not row["unreachable"]}
    for trial in (real, aside):
        same(set(trial["found"]), said, where, "unreachable")
    check(len(rows) == len(said) + len(held), "%s: an object is there twice", where)
    same({address: (heap.names[address], heap.objects[address]["total_size"], heap.objects[address]["generation"])
          for address in said | held}, {row["address"]: (row["type"], row["size"], row["generation"]) for row in rows}, where,
         "rows")
    parts = collections.defaultdict(set)
    for row in rows:
        if row["component"] is not None:
            parts[row["component"]].add(row["address"])
    same(components(said, heap.references), {frozenset(part) for part in parts.values()}, where, "components")

    compare_shapes(ask, heap, generation, (said, held, set().union(*parts.values()), len(parts)), where)
    apart = heap.apart(said)
    freed, by_callback = heap.freed(said - apart)
    same(set(aside["freed"]) & set(heap.objects), freed, where, "freed")
    same(apart - freed, heap.uncollectable(generation), where, "uncollectable")
    if not by_callback:
        same(freed - said, held, where, "held")
    counted = said - (apart & (freed | set(aside["calls"])))
    check(aside["returned"] == len(counted), "%s: the collection returned %d, said are %d, apart %d", where, aside["returned"],
          len(said), len(apart))
    if not heap.saveall:
        resurrected = said - apart - set(real["freed"])
        check(real["returned"] == aside["returned"] - len(resurrected), "%s: the collection returned %d: %d of %d were "
              "resurrected", where, real["returned"], len(resurrected), len(said))
        tally.resurrected += len(resurrected)
    tally.unreachable += len(said)
    tally.components += len(parts)
    tally.held += len(held)
    tally.uncollectable += len(aside["uncollectable"])
    return said, held


def compare_shapes(ask, heap, generation, found, where):
    """The rows of shapes and what is said about them add up to the objects."""
    unreachable, held, in_cycles, count = found
    rows, notes = ask.with_notes("cycles", "--generation", str(generation))
    sums = [sum(row[name] for row in rows) for name in ("components", "objects", "bytes", "held_objects", "held_bytes")]
    hanging = (unreachable | held) - in_cycles
    want = [count, len(in_cycles), heap.bytes(in_cycles), len(hanging), heap.bytes(hanging)]
    numbers = list(map(int, re.findall(r"\d+", notes)))
    check(numbers[:2] == ([len(unreachable), len(held)] if unreachable else []), "%s: said: %s", where, notes)
    if len(numbers) > 2:    # held by cycles of several shapes
        sums[3:] = [sums[3] + numbers[2], sums[4] + numbers[3]]
    check(sums == want, "%s: shapes sum up to %s, the objects to %s", where, sums, want)


def compare_calls(ask, heap, generation, found, where, tally):
    """Who has a finalizer, and what is called, in its order. @found: what compare_cycles() returned."""
    real, aside = heap.collections[generation, False], heap.collections[generation, True]
    unreachable, held = found
    rows = ask("finalizers", "--collect", str(generation))
    ordered = [row for row in rows if row["order"] is not None]
    check([row["order"] for row in ordered] == list(range(1, len(ordered) + 1)), "%s: the order is %s", where, ordered)
    for trial in (real, aside):
        same([("callback" if heap.names[address] == "weakref" else "finalizer", address) for address in trial["calls"]],
             [(row["kind"], row["address"]) for row in ordered], where, "calls in the order")
    same({address: heap.referents[address] for address in real["calls"] if address in heap.referents},
         {row["address"]: row["referent"] for row in ordered if row["kind"] == "callback"}, where, "referents of callbacks")
    freeing = {address for address in aside["freeing_calls"] if heap.names[address] == "instance"}
    want = {}
    for address, each in heap.objects.items():
        if each["finalizer"]:
            called = "in the collection" if address in real["calls"] else \
                "when it is freed" if address in held | unreachable and address in freeing else None
            want[address] = (each["finalizer"], each["finalized"], address in unreachable, called)
    same(want, {row["address"]: (row["kind"], row["finalized"], row["unreachable"], row["called"]) for row in rows
                if row["kind"] != "callback"}, where, "finalizers")
    tally.calls += len(ordered)
    tally.freeing_calls += len(freeing)


def compare_weakrefs(ask, heap, where, tally):
    want = {address: (heap.referents.get(address), heap.callbacks.get(address)) for address, name in heap.names.items()
            if name == "weakref"}
    same(want, {row["address"]: (row["referent"], row["callback"]) for row in ask("weakrefs")}, where, "weak references")
    same({address for address, ends in want.items() if not ends[0]}, {row["address"] for row in ask("weakrefs", "--dead")},
         where, "dead weak references")
    same({address for address, ends in want.items() if ends[1]}, {row["address"] for row in ask("weakrefs", "--callbacks")},
         where, "weak references with callbacks")
    tally.weakrefs += len(want)
    tally.dead += sum(not ends[0] for ends in want.values())


def compare_garbage(ask, heap, where, tally):
    rows = ask("garbage")
    same(sorted(heap.garbage), sorted(row["address"] for row in rows if row["listed"]), where, "garbage")
    same(heap.uncollectable(2) - set(heap.garbage),
         {row["address"] for row in rows if not row["listed"]}, where, "uncollectable")
    tally.garbage += len(heap.garbage)


def compare(target, path, tally, look_at=look_at):
    """Compares what libinspect says of @target, a process or a core, with the record at @path."""
    with open(path, encoding="utf-8") as file:
        heap = Heap(json.load(file))
    where = os.path.basename(path)
    with look_at(target) as ask:
        for generation in GENERATIONS:
            place = "%s, generation %d" % (where, generation)
            found = compare_cycles(ask, heap, generation, place, tally)
            compare_calls(ask, heap, generation, found, place, tally)
        compare_weakrefs(ask, heap, where, tally)
        compare_garbage(ask, heap, where, tally)
    tally.checkpoints += 1


# ---- in the middle of a collection -----------------------------------------------------------------

# From here on objects die, or are held by those who call something.
LATE = re.compile(r"\b(dead_weakrefs_\w+|finalizing_\w+|clearing_\w+|uncollectable_keep|update_stats|report_end)\b")


def with_garbage(count):
    """Numbers of @count programs whose first checkpoint has garbage that the collection behind it finds."""
    found, first = [], 0
    while len(found) < count:
        with Folder() as folder:
            source = os.path.join(folder, "programs.txt")
            with open(source, "w", encoding="utf-8") as file:
                file.write("".join(test_inspect.program(index, GO, "report") for index in range(first, first + 100)))
            subprocess.run([test_inspect.refgc_path(), "--records", folder, "--collections", source], check=True,
                           stdout=subprocess.DEVNULL, env=test_inspect.environment())
            for index in range(first, first + 100):
                generation = collected_behind(test_inspect.program(index, GO, "report"))
                name, = glob.glob(os.path.join(folder, "inspect-%d-*.json" % index))
                with open(name, encoding="utf-8") as file:
                    heap = json.load(file)
                if generation is not None and heap["collections"][2 * generation]["found"]:
                    found.append(index)
        first += 100
    return found[:count]


def collected_behind(text):
    """The generation that is collected right after the checkpoint; None: none is."""
    lines = text.splitlines()
    words = lines[lines.index(GO) + 1].split()
    return int(words[1]) if words[0] == "collect" else None


def stopped_in_collection(index, steps, folder):
    """Runs a program in gdb and stops it so many instructions after the collection has begun that comes after its
    checkpoint. Returns the paths of a core and of the record, and gdb's backtrace; None if the collection was over."""
    source, core = os.path.join(folder, "program.txt"), os.path.join(folder, "core")
    with open(source, "w", encoding="utf-8") as file:
        file.write(test_inspect.program(index, GO, "report"))
    said = support.run_gdb(["tbreak record_write", "run --records %s --collections %s > /dev/null" % (folder, source), "finish",
                            "tbreak collection_run", "continue", "stepi %d" % steps, "backtrace", "gcore " + core],
                           test_inspect.refgc_path())
    check(os.path.exists(core) or "exited normally" in said.output, "gdb wrote no core: %s", said)
    record, = glob.glob(os.path.join(folder, "inspect-%d-*.json" % index))
    backtrace = said.output[said.output.find("\n#0 "):]
    return (core, record, backtrace) if "#0 " in backtrace and "collection_run" in backtrace else None


def caught(index, chance, folder):
    """One stop in a collection. Returns whether it was before anything died; None if the collection was over."""
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    stop = stopped_in_collection(index, int(10 ** chance.uniform(0.5, 3.3)), folder)
    if not stop:
        return None
    core, path, backtrace = stop
    with open(path, encoding="utf-8") as file:
        heap = Heap(json.load(file))
    where = "%s, %s" % (os.path.basename(path), " < ".join(re.findall(r"#\d+\s+(?:0x\w+ in )?(\w+)", backtrace)[:5]))
    late = LATE.search(backtrace) is not None
    statuses = (0, 4) if late else (0,)
    objects = support.inspect("objects", core, "--format=jsonl").expect(*statuses)
    check("in the middle of a collection" in objects.messages, "%s: %s", where, objects)
    generation = collected_behind(test_inspect.program(index, GO, "report"))
    said = [{row["address"] for row in support.inspect("cycles", core, "--objects", "--generation", each, "--format=jsonl").expect(
        *statuses).lines() if row["unreachable"]} for each in (generation, 2)]
    if not late:
        same(set(heap.objects), {row["address"] for row in objects.lines()}, where, "objects")
        same(set(heap.collections[generation, False]["found"]), said[0], where, "unreachable")
        same(set(heap.collections[2, False]["found"]), said[1], where, "unreachable in generation 2")
    return not late


def in_the_middle(count, seed):
    """At least one stop of each program is before anything dies."""
    if SANITIZED:
        raise Skip("gdb cannot load a sanitized library")
    chance, stops = random.Random(seed), collections.Counter()
    with Folder() as folder:
        for index in with_garbage(count):
            for attempt in range(100):
                early = caught(index, chance, os.path.join(folder, "stop"))
                stops[early] += 1
                if early:
                    break
            check(early, "program %d: no stop in 100 was before anything died", index)
    return "%d stops before anything died: all objects, and what is unreachable; and %d later" % (stops[True], stops[False])


COLLECTIONS = test_inspect.Comparison(compare, Tally, ("--collections",))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    parser.add_argument("--programs", type=int, help="how many are run live; the others in proportion")
    parser.add_argument("--only", action="append", metavar="WORD", help="only tests with this word in their names")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="for the random stops")
    options = parser.parse_args()
    count = options.programs or (20 if SANITIZED else 10000 if options.size == "check-full" else 600)
    results = Results(verbose=True)
    wanted = lambda name: not options.only or any(word in name for word in options.only)
    for name, function, *arguments in (
            ("live", test_inspect.live, count),
            ("kernel's cores", test_inspect.cores, max(count // 50, 3), "kernel"),
            ("gcore's cores", test_inspect.cores, max(count // 200, 2), "gcore"),
            ("through a debugger", test_inspect.through_a_debugger, max(count // 50, 2)),
            ("live: refgc-plain", test_inspect.live, max(count // 50, 10), "refgc-plain"),
            ("kernel's cores: refgc-static", test_inspect.cores, max(count // 500, 2), "kernel", "refgc-static")):
        if wanted(name):
            results.run(name, functools.partial(function, comparison=COLLECTIONS), *arguments)
    if wanted("in the middle of a collection"):
        print("seed %d" % options.seed)
        results.run("in the middle of a collection", in_the_middle, 100 if options.size == "check-full" else 4, options.seed)
    results.finish()


if __name__ == "__main__":
    main()
