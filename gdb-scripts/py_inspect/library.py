# SPDX-License-Identifier: MIT
"""libinspect through ctypes: what inspect.h declares, with errors as exceptions."""
from __future__ import annotations

import ctypes
import os
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

ERROR_CANCELLED = 9  # enum inspect_error_kind

# enum inspect_exit
EXIT_USAGE = 2
EXIT_UNUSABLE = 3

PROGRESS = ctypes.CFUNCTYPE(
    ctypes.c_bool, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64
)
READ = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
READ_LINE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)
)
# enum inspect_line
LINE_READ, LINE_INTERRUPTED, LINE_END = range(3)
WRITE = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Thread(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_int),
        ("registers", ctypes.c_char_p),
        ("registers_size", ctypes.c_size_t),
    ]


class _Limits(ctypes.Structure):
    _fields_ = [
        ("max_memory", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("temporary_directory", ctypes.c_char_p),
    ]


class _TargetOptions(ctypes.Structure):
    _fields_ = [
        ("sysroot", ctypes.c_char_p),
        ("executable", ctypes.c_char_p),
        ("no_stop", ctypes.c_bool),
        ("progress", PROGRESS),
        ("progress_context", ctypes.c_void_p),
        ("threads", ctypes.POINTER(_Thread)),
        ("thread_count", ctypes.c_size_t),
        ("limits", _Limits),
    ]


class _Debugger(ctypes.Structure):
    _fields_ = [
        ("read", READ),
        ("context", ctypes.c_void_p),
        ("auxv", ctypes.c_char_p),
        ("auxv_size", ctypes.c_size_t),
        ("pid", ctypes.c_int),
    ]


class _Output(ctypes.Structure):
    _fields_ = [
        ("write", WRITE),
        ("write_message", WRITE),
        ("context", ctypes.c_void_p),
        ("terminal", ctypes.c_bool),
        ("width", ctypes.c_uint),
        ("height", ctypes.c_uint),
        ("read_line", READ_LINE),
        ("interactive", ctypes.c_bool),
    ]


class _VerbOption(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("argument", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
        ("values", ctypes.c_char_p),
    ]


class _VerbInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("summary", ctypes.c_char_p),
        ("operands", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("options", ctypes.POINTER(_VerbOption)),
        ("option_count", ctypes.c_size_t),
    ]


class LoadError(Exception):
    """libinspect.so cannot be had."""


class Error(Exception):
    """A struct inspect_error."""

    def __init__(self, kind: int, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Option(NamedTuple):
    """A struct inspect_verb_option."""

    name: str
    argument: Optional[str]
    help: str
    values: Tuple[str, ...]


class Verb(NamedTuple):
    """A struct inspect_verb_info; the common options are among its options."""

    name: str
    summary: str
    operands: str
    help: str  # all of it, as inspect_verb_help() writes it
    options: Tuple[Option, ...]


class Screen(NamedTuple):
    """How the text is going to be seen: the last members of struct inspect_output."""

    terminal: bool = False
    width: int = 0
    height: int = 0


class Thread(NamedTuple):
    """A struct inspect_thread."""

    id: int
    registers: Optional[bytes]  # as in elf_gregset_t, or None: they cannot be had


class Limits(NamedTuple):
    """A struct inspect_limits."""

    max_memory: int = 0  # bytes
    deadline: int = 0  # CLOCK_MONOTONIC, ns
    temporary_directory: Optional[bytes] = None


class Library:
    """The functions of libinspect.so. Pointers to its structs are plain integers here."""

    def __init__(self, path: str) -> None:
        try:
            self._functions = ctypes.CDLL(path)
            self._declare()
        except (OSError, AttributeError) as error:
            raise LoadError(str(error)) from None
        self.verbs = self._read_verbs()

    def _declare(self) -> None:
        pointer = ctypes.c_void_p
        options = ctypes.POINTER(_TargetOptions)
        target_return = ctypes.POINTER(ctypes.c_void_p)

        def declare(name: str, result: object, *arguments: object) -> None:
            function = getattr(self._functions, name)
            function.restype = result
            function.argtypes = arguments

        declare("inspect_error_kind", ctypes.c_int, pointer)
        declare("inspect_error_message", ctypes.c_char_p, pointer)
        declare("inspect_error_destroy", None, pointer)
        declare("inspect_target_open_core", pointer, ctypes.c_char_p, options, target_return)
        declare("inspect_target_open_process", pointer, ctypes.c_int, options, target_return)
        declare(
            "inspect_target_open_debugger", pointer, ctypes.POINTER(_Debugger), options, target_return
        )
        declare("inspect_session_create", pointer, pointer)
        declare("inspect_session_destroy", None, pointer)
        declare("inspect_session_set_limits", None, pointer, ctypes.POINTER(_Limits))
        declare("inspect_call_limits", _Limits, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
        declare(
            "inspect_check_call",
            ctypes.c_int,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.POINTER(_Output),
        )
        declare(
            "inspect_session_run",
            ctypes.c_int,
            pointer,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.POINTER(_Output),
        )
        declare("inspect_verb", ctypes.POINTER(_VerbInfo), ctypes.c_size_t)
        declare("inspect_verb_help", ctypes.c_bool, ctypes.c_char_p, ctypes.POINTER(_Output))
        declare("inspect_common_options", ctypes.POINTER(_VerbOption), ctypes.POINTER(ctypes.c_size_t))

    def _read_verbs(self) -> Tuple[Verb, ...]:
        count = ctypes.c_size_t()
        common = self._functions.inspect_common_options(ctypes.byref(count))
        common_options = _options(common, count.value)
        verbs: List[Verb] = []
        while True:
            info = self._functions.inspect_verb(len(verbs))
            if not info:
                return tuple(verbs)
            verb = info.contents
            verbs.append(
                Verb(
                    _text(verb.name),
                    _text(verb.summary),
                    _text(verb.operands),
                    self._read_help(verb.name),
                    _options(verb.options, verb.option_count) + common_options,
                )
            )

    def _read_help(self, name: bytes) -> str:
        output, pieces = _collector()
        self._functions.inspect_verb_help(name, ctypes.byref(output))
        return _text(b"".join(pieces))

    def call_limits(self, arguments: Sequence[str]) -> Limits:
        """What --max-memory, --temporary-directory and --timeout among a verb's arguments allow, from now on."""
        limits = self._functions.inspect_call_limits(len(arguments), _vector(arguments))
        return Limits(limits.max_memory, limits.deadline, limits.temporary_directory)

    def _opened(self, error: Optional[int], target: ctypes.c_void_p) -> int:
        if error:
            kind = self._functions.inspect_error_kind(error)
            message = _text(self._functions.inspect_error_message(error))
            self._functions.inspect_error_destroy(error)
            raise Error(kind, message)
        session: int = self._functions.inspect_session_create(target)
        if not session:
            raise MemoryError
        # The limits were those of opening; each run brings its own.
        self._functions.inspect_session_set_limits(session, ctypes.byref(_Limits()))
        return session

    def open_core(
        self,
        path: str,
        sysroot: Optional[str],
        executable: Optional[str],
        progress: Callable[..., bool],
        limits: Limits,
    ) -> int:
        """A session on the core at @path. @progress is a PROGRESS callback that outlives the session."""
        target = ctypes.c_void_p()
        options = _TargetOptions(
            _path(sysroot), _path(executable), False, progress, None, None, 0, _Limits(*limits)
        )
        error = self._functions.inspect_target_open_core(
            os.fsencode(path), ctypes.byref(options), ctypes.byref(target)
        )
        return self._opened(error, target)

    def open_process(
        self, pid: int, threads: Sequence[Thread], progress: Callable[..., bool], limits: Limits
    ) -> int:
        """A session on the process @pid, which is read as it is: stopping it is gdb's business."""
        target = ctypes.c_void_p()
        options = _TargetOptions(
            None, None, True, progress, None, _threads(threads), len(threads), _Limits(*limits)
        )
        error = self._functions.inspect_target_open_process(pid, ctypes.byref(options), ctypes.byref(target))
        return self._opened(error, target)

    def open_debugger(
        self,
        read: Callable[..., bool],
        auxv: bytes,
        pid: int,
        threads: Sequence[Thread],
        sysroot: Optional[str],
        executable: Optional[str],
        progress: Callable[..., bool],
        limits: Limits,
    ) -> int:
        """A session on whatever @read reads, a READ callback. It and @progress outlive the session."""
        target = ctypes.c_void_p()
        options = _TargetOptions(
            _path(sysroot),
            _path(executable),
            False,
            progress,
            None,
            _threads(threads),
            len(threads),
            _Limits(*limits),
        )
        debugger = _Debugger(read, None, auxv, len(auxv), pid)
        error = self._functions.inspect_target_open_debugger(
            ctypes.byref(debugger), ctypes.byref(options), ctypes.byref(target)
        )
        return self._opened(error, target)

    def wrong_call(self, arguments: Sequence[str]) -> Optional[str]:
        """What is wrong with a verb's arguments, if something is."""
        output, pieces = _collector()
        status = self._functions.inspect_check_call(
            len(arguments), _vector(arguments), ctypes.byref(output)
        )
        return _text(b"".join(pieces)).strip() if status else None

    def run(
        self,
        session: int,
        arguments: Sequence[str],
        write: Callable[..., bool],
        write_message: Callable[..., bool],
        screen: Screen,
        read_line: Optional[Callable[..., int]],
    ) -> int:
        """Runs a verb; @write and @write_message are WRITE callbacks, @read_line a READ_LINE callback or None. Returns
        an enum inspect_exit."""
        output = _Output(write, write_message, None, screen.terminal, screen.width, screen.height)
        if read_line is not None:
            output.read_line, output.interactive = read_line, True
        status: int = self._functions.inspect_session_run(
            session, len(arguments), _vector(arguments), ctypes.byref(output)
        )
        return status

    def close(self, session: int) -> None:
        """Frees @session and its target."""
        self._functions.inspect_session_destroy(session)


def _text(text: Optional[bytes]) -> str:
    return (text or b"").decode("utf-8", "replace")


def _threads(threads: Sequence[Thread]) -> "ctypes.Array[_Thread]":
    return (_Thread * len(threads))(
        *(_Thread(each.id, each.registers, len(each.registers or b"")) for each in threads)
    )


def _vector(words: Sequence[str]) -> "ctypes.Array[ctypes.c_char_p]":
    encoded = [word.encode("utf-8", "surrogateescape") for word in words]
    return (ctypes.c_char_p * len(words))(*encoded)


def _collector() -> Tuple[_Output, List[bytes]]:
    """An output and the list that gets all that is written to it."""
    pieces: List[bytes] = []

    def take(_context: object, text: int, size: int) -> bool:
        pieces.append(ctypes.string_at(text, size))
        return True

    return _Output(WRITE(take), WRITE(take), None, False, 0, 0), pieces


def _path(path: Optional[str]) -> Optional[bytes]:
    return None if path is None else os.fsencode(path)


def _options(array: "ctypes.Array[_VerbOption]", count: int) -> Tuple[Option, ...]:
    return tuple(
        Option(
            _text(array[i].name),
            _text(array[i].argument) or None,
            _text(array[i].help),
            tuple(filter(None, _text(array[i].values).split("|"))),
        )
        for i in range(count)
    )


def _candidates(loader_folder: str) -> List[str]:
    chosen = os.environ.get("LIBINSPECT_LIBRARY")
    if chosen:
        return [chosen]
    try:
        from .config import LIBRARY
    except ImportError:
        # Not installed: the loader is in a build folder's gdb-scripts/, or in that of the sources.
        return [
            os.path.join(loader_folder, "..", ".libs", "libinspect.so"),
            os.path.join(loader_folder, "..", "build", ".libs", "libinspect.so"),
        ]
    return [LIBRARY]


def load(loader_folder: str) -> Library:
    """Finds and loads libinspect.so; @loader_folder is where the script is that gdb was told to source."""
    candidates = [os.path.normpath(path) for path in _candidates(loader_folder)]
    path = next(filter(os.path.exists, candidates), candidates[0])
    try:
        return Library(path)
    except LoadError as error:
        raise LoadError(
            f"py-inspect: libinspect cannot be loaded: {error}. Build or install it, or start gdb with"
            " LIBINSPECT_LIBRARY set to the path of libinspect.so; gdb works without it."
        ) from None
