/* SPDX-License-Identifier: MIT */
/*
 * py-inspect.c - the command: `py-inspect VERB TARGET [OPTION...]`.
 *
 * Opens the target, hands the rest of the command line to the verb and shows what comes back. What verbs
 * there are, what they take and how their answers look is the library's.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "inspect.h"
#include "prompt.h"

/* ---- Ctrl-C ---------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

/* The first signal asks the work at hand to stop, the second one ends the program as ever. */
static void catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESETHAND };
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Ends as the signal would have ended us, so that a shell's loop ends too. */
static void end_if_interrupted(void)
{
	if (!interrupted)
		return;
	signal(interrupted, SIG_DFL);
	raise(interrupted);
}

/* ---- progress -------------------------------------------------------------------------------------- */

/* A line on the terminal that says how far the work is; there after the first second, gone at the end. */
struct progress {
	bool wanted, shown;
	bool beside_answer; /* the answer goes to the terminal, too, ... */
	bool inside_line;   /* ... and is inside a line of it, which may not be wiped */
	struct timespec start, last;
};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void progress_erase(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

static bool progress_report(void *context, const char *what, uint64_t done, uint64_t total)
{
	struct progress *progress = context;
	if (interrupted)
		return false;
	if (!progress->wanted || progress->inside_line || seconds_since(&progress->start) < 1 || seconds_since(&progress->last) < 0.1)
		return true;
	if (total)
		fprintf(stderr, "\r\033[K%s: %.0f %%", what, 100.0 * (double)done / (double)total);
	else
		fprintf(stderr, "\r\033[K%s: %llu", what, (unsigned long long)done);
	fflush(stderr);
	progress->shown = true;
	clock_gettime(CLOCK_MONOTONIC, &progress->last);
	return true;
}

static void progress_start(struct progress *progress)
{
	progress->wanted = isatty(STDERR_FILENO);
	progress->beside_answer = isatty(STDOUT_FILENO);
	progress->inside_line = false;
	clock_gettime(CLOCK_MONOTONIC, &progress->start);
	progress->last = progress->start;
}

/* ---- output ---------------------------------------------------------------------------------------- */

struct screen {
	struct progress progress;
	struct prompt *prompt; /* where lines come from, once one has been read */
	int write_error; /* errno of the write that failed, or 0 */
};

static bool write_stdout(void *context, const char *text, size_t size)
{
	struct screen *screen = context;
	progress_erase(&screen->progress);
	if (size)
		screen->progress.inside_line = screen->progress.beside_answer && text[size - 1] != '\n';
	while (size) {
		if (interrupted)
			return false;
		ssize_t written = write(STDOUT_FILENO, text, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			screen->write_error = errno;
			return false;
		}
		text += written;
		size -= (size_t)written;
	}
	return true;
}

static bool write_stderr(void *context, const char *text, size_t size)
{
	struct screen *screen = context;
	progress_erase(&screen->progress);
	if (!interrupted)
		fprintf(stderr, "py-inspect: %.*s", (int)size, text);
	return true;
}

/* What interrupted the work at hand has been dealt with, and the next work is another one. */
static enum inspect_line read_line(void *context, const char *text, const char **line_ret)
{
	struct screen *screen = context;
	progress_erase(&screen->progress);
	if (!screen->prompt)
		screen->prompt = prompt_open(&interrupted);
	if (!screen->prompt || (interrupted && !prompt_is_interactive()) || interrupted == SIGTERM)
		return INSPECT_LINE_END;
	interrupted = 0;
	catch_interrupts();
	enum inspect_line read = prompt_read(screen->prompt, text, line_ret);
	if (interrupted == SIGINT && prompt_is_interactive()) {
		/* Who was so quick that the line had been read already wants no answer to it. */
		if (read == INSPECT_LINE_READ)
			read = INSPECT_LINE_INTERRUPTED;
		interrupted = 0;
		catch_interrupts();
	}
	progress_start(&screen->progress);
	return read;
}

static struct inspect_output screen_output(struct screen *screen)
{
	struct inspect_output output = {
		.write = write_stdout,
		.write_message = write_stderr,
		.context = screen,
	};
	output.read_line = read_line;
	output.interactive = prompt_is_interactive();
	if (!isatty(STDOUT_FILENO))
		return output;
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	output.terminal = term && strcmp(term, "dumb") != 0 && !(no_color && *no_color);
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
		output.width = size.ws_col;
		output.height = size.ws_row;
	}
	return output;
}

/* ---- help ------------------------------------------------------------------------------------------ */

