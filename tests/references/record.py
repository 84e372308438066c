# SPDX-License-Identifier: MIT
"""The record that tests/programs/referents.py writes, and how `referents --all` is compared with it."""
import array
import collections
import csv
import json

EXAMPLES = 3  # objects shown of each type that differs


class Record:
    """What the interpreter said: the referents of every object."""

    def __init__(self, path):
        with open(path + ".json", encoding="utf-8") as file:
            header = json.load(file)
        self.own = set(header["own"])
        self.types = {int(address): name for address, name in header["types"].items()}
        self.hexversion, self.pid = header["hexversion"], header["pid"]
        self.referents, self.type_of = {}, {}
        words = array.array("Q")
        with open(path, "rb") as file:
            words.frombytes(file.read())
        index = 0
        while index < len(words):
            address, kind, count = words[index:index + 3]
            self.referents[address] = words[index + 3:index + 3 + count]
            self.type_of[address] = self.types.get(kind, "?")
            index += 3 + count

    def __len__(self):
        return len(self.referents)


# {address: [target...]} of the visited references, and {address: [label...]} of the same.
Said = collections.namedtuple("Said", "visited labels")


def read_answer(lines):
    """What `referents --all --format csv` says of the visited references."""
    rows = csv.reader(lines)
    columns = next(rows)
    holder, target, visited, label = (columns.index(name) for name in ("from", "to", "visited", "label"))
    said, last = Said({}, {}), None
    for row in rows:
        if row[visited] != "true":
            continue
        if row[holder] != last:
            last = row[holder]
            targets = said.visited.setdefault(int(last, 16), [])
            labels = said.labels.setdefault(int(last, 16), [])
        targets.append(int(row[target], 16))
        labels.append(row[label])
    return said


def differences(record, said, name_of=lambda address: "?"):
    """[(address, type, missing, extra)]: objects whose visited references are not what the interpreter said."""
    found = []
    for address, wanted in record.referents.items():
        have = said.visited.get(address, ())
        if len(have) == len(wanted) and sorted(have) == sorted(wanted):
            continue
        wanted, have = collections.Counter(wanted), collections.Counter(have)
        found.append((address, record.type_of[address], list((wanted - have).elements()),
                      list((have - wanted).elements())))
    return found


def explain(record, said, found):
    """Lines for people: differences by type, with examples."""
    by_type = collections.defaultdict(list)
    for difference in found:
        by_type[difference[1]].append(difference)
    lines = []
    for name in sorted(by_type, key=lambda name: -len(by_type[name])):
        lines.append("%s: %d of %d objects differ" % (
            name, len(by_type[name]), sum(1 for each in record.type_of.values() if each == name)))
        for address, _, missing, extra in by_type[name][:EXAMPLES]:
            labels = dict(zip(said.visited.get(address, ()), said.labels.get(address, ())))
            lines.append("    0x%x:%s%s" % (
                address,
                "".join(" missing 0x%x (%s)" % (each, record.type_of.get(each, "?")) for each in missing[:6]),
                "".join(" extra 0x%x %s (%s)" % (each, labels.get(each), record.type_of.get(each, "?"))
                        for each in extra[:6])))
    return lines
