/* SPDX-License-Identifier: MIT */
/*
 * gc.c - the verb `gc`: the state of the garbage collectors.
 */
#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "graph/heap.h"
#include "verbs/verb.h"

enum {
	INTERPRETER, ENABLED, DEBUG, DEBUG_FLAGS, COLLECTING,
	THRESHOLD,
	COUNT = THRESHOLD + 3,
	COLLECTIONS = COUNT + 3,
	COLLECTED = COLLECTIONS + 3,
	UNCOLLECTABLE = COLLECTED + 3,
	GARBAGE = UNCOLLECTABLE + 3,
	CALLBACKS, FROZEN, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[INTERPRETER] = { "interpreter", COLUMN_NUMBER, "id of the interpreter; 0 is the main one" },
	[ENABLED] = { "enabled", COLUMN_BOOLEAN, "gc.isenabled()" },
	[DEBUG] = { "debug", COLUMN_NUMBER, "gc.get_debug()" },
	[DEBUG_FLAGS] = { "debug_flags", COLUMN_TEXT, "the same in words" },
	[COLLECTING] = { "collecting", COLUMN_BOOLEAN, "is a collection in progress?" },
	[THRESHOLD] = { "threshold0", COLUMN_COUNT, "gc.get_threshold()[0]" },
	[THRESHOLD + 1] = { "threshold1", COLUMN_COUNT, "gc.get_threshold()[1]" },
	[THRESHOLD + 2] = { "threshold2", COLUMN_COUNT, "gc.get_threshold()[2]" },
	[COUNT] = { "count0", COLUMN_COUNT, "gc.get_count()[0]: allocations since the last collection" },
	[COUNT + 1] = { "count1", COLUMN_COUNT, "gc.get_count()[1]: collections of generation 0 since" },
	[COUNT + 2] = { "count2", COLUMN_COUNT, "gc.get_count()[2]: collections of generation 1 since" },
	[COLLECTIONS] = { "collections0", COLUMN_COUNT, "how often generation 0 was collected" },
	[COLLECTIONS + 1] = { "collections1", COLUMN_COUNT, "how often generation 1 was collected" },
	[COLLECTIONS + 2] = { "collections2", COLUMN_COUNT, "how often generation 2 was collected" },
	[COLLECTED] = { "collected0", COLUMN_COUNT, "objects that collections of generation 0 freed" },
	[COLLECTED + 1] = { "collected1", COLUMN_COUNT, "objects that collections of generation 1 freed" },
	[COLLECTED + 2] = { "collected2", COLUMN_COUNT, "objects that collections of generation 2 freed" },
	[UNCOLLECTABLE] = { "uncollectable0", COLUMN_COUNT, "objects that they could not free" },
	[UNCOLLECTABLE + 1] = { "uncollectable1", COLUMN_COUNT, "the same for generation 1" },
	[UNCOLLECTABLE + 2] = { "uncollectable2", COLUMN_COUNT, "the same for generation 2" },
	[GARBAGE] = { "garbage", COLUMN_COUNT, "len(gc.garbage)" },
	[CALLBACKS] = { "callbacks", COLUMN_COUNT, "len(gc.callbacks)" },
	[FROZEN] = { "frozen", COLUMN_COUNT, "gc.get_freeze_count(): objects of the permanent generation" },
};

static struct inspect_error *send_collector(struct verb_context *context,
					    const struct runtime_collector *collector, uint64_t frozen)
{
	struct cell cells[COLUMN_COUNT_] = {
		[INTERPRETER] = cell_number(collector->id),
		[ENABLED] = cell_truth(collector->enabled),
		[DEBUG] = cell_number(collector->debug),
		[DEBUG_FLAGS] = cell_text(collector->debug_text ? collector->debug_text : ""),
		[COLLECTING] = cell_truth(collector->collecting),
		[GARBAGE] = cell_count(collector->garbage),
		[CALLBACKS] = cell_count(collector->callbacks),
		[FROZEN] = cell_count((int64_t)frozen),
	};
	for (unsigned int i = 0; i < 3; i++) {
		static const struct runtime_generation none = {
			RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN,
		};
		const struct runtime_generation *generation =
			i < collector->generation_count ? &collector->generations[i] : &none;
		cells[THRESHOLD + i] = cell_count(generation->threshold);
		cells[COUNT + i] = cell_count(generation->count);
		cells[COLLECTIONS + i] = cell_count(generation->collections);
		cells[COLLECTED + i] = cell_count(generation->collected);
		cells[UNCOLLECTABLE + i] = cell_count(generation->uncollectable);
	}
	return table_row(context->table, cells);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct heap *heap;
	struct inspect_error *error = verb_tracked_of(context, &heap);
	if (error)
		return error;
	const struct runtime *runtime = heap->runtime;
	struct generation_sum(*sums)[HEAP_GENERATIONS] AUTO_FREE =
		calloc(runtime->collector_count + 1, sizeof(*sums));
	if (!sums)
		return &inspect_error_no_memory;
	generations_sum(heap, sums, runtime->collector_count);
	for (size_t i = 0; i < runtime->collector_count && !error; i++)
		error = send_collector(context, &runtime->collectors[i], sums[i][RUNTIME_PERMANENT].count);
	return error;
}

static const char description[] =
	"Says what Python's gc module would: is the collector enabled, its debug flags, thresholds,\n"
	"counts and statistics, and whether a collection was in progress. One record an\n"
	"interpreter (before Python 3.9 all interpreters share one collector).";

const struct verb verb_gc = {
	.info = {
		.name = "gc",
		.summary = "state of the garbage collector",
		.operands = "",
		.description = description,
		.options = NULL,
		.option_count = 0,
	},
	.shape = VERB_RECORD,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = NULL,
	.run = run,
};
