/* SPDX-License-Identifier: MIT */
/*
 * verb.h - a verb: what a command takes, does and prints, said once for every front end.
 *
 * A verb is a constant: its help, its options, its columns and a run function. run() asks for the options'
 * values and sends rows of cells to the table; the renderers (output_text.c, output_json.c, output_csv.c)
 * make text, JSON, JSON lines or CSV of them. No verb formats anything, no front end knows a verb.
 */
#ifndef INSPECT_VERBS_VERB_H
#define INSPECT_VERBS_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/notes.h"
#include "inspect.h"

struct graph;
struct heap;
struct options;
struct runtime;
struct table;
struct tally;

enum { TABLE_COLUMNS_MAX = 255 };

enum column_kind {
	COLUMN_TEXT,
	COLUMN_COUNT,      /* an integer that says how many */
	COLUMN_BYTES,      /* an integer; text may show it with a unit beside it */
	COLUMN_NUMBER,     /* an integer that names something: a pid, flags */
	COLUMN_ADDRESS,    /* JSON: a string "0x…" */
	COLUMN_BOOLEAN,
	COLUMN_GENERATION, /* 0, 1, 2 or "permanent" */
	COLUMN_REAL,       /* a floating-point number */
	COLUMN_ANY,        /* each cell says its own kind */
};

struct verb_column {
	const char *name;
	enum column_kind kind;
	const char *help;
	const char *option; /* the column is there only with this option; NULL: always */
	bool summed;        /* COUNT and BYTES: the total and the rest have the sum */
	bool no_unit;       /* BYTES: tables for people have the plain number alone */
	bool detail;        /* tables for people do without it */
	const char *without; /* the column is not there with this option */
	bool whole;         /* in the last column: is not cut to the width of the screen */
	bool several;       /* tables for people do without it unless there are several operands */
	bool numeric;       /* ANY: tables for people align it as numbers */
	bool below;         /* TEXT: tables for people have it below, on a line of its own behind the row's address */
	bool under;         /* tables for people have it under the last column, on a line of its own */
	bool grouped;       /* TEXT: tables for people leave it out where it is that of the row before; one column at most */
};

/* One value of a row. Absent values print as null in JSON, as nothing in CSV, and in text as their text or
 * else as "-". */
struct cell {
	bool absent;
	enum column_kind kind; /* in columns of the kind COLUMN_ANY */
	int64_t number;        /* COUNT, BYTES, NUMBER, BOOLEAN, GENERATION */
	uint64_t address;
	double real;           /* REAL */
	const char *text;      /* valid during the call only */
	size_t text_size;      /* bytes of text that may have NULs in it; 0: it ends at the first one */
};

/* How a verb's rows look as text. */
enum verb_shape {
	VERB_TABLE,  /* rows under a header, as many as the screen holds */
	VERB_RECORD, /* few rows with many columns: one `name: value` a line */
	VERB_ITEMS,  /* rows of a name and a value: one `name: value` a line */
};

struct verb_context {
	struct inspect_session *session;
	const struct options *options;
	struct table *table;
	struct notes notes; /* what this answer could not see */
	bool finding;       /* set by a verb that checks something, and found that it is not so: the exit status is 1 */
};

struct verb {
	struct inspect_verb_info info;
	enum verb_shape shape;
	const struct verb_column *columns;
	size_t column_count;
	const char *rows; /* what its rows are, in the plural: "types"; NULL: nothing is summed up */
	bool no_sql;      /* is no table of the verb `sql`: it asks that itself */
	bool no_total;    /* tables for people do without the last line */
	/* What the tables do not say about a call: an error of the kind INSPECT_ERROR_USAGE for a wrong one. May be
	 * NULL. */
	struct inspect_error *(*check)(const struct options *options);
	/* For verbs that answer several times in a call; in place of one answer. May be NULL. */
	enum inspect_exit (*converse)(struct inspect_session *session, const struct options *options,
				      const struct inspect_output *output);
	/* Sends rows to context->table. An error is printed and decides the exit status. */
	struct inspect_error *(*run)(struct verb_context *context);
};

extern const struct verb verb_sql, verb_status, verb_heap, verb_gc, verb_generations, verb_objects, verb_object,
	verb_referents, verb_referrers, verb_roots,
	verb_path, verb_cycles, verb_garbage,
	verb_finalizers, verb_weakrefs, verb_refcounts, verb_verify, verb_audit;

/* The verb number @index, or NULL past the last. */
const struct verb *verb_at(size_t index);
/* The verb called @name, or NULL; and the one whose name is most like it. */
const struct verb *verb_find(const char *name);
const char *verb_nearest(const char *name);

/* ---- for run functions ---- */

