/* SPDX-License-Identifier: MIT */
/*
 * verb_table.c - the rows of a verb as a table: FROM cycles('--all') is what `cycles --all` says.
 *
 * Every verb that has columns is a table, unless it says otherwise (no_sql) or there is a table of its name already. Its rows
 * are kept until the table is asked with other arguments.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "sql/vtab.h"
#include "verbs/capture.h"

/* Those that have another name as tables. */
static const struct {
	const char *verb, *table;
} renamed[] = {
	{ "gc", "collectors" },
};

/* What a verb said, for as long as somebody looks at it. */
struct answer {
	struct captured captured;
	char *arguments; /* or NULL */
	size_t users;
	int sorted_column;  /* the column that is in sorted; -1: none */
	uint32_t *sorted;   /* the numbers of the rows that have an address there, by that */
	size_t sorted_count;
};

struct sql_verb_table {
	struct sql_table table; /* with the column of arguments, the last one */
	const struct verb *verb;
	struct sql_column *columns;
	struct answer *last;
};

/* ---- making tables ---------------------------------------------------------------------------------- */

static const char *type_of(enum column_kind kind)
{
	switch (kind) {
	case COLUMN_TEXT:
		return "TEXT";
	case COLUMN_ADDRESS:
		return "ADDRESS";
	case COLUMN_BOOLEAN:
		return "BOOLEAN";
	case COLUMN_GENERATION:
		return "GENERATION";
	case COLUMN_REAL:
		return "REAL";
	case COLUMN_ANY:
		return "ANY";
	case COLUMN_COUNT:
	case COLUMN_BYTES:
	case COLUMN_NUMBER:
		break;
	}
	return "INTEGER";
}

static const char *name_of(const struct verb *verb)
{
	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++)
		if (strcmp(renamed[i].verb, verb->info.name) == 0)
			return renamed[i].table;
	return verb->info.name;
}

static bool is_table(const struct verb *verb)
{
	const struct sql_table *table;
	for (size_t i = 0; (table = sql_table_at(i)); i++)
		if (strcmp(table->name, name_of(verb)) == 0)
			return false;
	return verb->column_count && !verb->no_sql;
}

struct cursor {
	struct sql_cursor base;
	struct answer *answer;
	bool sorted; /* places are among answer->sorted */
};

static const sqlite3_module module;

static struct inspect_error *make_table(const struct verb *verb, struct sql_verb_table *table)
{
	size_t count = verb->column_count;
	struct sql_column *columns = calloc(count + 1, sizeof(*columns));
	if (!columns)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++)
		columns[i] = (struct sql_column){ verb->columns[i].name, type_of(verb->columns[i].kind), verb->columns[i].help, false };
	columns[count] = (struct sql_column){ "arguments", "TEXT", "operands and options for the verb, as in the shell", true };
	*table = (struct sql_verb_table){
		.table = { name_of(verb), verb->info.summary, columns, count + 1, &module, sizeof(struct cursor) },
		.verb = verb,
		.columns = columns,
	};
	return NULL;
}

struct inspect_error *sql_verb_tables_make(struct sql_database *database)
{
	const struct verb *verb;
	size_t capacity = 0;
	for (size_t i = 0; (verb = verb_at(i)); i++) {
		if (!is_table(verb))
			continue;
		if (!array_reserve(database->verb_tables, database->verb_table_count, capacity))
			return &inspect_error_no_memory;
		struct sql_verb_table *table = calloc(1, sizeof(*table));
		if (!table)
			return &inspect_error_no_memory;
		database->verb_tables[database->verb_table_count++] = table;
		struct inspect_error *error = make_table(verb, table);
		if (error)
			return error;
	}
	return NULL;
}

static void release(struct answer *answer)
{
	if (!answer || --answer->users)
		return;
	captured_deinit(&answer->captured);
	free(answer->arguments);
	free(answer->sorted);
	free(answer);
}

void sql_verb_tables_free(struct sql_database *database)
{
	for (size_t i = 0; i < database->verb_table_count; i++) {
		release(database->verb_tables[i]->last);
		free(database->verb_tables[i]->columns);
		free(database->verb_tables[i]);
	}
	free(database->verb_tables);
	database->verb_tables = NULL;
	database->verb_table_count = 0;
}

const struct sql_table *sql_verb_table(const struct sql_verb_table *table)
{
	return &table->table;
}

/* ---- planning --------------------------------------------------------------------------------------- */

/* Is there a condition on the arguments whose value is not known in this order of loops? */
static bool waits_for_arguments(const sqlite3_index_info *info, int arguments)
{
	for (int i = 0; i < info->nConstraint; i++)
		if (info->aConstraint[i].iColumn == arguments && info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ &&
		    !info->aConstraint[i].usable)
			return true;
	return false;
}

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	const double rows = 10000;
	const struct sql_table *table = ((const struct sql_vtab *)vtab)->table;
	int arguments = (int)table->column_count - 1;
	struct sql_planner planner;
	if (waits_for_arguments(info, arguments))
		return SQLITE_CONSTRAINT;
	sql_plan_begin(&planner, info);
	bool called = sql_plan_equal(&planner, table, arguments);
	int address = -1;
	for (int i = 0; i < arguments && address < 0; i++)
		if (strcmp(table->columns[i].type, "ADDRESS") == 0 && sql_plan_equal(&planner, table, i))
			address = i;
	double cost = address < 0 ? rows : 20;
	return sql_plan_end(&planner, address + 1, called ? cost : cost + 1, address < 0 ? rows : 2);
}

