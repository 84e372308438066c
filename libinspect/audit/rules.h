/* SPDX-License-Identifier: MIT */
/*
 * rules.h - the rules of an audit, as they stand in a file.
 *
 *     # A comment.
 *     [sessions]
 *     severity = error
 *     message  = {count} sessions are open: are they ever closed?
 *     check    = count of app.Session at most 40000
 *
 *     [long-strings]
 *     severity = warning
 *     message  = {count} strings of more than a megabyte, such as the one at {address}
 *     query    =
 *         SELECT address, size FROM objects
 *         WHERE type = 'str' AND size > 1048576
 *
 * A line that begins with white space goes on with the value above it.
 */
#ifndef INSPECT_AUDIT_RULES_H
#define INSPECT_AUDIT_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "audit/checks.h"
#include "inspect.h"

/* What a file may have; more is an error. */
enum {
	RULES_FILE_MAX = 1 << 20,  /* bytes */
	RULES_COUNT_MAX = 1000,    /* rules in all files together */
	RULES_LINE_MAX = 4000,     /* bytes of a line */
	RULES_VALUE_MAX = 1 << 16, /* bytes of a value */
	RULES_NAME_MAX = 100,      /* bytes of a rule's name */
	RULES_MESSAGE_MAX = 1000,  /* bytes of a message */
};

enum rule_severity {
	RULE_INFO,
	RULE_WARNING,
	RULE_ERROR,
};

/* One rule; its texts are its own. */
struct rule {
	char *name;
	char *file;        /* where it stands, */
	unsigned int line; /* counted from 1 */
	enum rule_severity severity;
	char *message;       /* to be filled in: see message.h */
	unsigned int message_line;
	struct check check;  /* its subject is CHECK_QUERY if there is a query */
	char *check_text;    /* the check as it is written, with single spaces; "query" */
	char *query;         /* NULL: the check is a ready-made one */
	unsigned int query_line;
};

/* All zero is empty. */
struct rules {
	struct rule *items;
	size_t count, capacity;
};

/* Appends the rules in @text, the @size bytes of the file called @file. An error of the kind INSPECT_ERROR_USAGE says what is
 * wrong, in which line, and what was expected; the rules before it are then in @rules. Depends on nothing but its arguments. */
struct inspect_error *rules_parse(const char *text, size_t size, const char *file, struct rules *rules)
	__attribute__((warn_unused_result));
/* Appends the rules of the file at @path. If there is no such file and @path is a mere name, it is one of the rule sets that
 * come with libinspect. */
struct inspect_error *rules_read(const char *path, struct rules *rules) __attribute__((warn_unused_result));
void rules_deinit(struct rules *rules);

/* "error", "warning" or "info". */
const char *rule_severity_name(enum rule_severity severity);
/* False if @name is none of them. */
bool rule_severity_find(const char *name, enum rule_severity *severity_ret);

#endif
