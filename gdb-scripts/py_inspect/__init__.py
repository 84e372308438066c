# SPDX-License-Identifier: MIT
"""libinspect's verbs as gdb commands, convenience functions and GDB/MI commands.

Nothing is analysed or formatted here: the library does that, for every front end alike.
"""
from __future__ import annotations

import gdb

from . import commands, functions, library, mi, parameters, sessions


def register(loader_folder: str) -> None:
    """Gives gdb everything; @loader_folder is where the script is that gdb was told to source."""
    parameters.register()
    try:
        inspect = library.load(loader_folder)
    except library.LoadError as error:
        gdb.write(f"{error}\n", gdb.STDERR)
        commands.register_without_library(str(error))
        return
    opened = sessions.Sessions(inspect)
    commands.register(inspect, opened)
    functions.register(opened)
    mi.register(inspect, opened)
