# SPDX-License-Identifier: MIT
"""Threads that never rest: recursion, generators, exceptions, classes being made, an asyncio server under load."""
import asyncio
import os
import sys
import threading

sys.setrecursionlimit(3000)
sys.setswitchinterval(1e-5)


def recursion(depth=300, argument=None):
    here = [depth, argument]

    def inner():
        return here
    return recursion(depth - 1, inner) if depth else len(here)


def generators():
    def numbers(count):
        for number in range(count):
            try:
                yield [number]
            finally:
                pass

    def both(count):
        yield from numbers(count)
        yield from (item for item in numbers(count))
    return sum(item[0] for item in both(50))


def exceptions():
    for number in range(50):
        try:
            try:
                raise KeyError([number])
            except KeyError as error:
                raise ValueError(number) from error
        except ValueError as error:
            kept = error
    return kept


def classes():
    for number in range(5):
        class Made(dict):
            attribute = [number]

            def method(self):
                return self.attribute
        made = Made(key=number)
        made.method()
        exec("value = [1, 2]\nother = [item for item in value]", {}, {})
    return made


def for_ever(body):
    while True:
        body()


async def serve(reader, writer):
    while True:
        data = await reader.read(100)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()


async def client(port):
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(20):
            writer.write(b"%d" % number)
            await reader.read(100)
        writer.close()


async def load():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tasks = [asyncio.ensure_future(client(port)) for _ in range(5)]
    os.write(1, b"ready\n")
    await asyncio.gather(*tasks)


for each in (recursion, generators, exceptions, classes):
    thread = threading.Thread(target=for_ever, args=(each,))
    thread.daemon = True
    thread.start()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(load())
