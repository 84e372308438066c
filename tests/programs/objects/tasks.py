# SPDX-License-Identifier: MIT
"""Futures and tasks: waiting, done, failed, cancelled, waited for; an event loop that stopped in between."""
import asyncio
import sys

import _asyncio


class Held:
    pass


loop = asyncio.new_event_loop()
made = []


async def wait_for(future):
    await future


async def make():
    waiting = loop.create_future()
    first = loop.create_task(wait_for(waiting))
    second = loop.create_task(wait_for(first))
    made.extend([waiting, first, second, waiting.__await__()])
    for _ in range(3):
        waiting.add_done_callback(lambda future: None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    done, failed, cancelled, with_message = (loop.create_future() for _ in range(4))
    done.set_result(Held())
    failed.set_exception(ValueError(Held()))
    cancelled.cancel()
    if sys.version_info >= (3, 9):
        with_message.cancel("message")
    else:
        with_message.cancel()
    tasks = [loop.create_task(wait_for(future)) for future in (done, failed, cancelled, with_message)]
    await asyncio.wait(tasks)
    try:
        await loop.create_task(wait_for(with_message))
    except asyncio.CancelledError as error:
        made.append(error)
    made.extend([done, failed, cancelled, with_message] + tasks)
    waiting.attribute = Held()
    first.attribute = Held()
    if hasattr(first, "set_name"):
        first.set_name(str(Held()))
    made.append(asyncio.gather(loop.create_task(wait_for(waiting)), second, return_exceptions=True))
    made.append(asyncio.shield(second))
    made.append(asyncio.Queue())
    made.append(loop.create_task(made[-1].get()))
    await asyncio.sleep(0)
    made.append(loop.create_task(wait_for(waiting)))  # has not begun


class Future(asyncio.Future):
    pass


class Task(asyncio.Task):
    __slots__ = ("slot",)


loop.run_until_complete(make())
made.append(Future(loop=loop))
made[-1].attribute = Held()
made[-1].add_done_callback(Held)
made.append(Task(wait_for(made[-1]), loop=loop))
made[-1].slot = Held()
made.append(asyncio.ensure_future(made[-1], loop=loop))
uninitialised = [_asyncio.Future.__new__(_asyncio.Future), _asyncio.Task.__new__(_asyncio.Task)]
iterators = [future.__await__() for future in made if isinstance(future, asyncio.Future)]
