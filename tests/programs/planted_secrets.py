# SPDX-License-Identifier: MIT
"""Plants secrets wherever a program can keep one, and waits: planted_secrets.py SEED RECORD SECRET...

RECORD becomes {"texts": {how: text}, "numbers": {how: digits}, "names": [how...], "addresses": [id...]}: what must not
be found in a redacted answer; which of the texts are names or keys, which other answers show without being asked for
values; and objects to ask about. The SECRETs and the environment are the caller's: they are not in the record. No secret
stands in this file: names of its functions, classes and variables are the program's. (Nor is it called secrets.py, which
is a module of Python's library.)
"""
import array
import asyncio
import bisect
import collections
import concurrent.futures
import contextlib
import ctypes
import datetime
import decimal
import enum
import fractions
import functools
import gc
import json
import io
import itertools
import logging
import mmap
import operator
import os
import random
import re
import string
import struct
import sys
import tempfile
import threading
import time
import types
import uuid
import weakref

LATIN = "ghjkmnpqrstvwxz"  # no vowel: no word of any language has six of them on end; and no hexadecimal digit
PART = 6  # characters: of finder.py
CYRILLIC = "бвгджзклмнпрстфхцчшщ"
GOTHIC = "".join(chr(0x10330 + i) for i in range(20))


