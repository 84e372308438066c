# SPDX-License-Identifier: MIT
"""Dicts and sets in all states: combined, split, with general keys, with holes, made of an instance's values, changed after."""
import collections
import types
import weakref


class Held:
    pass


class Attributes:
    def __init__(self, *skipped):
        for name in ("first", "second", "third", "fourth"):
            if name not in skipped:
                setattr(self, name, Held())


class Text(str):
    pass


def changed(made, *changes):
    """@made after @changes were made to it."""
    for change in changes:
        change(made)
    return made


def deleted(made, *keys):
    for key in keys:
        del made[key]
    return made


def looked_up(made):
    """Up to 3.10 a dict that was asked for a key other than str is a general one for ever."""
    made.get(1)
    return made


strs = ["key %d" % i for i in range(30)]
kept = [
    {}, {Held(): Held()}, {"one": Held()}, {1: Held(), "text": Held()}, {Text("subclass"): Held()}, {"a": 1, Text("b"): Held()},
    {None: None, True: Held(), 2.5: Held(), (Held(),): Held(), b"bytes": Held()},
    dict.fromkeys(strs), dict.fromkeys(strs, Held()), dict.fromkeys(map(Text, strs)), dict.fromkeys(range(300), Held()),
    looked_up({"was": Held()}), looked_up(dict.fromkeys(strs)),
    deleted(dict.fromkeys(strs, Held()), *strs[::3]), deleted(dict.fromkeys(range(50), Held()), *range(50)),
    deleted({"only": Held()}, "only"), changed(dict.fromkeys(strs, Held()), dict.clear),
    changed(dict.fromkeys(strs, Held()), *[dict.popitem] * 29),
    changed({"was str": Held()}, lambda made: made.__setitem__(7, Held())),
    changed({1: Held()}, lambda made: made.pop(1), lambda made: made.setdefault("new", Held())),
    dict.fromkeys(strs).copy(), dict({Held(): 1}), {**dict.fromkeys(strs), "more": Held()},
]

# the dicts of instances: split tables, and what becomes of them
instances = [Attributes(), Attributes("first"), Attributes("fourth", "second"), Attributes(*"first second third fourth".split())]
for state in range(14):
    instance = Attributes()
    namespace = vars(instance) if state % 2 else None
    if state // 2 == 1:
        del instance.second
    elif state // 2 == 2:
        instance.fifth = Held()
    elif state // 2 == 3:
        vars(instance)[Held()] = Held()
    elif state // 2 == 4:
        vars(instance).clear()
    elif state // 2 == 5:
        for number in range(40):
            setattr(instance, "attribute%d" % number, Held())
    elif state // 2 == 6:
        del instance.first, instance.second, instance.third, instance.fourth
    instances += [instance, namespace]
instances += [dict(vars(Attributes())), vars(Attributes()).copy(), vars(Attributes())]  # of instances that are gone
shared = Attributes()
other = Attributes()
other.__dict__ = shared.__dict__
replaced = Attributes()
replaced.__dict__ = {"anything": Held()}
emptied = Attributes()
vars(emptied)
del emptied.__dict__


class Gone:
    pass


gone = Gone()
gone.left = Held()
left = vars(gone)
del gone, Gone

ordered = [collections.OrderedDict(), collections.OrderedDict.fromkeys(strs, Held()), collections.OrderedDict({Held(): Held()}),
           deleted(collections.OrderedDict.fromkeys(range(80)), *range(0, 80, 3)),
           changed(collections.OrderedDict.fromkeys(strs), lambda made: made.move_to_end(strs[3]))]
ordered[1].attribute = Held()
weak_ordered = [weakref.ref(each) for each in ordered]
odd = collections.OrderedDict.fromkeys(strs)
dict.__setitem__(odd, "behind its back", Held())
for name in strs[:5]:
    dict.__delitem__(odd, name)
views = [view for made in (kept[1], ordered[1], vars(instances[0])) for view in (made.keys(), made.values(), made.items())]
iterators = [iter(view) for view in views]
half_way = [iter(view) for view in views]
for iterator in half_way:
    next(iterator)
exhausted = [iter(view) for view in views]
for iterator in exhausted:
    list(iterator)
backwards = [reversed(view) for view in views if hasattr(view, "__reversed__")]
proxies = [types.MappingProxyType(kept[1]), types.MappingProxyType(ordered[1]), vars(Attributes)]
defaults = [collections.defaultdict(Held), collections.Counter([Held(), Held()]), collections.defaultdict(list, {1: [Held()]})]
if hasattr(__builtins__, "frozendict") or "frozendict" in vars(__import__("builtins")):
    frozen = [frozendict(), frozendict(a=Held()), frozendict({Held(): Held()}), frozendict.fromkeys(strs), frozendict(vars(shared))]

many = [Held() for _ in range(100)]
sets = [set(), {Held()}, set(strs), set(many), frozenset(), frozenset(many), frozenset([Text("x"), 1, None, (Held(),)]),
        set(map(frozenset, [many[:2], many[2:5]])), changed(set(many), set.clear), changed(set(many), *[set.pop] * 97),
        changed(set(range(1000)), lambda made: made.difference_update(range(5, 1000))), set(many) - set(many[::2]),
        changed(set(strs), lambda made: [made.discard(name) for name in strs[::2]]),
        changed(set(many[:3]), lambda made: [made.remove(each) for each in many[:3]])]
set_iterators = [iter(each) for each in sets]
for iterator in set_iterators[::2]:
    next(iterator, None)
