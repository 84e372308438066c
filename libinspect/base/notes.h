/* SPDX-License-Identifier: MIT */
/*
 * notes.h - sentences about what could not be seen, gathered on the way to an answer.
 */
#ifndef INSPECT_BASE_NOTES_H
#define INSPECT_BASE_NOTES_H

#include <stdbool.h>
#include <stddef.h>

struct inspect_error;

struct note {
	char *text;
	bool incomplete; /* the answer lacks something because of this */
};

/* A list of notes; all zero is empty. */
struct notes {
	struct note *items;
	size_t count, capacity;
};

/* Adds a note unless the same text is there. @incomplete: it makes the answer an incomplete one
 * (exit status 4). */
struct inspect_error *notes_add(struct notes *notes, bool incomplete, const char *format, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));
/* Adds all notes of @from. */
struct inspect_error *notes_add_all(struct notes *notes, const struct notes *from) __attribute__((warn_unused_result));
/* Is any note of the list one of an incomplete answer? */
bool notes_incomplete(const struct notes *notes);
void notes_deinit(struct notes *notes);

#endif
