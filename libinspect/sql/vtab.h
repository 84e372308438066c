/* SPDX-License-Identifier: MIT */
/*
 * vtab.h - what virtual tables have in common: their columns, and which conditions of a query they take over.
 *
 * A table looks at a query's conditions in its xBestIndex function and writes down, by a struct sql_planner, which ones it uses:
 * a text such as "type=? size>=? by type", which EXPLAIN QUERY PLAN shows, and which its xFilter function reads again. SQLite
 * still checks all conditions itself, so a table only has to leave out no row that fulfills them.
 */
#ifndef INSPECT_SQL_VTAB_H
#define INSPECT_SQL_VTAB_H

#include "sql/database.h"

struct sql_column {
	const char *name;
	const char *type; /* "ADDRESS", "TEXT", "INTEGER", "REAL", "BOOLEAN", "GENERATION", "ANY" */
	const char *help;
	bool hidden;      /* SELECT * leaves it out */
};

/* A table: a constant. */
struct sql_table {
	const char *name;
	const char *help; /* what its rows are */
	const struct sql_column *columns;
	size_t column_count;
	const sqlite3_module *module;
	size_t cursor_size; /* bytes; it begins with a struct sql_cursor */
};

extern const struct sql_table sql_objects, sql_types, sql_refs, sql_roots, sql_components, sql_strings, sql_threads, sql_schema;

/* The tables of our own, in the order of the documentation; NULL past the last. */
const struct sql_table *sql_table_at(size_t index);
/* The same of all tables, those of verbs behind our own. */
const struct sql_table *sql_any_table(const struct sql_database *database, size_t index);

/* verb_table.c: the tables of verbs, database->verb_tables. */
struct inspect_error *sql_verb_tables_make(struct sql_database *database) __attribute__((warn_unused_result));
void sql_verb_tables_free(struct sql_database *database);
const struct sql_table *sql_verb_table(const struct sql_verb_table *table);

struct sql_vtab {
	sqlite3_vtab base;
	struct sql_database *database;
	const struct sql_table *table;
};

/* How many conditions a table takes over at most. */
enum { SQL_TERMS = 8 };

/* A condition with its value, "column op value". */
struct sql_term {
	int column;
	unsigned char operation; /* SQLITE_INDEX_CONSTRAINT_EQ, _IS, _GT, _GE, _LT, _LE */
	sqlite3_value *value;
};

/* What every cursor begins with. */
struct sql_cursor {
	sqlite3_vtab_cursor base;
	const char *plan; /* the one that is in terms: the same text means the same terms */
	struct sql_term terms[SQL_TERMS];
	size_t term_count;
	/* Rows, of tables that count theirs: @count from the place @first on, the last one first if @reversed; @at of them have
	 * been passed. */
	size_t first, count, at;
	bool reversed;
};

/* The place of the row at which the cursor is. */
static inline size_t sql_place(const struct sql_cursor *cursor)
{
	return cursor->first + (cursor->reversed ? cursor->count - 1 - cursor->at : cursor->at);
}

static inline struct sql_vtab *sql_vtab_of(const struct sql_cursor *cursor)
{
	return (struct sql_vtab *)cursor->base.pVtab;
}

static inline struct sql_database *sql_database_of(const struct sql_cursor *cursor)
{
	return sql_vtab_of(cursor)->database;
}

/* ---- functions of modules ---- */

int sql_connect(sqlite3 *handle, void *table, int count, const char *const *arguments, sqlite3_vtab **vtab_ret,
		char **message_ret);
int sql_disconnect(sqlite3_vtab *vtab);
/* Makes a cursor of the table's cursor_size, all zero. */
int sql_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor_ret);
int sql_cursor_close(sqlite3_vtab_cursor *cursor);
/* For tables whose rows are counted by struct sql_cursor. */
int sql_next(sqlite3_vtab_cursor *cursor);
int sql_eof(sqlite3_vtab_cursor *cursor);

/* What all modules have: best_index(), filter(), column() and rowid() are the table's own. It adds .xClose, .xNext and .xEof. */
#define SQL_MODULE \
	.iVersion = 1, .xConnect = sql_connect, .xDisconnect = sql_disconnect, .xOpen = sql_cursor_open, \
	.xBestIndex = best_index, .xFilter = filter, .xColumn = column, .xRowid = rowid

/* What a function of a module returns for @error (NULL: SQLITE_OK), which it keeps: sql_step() gives it back. */
int sql_result(struct sql_vtab *vtab, struct inspect_error *error);
/* The same for xColumn. */
int sql_cell_result(struct sql_cursor *cursor, sqlite3_context *result, struct inspect_error *error);

/* ---- planning ---- */

struct sql_planner {
	sqlite3_index_info *info;
	sqlite3_str *text;
	int count; /* of terms */
};

void sql_plan_begin(struct sql_planner *planner, sqlite3_index_info *info);
/* Takes over the conditions on column @column that compare for equality. False if there is none that can be used; text
 * columns are compared byte by byte. */
bool sql_plan_equal(struct sql_planner *planner, const struct sql_table *table, int column);
/* The same for equality, less and greater. */
bool sql_plan_range(struct sql_planner *planner, const struct sql_table *table, int column);
/* Are rows that come in the order of @columns wanted so? Then says so to SQLite: *@reverse_ret is whether descending.
 * @unique: no two rows have the same of all these, so that whatever the query sorts by next does not matter. */
bool sql_plan_order(struct sql_planner *planner, const struct sql_table *table, const int *columns, size_t count, bool unique,
		    bool *reverse_ret);
/* Is column @column asked for? */
bool sql_plan_uses(const struct sql_planner *planner, int column);
/* The plan is @number for xFilter, and of the cost of visiting @cost rows to get @rows of them. */
int sql_plan_end(struct sql_planner *planner, int number, double cost, double rows);

/* Reads the plan's text in xFilter: cursor->terms get their values. */
void sql_plan_read(struct sql_cursor *cursor, const char *plan, int count, sqlite3_value **values);

/* ---- values ---- */

/* Integers that fulfill conditions: from @low up to @high; none if @low is greater. */
struct sql_range {
	int64_t low, high;
};

static inline struct sql_range sql_range_all(void)
{
	return (struct sql_range){ INT64_MIN, INT64_MAX };
}

static inline bool sql_range_has(const struct sql_range *range, int64_t number)
{
	return number >= range->low && number <= range->high;
}

/* Narrows @range to the integers that may fulfill @term: a column of integers and NULLs. */
void sql_range_take(struct sql_range *range, const struct sql_term *term);
/* The text that @term compares with; NULL if it is no text, so that there is nothing to narrow. */
const char *sql_term_text(const struct sql_term *term, size_t *size_ret);

#endif
