# SPDX-License-Identifier: MIT
"""Picklers and unpicklers with full memos, with what can be set in them, and in the middle of their work."""
import io
import pickle
import sys

import _pickle


class Held:
    def __reduce__(self):
        return Held, ()


class Pickler(_pickle.Pickler):
    def persistent_id(self, value):
        return None

    def reducer_override(self, value):
        return NotImplemented


class Unpickler(_pickle.Unpickler):
    def persistent_load(self, identifier):
        return None


class Reducible:
    """Keeps the pickler that it is pickled by as it is at that moment."""

    def __init__(self, count):
        self.count = count

    def __reduce__(self):
        return str, ("x" * self.count,)


values = [[1], {2: "text", "key": ("a", "b")}, b"bytes" * 100, {"set"}, [[], [[]]] * 3]
picklers = []
for kind in (_pickle.Pickler, Pickler):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        pickler = kind(io.BytesIO(), protocol)
        pickler.dump(values)
        pickler.dump([Reducible(number) for number in range(50)])
        picklers += [pickler, pickler.memo]
        if kind is Pickler:
            pickler.attribute = Held()
cleared = _pickle.Pickler(io.BytesIO())
cleared.dump(values)
cleared.clear_memo()
fast = _pickle.Pickler(io.BytesIO(), 2)
fast.fast = True
fast.dump([[1]])
tabled = _pickle.Pickler(io.BytesIO(), 4)
tabled.dispatch_table = {Held: lambda held: (str, ())}
tabled.dump(Held())
copied = _pickle.Pickler(io.BytesIO())
copied.memo = picklers[1].copy()
uninitialised = [_pickle.Pickler.__new__(_pickle.Pickler), _pickle.Unpickler.__new__(_pickle.Unpickler)]
if sys.version_info >= (3, 8):
    out_of_band = []
    buffering = _pickle.Pickler(io.BytesIO(), 5, buffer_callback=out_of_band.append)
    buffering.dump(pickle.PickleBuffer(bytearray(b"buffer")))

unpicklers = []
for kind in (_pickle.Unpickler, Unpickler):
    stream = io.BytesIO(pickle.dumps(values) * 3)
    unpickler = kind(stream)
    unpickler.load()
    unpickler.load()
    unpicklers += [unpickler, unpickler.memo, stream]
    if kind is Unpickler:
        unpickler.attribute = Held()


class Cut:
    """A file that ends too early, with no more methods than there must be."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def read(self, size):
        return self.file.read(size)

    def readline(self):
        return self.file.readline()


for data in (pickle.dumps(values)[:-3], pickle.dumps([1, 2, "text"], 0)[:-4]):
    unpickler = _pickle.Unpickler(Cut(data), encoding="latin-1", errors="replace")
    try:
        unpickler.load()
    except (EOFError, pickle.UnpicklingError):
        pass
    unpicklers.append(unpickler)
memos = _pickle.Unpickler(io.BytesIO())
memos.memo = {0: Held(), 5: Held()}
try:  # until 3.12, and again from 3.13.1 on, they are attributes
    identified = _pickle.Pickler(io.BytesIO())
    identified.persistent_id = lambda value: None
    identified.dump([1])
    loading = _pickle.Unpickler(io.BytesIO(pickle.dumps([1])))
    loading.persistent_load = lambda identifier: None
    loading.load()
except AttributeError:
    pass
if sys.version_info >= (3, 8):
    given = _pickle.Unpickler(io.BytesIO(), buffers=[Held()])
