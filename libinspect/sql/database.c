/* SPDX-License-Identifier: MIT */
/*
 * database.c - opening a database that can read the target and write nothing, and running statements.
 */
#include "sql/database.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "sql/vtab.h"
#include "target/target.h"
#include "verbs/session.h"

enum {
	PROGRESS_STEPS = 20000,       /* of SQLite's virtual machine: a few milliseconds */
	LONGEST_VALUE = 1 << 28,      /* bytes of one text or blob */
	LONGEST_STATEMENT = 1 << 20,
	DEEPEST_TRIGGER = 20,
};

/* ---- what statements may do ------------------------------------------------------------------------- */

/* Pragmas that only say something. */
static bool pragma_is_harmless(const char *name)
{
	static const char *const harmless[] = {
		"collation_list", "compile_options", "database_list", "function_list", "index_info", "index_list", "index_xinfo",
		"module_list", "pragma_list", "table_info", "table_list", "table_xinfo",
	};
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (name && strcmp(name, harmless[i]) == 0)
			return true;
	return false;
}

/* Reading is allowed, and what changes temporary tables, which are in memory. */
static int authorize(void *context, int action, const char *first,
		     const char *second __attribute__((unused)), const char *schema,
		     const char *trigger __attribute__((unused)))
{
	const struct sql_database *database = context;
	if (database->declaring)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_CREATE_TEMP_INDEX:
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_TRIGGER:
	case SQLITE_CREATE_TEMP_VIEW:
	case SQLITE_DROP_TEMP_INDEX:
	case SQLITE_DROP_TEMP_TABLE:
	case SQLITE_DROP_TEMP_TRIGGER:
	case SQLITE_DROP_TEMP_VIEW:
	case SQLITE_FUNCTION: /* none that we have reaches out of the database */
		return SQLITE_OK;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
	case SQLITE_ALTER_TABLE:
	case SQLITE_REINDEX:
	case SQLITE_ANALYZE:
		return schema && strcmp(schema, "temp") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_PRAGMA:
		return pragma_is_harmless(first) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static void set_limits(sqlite3 *handle)
{
	sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(handle, SQLITE_LIMIT_COLUMN, TABLE_COLUMNS_MAX);
	sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
	sqlite3_limit(handle, SQLITE_LIMIT_SQL_LENGTH, LONGEST_STATEMENT);
	sqlite3_limit(handle, SQLITE_LIMIT_TRIGGER_DEPTH, DEEPEST_TRIGGER);
	sqlite3_limit(handle, SQLITE_LIMIT_WORKER_THREADS, 0); /* they would take signals */
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	/* "text" is a column and never a string: a misspelt name is an error. */
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

/* Counts what SQLite has allocated since the last time: sorted rows and groups may be as many as objects. False if that is
 * too much. */
static bool count_memory(struct sql_database *database)
{
	uint64_t used = (uint64_t)sqlite3_memory_used();
	if (used > database->counted && !memory_reserve(used - database->counted))
		return false;
	if (used < database->counted)
		memory_release(database->counted - used);
	database->counted = used;
	return true;
}

static int say_progress(void *context)
{
	return !count_memory(context) || progress_must_end("running the query", 0, 0);
}

static void free_memory(void *pointer)
{
	free(pointer);
}

static int add_table(struct sql_database *database, const struct sql_table *table)
{
	struct sql_vtab *like = calloc(1, sizeof(*like));
	if (!like)
		return SQLITE_NOMEM;
	*like = (struct sql_vtab){ .database = database, .table = table };
	return sqlite3_create_module_v2(database->handle, table->name, table->module, like, free_memory);
}

/* Tables that SQLite makes itself when they are first asked for, which the authorizer would take for CREATE TABLE. */
static void connect_own_tables(sqlite3 *handle)
{
	static const char *const tables[] = { "json_each", "json_tree", "pragma_table_info", "pragma_table_list", "pragma_table_xinfo" };
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		char *query = sqlite3_mprintf("SELECT 1 FROM %s", tables[i]);
		sqlite3_stmt *statement = NULL;
		if (query)
			sqlite3_prepare_v2(handle, query, -1, &statement, NULL); /* one that is not there will not be there later */
		sqlite3_finalize(statement);
		sqlite3_free(query);
	}
}

static int add_tables(struct sql_database *database)
{
	const struct sql_table *table;
	int status = SQLITE_OK;
	for (size_t i = 0; status == SQLITE_OK && (table = sql_any_table(database, i)); i++)
		status = add_table(database, table);
	return status;
}

static int open(struct sql_database *database)
{
	int status = sqlite3_open_v2(":memory:", &database->handle,
				     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
	if (status == SQLITE_OK)
		status = sqlite3_exec(database->handle, "PRAGMA temp_store = memory", NULL, NULL, NULL);
	if (status == SQLITE_OK)
		status = add_tables(database);
	if (status != SQLITE_OK)
		return status;
	connect_own_tables(database->handle);
	set_limits(database->handle);
	sqlite3_progress_handler(database->handle, PROGRESS_STEPS, say_progress, database);
	return sqlite3_set_authorizer(database->handle, authorize, database);
}

struct inspect_error *sql_database_open(struct inspect_session *session, struct sql_database **database_ret)
{
	struct sql_database *database = calloc(1, sizeof(*database));
	if (!database)
		return &inspect_error_no_memory;
	database->session = session;
	database->others = database->counted = (uint64_t)sqlite3_memory_used();
	struct inspect_error *error = sql_verb_tables_make(database);
	if (error) {
		sql_database_close(database);
		return error;
	}
	int status = open(database);
	if (status == SQLITE_OK) {
		*database_ret = database;
		return NULL;
	}
	error = inspect_error_create(
		status == SQLITE_NOMEM ? INSPECT_ERROR_NO_MEMORY : INSPECT_ERROR_SYSTEM, "SQLite cannot open a database in memory: %s",
		database->handle ? sqlite3_errmsg(database->handle) : sqlite3_errstr(status));
	sql_database_close(database);
	return error;
}

void sql_database_close(struct sql_database *database)
{
	if (!database)
		return;
	sqlite3_close(database->handle);
	memory_release(database->counted - database->others);
	sql_forget(database);
	sql_verb_tables_free(database);
	inspect_error_destroy(database->error);
	free(database);
}

struct inspect_error *verb_database_of(struct verb_context *context, struct sql_database **database_ret)
{
	struct inspect_session *session = context->session;
	struct inspect_error *error = session->database ? NULL : sql_database_open(session, &session->database);
	if (error)
		return error;
	if (session->database->context && session->database->context != context)
		return inspect_error_create(INSPECT_ERROR_USAGE, "a query cannot ask for what other queries say");
	session->database->context = context;
	session->database->unreadable = session->database->too_long = 0;
	*database_ret = session->database;
	return NULL;
}

static struct inspect_error *note_gaps(struct verb_context *context, const struct sql_database *database)
{
	struct inspect_error *error = NULL;
	if (database->unreadable)
		error = notes_add(&context->notes, true, "%zu objects could not be read, so their values are missing",
				  database->unreadable);
	if (!error && database->too_long)
		error = notes_add(&context->notes, true, "%zu texts are longer than %d bytes, and are missing", database->too_long,
				  LONGEST_VALUE);
	return error;
}

struct inspect_error *verb_database_done(struct verb_context *context, struct inspect_error *error)
{
	struct sql_database *database = context->session->database;
	if (!database || database->context != context)
		return error;
	database->context = NULL;
	return error ? error : note_gaps(context, database);
}

sqlite3 *sql_database_handle(struct sql_database *database)
{
	return database->handle;
}

/* ---- statements ------------------------------------------------------------------------------------- */

/* ", line 1, column 8", where SQLite knows it. */
static char *position_text(struct sql_database *database, const char *text)
{
	int offset = -1;
#if SQLITE_VERSION_NUMBER >= 3038000
	offset = text ? sqlite3_error_offset(database->handle) : -1;
#else
	(void)database;
#endif
	if (offset < 0)
		return sqlite3_mprintf("");
	int line = 1, column = 1;
	for (int i = 0; i < offset && text[i]; i++) {
		if ((text[i] & 0xc0) != 0x80)
			column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return sqlite3_mprintf(", line %d, column %d", line, column);
}

/* What went wrong in SQLite, or in what it called; @text is the statement, or NULL if its text is fine. */
static struct inspect_error *failure(struct sql_database *database, int status, const char *text)
{
	struct inspect_error *error = database->error;
	database->error = NULL;
	if (error)
		return error;
	if (status == SQLITE_INTERRUPT)
		return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
	if (status == SQLITE_NOMEM)
		return &inspect_error_no_memory;
	char *position = position_text(database, text);
	error = inspect_error_create(INSPECT_ERROR_USAGE, "SQL: %s%s%s", sqlite3_errmsg(database->handle), position ? position : "",
				     status == SQLITE_AUTH ? ": only SELECT is, and temporary tables and views" : "");
	sqlite3_free(position);
	return error;
}

/* An error of an earlier statement is not this one's. */
static void begin(struct sql_database *database)
{
	inspect_error_destroy(database->error);
	database->error = NULL;
}

struct inspect_error *sql_prepare(struct sql_database *database, const char *text, sqlite3_stmt **statement_ret,
				  const char **rest_ret)
{
	begin(database);
	const char *rest;
	int status = sqlite3_prepare_v2(database->handle, text, -1, statement_ret, &rest);
	if (rest_ret)
		*rest_ret = rest;
	return status == SQLITE_OK ? NULL : failure(database, status, text);
}

struct inspect_error *sql_step(struct sql_database *database, sqlite3_stmt *statement, bool *row_ret)
{
	int status = sqlite3_step(statement);
	*row_ret = status == SQLITE_ROW;
	if (status == SQLITE_ROW || status == SQLITE_DONE)
		return NULL;
	return failure(database, status & 0xff, NULL);
}
