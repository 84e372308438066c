/* SPDX-License-Identifier: MIT */
/*
 * schema.c - the table `schema`: all tables and their columns, as doc/sql.md has them.
 */
#include "sql/vtab.h"

enum {
	TABLE_NAME, COLUMN_NAME, TYPE, HIDDEN, MEANING, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[TABLE_NAME] = { "table_name", "TEXT", "name of the table" },
	[COLUMN_NAME] = { "column_name", "TEXT", "name of the column; NULL: the row is about the table" },
	[TYPE] = { "type", "TEXT", "what the column holds" },
	[HIDDEN] = { "hidden", "BOOLEAN", "does SELECT * leave it out?" },
	[MEANING] = { "meaning", "TEXT", "what it says" },
};

struct cursor {
	struct sql_cursor base;
	const struct sql_table *table; /* NULL: at the end */
	size_t number;                 /* of the table */
	size_t row;                    /* of the table; the first is about itself */
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	const double rows = 300;
	struct sql_planner planner;
	sql_plan_begin(&planner, info);
	return sql_plan_end(&planner, 0, rows, rows);
}

static int filter(sqlite3_vtab_cursor *base, int number __attribute__((unused)), const char *plan __attribute__((unused)),
		  int count __attribute__((unused)), sqlite3_value **values __attribute__((unused)))
{
	struct cursor *cursor = (struct cursor *)base;
	cursor->number = cursor->row = 0;
	cursor->table = sql_any_table(sql_database_of(&cursor->base), 0);
	return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	if (++cursor->row <= cursor->table->column_count)
		return SQLITE_OK;
	cursor->row = 0;
	cursor->table = sql_any_table(sql_database_of(&cursor->base), ++cursor->number);
	return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
	return !((const struct cursor *)base)->table;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	const struct cursor *cursor = (const struct cursor *)base;
	const struct sql_column *described = cursor->row ? &cursor->table->columns[cursor->row - 1] : NULL;
	switch (number) {
	case TABLE_NAME:
		sqlite3_result_text(result, cursor->table->name, -1, SQLITE_STATIC);
		break;
	case COLUMN_NAME:
		if (described)
			sqlite3_result_text(result, described->name, -1, SQLITE_STATIC);
		break;
	case TYPE:
		if (described)
			sqlite3_result_text(result, described->type, -1, SQLITE_STATIC);
		break;
	case HIDDEN:
		if (described)
			sqlite3_result_int(result, described->hidden);
		break;
	case MEANING:
		sqlite3_result_text(result, described ? described->help : cursor->table->help, -1, SQLITE_STATIC);
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	const struct cursor *cursor = (const struct cursor *)base;
	*rowid_ret = (sqlite3_int64)(cursor->number << 16 | cursor->row);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = next,
	.xEof = eof,
};

const struct sql_table sql_schema = {
	.name = "schema",
	.help = "all tables and their columns",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
