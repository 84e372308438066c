# SPDX-License-Identifier: MIT
"""Locks, what threads have of their own, a thread that waits, signals, classes that are registered."""
import _thread
import abc
import atexit
import signal
import threading
import weakref

try:
    import contextvars
except ImportError:  # 3.6
    contextvars = None


class Held:
    def __init__(self, *arguments, **keywords):
        self.arguments = arguments


locks = [threading.Lock(), threading.Lock(), threading.RLock(), threading.Condition(), threading.Semaphore(),
         threading.Barrier(2)]
locks[1].acquire()
locks[2].acquire()
weakly = [weakref.ref(lock) for lock in locks[:2]]


class Local(threading.local):
    def __init__(self, *arguments, **keywords):
        self.made = Held(arguments)


class SlottedLocal(_thread._local):
    __slots__ = ("slot",)


local_values = [threading.local(), threading.local(), Local(Held(), name=Held()), SlottedLocal()]
local_values[1].value = Held()
local_values[2].value = Held()
local_values[3].slot = Held()

started, never = threading.Event(), threading.Event()


def wait():
    for value in local_values[1:3]:
        value.other = Held()
    started.set()
    never.wait()


threads = [threading.Thread(target=wait, args=(), daemon=True), threading.Thread(target=len, args=(Held(),)),
           threading.Timer(1000, len), threading.Thread(target=Held)]
threads[0].start()
started.wait()
threads[3].start()
threads[3].join()

if contextvars:
    variable = contextvars.ContextVar("variable", default=Held())
    token = variable.set(Held())
    contexts = [contextvars.copy_context(), contextvars.Context()]


class Abstract(metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def method(self):
        """Is not there."""


Abstract.register(Held)
answers = [isinstance(value, Abstract) for value in (1, "text", Held())]
implementation = getattr(Abstract, "_abc_impl", None)

signal.signal(signal.SIGUSR2, lambda *_arguments: None)
atexit.register(Held, Held(), name=Held())
atexit.register(len, ())
atexit.register(Abstract)
atexit.unregister(Abstract)