struct inspect_target *verb_target(const struct verb_context *context);
/* The session's runtime, found on first use, and what is made of it on first use. Notes join the answer's. */
struct inspect_error *verb_runtime(struct verb_context *context, struct runtime **runtime_ret)
	__attribute__((warn_unused_result));
/* How many objects of each type there are: what verb_heap_of() would tell of all objects, in less time and memory.
 * *@tally_ret is NULL where that has been asked before, or where something is damaged: then verb_heap_of() is to be asked. */
struct inspect_error *verb_tally_of(struct verb_context *context, const struct tally **tally_ret)
	__attribute__((warn_unused_result));
/* The graph of those objects alone that a collection of all generations may find unreachable, and their reference counts: it
 * is mostly small. *@graph_ret is NULL where that cannot be told apart, or where the graph of all objects is there: then
 * verb_counted_graph_of() is to be asked. */
struct inspect_error *verb_unheld_of(struct verb_context *context, struct graph **graph_ret)
	__attribute__((warn_unused_result));
/* The objects that the collectors track, with sizes; others may be among them. Costs a fraction of the next two. */
struct inspect_error *verb_tracked_of(struct verb_context *context, struct heap **heap_ret)
	__attribute__((warn_unused_result));
/* All objects, tracked or not; sizes may not be there. */
struct inspect_error *verb_objects_of(struct verb_context *context, struct heap **heap_ret)
	__attribute__((warn_unused_result));
/* All objects, tracked or not, with sizes. */
struct inspect_error *verb_heap_of(struct verb_context *context, struct heap **heap_ret)
	__attribute__((warn_unused_result));
/* The graph of all objects; graph->heap is what verb_heap_of() gives, but sizes may not be there. */
struct inspect_error *verb_graph_of(struct verb_context *context, struct graph **graph_ret)
	__attribute__((warn_unused_result));
/* The same, and the objects' reference counts. */
struct inspect_error *verb_counted_graph_of(struct verb_context *context, struct graph **graph_ret)
	__attribute__((warn_unused_result));

/* Is it the first question about paths, and nothing known that answers it? Later ones are worth a graph of all objects. */
bool verb_is_first(const struct verb_context *context);

/* Sends one row; @cells as many as the verb has columns, those of options not given too. Rows beyond
 * --limit are counted and summed up. */
struct inspect_error *table_row(struct table *table, const struct cell *cells)
	__attribute__((warn_unused_result));

/* Gives the table copies of @columns in place of the verb's columns, for verbs that know theirs only when they run; before
 * the first row. At most TABLE_COLUMNS_MAX. */
struct inspect_error *table_set_columns(struct table *table, const struct verb_column *columns, size_t count)
	__attribute__((warn_unused_result));

/* The answer is nothing at all, no table without rows either. */
void table_say_nothing(struct table *table);

/* Calls the rows @rows in place of what the verb calls them; a constant, before the first row. */
void table_call_rows(struct table *table, const char *rows);

/* Says in one line what came of it all, below the rows of tables for people and in place of their total. */
struct inspect_error *table_summarise(struct table *table, const char *text) __attribute__((warn_unused_result));

/* Will the next row be seen, or only be summed up? Cells that are costly to make may be absent then. */
bool table_shows_next(const struct table *table);

static inline struct cell cell_text(const char *text)
{
	return (struct cell){ .kind = COLUMN_TEXT, .text = text, .absent = !text };
}

static inline struct cell cell_address(uint64_t address)
{
	return (struct cell){ .kind = COLUMN_ADDRESS, .address = address };
}

static inline struct cell cell_boolean(bool value)
{
	return (struct cell){ .kind = COLUMN_BOOLEAN, .number = value };
}

/* For the next three INT64_MIN is what is not known: RUNTIME_UNKNOWN of runtime.h. */
static inline struct cell cell_truth(int64_t value)
{
	return (struct cell){ .kind = COLUMN_BOOLEAN, .number = value, .absent = value == INT64_MIN };
}

static inline struct cell cell_number(int64_t number)
{
	return (struct cell){ .kind = COLUMN_NUMBER, .number = number, .absent = number == INT64_MIN };
}

static inline struct cell cell_count(int64_t count)
{
	return (struct cell){ .kind = COLUMN_COUNT, .number = count, .absent = count == INT64_MIN };
}

static inline struct cell cell_bytes(uint64_t bytes)
{
	int64_t number = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
	return (struct cell){ .kind = COLUMN_BYTES, .number = number };
}

static inline struct cell cell_generation(unsigned int generation)
{
	return (struct cell){ .kind = COLUMN_GENERATION, .number = generation };
}

/* @word is what text says in place of "-"; may be NULL. */
static inline struct cell cell_absent(const char *word)
{
	return (struct cell){ .absent = true, .text = word };
}

#endif
