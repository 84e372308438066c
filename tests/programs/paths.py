# SPDX-License-Identifier: MIT
"""Objects of which it is known why they are alive, and then questions.py.

    paths.py RECORD
"""
import collections
import functools
import gc
import os
import signal
import sys
import threading
import types
import weakref

sys.dont_write_bytecode = True
gc.disable()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])  # of questions.py; before there is another thread, which it would end


class Thing:
    """What is to be found: unlike anything else in the heap."""
    __slots__ = ("data", "__weakref__")


class Node:
    registry = {}

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("first", "second")


class Meta(type):
    pass


class Made(metaclass=Meta):
    held = [Thing()]


known = {}


def know(name, thing, path):
    """Lets @path be the way to @thing."""
    known[name] = (id(thing), path)


app = types.ModuleType("shop.orders")
sys.modules["shop.orders"] = app
HERE = "sys.modules['shop.orders']"

app.thing = Thing()
know("module attribute", app.thing, HERE + ".thing")
setattr(app, "class", Thing())
know("module attribute that is a keyword", getattr(app, "class"), HERE + ".__dict__['class']")
setattr(app, "a b", Thing())
know("module attribute that is no identifier", getattr(app, "a b"), HERE + ".__dict__['a b']")
app.numbered = {1: Thing(), -3: Thing(), 10 ** 20: Thing(), True: Thing(), 2.5: Thing(), b"raw": Thing(), None: Thing()}
know("int key", app.numbered[-3], HERE + ".numbered[-3]")
know("large int key", app.numbered[10 ** 20], HERE + ".numbered[100000000000000000000]")
know("float key", app.numbered[2.5], HERE + ".numbered[2.5]")
know("bytes key", app.numbered[b"raw"], HERE + ".numbered[b'raw']")
know("key None", app.numbered[None], HERE + ".numbered[None]")
Point = collections.namedtuple("Point", "x y")
app.pairs = {(1, "two"): Thing(), (): Thing(), (3,): Thing(), ((4, 5), None): Thing(), Point(6, "y"): Thing()}
know("tuple as a key", app.pairs[1, "two"], HERE + ".pairs[(1, 'two')]")
know("empty tuple as a key", app.pairs[()], HERE + ".pairs[()]")
know("tuple of one as a key", app.pairs[3,], HERE + ".pairs[(3,)]")
know("tuples in a tuple as a key", app.pairs[(4, 5), None], HERE + ".pairs[((4, 5), None)]")
know("named tuple as a key", app.pairs[6, "y"], HERE + ".pairs[Point(6, 'y')]")
app.quoted = {"it's": Thing(), 'say "x"': Thing(), "line\nbreak": Thing(), "h\xe9llo": Thing()}
know("key with a quote", app.quoted["it's"], HERE + '.quoted["it\'s"]')
know("key with double quotes", app.quoted['say "x"'], HERE + ".quoted['say \"x\"']")
know("key with a line break", app.quoted["line\nbreak"], HERE + ".quoted['line\\nbreak']")
know("key that is not ASCII", app.quoted["h\xe9llo"], HERE + ".quoted['h\xe9llo']")
app.nested = {"a": [0, (1, {"b": Thing()})]}
know("nested containers", app.nested["a"][1][1]["b"], HERE + ".nested['a'][1][1]['b']")
app.node = Node(left=Node(right=Thing()), other=[Thing()])
know("instance attributes", app.node.left.right, HERE + ".node.left.right")
know("list of an instance", app.node.other[0], HERE + ".node.other[0]")
app.odd = Node()
setattr(app.odd, "two words", Thing())
know("instance attribute that is no identifier", getattr(app.odd, "two words"), HERE + ".odd.__dict__['two words']")
app.many = Node(**{"attribute%d" % i: i for i in range(60)})
app.many.last = Thing()
know("an attribute of many", app.many.last, HERE + ".many.last")
app.shrunk = Node(first=Thing(), second=Thing())
del app.shrunk.first
know("an attribute after another was deleted", app.shrunk.second, HERE + ".shrunk.second")
app.looked_at = Node(inside=Thing())
app.looked_at.__dict__["more"] = Thing()
know("an instance whose dict was asked for", app.looked_at.inside, HERE + ".looked_at.inside")
app.slotted = Slotted()
app.slotted.first, app.slotted.second = Thing(), [Thing()]
know("slot", app.slotted.first, HERE + ".slotted.first")
know("list in a slot", app.slotted.second[0], HERE + ".slotted.second[0]")
app.Node = type("Node", (), {"registry": {"x": Thing()}, "thing": Thing()})
know("dict of a class", app.Node.registry["x"], HERE + ".Node.registry['x']")
know("instance in a class", app.Node.thing, HERE + ".Node.__dict__['thing']")
app.Derived = type("Derived", (app.Node,), {"own": [Thing()]})
know("list of a derived class", app.Derived.own[0], HERE + ".Derived.own[0]")
app.ordered = collections.OrderedDict(one=Thing())
know("OrderedDict", app.ordered["one"], HERE + ".ordered['one']")
app.defaults = collections.defaultdict(list, key=[Thing()])
know("defaultdict", app.defaults["key"][0], HERE + ".defaults['key'][0]")
app.queue = collections.deque([1, Thing()])
know("deque", app.queue[1], HERE + ".queue[1]")
app.bag = {Thing()}
know("set", next(iter(app.bag)), HERE + ".bag{\u2026}")
app.partial = functools.partial(print, Thing(), key=Thing())
know("argument of a partial", app.partial.args[0], HERE + ".partial.args[0]")
know("keyword of a partial", app.partial.keywords["key"], HERE + ".partial.keywords['key']")


