#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The records that refgc writes at checkpoints (doc/refgc-programs.md), compared with the model of the rules.

    tests/differential/test_records.py [check|check-full] [--refgc PATH] [--programs N]

On random programs of a fixed seed: every object, every reference with its label, reference counts, roots, generations,
garbage and what a full collection would free. Then that a record agrees with itself.
"""
import argparse
import collections
import copy
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(TOP, "fixtures", "programs")]
sys.dont_write_bytecode = True

import generate
import model
from language import parse
from runner import Results, check
from support import BUILD, Folder, SANITIZED

SEED = "records"
TITLES = {0: 0, 1: 1, 2: 2, model.PERMANENT: "permanent", None: None}


def with_checkpoints(index):
    """A random program that has a checkpoint before every third collection, and at the end."""
    name = "records-%d" % index
    words = [operation for operation in generate.program(SEED, index).splitlines()[1:] if operation]
    lines, collections_seen = [], 0
    for line in words:
        if line.startswith("collect "):
            collections_seen += 1
            if collections_seen % 3 == 1:
                lines.append("checkpoint")
        lines.append("checkpoint" if line == "report" else line)
    lines.insert(len(lines) - 1, "checkpoint")
    return "program %s\n%s\n" % (name, "\n".join(lines))


# ---- what the model says ----

def label(node, key):
    """How a record calls the reference of @node that the model has under @key."""
    if node.type in ("list", "tuple"):
        return "[%d]" % key
    if node.type == "dict":
        return "['%s']" % key
    if node.type == "instance":
        return "." + key
    return "element" if node.type == "set" else key


def references(node):
    pairs = enumerate(node.references) if isinstance(node.references, list) else node.references.items()
    return [(label(node, key), to.serial) for key, to in pairs]


def would_free(heap):
    """What a full collection frees if finalizers do nothing."""
    heap = copy.deepcopy(heap)
    heap.debug, heap.telling = [], False
    for node in heap.nodes.values():
        node.finalizer = None
    before = set(heap.nodes)
    heap.collect(2)
    return sorted(before - set(heap.nodes))


def expectation(heap):
    """The same as summary(), of the model's heap."""
    return {
        "objects": {node.serial: (node.type, TITLES[node.generation], node.generation is not None, node.finalized,
                                  node.count)
                    for node in heap.nodes.values()},
        "references": sorted((node.serial,) + pair for node in heap.nodes.values() for pair in references(node)),
        "weak": sorted((node.serial, node.target.serial) for node in heap.nodes.values() if node.target),
        "names": {name: node.serial for name, node in heap.names.items()},
        "garbage": sorted(node.serial for node in heap.garbage),
        "would_free": would_free(heap),
        "generations": [(heap.threshold[i], heap.counts[i], len(heap.generation(i))) + tuple(heap.stats[i])
                        for i in range(3)],
        "permanent": len(heap.generation(model.PERMANENT)),
        "long lived": (heap.total, heap.pending),
        "enabled": heap.enabled,
        "debug": heap.debug,
    }


# ---- what the record says ----

def summary(record):
    serial = {each["address"]: each["serial"] for each in record["objects"]}
    known = lambda address: serial[address] is not None
    return {
        "objects": {each["serial"]: (each["type"], each["generation"], each["tracked"], each["finalized"],
                                     each["refcount"])
                    for each in record["objects"] if each["serial"] is not None},
        "references": sorted((serial[each["from"]], each["label"], serial[each["to"]])
                             for each in record["references"] if known(each["from"]) and known(each["to"])),
        "weak": sorted((serial[each["from"]], serial[each["to"]]) for each in record["weak"]),
        "names": {each["name"]: serial[each["address"]] for each in record["roots"] if each["kind"] == "name"},
        "garbage": sorted(serial[address] for address in record["garbage"]),
        "would_free": sorted(serial[address] for address in record["would_free"] if known(address)),
        "generations": [tuple(each[name] for name in ("threshold", "count", "objects", "collections", "collected",
                                                      "uncollectable")) for each in record["generations"]],
        "permanent": record["permanent"],
        "long lived": (record["long_lived_total"], record["long_lived_pending"]),
        "enabled": record["enabled"],
        "debug": record["debug"],
    }


