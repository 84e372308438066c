/* SPDX-License-Identifier: MIT */
/*
 * roots.c - the table `roots`: where references begin.
 */
#include <stdlib.h>

#include "base/error.h"
#include "sql/vtab.h"
#include "verbs/edges.h"

enum {
	KIND, PLACE, LABEL, ADDRESS, TYPE, COUNTED, GUESSED, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[KIND] = { "kind", "TEXT", "interpreter, frame, thread, static, interned, global or stack", false },
	[PLACE] = { "place", "TEXT", "where it is: sys, a thread and its function, a symbol of a library", false },
	[LABEL] = { "label", "TEXT", "what it is called there; NULL if it has no name", false },
	[ADDRESS] = { "address", "ADDRESS", "the object that it refers to", false },
	[TYPE] = { "type", "TEXT", "name of that object's type", false },
	[COUNTED] = { "counted", "BOOLEAN", "is it held? 0: the reference count does not include it", false },
	[GUESSED] = { "guessed", "BOOLEAN", "was it found by a scan of memory, as a word that is an object's address?", false },
};

struct cursor {
	struct sql_cursor base;
	const struct graph *graph;
	bool sorted; /* places are among database->roots_of */
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	const double rows = 20000;
	struct sql_planner planner;
	sql_plan_begin(&planner, info);
	bool one = sql_plan_equal(&planner, &sql_roots, ADDRESS);
	return sql_plan_end(&planner, 0, one ? 10 : rows, one ? 2 : rows);
}

/* How many of the sorted roots lead to an object below @id. */
static size_t roots_below(const struct cursor *cursor, uint64_t id)
{
	const struct sql_database *database = sql_database_of(&cursor->base);
	size_t low = 0, high = cursor->graph->roots.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cursor->graph->roots.items[database->roots_of[middle]].object < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct inspect_error *choose(struct cursor *cursor)
{
	struct sql_range range = sql_range_all();
	uint32_t id;
	for (size_t i = 0; i < cursor->base.term_count; i++)
		sql_range_take(&range, &cursor->base.terms[i]);
	cursor->sorted = range.low >= range.high;
	cursor->base.first = 0;
	cursor->base.count = cursor->graph->roots.count;
	if (!cursor->sorted)
		return NULL;
	struct inspect_error *error = sql_find_roots(sql_database_of(&cursor->base));
	cursor->base.count = 0;
	if (error || range.low > range.high || !heap_find(cursor->graph->heap, (uint64_t)range.low, &id))
		return error;
	cursor->base.first = roots_below(cursor, id);
	cursor->base.count = roots_below(cursor, (uint64_t)id + 1) - cursor->base.first;
	return NULL;
}

static int filter(sqlite3_vtab_cursor *base, int number __attribute__((unused)), const char *plan, int count,
		  sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	struct graph *graph;
	sql_plan_read(&cursor->base, plan, count, values);
	struct inspect_error *error = NULL;
	if (!cursor->graph) {
		error = sql_graph_of(sql_database_of(&cursor->base), false, &graph);
		cursor->graph = error ? NULL : graph;
	}
	if (!error)
		error = choose(cursor);
	cursor->base.at = 0;
	return sql_result((struct sql_vtab *)base->pVtab, error);
}

static size_t row_of(const struct cursor *cursor)
{
	size_t place = sql_place(&cursor->base);
	return cursor->sorted ? sql_database_of(&cursor->base)->roots_of[place] : place;
}

static int result_label(struct cursor *cursor, sqlite3_context *result, const struct graph_root *root)
{
	struct runtime *runtime = cursor->graph->heap->runtime;
	if (root->label.kind == RUNTIME_LABEL_NONE)
		return SQLITE_OK;
	char *text = runtime->operations->label(runtime, &root->label);
	if (!text)
		return sql_cell_result(&cursor->base, result, &inspect_error_no_memory);
	sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
	free(text);
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct graph *graph = cursor->graph;
	const struct graph_root *root = &graph->roots.items[row_of(cursor)];
	switch (number) {
	case KIND:
		sqlite3_result_text(result, root_kind_name(root->kind), -1, SQLITE_STATIC);
		break;
	case PLACE:
		sqlite3_result_text(result, graph->roots.places[root->place], -1, SQLITE_STATIC);
		break;
	case LABEL:
		return result_label(cursor, result, root);
	case ADDRESS:
		sql_result_address(result, graph->heap->address[root->object]);
		break;
	case TYPE:
		sql_result_type(sql_database_of(&cursor->base), result, graph->heap, root->object);
		break;
	case COUNTED:
		sqlite3_result_int(result, !(root->flags & RUNTIME_UNCOUNTED));
		break;
	case GUESSED:
		sqlite3_result_int(result, (root->flags & RUNTIME_GUESSED) != 0);
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = (sqlite3_int64)row_of((const struct cursor *)base);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = sql_next,
	.xEof = sql_eof,
};

const struct sql_table sql_roots = {
	.name = "roots",
	.help = "everything outside of objects that refers to one",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
