/* SPDX-License-Identifier: MIT */
/*
 * unreachable.c - what a collection would find unreachable.
 *
 * The steps have the names that they have in CPython: update_refs, subtract_refs, move_unreachable.
 */
#include "analysis/unreachable.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"

/* Collections, imagined. */
struct collection {
	const struct graph *graph;
	const struct collection_scope *scope;
	const int64_t *refcount;
	uint8_t *verdict;
	int64_t *outside;  /* references from elsewhere: what CPython calls gc_refs */
	uint32_t *pending; /* a stack of ids */
	size_t pending_count;
};

static bool in_scope(const struct heap *heap, const struct collection_scope *scope, uint32_t id)
{
	return heap->generation[id] < HEAP_GENERATIONS && (scope->generations >> heap->generation[id] & 1) &&
	       (scope->collectors[heap->collector[id] / 64] >> heap->collector[id] % 64 & 1);
}

/* Does the collector of object @id look at @target, too? */
static bool same_collection(const struct collection *collection, uint32_t id, uint32_t target)
{
	const uint8_t *collector = collection->graph->heap->collector;
	return collection->verdict[target] != VERDICT_OUTSIDE && collector[id] == collector[target];
}

/* Copies the reference counts of the objects that are looked at. */
static void update_refs(struct collection *collection, struct unreachable *unreachable)
{
	const struct heap *heap = collection->graph->heap;
	for (size_t id = 0; id < heap->count; id++) {
		if (!in_scope(heap, collection->scope, id))
			continue;
		collection->verdict[id] = VERDICT_UNREACHABLE;
		collection->outside[id] = heap->flags[id] & RUNTIME_IMMORTAL ? INT64_MAX : collection->refcount[id];
		unreachable->scanned += (heap->flags[id] & RUNTIME_SCANNED) != 0;
	}
}

/* Subtracts the references that the objects looked at hold to each other. */
static void subtract_refs(struct collection *collection)
{
	const struct graph *graph = collection->graph;
	unsigned int without = RUNTIME_UNVISITED | RUNTIME_UNCOUNTED;
	if (!collection->scope->believe_guesses)
		without |= RUNTIME_GUESSED;
	for (size_t id = 0; id < graph->heap->count; id++) {
		if (collection->verdict[id] == VERDICT_OUTSIDE)
			continue;
		size_t count;
		const uint32_t *edges = graph_edges(graph, id, &count);
		for (size_t i = 0; i < count; i++) {
			uint32_t target = edge_target(edges[i]);
			if (!(edge_flags(edges[i]) & without) && same_collection(collection, id, target) &&
			    collection->outside[target] != INT64_MAX)
				collection->outside[target]--;
		}
	}
}

static void mark_reachable(struct collection *collection, uint32_t id)
{
	if (collection->verdict[id] != VERDICT_UNREACHABLE)
		return;
	collection->verdict[id] = VERDICT_REACHABLE;
	collection->pending[collection->pending_count++] = id;
}

/* What is held from elsewhere stays, and all that it leads to. */
static void move_unreachable(struct collection *collection, struct unreachable *unreachable)
{
	const struct graph *graph = collection->graph;
	for (size_t id = 0; id < graph->heap->count; id++) {
		if (collection->verdict[id] == VERDICT_OUTSIDE || collection->outside[id] == 0)
			continue;
		if (collection->outside[id] < 0 && unreachable->negative++ == 0)
			unreachable->first_negative = id;
		mark_reachable(collection, id);
	}
	while (collection->pending_count) {
		size_t count;
		uint32_t id = collection->pending[--collection->pending_count];
		const uint32_t *edges = graph_edges(graph, id, &count);
		for (size_t i = 0; i < count; i++)
			if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED) &&
			    same_collection(collection, id, edge_target(edges[i])))
				mark_reachable(collection, edge_target(edges[i]));
	}
}

/* Drops the references that object @id holds; what nobody else holds goes too. */
static void drop_references(struct collection *collection, uint32_t id)
{
	const struct graph *graph = collection->graph;
	size_t count;
	const uint32_t *edges = graph_edges(graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		uint32_t target = edge_target(edges[i]);
		if ((edge_flags(edges[i]) & RUNTIME_UNCOUNTED) || collection->verdict[target] == VERDICT_UNREACHABLE ||
		    collection->verdict[target] == VERDICT_HANGING || (graph->heap->flags[target] & RUNTIME_IMMORTAL))
			continue;
		if (++collection->outside[target] == collection->refcount[target]) {
			collection->verdict[target] = VERDICT_HANGING;
			collection->pending[collection->pending_count++] = target;
		}
	}
}

/* Finds what would be freed with the unreachable objects. @outside now counts the references dropped. */
static void find_hanging(struct collection *collection, struct unreachable *unreachable)
{
	size_t all = collection->graph->heap->count;
	for (size_t id = 0; id < all; id++)
		collection->outside[id] = 0;
	for (size_t id = 0; id < all; id++) {
		if (collection->verdict[id] != VERDICT_UNREACHABLE)
			continue;
		unreachable->count++;
		drop_references(collection, id);
		while (collection->pending_count) {
			unreachable->hanging++;
			drop_references(collection, collection->pending[--collection->pending_count]);
		}
	}
}

struct inspect_error *unreachable_find(const struct graph *graph, const int64_t *refcount,
				       const struct collection_scope *scope, struct unreachable *unreachable)
{
	size_t count = graph->heap->count + 1;
	*unreachable = (struct unreachable){ .verdict = calloc(count, sizeof(*unreachable->verdict)) };
	int64_t *outside AUTO_FREE = calloc(count, sizeof(*outside));
	uint32_t *pending AUTO_FREE = calloc(count, sizeof(*pending));
	if (!unreachable->verdict || !outside || !pending) {
		unreachable_deinit(unreachable);
		return &inspect_error_no_memory;
	}
	struct collection collection = {
		.graph = graph,
		.scope = scope,
		.refcount = refcount,
		.verdict = unreachable->verdict,
		.outside = outside,
		.pending = pending,
	};
	update_refs(&collection, unreachable);
	subtract_refs(&collection);
	move_unreachable(&collection, unreachable);
	find_hanging(&collection, unreachable);
	return NULL;
}

void unreachable_deinit(struct unreachable *unreachable)
{
	free(unreachable->verdict);
	*unreachable = (struct unreachable){ 0 };
}
