/* SPDX-License-Identifier: MIT */
/*
 * objects.c - the table `objects`.
 *
 * Objects come in the order of their addresses, or of their types' names; each way to choose some of them (an address or a
 * range of them, a type, a component) gives a run of ids that ascend, so that both orders come for nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/sort.h"
#include "sql/vtab.h"

enum {
	ADDRESS, TYPE, SIZE, REFCOUNT, IMMORTAL, GENERATION, TRACKED, INTERPRETER, UNREACHABLE, COMPONENT, VALUE, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[ADDRESS] = { "address", "ADDRESS", "what id() would say" },
	[TYPE] = { "type", "TEXT", "name of its type" },
	[SIZE] = { "size", "INTEGER", "what sys.getsizeof() would say, in bytes" },
	[REFCOUNT] = { "refcount", "INTEGER", "its reference count; NULL if it is immortal" },
	[IMMORTAL] = { "immortal", "BOOLEAN", "does its reference count mean nothing?" },
	[GENERATION] = { "generation", "GENERATION", "0, 1, 2 or 'permanent'; NULL if the collector does not track it" },
	[TRACKED] = { "tracked", "BOOLEAN", "does the collector track it?" },
	[INTERPRETER] = { "interpreter", "INTEGER", "id of the interpreter whose collector tracks it; NULL if none does" },
	[UNREACHABLE] = { "unreachable", "BOOLEAN", "would a full collection find it unreachable?", .hidden = true },
	[COMPONENT] = { "component", "INTEGER", "number of its strongly connected component; NULL if it is in no cycle",
			.hidden = true },
	[VALUE] = { "value", "TEXT", "a short description", .hidden = true },
};

/* What a plan's number says: what is needed, and in which order rows come. */
enum {
	NEEDS_SIZES = 1 << 0,
	NEEDS_REFCOUNTS = 1 << 1,
	NEEDS_VERDICTS = 1 << 2,
	NEEDS_COMPONENTS = 1 << 3,
	BY_TYPE = 1 << 4,
	REVERSED = 1 << 5,
};

/* How many objects there are, before anybody has counted. */
enum { EXPECTED_OBJECTS = 1000000 };

struct cursor {
	struct sql_cursor base;
	struct sql_heap *tracked, *all; /* found out by this cursor's first xFilter; NULL: not asked for */
	struct sql_heap *source;        /* the one of these that it reads now */
	struct heap *heap;              /* the same */
	const uint32_t *ids; /* places are among these; NULL: they are ids themselves */
	uint32_t id; /* of the object that is the row */
	/* The conditions that cost less here than in SQLite. */
	unsigned int generations; /* bit g: generation g; HEAP_UNTRACKED is one */
	bool any_size;
	struct sql_range sizes;
};

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	static const int by_address[] = { ADDRESS }, by_type[] = { TYPE, ADDRESS };
	const struct sql_heap *all = &((struct sql_vtab *)vtab)->database->all;
	struct sql_planner planner;
	double count = all->heap ? (double)all->heap->count : EXPECTED_OBJECTS, rows = count;
	bool reversed = false;
	sql_plan_begin(&planner, info);
	bool one = sql_plan_equal(&planner, &sql_objects, ADDRESS);
	bool range = !one && sql_plan_range(&planner, &sql_objects, ADDRESS);
	bool component = !one && sql_plan_equal(&planner, &sql_objects, COMPONENT);
	bool unreachable = !one && sql_plan_equal(&planner, &sql_objects, UNREACHABLE);
	bool type = !one && sql_plan_equal(&planner, &sql_objects, TYPE);
	rows = one ? 1 : rows / ((range ? 4 : 1) * (component ? 10000 : 1) * (unreachable ? 10 : 1) * (type ? 100 : 1));
	double visited = rows;
	rows /= sql_plan_equal(&planner, &sql_objects, GENERATION) ? 3 : 1;
	rows /= sql_plan_equal(&planner, &sql_objects, TRACKED) ? 2 : 1;
	rows /= sql_plan_range(&planner, &sql_objects, SIZE) ? 4 : 1;
	int number = (sql_plan_uses(&planner, SIZE) ? NEEDS_SIZES : 0) |
		     (sql_plan_uses(&planner, REFCOUNT) ? NEEDS_REFCOUNTS : 0) |
		     (sql_plan_uses(&planner, UNREACHABLE) ? NEEDS_VERDICTS : 0) |
		     (sql_plan_uses(&planner, COMPONENT) ? NEEDS_COMPONENTS : 0);
	bool narrow = range || component || unreachable;
	if (!narrow && sql_plan_order(&planner, &sql_objects, by_type, 2, true, &reversed))
		number |= BY_TYPE;
	else
		sql_plan_order(&planner, &sql_objects, by_address, 1, true, &reversed);
	if (one)
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	return sql_plan_end(&planner, number | (reversed ? REVERSED : 0), 1 + visited / 4 + rows, rows);
}

