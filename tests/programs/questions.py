# SPDX-License-Identifier: MIT
"""The interpreter's own word on what refers to objects, written down; then it answers questions about expressions.

Not a module: run it with exec(compile(text, path, "exec"), namespace), as oracle.py. Names that @namespace may hold:

    oracle_path     the record to write (must be there)
    known           {name: (object's id, path as it has to be written)}

The record is JSON: what is known; "referrers", for some objects the ids of gc.get_referrers(); "tracked", the ids that
gc.get_objects() had before and after that; and "own", the ids of what belongs to this code. Each time that SIGUSR1 comes,
RECORD.questions is read, an expression a line, and RECORD.answers has then the id() of each one's value, or what is wrong;
"done" on stdout says so. For a proxy, as that of a type's attributes, the id() of what is behind it follows.

No name ever holds one of the objects.
"""
import builtins
import gc
import json
import os
import signal
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
MAPPING_PROXY = type(type.__dict__)


def questions_answer(line):
    """What the record says of the expression @line."""
    try:
        value = eval(line, {"sys": sys, "builtins": builtins})
        behind = gc.get_referents(value)[:1] if type(value) is MAPPING_PROXY else []
        return " ".join(str(id(each)) for each in [value] + behind)
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


gc.disable()
json.dumps({"1": [1.5, "2"]})
questions_watched = gc.get_objects()
questions_watched = questions_watched[::len(questions_watched) // 150 + 1]
for questions_index in range(len(questions_watched)):
    questions_watched.extend(gc.get_referents(questions_watched[questions_index])[:1])
questions_referrers = {}
questions_own = [id(globals()), id(questions_watched), id(questions_referrers)]
questions_tracked = set(map(id, gc.get_objects()))
for questions_index in range(len(questions_watched)):
    questions_referrers[id(questions_watched[questions_index])] = [
        id(each) for each in gc.get_referrers(questions_watched[questions_index])]
# Only what had been there before: where the function of a comprehension was for a moment, one of the lists may be by now.
questions_tracked.intersection_update(map(id, gc.get_objects()))
each = None
questions_watched.clear()
with open(oracle_path, "w", encoding="ascii") as questions_file:  # noqa: F821
    questions_file.write(json.dumps({"known": globals().get("known", {}), "referrers": questions_referrers,
                                     "own": questions_own, "tracked": list(questions_tracked)}))
questions_file = None
os.write(1, b"ready\n")
while True:
    signal.sigwait([signal.SIGUSR1])
    with open(oracle_path + ".questions", encoding="utf-8") as questions_file:  # noqa: F821
        questions_lines = questions_file.read().split("\n")
    with open(oracle_path + ".answers", "w", encoding="utf-8") as questions_file:  # noqa: F821
        questions_file.write("\n".join([questions_answer(line).replace("\n", " ") for line in questions_lines]))
    os.write(1, b"done\n")
