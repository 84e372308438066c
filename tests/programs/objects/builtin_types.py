# SPDX-License-Identifier: MIT
"""An object of every built-in type, and of some in several states: what Objects/ and Python/ define."""
import gc
import pickle
import sys
import types
import typing
import weakref


class Held:
    method_of = None

    def __init__(self, *anything):
        self.anything = anything

    def method(self):
        return self.anything

    @classmethod
    def of_class(cls):
        return cls

    @staticmethod
    def of_nothing():
        return None

    @property
    def prop(self):
        """What it is for."""
        return self.anything

    @prop.setter
    def prop(self, value):
        self.anything = value

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index > 2:
            raise IndexError
        return Held


def attempt(*functions):
    """The results of those of @functions that work on this version."""
    made = []
    for function in functions:
        try:
            made.append(function())
        except Exception:
            pass
    return made


def compiled(text):
    """The namespace that @text leaves, {} where this version does not know its syntax."""
    namespace = {"Held": Held, "__name__": "compiled"}
    try:
        exec(compile(text, "<compiled>", "exec"), namespace)
    except (SyntaxError, NameError):  # annotations that are not lazy
        pass
    return namespace


def advanced(iterator, steps=1):
    for _ in range(steps):
        next(iterator, None)
    return iterator


sequences = [[Held(), Held()], (Held(), Held()), "text", "t\u00e9xt", "\U0001f40d text", b"bytes", bytearray(b"bytes"), range(5), range(10 ** 30),
             {Held(): Held()}, {Held()}, Held(), memoryview(b"abc"), []]
iterators = [advanced(iter(each), steps) for each in sequences for steps in (0, 1, 20)]
iterators += attempt(*[lambda each=each, steps=steps: advanced(reversed(each), steps) for each in sequences for steps in (0, 1, 20)])
iterators += [make(steps) for steps in (0, 1, 20) for make in (
    lambda steps: advanced(enumerate([Held(), Held()]), steps), lambda steps: advanced(enumerate([Held()], 10 ** 30), steps),
    lambda steps: advanced(map(Held, [Held()], [Held()]), steps), lambda steps: advanced(filter(Held, [Held()]), steps),
    lambda steps: advanced(zip([Held()], [Held()]), steps), lambda steps: advanced(iter(Held, Held()), steps),
    lambda steps: advanced(iter(lambda: None, None), steps))]
kept_results = [(next(made), made) for made in (zip([1], [Held()]), enumerate([Held()]))]

values = [None, Ellipsis, NotImplemented, True, 0, 10 ** 40, 1.5, 1j, "text", b"bytes", object(), slice(Held(), Held(), Held()), slice(None),
          range(Held is None), range(10 ** 30, 10 ** 31, 3), bytearray(), bytearray(b"bytes" * 100), bytearray(10 ** 5)]
bytes_of = bytearray(b"text" * 10)
del bytes_of[:7]
views = [memoryview(bytes_of), memoryview(b"bytes")[1:3], memoryview(memoryview(b"bytes")), memoryview(bytearray(24)).cast("d")]
views.append(views[0][::2])
released = memoryview(bytearray(b"x"))
released.release()
views.append(released)
views += attempt(lambda: pickle.PickleBuffer(bytearray(b"bytes")), lambda: memoryview(pickle.PickleBuffer(b"bytes")))


def function(first, second=Held(), *rest, third=Held(), **more):
    """What it does."""
    return first


def annotated(first: Held, *, second: "int" = Held()) -> Held:
    return Held


def closure(first, second):
    def inner():
        nonlocal second
        second = first

        def innermost():
            return first, second
        return innermost
    return inner


function.attribute = Held()
annotated.__annotations__
annotated.__kwdefaults__
bare = types.FunctionType(function.__code__, {"__builtins__": {}, "only": Held()})
renamed = types.FunctionType(closure(Held(), 2).__code__, {}, "renamed", None, closure(Held(), 3).__closure__)
functions = [function, annotated, closure(Held(), [Held()]), closure(1, 2)(), lambda: Held, bare, renamed]
codes = [each.__code__ for each in functions] + [compile("a = (1, 2, ('x', frozenset({3})), b'y')", "f", "exec")]
for code in codes:
    code.co_code, code.co_varnames, code.co_cellvars, code.co_freevars
codes += attempt(lambda: codes[0].replace(co_name="other"), lambda: iter(codes[0].co_lines()), lambda: iter(codes[0].co_positions()))
cells = list(closure(Held(), 4).__closure__) + attempt(lambda: types.CellType(), lambda: types.CellType(Held()))

held = Held(1)
methods = [held.method, Held.of_class, Held.of_nothing, held.of_class, types.MethodType(Held, Held()), [].append, {}.get, "text".join, len,
           dict.fromkeys, Held.__init_subclass__, object.__new__, Held.__new__, (5).__add__, held.__init__, type.__call__, type.__dict__["mro"],
           [].__len__, held.__str__, object().__repr__, print, gc.collect, int.from_bytes, sys.exit]
descriptors = [vars(cls)[name] for cls in (int, dict, type, object, list, str, types.FunctionType, Exception, Held, types.GetSetDescriptorType)
               for name in vars(cls)]
properties = [property(), property(Held(), Held(), Held(), "text"), property(function), property(doc=Held()), Held.prop, vars(Held)["prop"],
              vars(Held)["of_class"], vars(Held)["of_nothing"], staticmethod(function), classmethod(Held()), classmethod(property(function))]
properties[-2].attribute = Held()


