/* SPDX-License-Identifier: MIT */
/*
 * error.c - error objects.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct inspect_error {
	enum inspect_error_kind kind;
	char *message;
};

struct inspect_error inspect_error_no_memory = {
	.kind = INSPECT_ERROR_NO_MEMORY,
	.message = (char *)"out of memory",
};

/* Takes @message over. What it quotes from the target is made safe to show. */
static struct inspect_error *error_from_message(enum inspect_error_kind kind, char *message)
{
	char *safe = message ? text_safe(message) : NULL;
	free(message);
	struct inspect_error *error = safe ? malloc(sizeof(*error)) : NULL;
	if (!error) {
		free(safe);
		return &inspect_error_no_memory;
	}
	*error = (struct inspect_error){ .kind = kind, .message = safe };
	return error;
}

static char *format_message(const char *format, va_list arguments)
{
	char *message;
	return vasprintf(&message, format, arguments) < 0 ? NULL : message;
}

struct inspect_error *inspect_error_create(enum inspect_error_kind kind, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *message = format_message(format, arguments);
	va_end(arguments);
	return error_from_message(kind, message);
}

/* Joins "@head: @tail"; frees @head. */
static char *join(char *head, const char *tail)
{
	char *joined;
	if (!head || asprintf(&joined, "%s: %s", head, tail) < 0)
		joined = NULL;
	free(head);
	return joined;
}

struct inspect_error *inspect_error_from_errno(int number, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *message = format_message(format, arguments);
	va_end(arguments);
	return error_from_message(INSPECT_ERROR_SYSTEM, join(message, strerror(number)));
}

struct inspect_error *inspect_error_prefix(struct inspect_error *error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *message = format_message(format, arguments);
	va_end(arguments);
	struct inspect_error *prefixed = error_from_message(error->kind, join(message, error->message));
	inspect_error_destroy(error);
	return prefixed;
}

enum inspect_error_kind inspect_error_kind(const struct inspect_error *error)
{
	return error->kind;
}

const char *inspect_error_message(const struct inspect_error *error)
{
	return error->message;
}

void inspect_error_destroy(struct inspect_error *error)
{
	if (!error || error == &inspect_error_no_memory)
		return;
	free(error->message);
	free(error);
}
