/* SPDX-License-Identifier: MIT */
/*
 * refs.c - the table `refs`: every reference of the heap, looked up by either end.
 *
 * A plan chooses objects at one end (one, those of a type, all) and goes through their references: those that they have, or,
 * chosen by the other end, those to them.
 */
#include <stdlib.h>

#include "base/error.h"
#include "sql/vtab.h"
#include "verbs/session.h"

enum {
	REFERRER, REFERENT, REFERRER_TYPE, REFERENT_TYPE, LABEL, VISITED, COUNTED, GUESSED, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[REFERRER] = { "referrer", "ADDRESS", "the object that refers" },
	[REFERENT] = { "referent", "ADDRESS", "the object that it refers to" },
	[REFERRER_TYPE] = { "referrer_type", "TEXT", "name of the referrer's type" },
	[REFERENT_TYPE] = { "referent_type", "TEXT", "name of the referent's type" },
	[LABEL] = { "label", "TEXT", "what the reference is called in the referrer; NULL if its memory has changed since" },
	[VISITED] = { "visited", "BOOLEAN", "does the collector see it? 0: it is held, and passed over by tp_traverse" },
	[COUNTED] = { "counted", "BOOLEAN", "is it held? 0: the reference count does not include it" },
	[GUESSED] = { "guessed", "BOOLEAN", "was it found by a scan of the memory of an unknown type?" },
};

/* What a plan's number says. */
enum {
	NEEDS_LABELS = 1 << 0,
	BACKWARD = 1 << 1, /* chosen by referents */
	REVERSED = 1 << 2, /* descending */
};

struct cursor {
	struct sql_cursor base;
	const struct graph *graph;
	struct sql_heap *heap;
	bool backward;
	/* The "rows" of the base are the objects chosen. */
	const uint32_t *ids; /* places are among these; NULL: they are ids themselves */
	uint32_t id;
	const uint32_t *edges; /* of that object */
	size_t edge_count, edge;
	bool one_end;          /* only references whose other end is @other */
	uint32_t other;
};

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	static const int by_referrer[] = { REFERRER }, by_referent[] = { REFERENT };
	const double expected = 5e6, few = 8;
	const struct graph *graph = &((struct sql_vtab *)vtab)->database->session->graph;
	double count = graph->edge_count ? (double)graph->edge_count : expected;
	struct sql_planner planner;
	sql_plan_begin(&planner, info);
	bool referrer = sql_plan_equal(&planner, &sql_refs, REFERRER);
	bool referent = sql_plan_equal(&planner, &sql_refs, REFERENT);
	bool one = referrer || referent;
	bool referrer_type = !one && sql_plan_equal(&planner, &sql_refs, REFERRER_TYPE);
	bool referent_type = !one && !referrer_type && sql_plan_equal(&planner, &sql_refs, REFERENT_TYPE);
	bool backward = (referent && !referrer) || referent_type;
	bool reversed = false;
	/* An object's references come in its own order; a name's objects, in that of their addresses. */
	sql_plan_order(&planner, &sql_refs, backward ? by_referent : by_referrer, 1, false, &reversed);
	double rows = referrer && referent ? 1 : one ? few : referrer_type || referent_type ? count / 100 : count;
	int number = (sql_plan_uses(&planner, LABEL) ? NEEDS_LABELS : 0) | (backward ? BACKWARD : 0) | (reversed ? REVERSED : 0);
	return sql_plan_end(&planner, number, 1 + rows * (number & NEEDS_LABELS ? 8 : 1), rows);
}

/* ---- choosing --------------------------------------------------------------------------------------- */

static struct inspect_error *find(struct cursor *cursor, int number)
{
	struct sql_database *database = sql_database_of(&cursor->base);
	struct graph *graph;
	cursor->backward = number & BACKWARD;
	struct inspect_error *error = sql_graph_of(database, cursor->backward, &graph);
	if (!error && (number & NEEDS_LABELS))
		error = sql_find_labels(database, cursor->backward);
	if (error)
		return error;
	database->all.heap = graph->heap;
	cursor->heap = &database->all;
	cursor->graph = graph;
	return NULL;
}

/* Whether conditions on column @column leave one object, none, or say nothing. */
enum choice { CHOICE_ANY, CHOICE_NONE, CHOICE_ONE };

static enum choice choice_of(const struct cursor *cursor, int column, uint32_t *id_ret)
{
	struct sql_range range = sql_range_all();
	for (size_t i = 0; i < cursor->base.term_count; i++)
		if (cursor->base.terms[i].column == column)
			sql_range_take(&range, &cursor->base.terms[i]);
	if (range.low < range.high)
		return CHOICE_ANY;
	if (range.low > range.high || !heap_find(cursor->graph->heap, (uint64_t)range.low, id_ret))
		return CHOICE_NONE;
	return CHOICE_ONE;
}

static struct inspect_error *choose_type(struct cursor *cursor, const struct sql_term *term)
{
	size_t size;
	const char *name = sql_term_text(term, &size);
	struct inspect_error *error = name ? sql_type_order(cursor->heap) : NULL;
	if (error || !name)
		return error;
	uint32_t first, end;
	type_order_range(&cursor->heap->order, name, size, &first, &end);
	cursor->ids = cursor->heap->order.ids;
	cursor->base.first = first;
	cursor->base.count = end - first;
	return NULL;
}