def defaults(argument=Thing(), *, keyword=Thing()):
    """A function that holds what is in its head."""
    return argument, keyword


def closure():
    """A function that holds what is around it."""
    thing = Thing()
    return lambda: thing


app.defaults_of = defaults
del defaults
know("default of a function", app.defaults_of.__defaults__[0], HERE + ".defaults_of.__defaults__[0]")
know("keyword default of a function", app.defaults_of.__kwdefaults__["keyword"],
     HERE + ".defaults_of.__kwdefaults__['keyword']")
app.closure = closure()
know("closure", app.closure.__closure__[0].cell_contents, HERE + ".closure.__closure__[0].cell_contents")


def made_by(source):
    """What the function of @source returns; nothing else is left of it."""
    namespace = {}
    exec(source, namespace)
    return namespace["made"]()


app.generator = made_by("def made():\n yield 1")
know("code of a generator", app.generator.gi_code, HERE + ".generator.gi_code")
app.coroutine = made_by("async def made():\n pass")
know("code of a coroutine", app.coroutine.cr_code, HERE + ".coroutine.cr_code")
app.async_generator = made_by("async def made():\n yield 1")
know("code of an async generator", app.async_generator.ag_code, HERE + ".async_generator.ag_code")
app.method = Node(inside=Thing()).__init__
know("self of a method", app.method.__self__.inside, HERE + ".method.__self__.inside")
app.hooked = property(closure())
know("getter of a property", app.hooked.fget.__closure__[0].cell_contents,
     HERE + ".hooked.fget.__closure__[0].cell_contents")
app.proxy = types.MappingProxyType({"k": Thing()})
app.error = ValueError("bad", Thing())
know("argument of an exception", app.error.args[1], HERE + ".error.args[1]")
app.short, app.long = [Thing()], [[[Thing()]]]
app.long[0][0].append(app.short[0])
know("the shorter of two ways", app.short[0], HERE + ".short[0]")
app.pair = (Thing(),)
app.iterator = iter([Thing()])

# Held by nothing but themselves, or not at all but weakly.
cycle = [Thing()]
cycle.append(cycle)
know("garbage in a cycle", cycle[0], None)
del cycle
app.weak = weakref.ref(app.thing)


def wait_in_thread(started, ended):
    """Holds something for as long as the thread runs."""
    in_thread = Thing()
    known["variable of a thread"] = id(in_thread), "wait_in_thread() at %s:%d: in_thread"
    started.set()
    ended.wait()
    return in_thread


def ask(path, thing):
    """Holds something while questions are answered."""
    held = [thing]
    known["argument of a running function"] = id(thing), "ask() at %s:%d: thing"
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "questions.py"), encoding="utf-8") as source:
        text = source.read()
    exec(compile(text, "questions.py", "exec"), {"oracle_path": path, "known": known})
    return held


started, ended = threading.Event(), threading.Event()
thread = threading.Thread(target=wait_in_thread, args=(started, ended), daemon=True)
thread.start()
started.wait()
del app
ask(sys.argv[1], Thing())