/* ---- choosing --------------------------------------------------------------------------------------- */

/* The generations that may fulfill a condition on the column of generations. */
static unsigned int generations_of(const struct sql_term *term)
{
	static const char permanent[] = "permanent";
	size_t size;
	bool is_text = sqlite3_value_numeric_type(term->value) == SQLITE_TEXT;
	const char *text = is_text ? sql_term_text(term, &size) : NULL;
	if (text)
		return size == strlen(permanent) && memcmp(text, permanent, size) == 0 ? 1 << RUNTIME_PERMANENT : 0;
	if (sqlite3_value_type(term->value) == SQLITE_NULL)
		return term->operation == SQLITE_INDEX_CONSTRAINT_IS ? 1 << HEAP_UNTRACKED : 0;
	struct sql_range range = sql_range_all();
	unsigned int generations = 0;
	sql_range_take(&range, term);
	for (int generation = 0; generation < RUNTIME_PERMANENT; generation++)
		generations |= sql_range_has(&range, generation) ? 1u << generation : 0;
	return generations;
}

/* The same of a condition on whether they are tracked. */
static unsigned int generations_of_tracked(const struct sql_term *term)
{
	struct sql_range range = sql_range_all();
	sql_range_take(&range, term);
	return (sql_range_has(&range, 1) ? (1u << HEAP_GENERATIONS) - 1 : 0) |
	       (sql_range_has(&range, 0) ? 1u << HEAP_UNTRACKED : 0);
}

static void take_conditions(struct cursor *cursor)
{
	cursor->generations = (1u << (HEAP_UNTRACKED + 1)) - 1;
	cursor->sizes = sql_range_all();
	for (size_t i = 0; i < cursor->base.term_count; i++) {
		const struct sql_term *term = &cursor->base.terms[i];
		if (term->column == GENERATION)
			cursor->generations &= generations_of(term);
		else if (term->column == TRACKED)
			cursor->generations &= generations_of_tracked(term);
		else if (term->column == SIZE)
			sql_range_take(&cursor->sizes, term);
	}
	cursor->any_size = cursor->sizes.low <= 0 && cursor->sizes.high == INT64_MAX;
}

/* Finds out what the query asks for, if this is the cursor's first xFilter. */
static struct inspect_error *find_source(struct cursor *cursor, int number)
{
	struct sql_database *database = sql_database_of(&cursor->base);
	bool only_tracked = !(cursor->generations >> HEAP_UNTRACKED & 1) && !(number & (NEEDS_VERDICTS | NEEDS_COMPONENTS));
	struct sql_heap **source = only_tracked ? &cursor->tracked : &cursor->all;
	struct inspect_error *error = NULL;
	if (!*source) {
		if (number & NEEDS_VERDICTS)
			error = sql_find_verdicts(database);
		if (!error && (number & NEEDS_COMPONENTS))
			error = sql_find_components(database);
		if (!error)
			error = sql_heap_of(database, only_tracked, number & NEEDS_SIZES, source);
		if (!error && (number & NEEDS_REFCOUNTS))
			error = heap_find_refcounts((*source)->heap);
		if (error)
			*source = NULL;
	}
	cursor->source = *source;
	cursor->heap = *source ? (*source)->heap : NULL;
	return error;
}

