/* SPDX-License-Identifier: MIT */
/*
 * objects.c - the verb `objects`: all objects one by one.
 *
 * In address order they go straight from the heap to the output; other orders need a sorted array of ids.
 */
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"
#include "verbs/edges.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/verb.h"

enum {
	ADDRESS, TYPE, SIZE, REFCOUNT, IMMORTAL, GENERATION, TRACKED, INTERPRETER, VALUE, COLUMN_COUNT_,
};

static const struct verb_column columns[] = {
	[ADDRESS] = { "address", COLUMN_ADDRESS, "what id() would say" },
	[TYPE] = { "type", COLUMN_TEXT, "name of its type" },
	[SIZE] = { "size", COLUMN_BYTES, "what sys.getsizeof() would say", .summed = true,
		   .no_unit = true },
	[REFCOUNT] = { "refcount", COLUMN_COUNT, "its reference count; none if it is immortal" },
	[IMMORTAL] = { "immortal", COLUMN_BOOLEAN, "does its reference count mean nothing?", .detail = true },
	[GENERATION] = { "generation", COLUMN_GENERATION, "0, 1, 2 or permanent; none if not tracked" },
	[TRACKED] = { "tracked", COLUMN_BOOLEAN, "does the collector track it?", .detail = true },
	[INTERPRETER] = { "interpreter", COLUMN_NUMBER, "id of the interpreter whose collector tracks it",
			  .detail = true },
	[VALUE] = { "value", COLUMN_TEXT, "a short description", .option = "values" },
};

static const struct inspect_verb_option options[] = {
	{ "type", "PATTERN", "only types of this name; * ? [...] match parts of names; may be repeated",
	  NULL },
	{ "tracked", NULL, "only objects that the collector tracks: those of gc.get_objects(); takes less time", NULL },
	{ "untracked", NULL, "only objects that it does not track, such as str, int, many tuples and dicts", NULL },
	{ "generation", "GENERATION", "only objects of this generation; may be repeated", "0|1|2|permanent" },
	{ "interpreter", "ID", "only objects of this interpreter; may be repeated", NULL },
	{ "min-size", "N", "only objects of at least N bytes; 4k, 2M and 1G work too", NULL },
	{ "max-size", "N", "only objects of at most N bytes", NULL },
	{ "values", NULL, "describe each object", NULL },
	{ "sort", "COLUMN", "order: by address, largest first, or by name of the type; default: address",
	  "address|size|type" },
	{ "reverse", NULL, "the other way round", NULL },
	{ "limit", "N", "show N objects and sum up the rest; 0: show all; default for text: a screenful",
	  NULL },
};

/* One run of the verb. */
struct listing {
	struct verb_context *context;
	struct heap *heap;
	struct selection selection;
	struct object_values values;
};

/* ---- rows ------------------------------------------------------------------------------------------ */

static struct cell interpreter_cell(const struct heap *heap, uint32_t id)
{
	size_t collector = heap->collector[id];
	if (collector >= heap->runtime->collector_count || !heap_is_tracked(heap, id))
		return cell_absent(NULL);
	return cell_number(heap->runtime->collectors[collector].id);
}

static struct cell refcount_cell(const struct heap *heap, uint32_t id)
{
	if (heap->flags[id] & RUNTIME_DAMAGED)
		return cell_absent(NULL);
	if (heap->flags[id] & RUNTIME_IMMORTAL)
		return cell_absent("immortal");
	return (struct cell){ .number = heap->refcount[id] };
}

static struct inspect_error *send_object(struct listing *listing, uint32_t id)
{
	const struct heap *heap = listing->heap;
	struct cell cells[COLUMN_COUNT_] = {
		[ADDRESS] = cell_address(heap->address[id]),
		[TYPE] = cell_text(heap_type_name(heap, id)),
		[SIZE] = cell_bytes(heap->size[id]),
		[REFCOUNT] = refcount_cell(heap, id),
		[IMMORTAL] = cell_boolean(heap->flags[id] & RUNTIME_IMMORTAL),
		[GENERATION] = heap_is_tracked(heap, id) ? cell_generation(heap->generation[id]) :
							       cell_absent("untracked"),
		[TRACKED] = cell_boolean(heap_is_tracked(heap, id)),
		[INTERPRETER] = interpreter_cell(heap, id),
		[VALUE] = cell_absent(NULL),
	};
	struct inspect_error *error = object_value(&listing->values, id, NULL, &cells[VALUE]);
	return error ? error : table_row(listing->context->table, cells);
}

/* ---- orders ---------------------------------------------------------------------------------------- */

