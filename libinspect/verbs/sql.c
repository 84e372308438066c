/* SPDX-License-Identifier: MIT */
/*
 * sql.c - the verb `sql`: a query in SQL, whose columns become the answer's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "sql/sql.h"
#include "verbs/converse.h"
#include "verbs/options.h"
#include "verbs/verb.h"
#include "verbs/verdicts.h"

static const struct inspect_verb_option options[] = {
	{ "limit", "N", "show N rows and count the rest; 0: show all; default for text: a screenful", NULL },
	VERDICT_GUESSES_OPTION,
};

/* One statement with rows. */
struct query {
	struct verb_context *context;
	struct sql_database *database;
	sqlite3_stmt *statement;
	int column_count;
	struct verb_column *columns;
	struct cell *cells;
	char **blobs; /* of each column the text of a blob, or NULL */
};

/* ---- columns ---------------------------------------------------------------------------------------- */

/* What a column of the query is, if it is a column of a table. */
static enum column_kind declared_kind(sqlite3_stmt *statement, int column)
{
	const char *type = sqlite3_column_decltype(statement, column);
	if (type && strcmp(type, "ADDRESS") == 0)
		return COLUMN_ADDRESS;
	if (type && strcmp(type, "BOOLEAN") == 0)
		return COLUMN_BOOLEAN;
	return COLUMN_ANY;
}

static bool is_numeric(sqlite3_stmt *statement, int column, bool row)
{
	const char *type = sqlite3_column_decltype(statement, column);
	int value_type = row ? sqlite3_column_type(statement, column) : SQLITE_NULL;
	return (type && strcmp(type, "INTEGER") == 0) || value_type == SQLITE_INTEGER || value_type == SQLITE_FLOAT;
}

static bool is_taken(const struct query *query, int before, const char *name)
{
	for (int i = 0; i < before; i++)
		if (strcmp(query->columns[i].name, name) == 0)
			return true;
	return false;
}

/* The name of a column: two columns of an answer have different names, "address" and "address_2". */
static char *column_name(const struct query *query, int column)
{
	char *name = text_safe(sqlite3_column_name(query->statement, column));
	for (int number = 2; name && is_taken(query, column, name); number++) {
		free(name);
		char *safe AUTO_FREE = text_safe(sqlite3_column_name(query->statement, column));
		if (!safe || asprintf(&name, "%s_%d", safe, number) < 0)
			name = NULL;
	}
	return name;
}

/* Names the answer's columns; @row: the statement is at a row. */
static struct inspect_error *set_columns(struct query *query, bool row)
{
	for (int i = 0; i < query->column_count; i++) {
		char *name = column_name(query, i);
		if (!name)
			return &inspect_error_no_memory;
		enum column_kind declared = declared_kind(query->statement, i);
		query->columns[i] = (struct verb_column){
			.name = name,
			.kind = COLUMN_ANY,
			.numeric = declared == COLUMN_ANY && is_numeric(query->statement, i, row),
		};
	}
	return table_set_columns(query->context->table, query->columns, (size_t)query->column_count);
}

/* ---- rows ------------------------------------------------------------------------------------------- */

/* X'0a1b' */
static char *blob_text(const uint8_t *bytes, int size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * (size_t)size + sizeof("X''"));
	if (!text)
		return NULL;
	char *end = text;
	*end++ = 'X';
	*end++ = '\'';
	for (int i = 0; i < size; i++) {
		*end++ = digits[bytes[i] >> 4];
		*end++ = digits[bytes[i] & 15];
	}
	*end++ = '\'';
	*end = '\0';
	return text;
}

static struct cell integer_cell(enum column_kind declared, int64_t number)
{
	if (declared == COLUMN_ADDRESS)
		return cell_address((uint64_t)number);
	if (declared == COLUMN_BOOLEAN)
		return cell_boolean(number);
	return (struct cell){ .kind = COLUMN_NUMBER, .number = number };
}