static void choose_none(struct cursor *cursor)
{
	cursor->ids = NULL;
	cursor->base.first = cursor->base.count = 0;
}

/* Conditions on addresses. */
static void choose_addresses(struct cursor *cursor, const struct sql_range *range)
{
	const struct heap *heap = cursor->heap;
	uint32_t id;
	cursor->ids = NULL;
	if (range->low > range->high || range->high < 0) {
		choose_none(cursor);
	} else if (range->low == range->high) {
		bool found = heap_find(heap, (uint64_t)range->low, &id);
		cursor->base.first = found ? id : 0;
		cursor->base.count = found;
	} else {
		size_t end = count_below(heap->address, heap->count, (uint64_t)range->high + 1);
		cursor->base.first = range->low > 0 ? count_below(heap->address, heap->count, (uint64_t)range->low) : 0;
		cursor->base.count = end - cursor->base.first;
	}
}

static struct inspect_error *choose_type(struct cursor *cursor, const char *name, size_t size)
{
	struct inspect_error *error = sql_type_order(cursor->source);
	if (error)
		return error;
	uint32_t first, end;
	type_order_range(&cursor->source->order, name, size, &first, &end);
	cursor->ids = cursor->source->order.ids;
	cursor->base.first = first;
	cursor->base.count = end - first;
	return NULL;
}

static void choose_component(struct cursor *cursor, const struct sql_range *range)
{
	const struct components *components = &sql_database_of(&cursor->base)->components;
	choose_none(cursor);
	if (range->low != range->high || range->low < 1 || (uint64_t)range->low > components->count)
		return;
	size_t number = (size_t)range->low - 1;
	cursor->ids = components->objects;
	cursor->base.first = components->first[number];
	cursor->base.count = components->first[number + 1] - components->first[number];
}

static void choose_unreachable(struct cursor *cursor)
{
	const struct unreachable *unreachable = &sql_database_of(&cursor->base)->unreachable;
	cursor->ids = unreachable->garbage.ids;
	cursor->base.first = 0;
	cursor->base.count = unreachable->garbage.count;
}

/* The range of integers of all conditions on @column; false if there is none that says anything. */
static bool range_of(const struct cursor *cursor, int column, struct sql_range *range)
{
	*range = sql_range_all();
	for (size_t i = 0; i < cursor->base.term_count; i++)
		if (cursor->base.terms[i].column == column)
			sql_range_take(range, &cursor->base.terms[i]);
	return range->low != INT64_MIN || range->high != INT64_MAX;
}

/* The text that a condition on the type compares with, or NULL. */
static const char *type_of(const struct cursor *cursor, size_t *size_ret)
{
	for (size_t i = 0; i < cursor->base.term_count; i++)
		if (cursor->base.terms[i].column == TYPE)
			return sql_term_text(&cursor->base.terms[i], size_ret);
	return NULL;
}

