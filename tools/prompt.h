/* SPDX-License-Identifier: MIT */
/*
 * prompt.h - lines from standard input: with editing and a history where somebody types them.
 */
#ifndef INSPECT_TOOLS_PROMPT_H
#define INSPECT_TOOLS_PROMPT_H

#include <signal.h>
#include <stdbool.h>

#include "inspect.h"

struct prompt;

/* Does somebody sit before it? */
bool prompt_is_interactive(void);
/* A handler sets *@interrupted when a signal has come. NULL when out of memory. The history is in $XDG_STATE_HOME/py-inspect/sql_history, or under ~/.local/state. */
struct prompt *prompt_open(const volatile sig_atomic_t *interrupted);
/* See read_line of struct inspect_output. */
enum inspect_line prompt_read(struct prompt *prompt, const char *text, const char **line_ret);
/* Saves the history. NULL is fine. */
void prompt_close(struct prompt *prompt);

#endif
