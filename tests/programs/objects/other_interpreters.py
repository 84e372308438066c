# SPDX-License-Identifier: MIT
"""Objects that stand for other interpreters, channels and queues; what processes share."""


class Held:
    pass


def load(*names):
    for name in names:
        try:
            return __import__(name)
        except ImportError:
            pass
    return None


made = []
interpreters = load("_interpreters", "_xxsubinterpreters")
if interpreters:
    try:
        made.append(interpreters.get_current())
        made.append(interpreters.list_all())
    except Exception:
        pass
channels = load("_interpchannels", "_xxinterpchannels", "_xxsubinterpreters")
if channels and hasattr(channels, "channel_create") or hasattr(channels, "create"):
    create = getattr(channels, "channel_create", None) or channels.create
    for arguments in ((), (1,), (1, 1)):
        try:
            made.append(create(*arguments))
            break
        except TypeError:
            pass
    if hasattr(channels, "ChannelID"):
        try:
            made.append(channels.ChannelID(made[-1], force=True))
        except (TypeError, ValueError):
            pass
failures = []
for module in (interpreters, channels, load("_interpqueues")):
    for name in ("destroy", "channel_close", "close", "run_string"):
        if hasattr(module, name):
            try:
                getattr(module, name)(*((10 ** 9, "x") if name == "run_string" else (10 ** 9,)))
            except Exception as error:
                error.held = Held()
                failures.append(error)
multiprocessing = load("_multiprocessing")
if multiprocessing and hasattr(multiprocessing, "SemLock"):
    import multiprocessing as processes
    try:
        context = processes.get_context("fork")
        locks = [context.Lock(), context.RLock(), context.Semaphore(3), context.BoundedSemaphore(2), context.Condition(),
                 context.Event()]
        locks[0]._semlock.held = Held()
    except (ImportError, OSError, AttributeError):
        pass
try:
    from multiprocessing import shared_memory
    memory = shared_memory.SharedMemory(create=True, size=100)
    memory.unlink()
except (ImportError, OSError):
    pass
