/* SPDX-License-Identifier: MIT */
/*
 * sql.c - queries over a heap, and over an ordinary SQLite table with the same rows: for bench/sql.
 *
 *   bench-sql TARGET [FILE]      says as JSON what each query takes, in seconds
 *
 * The ordinary table is in memory, or in FILE (which is overwritten), in a database of its own. What both say must be the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "sql/sql.h"
#include "target/target.h"
#include "verbs/options.h"
#include "verbs/session.h"

static const char *const queries[] = {
	"SELECT type, count(*), sum(size) FROM objects GROUP BY 1",
	"SELECT type, count(*), sum(size) FROM objects WHERE tracked = 1 GROUP BY 1",
	"SELECT count(*), sum(size) FROM objects WHERE type = 'dict'",
	"SELECT generation, count(*), sum(size) FROM objects GROUP BY 1",
	"SELECT count(*) FROM objects WHERE size > 1000",
	"SELECT max(size) FROM objects",
};

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void end(const char *what, const char *why)
{
	fprintf(stderr, "bench-sql: %s: %s\n", what, why);
	exit(1);
}

static void check(struct inspect_error *error)
{
	if (error)
		end("error", inspect_error_message(error));
}

/* Runs @query; returns all of its rows as text, for the caller to free, and *@seconds_ret. */
static char *ask(sqlite3 *handle, const char *query, double *seconds_ret)
{
	sqlite3_stmt *statement;
	sqlite3_str *text = sqlite3_str_new(NULL);
	int status;
	double begin = now();
	if (sqlite3_prepare_v2(handle, query, -1, &statement, NULL) != SQLITE_OK)
		end(query, sqlite3_errmsg(handle));
	while ((status = sqlite3_step(statement)) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			sqlite3_str_appendf(text, "%s%s", i ? "|" : "\n", sqlite3_column_text(statement, i));
	if (status != SQLITE_DONE)
		end(query, sqlite3_errmsg(handle));
	*seconds_ret = now() - begin;
	sqlite3_finalize(statement);
	return sqlite3_str_finish(text);
}

static void run(sqlite3 *handle, const char *statement)
{
	char *message;
	if (sqlite3_exec(handle, statement, NULL, NULL, &message) != SQLITE_OK)
		end(statement, message);
}

/* Copies the table: the same columns with the same types. */
static sqlite3 *copy(sqlite3 *from, const char *file)
{
	sqlite3 *to;
	sqlite3_stmt *reader, *writer;
	unlink(file);
	if (sqlite3_open(file, &to) != SQLITE_OK)
		end(file, sqlite3_errmsg(to));
	run(to, "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -8000000; PRAGMA temp_store = memory;"
		"CREATE TABLE objects(address ADDRESS, type TEXT, size INTEGER, refcount INTEGER, immortal BOOLEAN, "
		"generation GENERATION, tracked BOOLEAN, interpreter INTEGER); BEGIN");
	sqlite3_prepare_v2(from, "SELECT * FROM objects", -1, &reader, NULL);
	if (sqlite3_prepare_v2(to, "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", -1, &writer, NULL) != SQLITE_OK)
		end("INSERT", sqlite3_errmsg(to));
	while (sqlite3_step(reader) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(reader); i++)
			sqlite3_bind_value(writer, i + 1, sqlite3_column_value(reader, i));
		sqlite3_step(writer);
		sqlite3_reset(writer);
	}
	sqlite3_finalize(reader);
	sqlite3_finalize(writer);
	run(to, "COMMIT");
	return to;
}

/* All queries on both, @rounds times; prints the best of each. */
static void compare(sqlite3 *heap, sqlite3 *ordinary, const char *name, unsigned int rounds)
{
	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		double best = 1e9, other_best = 1e9;
		for (unsigned int round = 0; round < rounds; round++) {
			double seconds, other_seconds;
			char *said = ask(heap, queries[i], &seconds), *other_said = ask(ordinary, queries[i], &other_seconds);
			if (strcmp(said ? said : "", other_said ? other_said : "") != 0)
				end(queries[i], "the answers differ");
			sqlite3_free(said);
			sqlite3_free(other_said);
			best = seconds < best ? seconds : best;
			other_best = other_seconds < other_best ? other_seconds : other_best;
		}
		printf("{\"query\": \"%s\", \"heap\": %.3f, \"%s\": %.3f}\n", queries[i], best, name, other_best);
		fflush(stdout);
	}
}

static void measure(const char *specification, const char *file)
{
	static const struct inspect_target_options options;
	const unsigned int rounds = 3;
	struct inspect_target *target;
	struct sql_database *database;
	double begin = now(), first;
	check(inspect_target_open(specification, &options, &target));
	struct inspect_session *session = inspect_session_create(target);
	struct options given = { .verb = &verb_sql.info };
	struct verb_context context = { .session = session, .options = &given };
	check(verb_database_of(&context, &database));
	sqlite3 *heap = sql_database_handle(database);
	sqlite3_free(ask(heap, queries[0], &first));
	printf("{\"first answer\": %.3f, \"objects\": %zu}\n", now() - begin, session->heap.count);
	fflush(stdout);
	sqlite3 *ordinary = copy(heap, file);
	compare(heap, ordinary, "table", rounds);
	run(ordinary, "CREATE INDEX i ON objects(type, size)");
	compare(heap, ordinary, "table with an index on type, size", rounds);
	sqlite3_close(ordinary);
	check(verb_database_done(&context, NULL));
	notes_deinit(&context.notes);
	inspect_session_destroy(session);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return 1;
	measure(argv[1], argc == 3 ? argv[2] : ":memory:");
	return 0;
}
