/* SPDX-License-Identifier: MIT */
/*
 * strings.c - the table `strings`: objects that are text.
 *
 * Their types are looked at first, so that the objects of all others are passed over without a look.
 */
#include <stdlib.h>

#include "base/error.h"
#include "sql/vtab.h"

enum {
	ADDRESS, TYPE, SIZE, LENGTH, TEXT, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[ADDRESS] = { "address", "ADDRESS", "the object", false },
	[TYPE] = { "type", "TEXT", "name of its type: str, bytes, bytearray or a subclass of them", false },
	[SIZE] = { "size", "INTEGER", "what sys.getsizeof() would say, in bytes", false },
	[LENGTH] = { "length", "INTEGER", "len(): how many characters or bytes it has; NULL if it cannot be read", false },
	[TEXT] = { "text", "ANY", "all of the text; of bytes a BLOB; surrogates as \\udc80; NULL if it cannot be read, or is redacted",
		   false },
};

enum { NEEDS_SIZES = 1 << 0, REVERSED = 1 << 1 };

struct cursor {
	struct sql_cursor base;
	const struct heap *heap;
	struct sql_heap *source;
	uint8_t *is_text; /* by index of type */
	const uint32_t *ids; /* places are among these; NULL: they are ids themselves */
	uint32_t id;
	uint32_t read;       /* the object that is in text, + 1 */
	struct runtime_text text;
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	static const int by_address[] = { ADDRESS };
	const double expected = 200000;
	struct sql_planner planner;
	bool reversed = false;
	sql_plan_begin(&planner, info);
	bool one = sql_plan_equal(&planner, &sql_strings, ADDRESS);
	bool type = !one && sql_plan_equal(&planner, &sql_strings, TYPE);
	sql_plan_order(&planner, &sql_strings, by_address, 1, true, &reversed);
	int number = (sql_plan_uses(&planner, SIZE) ? NEEDS_SIZES : 0) | (reversed ? REVERSED : 0);
	double rows = one ? 1 : expected / (type ? 2 : 1);
	if (one)
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	return sql_plan_end(&planner, number, 1 + rows * 2, rows);
}

static int close(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	free(cursor->is_text);
	free(cursor->text.bytes);
	return sql_cursor_close(base);
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static struct inspect_error *find(struct cursor *cursor, int number)
{
	struct inspect_error *error =
		sql_heap_of(sql_database_of(&cursor->base), false, number & NEEDS_SIZES, &cursor->source);
	if (error)
		return error;
	struct runtime *runtime = cursor->source->heap->runtime;
	cursor->is_text = calloc(runtime->type_count + 1, sizeof(*cursor->is_text));
	if (!cursor->is_text)
		return &inspect_error_no_memory;
	for (uint32_t i = 0; i < runtime->type_count && runtime->operations->text; i++)
		cursor->is_text[i] = (runtime->operations->traits(runtime, i) & RUNTIME_TEXT) != 0;
	cursor->heap = cursor->source->heap;
	return NULL;
}

static struct inspect_error *choose_type(struct cursor *cursor, const char *name, size_t size)
{
	uint32_t first, end;
	struct inspect_error *error = sql_type_order(cursor->source);
	if (error)
		return error;
	type_order_range(&cursor->source->order, name, size, &first, &end);
	cursor->ids = cursor->source->order.ids;
	cursor->base.first = first;
	cursor->base.count = end - first;
	return NULL;
}

static void choose_one(struct cursor *cursor, const struct sql_range *range)
{
	uint32_t id;
	bool found = range->low == range->high && heap_find(cursor->heap, (uint64_t)range->low, &id);
	cursor->base.first = found ? id : 0;
	cursor->base.count = found;
}

static struct inspect_error *choose(struct cursor *cursor)
{
	struct inspect_error *error = NULL;
	struct sql_range range = sql_range_all();
	cursor->ids = NULL;
	cursor->base.first = 0;
	cursor->base.count = cursor->heap->count;
	for (size_t i = 0; i < cursor->base.term_count && !error; i++) {
		const struct sql_term *term = &cursor->base.terms[i];
		size_t size;
		const char *name = term->column == TYPE ? sql_term_text(term, &size) : NULL;
		if (name)
			error = choose_type(cursor, name, size);
		if (term->column == ADDRESS)
			sql_range_take(&range, term);
	}
	if (range.low >= range.high)
		choose_one(cursor, &range);
	return error;
}

static void settle(struct cursor *cursor)
{
	for (; cursor->base.at < cursor->base.count; cursor->base.at++) {
		size_t place = sql_place(&cursor->base);
		cursor->id = cursor->ids ? cursor->ids[place] : (uint32_t)place;
		if (cursor->is_text[cursor->heap->type[cursor->id]])
			return;
	}
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	sql_plan_read(&cursor->base, plan, count, values);
	struct inspect_error *error = cursor->heap ? NULL : find(cursor, number);
	if (!error)
		error = choose(cursor);
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

static int longest_text(struct cursor *cursor)
{
	return sqlite3_limit(sql_database_of(&cursor->base)->handle, SQLITE_LIMIT_LENGTH, -1);
}

/* Reads the row's text, once for all of its columns. False if it cannot be read. */
static bool read_text(struct cursor *cursor)
{
	struct runtime *runtime = cursor->heap->runtime;
	uint64_t limit = (uint64_t)longest_text(cursor);
	if (cursor->read == cursor->id + 1)
		return true;
	free(cursor->text.bytes);
	cursor->text = (struct runtime_text){ 0 };
	bool known = runtime->operations->text(runtime, cursor->heap->address[cursor->id], cursor->heap->type[cursor->id], limit,
					       &cursor->text);
	cursor->read = known ? cursor->id + 1 : 0;
	return known;
}

static void result_text(struct cursor *cursor, sqlite3_context *result)
{
	struct sql_database *database = sql_database_of(&cursor->base);
	if (!read_text(cursor)) {
		database->unreadable++;
		return;
	}
	const struct runtime_text *text = &cursor->text;
	if (text->too_long || text->size > (size_t)longest_text(cursor))
		database->too_long++;
	else if (text->bytes && text->is_bytes)
		sqlite3_result_blob(result, text->bytes, (int)text->size, SQLITE_TRANSIENT);
	else if (text->bytes)
		sqlite3_result_text(result, text->bytes, (int)text->size, SQLITE_TRANSIENT);
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	struct cursor *cursor = (struct cursor *)base;
	switch (number) {
	case ADDRESS:
		sql_result_address(result, cursor->heap->address[cursor->id]);
		break;
	case TYPE:
		sql_result_type(sql_database_of(&cursor->base), result, cursor->heap, cursor->id);
		break;
	case SIZE:
		sql_result_bytes(result, cursor->heap->size[cursor->id]);
		break;
	case LENGTH:
		if (read_text(cursor) && cursor->text.length != UINT64_MAX)
			sql_result_bytes(result, cursor->text.length);
		break;
	case TEXT:
		result_text(cursor, result);
		break;
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
	.xClose = close,
	.xNext = next,
	.xEof = sql_eof,
};

const struct sql_table sql_strings = {
	.name = "strings",
	.help = "every object that is text, of characters or of bytes",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