static const struct inspect_verb_info *find_verb(const char *name)
{
	const struct inspect_verb_info *verb;
	for (size_t i = 0; (verb = inspect_verb(i)); i++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static void print_help(void)
{
	puts("Usage: py-inspect VERB TARGET [OPTION...]\n"
	     "\n"
	     "Says what is in the heap of a Python process, from outside and without touching it.\n"
	     "TARGET is the id of a running process or a core file.\n"
	     "\n"
	     "Verbs:");
	const struct inspect_verb_info *verb;
	for (size_t i = 0; (verb = inspect_verb(i)); i++)
		printf("  %-14s %s\n", verb->name, verb->summary);
	puts("\n"
	     "Options for every verb:\n"
	     "  --sysroot=DIR     folder with the files of the machine that the core is from\n"
	     "  --executable=FILE the program that dumped the core, if it is not where it was\n"
	     "  --no-stop         do not stop a running process while it is read");
	size_t count;
	const struct inspect_verb_option *common = inspect_common_options(&count);
	for (size_t i = 0; i < count; i++) {
		char label[64];
		snprintf(label, sizeof(label), "--%s%s%s", common[i].name, common[i].argument ? "=" : "",
			 common[i].argument ? common[i].argument : "");
		printf("  %-17s %s\n", label, common[i].help);
	}
	puts("  --version         say the version and exit\n"
	     "\n"
	     "Examples:\n"
	     "  py-inspect status 4711                      is this a Python that can be read?\n"
	     "  py-inspect heap core.4711                   what is all this memory?\n"
	     "  py-inspect heap 4711 --by-generation        what has been there for long?\n"
	     "  py-inspect objects core --type=app.Session --values    show me some of these\n"
	     "  py-inspect object core 0x7f12a4c0d5e0       and this one\n"
	     "  py-inspect path core 0x7f12a4c0d5e0         why is it alive?\n"
	     "  py-inspect cycles core                      what is garbage, and what closes its cycles?\n"
	     "  py-inspect refcounts core                   does a C extension leak references?\n"
	     "  py-inspect verify core                      is the heap damaged, and by whom?\n"
	     "  py-inspect audit 4711 --rules=web-service   is all well? for a script\n"
	     "  py-inspect sql core \"SELECT * FROM threads\"  and any other question\n"
	     "  py-inspect heap core --format=json          the same for a program\n"
	     "\n"
	     "`py-inspect VERB --help` explains a verb, its options and its columns.\n"
	     "Exit status: 0 all is said, 1 a check found something (audit, verify, refcounts),\n"
	     "2 wrong call, 3 the target cannot be read,\n"
	     "4 there is an answer, but messages say what is missing from it.");
}

/* ---- the command line ------------------------------------------------------------------------------ */

struct command_line {
	const char *target;
	struct inspect_target_options options;
	bool help, version;
	const char **words; /* the verb, or NULL, and what is for it */
	int word_count;
};

/* Is @argument --@name, with or without an argument behind '='? *@value_ret is that, or NULL. */
static bool is_option(const char *argument, const char *name, const char **value_ret)
{
	size_t length = strlen(name);
	if (strncmp(argument, "--", 2) != 0 || strncmp(argument + 2, name, length) != 0)
		return false;
	const char *end = argument + 2 + length;
	*value_ret = *end == '=' ? end + 1 : NULL;
	return !*end || *end == '=';
}

static bool takes_argument(const struct inspect_verb_option *options, size_t count, const char *argument)
{
	const char *value;
	for (size_t i = 0; i < count; i++)
		if (is_option(argument, options[i].name, &value))
			return options[i].argument && !value;
	return false;
}

/* Does the next word belong to @argument, an option of the verb? */
static bool takes_next(const char *verb_name, const char *argument)
{
	const struct inspect_verb_info *verb = verb_name ? find_verb(verb_name) : NULL;
	size_t common_count;
	const struct inspect_verb_option *common = inspect_common_options(&common_count);
	return takes_argument(common, common_count, argument) ||
	       (verb && takes_argument(verb->options, verb->option_count, argument));
}

/* Takes the option at @arguments[*@index] if it is one of the command's own. False on a wrong call. */
static bool parse_own_option(struct command_line *line, char **arguments, int *index, bool *taken_ret)
{
	const char *argument = arguments[*index], *value;
	const char **destination = NULL;
	*taken_ret = true;
	if (is_option(argument, "sysroot", &value))
		destination = &line->options.sysroot;
	else if (is_option(argument, "executable", &value))
		destination = &line->options.executable;
	else if (strcmp(argument, "--no-stop") == 0)
		line->options.no_stop = true;
	else if (strcmp(argument, "--version") == 0)
		line->version = true;
	else
		*taken_ret = false;
	if (!destination)
		return true;
	if (!value)
		value = arguments[++*index];
	if (!value) {
		fprintf(stderr, "py-inspect: error: %s needs an argument\n", argument);
		return false;
	}
	*destination = value;
	return true;
}

/* Sorts the arguments: the command's own options, the verb, the target, and what is for the verb. */
static bool parse(int count, char **arguments, struct command_line *line)
{
	bool only_operands = false;
	line->word_count = 1;
	for (int i = 1; i < count; i++) {
		const char *argument = arguments[i];
		bool is_operand = only_operands || argument[0] != '-' || !argument[1];
		bool taken = false;
		if (!is_operand && !parse_own_option(line, arguments, &i, &taken))
			return false;
		if (taken)
			continue;
		if (!is_operand && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0))
			line->help = true;
		if (is_operand && (!line->words[0] || !line->target)) {
			*(line->words[0] ? &line->target : &line->words[0]) = argument;
			continue;
		}
		only_operands |= strcmp(argument, "--") == 0;
		line->words[line->word_count++] = argument;
		if (!is_operand && i + 1 < count && takes_next(line->words[0], argument))
			line->words[line->word_count++] = arguments[++i];
	}
	return true;
}

/* ---- running --------------------------------------------------------------------------------------- */

static int wrong_call(const char *format, const char *word)
{
	fputs("py-inspect: error: ", stderr);
	fprintf(stderr, format, word);
	fputs("; `py-inspect --help` says more\n", stderr);
	return INSPECT_EXIT_USAGE;
}

static int run_verb(const struct command_line *line, struct screen *screen,
		    const struct inspect_output *output)
{
	struct inspect_target *target;
	struct inspect_error *error = inspect_target_open(line->target, &line->options, &target);
	if (error) {
		progress_erase(&screen->progress);
		if (!interrupted)
			fprintf(stderr, "py-inspect: error: %s\n", inspect_error_message(error));
		int status = inspect_error_kind(error) == INSPECT_ERROR_USAGE ? INSPECT_EXIT_USAGE :
										INSPECT_EXIT_UNUSABLE;
		inspect_error_destroy(error);
		return status;
	}
	struct inspect_session *session = inspect_session_create(target);
	if (!session)
		return wrong_call("out of memory%s", "");
	int status = inspect_session_run(session, line->word_count, line->words, output);
	inspect_session_destroy(session);
	prompt_close(screen->prompt);
	progress_erase(&screen->progress);
	return status;
}

static int run(struct command_line *line)
{
	struct screen screen = { 0 };
	struct inspect_output output = screen_output(&screen);
	const char *verb = line->words[0];
	if (line->version) {
		printf("py-inspect %s\n", inspect_version());
		return INSPECT_EXIT_OK;
	}
	if (line->help && verb && inspect_verb_help(verb, &output))
		return INSPECT_EXIT_OK;
	if (line->help && !verb) {
		print_help();
		return INSPECT_EXIT_OK;
	}
	if (!verb && line->word_count > 1)
		return wrong_call("no verb was given with %s", line->words[1]);
	if (!verb)
		return wrong_call("no verb was given%s", "");
	if (find_verb(verb) && !line->target)
		return wrong_call("%s needs a target: the id of a process, or a core file", verb);
	if (inspect_check_call(line->word_count, line->words, &output) != INSPECT_EXIT_OK)
		return INSPECT_EXIT_USAGE;
	line->options.limits = inspect_call_limits(line->word_count, line->words);
	line->options.progress = progress_report;
	line->options.progress_context = &screen.progress;
	progress_start(&screen.progress);
	catch_interrupts();
	int status = run_verb(line, &screen, &output);
	end_if_interrupted();
	if (screen.write_error && screen.write_error != EPIPE) {
		fprintf(stderr, "py-inspect: error: cannot write the answer: %s\n",
			strerror(screen.write_error));
		return INSPECT_EXIT_INCOMPLETE;
	}
	return status;
}

int main(int count, char **arguments)
{
	setlocale(LC_CTYPE, "");
	struct command_line line = { .words = calloc((size_t)count + 2, sizeof(*line.words)) };
	if (!line.words)
		return wrong_call("out of memory%s", "");
	int status = parse(count, arguments, &line) ? run(&line) : INSPECT_EXIT_USAGE;
	free(line.words);
	return status;
}
