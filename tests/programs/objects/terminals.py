# SPDX-License-Identifier: MIT
"""Windows and panels of curses, on a terminal that is a file; Tk's objects, where it is installed."""
import os


class Held:
    pass


try:
    import curses
    import curses.panel
except ImportError:
    curses = None
if curses:
    try:
        os.environ.setdefault("TERM", "xterm")
        # curses writes to file descriptor 1, on which somebody waits for "ready"
        saved, null = os.dup(1), os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        curses.setupterm("xterm", null)
        screen = curses.initscr()
        windows = [screen, screen.subwin(2, 2, 0, 0), curses.newwin(3, 3), curses.newpad(10, 10)]
        windows.append(windows[3].subpad(2, 2, 0, 0))
        windows.append(windows[2].derwin(1, 1, 0, 0))
        panels = [curses.panel.new_panel(windows[2]), curses.panel.new_panel(windows[1])]
        panels[0].set_userptr(Held())
        failure = None
    except Exception as error:
        failure = error
    finally:
        try:
            curses.endwin()
        except Exception:
            pass
        os.dup2(saved, 1)
        os.close(saved)
try:
    import _tkinter
    objects = [_tkinter.TclError("x")]
    interpreter = _tkinter.create(None, "name", "Tk", 0, 1, 0)
except Exception:
    pass
