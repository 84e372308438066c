/* SPDX-License-Identifier: MIT */
/*
 * garbage.c - the verb `garbage`: what the collector found and did not free, and why.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "verbs/edges.h"
#include "verbs/options.h"
#include "verbs/traits.h"
#include "verbs/verb.h"
#include "verbs/verdicts.h"

enum {
	ADDRESS, TYPE, SIZE, INTERPRETER, LISTED, WHY, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[ADDRESS] = { "address", COLUMN_ADDRESS, "the object" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say", .summed = true, .no_unit = true },
	[INTERPRETER] = { "interpreter", COLUMN_NUMBER, "id of the interpreter whose collector it is", .detail = true },
	[LISTED] = { "listed", COLUMN_BOOLEAN, "is it in gc.garbage? no: a collection would find that it cannot be freed" },
	[WHY] = { "why", COLUMN_TEXT, "why it is not freed", .whole = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	VERDICT_INTERPRETER_OPTION,
	VERDICT_GUESSES_OPTION,
	{ "values", NULL, "describe each object", NULL },
	{ "limit", "N", "show N objects and sum up the rest; 0: show all; default for text: a screenful", NULL },
};

enum { DEBUG_SAVEALL = 1 << 5 }; /* as runtimes number the flag that they have in common */

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct graph *graph;
	struct heap *heap;
	struct traits traits;
	struct unreachable unreachable;
	struct object_values values;
	uint8_t *listed; /* by id: is it in a list of garbage? */
};

static struct inspect_error *send_object(struct listing *listing, uint32_t id, const struct runtime_collector *collector,
					 bool listed, const char *why)
{
	const struct heap *heap = listing->heap;
	struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[SIZE] = cell_bytes(heap->size[id]),
		[INTERPRETER] = cell_number(collector->id),
		[LISTED] = cell_boolean(listed),
		[WHY] = cell_text(why),
		[VALUE] = cell_absent(NULL),
	};
	struct cell size;
	struct inspect_error *error = object_value(&listing->values, id, &size, &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* ---- what is in the lists --------------------------------------------------------------------------- */

static const char *why_listed(const struct listing *listing, uint32_t id, const struct runtime_collector *collector)
{
	if (traits_of(&listing->traits, id) & RUNTIME_LEGACY_FINALIZER)
		return "its type has tp_del: it was uncollectable";
	if (collector->debug != RUNTIME_UNKNOWN && (collector->debug & DEBUG_SAVEALL))
		return "DEBUG_SAVEALL keeps all that is collected";
	return "kept by DEBUG_SAVEALL, which is off now, or put there by the program";
}

static struct inspect_error *send_list(struct listing *listing, const struct runtime_collector *collector)
{
	uint32_t list;
	struct inspect_error *error = NULL;
	if (!collector->garbage_list || !heap_find(listing->heap, collector->garbage_list, &list))
		return NULL;
	size_t count;
	const uint32_t *edges = graph_edges(listing->graph, list, &count);
	for (size_t i = 0; i < count && !error; i++) {
		uint32_t id = edge_target(edges[i]);
		listing->listed[id] = 1;
		if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED))
			error = send_object(listing, id, collector, true, why_listed(listing, id, collector));
	}
	return error;
}

/* ---- what would be uncollectable -------------------------------------------------------------------- */

static struct inspect_error *send_uncollectable(struct listing *listing)
{
	const struct heap *heap = listing->heap;
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < heap->count && !error; id++) {
		error = progress_each("looking at objects", id, heap->count);
		if (error || unreachable_apart(&listing->unreachable, id) != APART_UNCOLLECTABLE || listing->listed[id])
			continue;
		bool has_del = traits_of(&listing->traits, id) & RUNTIME_LEGACY_FINALIZER;
		error = send_object(listing, id, &heap->runtime->collectors[heap->collector[id]], false,
				    has_del ? "its type has tp_del, and a cycle keeps it: it would be uncollectable" :
					      "an uncollectable object would hold it");
	}
	return error;
}

/* ---- the verb --------------------------------------------------------------------------------------- */

/* Is this collector among those that --interpreter asks for? */
static bool is_wanted(const struct options *given, const struct runtime_collector *collector)
{
	const char *argument;
	for (size_t position = 0; (argument = option_next(given, "interpreter", &position));)
		if (strtoll(argument, NULL, 10) == collector->id)
			return true;
	return !option_flag(given, "interpreter");
}

static struct inspect_error *send_all(struct listing *listing, const struct runtime *runtime)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < runtime->collector_count && !error; i++)
		if (is_wanted(listing->context->options, &runtime->collectors[i]))
			error = send_list(listing, &runtime->collectors[i]);
	return error ? error : send_uncollectable(listing);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct runtime *runtime;
	struct inspect_error *error = verb_runtime(context, &runtime);
	if (!error)
		error = verb_counted_graph_of(context, &listing.graph);
	if (!error)
		error = verb_heap_of(context, &listing.heap);
	if (!error)
		error = verdicts_find(context, listing.graph, listing.heap, &listing.unreachable);
	if (!error)
		error = traits_init(&listing.traits, listing.heap);
	if (!error)
		error = object_values_init(&listing.values, context, listing.heap);
	if (!error) {
		listing.listed = calloc(listing.heap->count + 1, sizeof(*listing.listed));
		error = listing.listed ? send_all(&listing, runtime) : &inspect_error_no_memory;
	}
	error = object_values_end(&listing.values, error);
	free(listing.listed);
	traits_deinit(&listing.traits);
	unreachable_deinit(&listing.unreachable);
	return error;
}

static const char description[] =
	"Lists the objects in gc.garbage, and those that the next collection would put there because their\n"
	"types have finalizers of the old kind (tp_del), with what these hold. Other garbage, which a collection\n"
	"would free, is what `cycles` shows.\n"
	"\n"
	"What objects of types that nobody described refer to is found by a scan of their memory; see `cycles`\n"
	"for --believe-guesses.";

const struct verb verb_garbage = {
	.info = {
		.name = "garbage",
		.summary = "gc.garbage, and what would be uncollectable",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "objects",
	.run = run,
};
