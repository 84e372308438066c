/* SPDX-License-Identifier: MIT */
/*
 * test_database.c - what queries cost: nothing is found out that they do not ask for, and SQLite does no work that a table does.
 *
 * Costs are counted, in steps of SQLite's virtual machine and in rows that it sorts; no clock is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sql/database.h"
#include "verbs/options.h"
#include "verbs/session.h"

enum { OBJECTS = 20000 };

/* A session on a made-up heap, and a run of the verb in it. */
struct fixture {
	struct inspect_session *session;
	struct options options;
	struct verb_context context;
	struct sql_database *database;
};

static void open_heap(struct fixture *fixture, const char *specification)
{
	static const struct inspect_target_options options;
	struct inspect_target *target;
	assert_null(inspect_target_open(specification, &options, &target));
	*fixture = (struct fixture){ .session = inspect_session_create(target), .options = { .verb = &verb_sql.info } };
	assert_non_null(fixture->session);
	fixture->context = (struct verb_context){ .session = fixture->session, .options = &fixture->options };
	assert_null(verb_database_of(&fixture->context, &fixture->database));
}

static void close_heap(struct fixture *fixture)
{
	assert_null(verb_database_done(&fixture->context, NULL));
	notes_deinit(&fixture->context.notes);
	inspect_session_destroy(fixture->session);
}

/* What a query has cost. */
struct cost {
	uint64_t rows;
	int steps, sorts;
};

static struct cost ask(struct fixture *fixture, const char *query)
{
	sqlite3_stmt *statement;
	struct cost cost = { 0 };
	bool row;
	struct inspect_error *error = sql_prepare(fixture->database, query, &statement, NULL);
	if (error)
		fail_msg("%s: %s", query, inspect_error_message(error));
	while (!(error = sql_step(fixture->database, statement, &row)) && row)
		cost.rows++;
	if (error)
		fail_msg("%s: %s", query, inspect_error_message(error));
	cost.steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
	cost.sorts = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 0);
	sqlite3_finalize(statement);
	return cost;
}

/* ---- what is found out ------------------------------------------------------------------------------ */

enum {
	TRACKED = 1 << 0, HEAP = 1 << 1, SIZES = 1 << 2, REFCOUNTS = 1 << 3, REFERENCES = 1 << 4, REVERSE = 1 << 5, VERDICTS = 1 << 6,
	COMPONENTS = 1 << 7, LABELS = 1 << 8,
};

static unsigned int found(const struct fixture *fixture)
{
	const struct inspect_session *session = fixture->session;
	const struct sql_database *database = fixture->database;
	return (session->tracked_found.made ? TRACKED : 0) | (session->heap_found.made ? HEAP : 0) |
	       (session->heap.size ? SIZES : 0) | (session->heap.refcount ? REFCOUNTS : 0) | (session->graph.first ? REFERENCES : 0) |
	       (session->graph.reverse ? REVERSE : 0) | (database->unreachable.verdict ? VERDICTS : 0) |
	       (database->components.component ? COMPONENTS : 0) | (database->labels.runtime ? LABELS : 0);
}

static const struct {
	const char *query;
	unsigned int found;
} lazy[] = {
	{ "SELECT * FROM schema", 0 },
	{ "EXPLAIN SELECT * FROM objects", 0 },
	{ "SELECT count(*) FROM objects", HEAP },
	{ "SELECT type, count(*) FROM objects GROUP BY 1", HEAP },
	{ "SELECT address FROM objects WHERE type = 'dict' ORDER BY 1", HEAP },
	{ "SELECT count(*) FROM types", HEAP },
	{ "SELECT sum(size) FROM objects", HEAP | SIZES },
	{ "SELECT count(*) FROM objects WHERE size > 100", HEAP | SIZES },
	{ "SELECT type, bytes FROM types", HEAP | SIZES },
	{ "SELECT max(refcount) FROM objects", HEAP | REFCOUNTS },
	{ "SELECT type, count(*), sum(size) FROM objects WHERE tracked = 1 GROUP BY 1", TRACKED },
	{ "SELECT count(*) FROM objects WHERE generation = 2", TRACKED },
	{ "SELECT count(*) FROM objects WHERE generation IN (0, 1)", TRACKED },
	{ "SELECT referrer, referent, referent_type FROM refs", HEAP | REFERENCES },
	{ "SELECT count(*) FROM refs WHERE referrer_type = 'dict'", HEAP | REFERENCES },
	{ "SELECT count(*) FROM refs WHERE referent = 5", HEAP | REFERENCES | REVERSE },
	{ "SELECT count(label) FROM refs WHERE referrer = 5", HEAP | REFERENCES | LABELS },
	{ "SELECT count(*) FROM roots", HEAP | REFERENCES },
	{ "SELECT count(component) FROM objects", HEAP | REFERENCES | COMPONENTS },
	{ "SELECT count(*) FROM components", HEAP | REFERENCES | COMPONENTS },
	{ "SELECT count(*) FROM objects WHERE unreachable = 1", HEAP | REFERENCES | REFCOUNTS | VERDICTS },
};

