/* SPDX-License-Identifier: MIT */
/*
 * holders.c - a search against the direction of references, and the reference counts of what it finds.
 */
#include "analysis/holders.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

/* A breadth-first search. */
struct search {
	const struct graph *graph;
	uint8_t *seen;   /* a bit for each object */
	uint32_t *order; /* ids */
	size_t count;
};

static void reach(struct search *search, uint32_t id)
{
	uint8_t bit = 1u << id % 8;
	if (!(search->seen[id / 8] & bit))
		search->order[search->count++] = id;
	search->seen[id / 8] |= bit;
}

/* Reaches what holds object @id; returns how often it is held. */
static int64_t reach_holders(struct search *search, uint32_t id)
{
	size_t count;
	int64_t held = 0;
	const uint32_t *edges = graph_reverse_edges(search->graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		if (edge_flags(edges[i]) & RUNTIME_UNCOUNTED)
			continue;
		reach(search, edge_target(edges[i]));
		held++;
	}
	return held;
}

static int64_t count_roots(const struct graph_roots *roots, uint32_t id)
{
	int64_t count = 0;
	for (size_t i = 0; i < roots->count; i++)
		count += roots->items[i].object == id && !(roots->items[i].flags & RUNTIME_UNCOUNTED);
	return count;
}

static struct inspect_error *search_all(struct search *search, const struct heap *heap, struct holders *holders)
{
	for (size_t i = 0; i < search->count; i++) {
		uint32_t id = search->order[i];
		struct inspect_error *error = progress_each("looking for holders", i, heap->count);
		if (error)
			return error;
		int64_t held = reach_holders(search, id);
		if (holders->outside || heap->flags[id] & RUNTIME_IMMORTAL || heap->refcount[id] <= held)
			continue;
		held += count_roots(&search->graph->roots, id);
		holders->outside = heap->refcount[id] > held;
		holders->object = id;
		holders->unknown = heap->refcount[id] - held;
	}
	holders->count = search->count;
	return NULL;
}

struct inspect_error *holders_find(struct graph *graph, struct heap *heap, uint32_t id, struct holders *holders)
{
	*holders = (struct holders){ 0 };
	struct inspect_error *error = graph_reverse(graph);
	if (!error)
		error = heap_find_refcounts(heap);
	if (error)
		return error;
	uint8_t *seen AUTO_FREE = calloc(heap->count / 8 + 1, sizeof(*seen));
	uint32_t *order AUTO_FREE = reallocarray(NULL, heap->count + 1, sizeof(*order));
	if (!seen || !order)
		return &inspect_error_no_memory;
	struct search search = { .graph = graph, .seen = seen, .order = order };
	reach(&search, id);
	return search_all(&search, heap, holders);
}
