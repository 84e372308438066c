# SPDX-License-Identifier: MIT
"""A web service as many are, with a fault or without: an asyncio server, an application below it with a template, a database, a
log, a cache and sessions, and a pool of threads.

    service.py [FAULT]

Answers some hundred requests of its own clients, plants the fault, prints "ready" and goes on serving. Faults are named
after the rules of web-service.rules that they break.
"""
import asyncio
import collections
import concurrent.futures
import ctypes
import functools
import gc
import json
import logging
import logging.handlers
import os
import resource
import socket
import sqlite3
import string
import sys
import threading
import weakref

REQUESTS = 300
held = []  # what faults leave behind

log = logging.getLogger("shop")
log.addHandler(logging.StreamHandler(sys.stderr))
log.addHandler(logging.handlers.MemoryHandler(1000))
log.setLevel(logging.WARNING)


class Session:
    """What a client's requests have in common."""
    alive = weakref.WeakValueDictionary()

    def __init__(self, number):
        self.number, self.cart = number, collections.Counter()
        Session.alive[number] = self


class NoSuchPage(Exception):
    """A client asked for what there is not."""


class Application:
    """Routes and what their functions need."""
    page = string.Template("<p>$name costs $price</p>")

    def __init__(self):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.execute("create table items (id integer primary key, name text, price real)")
        self.database.executemany("insert into items (name, price) values (?, ?)",
                                  [("item %d" % number, number / 3) for number in range(100)])
        self.sessions = {number: Session(number) for number in range(20)}
        self.routes = {"item": self.show_item, "cart": self.show_cart}

    @functools.lru_cache(maxsize=50)
    def item(self, number):
        with self.lock:
            return self.database.execute("select name, price from items where id = ?", (number,)).fetchone()

    def show_item(self, session, number):
        session.cart[number] += 1
        row = self.item(number)
        if row is None:
            raise NoSuchPage(number)
        return self.page.substitute(name=row[0], price=row[1])

    def show_cart(self, session, number):
        return json.dumps({str(each): count for each, count in session.cart.most_common(number)})

    def answer(self, line):
        name, client, number = line.split()
        try:
            return self.routes[name](self.sessions[int(client) % len(self.sessions)], int(number))
        except (KeyError, NoSuchPage) as error:
            log.info("refused: %s", error)
            return "no such page"


async def serve(application, pool, reader, writer):
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            text = await asyncio.get_event_loop().run_in_executor(pool, application.answer, line.decode())
            writer.write(text.encode() + b"\n")
            await writer.drain()
    finally:
        writer.close()


async def client(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for count in range(REQUESTS // 10):
        name = ("item", "cart", "nothing")[count % 3]
        writer.write(("%s %d %d\n" % (name, number, count * 7)).encode())
        await writer.drain()
        await reader.readline()
    return reader, writer


# ---- faults ----------------------------------------------------------------------------------------------------------------


class Ring:
    """Holds itself, and something."""

    def __init__(self, thing):
        self.me, self.thing = self, thing


def collector_runs():
    gc.disable()


def no_debug_flags():
    gc.set_debug(gc.DEBUG_SAVEALL)


def uncollectable():
    gc.garbage.append(Ring(None))


def garbage():
    for _ in range(65):
        Ring(bytearray(1 << 20))


def descriptors_in_garbage():
    Ring(open(os.devnull, "rb", buffering=0))


def leaked_references():
    for number in range(10):
        thing = Session(1000 + number)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def damage():
    # A list with more items than it has room for: ob_size is behind the type, allocated behind the items' address.
    items = [Session(number) for number in range(2000, 2008)]
    held.append(items)
    words = ctypes.cast(id(items), ctypes.POINTER(ctypes.c_ssize_t))
    head = object.__basicsize__ // ctypes.sizeof(ctypes.c_ssize_t)
    words[head + 2] = 3


def tracebacks():
    for number in range(1001):
        try:
            raise NoSuchPage(number)
        except NoSuchPage as error:
            held.append(error)


def log_handlers():
    for _ in range(101):
        log.addHandler(logging.StreamHandler(sys.stderr))


def classes():
    held.extend(type("Form", (), {}) for _ in range(50000))


def tasks():
    event = asyncio.Event()
    held.extend(asyncio.ensure_future(event.wait()) for _ in range(10001))


def threads():
    threading.stack_size(1 << 18)
    stop = threading.Event()
    for _ in range(201):
        threading.Thread(target=stop.wait, daemon=True).start()


def open_files():
    allow_descriptors()
    held.extend(open(os.devnull, "rb", buffering=0) for _ in range(801))


def sockets():
    for _ in range(1001):
        held.append(socket.socket())
        held[-1].close()


def large_objects():
    held.append(bytearray((64 << 20) + 1))


def allow_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))


# ---- the whole -------------------------------------------------------------------------------------------------------------


async def main(fault):
    application = Application()
    pool = concurrent.futures.ThreadPoolExecutor(4)
    server = await asyncio.start_server(functools.partial(serve, application, pool), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connections = await asyncio.gather(*[client(port, number) for number in range(10)])
    gc.collect()
    if fault:
        globals()[fault.replace("-", "_")]()
        await asyncio.sleep(0)
    print("ready", flush=True)
    await asyncio.sleep(3600)
    return application, server, connections


asyncio.set_event_loop(asyncio.new_event_loop())
asyncio.get_event_loop().run_until_complete(main(sys.argv[1] if len(sys.argv) > 1 else None))