static void finds_out_what_is_asked(void **state __attribute__((unused)))
{
	for (size_t i = 0; i < sizeof(lazy) / sizeof(*lazy); i++) {
		struct fixture fixture;
		open_heap(&fixture, "fake,count=1000,untracked=100,graph");
		ask(&fixture, lazy[i].query);
		if (found(&fixture) != lazy[i].found)
			fail_msg("%s: found out %#x, not %#x", lazy[i].query, found(&fixture), lazy[i].found);
		close_heap(&fixture);
	}
}

static void finds_out_once(void **state __attribute__((unused)))
{
	struct fixture fixture;
	open_heap(&fixture, "fake,count=1000");
	ask(&fixture, "SELECT count(*) FROM objects");
	const uint64_t *addresses = fixture.session->heap.address;
	ask(&fixture, "SELECT type, sum(size) FROM objects GROUP BY 1");
	const uint32_t *order = fixture.database->all.order.ids;
	ask(&fixture, "SELECT * FROM objects ORDER BY type");
	assert_ptr_equal(fixture.session->heap.address, addresses);
	assert_ptr_equal(fixture.database->all.order.ids, order);
	assert_non_null(order);
	close_heap(&fixture);
}

/* ---- what SQLite does ------------------------------------------------------------------------------- */

/* No more steps than so many, and as many more for each object; sorted by SQLite or not. */
static const struct {
	const char *query;
	int steps, steps_each, sorts;
} costs[] = {
	{ "SELECT type, count(*), sum(size) FROM objects GROUP BY 1", 500, 12, 0 },
	{ "SELECT +type, count(*), sum(size) FROM objects GROUP BY 1", 500, 40, 1 }, /* the count notices it */
	{ "SELECT DISTINCT type FROM objects ORDER BY type", 500, 8, 0 },
	{ "SELECT address FROM objects ORDER BY address DESC", 50, 4, 0 },
	{ "SELECT address FROM objects ORDER BY type, address", 50, 4, 0 },
	{ "SELECT address FROM objects ORDER BY address LIMIT 5", 80, 0, 0 },
	{ "SELECT type FROM objects WHERE address = 0x7f0000000040", 50, 0, 0 },
	{ "SELECT type FROM objects WHERE address IN (0x7f0000000000, 0x7f0000000040, 3)", 100, 0, 0 },
	{ "SELECT type FROM objects WHERE address BETWEEN 0x7f0000000000 AND 0x7f0000000100", 100, 0, 0 },
	{ "SELECT address FROM objects WHERE type = 'no such type'", 50, 0, 0 },
	{ "SELECT address FROM objects WHERE size > 1000000000", 50, 0, 0 },
	{ "SELECT address FROM objects WHERE generation = 7", 50, 0, 0 },
	{ "SELECT * FROM refs WHERE referrer = 0x7f0000000040", 100, 0, 0 },
	{ "SELECT * FROM refs WHERE referent = 3", 50, 0, 0 },
	{ "SELECT * FROM refs WHERE referent_type = 'no such type'", 50, 0, 0 },
	{ "SELECT count(t.type) FROM objects o JOIN refs r ON r.referrer = o.address JOIN objects t ON t.address = r.referent "
	  "WHERE o.address = 0x7f0000000040", 200, 0, 0 },
};

static void costs_what_it_may(void **state __attribute__((unused)))
{
	struct fixture fixture;
	char specification[64];
	snprintf(specification, sizeof(specification), "fake,count=%d,graph", OBJECTS);
	open_heap(&fixture, specification);
	for (size_t i = 0; i < sizeof(costs) / sizeof(*costs); i++) {
		struct cost cost = ask(&fixture, costs[i].query);
		if (cost.sorts != costs[i].sorts || cost.steps > costs[i].steps + costs[i].steps_each * OBJECTS)
			fail_msg("%s: %d steps and %d sorts for %" PRIu64 " rows", costs[i].query, cost.steps, cost.sorts, cost.rows);
	}
	close_heap(&fixture);
}

/* ---- errors ----------------------------------------------------------------------------------------- */

/* What a table could not be made of is the error, not SQLite's word for it. */
static void hands_errors_on(void **state __attribute__((unused)))
{
	struct fixture fixture;
	sqlite3_stmt *statement;
	bool row;
	open_heap(&fixture, "fake,noruntime");
	assert_null(sql_prepare(fixture.database, "SELECT count(*) FROM objects", &statement, NULL));
	struct inspect_error *error = sql_step(fixture.database, statement, &row);
	assert_non_null(error);
	assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_NO_RUNTIME);
	inspect_error_destroy(error);
	sqlite3_finalize(statement);
	assert_non_null(error = sql_prepare(fixture.database, "SELECT", &statement, NULL));
	assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_USAGE);
	inspect_error_destroy(error);
	close_heap(&fixture);
}

/* A verb that asks SQL cannot be asked by SQL: there would be no end. */
static void is_one_at_a_time(void **state __attribute__((unused)))
{
	struct fixture fixture;
	struct sql_database *database;
	open_heap(&fixture, "fake,count=10");
	struct verb_context other = { .session = fixture.session, .options = &fixture.options };
	struct inspect_error *error = verb_database_of(&other, &database);
	assert_non_null(error);
	inspect_error_destroy(error);
	close_heap(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_out_what_is_asked), cmocka_unit_test(finds_out_once), cmocka_unit_test(costs_what_it_may),
		cmocka_unit_test(hands_errors_on), cmocka_unit_test(is_one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
