/* SPDX-License-Identifier: MIT */
/*
 * generations.c - the verb `generations`: what each generation of each collector holds.
 */
#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "graph/heap.h"
#include "verbs/verb.h"

enum {
	INTERPRETER, GENERATION, OBJECTS, BYTES, THRESHOLD, COUNT, COLLECTIONS, COLLECTED, UNCOLLECTABLE,
	COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[INTERPRETER] = { "interpreter", COLUMN_NUMBER, "id of the interpreter; 0 is the main one" },
	[GENERATION] = { "generation", COLUMN_GENERATION, "0, 1, 2 or permanent" },
	[OBJECTS] = { "objects", COLUMN_COUNT, "how many objects it holds", .summed = true },
	[BYTES] = { "bytes", COLUMN_BYTES, "what sys.getsizeof() would say, summed", .summed = true },
	[THRESHOLD] = { "threshold", COLUMN_COUNT, "it is collected when its count exceeds this" },
	[COUNT] = { "count", COLUMN_COUNT, "allocations, or collections of the generation before it" },
	[COLLECTIONS] = { "collections", COLUMN_COUNT, "how often it was collected" },
	[COLLECTED] = { "collected", COLUMN_COUNT, "how many objects that freed" },
	[UNCOLLECTABLE] = { "uncollectable", COLUMN_COUNT, "how many objects that could not free", .detail = true },
};

static struct inspect_error *send_generation(struct verb_context *context,
					     const struct runtime_collector *collector,
					     unsigned int number, const struct generation_sum *sum)
{
	static const struct runtime_generation none = {
		RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN, RUNTIME_UNKNOWN,
	};
	const struct runtime_generation *generation =
		number < collector->generation_count ? &collector->generations[number] : &none;
	const struct cell cells[COLUMN_COUNT_] = {
		[INTERPRETER] = cell_number(collector->id),
		[GENERATION] = cell_generation(number),
		[OBJECTS] = cell_count((int64_t)sum->count),
		[BYTES] = cell_bytes(sum->bytes),
		[THRESHOLD] = cell_count(generation->threshold),
		[COUNT] = cell_count(generation->count),
		[COLLECTIONS] = cell_count(generation->collections),
		[COLLECTED] = cell_count(generation->collected),
		[UNCOLLECTABLE] = cell_count(generation->uncollectable),
	};
	return table_row(context->table, cells);
}

static struct inspect_error *send_collector(struct verb_context *context,
					    const struct runtime_collector *collector,
					    const struct generation_sum sums[HEAP_GENERATIONS])
{
	for (unsigned int number = 0; number < HEAP_GENERATIONS; number++) {
		bool exists = number < collector->generation_count || number == RUNTIME_PERMANENT;
		if (!exists && !sums[number].count)
			continue;
		struct inspect_error *error = send_generation(context, collector, number, &sums[number]);
		if (error)
			return error;
	}
	return NULL;
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
		error = send_collector(context, &runtime->collectors[i], sums[i]);
	return error;
}

static const char description[] =
	"One row for each generation of each interpreter's collector: its objects and their size,\n"
	"and how often it was collected. The permanent generation holds what gc.freeze() put\n"
	"there; the collector ignores it.";

const struct verb verb_generations = {
	.info = {
		.name = "generations",
		.summary = "what each generation of the collector holds",
		.operands = "",
		.description = description,
		.options = NULL,
		.option_count = 0,
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "generations",
	.run = run,
};
