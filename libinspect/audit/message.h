/* SPDX-License-Identifier: MIT */
/*
 * message.h - messages of rules: text in which {name} stands for what was found; {{ and }} are braces.
 */
#ifndef INSPECT_AUDIT_MESSAGE_H
#define INSPECT_AUDIT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "inspect.h"

/* Says what the name of @length bytes at @name stands for; NULL: there is no such name. */
struct message_names {
	const char *(*find)(const struct message_names *names, const char *name, size_t length);
};

/* *@text_ret is @message with all names replaced, for the caller to free. An error of the kind INSPECT_ERROR_USAGE if there is a
 * brace without its other one, or a name that there is not. */
struct inspect_error *message_expand(const char *message, const struct message_names *names, char **text_ret)
	__attribute__((warn_unused_result));

#endif
