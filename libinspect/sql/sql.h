/* SPDX-License-Identifier: MIT */
/*
 * sql.h - what was found out about a target, as tables of an SQLite database.
 *
 * The tables are virtual: rows are made of the heap's columns while a query runs, and what a query does not ask for is
 * not found out. Nothing can be written but temporary tables and views in memory. doc/sql.md describes every table.
 *
 *     struct sql_database *database;
 *     struct inspect_error *error = verb_database_of(context, &database);
 *     sqlite3_stmt *statement;
 *     error = sql_prepare(database, "SELECT count(*) FROM objects", &statement, NULL);
 *     bool row;
 *     while (!(error = sql_step(database, statement, &row)) && row)
 *             ... sqlite3_column_int64(statement, 0) ...
 *     sqlite3_finalize(statement);
 */
#ifndef INSPECT_SQL_SQL_H
#define INSPECT_SQL_SQL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "verbs/verb.h"

struct sql_database;

/* Opens a database of what @session has or will find out, for the session to keep: verb_database_of() does. */
struct inspect_error *sql_database_open(struct inspect_session *session, struct sql_database **database_ret)
	__attribute__((warn_unused_result));
/* All statements must have been finalized. NULL is fine. */
void sql_database_close(struct sql_database *database);

/* The database of @context's session, opened on first use. From now on queries add their notes to @context, and
 * are that run's. */
struct inspect_error *verb_database_of(struct verb_context *context, struct sql_database **database_ret)
	__attribute__((warn_unused_result));
/* The run is over: adds the notes that are only known at the end, and forgets @context. Every verb that has called
 * verb_database_of() calls this before it returns, with the error that it is going to return, and returns what this
 * returns. */
struct inspect_error *verb_database_done(struct verb_context *context, struct inspect_error *error)
	__attribute__((warn_unused_result));

/* SQLite's own, for what this page has no function for. */
sqlite3 *sql_database_handle(struct sql_database *database);

/* Compiles the first statement of @text. *@statement_ret is NULL if there is none, only space and comments; *@rest_ret (may
 * be NULL) is what comes behind it in @text. What is wrong with the text is an error of the kind
 * INSPECT_ERROR_USAGE that says where. */
struct inspect_error *sql_prepare(struct sql_database *database, const char *text, sqlite3_stmt **statement_ret,
				  const char **rest_ret) __attribute__((warn_unused_result));
/* Goes to the next row; *@row_ret is false behind the last one. Errors are those of what the tables are made of (the target
 * cannot be read, cancelled), or of the kind INSPECT_ERROR_USAGE if the query itself failed. */
struct inspect_error *sql_step(struct sql_database *database, sqlite3_stmt *statement, bool *row_ret)
	__attribute__((warn_unused_result));

#endif