/* False when out of memory. */
static bool make_cell(struct query *query, int column)
{
	sqlite3_stmt *statement = query->statement;
	struct cell *cell = &query->cells[column];
	*cell = cell_absent(NULL);
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		*cell = integer_cell(declared_kind(statement, column), sqlite3_column_int64(statement, column));
		return true;
	case SQLITE_FLOAT:
		*cell = (struct cell){ .kind = COLUMN_REAL, .real = sqlite3_column_double(statement, column) };
		return true;
	case SQLITE_TEXT:
		*cell = cell_text((const char *)sqlite3_column_text(statement, column));
		cell->text_size = (size_t)sqlite3_column_bytes(statement, column);
		return !cell->absent;
	case SQLITE_BLOB:
		free(query->blobs[column]);
		query->blobs[column] = blob_text(sqlite3_column_blob(statement, column), sqlite3_column_bytes(statement, column));
		*cell = cell_text(query->blobs[column]);
		return !cell->absent;
	}
	return true;
}

static struct inspect_error *send_row(struct query *query)
{
	if (table_shows_next(query->context->table))
		for (int i = 0; i < query->column_count; i++)
			if (!make_cell(query, i))
				return &inspect_error_no_memory;
	return table_row(query->context->table, query->cells);
}

static struct inspect_error *send_rows(struct query *query)
{
	bool row;
	struct inspect_error *error = sql_step(query->database, query->statement, &row);
	if (!error)
		error = set_columns(query, row);
	while (!error && row) {
		error = send_row(query);
		if (!error)
			error = sql_step(query->database, query->statement, &row);
	}
	return error;
}

static struct inspect_error *run_query(struct verb_context *context, struct sql_database *database, sqlite3_stmt *statement)
{
	struct query query = { context, database, statement, sqlite3_column_count(statement), NULL, NULL, NULL };
	size_t count = (size_t)query.column_count;
	query.columns = calloc(count + 1, sizeof(*query.columns));
	query.cells = calloc(count + 1, sizeof(*query.cells));
	query.blobs = calloc(count + 1, sizeof(*query.blobs));
	struct inspect_error *error =
		query.columns && query.cells && query.blobs ? send_rows(&query) : &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		free(query.columns ? (char *)query.columns[i].name : NULL);
		free(query.blobs ? query.blobs[i] : NULL);
	}
	free(query.columns);
	free(query.cells);
	free(query.blobs);
	return error;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

/* Runs the one statement that there is: sql_converse() has taken them apart. */
static struct inspect_error *run_statement(struct verb_context *context, struct sql_database *database, const char *text)
{
	sqlite3_stmt *statement;
	struct inspect_error *error = sql_prepare(database, text, &statement, NULL);
	bool has_rows = !error && sqlite3_column_count(statement), row;
	if (!has_rows)
		table_say_nothing(context->table);
	if (has_rows)
		error = run_query(context, database, statement);
	else if (!error && statement)
		error = sql_step(database, statement, &row);
	sqlite3_finalize(statement);
	return error;
}

static struct inspect_error *run(struct verb_context *context)
{
	struct sql_database *database;
	struct inspect_error *error = verb_database_of(context, &database);
	if (!error)
		error = run_statement(context, database, context->options->operands[0]);
	return verb_database_done(context, error);
}

static const char description[] =
	"Answers a query in SQL (SQLite's). Its tables are made of the heap while the query runs: nothing is copied, and\n"
	"nothing is found out that the query does not ask for. `sql TARGET .tables` lists them, .schema tells of their\n"
	"columns; all other verbs are tables, too, which take their arguments: FROM cycles('--all').\n"
	"\n"
	"Without a statement it reads statements, each up to its semicolon; from a terminal, with a prompt and a history.\n"
	"Addresses are written 0x7f12a4c0d5e0, without quotes. Nothing can be written but temporary tables and views.";

const struct verb verb_sql = {
	.info = {
		.name = "sql",
		.summary = "a query in SQL over objects, references and all that verbs say",
		.operands = "[STATEMENT]",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = NULL,
	.column_count = 0,
	.rows = "rows",
	.no_sql = true,
	.no_total = true,
	.converse = sql_converse,
	.run = run,
};
