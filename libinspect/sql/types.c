/* SPDX-License-Identifier: MIT */
/*
 * types.c - the table `types`: the types that have objects, with their sums, which cost one look at each object.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "sql/vtab.h"

enum {
	TYPE, ADDRESS, COUNT, BYTES, TRACKED, FINALIZER, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[TYPE] = { "type", "TEXT", "name of the type; several types may have the same name" },
	[ADDRESS] = { "address", "ADDRESS", "the type itself; NULL if it is not known" },
	[COUNT] = { "count", "INTEGER", "how many objects it has" },
	[BYTES] = { "bytes", "INTEGER", "what sys.getsizeof() would say of them, summed" },
	[TRACKED] = { "tracked", "INTEGER", "how many of them the collector tracks" },
	[FINALIZER] = { "finalizer", "BOOLEAN", "do they have a finalizer, such as __del__?" },
};

enum { NEEDS_SIZES = 1 << 0, REVERSED = 1 << 1 };

struct cursor {
	struct sql_cursor base;
	const struct runtime *runtime;
	const struct sql_type_sums *sums; /* rows: by name */
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	static const int by_type[] = { TYPE };
	const double expected = 1000;
	struct sql_planner planner;
	bool reversed = false;
	sql_plan_begin(&planner, info);
	bool one = sql_plan_equal(&planner, &sql_types, TYPE);
	sql_plan_order(&planner, &sql_types, by_type, 1, false, &reversed);
	int number = (sql_plan_uses(&planner, BYTES) ? NEEDS_SIZES : 0) | (reversed ? REVERSED : 0);
	return sql_plan_end(&planner, number, one ? 10 : expected, one ? 1 : expected);
}

/* ---- sums ------------------------------------------------------------------------------------------- */

static int compare_sums(const void *a, const void *b, void *types)
{
	const struct runtime_type *all = types;
	const struct sql_type_sum *one = a, *other = b;
	int result = strcmp(all[one->type].name, all[other->type].name);
	return result ? result : (one->type > other->type) - (one->type < other->type);
}

static struct inspect_error *sum(const struct heap *heap, struct sql_type_sum *items)
{
	struct inspect_error *error = NULL;
	for (size_t id = 0; id < heap->count && !error; id++) {
		struct sql_type_sum *item = &items[heap->type[id]];
		item->count++;
		item->tracked += heap_is_tracked(heap, (uint32_t)id);
		if (heap->size)
			item->bytes = add_saturating(item->bytes, heap->size[id]);
		error = progress_each("counting objects", id, heap->count);
	}
	return error;
}

static struct inspect_error *find_sums(struct sql_database *database, bool sizes)
{
	struct sql_type_sums *sums = &database->type_sums;
	if (sums->items && (sums->sized || !sizes))
		return NULL;
	struct sql_heap *heap;
	struct inspect_error *error = sql_heap_of(database, false, sizes, &heap);
	if (error)
		return error;
	struct runtime *runtime = heap->heap->runtime;
	struct sql_type_sum *items = calloc(runtime->type_count + 1, sizeof(*items));
	if (!items)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < runtime->type_count; i++)
		items[i].type = (uint32_t)i;
	error = sum(heap->heap, items);
	if (error) {
		free(items);
		return error;
	}
	size_t kept = 0;
	for (size_t i = 0; i < runtime->type_count; i++)
		if (items[i].count)
			items[kept++] = items[i];
	qsort_r(items, kept, sizeof(*items), compare_sums, runtime->types);
	free(sums->items);
	*sums = (struct sql_type_sums){ items, kept, heap->heap->size != NULL };
	return NULL;
}

/* The first row whose name is not less than the @size bytes at @name, or (@behind) greater. */
static size_t row_from(const struct cursor *cursor, const char *name, size_t size, bool behind)
{
	size_t low = 0, high = cursor->sums->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int result = compare_name(cursor->runtime->types[cursor->sums->items[middle].type].name, name, size);
		if (result < 0 || (behind && result == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	struct sql_database *database = sql_database_of(&cursor->base);
	sql_plan_read(&cursor->base, plan, count, values);
	struct inspect_error *error = cursor->sums ? NULL : find_sums(database, number & NEEDS_SIZES);
	if (error)
		return sql_result((struct sql_vtab *)base->pVtab, error);
	cursor->sums = &database->type_sums;
	cursor->runtime = database->all.heap->runtime;
	cursor->base.at = cursor->base.first = 0;
	cursor->base.count = cursor->sums->count;
	cursor->base.reversed = number & REVERSED;
	size_t size;
	const char *name = cursor->base.term_count ? sql_term_text(&cursor->base.terms[0], &size) : NULL;
	if (!name)
		return SQLITE_OK;
	cursor->base.first = row_from(cursor, name, size, false);
	cursor->base.count = row_from(cursor, name, size, true) - cursor->base.first;
	return SQLITE_OK;
}

static const struct sql_type_sum *row_of(const struct cursor *cursor)
{
	return &cursor->sums->items[sql_place(&cursor->base)];
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	const struct sql_type_sum *row = row_of(cursor);
	struct runtime *runtime = sql_database_of(&cursor->base)->all.heap->runtime;
	const struct runtime_type *type = &runtime->types[row->type];
	switch (number) {
	case TYPE:
		sqlite3_result_text(result, type->name, -1, SQLITE_STATIC);
		break;
	case ADDRESS:
		if (type->address)
			sql_result_address(result, type->address);
		break;
	case COUNT:
		sql_result_bytes(result, row->count);
		break;
	case BYTES:
		sql_result_bytes(result, row->bytes);
		break;
	case TRACKED:
		sql_result_bytes(result, row->tracked);
		break;
	case FINALIZER:
		sqlite3_result_int(result, (runtime->operations->traits(runtime, row->type) &
					    (RUNTIME_FINALIZER | RUNTIME_LEGACY_FINALIZER)) != 0);
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = row_of((const struct cursor *)base)->type;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = sql_cursor_close,
	.xNext = sql_next,
	.xEof = sql_eof,
};

const struct sql_table sql_types = {
	.name = "types",
	.help = "every type that has objects",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
