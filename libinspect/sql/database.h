/* SPDX-License-Identifier: MIT */
/*
 * database.h - what the tables of a database share.
 */
#ifndef INSPECT_SQL_DATABASE_H
#define INSPECT_SQL_DATABASE_H

#include "analysis/components.h"
#include "analysis/histogram.h"
#include "analysis/type_order.h"
#include "analysis/unreachable.h"
#include "sql/sql.h"
#include "verbs/labels.h"

/* A heap as tables want it. */
struct sql_heap {
	struct heap *heap;
	struct type_order order; /* once sql_type_order() has made it */
	bool sizes_noted;        /* what is to be said of sizes is in notes */
	struct notes notes;
};

/* The names of types with their lengths, so that nobody counts them for each row. */
struct sql_name {
	const char *text;
	int size;
};

/* The objects of one type. */
struct sql_type_sum {
	uint32_t type;
	uint64_t count, bytes, tracked;
};

struct sql_type_sums {
	struct sql_type_sum *items; /* of types that have objects, by name; NULL until they are asked for */
	size_t count;
	bool sized;                 /* with bytes */
};

struct sql_verb_table;

struct sql_database {
	sqlite3 *handle;
	struct inspect_session *session;
	struct verb_context *context; /* of the run that asks now, or NULL */
	bool declaring;               /* it is not a statement that makes a table, but we ourselves */
	struct inspect_error *error;  /* why what SQLite called has failed */
	struct sql_heap tracked, all;
	struct sql_name *names;       /* by index of type */
	size_t name_count;
	struct sql_type_sums type_sums;
	struct unreachable unreachable; /* verdict: NULL until they are asked for */
	bool believed;                  /* with --believe-guesses */
	struct components components;   /* component: NULL until they are asked for */
	struct labels labels;           /* runtime: NULL until they are asked for */
	uint32_t *reverse_edges;        /* of each reverse edge of the graph the number of the edge; NULL until asked for */
	uint32_t *roots_of;             /* the numbers of roots, sorted by their objects; NULL until asked for */
	struct sql_verb_table **verb_tables;
	size_t verb_table_count;
	size_t unreadable;              /* objects whose values were asked for and cannot be read */
	size_t too_long;                /* texts that SQLite does not take */
	uint64_t others, counted;       /* bytes that SQLite had before, and has now as far as the limit of memory knows */
};

/* ---- what tables are made of, found out once ---- */

/* The tracked objects, with sizes, or all objects: with sizes only if @sizes. */
struct inspect_error *sql_heap_of(struct sql_database *database, bool tracked, bool sizes, struct sql_heap **heap_ret)
	__attribute__((warn_unused_result));
struct inspect_error *sql_type_order(struct sql_heap *heap) __attribute__((warn_unused_result));
/* All objects with their references, and with reverse references if @reverse. */
struct inspect_error *sql_graph_of(struct sql_database *database, bool reverse, struct graph **graph_ret)
	__attribute__((warn_unused_result));
struct inspect_error *sql_find_verdicts(struct sql_database *database) __attribute__((warn_unused_result));
struct inspect_error *sql_find_components(struct sql_database *database) __attribute__((warn_unused_result));
/* Makes database->labels and, if @reverse, database->reverse_edges. */
struct inspect_error *sql_find_labels(struct sql_database *database, bool reverse) __attribute__((warn_unused_result));
/* Makes database->roots_of. */
struct inspect_error *sql_find_roots(struct sql_database *database) __attribute__((warn_unused_result));
/* Makes database->names of all types that there are. */
struct inspect_error *sql_find_names(struct sql_database *database, const struct runtime *runtime)
	__attribute__((warn_unused_result));
/* Forgets all of that. */
void sql_forget(struct sql_database *database);

/* ---- cells ---- */

static inline void sql_result_address(sqlite3_context *result, uint64_t address)
{
	sqlite3_result_int64(result, (sqlite3_int64)address);
}

/* The name of the type of @heap's object @id. */
static inline void sql_result_type(const struct sql_database *database, sqlite3_context *result, const struct heap *heap,
				   uint32_t id)
{
	const struct sql_name *name = &database->names[heap->type[id]];
	sqlite3_result_text(result, name->text, name->size, SQLITE_STATIC);
}

/* A size or another count of bytes that has a limit far away. */
static inline void sql_result_bytes(sqlite3_context *result, uint64_t bytes)
{
	sqlite3_result_int64(result, bytes > INT64_MAX ? INT64_MAX : (sqlite3_int64)bytes);
}

#endif