static int close(sqlite3_vtab_cursor *base)
{
	release(((struct cursor *)base)->answer);
	return sql_cursor_close(base);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static struct sql_verb_table *verb_table_of(const struct cursor *cursor)
{
	return (struct sql_verb_table *)sql_vtab_of(&cursor->base)->table;
}

static bool is_same(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

static struct inspect_error *run(struct cursor *cursor, const char *arguments)
{
	struct sql_verb_table *table = verb_table_of(cursor);
	struct answer *answer = calloc(1, sizeof(*answer));
	char *copy = arguments ? strdup(arguments) : NULL;
	if (!answer || (arguments && !copy)) {
		free(answer);
		free(copy);
		return &inspect_error_no_memory;
	}
	*answer = (struct answer){ .arguments = copy, .users = 1, .sorted_column = -1 };
	struct inspect_error *error =
		verb_capture(sql_database_of(&cursor->base)->context, table->verb, arguments, &answer->captured);
	if (error) {
		release(answer);
		return error;
	}
	release(table->last);
	table->last = answer;
	return NULL;
}

/* Gives the cursor what the verb says to @arguments. */
static struct inspect_error *ask(struct cursor *cursor, const char *arguments)
{
	struct sql_verb_table *table = verb_table_of(cursor);
	struct inspect_error *error =
		table->last && is_same(table->last->arguments, arguments) ? NULL : run(cursor, arguments);
	if (error)
		return error;
	table->last->users++;
	release(cursor->answer);
	cursor->answer = table->last;
	return NULL;
}

/* ---- rows by address -------------------------------------------------------------------------------- */

static const struct captured_cell *cell_at(const struct answer *answer, size_t row, int column)
{
	return &answer->captured.cells[row * answer->captured.columns + (size_t)column];
}

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct answer *answer = context;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	int64_t one_number = cell_at(answer, one, answer->sorted_column)->number;
	int64_t other_number = cell_at(answer, other, answer->sorted_column)->number;
	if (one_number != other_number)
		return one_number < other_number ? -1 : 1;
	return one < other ? -1 : one > other;
}

static struct inspect_error *sort(struct answer *answer, int column)
{
	if (answer->sorted_column == column)
		return NULL;
	free(answer->sorted);
	answer->sorted_column = -1;
	answer->sorted_count = 0;
	answer->sorted = reallocarray(NULL, answer->captured.rows + 1, sizeof(*answer->sorted));
	if (!answer->sorted)
		return &inspect_error_no_memory;
	for (size_t row = 0; row < answer->captured.rows; row++)
		if (!cell_at(answer, row, column)->absent)
			answer->sorted[answer->sorted_count++] = (uint32_t)row;
	answer->sorted_column = column;
	qsort_r(answer->sorted, answer->sorted_count, sizeof(*answer->sorted), compare_rows, answer);
	return NULL;
}

/* How many of the sorted rows have less than @number. */
static size_t rows_below(const struct answer *answer, int64_t number)
{
	size_t low = 0, high = answer->sorted_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cell_at(answer, answer->sorted[middle], answer->sorted_column)->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct inspect_error *choose(struct cursor *cursor, int column)
{
	struct sql_range range = sql_range_all();
	for (size_t i = 0; i < cursor->base.term_count; i++)
		if (cursor->base.terms[i].column == column)
			sql_range_take(&range, &cursor->base.terms[i]);
	cursor->sorted = range.low != INT64_MIN && range.high != INT64_MAX;
	cursor->base.first = 0;
	cursor->base.count = cursor->answer->captured.rows;
	if (!cursor->sorted)
		return NULL;
	struct inspect_error *error = sort(cursor->answer, column);
	if (error)
		return error;
	cursor->base.first = rows_below(cursor->answer, range.low);
	cursor->base.count = range.low > range.high ? 0 : rows_below(cursor->answer, range.high + 1) - cursor->base.first;
	return NULL;
}

/* ---- the module ------------------------------------------------------------------------------------- */

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	int last = (int)sql_vtab_of(&cursor->base)->table->column_count - 1;
	sql_plan_read(&cursor->base, plan, count, values);
	const char *arguments = NULL;
	for (size_t i = 0; i < cursor->base.term_count; i++)
		if (cursor->base.terms[i].column == last)
			arguments = (const char *)sqlite3_value_text(cursor->base.terms[i].value);
	struct inspect_error *error = ask(cursor, arguments);
	if (!error)
		error = choose(cursor, number - 1);
	cursor->base.at = 0;
	return sql_result((struct sql_vtab *)base->pVtab, error);
}

static size_t row_of(const struct cursor *cursor)
{
	size_t place = sql_place(&cursor->base);
	return cursor->sorted ? cursor->answer->sorted[place] : place;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	const struct cursor *cursor = (const struct cursor *)base;
	const struct answer *answer = cursor->answer;
	if ((size_t)number >= answer->captured.columns) {
		if (answer->arguments)
			sqlite3_result_text(result, answer->arguments, -1, SQLITE_TRANSIENT);
		return SQLITE_OK;
	}
	const struct captured_cell *cell = cell_at(answer, row_of(cursor), number);
	if (cell->absent)
		return SQLITE_OK;
	if (cell->kind == COLUMN_TEXT)
		sqlite3_result_text(result, cell->text, (int)cell->size, SQLITE_TRANSIENT);
	else if (cell->kind == COLUMN_REAL)
		sqlite3_result_double(result, cell->real);
	else if (cell->kind == COLUMN_GENERATION && cell->number == RUNTIME_PERMANENT)
		sqlite3_result_text(result, "permanent", -1, SQLITE_STATIC);
	else
		sqlite3_result_int64(result, cell->number);
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = (sqlite3_int64)row_of((const struct cursor *)base);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = close,
	.xNext = sql_next,
	.xEof = sql_eof,
};
