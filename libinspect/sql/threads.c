/* SPDX-License-Identifier: MIT */
/*
 * threads.c - the table `threads`: those of the process, with what the runtime knows of them, and those that only the runtime
 * knows.
 */
#include "target/threads.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "sql/vtab.h"
#include "verbs/session.h"

enum {
	ID, STATE, INTERPRETER, CALL, STACK_START, STACK_END, COLUMN_COUNT_,
};

static const struct sql_column columns[] = {
	[ID] = { "id", "INTEGER", "the kernel's number of the thread; NULL if it is not known", false },
	[STATE] = { "state", "ADDRESS", "its PyThreadState; NULL if it runs no Python", false },
	[INTERPRETER] = { "interpreter", "INTEGER", "id of the interpreter that this belongs to", false },
	[CALL] = { "call", "TEXT", "the innermost call of Python code: handler() at app.py:12; NULL if it is in none", false },
	[STACK_START] = { "stack_start", "ADDRESS", "where the part of its C stack begins that is in use; NULL if it is not known",
			  false },
	[STACK_END] = { "stack_end", "ADDRESS", "the end of that", false },
};

/* A thread of the target, or of the runtime, or of both. */
struct row {
	const struct target_thread *thread;
	const struct runtime_thread *known;
	uint64_t stack_start, stack_end;
};

struct cursor {
	struct sql_cursor base;
	struct runtime_threads threads;
	struct row *rows;
	size_t capacity;
};

static int best_index(sqlite3_vtab *vtab __attribute__((unused)), sqlite3_index_info *info)
{
	const double rows = 20;
	struct sql_planner planner;
	sql_plan_begin(&planner, info);
	return sql_plan_end(&planner, 0, rows, rows);
}

static int close(sqlite3_vtab_cursor *base)
{
	struct cursor *cursor = (struct cursor *)base;
	runtime_threads_deinit(&cursor->threads);
	free(cursor->rows);
	return sql_cursor_close(base);
}

static struct inspect_error *add(struct cursor *cursor, const struct target_thread *thread, const struct runtime_thread *known)
{
	if (!array_reserve(cursor->rows, cursor->base.count, cursor->capacity))
		return &inspect_error_no_memory;
	struct row *row = &cursor->rows[cursor->base.count++];
	*row = (struct row){ .thread = thread, .known = known };
	if (thread && !thread_stack(sql_database_of(&cursor->base)->session->target, thread, &row->stack_start, &row->stack_end))
		row->stack_start = row->stack_end = 0;
	return NULL;
}

static const struct target_thread *thread_with(const struct inspect_target *target, uint64_t id)
{
	for (size_t i = 0; i < target->thread_count; i++)
		if ((uint64_t)target->threads[i].tid == id)
			return &target->threads[i];
	return NULL;
}

/* First those that the runtime knows; a thread may have several states, one for each interpreter. */
static struct inspect_error *add_all(struct cursor *cursor, const struct inspect_target *target)
{
	struct inspect_error *error = NULL;
	uint8_t *seen AUTO_FREE = calloc(target->thread_count + 1, sizeof(*seen));
	if (!seen)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < cursor->threads.count && !error; i++) {
		const struct runtime_thread *known = &cursor->threads.items[i];
		const struct target_thread *thread = known->id ? thread_with(target, known->id) : NULL;
		if (thread)
			seen[thread - target->threads] = true;
		error = add(cursor, thread, known);
	}
	for (size_t i = 0; i < target->thread_count && !error; i++)
		if (!seen[i])
			error = add(cursor, &target->threads[i], NULL);
	return error;
}

static struct inspect_error *find(struct cursor *cursor)
{
	struct verb_context *context = sql_database_of(&cursor->base)->context;
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	if (!error && runtime->operations->threads)
		error = runtime->operations->threads(runtime, &cursor->threads, &context->notes);
	return error ? error : add_all(cursor, verb_target(context));
}

static int filter(sqlite3_vtab_cursor *base, int number __attribute__((unused)), const char *plan __attribute__((unused)),
		  int count __attribute__((unused)), sqlite3_value **values __attribute__((unused)))
{
	struct cursor *cursor = (struct cursor *)base;
	cursor->base.at = 0;
	return cursor->rows ? SQLITE_OK : sql_result((struct sql_vtab *)base->pVtab, find(cursor));
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int number)
{
	const struct cursor *cursor = (const struct cursor *)base;
	const struct row *row = &cursor->rows[cursor->base.at];
	switch (number) {
	case ID:
		if (row->thread || row->known->id)
			sqlite3_result_int64(result, row->thread ? row->thread->tid : (sqlite3_int64)row->known->id);
		break;
	case STATE:
		if (row->known)
			sql_result_address(result, row->known->state);
		break;
	case INTERPRETER:
		if (row->known)
			sqlite3_result_int64(result, row->known->interpreter);
		break;
	case CALL:
		if (row->known && row->known->call)
			sqlite3_result_text(result, row->known->call, -1, SQLITE_TRANSIENT);
		break;
	case STACK_START:
	case STACK_END:
		if (row->stack_end)
			sql_result_address(result, number == STACK_START ? row->stack_start : row->stack_end);
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = (sqlite3_int64)((const struct sql_cursor *)base)->at;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	SQL_MODULE,
	.xClose = close,
	.xNext = sql_next,
	.xEof = sql_eof,
};

const struct sql_table sql_threads = {
	.name = "threads",
	.help = "every thread of the process",
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.module = &module,
	.cursor_size = sizeof(struct cursor),
};
