# SPDX-License-Identifier: MIT
"""Deques, default dicts, cached functions, partials and queues: empty, full, turned round, in themselves."""
import collections
import functools
import queue
import sys


class Held:
    __slots__ = ("number", "__weakref__")

    def __init__(self, number=None, *_arguments, **_keywords):
        self.number = number


def some(count):
    return [Held(number) for number in range(count)]


# A block of a deque holds 64 items: one less, one more, and growing from either end.
deques = []
for length in (0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000):
    deques += [collections.deque(some(length)), collections.deque(some(length), maxlen=max(length, 1))]
    deques.append(collections.deque())
    deques[-1].extendleft(some(length))
turned = collections.deque(some(300))
turned.rotate(77)
turned.append(turned)
drained = collections.deque(some(200))
for _ in range(150):
    drained.popleft()
deque_iterators = [iter(turned), reversed(turned), iter(collections.deque())]
next(deque_iterators[0])
list(deque_iterators[2])


class Deque(collections.deque):
    pass


class SlottedDeque(collections.deque):
    __slots__ = ("slot",)


subclassed = [Deque(some(3)), SlottedDeque(some(70))]
subclassed[0].attribute = Held()
subclassed[1].slot = Held()


class DefaultDict(collections.defaultdict):
    pass


default_dicts = [collections.defaultdict(), collections.defaultdict(list, a=Held()), DefaultDict(Held)]
default_dicts[1][Held()] = default_dicts
default_dicts[2][1] = default_dicts[2][2]
default_dicts[2].attribute = Held()

Pair = collections.namedtuple("Pair", "left right")
pairs = [Pair(Held(), Held())] + [value for value in vars(Pair).values()]
counted = collections.Counter("hello")
chained = collections.ChainMap({1: Held()}, {2: Held()})


class Partial(functools.partial):
    pass


partials = [functools.partial(Held), functools.partial(Held, *some(3)), functools.partial(Held, name=Held()),
            Partial(Held, 1)]
partials[2].attribute = Held()
partials[3].attribute = Held()
if hasattr(functools, "Placeholder"):
    partials.append(functools.partial(Held, functools.Placeholder, Held()))
key_function = functools.cmp_to_key(lambda left, right: 0)
keys = [key_function, key_function(Held())]


def cached_function(maxsize, typed=False):
    @functools.lru_cache(maxsize=maxsize, typed=typed)
    def cached(number, other=None):
        return Held(number)
    return cached


caches = [cached_function(0), cached_function(1), cached_function(5), cached_function(5, True),
          cached_function(None), cached_function(100)]
for cache in caches[:-1]:
    for number in range(12):
        cache(number)
        cache(number, other=Held())
    cache.attribute = Held()


class Method:
    @functools.lru_cache(None)
    def method(self):
        return Held()


Method().method()

# A SimpleQueue has a ring from 3.13 on: filled, drained, past its end, grown.
queues = []
for length in (0, 1, 7, 8, 9, 30):
    waiting = queue.SimpleQueue() if hasattr(queue, "SimpleQueue") else queue.Queue()
    for item in some(length):
        waiting.put(item)
    for _ in range(length // 2):
        waiting.get()
    for item in some(length // 3):
        waiting.put(item)
    queues.append(waiting)
if sys.version_info >= (3, 7):
    class SimpleQueue(queue.SimpleQueue):
        pass

    queues.append(SimpleQueue())
    queues[-1].put(Held())
    queues[-1].attribute = Held()
queues += [queue.PriorityQueue(), queue.LifoQueue(3)]
queues[-1].put(Held())
