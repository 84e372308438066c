# SPDX-License-Identifier: MIT
"""Makes heaps with garbage that only a collection frees, one after the other, and lets the collector say what it was.

    garbage.py SEED COUNT RECORD

For each seed from SEED on: builds a random heap — objects of many kinds that refer to each other in any way, some of
them held, the rest dropped — prints "ready", and waits for a line on stdin. Then it collects with
gc.DEBUG_SAVEALL and appends one line to RECORD, in JSON, and goes on to the next:

    {"seed": …, "returned": what gc.collect() said, "collected": [address…], "freed": [address…],
     "resurrected": [address…]}

"collected" is what was put into gc.garbage; "freed" is what was gone before that: the finalizer of a suspended
generator closes it, and what its frame alone held goes. "resurrected" is what finalizers brought back to life and all that this
leads to. The line on stdin says which generation to collect ("0", "1", "2").
"""
import collections
import functools
import gc
import itertools
import json
import os
import random
import sys
import types
import weakref

try:
    import contextvars
except ImportError:  # 3.6
    contextvars = None

sys.dont_write_bytecode = True
gc.disable()
gc.set_threshold(0)


class Plain:
    """Has a dictionary (or inline values)."""


class Slotted:
    """Has slots and nothing else."""
    __slots__ = ("a", "b", "c", "__weakref__")


class Both(Slotted):
    """Has slots and a dictionary."""


class Listed(list):
    """A list with attributes."""


class Mapped(dict):
    """A dict with attributes."""


class Broken(Exception):
    """An exception with attributes."""


class Finalized:
    """Has a finalizer, which may bring it back to life."""
    resurrected = []
    resurrecting = False

    def __del__(self):
        if Finalized.resurrecting:
            Finalized.resurrected.append(self)


class FinalizedSlots:
    """A finalizer and slots."""
    __slots__ = ("a", "b")

    def __del__(self):
        pass


def on_death(reference):
    """A callback of weak references."""


def function_holding(*values):
    """A closure over them."""
    first, rest = values[:1], values[1:]

    def inner(argument=rest):
        return first, argument
    inner.attribute = values
    return inner


def generator_holding(*values):
    """A suspended generator's function."""
    local = list(values)
    yield local
    yield values


async def coroutine_holding(*values):
    """A coroutine's function; never started."""
    return values


async def async_generator_holding(*values):
    """An asynchronous generator's function."""
    yield values


def raised(*values):
    """An exception with a traceback, whose frames hold them."""
    def deeper(count):
        held = values
        if count:
            deeper(count - 1)
        raise Broken(held)
    try:
        deeper(2)
    except Broken as error:
        return error


