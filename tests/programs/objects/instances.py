# SPDX-License-Identifier: MIT
"""Instances of classes of every layout: slots, dicts, weak references, items behind them, and bases written in C."""
import abc
import asyncio
import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import io
import itertools
import random
import threading
import types
import weakref


class Held:
    pass


class Plain:
    pass


class Nothing:
    __slots__ = ()


class Weak:
    __slots__ = ("__weakref__",)


class Slots:
    __slots__ = ("first", "__mangled", "last")


class MoreSlots(Slots):
    __slots__ = ("first", "more")  # one hides its base's


class SlotsAndDict(Slots):
    pass


class DictSlot(Slots):
    __slots__ = ("__dict__", "after")


class DictAndWeak(Slots):
    __slots__ = ("own", "__dict__", "__weakref__")


class Left:
    __slots__ = ()


class Right:
    __slots__ = ("right",)


class Both(Left, Right):
    __slots__ = ("both",)


class BothWithDict(Left, Slots):
    pass


class Deep(BothWithDict, Plain):
    __slots__ = ()


class ManySlots:
    __slots__ = tuple("slot%d" % i for i in range(40))


class Meta(type):
    kept = Held()


class MetaSlots(type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        cls.attribute_of_class = Held()


class WithMeta(metaclass=Meta):
    __slots__ = ("slot", "__dict__")


class WithMetaSlots(metaclass=MetaSlots):
    __slots__ = ("slot",)


class Abstract(abc.ABC):
    __slots__ = ("slot",)


class Colour(enum.Enum):
    RED = Held()


def filled(instance):
    """@instance with something in each slot and, if it has one, in its dict."""
    for cls in type(instance).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            if name.startswith("__"):
                name = "_%s%s" % (cls.__name__.lstrip("_"), name)
            try:
                setattr(instance, name, Held())
            except (AttributeError, TypeError):
                pass
    for name in ("attribute", "another"):
        try:
            setattr(instance, name, Held())
        except (AttributeError, TypeError):
            pass
    return instance


classes = [Plain, Nothing, Weak, Slots, MoreSlots, SlotsAndDict, DictSlot, DictAndWeak, Left, Right, Both, BothWithDict, Deep,
           ManySlots, WithMeta, WithMetaSlots, Abstract]
kept = [[cls(), filled(cls()), filled(cls())] for cls in classes]

# Subclasses of types written in C: as they are, with nothing new, with slots, with slots and a dict.
bases = [(object, ()), (int, (12345678901234567890,)), (int, (0,)), (int, (-10 ** 40,)), (float, (1.5,)), (complex, (1j,)), (str, ("text",)),
         (str, ("t\u00f6xt" * 9,)), (bytes, (b"bytes",)), (bytes, (b"b" * 13,)), (bytearray, (b"bytes",)), (tuple, ((Held(), Held()),)),
         (tuple, ((),)), (list, ([Held()],)), (dict, ({1: Held()},)), (dict, ({"text": Held()},)), (set, ([Held()],)),
         (frozenset, ([Held()],)), (type, ("Made", (), {"attribute": Held()})), (types.ModuleType, ("module",)),
         (types.SimpleNamespace, ()), (property, (Held(),)), (staticmethod, (Held(),)), (classmethod, (Held(),)), (super, (Held, Held())),
         (enumerate, ([Held()],)), (reversed, ([Held()],)), (map, (Held, [Held()])), (filter, (None, [Held()])), (zip, ([Held()], [1])),
         (Exception, (Held(),)), (BaseException, ()), (OSError, (2, "text", "name")), (StopIteration, (Held(),)), (SystemExit, (Held(),)),
         (SyntaxError, ("text",)), (ImportError, ("text",)), (KeyError, (Held(),)), (UnicodeDecodeError, ("utf-8", b"b", 0, 1, "text")),
         (AttributeError, ("text",)), (NameError, ("text",)), (ValueError, ()), (Slots, ()), (weakref.ref, (Held,)),
         (collections.OrderedDict, ({1: Held()},)), (collections.defaultdict, (Held,)), (collections.deque, ([Held()],)),
         (collections.Counter, ("text",)), (functools.partial, (Held, Held())), (itertools.chain, ([Held()],)), (itertools.count, (1,)),
         (datetime.datetime, (2020, 1, 1)), (datetime.timedelta, (1,)), (decimal.Decimal, ("1.5",)), (fractions.Fraction, (1, 2)),
         (array.array, ("i", [1])), (io.StringIO, ("text",)), (io.BytesIO, (b"bytes",)), (random.Random, (1,)), (threading.local, ()),
         (types.GenericAlias, (list, Held)) if hasattr(types, "GenericAlias") else (object, ())]
made_classes, left_out = [], []
for base, arguments in bases:
    for slots in (None, (), ("slot",), ("slot", "other", "__dict__"), ("__weakref__",), ("__dict__", "__weakref__")):
        namespace = {} if slots is None else {"__slots__": slots}
        try:
            cls = type(base)("Of_%s" % base.__name__, (base,), namespace)
            kept.append([cls(*arguments), filled(cls(*arguments)), filled(cls(*arguments))])
        except (TypeError, AttributeError):  # __slots__ that a base with items cannot have, ...
            left_out.append((base, slots))
            continue
        made_classes.append(cls)
    try:
        grandchild = type(base)("Grandchild", (made_classes[-1],), {"__slots__": ("grand",)})
        kept.append(filled(grandchild(*arguments)))
        kept.append(filled(type(base)("Mixed", (Plain, made_classes[-1]), {})(*arguments)))
        kept.append(filled(type(base)("MixedLast", (made_classes[-1], Left), {"__slots__": ()})(*arguments)))
    except (TypeError, IndexError, AttributeError):
        left_out.append(base)
loop = asyncio.new_event_loop()
for base in (asyncio.Future, asyncio.Task):
    for slots in (None, (), ("slot",)):
        cls = type("Of_%s" % base.__name__, (base,), {} if slots is None else {"__slots__": slots})
        if base is asyncio.Future:
            kept.append([cls(loop=loop), filled(cls(loop=loop))])
weak = []
for group in kept:
    for instance in group if isinstance(group, list) else [group]:
        try:
            weak.append(weakref.ref(instance, Held()))
        except TypeError:
            pass


# metaclasses
class Deeper(Meta):
    pass


named = [Meta("Dynamic", (), {}), Deeper("Dynamic", (Plain,), {"a": Held()}), MetaSlots("Dynamic", (Slots,), {"__slots__": ("s",)}),
         Meta("OfInt", (int,), {}), abc.ABCMeta("Registered", (), {})]
named[-1].register(Plain)
kept.append([filled(cls()) for cls in named])
vars(named[0])
for cls in (Plain, SlotsAndDict, Slots):
    for _ in range(50):  # calls that the interpreter specialises
        instance = cls()
        instance.__class__ = cls


class Callable:
    def __getitem__(self, index):
        return index

    def __init__(self, value=None):
        self.value = value

    @property
    def half(self):
        return self.value


def specialised(instance):
    return instance[1], instance.half, instance.value


for number in range(300):
    specialised(Callable(number))


class Base:
    def __init_subclass__(cls, **arguments):
        cls.arguments = arguments


class Derived(Base, option=Held()):
    pass


changed = Plain()
changed.before = Held()
changed.__class__ = Held
renamed = type("Renamed", (), {})
renamed.__name__, renamed.__qualname__, renamed.__module__ = "Other", "Some.Other", "other"
