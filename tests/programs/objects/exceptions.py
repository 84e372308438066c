# SPDX-License-Identifier: MIT
"""Every built-in exception, raised and not, with all that it can have, alone, chained and in groups."""
import builtins


class Held:
    pass


def raised(error, cause=None):
    """@error after it was raised, with frames and a context."""
    try:
        try:
            raise KeyError(Held())
        except KeyError:
            if cause is None:
                raise error
            raise error from cause
    except BaseException as caught:
        return caught


def instances(cls):
    """Instances of the exception @cls, by as many arguments as it takes."""
    made = []
    for arguments in ((), (Held(),), ("text", Held()), (2, "text", "name"), (2, "text", "name", None, "other"), ("utf-8", b"bytes", 0, 1, "reason"),
                      ("utf-8", "text", 0, 1, "reason"), ("text", 0, 1, "reason"), ("text", ("name", 1, 2, "line")),
                      ("text", ("name", 1, 2, "line", 3, 4)), ("group", [ValueError(Held()), KeyError(1)]),
                      ("group", (raised(ValueError()), TypeError()))):
        try:
            made.append(cls(*arguments))
        except Exception:
            pass
    return made


kept = []
for name in sorted(vars(builtins)):
    cls = getattr(builtins, name)
    if isinstance(cls, type) and issubclass(cls, BaseException):
        made = instances(cls)
        kept += [made, [raised(each) for each in instances(cls)]]
        for error in instances(cls):
            error.attribute = Held()
            if hasattr(error, "add_note"):
                error.add_note("a note")
            kept.append(raised(error, ValueError(Held())))
for call in (lambda: None.missing, lambda: undefined, lambda: __import__("os.missing"), lambda: int("x"), lambda: open("/missing"),  # noqa: F821
             lambda: b"\xff".decode("utf-8"), lambda: "\ud800".encode("utf-8"), lambda: compile("(", "name", "exec"), lambda: next(iter(())),
             lambda: [][1], lambda: {}[Held()], lambda: 1 / 0, lambda: exit(Held()), lambda: exec("from os import missing"), lambda: Held().attribute,
             lambda: compile(" x", "name", "exec"), lambda: exec("raise StopIteration(1)"), lambda: setattr(1, "x", 2), lambda: super().x):
    try:
        call()
    except BaseException as caught:
        kept.append(caught)
kept.append(ImportError("text", name=Held(), path=Held()))
error = SystemExit(Held())
error.code = [Held()]
stop = StopIteration(Held())
stop.value = Held()
fresh = [cls.__new__(cls) for cls in (Exception, OSError, SyntaxError, ImportError, UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError,
                                      StopIteration, SystemExit, AttributeError, NameError)]
if hasattr(builtins, "ExceptionGroup"):
    group = ExceptionGroup("outer", [ValueError(Held()), ExceptionGroup("inner", [TypeError(Held()), raised(KeyError())])])
    kept += [group.split(ValueError), group.subgroup(lambda each: True), group.derive([ValueError()]), raised(group), repr(group),
             BaseExceptionGroup("base", [KeyboardInterrupt(Held())])]
