/* SPDX-License-Identifier: MIT */
/*
 * rules.c - reading rules, line by line; whoever wrote the file is told what to do about what is wrong in it.
 */
#include "audit/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/message.h"
#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "base/words.h"

enum { TEXT_SHOWN = 60 }; /* bytes of a line that an error shows */

enum key { KEY_SEVERITY, KEY_MESSAGE, KEY_CHECK, KEY_QUERY, KEY_COUNT };

static const char *const key_names[] = {
	[KEY_SEVERITY] = "severity", [KEY_MESSAGE] = "message", [KEY_CHECK] = "check", [KEY_QUERY] = "query",
};

static const char *const severity_names[] = {
	[RULE_INFO] = "info", [RULE_WARNING] = "warning", [RULE_ERROR] = "error",
};

enum { SEVERITY_COUNT = sizeof(severity_names) / sizeof(*severity_names) };

/* A value whose lines are being read. */
struct value {
	char *text; /* NULL: the key is not there */
	size_t size, capacity;
	unsigned int line;      /* of the key */
	unsigned int last_line; /* that it has something of; 0: none yet */
};

/* A file being read, and the rule in it that is not complete yet. */
struct reader {
	const char *file;
	struct rules *rules;
	unsigned int line;
	char text[RULES_LINE_MAX + 1]; /* the line's */
	bool in_rule;
	char name[RULES_NAME_MAX + 1];
	unsigned int name_line;
	struct value values[KEY_COUNT];
	struct value *value; /* which the next line may go on with; NULL: none */
};

const char *rule_severity_name(enum rule_severity severity)
{
	return severity_names[severity];
}

bool rule_severity_find(const char *name, enum rule_severity *severity_ret)
{
	for (unsigned int i = 0; i < SEVERITY_COUNT; i++) {
		*severity_ret = i;
		if (strcmp(name, severity_names[i]) == 0)
			return true;
	}
	return false;
}

static __attribute__((format(printf, 3, 4))) struct inspect_error *wrong(const struct reader *reader, unsigned int line,
									   const char *format, ...)
{
	char *text AUTO_FREE = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text = NULL;
		return &inspect_error_no_memory;
	}
	return inspect_error_create(INSPECT_ERROR_USAGE, "%s:%u: %s", reader->file, line, text);
}

/* "; did you mean 'word'?", or nothing; in @text. */
static const char *did_you_mean(const char *word, const char *const *candidates, size_t count, char text[64])
{
	unsigned int distance = WORD_DISTANCE_MAX;
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (word_is_nearer(word, candidates[i], &distance))
			snprintf(text, 64, "; did you mean '%s'?", candidates[i]);
	return text;
}

/* ---- values ----------------------------------------------------------------------------------------- */

static bool append(struct value *value, const char *text, size_t size)
{
	while (value->capacity < value->size + size + 1)
		if (!array_grow((void **)&value->text, value->capacity, &value->capacity, 1))
			return false;
	memcpy(value->text + value->size, text, size);
	value->size += size;
	value->text[value->size] = '\0';
	return true;
}

/* Goes on with a value: in a query a line stays a line, in all others it is more words. */
static struct inspect_error *go_on(struct reader *reader, const char *text)
{
	struct value *value = reader->value;
	bool is_query = value == &reader->values[KEY_QUERY];
	unsigned int breaks = value->last_line ? is_query ? reader->line - value->last_line : 1 : 0;
	size_t size = strlen(text);
	if (value->size + breaks + size > RULES_VALUE_MAX)
		return wrong(reader, value->line, "the value is longer than %d bytes", RULES_VALUE_MAX);
	for (unsigned int i = 0; i < breaks; i++)
		if (!append(value, is_query ? "\n" : " ", 1))
			return &inspect_error_no_memory;
	value->last_line = reader->line;
	return append(value, text, size) ? NULL : &inspect_error_no_memory;
}

/* ---- complete rules --------------------------------------------------------------------------------- */

/* The names that the message of a ready-made check may have. */
struct check_names {
	struct message_names names;
	const struct check *check;
};

static const char *find_check_name(const struct message_names *names, const char *name, size_t length)
{
	const struct check *check = ((const struct check_names *)names)->check;
	const struct {
		const char *name;
		bool known;
	} known[] = {
		{ "count", true },
		{ "bytes", check_has_bytes(check) },
		{ "size", check_has_bytes(check) },
		{ "limit", check_has_limit(check) },
		{ "type", check->type != NULL },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].known && strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0)
			return "";
	return NULL;
}

