/* SPDX-License-Identifier: MIT */
/*
 * references_curses.c - what panels refer to: Modules/_curses_panel.c.
 */
#include "runtime/cpython/references.h"

/* The object that a program gave with set_userptr() is in the library's struct: panel.h of ncurses. */
void curses_panel_references(struct visit *visit, const struct reference_step *step)
{
	uint64_t panel;
	if (visit_pointer(visit, visit->address, visit->layout->curses_panel_panel, &panel) && panel)
		visit_member(visit, panel, visit->layout->curses_panel_user, step->flags, ".userptr()");
}
