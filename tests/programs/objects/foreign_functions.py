# SPDX-License-Identifier: MIT
"""ctypes: data that keeps other data alive, types with what ctypes knows of them, functions and callbacks."""
import sys

try:
    import ctypes
    import _ctypes
except ImportError:
    ctypes = None


class Held:
    pass


if ctypes:
    class Word(ctypes.c_int):
        """A subclass with a __dict__."""

    class Slotted(ctypes.c_int):
        __slots__ = ("held",)

    class Point(ctypes.Structure):
        _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double), ("text", ctypes.c_char_p), ("bits", ctypes.c_uint, 3)]

    class Line(ctypes.Structure):
        _anonymous_ = ["start"]
        _fields_ = [("start", Point), ("end", Point), ("next", ctypes.POINTER(Point)), ("object", ctypes.py_object)]

    class Bigger(Line):
        _pack_ = 1
        _layout_ = "ms"
        _fields_ = [("more", ctypes.c_short * 3)]

    class Forward(ctypes.Structure):
        pass

    Forward._fields_ = [("next", ctypes.POINTER(Forward)), ("held", ctypes.py_object)]

    class Choice(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("text", ctypes.c_wchar_p), ("line", Line)]

    class Swapped(ctypes.BigEndianStructure):
        _fields_ = [("x", ctypes.c_int)]

    class Empty(ctypes.Structure):
        pass

    class Unfinished(ctypes.Structure):
        _abstract_ = True

    class Keeper(ctypes.Structure):
        _fields_ = [("word", ctypes.c_int)]

    Words = ctypes.c_int * 4
    Points = Point * 3
    Matrix = Words * 2

    class NamedArray(ctypes.Array):
        _type_ = ctypes.c_short
        _length_ = 2

    class PointerTo(ctypes._Pointer):
        _type_ = Point

    class Untyped(ctypes._Pointer):
        pass

    simple = [kind() for kind in (ctypes.c_int, ctypes.c_double, ctypes.c_char, ctypes.c_bool, ctypes.c_void_p)]
    simple += [ctypes.c_char_p(b"some bytes kept alive"), ctypes.c_wchar_p("some text kept alive"), ctypes.py_object(Held()),
               ctypes.py_object(), Word(3), Slotted(4)]
    simple[-1].held = Held()
    simple[-2].held = Held()
    objects = ctypes.py_object(Held())
    point = Point(1, 2.0, b"text of the point")
    line = Line()
    line.end = point
    line.end.text = b"another text"
    line.next = ctypes.pointer(point)
    line.object = Held()
    part = line.end
    field_of_part = line.next.contents
    forward = Forward()
    forward.next = ctypes.pointer(forward)
    forward.held = Held()
    choice = Choice()
    choice.text = "text of the union"
    choice_line = choice.line
    swapped, empty, bigger = Swapped(1), Empty(), Bigger()
    words, matrix, points, named = Words(1, 2, 3, 4), Matrix(), Points(), NamedArray()
    row = matrix[1]
    points[1] = point
    points[2].text = b"deep text"
    item = points[2]
    pointers = (ctypes.py_object * 3)(Held(), Held())
    texts = (ctypes.c_char_p * 3)(b"one text", b"two texts")
    addressed = ctypes.pointer(words)
    chained = ctypes.pointer(addressed)
    followed = chained.contents
    indexed = ctypes.pointer(point)[0]
    typed = PointerTo(point)
    null = ctypes.POINTER(ctypes.c_int)()
    cast = ctypes.cast(words, ctypes.POINTER(ctypes.c_short))
    cast_text = ctypes.cast(b"bytes to be cast", ctypes.c_void_p)
    references = [ctypes.byref(point), ctypes.byref(words, 4), ctypes.c_int.from_param(3), Point.from_param(point),
                  ctypes.c_char_p.from_param(b"parameter"), ctypes.c_void_p.from_param("text"),
                  ctypes.py_object.from_param(Held())]
    data = bytearray(64)
    shared = [ctypes.c_int.from_buffer(data), Point.from_buffer(data, 8), Words.from_buffer_copy(data),
              ctypes.c_int.from_address(ctypes.addressof(words))]
    resized = Words()
    ctypes.resize(resized, 400)
    buffers = [ctypes.create_string_buffer(b"text"), ctypes.create_unicode_buffer(5), memoryview(words)]
    keeper = Keeper()
    keeper.word = 5

    # functions
    library = ctypes.CDLL(None)
    python = ctypes.PyDLL(None)
    length = library.strlen
    length.argtypes, length.restype = [ctypes.c_char_p], ctypes.c_size_t
    length.errcheck = lambda result, function, arguments, held=Held(): result
    plain = library.abs
    none = library["free"]
    none.restype = None
    checked = library.getpid
    checked.restype = lambda value, held=Held(): value
    results = [length(b"four"), plain(-3), checked()]

    class Converted:
        held = Held()

        @classmethod
        def from_param(cls, value):
            return ctypes.c_int(value)

    converted = library.labs
    converted.argtypes = (Converted,)
    Prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
    Objects = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
    Nothing = ctypes.CFUNCTYPE(None)

    class OwnFunction(ctypes._CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = ctypes.c_int
        _argtypes_ = (ctypes.c_int,)

    callbacks = [Prototype(lambda number, pointer, held=Held(): number), Objects(lambda value, held=Held(): value),
                 Nothing(lambda held=Held(): None), OwnFunction(lambda number, held=Held(): number)]
    callbacks[3].held = Held()
    answer = callbacks[1](Held())
    from_address = [Prototype(ctypes.cast(callbacks[0], ctypes.c_void_p).value), Prototype()]
    flagged = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(("abs", library), ((1, "number", 5),))
    named_function = OwnFunction(("abs", library))
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(
        lambda a, b: a[0] - b[0])
    library.qsort(words, 4, 4, compare)
    fields = [Point.x, Point.bits, Line.next, Choice.line, Swapped.x, Bigger.more]
    pointer_types = [ctypes.POINTER(Point), ctypes.POINTER(ctypes.POINTER(Point)), ctypes.POINTER("Later")]
    failures = []
    for broken in (lambda: length(3), lambda: point.nothing, lambda: ctypes.c_int("x")):
        try:
            broken()
        except Exception as error:
            failures.append(error)