class Secrets:
    """Makes secrets and notes them down."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.texts, self.numbers, self.names, self.addresses = {}, {}, [], []
        self.parts = set()  # of all texts: what finder.py takes for the text itself

    def text(self, how, alphabet=LATIN, length=18):
        """A text that is nowhere else, and has no part that another one has."""
        assert how not in self.texts
        parts = None
        while parts is None or parts & self.parts:
            text = "".join(self.random.choice(alphabet) for _ in range(length))
            parts = {text[i:i + PART] for i in range(length - PART + 1)}
        self.parts |= parts
        self.texts[how] = text
        return text

    def name(self, how, alphabet=LATIN):
        """The same for a name, or the key of a dictionary."""
        self.names.append(how)
        return self.text(how, alphabet)

    def number(self, how, digits=24, name=False):
        """A number of so many digits; @name: it is the key of a dictionary."""
        self.names += [how] if name else []
        number = self.random.randrange(10 ** (digits - 1), 10 ** digits)
        assert how not in self.numbers
        self.numbers[how] = str(number)
        return number

    def ask(self, thing):
        """@thing will be asked about."""
        self.addresses.append(id(thing))
        return thing


class Session:
    """An object with attributes that the program knows, and others."""

    def __init__(self, user):
        self.user = user


class Slotted:
    __slots__ = ("token", "__weakref__")

    def __init__(self, token):
        self.token = token


class Text(str):
    """A subclass of str."""


class Number(int):
    """A subclass of int."""


Pair = collections.namedtuple("Pair", "left right")
context_variable_type = getattr(__import__("contextvars"), "ContextVar", None) if sys.version_info >= (3, 7) else None


def plant_texts(secrets):
    """Texts of all kinds."""
    text, name = secrets.text, secrets.name
    kept = [
        text("str"), text("str, 2 bytes", CYRILLIC), text("str, 4 bytes", GOTHIC), "é" + text("str, latin-1"),
        text("long str") * 50, sys.intern(text("interned str")), Text(text("str subclass")),
        text("bytes").encode(), bytearray(text("bytearray").encode()), memoryview(text("memoryview").encode()),
        array.array("b", text("array").encode()), array.array("u" if sys.version_info < (3, 13) else "w", text("wide array")),
        ctypes.create_string_buffer(text("ctypes buffer").encode()), ctypes.c_char_p(text("c_char_p").encode()),
        ctypes.c_wchar_p(text("c_wchar_p")), io.StringIO(text("StringIO")), io.BytesIO(text("BytesIO").encode()),
        re.compile(name("pattern")), re.compile(name("bytes pattern").encode()),
        re.match("(.*)", text("match")), struct.Struct("10s"), struct.pack("18s", text("struct").encode()),
        string.Template("$" + text("template")), uuid.uuid5(uuid.NAMESPACE_DNS, text("uuid")),
        text("encoded").encode("utf-16"), text("hex").encode().hex(), repr(text("repr of text", CYRILLIC)),
        text("text in pieces")[:9] + "\n" + text("more text in pieces"), slice(text("slice"), None), iter([text("iterator")]),
        reversed([text("reversed")]), enumerate([text("enumerate")]), zip([text("zip")]), map(str, [text("map")]),
        itertools.chain([text("chain")]), itertools.repeat(text("repeat")), itertools.count(secrets.number("count")),
        range(secrets.number("range")), operator.attrgetter(text("attrgetter")), operator.itemgetter(text("itemgetter")),
        operator.methodcaller(text("methodcaller"), text("methodcaller argument")),
    ]
    area = mmap.mmap(-1, 4096)
    area.write(text("mmap").encode() * 10)
    return kept + [area]


def plant_numbers(secrets):
    """Numbers of all kinds."""
    number = secrets.number
    return [
        number("int"), -number("negative int"), number("int of 64 bits", 18), number("long int", 400),
        Number(number("int subclass")), float("0.%d" % number("float", 16)), complex(0, float("0.%d" % number("complex", 16))),
        decimal.Decimal(number("Decimal")), fractions.Fraction(number("numerator"), 7),
        datetime.datetime.utcfromtimestamp(number("date", 9)) if sys.version_info < (3, 12) else
        datetime.datetime.fromtimestamp(number("date", 9), datetime.timezone.utc),
        datetime.timedelta(microseconds=number("timedelta", 16)), ctypes.c_uint64(number("c_uint64", 19) % 2 ** 63),
        array.array("q", [number("array of numbers", 18)]), array.array("d", [float("0.%d" % number("array of floats", 16))]),
        {number("int key", name=True): number("int value")}, {number("int item")}, (number("tuple item"),),
    ]


def plant_keys(secrets):
    """Keys and items of all that has such."""
    text, name = secrets.text, secrets.name
    kept = [
        {name("dict key"): text("dict value")}, {name("key, 2 bytes", CYRILLIC): 1}, {name("key, 4 bytes", GOTHIC): 1},
        {name("bytes key").encode(): 1}, {(name("tuple key"), 1, (name("nested tuple key"),)): 1},
        {frozenset([text("frozenset key")]): 1}, {Pair(name("namedtuple key"), 2): 1}, {Text(name("str subclass key")): 1},
        {text("set item")}, frozenset([text("frozenset item")]), collections.deque([text("deque item")]),
        collections.OrderedDict([(name("OrderedDict key"), text("OrderedDict value"))]),
        collections.defaultdict(list, {name("defaultdict key"): [1]}), collections.Counter([name("Counter key")]),
        collections.ChainMap({name("ChainMap key"): 1}), types.MappingProxyType({name("proxy key"): [1]}),
        json.loads('{"%s": {"%s": [1]}}' % (name("json key"), name("inner json key"))),
        {Session(1): {name("key of value"): [Session(text("user"))]}}, {sys.intern(name("interned key")): []},
        {name("key like a name") + "_x": Slotted([1])}, bisect.insort([], text("bisect")),
        {name("deep key"): {name("deeper key"): {name("deepest key"): [Session([])]}}},
    ]
    secrets.ask(kept[-1][secrets.texts["deep key"]][secrets.texts["deeper key"]][secrets.texts["deepest key"]][0].user)
    return kept


def plant_attributes(secrets):
    """Names of attributes that are data."""
    text, name = secrets.text, secrets.name
    session = Session(text("attribute value"))
    setattr(session, name("attribute"), [Session(1)])
    setattr(session, name("attribute, 2 bytes", CYRILLIC), [1])
    setattr(session, "no identifier " + name("odd attribute"), [1])
    secrets.ask(getattr(session, secrets.texts["attribute"])[0])
    several = [Session(i) for i in range(3)]
    for each in several:
        setattr(each, secrets.texts["attribute"], each)
    setattr(Session, name("class attribute"), [1])
    setattr(plant_keys, name("function attribute"), [1])
    loaded = Session(1)
    loaded.__dict__.update(json.loads('{"%s": [1]}' % name("loaded attribute")))
    space = types.SimpleNamespace(**{name("namespace attribute"): [1]})
    slotted = type("Slotted", (), {"__slots__": (name("slot"),)})()
    setattr(slotted, secrets.texts["slot"], [secrets.text("slot's value")])
    secrets.ask(getattr(slotted, secrets.texts["slot"]))
    exec("class Generated:\n def __init__(self):\n  self.%s = [1]" % name("generated attribute"), globals())
    local = threading.local()
    setattr(local, name("thread local"), [1])
    return [session, several, loaded, space, slotted, Generated(), local]


def plant_types(secrets):
    """Types and functions that are made of data."""
    text, name = secrets.text, secrets.name
    named = type(name("type"), (), {})
    inner = type("x." + name("dotted type"), (), {})
    wide = type(name("type, 2 bytes", CYRILLIC), (), {})
    moduled = type("Session", (), {"__module__": name("type's module")})
    renamed = type("Session", (), {})
    renamed.__name__ = name("renamed type")
    renamed.__qualname__ = name("qualified type")
    documented = type("Session", (), {"__doc__": text("docstring")})
    meta = type(name("metatype"), (type,), {})
    of_meta = meta(name("type of metatype"), (), {})
    based = type(name("type with base"), (named,), {"method": lambda self: None})
    pair = collections.namedtuple(name("namedtuple"), [name("namedtuple field"), "other"])
    functional = enum.Enum(name("enum"), [name("enum member")])
    dressed = collections.namedtuple("Dressed", "x")
    dressed.__new__.__qualname__ = name("qualified function")
    error = type(name("exception type"), (Exception,), {})
    structure = type(name("ctypes structure"), (ctypes.Structure,), {"_fields_": [(name("ctypes field"), ctypes.c_int)]})
    array_type = ctypes.c_int * 4
    array_type.__name__ = name("ctypes array")
    kept = [named(), inner(), wide(), moduled(), renamed(), documented(), of_meta(), based(), pair([1], 2),
            list(functional), dressed(1), error(text("exception argument")), structure(), array_type()]
    if sys.version_info >= (3, 7):
        import dataclasses
        made = dataclasses.make_dataclass(name("dataclass"), [name("dataclass field")])
        kept.append(made([1]))
    for each in kept:
        secrets.ask(each)
    def function():
        return None
    function.__name__ = name("function's name")
    function.__qualname__ = name("function's qualname")
    function.__module__ = name("function's module")
    function.__doc__ = text("function's doc")
    code = compile("secret = '%s'\ndef f(a):\n return '%s'" % (text("constant"), text("nested constant")),
                   name("file of code"), "exec")
    space = {"__name__": name("name of globals")}
    exec(code, space)
    evaluated = eval("lambda %s: [%s]" % (name("evaluated argument"), secrets.texts["evaluated argument"]))
    secrets.ask(function)
    secrets.ask(space["f"])
    return kept + [function, code, space, evaluated]


def plant_modules(secrets):
    """Modules that are no files."""
    text, name = secrets.text, secrets.name
    module = types.ModuleType(name("module"), text("module's doc"))
    module.kept = [Session(1)]
    module.__file__ = "/%s/%s.py" % (name("folder of module"), secrets.texts["module"])
    setattr(module, name("global"), [1])
    exec(compile("def handler():\n return []\nclass Inner: pass", module.__file__, "exec"), module.__dict__)
    sys.modules[name("sys.modules")] = module
    globals()[name("global of __main__")] = [Session(1)]
    dotted = "package." + name("dotted module")
    sys.modules[dotted] = types.ModuleType(dotted)
    setattr(sys, name("attribute of sys"), [1])
    setattr(__import__("builtins"), name("builtin"), [1])
    secrets.ask(module.kept[0])
    secrets.ask(module.handler)
    secrets.ask(module.Inner())
    return [module, module.Inner()]


def plant_callables(secrets):
    """What functions hold."""
    text, name = secrets.text, secrets.name
    closed = text("closure")

    def inner(a=text("default"), *, b=text("keyword default")):
        return closed, a, b
    inner.__annotations__["a"] = text("annotation")

    @functools.lru_cache(maxsize=100)
    def cached(key, **more):
        return [key, more]
    cached(name("lru_cache key"))
    cached(1, **{name("lru_cache keyword"): 1})

    def generate(argument):
        local = text("generator's local")
        yield argument, local
    running = generate(text("generator's argument"))
    next(running)

    async def waiting(argument):
        await asyncio.sleep(argument)
    coroutine = waiting(text("coroutine's argument"))
    renamed = generate(1)
    renamed.__name__ = renamed.__qualname__ = name("generator's name")
    collected = (lambda **keywords: keywords)(**{name("keyword"): [1]})
    return [inner, cached, running, coroutine, renamed, collected, functools.partial(print, text("partial"), **{name("partial keyword"): 1}),
            property(inner, doc=text("property's doc")), Session(text("bound")).__init__, [].append, functools.reduce]


def plant_errors(secrets):
    """Exceptions, some with tracebacks, and what they hold."""
    text, name = secrets.text, secrets.name

    def fail(argument):
        local = text("traceback's local") + argument
        raise ValueError(local, text("exception's argument"))
    kept = []
    try:
        fail(text("failed argument"))
    except ValueError as error:
        kept.append(error)
    for make in (lambda: int(text("int()")), lambda: {}[text("KeyError")], lambda: getattr(1, text("AttributeError")),
                 lambda: __import__(text("ImportError")), lambda: open("/nowhere/" + text("file not found")),
                 lambda: compile(text("SyntaxError") + " =", text("file of SyntaxError"), "exec"),
                 lambda: text("UnicodeError", CYRILLIC).encode("ascii")):
        try:
            make()
        except Exception as error:
            kept.append(error)
    return kept


def plant_system(secrets, folder):
    """Files, databases, logging, context, threads, tasks."""
    text, name = secrets.text, secrets.name
    path = os.path.join(folder, text("file name"))
    file = open(path, "w+", encoding="utf-8")
    file.write(text("content of file"))
    kept = [file, open(path, "rb"), tempfile.TemporaryFile(), os.scandir(folder), os.stat(path)]
    logger = logging.getLogger(name("logger"))
    logger.addHandler(logging.FileHandler(os.path.join(folder, text("log file"))))
    logger.handlers[0].setFormatter(logging.Formatter("%(message)s " + text("log format")))
    kept += [logger, logger.makeRecord(text("record's logger"), 20, text("record's file"), 1, text("record"), (text("record's argument"),), None)]
    try:
        import sqlite3
        database = sqlite3.connect(os.path.join(folder, text("database")))
        database.execute("create table x (%s text)" % name("column"))
        database.execute("insert into x values (?)", (text("cell"),))
        kept += [database, database.execute("select * from x where 1 or '%s'" % name("query"))]
    except ImportError:
        pass
    if context_variable_type:
        variable = context_variable_type(text("context variable"), default=text("context default"))
        variable.set(text("context value"))
        kept += [variable]
    os.environ[name("environment name")] = text("environment value")
    pool = concurrent.futures.ThreadPoolExecutor(1, **({"thread_name_prefix": text("pool")} if sys.version_info >= (3, 6) else {}))
    kept += [pool, pool.submit(str, text("submitted"))]
    return kept


def plant_cycles(secrets):
    """Garbage that nobody has collected."""
    text, name = secrets.text, secrets.name
    for i in range(3):
        cycle = Session(text("garbage %d" % i))
        cycle.itself = {name("key of garbage %d" % i): cycle}
        setattr(cycle, name("attribute of garbage %d" % i), cycle)
        typed = type(name("type of garbage %d" % i), (), {})()
        typed.itself = typed
    weak = type(name("type with weakref"), (), {})()
    weak.itself = weak
    held = Session(1)
    values = weakref.WeakValueDictionary({name("weak key"): held})
    keys = weakref.WeakKeyDictionary({held: text("value of weak key")})
    finalized = type(name("type with finalizer"), (), {"__del__": lambda self: None})()
    finalized.itself = finalized
    gc.garbage.append(type(name("type in gc.garbage"), (), {})())
    gc.garbage.append({name("key in gc.garbage"): [text("value in gc.garbage")]})
    return [held, values, keys, weakref.ref(weak, lambda reference: None), weakref.WeakSet([held]), weakref.proxy(held)]


def work(argument, names, started, end):
    """A thread with secrets in its calls."""
    local = {names[0]: argument}
    started.set()
    try:
        raise ValueError(names[1])
    except ValueError as pending:
        end.wait()
        return local, pending


def run_loop(secrets, started):
    """Tasks with names and results."""
    text, name = secrets.text, secrets.name
    async def sleep(argument):
        kept = [argument, started]
        await asyncio.sleep(3600)
        return kept
    async def main():
        task = asyncio.ensure_future(sleep(argument))
        if hasattr(task, "set_name"):
            task.set_name(called)
        future = asyncio.get_event_loop().create_future()
        future.set_result(result)
        await asyncio.sleep(0)
        started.set()
        await task
        return future
    argument, called, result = text("task's argument"), text("task's name"), text("future's result")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main())


def called(number, left, **keywords):
    """Stands still with secrets in its variables."""
    again = [left, keywords, number]
    print("ready", flush=True)
    time.sleep(3600)
    return again


def main():
    """Plants everything."""
    gc.disable()
    secrets = Secrets(sys.argv[1])
    kept = []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for plant in (plant_texts, plant_numbers, plant_keys, plant_attributes, plant_types, plant_modules,
                      plant_callables, plant_errors, plant_cycles):
            made = plant(secrets)
            kept.append(made)
            for each in made:
                secrets.ask(each)
        kept.append(plant_system(secrets, folder))
        started, end = threading.Event(), threading.Event()
        thread = threading.Thread(target=work, name=secrets.text("thread's name"), daemon=True,
                                  args=(secrets.text("thread's argument"),
                                        [secrets.name("thread's key"), secrets.text("pending exception")], started, end))
        thread.start()
        started.wait()
        looping = threading.Event()
        loop = threading.Thread(target=run_loop, args=(secrets, looping), daemon=True)
        loop.start()
        looping.wait()
        local = secrets.text("local variable")
        secrets.ask(kept)
        argument, keyword = secrets.text("call's argument"), {secrets.name("call's keyword"): secrets.text("keyword's value")}
        number = secrets.number("call's number")
        with open(sys.argv[2], "w", encoding="utf-8") as record:
            json.dump({"texts": secrets.texts, "numbers": secrets.numbers, "names": secrets.names,
                       "addresses": secrets.addresses}, record)
        called(number, argument, **keyword)
        return kept, local


main()
