/* SPDX-License-Identifier: MIT */
/*
 * prompt.c - lines from standard input.
 *
 * libedit edits them on a terminal. Keys are waited for here and not in libedit, which goes on after a signal: Ctrl-C is to drop
 * the line. Without libedit lines come as the terminal edits them.
 */
#include "prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#ifdef HAVE_LIBEDIT
#include <histedit.h>
#endif

enum { HISTORY_LINES = 1000 };

struct prompt {
	char *line; /* the last one, of getline() */
	size_t size;
#ifdef HAVE_LIBEDIT
	EditLine *editor; /* NULL: nobody types */
	History *history;
	const char *text;
	char *history_file; /* or NULL */
	const volatile sig_atomic_t *interrupted;
	sigset_t open; /* the signals that are blocked while no key is waited for */
#endif
};

bool prompt_is_interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static enum inspect_line read_plain(struct prompt *prompt, const char *text, const char **line_ret)
{
	if (prompt_is_interactive()) {
		fputs(text, stdout);
		fflush(stdout);
	}
	errno = 0;
	ssize_t length = getline(&prompt->line, &prompt->size, stdin);
	if (length < 0) {
		bool interrupted = errno == EINTR && prompt_is_interactive();
		clearerr(stdin);
		return interrupted ? INSPECT_LINE_INTERRUPTED : INSPECT_LINE_END;
	}
	if (length && prompt->line[length - 1] == '\n')
		prompt->line[length - 1] = '\0';
	*line_ret = prompt->line;
	return INSPECT_LINE_READ;
}

#ifdef HAVE_LIBEDIT

/* ---- the history ----------------------------------------------------------------------------------- */

/* Makes the folders on the way to @path that are not there. */
static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

/* As the XDG Base Directory Specification says; NULL where there is no home. */
static char *find_history_file(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int length = -1;
	if (state && state[0] == '/')
		length = asprintf(&path, "%s/py-inspect/sql_history", state);
	else if (home && home[0] == '/')
		length = asprintf(&path, "%s/.local/state/py-inspect/sql_history", home);
	return length < 0 ? NULL : path;
}

static void load_history(struct prompt *prompt)
{
	HistEvent event;
	history(prompt->history, &event, H_SETSIZE, HISTORY_LINES);
	history(prompt->history, &event, H_SETUNIQUE, 1);
	prompt->history_file = find_history_file();
	if (prompt->history_file)
		history(prompt->history, &event, H_LOAD, prompt->history_file);
}

/* Statements may have in them what they look for: only the user may read it. */
static void save_history(struct prompt *prompt)
{
	HistEvent event;
	if (!prompt->history_file)
		return;
	make_folders(prompt->history_file);
	mode_t before = umask(0077);
	history(prompt->history, &event, H_SAVE, prompt->history_file);
	umask(before);
}

/* ---- editing --------------------------------------------------------------------------------------- */

static const char *prompt_text(EditLine *editor)
{
	struct prompt *prompt = NULL;
	el_get(editor, EL_CLIENTDATA, &prompt);
	return prompt->text;
}

/* Waits for a byte: 1, 0 at the end, -1 on an error or a signal. */
static int read_byte(const struct prompt *prompt, char *byte)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	for (;;) {
		if (*prompt->interrupted)
			return -1;
		if (ppoll(&input, 1, NULL, &prompt->open) < 0) {
			if (errno != EINTR)
				return -1;
			continue;
		}
		ssize_t count = read(STDIN_FILENO, byte, 1);
		if (count >= 0 || errno != EINTR)
			return (int)count;
	}
}

/* libedit's el_rfunc_t: a character, in the encoding of the terminal. */
static int read_character(EditLine *editor, wchar_t *character)
{
	struct prompt *prompt = NULL;
	mbstate_t state = { 0 };
	char byte;
	int count;
	el_get(editor, EL_CLIENTDATA, &prompt);
	while ((count = read_byte(prompt, &byte)) == 1) {
		size_t length = mbrtowc(character, &byte, 1, &state);
		if (length == (size_t)-2)
			continue;
		if (length == (size_t)-1)
			*character = (wchar_t)(unsigned char)byte;
		return 1;
	}
	return count;
}

static void open_editor(struct prompt *prompt, const volatile sig_atomic_t *interrupted)
{
	prompt->interrupted = interrupted;
	prompt->editor = el_init("py-inspect", stdin, stdout, stderr);
	prompt->history = prompt->editor ? history_init() : NULL;
	if (!prompt->history)
		return;
	load_history(prompt);
	el_set(prompt->editor, EL_CLIENTDATA, prompt);
	el_set(prompt->editor, EL_PROMPT, prompt_text);
	el_set(prompt->editor, EL_EDITOR, "emacs");
	el_set(prompt->editor, EL_HIST, history, prompt->history);
	el_source(prompt->editor, NULL);
	el_set(prompt->editor, EL_GETCFN, read_character);
}

static enum inspect_line read_edited(struct prompt *prompt, const char *text, const char **line_ret)
{
	int length = 0;
	sigset_t blocked;
	prompt->text = text;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &prompt->open);
	el_resize(prompt->editor);
	const char *typed = el_gets(prompt->editor, &length);
	sigprocmask(SIG_SETMASK, &prompt->open, NULL);
	if (!typed || length <= 0) {
		fputs(*prompt->interrupted ? "^C\n" : "\n", stdout);
		fflush(stdout);
		return *prompt->interrupted ? INSPECT_LINE_INTERRUPTED : INSPECT_LINE_END;
	}
	HistEvent event;
	if (strspn(typed, " \t\n") < (size_t)length)
		history(prompt->history, &event, H_ENTER, typed);
	free(prompt->line);
	prompt->line = strndup(typed, strcspn(typed, "\n"));
	*line_ret = prompt->line;
	return prompt->line ? INSPECT_LINE_READ : INSPECT_LINE_END;
}

static void close_editor(struct prompt *prompt)
{
	if (prompt->history) {
		save_history(prompt);
		history_end(prompt->history);
	}
	if (prompt->editor)
		el_end(prompt->editor);
	free(prompt->history_file);
}

enum inspect_line prompt_read(struct prompt *prompt, const char *text, const char **line_ret)
{
	return prompt->history ? read_edited(prompt, text, line_ret) : read_plain(prompt, text, line_ret);
}

#else

static void open_editor(struct prompt *prompt __attribute__((unused)),
			const volatile sig_atomic_t *interrupted __attribute__((unused)))
{
}

static void close_editor(struct prompt *prompt __attribute__((unused)))
{
}

enum inspect_line prompt_read(struct prompt *prompt, const char *text, const char **line_ret)
{
	return read_plain(prompt, text, line_ret);
}

#endif

struct prompt *prompt_open(const volatile sig_atomic_t *interrupted)
{
	struct prompt *prompt = calloc(1, sizeof(*prompt));
	if (prompt && prompt_is_interactive())
		open_editor(prompt, interrupted);
	return prompt;
}

void prompt_close(struct prompt *prompt)
{
	if (!prompt)
		return;
	close_editor(prompt);
	free(prompt->line);
	free(prompt);
}
