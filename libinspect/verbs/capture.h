/* SPDX-License-Identifier: MIT */
/*
 * capture.h - the rows of a verb, kept in memory in place of being written.
 */
#ifndef INSPECT_VERBS_CAPTURE_H
#define INSPECT_VERBS_CAPTURE_H

#include "verbs/verb.h"

/* A cell that was kept. */
struct captured_cell {
	uint8_t kind; /* enum column_kind, never COLUMN_ANY */
	bool absent;
	uint32_t size; /* bytes of the text */
	union {
		int64_t number; /* addresses, too */
		double real;
		const char *text;
	};
};

struct captured {
	size_t columns; /* of the verb */
	size_t rows, capacity;
	struct captured_cell *cells; /* row after row; columns that the options do not choose are absent */
	struct text_chunk *texts;
};

/* Runs @verb as `VERB @arguments` (words with spaces between them; quotes keep words together; NULL: none) for @context, which gets
 * its notes. The options that say how it is written are refused, and so is a wrong call, with an error of the kind
 * INSPECT_ERROR_USAGE. captured_deinit() frees what is in @captured. */
struct inspect_error *verb_capture(struct verb_context *context, const struct verb *verb, const char *arguments,
				   struct captured *captured) __attribute__((warn_unused_result));
void captured_deinit(struct captured *captured);

#endif