def compare(expected, got, where):
    for member, value in expected.items():
        have = got[member]
        if isinstance(value, dict) and value != have:
            keys = [key for key in {**value, **have} if value.get(key) != have.get(key)]
            value, have = {key: value.get(key) for key in keys[:5]}, {key: have.get(key) for key in keys[:5]}
        elif isinstance(value, list) and value != have:
            value, have = ([each for each in value if each not in have][:5],
                           [each for each in have if each not in value][:5])
        check(value == have, "%s: %s: the record has %s, expected %s", where, member, have, value)


def agrees_with_itself(record, where):
    """Counts are those of the references; blocks of memory do not overlap."""
    counts = collections.Counter(each["to"] for each in record["references"])
    counts.update(each["address"] for each in record["roots"])
    addresses = {each["address"] for each in record["objects"]}
    check(len(addresses) == len(record["objects"]), "%s: an object is there twice", where)
    for each in record["objects"]:
        check(each["immortal"] or each["refcount"] == counts[each["address"]],
              "%s: %s has %d references, its count is %d", where, each, counts[each["address"]], each["refcount"])
    ends = {each[end] for each in record["references"] + record["weak"] for end in ("from", "to")}
    check(ends <= addresses, "%s: a reference leads to no object", where)
    spans = sorted((int(each["address"], 16), each["size"]) for each in record["objects"])
    check(all(a + size <= b for (a, size), (b, _) in zip(spans, spans[1:])), "%s: objects overlap", where)
    within = [(int(each["address"], 16), each["size"]) for each in record["arenas"] + record["large"]]
    check(all(any(start <= a and a + size <= start + length for start, length in within) for a, size in spans),
          "%s: an object is in no arena and no large block", where)
    for pool in record["pools"]:
        check(pool["used"] + len(pool["free"]) <= pool["capacity"], "%s: %s", where, pool)
        check(not addresses & set(pool["free"]), "%s: an object's block is free", where)


def compare_program(text, folder):
    """Returns how many records were compared."""
    program = next(parse(text.splitlines()))
    heap, compared = model.Heap(), 0
    for operation in program.operations:
        report = heap.do(program, operation)
        if report and "all" in report["ambiguous"]:
            break
        if operation.words[0] == "checkpoint":
            path = os.path.join(folder, "%s-%d.json" % (program.name, operation.line))
            where = os.path.basename(path)
            check(os.path.exists(path), "there is no %s", where)
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
            check((record["format"], record["program"], record["line"], record["collecting"]) ==
                  ("refgc-record-1", program.name, operation.line, False), "%s: another record", where)
            compare(expectation(heap), summary(record), where)
            agrees_with_itself(record, where)
            compared += 1
    return compared


def random_programs(refgc, count):
    compared = 0
    for first in range(0, count, 100):
        texts = [with_checkpoints(index) for index in range(first, min(first + 100, count))]
        with Folder() as folder:
            path = os.path.join(folder, "programs.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(texts))
            run = subprocess.run([refgc, "--go", "--records", folder, path], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, check=False)
            check(not run.returncode, "exit status %d: %s", run.returncode,
                  run.stderr.decode("utf-8", "replace")[-1000:])
            compared += sum(compare_program(text, folder) for text in texts)
    check(compared > 2 * count, "only %d records were compared", compared)
    return "%d records" % compared


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("size", choices=("check", "check-full"), nargs="?", default="check")
    parser.add_argument("--refgc", default=os.path.join(BUILD, "refgc"), help="the program of the reference collector")
    parser.add_argument("--programs", type=int, metavar="N", help="how many; by default 1000, or 20,000 for check-full")
    options = parser.parse_args()
    sys.setrecursionlimit(20000)  # copies of the model go as deep as its chains
    results = Results(verbose=True)
    count = options.programs or (20000 if options.size == "check-full" else 200 if SANITIZED else 1000)
    if os.path.exists(options.refgc):
        results.run("records of random programs", random_programs, options.refgc, count)
    else:
        results.skip("records of random programs", "there is no %s" % options.refgc)
    results.finish()


if __name__ == "__main__":
    main()