static struct inspect_error *choose(struct cursor *cursor)
{
	uint32_t id;
	enum choice near = choice_of(cursor, cursor->backward ? REFERENT : REFERRER, &id);
	enum choice far = choice_of(cursor, cursor->backward ? REFERRER : REFERENT, &cursor->other);
	cursor->ids = NULL;
	cursor->base.first = near == CHOICE_ONE ? id : 0;
	cursor->base.count = near == CHOICE_NONE || far == CHOICE_NONE ? 0 : near == CHOICE_ONE ? 1 : cursor->graph->heap->count;
	cursor->one_end = far == CHOICE_ONE;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < cursor->base.term_count && !error; i++)
		if (cursor->base.terms[i].column == (cursor->backward ? REFERENT_TYPE : REFERRER_TYPE))
			error = choose_type(cursor, &cursor->base.terms[i]);
	return error;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static void take_object(struct cursor *cursor)
{
	size_t place = sql_place(&cursor->base);
	cursor->id = cursor->ids ? cursor->ids[place] : (uint32_t)place;
	cursor->edges = cursor->backward ? graph_reverse_edges(cursor->graph, cursor->id, &cursor->edge_count) :
					   graph_edges(cursor->graph, cursor->id, &cursor->edge_count);
	cursor->edge = 0;
}

/* Goes to the first row at or behind the place where the cursor is. */
static void settle(struct cursor *cursor)
{
	for (;;) {
		for (; cursor->edge < cursor->edge_count; cursor->edge++)
			if (!cursor->one_end || edge_target(cursor->edges[cursor->edge]) == cursor->other)
				return;
		if (++cursor->base.at >= cursor->base.count)
			return;
		take_object(cursor);
	}
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	sql_plan_read(&cursor->base, plan, count, values);
	struct inspect_error *error = cursor->graph ? NULL : find(cursor, number);
	if (!error)
		error = choose(cursor);
	if (error)
		return sql_result((struct sql_vtab *)base->pVtab, error);
	cursor->base.reversed = number & REVERSED;
	cursor->base.at = 0;
	if (cursor->base.count) {
		take_object(cursor);
		settle(cursor);
	}
	return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	cursor->edge++;
	settle(cursor);
	return SQLITE_OK;
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static uint32_t far_end(const struct cursor *cursor)
{
	return edge_target(cursor->edges[cursor->edge]);
}

static uint32_t referrer_of(const struct cursor *cursor)
{
	return cursor->backward ? far_end(cursor) : cursor->id;
}

static uint32_t referent_of(const struct cursor *cursor)
{
	return cursor->backward ? cursor->id : far_end(cursor);
}

/* Which of all edges it is. */
static size_t edge_number(const struct cursor *cursor)
{
	const struct graph *graph = cursor->graph;
	return cursor->backward ?
		       sql_database_of(&cursor->base)->reverse_edges[graph->reverse_first[cursor->id] + cursor->edge] :
		       graph->first[cursor->id] + cursor->edge;
}

static int result_label(struct cursor *cursor, sqlite3_context *result)
{
	struct sql_database *database = sql_database_of(&cursor->base);
	uint32_t referrer = referrer_of(cursor);
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(&database->labels, cursor->graph, referrer, &list);
	if (error)
		return sql_cell_result(&cursor->base, result, error);
	const struct runtime_label *label = &list->items[edge_number(cursor) - cursor->graph->first[referrer]];
	if (label_is_lost(label))
		return SQLITE_OK;
	const char *text = labels_text(&database->labels, label);
	if (!text)
		return sql_cell_result(&cursor->base, result, &inspect_error_no_memory);
	sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct heap *heap = cursor->graph->heap;
	struct sql_database *database = sql_database_of(&cursor->base);
	unsigned int flags = edge_flags(cursor->edges[cursor->edge]);
	switch (number) {
	case REFERRER:
		sql_result_address(result, heap->address[referrer_of(cursor)]);
		break;
	case REFERENT:
		sql_result_address(result, heap->address[referent_of(cursor)]);
		break;
	case REFERRER_TYPE:
		sql_result_type(database, result, heap, referrer_of(cursor));
		break;
	case REFERENT_TYPE:
		sql_result_type(database, result, heap, referent_of(cursor));
		break;
	case LABEL:
		return result_label(cursor, result);
	case VISITED:
		sqlite3_result_int(result, !(flags & RUNTIME_UNVISITED));
		break;
	case COUNTED:
		sqlite3_result_int(result, !(flags & RUNTIME_UNCOUNTED));
		break;
	case GUESSED:
		sqlite3_result_int(result, (flags & RUNTIME_GUESSED) != 0);
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	const struct cursor *cursor = (const struct cursor *)base;
	*rowid_ret = cursor->backward ? (sqlite3_int64)(cursor->graph->reverse_first[cursor->id] + cursor->edge) :
					(sqlite3_int64)edge_number(cursor);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = next,
	.xEof = sql_eof,
};

const struct sql_table sql_refs = {
	.name = "refs",
	.help = "every reference from one object to another",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