/* Chooses the run of objects to look at, by the condition that leaves fewest. */
static struct inspect_error *choose(struct cursor *cursor, int number)
{
	struct sql_range range;
	size_t size;
	const char *type = type_of(cursor, &size);
	cursor->ids = NULL;
	cursor->base.first = 0;
	cursor->base.count = cursor->heap->count;
	if (range_of(cursor, ADDRESS, &range))
		choose_addresses(cursor, &range);
	else if (range_of(cursor, COMPONENT, &range) && (number & NEEDS_COMPONENTS))
		choose_component(cursor, &range);
	else if (range_of(cursor, UNREACHABLE, &range) && (number & NEEDS_VERDICTS) && !sql_range_has(&range, 0))
		choose_unreachable(cursor);
	else if (type)
		return choose_type(cursor, type, size);
	else if (number & BY_TYPE) {
		struct inspect_error *error = sql_type_order(cursor->source);
		cursor->ids = cursor->source->order.ids;
		return error;
	}
	return NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static bool passes(const struct cursor *cursor, uint32_t id)
{
	return (cursor->generations >> cursor->heap->generation[id] & 1) &&
	       (cursor->any_size || !cursor->heap->size || sql_range_has(&cursor->sizes, (int64_t)cursor->heap->size[id]));
}

/* Goes to the first row at or behind cursor->base.at. */
static void settle(struct cursor *cursor)
{
	for (; cursor->base.at < cursor->base.count; cursor->base.at++) {
		size_t place = sql_place(&cursor->base);
		cursor->id = cursor->ids ? cursor->ids[place] : (uint32_t)place;
		if (passes(cursor, cursor->id))
			return;
	}
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	sql_plan_read(&cursor->base, plan, count, values);
	take_conditions(cursor);
	struct inspect_error *error = find_source(cursor, number);
	if (!error)
		error = choose(cursor, number);
	if (error)
		return sql_result((struct sql_vtab *)base->pVtab, error);
	cursor->base.reversed = number & REVERSED;
	cursor->base.at = 0;
	settle(cursor);
	return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	cursor->base.at++;
	settle(cursor);
	return SQLITE_OK;
}

/* ---- cells ------------------------------------------------------------------------------------------ */

static void result_interpreter(sqlite3_context *result, const struct heap *heap, uint32_t id)
{
	size_t collector = heap->collector[id];
	if (collector < heap->runtime->collector_count && heap_is_tracked(heap, id))
		sqlite3_result_int64(result, heap->runtime->collectors[collector].id);
}

static void result_generation(sqlite3_context *result, const struct heap *heap, uint32_t id)
{
	if (heap->generation[id] == RUNTIME_PERMANENT)
		sqlite3_result_text(result, "permanent", -1, SQLITE_STATIC);
	else if (heap_is_tracked(heap, id))
		sqlite3_result_int(result, heap->generation[id]);
}

static void result_component(sqlite3_context *result, const struct components *components, uint32_t id)
{
	uint32_t component = component_of(components, id);
	if (component != NO_COMPONENT)
		sqlite3_result_int64(result, (sqlite3_int64)component + 1);
}

/* What is wrong with one object does not end the query. */
static int result_value(struct cursor *cursor, sqlite3_context *result)
{
	struct runtime *runtime = cursor->heap->runtime;
	struct runtime_object object;
	struct inspect_error *error = runtime->operations->object(runtime, cursor->heap->address[cursor->id], &object);
	if (!error) {
		sqlite3_result_text(result, object.value, -1, SQLITE_TRANSIENT);
		runtime_object_deinit(&object);
		return SQLITE_OK;
	}
	enum inspect_error_kind kind = inspect_error_kind(error);
	if (kind == INSPECT_ERROR_CANCELLED || kind == INSPECT_ERROR_NO_MEMORY)
		return sql_cell_result(&cursor->base, result, error);
	inspect_error_destroy(error);
	sql_database_of(&cursor->base)->unreadable++;
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	struct sql_database *database = sql_database_of(&cursor->base);
	const struct heap *heap = cursor->heap;
	uint32_t id = cursor->id;
	switch (number) {
	case ADDRESS:
		sql_result_address(result, heap->address[id]);
		break;
	case TYPE:
		sql_result_type(database, result, heap, id);
		break;
	case SIZE:
		sql_result_bytes(result, heap->size[id]);
		break;
	case REFCOUNT:
		if (!(heap->flags[id] & (RUNTIME_DAMAGED | RUNTIME_IMMORTAL)))
			sqlite3_result_int64(result, heap->refcount[id]);
		break;
	case IMMORTAL:
		sqlite3_result_int(result, (heap->flags[id] & RUNTIME_IMMORTAL) != 0);
		break;
	case GENERATION:
		result_generation(result, heap, id);
		break;
	case TRACKED:
		sqlite3_result_int(result, heap_is_tracked(heap, id));
		break;
	case INTERPRETER:
		result_interpreter(result, heap, id);
		break;
	case UNREACHABLE:
		sqlite3_result_int(result, database->unreachable.verdict[id] == VERDICT_UNREACHABLE);
		break;
	case COMPONENT:
		result_component(result, &database->components, id);
		break;
	case VALUE:
		return result_value(cursor, result);
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = ((const struct cursor *)base)->id;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = next,
	.xEof = sql_eof,
};

const struct sql_table sql_objects = {
	.name = "objects",
	.help = "every object, tracked by the garbage collector or not",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
