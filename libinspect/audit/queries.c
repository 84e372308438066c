/* SPDX-License-Identifier: MIT */
/*
 * queries.c - rules whose violations are the rows of a query.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "audit/audit.h"
#include "audit/message.h"
#include "base/array.h"
#include "base/error.h"
#include "sql/sql.h"

/* What ready-made checks ask. */
static const char *const ready_made[CHECK_SUBJECTS] = {
	[CHECK_UNCOLLECTABLE_OBJECTS] = "SELECT address, type, size, why FROM garbage",
	[CHECK_REFCOUNTS] = "SELECT * FROM refcounts WHERE verdict <> 'held'",
	[CHECK_INTEGRITY] = "SELECT * FROM verify",
};

static const char *query_of(const struct rule *rule)
{
	return rule->query ? rule->query : ready_made[rule->check.subject];
}

/* ---- is it a query? ---------------------------------------------------------------------------------- */

/* The query's line in its file. An error of the kind INSPECT_ERROR_USAGE. */
static struct inspect_error *wrong_query(const struct rule *rule, const char *problem)
{
	return inspect_error_create(INSPECT_ERROR_USAGE, "%s:%u: rule '%s': %s", rule->file, rule->query_line, rule->name, problem);
}

/* Compiles the query of @rule, the one statement in it. */
static struct inspect_error *prepare(struct sql_database *database, const struct rule *rule, sqlite3_stmt **statement_ret)
{
	const char *rest;
	sqlite3_stmt *more = NULL;
	struct inspect_error *error = sql_prepare(database, query_of(rule), statement_ret, &rest);
	if (!error && *statement_ret)
		error = sql_prepare(database, rest, &more, NULL);
	if (error && inspect_error_kind(error) == INSPECT_ERROR_USAGE && rule->query)
		error = inspect_error_prefix(error, "%s:%u: rule '%s'", rule->file, rule->query_line, rule->name);
	if (!error && more)
		error = wrong_query(rule, "there is more than one statement: a rule has one query");
	if (!error && (!sqlite3_column_count(*statement_ret) || !sqlite3_stmt_readonly(*statement_ret)))
		error = wrong_query(rule, "this is no query: it should begin with SELECT or WITH");
	sqlite3_finalize(more);
	if (error) {
		sqlite3_finalize(*statement_ret);
		*statement_ret = NULL;
	}
	return error;
}

/* The names that the message of a query's rule may have. */
struct column_names {
	struct message_names names;
	sqlite3_stmt *statement;
};

static const char *find_column_name(const struct message_names *names, const char *name, size_t length)
{
	sqlite3_stmt *statement = ((const struct column_names *)names)->statement;
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		const char *column = sqlite3_column_name(statement, i);
		if (column && strlen(column) == length && memcmp(column, name, length) == 0)
			return "";
	}
	return length == strlen("count") && memcmp(name, "count", length) == 0 ? "" : NULL;
}

static struct inspect_error *check_query(struct sql_database *database, const struct rule *rule)
{
	sqlite3_stmt *statement;
	char *message = NULL;
	struct inspect_error *error = prepare(database, rule, &statement);
	if (error)
		return error;
	const struct column_names names = { { find_column_name }, statement };
	error = message_expand(rule->message, &names.names, &message);
	if (error && inspect_error_kind(error) == INSPECT_ERROR_USAGE)
		error = inspect_error_prefix(error, "%s:%u: the query has no such column", rule->file, rule->message_line);
	free(message);
	sqlite3_finalize(statement);
	return error;
}

struct inspect_error *audit_check_queries(struct audit *audit, const struct rules *rules)
{
	struct sql_database *database;
	struct inspect_error *error = verb_database_of(audit->context, &database);
	for (size_t i = 0; i < rules->count && !error; i++)
		if (rules->items[i].query)
			error = check_query(database, &rules->items[i]);
	return verb_database_done(audit->context, error);
}

/* ---- rows -------------------------------------------------------------------------------------------- */

/* One query being asked. */
struct asking {
	struct decision *decision;
	sqlite3_stmt *statement;
	uint64_t rows, bytes;
};

/* Is the cell an integer from a column of a table that is called a @kind there? */
static bool is_declared(sqlite3_stmt *statement, int column, const char *kind)
{
	const char *type = sqlite3_column_decltype(statement, column);
	return type && strcmp(type, kind) == 0 && sqlite3_column_type(statement, column) == SQLITE_INTEGER;
}

static bool is_address(sqlite3_stmt *statement, int column)
{
	return is_declared(statement, column, "ADDRESS");
}

/* What is in a cell, for people; for the caller to free. */
static char *cell_spelt(sqlite3_stmt *statement, int column)
{
	char *spelt = NULL;
	if (is_address(statement, column)) {
		uint64_t address = (uint64_t)sqlite3_column_int64(statement, column);
		return asprintf(&spelt, "0x%" PRIx64, address) < 0 ? NULL : spelt;
	}
	if (is_declared(statement, column, "BOOLEAN"))
		return strdup(sqlite3_column_int64(statement, column) ? "yes" : "no");
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_NULL:
		return strdup("none");
	case SQLITE_BLOB:
		return asprintf(&spelt, "%d bytes", sqlite3_column_bytes(statement, column)) < 0 ? NULL : spelt;
	default: {
		const char *text = (const char *)sqlite3_column_text(statement, column);
		return text ? strdup(text) : NULL;
	}
	}
}