/* What a query's rows will have is not known yet. */
static const char *find_any_name(const struct message_names *names __attribute__((unused)),
				 const char *name __attribute__((unused)), size_t length)
{
	return length ? "" : NULL;
}

static struct inspect_error *check_message(const struct reader *reader, const struct rule *rule)
{
	const struct check_names names = { { rule->query ? find_any_name : find_check_name }, &rule->check };
	char *text = NULL;
	struct inspect_error *error = message_expand(rule->message, &names.names, &text);
	free(text);
	if (!error || inspect_error_kind(error) != INSPECT_ERROR_USAGE)
		return error;
	const char *more = rule->query ? "the columns of the query" : "what the check is about";
	struct inspect_error *told = wrong(reader, rule->message_line, "%s; there is {count}, and %s%s", inspect_error_message(error),
					   more, rule->query			 ? "" :
					   check_has_bytes(&rule->check) && rule->check.type ? ": {bytes}, {size}, {limit}, {type}" :
					   check_has_bytes(&rule->check) ? ": {bytes}, {size}, {limit}" :
					   check_has_limit(&rule->check) ? ": {limit}" :
									   " has no more to name");
	inspect_error_destroy(error);
	return told;
}

static struct inspect_error *missing(const struct reader *reader, const char *what)
{
	return wrong(reader, reader->name_line, "rule '%s' has no %s", reader->name, what);
}

static struct inspect_error *check_presence(const struct reader *reader)
{
	const struct value *values = reader->values;
	for (unsigned int i = 0; i < KEY_COUNT; i++)
		if (values[i].text && !values[i].last_line)
			return wrong(reader, values[i].line, "'%s' has no value", key_names[i]);
	if (!values[KEY_SEVERITY].text)
		return missing(reader, "severity: it needs a line 'severity = error', or warning, or info");
	if (!values[KEY_MESSAGE].text)
		return missing(reader, "message: it needs a line 'message = …' for whoever reads the result");
	if (!values[KEY_CHECK].text && !values[KEY_QUERY].text)
		return missing(reader, "check: it needs a line 'check = …', or 'query = SELECT …'");
	if (values[KEY_CHECK].text && values[KEY_QUERY].text)
		return wrong(reader, values[KEY_QUERY].line, "rule '%s' has both a check and a query: it takes one of them",
			     reader->name);
	if (values[KEY_MESSAGE].size > RULES_MESSAGE_MAX)
		return wrong(reader, values[KEY_MESSAGE].line, "the message is longer than %d bytes", RULES_MESSAGE_MAX);
	return NULL;
}

static struct inspect_error *parse_severity(const struct reader *reader, enum rule_severity *severity_ret)
{
	const struct value *value = &reader->values[KEY_SEVERITY];
	char nearest[64];
	if (rule_severity_find(value->text, severity_ret))
		return NULL;
	return wrong(reader, value->line, "a severity is error, warning or info, not '%.*s'%s", TEXT_SHOWN, value->text,
		     did_you_mean(value->text, severity_names, SEVERITY_COUNT, nearest));
}

static struct inspect_error *parse_check(const struct reader *reader, struct rule *rule)
{
	const struct value *value = &reader->values[KEY_CHECK];
	if (!value->text)
		return NULL;
	struct inspect_error *error = check_parse(value->text, &rule->check);
	return error ? inspect_error_prefix(error, "%s:%u", reader->file, value->line) : NULL;
}

/* @value's text with single spaces, for the caller to free. */
static char *single_spaced(const char *text)
{
	char *spaced = strdup(text), *to = spaced;
	for (; spaced && *text; text++)
		if ((*text != ' ' && *text != '\t') || (to > spaced && to[-1] != ' '))
			*to++ = *text == '\t' ? ' ' : *text;
	if (spaced)
		*to = '\0';
	return spaced;
}

static char *take_text(struct value *value)
{
	char *text = value->text;
	*value = (struct value){ 0 };
	return text;
}

