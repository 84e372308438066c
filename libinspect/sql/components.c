/* SPDX-License-Identifier: MIT */
/*
 * components.c - the table `components`: strongly connected components with a cycle in them. Which objects are in one is
 * what the column `component` of `objects` says.
 */
#include <stdlib.h>

#include "base/error.h"
#include "sql/vtab.h"
#include "verbs/cycle_text.h"

enum {
	COMPONENT, OBJECTS, BYTES, ADDRESS, UNREACHABLE, TYPES, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[COMPONENT] = { "component", "INTEGER", "its number: they come in the order of their lowest addresses", false },
	[OBJECTS] = { "objects", "INTEGER", "how many objects it has", false },
	[BYTES] = { "bytes", "INTEGER", "what sys.getsizeof() would say of them, summed", false },
	[ADDRESS] = { "address", "ADDRESS", "the one with the lowest address", false },
	[UNREACHABLE] = { "unreachable", "BOOLEAN", "would a full collection find it unreachable?", false },
	[TYPES] = { "types", "TEXT", "the types of its objects, and how many there are of each", false },
};

enum { NEEDS_SIZES = 1 << 0, NEEDS_VERDICTS = 1 << 1, REVERSED = 1 << 2 };

struct cursor {
	struct sql_cursor base;
	struct graph *graph;
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	static const int by_component[] = { COMPONENT };
	const double expected = 10000;
	struct sql_planner planner;
	bool reversed = false;
	sql_plan_begin(&planner, info);
	bool one = sql_plan_equal(&planner, &sql_components, COMPONENT);
	sql_plan_order(&planner, &sql_components, by_component, 1, true, &reversed);
	int number = (sql_plan_uses(&planner, BYTES) ? NEEDS_SIZES : 0) |
		     (sql_plan_uses(&planner, UNREACHABLE) ? NEEDS_VERDICTS : 0) | (reversed ? REVERSED : 0);
	if (one)
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	return sql_plan_end(&planner, number, one ? 2 : expected, one ? 1 : expected);
}

static struct inspect_error *find(struct cursor *cursor, int number)
{
	struct sql_database *database = sql_database_of(&cursor->base);
	struct sql_heap *heap;
	struct graph *graph;
	struct inspect_error *error = number & NEEDS_VERDICTS ? sql_find_verdicts(database) : NULL;
	if (!error)
		error = sql_find_components(database);
	if (!error)
		error = sql_graph_of(database, false, &graph);
	if (!error && (number & NEEDS_SIZES))
		error = sql_heap_of(database, false, true, &heap);
	cursor->graph = error ? NULL : graph;
	return error;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	sql_plan_read(&cursor->base, plan, count, values);
	struct inspect_error *error = cursor->graph ? NULL : find(cursor, number);
	if (error)
		return sql_result((struct sql_vtab *)base->pVtab, error);
	struct sql_range range = { 1, (int64_t)sql_database_of(&cursor->base)->components.count };
	for (size_t i = 0; i < cursor->base.term_count; i++)
		sql_range_take(&range, &cursor->base.terms[i]);
	cursor->base.first = range.low <= range.high ? (size_t)range.low - 1 : 0;
	cursor->base.count = range.low <= range.high ? (size_t)(range.high - range.low + 1) : 0;
	cursor->base.at = 0;
	cursor->base.reversed = number & REVERSED;
	return SQLITE_OK;
}

static uint32_t row_of(const struct cursor *cursor)
{
	return (uint32_t)sql_place(&cursor->base);
}

static int result_types(struct cursor *cursor, sqlite3_context *result, uint32_t component)
{
	char *text = NULL;
	struct inspect_error *error =
		component_types_text(cursor->graph, &sql_database_of(&cursor->base)->components, component, &text);
	if (error)
		return sql_cell_result(&cursor->base, result, error);
	sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
	free(text);
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct sql_database *database = sql_database_of(&cursor->base);
	const struct components *components = &database->components;
	uint32_t component = row_of(cursor), first = components->first[component], end = components->first[component + 1];
	uint64_t bytes = 0;
	switch (number) {
	case COMPONENT:
		sqlite3_result_int64(result, (sqlite3_int64)component + 1);
		break;
	case OBJECTS:
		sqlite3_result_int64(result, end - first);
		break;
	case BYTES:
		for (uint32_t i = first; i < end; i++)
			bytes = add_saturating(bytes, heap_size_of(cursor->graph->heap, components->objects[i]));
		sql_result_bytes(result, bytes);
		break;
	case ADDRESS:
		sql_result_address(result, cursor->graph->heap->address[components->objects[first]]);
		break;
	case UNREACHABLE:
		sqlite3_result_int(result, database->unreachable.verdict[components->objects[first]] == VERDICT_UNREACHABLE);
		break;
	case TYPES:
		return result_types(cursor, result, component);
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = row_of((const struct cursor *)base);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = sql_next,
	.xEof = sql_eof,
};

const struct sql_table sql_components = {
	.name = "components",
	.help = "every strongly connected component with a cycle in it, reachable or not",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
