# SPDX-License-Identifier: MIT
"""A gateway on asyncio that leaks: python3 gateway.py REQUESTS

It answers requests by asking another service, which every third time does not answer. doc/worked-examples.md finds out
why the memory of each failed request stays.
"""
import asyncio
import collections
import gc
import sys


class UpstreamError(Exception):
    """The other service did not answer."""


class Request:
    def __init__(self, number):
        self.number = number
        self.body = b"%d" % number * 500
        self.task = None  # handles it; cancelled when the client goes away


class Gateway:
    def __init__(self):
        self.running = set()
        self.outcomes = collections.Counter()

    async def fetch(self, request):
        await asyncio.sleep(0)
        if request.number % 3 == 0:
            raise UpstreamError("request %d: no answer" % request.number)
        return len(request.body)

    async def handle(self, request):
        return await self.fetch(request)

    def accept(self, number):
        request = Request(number)
        request.task = asyncio.ensure_future(self.handle(request))
        request.task.add_done_callback(self.finished)
        self.running.add(request.task)

    def finished(self, task):
        self.running.discard(task)
        self.outcomes["failed" if task.exception() else "answered"] += 1


async def serve(requests):
    gateway = Gateway()
    for number in range(requests):
        gateway.accept(number)
        if len(gateway.running) >= 100:
            await asyncio.wait(gateway.running)
    while gateway.running:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    print("%(answered)d answered, %(failed)d failed\nready" % gateway.outcomes, flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    gc.set_threshold(500000, 20, 20)  # collect less often: it costs latency
    asyncio.new_event_loop().run_until_complete(serve(int(sys.argv[1])))
