/* SPDX-License-Identifier: MIT */
/*
 * vtab.c - what virtual tables have in common.
 */
#include "sql/vtab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- tables and cursors ----------------------------------------------------------------------------- */

/* CREATE TABLE x("address" ADDRESS, …). To SQLite, a column that may hold anything is one without a type: of one called ANY it
 * would take text for numbers where that looks like some. */
static char *declaration(const struct sql_table *table)
{
	sqlite3_str *text = sqlite3_str_new(NULL);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct sql_column *column = &table->columns[i];
		sqlite3_str_appendf(text, "%s\"%w\" %s%s", i ? ", " : "CREATE TABLE x(", column->name,
				    strcmp(column->type, "ANY") == 0 ? "" : column->type,
				    column->hidden ? " HIDDEN" : "");
	}
	sqlite3_str_appendall(text, ")");
	return sqlite3_str_finish(text);
}

int sql_connect(sqlite3 *handle, void *context, int count __attribute__((unused)),
		const char *const *arguments __attribute__((unused)), sqlite3_vtab **vtab_ret,
		char **message_ret __attribute__((unused)))
{
	const struct sql_vtab *like = context;
	char *declared = declaration(like->table);
	struct sql_vtab *vtab = sqlite3_malloc(sizeof(*vtab));
	like->database->declaring = true;
	int status = declared && vtab ? sqlite3_declare_vtab(handle, declared) : SQLITE_NOMEM;
	like->database->declaring = false;
	sqlite3_free(declared);
	if (status != SQLITE_OK) {
		sqlite3_free(vtab);
		return status;
	}
	*vtab = *like;
	*vtab_ret = &vtab->base;
	return sqlite3_vtab_config(handle, SQLITE_VTAB_INNOCUOUS); /* views may use it */
}

int sql_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

int sql_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor_ret)
{
	*cursor_ret = calloc(1, ((const struct sql_vtab *)vtab)->table->cursor_size);
	return *cursor_ret ? SQLITE_OK : SQLITE_NOMEM;
}

int sql_cursor_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

int sql_next(sqlite3_vtab_cursor *cursor)
{
	((struct sql_cursor *)cursor)->at++;
	return SQLITE_OK;
}

int sql_eof(sqlite3_vtab_cursor *cursor)
{
	const struct sql_cursor *rows = (const struct sql_cursor *)cursor;
	return rows->at >= rows->count;
}

