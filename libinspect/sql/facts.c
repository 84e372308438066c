/* SPDX-License-Identifier: MIT */
/*
 * facts.c - what tables are made of, found out when the first query asks for it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "sql/database.h"
#include "verbs/options.h"
#include "verbs/select.h"
#include "verbs/session.h"
#include "verbs/verdicts.h"

struct inspect_error *sql_find_names(struct sql_database *database, const struct runtime *runtime)
{
	if (database->names && database->name_count == runtime->type_count)
		return NULL;
	struct sql_name *names = reallocarray(database->names, runtime->type_count + 1, sizeof(*names));
	if (!names)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < runtime->type_count; i++)
		names[i] = (struct sql_name){ runtime->types[i].name, (int)strlen(runtime->types[i].name) };
	database->names = names;
	database->name_count = runtime->type_count;
	return NULL;
}

/* SQL's integers are signed. No program has objects where that matters; a damaged or malicious core may. */
static struct inspect_error *check_addresses(const struct heap *heap)
{
	if (!heap->count || heap->address[heap->count - 1] <= INT64_MAX)
		return NULL;
	return inspect_error_create(INSPECT_ERROR_CORRUPT,
				    "there are objects at addresses that no program has, the last one at 0x%" PRIx64
				    ": SQL cannot order them; use the other verbs",
				    heap->address[heap->count - 1]);
}

/* Which sizes are not all: what `heap` says of them. */
static struct inspect_error *note_sizes(struct sql_database *database, struct sql_heap *heap)
{
	if (!heap->sizes_noted) {
		struct verb_context scratch = { .session = database->session };
		struct heap_filter filter = heap_filter_all();
		struct histogram histogram;
		struct inspect_error *error = histogram_build(heap->heap, &filter, false, &histogram);
		if (!error)
			error = note_basic_sizes(&scratch, &histogram);
		histogram_deinit(&histogram);
		if (error) {
			notes_deinit(&scratch.notes);
			return error;
		}
		heap->notes = scratch.notes;
		heap->sizes_noted = true;
	}
	return notes_add_all(&database->context->notes, &heap->notes);
}

/* Has any object such a size? */
static bool has_basic_sizes(const struct heap *heap)
{
	uint8_t flags = 0;
	for (size_t id = 0; id < heap->count; id++)
		flags |= heap->flags[id];
	return flags & RUNTIME_SIZE_BASIC;
}

struct inspect_error *sql_heap_of(struct sql_database *database, bool tracked, bool sizes, struct sql_heap **heap_ret)
{
	struct heap *heap;
	struct verb_context *context = database->context;
	struct inspect_error *error = tracked ? verb_tracked_of(context, &heap) :
				      sizes   ? verb_heap_of(context, &heap) :
						verb_objects_of(context, &heap);
	if (!error)
		error = check_addresses(heap);
	if (!error)
		error = sql_find_names(database, heap->runtime);
	*heap_ret = heap == &database->session->tracked ? &database->tracked : &database->all;
	(*heap_ret)->heap = heap;
	return error || !sizes || !has_basic_sizes(heap) ? error : note_sizes(database, *heap_ret);
}

struct inspect_error *sql_type_order(struct sql_heap *heap)
{
	return heap->order.ids ? NULL : type_order_find(heap->heap, &heap->order);
}

struct inspect_error *sql_graph_of(struct sql_database *database, bool reverse, struct graph **graph_ret)
{
	struct inspect_error *error = verb_graph_of(database->context, graph_ret);
	if (!error)
		error = check_addresses((*graph_ret)->heap);
	if (!error && reverse)
		error = graph_reverse(*graph_ret);
	return error ? error : sql_find_names(database, (*graph_ret)->heap->runtime);
}

struct inspect_error *sql_find_verdicts(struct sql_database *database)
{
	bool believe = option_flag(database->context->options, VERDICT_GUESSES);
	if (database->unreachable.verdict && database->believed == believe)
		return NULL;
	struct graph *graph;
	struct inspect_error *error = verb_counted_graph_of(database->context, &graph);
	unreachable_deinit(&database->unreachable);
	database->unreachable = (struct unreachable){ 0 };
	database->believed = believe;
	return error ? error : verdicts_find(database->context, graph, graph->heap, &database->unreachable);
}

struct inspect_error *sql_find_components(struct sql_database *database)
{
	if (database->components.component)
		return NULL;
	struct graph *graph;
	struct inspect_error *error = verb_graph_of(database->context, &graph);
	return error ? error : components_find(graph, NULL, &database->components);
}

/* For each reverse edge, which edge it is: both orders are those of the objects that refer. */
static struct inspect_error *number_reverse_edges(struct sql_database *database, const struct graph *graph)
{
	uint32_t *numbers = array_create_large(graph->edge_count, sizeof(*numbers));
	uint32_t *next AUTO_FREE = reallocarray(NULL, graph->heap->count + 1, sizeof(*next));
	if (!numbers || !next) {
		free(numbers);
		return &inspect_error_no_memory;
	}
	memcpy(next, graph->reverse_first, graph->heap->count * sizeof(*next));
	struct inspect_error *error = NULL;
	for (size_t edge = 0; edge < graph->edge_count && !error; edge++) {
		numbers[next[edge_target(graph->edges[edge])]++] = (uint32_t)edge;
		error = progress_each("numbering references", edge, graph->edge_count);
	}
	if (error)
		free(numbers);
	else
		database->reverse_edges = numbers;
	return error;
}

struct inspect_error *sql_find_labels(struct sql_database *database, bool reverse)
{
	struct graph *graph;
	struct inspect_error *error = sql_graph_of(database, reverse, &graph);
	if (!error && !database->labels.runtime)
		error = labels_init(&database->labels, graph->heap->runtime);
	return error || !reverse || database->reverse_edges ? error : number_reverse_edges(database, graph);
}

static int compare_roots(const void *a, const void *b, void *context)
{
	const struct graph_root *roots = context;
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	if (roots[one].object != roots[other].object)
		return roots[one].object < roots[other].object ? -1 : 1;
	return one < other ? -1 : one > other;
}

struct inspect_error *sql_find_roots(struct sql_database *database)
{
	struct graph *graph;
	struct inspect_error *error = sql_graph_of(database, false, &graph);
	if (error || database->roots_of)
		return error;
	uint32_t *numbers = reallocarray(NULL, graph->roots.count + 1, sizeof(*numbers));
	if (!numbers)
		return &inspect_error_no_memory;
	for (uint32_t i = 0; i < graph->roots.count; i++)
		numbers[i] = i;
	qsort_r(numbers, graph->roots.count, sizeof(*numbers), compare_roots, graph->roots.items);
	database->roots_of = numbers;
	return NULL;
}

void sql_forget(struct sql_database *database)
{
	free(database->names);
	free(database->type_sums.items);
	notes_deinit(&database->tracked.notes);
	notes_deinit(&database->all.notes);
	type_order_deinit(&database->tracked.order);
	type_order_deinit(&database->all.order);
	unreachable_deinit(&database->unreachable);
	components_deinit(&database->components);
	labels_deinit(&database->labels);
	free(database->reverse_edges);
	free(database->roots_of);
}
