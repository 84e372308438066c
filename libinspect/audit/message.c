/* SPDX-License-Identifier: MIT */
/*
 * message.c - filling in the messages of rules.
 */
#include "audit/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { NAME_SHOWN = 60 };

/* Writes what the {name} at @at stands for. *@end_ret is where the text goes on. */
static struct inspect_error *expand_name(const char *at, const struct message_names *names, FILE *stream,
					 const char **end_ret)
{
	const char *name = at + 1;
	size_t length = strcspn(name, "{}");
	if (name[length] != '}')
		return inspect_error_create(INSPECT_ERROR_USAGE,
					    "the message has a '{' without '}'; a brace itself is written '{{' or '}}'");
	const char *value = names->find(names, name, length);
	if (!value)
		return inspect_error_create(INSPECT_ERROR_USAGE, "the message has no '{%.*s}' to name",
					    (int)(length < NAME_SHOWN ? length : NAME_SHOWN), name);
	fputs(value, stream);
	*end_ret = name + length + 1;
	return NULL;
}

static struct inspect_error *expand_all(const char *at, const struct message_names *names, FILE *stream)
{
	struct inspect_error *error = NULL;
	while (*at && !error) {
		size_t plain = strcspn(at, "{}");
		fwrite(at, 1, plain, stream);
		at += plain;
		if (*at && at[1] == at[0]) {
			fputc(*at, stream);
			at += 2;
		} else if (*at == '{') {
			error = expand_name(at, names, stream, &at);
		} else if (*at) {
			return inspect_error_create(INSPECT_ERROR_USAGE,
						    "the message has a '}' without '{'; a brace itself is written '}}'");
		}
	}
	return error;
}

struct inspect_error *message_expand(const char *message, const struct message_names *names, char **text_ret)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return &inspect_error_no_memory;
	struct inspect_error *error = expand_all(message, names, stream);
	if (fclose(stream) != 0 && !error)
		error = &inspect_error_no_memory;
	if (error)
		free(text);
	else
		*text_ret = text;
	return error;
}
