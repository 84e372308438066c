# SPDX-License-Identifier: MIT
"""Runs an example of doc/worked-examples.md and says from inside what is so: python3 inside.py PROGRAM ARGUMENT...

On SIGUSR1 the process collects, keeping all garbage, and writes one line of JSON about it:
  garbage     the addresses of all that the collector found unreachable
  classes     "module.Class" → addresses of the garbage of that class, for classes of the program and for tasks
  closed      how many of the program's objects are held in the way that the document says
  left        how many of the program's objects are alive after the references that the document says to cut have been
              cut, without a collection
"""
import asyncio
import gc
import json
import runpy
import signal
import sys


def name_of(thing):
    return "%s.%s" % (type(thing).__module__, type(thing).__qualname__)


def is_interesting(thing):
    return type(thing).__module__ == "__main__" or isinstance(thing, asyncio.Task)


def frames_of(traceback):
    while traceback:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def is_held_by_its_failure(request):
    """request.task → its exception → the traceback → a frame → the local `request`."""
    task = request.task
    if task is None or not task.done():
        return False
    return any(frame.f_locals.get("request") is request for frame in frames_of(task.exception().__traceback__))


def is_held_by_its_parent(element):
    return element.parent is not None and any(child is element for child in element.parent.children)


def is_closed(thing):
    if hasattr(thing, "task"):
        return is_held_by_its_failure(thing)
    return hasattr(thing, "parent") and is_held_by_its_parent(thing)


def cut(thing):
    if hasattr(thing, "task"):
        thing.task = None
    if hasattr(thing, "parent"):
        thing.parent = None


def answer(number, frame):
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    everything = [id(thing) for thing in gc.garbage]
    garbage = [thing for thing in gc.garbage if is_interesting(thing)]
    gc.garbage.clear()
    classes = {}
    for thing in garbage:
        classes.setdefault(name_of(thing), []).append(id(thing))
    said = {"garbage": everything, "classes": classes, "closed": sum(map(is_closed, garbage))}
    before = {id(thing) for thing in garbage}
    for thing in garbage:
        cut(thing)
    thing = None
    del garbage
    said["left"] = sum(is_interesting(each) and id(each) in before for each in gc.get_objects())
    print(json.dumps(said), flush=True)


def main():
    signal.signal(signal.SIGUSR1, answer)
    sys.argv = sys.argv[1:]
    gc.collect()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
