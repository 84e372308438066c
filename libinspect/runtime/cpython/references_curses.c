/* SPDX-License-Identifier: MIT */
/*
 * references_curses.c - what panels refer to: Modules/_curses_panel.c.
 */
#include "runtime/cpython/references.h"

#include <stddef.h>

/* The library's PANEL: panel.h of ncurses, which later versions hide, but have not changed. */
struct curses_library_panel {
	uint64_t window, below, above, user;
};

/* The object that a program gave with set_userptr() is in the library's struct. */
void curses_panel_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t panel;
	if (visit_pointer(visit, visit->address, visit->layout->curses_panel_panel, &panel) && panel)
		visit_member(visit, panel, offsetof(struct curses_library_panel, user), step->flags,
			     ".userptr()");
}
