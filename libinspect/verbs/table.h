/* SPDX-License-Identifier: MIT */
/*
 * table.h - rows on their way from a verb to a renderer.
 *
 * The table picks the columns that the options ask for, applies --limit and sums up; a renderer spells what
 * it gets, row by row, and keeps none of it.
 */
#ifndef INSPECT_VERBS_TABLE_H
#define INSPECT_VERBS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "inspect.h"
#include "verbs/emit.h"
#include "verbs/verb.h"

enum table_format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_JSONL,
	FORMAT_CSV,
	FORMAT_JUNIT,
};

/* Sums over rows; a sum that became too large stays at INT64_MAX. */
struct table_sums {
	uint64_t rows;
	int64_t columns[TABLE_COLUMNS_MAX]; /* by index into the table's columns; of summed ones */
};

/* How it ended, for renderers that say so. */
struct table_end {
	const struct inspect_error *error; /* NULL: well */
	const struct notes *notes;
};

struct table;

/* One way to write a table. begin() comes first, end() last, also when the verb fails before its first row.
 * False when out of memory. */
struct renderer {
	bool (*begin)(struct table *table);
	bool (*row)(struct table *table, const struct cell *cells);
	bool (*end)(struct table *table, const struct table_end *end);
	void (*deinit)(struct table *table);
};

extern const struct renderer renderer_text, renderer_json, renderer_jsonl, renderer_csv, renderer_junit;

struct table {
	const struct verb *verb;
	const struct verb_column *all; /* the verb's columns, or those that table_set_columns() gave */
	size_t all_count;
	struct verb_column *own; /* these, or NULL: all are the verb's */
	const char *rows; /* what they are called */
	const struct inspect_target *target;
	const struct renderer *renderer;
	struct emitter emitter;
	uint8_t columns[TABLE_COLUMNS_MAX]; /* those to write: indices into all */
	size_t column_count;
	uint64_t limit; /* rows */
	bool begun;
	bool silent; /* nothing is written */
	struct table_sums total; /* of all rows */
	struct table_sums rest;  /* of those beyond the limit */
	char *summary; /* in place of the total in tables for people; or NULL */
	void *renderer_data;
};

/* Makes a table for one answer, as --format and --limit say. */
struct inspect_error *table_create(const struct verb *verb, const struct options *options,
				   const struct inspect_target *target, const struct inspect_output *output,
				   struct table **table_ret) __attribute__((warn_unused_result));
/* The same for rows that are not written but go to @renderer, with all columns that the options choose; --format does not
 * matter. Its begin() finds @renderer_data in the table. */
struct inspect_error *table_create_for(const struct verb *verb, const struct options *options,
				       const struct inspect_target *target, const struct renderer *renderer, void *renderer_data,
				       struct table **table_ret) __attribute__((warn_unused_result));
/* Writes what comes behind the last row. */
struct inspect_error *table_end(struct table *table, const struct table_end *end)
	__attribute__((warn_unused_result));
void table_destroy(struct table *table);

/* @text, a note or a message, without what may be a word of the program's data that stands where an address should be; for
 * the caller to free, NULL when out of memory. */
char *table_redact_text(const struct inspect_target *target, const char *text);

/* Column number @index of those to write. */
static inline const struct verb_column *table_column(const struct table *table, size_t index)
{
	return &table->all[table->columns[index]];
}

/* How many bytes the text of @cell has. */
static inline size_t cell_text_size(const struct cell *cell)
{
	return cell->text_size ? cell->text_size : strlen(cell->text);
}

/* The kind of @cell in @column. */
static inline enum column_kind cell_kind(const struct verb_column *column, const struct cell *cell)
{
	return column->kind == COLUMN_ANY ? cell->kind : column->kind;
}

#endif