/* The column called @name, or -1. */
static int find_column(sqlite3_stmt *statement, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		const char *column = sqlite3_column_name(statement, i);
		if (column && strcmp(column, name) == 0)
			return i;
	}
	return -1;
}

/* The number in the column called @name; -1 if there is none. */
static int64_t find_number(sqlite3_stmt *statement, const char *name)
{
	int column = find_column(statement, name);
	if (column < 0 || sqlite3_column_type(statement, column) != SQLITE_INTEGER)
		return -1;
	int64_t number = sqlite3_column_int64(statement, column);
	return number < 0 ? -1 : number;
}

static int64_t row_bytes(sqlite3_stmt *statement)
{
	int64_t bytes = find_number(statement, "bytes");
	return bytes < 0 ? find_number(statement, "size") : bytes;
}

/* "address: 0x7f…, size: 56": all that is not NULL. */
static char *row_text(sqlite3_stmt *statement)
{
	char *text = NULL;
	size_t size;
	bool whole = true, first = true;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		if (sqlite3_column_type(statement, i) == SQLITE_NULL)
			continue;
		char *spelt AUTO_FREE = cell_spelt(statement, i);
		const char *name = sqlite3_column_name(statement, i);
		whole &= spelt && name;
		fprintf(stream, "%s%s: %s", first ? "" : ", ", name ? name : "", spelt ? spelt : "");
		first = false;
	}
	if (fclose(stream) == 0 && whole)
		return text;
	free(text);
	return NULL;
}

static struct inspect_error *tell_row(struct asking *asking)
{
	sqlite3_stmt *statement = asking->statement;
	int address = find_column(statement, "address"), type = find_column(statement, "type");
	struct violation violation = {
		.count = find_number(statement, "count"),
		.bytes = row_bytes(statement),
		.text = row_text(statement),
	};
	if (address >= 0 && is_address(statement, address))
		violation.address = (uint64_t)sqlite3_column_int64(statement, address);
	if (type >= 0 && sqlite3_column_type(statement, type) == SQLITE_TEXT)
		violation.type = cell_spelt(statement, type);
	return outcome_violation(asking->decision->outcome, violation);
}

/* The columns of the first row are what the message may name. */
static struct inspect_error *name_row(struct asking *asking)
{
	struct inspect_error *error = NULL;
	for (int i = 0; i < sqlite3_column_count(asking->statement) && !error; i++) {
		char *spelt AUTO_FREE = cell_spelt(asking->statement, i);
		const char *name = sqlite3_column_name(asking->statement, i);
		error = spelt && name ? outcome_name(asking->decision->outcome, name, spelt) : &inspect_error_no_memory;
	}
	return error;
}

static struct inspect_error *take_row(struct asking *asking)
{
	struct outcome *outcome = asking->decision->outcome;
	int64_t bytes = row_bytes(asking->statement);
	asking->rows++;
	asking->bytes = add_saturating(asking->bytes, bytes > 0 ? (uint64_t)bytes : 0);
	if (asking->rows == 1 && asking->decision->rule->query) {
		struct inspect_error *error = name_row(asking);
		if (error)
			return error;
	}
	if (outcome->total < outcome->keep)
		return tell_row(asking);
	outcome->total++;
	return NULL;
}

static struct inspect_error *ask(struct asking *asking, struct sql_database *database)
{
	bool row = true;
	struct inspect_error *error = NULL;
	while (!error && !(error = sql_step(database, asking->statement, &row)) && row)
		error = take_row(asking);
	return error;
}

/* All queries have been compiled once: one that fails now, for what it found, is no wrong call. */
static struct inspect_error *as_failure(struct inspect_error *error)
{
	if (!error || inspect_error_kind(error) != INSPECT_ERROR_USAGE)
		return error;
	struct inspect_error *failure = inspect_error_create(INSPECT_ERROR_CORRUPT, "%s", inspect_error_message(error));
	inspect_error_destroy(error);
	return failure;
}

static struct inspect_error *note_hidden(struct decision *decision)
{
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(&decision->context, &runtime);
	return error ? error : decision_note_hidden(decision, runtime, NULL);
}

struct inspect_error *decide_query(struct decision *decision)
{
	struct asking asking = { .decision = decision };
	struct sql_database *database;
	struct inspect_error *error = verb_database_of(&decision->context, &database);
	if (!error)
		error = prepare(database, decision->rule, &asking.statement);
	if (!error)
		error = ask(&asking, database);
	sqlite3_finalize(asking.statement);
	if (!error && decision->rule->query)
		error = note_hidden(decision);
	error = as_failure(verb_database_done(&decision->context, error));
	if (error)
		return error;
	decide_by_limit(decision, asking.rows);
	return outcome_name_amounts(decision->outcome, asking.rows, asking.bytes);
}
