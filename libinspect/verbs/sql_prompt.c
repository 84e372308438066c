/* SPDX-License-Identifier: MIT */
/*
 * sql_prompt.c - statement after statement for the verb `sql`: those of a call, or those that the front end reads, line by
 * line. Each is answered as if it were the only one.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "verbs/converse.h"
#include "verbs/options.h"
#include "verbs/session.h"
#include "verbs/verb.h"

enum { LONGEST_STATEMENT = 1 << 20 };

struct conversation {
	struct inspect_session *session;
	const struct options *options;
	const struct inspect_output *output;
	enum inspect_exit status; /* of the first statement that did not go well */
	bool ended;
};

static void fail(struct conversation *conversation, enum inspect_exit status, const char *text)
{
	session_say_error(conversation->output, text);
	if (!conversation->status)
		conversation->status = status;
}

/* ---- statements ------------------------------------------------------------------------------------- */

/* Behind what SQL skips at the beginning of @text: space, semicolons, comments. */
static const char *skip_blank(const char *text)
{
	for (;;) {
		text += strspn(text, " \t\r\n\f;");
		if (strncmp(text, "--", 2) == 0) {
			text += strcspn(text, "\n");
		} else if (strncmp(text, "/*", 2) == 0) {
			const char *end = strstr(text + 2, "*/");
			text = end ? end + 2 : text + strlen(text);
		} else {
			return text;
		}
	}
}

/* How long the first statement of @text is, with its semicolon: the first one behind which there is no open quote, comment or
 * trigger. */
static size_t statement_size(char *text)
{
	for (char *end = strchr(text, ';'); end; end = strchr(end + 1, ';')) {
		char behind = end[1];
		end[1] = '\0';
		bool complete = sqlite3_complete(text);
		end[1] = behind;
		if (complete)
			return (size_t)(end + 1 - text);
	}
	return strlen(text);
}

/* Answers @statement; with @all rows, whatever the options say. */
static void answer(struct conversation *conversation, const char *statement, bool all)
{
	const struct options *given = conversation->options;
	const char *operands[] = { statement };
	struct options options = *given;
	struct option_given *items AUTO_FREE = reallocarray(NULL, given->given_count + 1, sizeof(*items));
	if (!items) {
		fail(conversation, INSPECT_EXIT_UNUSABLE, "out of memory");
		return;
	}
	if (given->given_count)
		memcpy(items, given->given, given->given_count * sizeof(*items));
	items[given->given_count] = (struct option_given){ .option = verb_sql.info.options, .argument = "0" };
	options.given = items;
	options.given_count = given->given_count + all;
	options.operands = operands;
	options.operand_count = 1;
	enum inspect_exit status = session_answer(conversation->session, &verb_sql, &options, conversation->output);
	if (!conversation->status)
		conversation->status = status;
}

/* ---- commands --------------------------------------------------------------------------------------- */

static const char help[] =
	"A statement in SQL ends with ';' and may have several lines. Ctrl-C ends a query.\n"
	".tables          the tables\n"
	".schema [TABLE]  their columns, or those of one\n"
	".help            this\n"
	".quit            the end; Ctrl-D, too\n";

static void answer_owned(struct conversation *conversation, char *statement)
{
	if (statement)
		answer(conversation, statement, true);
	else
		fail(conversation, INSPECT_EXIT_UNUSABLE, "out of memory");
	sqlite3_free(statement);
}

static bool is_command(const char *line, const char *name, const char **argument_ret)
{
	size_t size = strlen(name);
	*argument_ret = line + size + strspn(line + size, " \t");
	return strncmp(line, name, size) == 0 && (!line[size] || *argument_ret != line + size);
}

static void obey(struct conversation *conversation, const char *line)
{
	const char *argument;
	const struct inspect_output *output = conversation->output;
	size_t size = strcspn(line, "\n;");
	while (size && strchr(" \t", line[size - 1]))
		size--;
	char *command AUTO_FREE = strndup(line, size);
	if (!command)
		fail(conversation, INSPECT_EXIT_UNUSABLE, "out of memory");
	else if (is_command(command, ".quit", &argument) || is_command(command, ".exit", &argument))
		conversation->ended = true;
	else if (is_command(command, ".help", &argument))
		output->write(output->context, help, strlen(help));
	else if (is_command(command, ".tables", &argument))
		answer_owned(conversation, sqlite3_mprintf("SELECT table_name, meaning FROM schema WHERE column_name IS NULL "
							   "UNION ALL SELECT name, 'temporary ' || type FROM sqlite_temp_schema"));
	else if (is_command(command, ".schema", &argument) && *argument)
		answer_owned(conversation, sqlite3_mprintf("SELECT column_name, type, hidden, meaning FROM schema "
							   "WHERE table_name = %Q AND column_name IS NOT NULL", argument));
	else if (is_command(command, ".schema", &argument))
		answer_owned(conversation, sqlite3_mprintf("SELECT * FROM schema"));
	else
		fail(conversation, INSPECT_EXIT_USAGE, "there is no such command; .help lists them");
}