class Derived(Held):
    def method(self):
        return super()


supers = [Derived().method(), super(Held, held), super(Held), super(Derived, Derived)]


def callback(reference):
    """Is called when something dies."""


class Weak:
    pass


targets = [Held(), Weak(), function, Held, Weak]
weak = [make(target) for target in targets for make in (
    weakref.ref, weakref.proxy, lambda target: weakref.ref(target, callback), lambda target: weakref.ref(target, Held()),
    lambda target: weakref.proxy(target, Held()))]
weak += [weakref.ref(Weak()), weakref.ref(Weak(), Held()), weakref.proxy(Weak()), weakref.WeakMethod(held.method),
         weakref.WeakSet(targets[:2]), weakref.WeakKeyDictionary({targets[0]: Held()}), weakref.WeakValueDictionary({1: targets[0]}),
         weakref.finalize(targets[0], callback, Held())]

module = types.ModuleType("module", "doc")
module.attribute = Held()
never_used = types.ModuleType.__new__(types.ModuleType)
namespaces = [types.SimpleNamespace(), types.SimpleNamespace(a=Held()), types.MappingProxyType({1: Held()}), module, never_used]
attempt(lambda: namespaces[1].__dict__)
try:
    raise KeyError(Held())
except KeyError as error:
    tracebacks = [error.__traceback__, error]
tracebacks += attempt(lambda: types.TracebackType(tracebacks[0], tracebacks[0].tb_frame, 0, 1))

# generic aliases, unions, type variables
aliases = attempt(
    lambda: list[Held], lambda: dict[str, list[typing.TypeVar("T")]], lambda: list[int] | None, lambda: Held | int, lambda: Held | "text",
    lambda: (int | typing.TypeVar("T")).__parameters__ and int | typing.TypeVar("U"), lambda: iter(list[Held]), lambda: tuple[int, ...],
    lambda: next(iter(tuple[Held])), lambda: typing.Union[int, Held], lambda: typing.Union[list[int], {}.__class__], lambda: typing.Optional[Held],
    lambda: typing.Callable[[Held], int], lambda: type[Held], lambda: typing.List[Held], lambda: typing.Literal["text", 1],
    lambda: typing.Annotated[int, Held()], lambda: typing.Union[int, typing.Annotated[str, [Held()]]])
for alias in aliases:
    attempt(lambda: alias.__parameters__, lambda: hash(alias))
variables = attempt(
    lambda: typing.TypeVar("T"), lambda: typing.TypeVar("T", bound=Held), lambda: typing.TypeVar("T", int, Held),
    lambda: typing.TypeVar("T", covariant=True), lambda: typing.TypeVar("T", default=Held), lambda: typing.ParamSpec("P"),
    lambda: typing.ParamSpec("P", bound=Held), lambda: typing.ParamSpec("P").args, lambda: typing.ParamSpec("P").kwargs,
    lambda: typing.ParamSpec("P", default=[Held]), lambda: typing.TypeVarTuple("Ts"), lambda: next(iter(typing.TypeVarTuple("Ts"))),
    lambda: typing.TypeVarTuple("Ts", default=typing.Unpack[tuple[Held]]), lambda: typing.TypeAliasType("Alias", Held),
    lambda: typing.TypeAliasType("Alias", list, type_params=(typing.TypeVar("T"),)), lambda: typing.NewType("New", Held), lambda: typing.NoDefault)
for variable in variables:
    attempt(lambda: setattr(variable, "attribute", Held()))
attempt(lambda: vars(variables[0]))
generic = compiled("""
def function[T: Held, *Ts, **P](first: T) -> T: return first
class Class[T: (Held, int)](list[T]):
    def method[U](self, u: U) -> T: return u
type Alias[T] = list[T] | Held
type Unused = Alias[int]
""")
attempt(lambda: generic["Alias"].__value__, lambda: generic["function"].__type_params__[0].__bound__, lambda: generic["Alias"][int])
defaults = compiled("""
def function[T = Held, *Ts = *tuple[int], **P = [Held]](first: T) -> T: return first
type Alias[T = Held] = list[T]
""")
attempt(lambda: defaults["Alias"].__type_params__[0].__default__)
evaluators = attempt(lambda: typing.TypeVar("T", bound=Held).evaluate_bound, lambda: typing.TypeAliasType("A", Held).evaluate_value,
                     lambda: generic["Alias"].evaluate_value, lambda: typing.TypeVar("T", int, Held).evaluate_constraints)
templates = compiled("""
value = Held()
plain = t"nothing"
template = t"text {value} and {value!r:>{3}} {[value]}"
interpolations = template.interpolations
iterator = iter(template)
next(iterator)
exhausted = iter(template)
list(exhausted)
""")
annotations = compiled("""
class Lazy:
    attribute: Held = Held()
def function(first: Held, second: Unknown = Held()): pass
annotate = [getattr(Lazy, "__annotate__", None), getattr(function, "__annotate__", None)]
Lazy.__annotations__
module_attribute: Held = 1
""")
formats = [advanced(each) for each in attempt(lambda: __import__("_string").formatter_parser("text {0.name[1]} more {}"),
                                              lambda: __import__("_string").formatter_field_name_split("0.name[1]")[1])]
markers = attempt(lambda: sys.monitoring.MISSING, lambda: sys.monitoring.DISABLE, lambda: sentinel("MISSING"), lambda: sys.flags,
                  lambda: str.maketrans("abc", "xyz"), lambda: __import__("codecs").charmap_build("".join(map(chr, range(256)))))