/* Keeps the first error of a query. */
static int keep(struct sql_database *database, struct inspect_error *error)
{
	enum inspect_error_kind kind = inspect_error_kind(error);
	if (database->error)
		inspect_error_destroy(error);
	else
		database->error = error;
	return kind == INSPECT_ERROR_CANCELLED ? SQLITE_INTERRUPT : kind == INSPECT_ERROR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

int sql_result(struct sql_vtab *vtab, struct inspect_error *error)
{
	if (!error)
		return SQLITE_OK;
	sqlite3_free(vtab->base.zErrMsg);
	vtab->base.zErrMsg = sqlite3_mprintf("%s", inspect_error_message(error));
	return keep(vtab->database, error);
}

int sql_cell_result(struct sql_cursor *cursor, sqlite3_context *result, struct inspect_error *error)
{
	if (!error)
		return SQLITE_OK;
	sqlite3_result_error(result, inspect_error_message(error), -1);
	return keep(sql_database_of(cursor), error);
}

/* ---- planning --------------------------------------------------------------------------------------- */

static const struct {
	unsigned char operation;
	const char *text;
} operations[] = {
	{ SQLITE_INDEX_CONSTRAINT_EQ, "=?" },  { SQLITE_INDEX_CONSTRAINT_IS, " IS ?" },
	{ SQLITE_INDEX_CONSTRAINT_GE, ">=?" }, { SQLITE_INDEX_CONSTRAINT_GT, ">?" },
	{ SQLITE_INDEX_CONSTRAINT_LE, "<=?" }, { SQLITE_INDEX_CONSTRAINT_LT, "<?" },
};

enum { EQUALITIES = 2, OPERATIONS = sizeof(operations) / sizeof(*operations) };

void sql_plan_begin(struct sql_planner *planner, sqlite3_index_info *info)
{
	*planner = (struct sql_planner){ .info = info, .text = sqlite3_str_new(NULL) };
}

static bool take(struct sql_planner *planner, const struct sql_table *table, int column, size_t operation_count)
{
	bool taken = false;
	sqlite3_index_info *info = planner->info;
	for (int i = 0; i < info->nConstraint && planner->count < SQL_TERMS; i++) {
		const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
		if (!constraint->usable || constraint->iColumn != column)
			continue;
		if (strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
			continue;
		for (size_t j = 0; j < operation_count; j++) {
			if (constraint->op != operations[j].operation)
				continue;
			sqlite3_str_appendf(planner->text, "%s%s%s", planner->count ? " " : "", table->columns[column].name,
					    operations[j].text);
			info->aConstraintUsage[i].argvIndex = ++planner->count;
			taken = true;
		}
	}
	return taken;
}

bool sql_plan_equal(struct sql_planner *planner, const struct sql_table *table, int column)
{
	return take(planner, table, column, EQUALITIES);
}

bool sql_plan_range(struct sql_planner *planner, const struct sql_table *table, int column)
{
	return take(planner, table, column, OPERATIONS);
}

bool sql_plan_order(struct sql_planner *planner, const struct sql_table *table, const int *columns, size_t count, bool unique,
		    bool *reverse_ret)
{
	sqlite3_index_info *info = planner->info;
	size_t wanted = (size_t)info->nOrderBy;
	if (!wanted || (wanted > count && !unique))
		return false;
	size_t compared = wanted < count ? wanted : count;
	for (size_t i = 0; i < compared; i++)
		if (info->aOrderBy[i].iColumn != columns[i] || info->aOrderBy[i].desc != info->aOrderBy[0].desc)
			return false;
	*reverse_ret = info->aOrderBy[0].desc;
	info->orderByConsumed = 1;
	sqlite3_str_appendf(planner->text, "%sby %s%s", planner->count ? " " : "", table->columns[columns[0]].name,
			    *reverse_ret ? " desc" : "");
	return true;
}

bool sql_plan_uses(const struct sql_planner *planner, int column)
{
	return planner->info->colUsed >> (column < 63 ? column : 63) & 1;
}

int sql_plan_end(struct sql_planner *planner, int number, double cost, double rows)
{
	sqlite3_index_info *info = planner->info;
	info->idxNum = number;
	info->estimatedCost = cost;
	info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
	int status = sqlite3_str_errcode(planner->text);
	info->idxStr = sqlite3_str_finish(planner->text);
	info->needToFreeIdxStr = 1;
	return status;
}

/* The condition that @text begins with, and what is behind it; NULL if there is none. */
static const char *read_term(const struct sql_table *table, const char *text, struct sql_term *term)
{
	for (size_t column = 0; column < table->column_count; column++) {
		size_t size = strlen(table->columns[column].name);
		if (strncmp(text, table->columns[column].name, size) != 0)
			continue;
		for (size_t i = 0; i < OPERATIONS; i++) {
			size_t operation_size = strlen(operations[i].text);
			if (strncmp(text + size, operations[i].text, operation_size) != 0)
				continue;
			*term = (struct sql_term){ .column = (int)column, .operation = operations[i].operation };
			text += size + operation_size;
			return *text ? text + 1 : text;
		}
	}
	return NULL;
}

void sql_plan_read(struct sql_cursor *cursor, const char *plan, int count, sqlite3_value **values)
{
	if (cursor->plan != plan) {
		const struct sql_table *table = sql_vtab_of(cursor)->table;
		const char *rest = plan;
		cursor->plan = plan;
		for (cursor->term_count = 0; rest && cursor->term_count < (size_t)count; cursor->term_count++)
			rest = read_term(table, rest, &cursor->terms[cursor->term_count]);
	}
	for (size_t i = 0; i < cursor->term_count; i++)
		cursor->terms[i].value = values[i];
}

/* ---- values ----------------------------------------------------------------------------------------- */

static void limit(struct sql_range *range, int64_t low, int64_t high)
{
	if (low > range->low)
		range->low = low;
	if (high < range->high)
		range->high = high;
}

static void take_integers(struct sql_range *range, unsigned char operation, int64_t from, int64_t to)
{
	switch (operation) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
	case SQLITE_INDEX_CONSTRAINT_IS:
		limit(range, from, to);
		return;
	case SQLITE_INDEX_CONSTRAINT_GE:
	case SQLITE_INDEX_CONSTRAINT_GT:
		limit(range, from, INT64_MAX);
		return;
	case SQLITE_INDEX_CONSTRAINT_LE:
	case SQLITE_INDEX_CONSTRAINT_LT:
		limit(range, INT64_MIN, to);
		return;
	}
}

/* SQLite compares as its documentation says ("Datatypes In SQLite"): text that looks like a number is one here, other text
 * and blobs are greater than all numbers, and nothing compares with NULL. */
void sql_range_take(struct sql_range *range, const struct sql_term *term)
{
	const double whole = 9e18;
	double real;
	switch (sqlite3_value_numeric_type(term->value)) {
	case SQLITE_INTEGER:
		take_integers(range, term->operation, sqlite3_value_int64(term->value), sqlite3_value_int64(term->value));
		return;
	case SQLITE_FLOAT:
		real = sqlite3_value_double(term->value);
		if (real > -whole && real < whole)
			take_integers(range, term->operation, (int64_t)floor(real), (int64_t)ceil(real));
		return;
	case SQLITE_NULL:
		if (term->operation != SQLITE_INDEX_CONSTRAINT_IS)
			limit(range, 1, 0);
		return;
	}
}

const char *sql_term_text(const struct sql_term *term, size_t *size_ret)
{
	if (sqlite3_value_type(term->value) != SQLITE_TEXT)
		return NULL;
	const char *text = (const char *)sqlite3_value_text(term->value);
	*size_ret = (size_t)sqlite3_value_bytes(term->value);
	return text;
}
