# SPDX-License-Identifier: MIT
"""Runs in gdb: stops tests/programs/caught.py at random instructions of the collector, and asks py-inspect about a core
of each point, and py-inspect in gdb about the process.

The environment says: CATCH_FOLDER (where the program writes, and the answers go), CATCH_POINTS, CATCH_SEED.
gdb is asked if it has the commands.
Each point is a line of FOLDER/points.jsonl: the round, the functions that were running, what py-inspect said
(exit status, stdout and stderr of each verb), what gdb said, and what is in the memory of objects that it did not find.
"""
import json
import os
import random
import re
import subprocess
import sys

import gdb

FOLDER = os.environ["CATCH_FOLDER"]
POINTS = int(os.environ["CATCH_POINTS"])
CHANCE = random.Random(int(os.environ["CATCH_SEED"]))
PY_INSPECT = os.environ["PY_INSPECT"]
HAS_COMMANDS = "py_inspect" in sys.modules
COLLECT = ("gc_collect_main", "collect")
# the functions of a collection, by what their names begin with: gdb is slow where it has to look for all
FUNCTIONS = ("visit_", "update_refs", "subtract_refs", "move_", "untrack_", "deduce_", "handle_", "finalize_garbage",
             "delete_garbage", "clear_", "gc_list", "gc_collect_", "collect$", "invoke_gc", "expand_region", "mark_")



def execute(command):
    return gdb.execute(command, to_string=True)


def collector_functions():
    """The functions of gcmodule.c or gc.c that have code of their own."""
    names, wanted = set(), False
    for line in execute(r"info functions -n ^\(%s\)" % r"\|".join(FUNCTIONS)).splitlines():
        if line.startswith("File "):
            wanted = line.endswith(("gcmodule.c:", "/gc.c:")) or line == "File gc.c:"
        elif wanted:
            match = re.search(r"(\w+)\(", line)
            if match:
                names.add(match.group(1))
    return sorted(names)


def instructions(name):
    """The addresses of all instructions of the function @name."""
    symbol = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    try:
        block = gdb.block_for_pc(int(symbol.value().address))
        while block.function is None or block.function.name != name:
            block = block.superblock
        code = gdb.selected_inferior().architecture() if hasattr(gdb.Inferior, "architecture") else \
            gdb.selected_frame().architecture()
        return [each["addr"] for each in code.disassemble(block.start, block.end - 1)]
    except (gdb.error, AttributeError, RuntimeError):
        return []


def functions_running():
    """The names of the functions from the innermost one to the collector's own."""
    names, frame = [], gdb.newest_frame()
    while frame is not None and len(names) < 60:
        names.append(frame.name() or "?")
        if names[-1] in COLLECT:
            break
        frame = frame.older()
    return names


def is_at_mark():
    return gdb.newest_frame().name().endswith("getppid")


class Points:
    def __init__(self):
        self.pool = [(name, address) for name in collector_functions() for address in instructions(name)]
        self.hits = {}  # how often an address was passed in one collection
        self.done = 0
        self.round = -2
        self.out = open(os.path.join(FOLDER, "points.jsonl"), "w", encoding="utf-8")

    def choose(self):
        """An instruction. Small functions do most of the work; most of the others are inlined into the largest one."""
        names = sorted({name for name, address in self.pool})
        large = [name for name in names if name in COLLECT] or names
        name = CHANCE.choice(large if CHANCE.random() < .5 else names)
        return CHANCE.choice([address for other, address in self.pool if other == name])

    def run(self):
        execute("break getppid")
        execute("run")
        while self.done < POINTS:
            self.round += 1
            if not is_at_mark():
                raise RuntimeError("the program is not where it should be: %s" % functions_running())
            self.collection()
            if not is_at_mark():
                execute("continue")
            execute("continue")

    def collection(self):
        """From the getppid() before a collection to the one behind it, with points on the way."""
        if self.round < 0:
            execute("continue")
            return
        for _ in range(CHANCE.randrange(1, 4)):
            address = self.choose()
            point = gdb.Breakpoint("*0x%x" % address, internal=True)
            point.silent = True
            most = min(self.hits.get(address, 2), 3000)
            point.ignore_count = CHANCE.randrange(most) if CHANCE.random() < .8 else int(most ** CHANCE.random())
            execute("continue")
            self.hits[address] = max(self.hits.get(address, 0), point.hit_count * 4)
            hit = gdb.selected_frame().pc() == address
            if not hit and point.hit_count == 0:
                self.pool = [each for each in self.pool if each[1] != address] or self.pool
            point.delete()
            if not hit:
                return
            if CHANCE.random() < .5:
                execute("stepi %d" % CHANCE.randrange(1, 40))
            if any(name in COLLECT for name in functions_running()):
                self.look()
            if self.done >= POINTS:
                return

    def look(self):
        core = os.path.join(FOLDER, "core")
        names = functions_running()
        execute("gcore " + core)
        answers = {"gdb": {}}
        for verb in (("objects", "--tracked"), ("cycles", "--objects"), ("gc",)):
            run = subprocess.run([PY_INSPECT, verb[0], core, "--format", "jsonl"] + list(verb[1:]), text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            answers[verb[0]] = [run.returncode, run.stdout, run.stderr]
            if HAS_COMMANDS:
                answers["gdb"][verb[0]] = execute("py-inspect %s --format jsonl" % " ".join(verb))
        answers.update(round=self.round, running=names, pc=execute("x/i $pc").strip(),
                       missing=self.missing(answers["objects"][1]))
        json.dump(answers, self.out)
        self.out.write("\n")
        self.out.flush()
        if not os.environ.get("CATCH_KEEP"):
            os.remove(core)
        else:
            os.rename(core, core + ".%d" % self.done)
        self.done += 1

    def missing(self, rows):
        """Of objects that were there before the collection and are not among @rows: the words of the collector's head
        before it, and the reference count."""
        with open(os.path.join(FOLDER, "%d.json" % self.round), encoding="utf-8") as file:
            before = json.load(file)["objects"]
        have = {int(json.loads(row)["address"], 16) for row in rows.splitlines()}
        read, words = gdb.selected_inferior().read_memory, {}
        for each in before:
            if each not in have:
                memory = bytes(read(each - 32, 40))
                words[each] = [int.from_bytes(memory[i:i + 8], "little") for i in range(0, 40, 8)]
        return words


for setting in ("pagination off", "confirm off", "breakpoint pending on", "debuginfod enabled off", "print thread-events off"):
    execute("set " + setting)
execute("tbreak main")
execute("run")
points = Points()
print("%d instructions in %s" % (len(points.pool), sorted({name for name, address in points.pool})))
execute("delete")
points.run()
execute("kill")
print("%d points in %d rounds" % (points.done, points.round))