/* ---- a text of several ------------------------------------------------------------------------------ */

/* Answers all statements of @text, which is put back as it was; up to the first that fails, if @strict. */
static void answer_all(struct conversation *conversation, char *text, bool strict)
{
	while (*(text += skip_blank(text) - text) && !conversation->ended && !(strict && conversation->status)) {
		if (*text == '.') {
			obey(conversation, text);
			return;
		}
		size_t size = statement_size(text);
		char behind = text[size];
		text[size] = '\0';
		answer(conversation, text, false);
		text[size] = behind;
		text += size;
	}
}

/* The words of a call without quotes are a statement, too. */
static char *join(const struct options *options)
{
	size_t size = 1;
	for (size_t i = 0; i < options->operand_count; i++)
		size += strlen(options->operands[i]) + 1;
	char *text = malloc(size), *end = text;
	for (size_t i = 0; text && i < options->operand_count; i++)
		end += sprintf(end, "%s%s", i ? " " : "", options->operands[i]);
	return text;
}

static void answer_call(struct conversation *conversation)
{
	char *text AUTO_FREE = join(conversation->options);
	if (!text)
		fail(conversation, INSPECT_EXIT_UNUSABLE, "out of memory");
	else if (!*skip_blank(text))
		fail(conversation, INSPECT_EXIT_USAGE, "there is no statement in what sql was given");
	else
		answer_all(conversation, text, true);
}

/* ---- the prompt ------------------------------------------------------------------------------------- */

/* Lines that are no statement yet. */
struct pending {
	char *text; /* or NULL */
	size_t size;
};

static void drop(struct pending *pending)
{
	free(pending->text);
	*pending = (struct pending){ 0 };
}

static bool append(struct pending *pending, const char *line)
{
	size_t size = strlen(line);
	if (size + pending->size > LONGEST_STATEMENT)
		return false;
	char *text = realloc(pending->text, pending->size + size + 2);
	if (!text)
		return false;
	memcpy(text + pending->size, line, size);
	memcpy(text + pending->size + size, "\n", 2);
	*pending = (struct pending){ text, pending->size + size + 1 };
	return true;
}

static void take_line(struct conversation *conversation, struct pending *pending, const char *line)
{
	if (!pending->text && line[strspn(line, " \t")] == '.') {
		obey(conversation, line + strspn(line, " \t"));
		return;
	}
	if (!append(pending, line)) {
		fail(conversation, INSPECT_EXIT_USAGE, "this statement is too long");
		drop(pending);
	} else if (!*skip_blank(pending->text)) {
		drop(pending);
	} else if (sqlite3_complete(pending->text)) {
		answer_all(conversation, pending->text, false);
		drop(pending);
	}
}

static void read_statements(struct conversation *conversation)
{
	const struct inspect_output *output = conversation->output;
	struct pending pending = { 0 };
	while (!conversation->ended) {
		const char *line;
		enum inspect_line read = output->read_line(output->context, pending.text ? "...> " : "sql> ", &line);
		if (read == INSPECT_LINE_END)
			break;
		if (read == INSPECT_LINE_INTERRUPTED)
			drop(&pending);
		else
			take_line(conversation, &pending, line);
	}
	if (pending.text && !conversation->ended)
		answer_all(conversation, pending.text, false);
	drop(&pending);
}

enum inspect_exit sql_converse(struct inspect_session *session, const struct options *options,
			       const struct inspect_output *output)
{
	struct conversation conversation = { .session = session, .options = options, .output = output };
	if (options->operand_count)
		answer_call(&conversation);
	else if (output->read_line)
		read_statements(&conversation);
	else
		fail(&conversation, INSPECT_EXIT_USAGE, "sql needs a statement here: sql SELECT count(*) FROM objects");
	/* Whoever sits before it has seen what went wrong. */
	return output->interactive && !options->operand_count ? INSPECT_EXIT_OK : conversation.status;
}