/* Fills in @rule, which is all zero, from what was read; on an error it may have a part of it. */
static struct inspect_error *make_rule(struct reader *reader, struct rule *rule)
{
	struct inspect_error *error = parse_severity(reader, &rule->severity);
	if (!error)
		error = parse_check(reader, rule);
	if (error)
		return error;
	rule->line = reader->name_line;
	rule->message_line = reader->values[KEY_MESSAGE].line;
	rule->query_line = reader->values[KEY_QUERY].line;
	rule->name = strdup(reader->name);
	rule->file = strdup(reader->file);
	rule->check_text = reader->values[KEY_CHECK].text ? single_spaced(reader->values[KEY_CHECK].text) : strdup("query");
	rule->message = take_text(&reader->values[KEY_MESSAGE]);
	rule->query = take_text(&reader->values[KEY_QUERY]);
	if (!rule->name || !rule->file || !rule->check_text)
		return &inspect_error_no_memory;
	return check_message(reader, rule);
}

static void rule_deinit(struct rule *rule)
{
	check_deinit(&rule->check);
	free(rule->name);
	free(rule->file);
	free(rule->message);
	free(rule->check_text);
	free(rule->query);
}

static void clear_values(struct reader *reader)
{
	for (unsigned int i = 0; i < KEY_COUNT; i++)
		free(take_text(&reader->values[i]));
	reader->value = NULL;
	reader->in_rule = false;
}

/* The rule that was begun, if one was, has no more lines. */
static struct inspect_error *end_rule(struct reader *reader)
{
	struct rules *rules = reader->rules;
	struct rule rule = { 0 };
	if (!reader->in_rule)
		return NULL;
	struct inspect_error *error = check_presence(reader);
	if (!error)
		error = make_rule(reader, &rule);
	clear_values(reader);
	if (!error && !array_reserve(rules->items, rules->count, rules->capacity))
		error = &inspect_error_no_memory;
	if (error)
		rule_deinit(&rule);
	else
		rules->items[rules->count++] = rule;
	return error;
}

/* ---- lines ------------------------------------------------------------------------------------------ */

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c);
}

static struct inspect_error *check_name(const struct reader *reader, const char *name)
{
	size_t length = strlen(name);
	if (!length)
		return wrong(reader, reader->line, "'[]' has no name: a rule begins with '[its-name]'");
	for (size_t i = 0; i < length; i++)
		if (!is_name_character(name[i]))
			return wrong(reader, reader->line,
				     "'%.*s' is no name of a rule: names have letters, digits, '-', '_' and '.'", TEXT_SHOWN,
				     name);
	if (length > RULES_NAME_MAX)
		return wrong(reader, reader->line, "the name is longer than %d bytes", RULES_NAME_MAX);
	if (reader->rules->count >= RULES_COUNT_MAX)
		return wrong(reader, reader->line, "there are more than %d rules", RULES_COUNT_MAX);
	for (size_t i = 0; i < reader->rules->count; i++) {
		const struct rule *rule = &reader->rules->items[i];
		if (strcmp(rule->name, name) == 0)
			return wrong(reader, reader->line, "there is a rule '%s' already, at %s:%u: each needs a name of its own",
				     name, rule->file, rule->line);
	}
	return NULL;
}

/* "[name]" */
static struct inspect_error *begin_rule(struct reader *reader, char *text)
{
	char *end = text + strlen(text) - 1;
	if (*end != ']')
		return wrong(reader, reader->line, "'%.*s' has no ']' at its end: a rule begins with '[its-name]'", TEXT_SHOWN,
			     text);
	*end = '\0';
	struct inspect_error *error = end_rule(reader);
	if (!error)
		error = check_name(reader, text + 1);
	if (error)
		return error;
	reader->in_rule = true;
	reader->name_line = reader->line;
	strcpy(reader->name, text + 1);
	return NULL;
}

static struct inspect_error *find_key(const struct reader *reader, const char *name, enum key *key_ret)
{
	char nearest[64];
	for (unsigned int i = 0; i < KEY_COUNT; i++) {
		*key_ret = i;
		if (strcmp(name, key_names[i]) == 0)
			return NULL;
	}
	did_you_mean(name, key_names, KEY_COUNT, nearest);
	return wrong(reader, reader->line, "there is no key '%.*s'%s%s", TEXT_SHOWN, name, nearest,
		     *nearest ? "" : "; a rule has severity, message, and check or query");
}

/* Cuts white space off the end. */
static void trim_end(char *text)
{
	size_t size = strlen(text);
	while (size && strchr(" \t\r", text[size - 1]))
		size--;
	text[size] = '\0';
}

