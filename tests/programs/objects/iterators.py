# SPDX-License-Identifier: MIT
"""Every iterator of itertools at its beginning, in the middle and at its end; and operator's callables."""
import itertools
import operator
import sys


class Held:
    def __init__(self, number=None):
        self.number = number

    def method(self, *_arguments, **_keywords):
        return self


def some(count):
    return [Held(number) for number in range(count)]


def items(count=5):
    return iter(some(count))


def advanced(iterator, steps):
    """@iterator after @steps items; what they are is forgotten."""
    for _ in range(steps):
        next(iterator, None)
    return iterator


def make():
    """One of each, at its beginning."""
    yield itertools.accumulate(range(6), lambda total, number: Held((total, number)))
    if sys.version_info >= (3, 8):
        yield itertools.accumulate(items(), lambda total, item: Held(), initial=Held())
    yield itertools.chain(some(2), some(2))
    yield itertools.chain.from_iterable([some(2), some(2)])
    yield itertools.combinations(some(4), 2)
    yield itertools.combinations(some(1), 2)
    yield itertools.combinations_with_replacement(some(4), 2)
    yield itertools.compress(items(), items())
    yield itertools.count()
    yield itertools.count(2 ** 70, 2.5)
    yield itertools.count(1, 3)
    yield itertools.cycle(items())
    yield itertools.cycle(())
    yield itertools.dropwhile(lambda item: item.number < 2, items())
    yield itertools.filterfalse(None, items())
    yield itertools.filterfalse(lambda item: item.number % 2, items())
    yield itertools.groupby(some(5), key=lambda item: item.number // 2)
    yield itertools.groupby([Held()] * 3)
    yield itertools.islice(items(), 1, 4)
    yield itertools.islice(items(), None)
    yield itertools.permutations(some(4), 2)
    yield itertools.permutations(some(3))
    yield itertools.product(some(2), some(2))
    yield itertools.product()
    yield itertools.product(some(2), repeat=2)
    yield itertools.repeat(Held())
    yield itertools.repeat(Held(), 2)
    yield itertools.starmap(lambda *numbers: Held(numbers), [(1,), (2,)])
    yield itertools.takewhile(lambda item: item.number < 2, items())
    yield itertools.zip_longest(items(2), items(4), fillvalue=Held())
    yield itertools.zip_longest()
    if hasattr(itertools, "pairwise"):
        yield itertools.pairwise(items())
    if hasattr(itertools, "batched"):
        yield itertools.batched(items(), 2)


iterators = [advanced(iterator, steps) for steps in (0, 1, 3, 20) for iterator in make()]

groups = []
for number in range(4):
    grouping = itertools.groupby(some(5), key=lambda item: item.number // 2)
    groups += [grouping] + [next(grouping) for _ in range(min(number, 3))]

# What two iterators of a tee() have not both passed is in a chain of blocks of 57.
tees = []
for ahead, behind in ((0, 0), (1, 0), (57, 0), (58, 3), (150, 60), (300, 300)):
    first, second = itertools.tee(items(200))
    tees += [advanced(first, ahead), advanced(second, behind), first.__copy__()]


class Chain(itertools.chain):
    pass


class Count(itertools.count):
    __slots__ = ("slot",)


subclassed = [Chain(some(1)), Count(3)]
subclassed[0].attribute = Held()
subclassed[1].slot = Held()

getters = [operator.itemgetter(Held()), operator.itemgetter(1, Held(), "text"),
           operator.attrgetter("a.b", "c"), operator.attrgetter("a")]
callers, called = ([operator.methodcaller("method"), operator.methodcaller("method", Held(), name=Held())]
                   for _ in range(2))
for caller in called:
    caller(Held())
