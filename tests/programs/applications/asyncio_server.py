# SPDX-License-Identifier: MIT
"""An asyncio server and its clients, stopped in the middle of the load: connections, tasks, locks, queues, timers."""
import asyncio

try:
    from contextvars import ContextVar
except ImportError:  # 3.6
    class ContextVar:
        """Enough of one."""

        def __init__(self, name, default):
            self.name, self.value = name, default

        def get(self):
            return self.value

        def set(self, value):
            self.value = value

request_id = ContextVar("request_id", default=0)
stop = None
kept = []


async def serve(reader, writer):
    request_id.set(request_id.get() + 1)
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            async with limit:
                await asyncio.sleep(0)
                await queue.put((request_id.get(), line))
                writer.write(line.upper())
                await writer.drain()
    finally:
        writer.close()


async def client(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for count in range(1000):
        writer.write(b"%d %d\n" % (number, count))
        if number % 5 == 4 and count > 10:
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(3600)), asyncio.ensure_future(event.wait())])
        answer = await asyncio.wait_for(reader.readline(), 3600)
        kept.append(answer)
        if len(kept) > 3000:
            stop.set()


async def worker():
    async for number, line in items():
        done = asyncio.get_event_loop().create_future()
        asyncio.get_event_loop().call_soon(done.set_result, (number, line))
        await asyncio.shield(done)


async def items():
    while True:
        yield await queue.get()


async def failing():
    try:
        await asyncio.sleep(0)
        raise ValueError("as planned")
    except ValueError as error:
        raise KeyError("again") from error


async def main():
    global stop, limit, queue, event, port, server
    stop, limit, queue, event = asyncio.Event(), asyncio.Semaphore(20), asyncio.Queue(50), asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    kept.append([asyncio.ensure_future(worker()) for _ in range(3)])
    kept.append(asyncio.gather(*[client(number) for number in range(40)], failing(), return_exceptions=True))
    kept.append(asyncio.get_event_loop().call_later(3600, print, "never"))
    kept.append(await asyncio.get_event_loop().run_in_executor(None, sum, range(1000)))
    process = await asyncio.create_subprocess_exec("/bin/cat", stdin=-1, stdout=-1)
    process.stdin.write(b"text\n")
    kept.extend([process, await process.stdout.readline()])
    await stop.wait()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