/* "key = value" */
static struct inspect_error *begin_value(struct reader *reader, char *text)
{
	char *equals = strchr(text, '=');
	if (!equals)
		return wrong(reader, reader->line,
			     "'%.*s' is no '[rule]', no 'key = value' and no '# comment'; a line that goes on with a value "
			     "begins with a space",
			     TEXT_SHOWN, text);
	*equals = '\0';
	trim_end(text);
	if (!reader->in_rule)
		return wrong(reader, reader->line, "'%.*s' stands before the first '[rule]'", TEXT_SHOWN, text);
	enum key key;
	struct inspect_error *error = find_key(reader, text, &key);
	if (error)
		return error;
	struct value *value = &reader->values[key];
	if (value->text)
		return wrong(reader, reader->line, "rule '%s' has a %s already, on line %u", reader->name, text, value->line);
	reader->value = value;
	value->line = reader->line;
	if (!append(value, "", 0))
		return &inspect_error_no_memory;
	char *rest = equals + 1 + strspn(equals + 1, " \t");
	return *rest ? go_on(reader, rest) : NULL;
}

static struct inspect_error *read_line(struct reader *reader)
{
	char *text = reader->text + strspn(reader->text, " \t");
	bool indented = text > reader->text;
	if (!*text || *text == '#')
		return NULL;
	if (indented && reader->value)
		return go_on(reader, text);
	if (indented)
		return wrong(reader, reader->line, "the line begins with white space, and there is no value above it to go on with");
	if (*text == '[')
		return begin_rule(reader, text);
	return begin_value(reader, text);
}

/* ---- the file --------------------------------------------------------------------------------------- */

/* Is the line text that may be shown? */
static struct inspect_error *check_text(const struct reader *reader)
{
	for (const char *at = reader->text; *at;) {
		uint32_t code;
		size_t length = utf8_decode(at, &code);
		if (!length)
			return wrong(reader, reader->line, "byte %td is not UTF-8 (0x%02x)", at - reader->text + 1, (uint8_t)*at);
		if (code != '\t' && code_is_unsafe(code))
			return wrong(reader, reader->line, "byte %td is a control character (U+%04X)", at - reader->text + 1, code);
		at += length;
	}
	return NULL;
}

/* Takes the line of @size bytes. */
static struct inspect_error *take_line(struct reader *reader, const char *text, size_t size)
{
	reader->line++;
	if (size && text[size - 1] == '\r')
		size--;
	if (size > RULES_LINE_MAX)
		return wrong(reader, reader->line, "the line is longer than %d bytes", RULES_LINE_MAX);
	if (memchr(text, '\0', size))
		return wrong(reader, reader->line, "there is a byte 0 in the line: this is no text");
	memcpy(reader->text, text, size);
	reader->text[size] = '\0';
	struct inspect_error *error = check_text(reader);
	if (error)
		return error;
	trim_end(reader->text);
	return read_line(reader);
}

static struct inspect_error *take_lines(struct reader *reader, const char *text, size_t size)
{
	static const char mark[] = "\xef\xbb\xbf"; /* that some editors put before UTF-8 */
	const char *at = text, *end = text + size;
	struct inspect_error *error = NULL;
	if (size >= strlen(mark) && memcmp(at, mark, strlen(mark)) == 0)
		at += strlen(mark);
	while (at < end && !error) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline ? newline : end;
		error = take_line(reader, at, (size_t)(line_end - at));
		at = newline ? newline + 1 : end;
	}
	return error ? error : end_rule(reader);
}

struct inspect_error *rules_parse(const char *text, size_t size, const char *file, struct rules *rules)
{
	size_t before = rules->count;
	if (size > RULES_FILE_MAX)
		return inspect_error_create(INSPECT_ERROR_USAGE, "%s: the file is longer than %d bytes", file, RULES_FILE_MAX);
	struct reader *reader AUTO_FREE = calloc(1, sizeof(*reader));
	if (!reader)
		return &inspect_error_no_memory;
	reader->file = file;
	reader->rules = rules;
	struct inspect_error *error = take_lines(reader, text, size);
	clear_values(reader);
	if (!error && rules->count == before)
		error = inspect_error_create(INSPECT_ERROR_USAGE, "%s: there is no rule in it: one begins with '[its-name]'", file);
	return error;
}

void rules_deinit(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rule_deinit(&rules->items[i]);
	free(rules->items);
	*rules = (struct rules){ 0 };
}
