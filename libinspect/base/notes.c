/* SPDX-License-Identifier: MIT */
/*
 * notes.c - lists of notes.
 */
#include "base/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

struct inspect_error *notes_add(struct notes *notes, bool incomplete, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text;
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < notes->count; i++) {
		if (strcmp(notes->items[i].text, text) == 0) {
			notes->items[i].incomplete |= incomplete;
			free(text);
			return NULL;
		}
	}
	if (!array_reserve(notes->items, notes->count, notes->capacity)) {
		free(text);
		return &inspect_error_no_memory;
	}
	notes->items[notes->count++] = (struct note){ .text = text, .incomplete = incomplete };
	return NULL;
}

struct inspect_error *notes_add_all(struct notes *notes, const struct notes *from)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < from->count && !error; i++)
		error = notes_add(notes, from->items[i].incomplete, "%s", from->items[i].text);
	return error;
}

bool notes_incomplete(const struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		if (notes->items[i].incomplete)
			return true;
	return false;
}

void notes_deinit(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->items[i].text);
	free(notes->items);
	*notes = (struct notes){ 0 };
}
