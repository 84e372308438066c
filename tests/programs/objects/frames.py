# SPDX-License-Identifier: MIT
"""Frames, generators, coroutines and asynchronous generators in every state; their helpers; running ones, in a thread."""
import sys
import threading

kept = []


def advance(generator, times=1):
    """@generator after it has been resumed so often."""
    for _ in range(times):
        next(generator)
    return generator


# ---- generators ----

def plain(first, second):
    held = [first]
    sent = yield held
    yield (sent, second)


def closing_over():
    shared, items = object(), [1, 2]

    def inner(argument):
        both = (shared, items, argument)
        for item in iter([1, 2, 3]):
            yield lambda: (both, item, shared)
    return inner([9])


def handling():
    try:
        raise ValueError([1])
    except ValueError as error:
        yield error
        yield 2


def delegating():
    yield from plain([5], 6)


def in_blocks():
    for item in iter([[1], [2]]):
        with open("/dev/null") as file:
            yield (sys._getframe(), file, item)


exhausted = plain(1, 2)
list(exhausted)
closed = advance(plain([1], [2]))
closed.close()
thrown = advance(plain([1], [2]))
try:
    thrown.throw(KeyError(3))
except KeyError as error:
    kept += [error, error.__traceback__]
kept += [plain([1], 2), advance(plain([1], 2)), advance(plain([2], object()), 2), exhausted, closed, thrown,
         closing_over(), advance(closing_over(), 2), advance(handling()), advance(delegating()),
         (item for item in [1, 2, 3]), advance(item for item in [[4], 5, 6] if item), in_blocks(), in_blocks()]
kept.append(next(kept[-1]))


# ---- coroutines and asynchronous generators ----

class Awaitable:
    def __await__(self):
        yield [self]


async def waiting(argument):
    held = [argument]
    await Awaitable()
    return held


async def producing(first):
    sent = yield [first]
    await Awaitable()
    yield sent


def suspended(coroutine):
    coroutine.send(None)
    return coroutine


kept += [waiting([1]), suspended(waiting([2])), waiting([3]).__await__(), advance(waiting([3]).__await__())]
if hasattr(sys, "set_coroutine_origin_tracking_depth"):  # 3.7
    sys.set_coroutine_origin_tracking_depth(3)
    kept.append(waiting([1]))
    sys.set_coroutine_origin_tracking_depth(0)
sys.set_asyncgen_hooks(finalizer=lambda generator: None)
producers = [producing([number]) for number in range(6)]
sys.set_asyncgen_hooks(finalizer=None)
step = producers[1].__anext__()
try:
    step.send(None)
except StopIteration as stop:
    kept.append(stop.value)
sending = producers[1].asend([7])
sending.send(None)
kept += [producers, step, sending, producers[0].asend(None), producers[2].athrow(KeyError([1])), producers[3].aclose()]
if sys.version_info >= (3, 10):
    kept.append(anext(producing([1]), [5]))
    started = anext(producing([1]), [5]).__await__()
    kept.append(started)
    try:
        next(started)
    except StopIteration:
        pass


# ---- frames ----

def recursive(depth, argument):
    held = [depth]

    def inner():
        return held, argument
    return recursive(depth - 1, inner) if depth else sys._getframe()


def failing(depth):
    held = [depth]
    if not depth:
        raise RuntimeError([2])
    failing(depth - 1)
    return held


class Namespace(dict):
    pass


class Outer:
    class Inner:
        kept.append(sys._getframe())
        attribute = [1]


try:
    failing(50)
except RuntimeError as error:
    traceback = error.__traceback__
while traceback:
    kept += [traceback, traceback.tb_frame]
    traceback = traceback.tb_next
namespace = Namespace(a=[1])
exec("kept.append(sys._getframe()); other = [3]", {"kept": kept, "sys": sys}, namespace)
kept.append([[sys._getframe() for _ in [1]] for _ in [[1]]])
traced, cleared = recursive(2, [4]), recursive(1, [4])
traced.f_trace = lambda *arguments: None
kept += [namespace, recursive(5, [1]), traced, traced.f_locals, cleared]
cleared.clear()
if sys.version_info >= (3, 13):
    proxy = recursive(1, [8]).f_locals
    proxy["extra"], proxy["held"] = [1], [5]

    def overwriting():
        held = [1]
        sys._getframe().f_locals["held"] = [3]
        return sys._getframe(), held
    kept += [proxy, overwriting()]


# ---- running ----

def blocking(argument):
    held = [argument]
    for item in iter([[1], held]):
        reached.release()
        forever.acquire()
        yield item


async def blocking_coroutine(argument):
    for item in blocking(argument):
        await Awaitable()
        kept.append(item)


def run(name):
    inside = [name]
    suspended(blocking_coroutine(inside))


reached, forever = threading.Semaphore(0), threading.Lock()
forever.acquire()
thread = threading.Thread(target=run, args=("name",))
thread.daemon = True
thread.start()
reached.acquire()
if hasattr(sys, "_current_frames"):
    blocked = sys._current_frames()[thread.ident]
    del blocked
