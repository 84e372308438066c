# SPDX-License-Identifier: MIT
"""How well the scan of undescribed types finds references: py-inspect beside gc.get_referents(), object by object.

What bench/scan/run prints and tests/scan.py checks.
"""
import collections
import csv
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# What each kind of type needs: packages of Debian and Ubuntu, and a way to see whether they are there.
KINDS = {
    "numpy": (["python3-numpy"], "import numpy"),
    "lxml": (["python3-lxml"], "import lxml.etree, lxml.html, lxml.objectify"),
    "cython": (["cython3", "libpython3-dev", "gcc"], None),
    "pybind11": (["pybind11-dev", "libpython3-dev", "g++"], None),
}


class Missing(Exception):
    """A kind cannot be measured here; says what to install."""


def run(*command, **more):
    """Runs a command that has to succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stdout.decode("utf-8", "replace")[-2000:]))


def build(kind, python, folder):
    """Builds the extension module of a @kind for @python into @folder."""
    include = "-I" + subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
                                    stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    output = os.path.join(folder, "scan_%s.so" % kind)
    common = ["-O2", "-w", "-fPIC", "-shared", include, "-o", output]
    if kind == "cython":
        source = os.path.join(folder, "scan_cython.c")
        run("cython3", "-3", "-o", source, os.path.join(HERE, "scan_cython.pyx"))
        run("gcc", *common, source)
    else:
        run("g++", "-std=c++17", *common, "-O0", os.path.join(HERE, "scan_pybind11.cc"))


def prepare(kind, python, folder):
    """Makes a @kind of types usable by @python, or raises Missing."""
    packages, test = KINDS[kind]
    try:
        if test:
            run(python, "-c", test)
        else:
            build(kind, python, folder)
    except (OSError, RuntimeError) as error:
        raise Missing("%s cannot be had: apt-get install %s (%s)" % (kind, " ".join(packages), str(error).strip()[-200:]))


class Subject:
    """subject.py, running: with Subject(...) as subject: subject.pid."""

    def __init__(self, python, folder, kinds):
        self.record = os.path.join(folder, "record")
        self.process = subprocess.Popen([python, os.path.join(HERE, "subject.py"), self.record, folder] + list(kinds),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def __enter__(self):
        if self.process.stdout.readline() != b"ready\n":
            self.__exit__()
            raise RuntimeError("subject.py did not get ready")
        self.pid = self.process.pid
        return self

    def __exit__(self, *details):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Counts:
    """What was found of one type's objects, or of one kind's."""

    def __init__(self):
        self.objects = 0
        self.referents = 0  # that gc.get_referents() gives, without the type
        self.inside = 0     # of these: in words of the object itself
        self.missed = 0     # of these: not found, or not as visited
        self.missed_outside = 0  # not found of those that are somewhere else
        self.guessed = 0    # found by the scan, said to be visited
        self.wrong = 0      # of these: gc.get_referents() does not give them
        self.held = 0       # of these: held all the same, as the reference count of what they lead to proves
        self.refuted = 0    # of these: it has no room for them
        self.exact = 0      # found by a member or a __dict__
        self.unvisited = 0  # found by the scan, said to be held and not visited
        self.unvisited_held = 0     # of these: reference counts prove them
        self.unvisited_refuted = 0  # of these: reference counts have no room for them
        self.types_wrong = 0  # objects whose reference to their type is said to be visited and is not, or the reverse
        self.known = 0      # references that the collector does not know, and we do
        self.known_missed = 0
        self.wrongs = collections.Counter()

    def add(self, other):
        for name, value in vars(other).items():
            if name == "wrongs":
                self.wrongs.update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    @property
    def recall(self):
        return share(self.missed, self.inside)

    @property
    def precision(self):
        return share(self.wrong, self.guessed)

    @property
    def held_precision(self):
        return share(self.refuted, self.guessed - self.wrong + self.held + self.refuted)


def share(wrong, all_of_them):
    """How much of it is right."""
    return 1 - wrong / all_of_them if all_of_them else 1.0


class Heap:
    """All references and roots as py-inspect sees them."""

    def __init__(self, py_inspect, pid):
        self.edges = collections.defaultdict(list)  # {from: [(to, label, visited, guessed)]}
        self.counted = collections.Counter()        # how many counted references lead to an object
        self.refcounts = {}                         # of those that mean something
        for row in self.rows(py_inspect, "referents", pid, "--all"):
            to = int(row["to"], 16)
            self.edges[int(row["from"], 16)].append((to, row["label"], row["visited"] == "true", row["guessed"] == "true"))
            self.counted[to] += row["counted"] == "true"
        for row in self.rows(py_inspect, "roots", pid):
            self.counted[int(row["address"], 16)] += row["counted"] == "true"
        for row in self.rows(py_inspect, "objects", pid):
            if row["immortal"] == "false":
                self.refcounts[int(row["address"], 16)] = int(row["refcount"])

    @staticmethod
    def rows(py_inspect, verb, pid, *more):
        command = [py_inspect, verb, str(pid), "--format", "csv"] + list(more)
        with tempfile.TemporaryFile() as messages:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages, universal_newlines=True)
            yield from csv.DictReader(process.stdout)
            if process.wait() not in (0, 4):
                messages.seek(0)
                raise RuntimeError("%s: %s" % (" ".join(command), messages.read().decode("utf-8", "replace")))

    def room(self, address):
        """How many references more than were found the object has: 0 proves all of them, less refutes some. Of objects
        that everybody refers to (None) this says nothing of the single reference."""
        everybody = 100
        if address not in self.refcounts or self.counted[address] > everybody:
            return 1
        return self.refcounts[address] - self.counted[address]


def compare(heap, address, referents, inside, visits_type, name):
    """One object: what py-inspect found of it, and what there is."""
    counts = Counts()
    all_edges = heap.edges.get(address, ())
    edges = [edge for edge in all_edges if edge[1] != ".__class__"]
    visited = collections.Counter(to for to, _, is_visited, _ in edges if is_visited)
    guesses = collections.Counter(to for to, _, is_visited, guessed in edges if is_visited and guessed)
    wrong = guesses - collections.Counter(referents)
    counts.objects = 1
    counts.types_wrong = any(label == ".__class__" and is_visited for _, label, is_visited, _ in all_edges) != visits_type
    counts.referents, counts.inside = len(referents), len(inside)
    counts.missed = sum((collections.Counter(inside) - visited).values())
    counts.missed_outside = sum((collections.Counter(referents) - visited).values()) - counts.missed
    counts.guessed, counts.wrong = sum(guesses.values()), sum(wrong.values())
    counts.held = sum(heap.room(to) == 0 for to in wrong.elements())
    counts.refuted = sum(heap.room(to) < 0 for to in wrong.elements())
    counts.exact = sum(is_visited and not guessed for _, _, is_visited, guessed in edges)
    rooms = [heap.room(to) for to, _, is_visited, guessed in edges if guessed and not is_visited]
    counts.unvisited = len(rooms)
    counts.unvisited_held, counts.unvisited_refuted = rooms.count(0), sum(room < 0 for room in rooms)
    labels = {to: label for to, label, _, guessed in edges if guessed}
    for to in wrong.elements():
        room = heap.room(to)
        counts.wrongs["%s %s: %s" % (name, labels[to], "held" if room == 0 else "none" if room < 0 else "undecided")] += 1
    return counts


def measure(subject, py_inspect):
    """{kind: {type: Counts}} of all that the subject wrote down."""
    heap = Heap(py_inspect, subject.pid)
    result, kind = {}, None
    with open(subject.record, encoding="utf-8") as record:
        for line in record:
            row = json.loads(line)
            if row[0] == "kind":
                kind = result.setdefault(row[1], collections.defaultdict(Counts))
            elif row[0] == "known":
                have = collections.Counter(to for to, _, is_visited, _ in heap.edges.get(row[1], ()) if not is_visited)
                kind[row[2]].known += len(row[3])
                kind[row[2]].known_missed += sum((collections.Counter(row[3]) - have).values())
            else:
                kind[row[2]].add(compare(heap, row[1], row[3], row[4], row[5], row[2]))
    return result


def total(types):
    """All of a kind's counts together."""
    counts = Counts()
    for each in types.values():
        counts.add(each)
    return counts