static struct inspect_error *send_by_address(struct listing *listing, bool reverse)
{
	size_t count = listing->heap->count;
	for (size_t i = 0; i < count; i++) {
		uint32_t id = reverse ? count - 1 - i : i;
		if (!heap_filter_passes(&listing->selection.filter, listing->heap, id))
			continue;
		struct inspect_error *error = send_object(listing, id);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *send_ids(struct listing *listing, const uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct inspect_error *error = send_object(listing, ids[i]);
		if (error)
			return error;
	}
	return NULL;
}

/* The ids of the selected objects, for the caller to free; NULL when out of memory. */
static uint32_t *selected_ids(const struct listing *listing, size_t *count_ret)
{
	const struct heap *heap = listing->heap;
	size_t count = 0;
	for (size_t id = 0; id < heap->count; id++)
		count += heap_filter_passes(&listing->selection.filter, heap, id);
	uint32_t *ids = reallocarray(NULL, count + 1, sizeof(*ids));
	if (!ids)
		return NULL;
	*count_ret = 0;
	for (size_t id = 0; id < heap->count; id++)
		if (heap_filter_passes(&listing->selection.filter, heap, id))
			ids[(*count_ret)++] = id;
	return ids;
}

static struct inspect_error *send_by_size(struct listing *listing, bool reverse)
{
	size_t count;
	uint32_t *ids AUTO_FREE = selected_ids(listing, &count);
	uint32_t *scratch AUTO_FREE = ids ? reallocarray(NULL, count + 1, sizeof(*scratch)) : NULL;
	if (!scratch)
		return &inspect_error_no_memory;
	return send_ids(listing, sort_ids(ids, scratch, count, listing->heap->size, !reverse), count);
}

/* Counting sort by the place of the type's name. */
static struct inspect_error *send_by_type(struct listing *listing, bool reverse)
{
	const struct heap *heap = listing->heap;
	size_t count;
	uint32_t place_count;
	uint32_t *places AUTO_FREE = NULL;
	struct inspect_error *error = type_places(heap->runtime, &places, &place_count);
	if (error)
		return error;
	uint32_t *ids AUTO_FREE = selected_ids(listing, &count);
	uint32_t *sorted AUTO_FREE = ids ? reallocarray(NULL, count + 1, sizeof(*sorted)) : NULL;
	size_t *starts AUTO_FREE = calloc((size_t)place_count + 2, sizeof(*starts));
	if (!sorted || !starts)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		uint32_t place = places[heap->type[ids[i]]];
		starts[(reverse ? place_count - 1 - place : place) + 1]++;
	}
	for (size_t place = 0; place < place_count; place++)
		starts[place + 1] += starts[place];
	for (size_t i = 0; i < count; i++) {
		uint32_t place = places[heap->type[ids[i]]];
		sorted[starts[reverse ? place_count - 1 - place : place]++] = ids[i];
	}
	return send_ids(listing, sorted, count);
}

static struct inspect_error *send_all(struct listing *listing)
{
	const struct options *given = listing->context->options;
	const char *order = option_argument(given, "sort");
	bool reverse = option_flag(given, "reverse");
	if (order && strcmp(order, "size") == 0)
		return send_by_size(listing, reverse);
	if (order && strcmp(order, "type") == 0)
		return send_by_type(listing, reverse);
	return send_by_address(listing, reverse);
}

static struct inspect_error *run(struct verb_context *context)
{
	struct listing listing = { .context = context };
	struct inspect_error *error = selection_heap(context, &listing.heap);
	if (!error)
		error = heap_find_refcounts(listing.heap);
	if (!error)
		error = object_values_init(&listing.values, context, listing.heap);
	if (error)
		return error;
	error = selection_init(&listing.selection, context, listing.heap);
	if (!error)
		error = send_all(&listing);
	selection_deinit(&listing.selection);
	return object_values_end(&listing.values, error);
}

static const char description[] =
	"Lists all objects, tracked by the garbage collector or not, in the order of their addresses\n"
	"or sorted. The first thing to do with a type that `heap` shows too many of: look at some\n"
	"of its objects with `objects --type=NAME --values`.";

const struct verb verb_objects = {
	.info = {
		.name = "objects",
		.summary = "the objects themselves, one a row",
		.operands = "",
		.description = description,
		.options = options,
		.option_count = sizeof(options) / sizeof(*options),
	},
	.shape = VERB_TABLE,
	.columns = columns,
	.column_count = COLUMN_COUNT_,
	.rows = "objects",
	.check = selection_check,
	.run = run,
};
