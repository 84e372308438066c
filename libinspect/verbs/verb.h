/* SPDX-License-Identifier: MIT */
/*
 * verb.h - a verb: what a command takes, does and prints, said once for every front end.
 *
 * A verb is a constant: its help, its options, its columns and a run function. run() gets the parsed
 * options and sends rows of cells to a table; the renderers (output_text.c, output_json.c, output_csv.c)
 * make text, JSON, JSON lines or CSV of them. No verb formats anything, no front end knows a verb.
 */
#ifndef INSPECT_VERBS_VERB_H
#define INSPECT_VERBS_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/notes.h"
#include "inspect.h"

struct heap;
struct runtime;

enum column_kind {
	COLUMN_TEXT,
	COLUMN_COUNT,   /* a plain integer */
	COLUMN_BYTES,   /* an integer; text may show it with a unit beside it */
	COLUMN_ADDRESS, /* JSON: a string "0x…" */
	COLUMN_BOOLEAN,
	COLUMN_GENERATION, /* 0, 1, 2 or "permanent" */
};

struct verb_column {
	const char *name;
	enum column_kind kind;
	const char *help;
};

/* One value of a row. Absent values print as null in JSON, as nothing in CSV and as "-" in text. */
struct cell {
	bool absent;
	union {
		int64_t number; /* COUNT, BYTES, BOOLEAN, GENERATION */
		uint64_t address;
		const char *text; /* valid during the call only */
	};
};

/* How a verb's rows look as text. */
enum verb_shape {
	VERB_TABLE,  /* rows under a header */
	VERB_RECORD, /* few rows with many columns: one `name: value` a line */
};

struct table;

struct verb_context {
	struct inspect_session *session;
	const struct verb *verb;
	const char *const *operands;
	int operand_count;
	struct table *table;
	struct notes notes; /* what this answer could not see */
	struct verb_option_value *options;
};

struct verb {
	struct inspect_verb_info info;
	enum verb_shape shape;
	/* Sends its columns and rows to context->table. An error is printed and decides the exit status. */
	struct inspect_error *(*run)(struct verb_context *context);
};

extern const struct verb verb_status, verb_heap, verb_gc, verb_generations, verb_objects, verb_object;

/* ---- for run functions ---- */

/* The session's runtime and heap, found on first use. The heap's notes join the context's. */
struct inspect_error *verb_runtime(struct verb_context *context, struct runtime **runtime_ret)
	__attribute__((warn_unused_result));
struct inspect_error *verb_heap_of(struct verb_context *context, const struct heap **heap_ret)
	__attribute__((warn_unused_result));

/* An option's argument as it was written, or NULL. Options that may be repeated: @index counts them. */
const char *verb_option(const struct verb_context *context, const char *name);
bool verb_flag(const struct verb_context *context, const char *name);
/* The same as a number of bytes or objects ("4096", "0x1000", "4k", "2M", "1G"); @fallback where it was not given. */
struct inspect_error *verb_option_number(const struct verb_context *context, const char *name,
					 uint64_t fallback, uint64_t *number_ret)
	__attribute__((warn_unused_result));

/* Starts the table with these columns. Once, before the first row. */
struct inspect_error *table_begin(struct table *table, const struct verb_column *columns, size_t count)
	__attribute__((warn_unused_result));
/* Sends one row; @cells as many as there are columns. Applies --limit: rows beyond it are counted, and
 * summed over the columns of the kinds COUNT and BYTES if the total is asked for. */
struct inspect_error *table_row(struct table *table, const struct cell *cells)
	__attribute__((warn_unused_result));
/* Gives the last row, which sums all others. @cells as many as there are columns. */
struct inspect_error *table_total(struct table *table, const struct cell *cells)
	__attribute__((warn_unused_result));

#endif