class Maker:
    """Makes objects at random; each may hold some of those before it, and some are changed later to hold later ones."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.objects = []
        self.kinds = [kind for name, kind in sorted(vars(Maker).items()) if name.startswith("make_")]
        self.links = [link for name, link in sorted(vars(Maker).items()) if name.startswith("link_")]

    def some(self, most=3):
        """A few of the objects there are."""
        if not self.objects:
            return []
        return [self.random.choice(self.objects) for _ in range(self.random.randrange(most + 1))]

    def one(self):
        return self.random.choice(self.objects) if self.objects else None

    # ---- objects ----

    def make_list(self):
        return self.some(5)

    def make_tuple(self):
        return tuple(self.some(5))

    def make_nested_tuple(self):
        return (tuple(self.some()), (1, (2, "three", tuple(self.some()))))

    def make_dict(self):
        return {("key%d" % i if i % 2 else i): value for i, value in enumerate(self.some(5))}

    def make_dict_with_keys(self):
        return {(index, id(value), value if isinstance(value, (str, int)) else function_holding(value)): index
                for index, value in enumerate(self.some())}

    def make_set(self):
        return {function_holding(value) for value in self.some()}

    def make_frozenset(self):
        return frozenset(function_holding(value) for value in self.some())

    def make_plain(self):
        made = Plain()
        for index, value in enumerate(self.some(4)):
            setattr(made, "attribute%d" % index, value)
        return made

    def make_plain_with_dict(self):
        made = self.make_plain()
        made.__dict__["more"] = self.one()
        return made

    def make_plain_other_dict(self):
        made = self.make_plain()
        made.__dict__ = dict.fromkeys("xyz", self.one())
        return made

    def make_large_plain(self):
        made = Plain()
        for index in range(self.random.randrange(40)):
            setattr(made, "many%d" % index, self.one())
        return made

    def make_slotted(self):
        made = Slotted()
        made.a, made.c = self.one(), self.one()
        return made

    def make_both(self):
        made = Both()
        made.b = self.one()
        made.more = self.one()
        return made

    def make_listed(self):
        made = Listed(self.some())
        made.attribute = self.one()
        return made

    def make_mapped(self):
        made = Mapped(key=self.one())
        made.attribute = self.one()
        return made

    def make_finalized(self):
        made = Finalized()
        made.held = self.some()
        return made

    def make_finalized_slots(self):
        made = FinalizedSlots()
        made.a = self.one()
        return made

    def make_function(self):
        return function_holding(*self.some())

    def make_lambda(self):
        one = self.one()
        return lambda default=one: (default, one)

    def make_method(self):
        return types.MethodType(function_holding(*self.some()), self.make_plain())

    def make_builtin_method(self):
        return self.some().append

    def make_generator(self):
        made = generator_holding(*self.some())
        for _ in range(self.random.randrange(4)):
            next(made, None)
        return made

    def make_running_chain(self):
        return (each for each in (other for other in self.some()))

    def make_coroutine_function(self):
        return functools.partial(coroutine_holding, *self.some())

    def make_async_generator(self):
        return async_generator_holding(*self.some())

    def make_exception(self):
        made = raised(*self.some())
        made.__cause__ = raised(self.one())
        made.attribute = self.one()
        return made

    def make_traceback(self):
        return raised(*self.some()).__traceback__

    def make_class(self):
        return type("Made%d" % self.random.randrange(5), (Plain,), {"held": self.some(), "method": self.make_function()})

    def make_instance_of_class(self):
        made = self.make_class()()
        made.attribute = self.one()
        return made

    def make_class_with_slots(self):
        made = type("MadeSlots", (), {"__slots__": ("slot", "__dict__"), "held": self.one()})()
        made.slot = self.one()
        return made

    def make_property(self):
        return property(self.make_function(), doc=None)

    def make_staticmethod(self):
        return staticmethod(self.make_function())

    def make_classmethod(self):
        return classmethod(self.make_function())

    def make_partial(self):
        return functools.partial(self.make_function(), *self.some(), key=self.one())

    def make_lru_cache(self):
        values = dict(enumerate(self.some(5)))
        made = functools.lru_cache(maxsize=self.random.choice((3, 8, None)))(values.pop)  # that holds them alone then
        for number in list(values):
            made(number)
        made.attribute = self.one()
        return made

    def make_deque(self):
        return collections.deque(self.some(5))

    def make_defaultdict(self):
        return collections.defaultdict(self.make_function(), key=self.one())

    def make_ordered_dict(self):
        made = collections.OrderedDict(enumerate(self.some()))
        made.attribute = self.one()
        return made

    def make_counter(self):
        made = collections.Counter()
        made["x"] = self.one()
        return made

    def make_iterators(self):
        return [iter(self.some()), iter(tuple(self.some())), iter({1: self.one()}.values()), reversed(self.some()),
                enumerate(self.some()), zip(self.some(), self.some()), map(self.make_function(), self.some()),
                filter(None, self.some()), itertools.chain(self.some(), self.some()), itertools.cycle(self.some()),
                itertools.repeat(self.one()), itertools.islice(self.some(), 2), itertools.product(self.some(), self.some()),
                itertools.groupby(self.some(), id), itertools.starmap(print, [self.some()])] + list(itertools.tee(self.some()))

    def make_views(self):
        made = self.make_dict()
        return made.keys(), made.values(), made.items(), types.MappingProxyType(made)

    def make_slice(self):
        return slice(self.one(), None, self.some())

    def make_super(self):
        made = Both()
        made.me = super(Both, made)
        made.held = self.one()
        return made

    def make_module(self):
        made = types.ModuleType("made")
        made.held = self.some()
        return made

    def make_namespace(self):
        return types.SimpleNamespace(held=self.some(), one=self.one())

    def make_context(self):
        context = contextvars.Context()
        variable = contextvars.ContextVar("made", default=self.some())
        context.run(variable.set, self.one())
        return context, variable

    def make_weakrefs(self):
        target = self.make_plain()
        return [target, weakref.ref(target), weakref.ref(target, on_death), weakref.ref(target, self.make_function()),
                weakref.WeakSet([target]), weakref.proxy(target, on_death)]

    def make_weak_dictionaries(self):
        target = self.make_plain()
        keys, values = weakref.WeakKeyDictionary(), weakref.WeakValueDictionary()
        keys[target] = self.one()
        values["key"] = target
        return keys, values, self.random.choice([target, None])

    def make_memoryview(self):
        made = type("Bytes", (bytearray,), {})(b"abc")
        made.held = self.one()
        return memoryview(made)

    def make_cell(self):
        return self.make_function().__closure__[0]

    def make_bound_descriptor(self):
        return self.make_plain().__init__, Plain.__dict__.get("__weakref__"), str.join

    # ---- references to what comes later ----

    def link_list(self, holder, target):
        if type(holder) is list and len(holder) < 50:
            holder.append(target)

    def link_dict(self, holder, target):
        if isinstance(holder, dict) and len(holder) < 50:
            holder[self.random.randrange(100)] = target

    def link_attribute(self, holder, target):
        if isinstance(holder, (Plain, Both, Listed, Mapped, Finalized, Broken, types.FunctionType, types.SimpleNamespace,
                               types.ModuleType)):
            setattr(holder, "later%d" % self.random.randrange(4), target)

    def link_slot(self, holder, target):
        if isinstance(holder, (Slotted, FinalizedSlots)):
            holder.b = target

    def link_class(self, holder, target):
        if isinstance(holder, type) and holder.__name__.startswith("Made"):
            holder.later = target

    def link_deque(self, holder, target):
        if isinstance(holder, collections.deque):
            holder.append(target)

    def link_exception(self, holder, target):
        if isinstance(holder, Broken):
            holder.args = (target,)
            holder.__context__ = raised(target)

    def link_generator(self, holder, target):
        if isinstance(holder, types.GeneratorType) and holder.gi_frame is not None and "local" in holder.gi_frame.f_locals:
            holder.gi_frame.f_locals["local"].append(target)

    def link_cell(self, holder, target):
        if isinstance(holder, types.FunctionType) and holder.__closure__ and hasattr(holder.__closure__[0], "cell_contents"):
            try:
                holder.__closure__[0].cell_contents = target
            except AttributeError:  # before 3.7
                pass

    def build(self):
        """What is to be held; everything else is garbage now."""
        wanted = self.random.choice([3, 10, 40, 150])
        favourites = self.random.sample(self.kinds, self.random.randrange(2, len(self.kinds)))
        while len(self.objects) < wanted:
            try:
                self.objects.append(self.random.choice(favourites)(self))
            except AttributeError:  # what this version does not have
                self.objects.append([])
        for _ in range(self.random.randrange(3 * wanted)):
            self.random.choice(self.links)(self, self.one(), self.one())
        if self.random.randrange(3) == 0:
            gc.collect(self.random.randrange(2))
        return self.some(self.random.choice([0, 1, 4]))


def hold_random(seed):
    """Builds a heap; keeps a little of it."""
    return Maker(seed).build()


def closure_of(roots, within):
    """Of the objects with addresses in @within, those that @roots lead to."""
    found, pending = set(), list(roots)
    while pending:
        current = pending.pop()
        if id(current) in within and id(current) not in found:
            found.add(id(current))
            pending.extend(gc.get_referents(current))
    return found


def collect(seed, generation):
    """One line of the record."""
    Finalized.resurrecting = seed % 3 == 0
    before = set(map(id, gc.get_objects()))
    del gc.garbage[:]
    gc.set_debug(gc.DEBUG_SAVEALL)
    returned = gc.collect(generation)
    marker = []
    alive = gc.get_objects()
    gc.set_debug(0)
    # The youngest come first; what is new may be at the address of what is gone.
    while alive.pop(0) is not marker:
        pass
    collected = list(map(id, gc.garbage))
    freed = before.difference(map(id, alive), collected)
    resurrected = set()
    if Finalized.resurrected:
        resurrected = closure_of(Finalized.resurrected, before)
    answer = {"seed": seed, "generation": generation, "returned": returned, "collected": collected, "freed": sorted(freed),
              "resurrected": sorted(resurrected)}
    Finalized.resurrecting = False
    del Finalized.resurrected[:]
    del gc.garbage[:]
    return answer


def main():
    first, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    gc.collect()
    with open(path, "w") as record:
        for seed in range(first, first + count):
            held = hold_random(seed)
            os.write(1, b"ready\n")
            line = os.read(0, 100)
            if not line:
                break
            record.write(json.dumps(collect(seed, int(line))) + "\n")
            record.flush()
            del held
            gc.collect()
    os.write(1, b"ready\n")


if __name__ == "__main__":
    main()
