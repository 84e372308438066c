/* SPDX-License-Identifier: MIT */
/*
 * refcounts.c - adding up references, and comparing the sums with what objects say of themselves.
 *
 * A reference is certain if its holder is an object for certain and no scan had to guess it. What a guess leads to may be
 * freed memory that still looks like an object, and what that refers to proves nothing: such references are possible ones.
 */
#include "analysis/refcounts.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/workers.h"
#include "target/target.h"

enum { BATCH = 1 << 15 }; /* objects whose references are added up together */

/* ---- what is an object for certain ------------------------------------------------------------------ */

struct search {
	const struct graph *graph;
	uint64_t *certain;
	uint32_t *waiting; /* ids */
	size_t count;
};

static void reach(struct search *search, uint32_t id)
{
	uint64_t bit = UINT64_C(1) << id % 64;
	if (!(search->certain[id / 64] & bit))
		search->waiting[search->count++] = id;
	search->certain[id / 64] |= bit;
}

static struct inspect_error *find_certain(const struct graph *graph, uint64_t *certain)
{
	const struct heap *heap = graph->heap;
	uint32_t *waiting AUTO_FREE = array_create_large(heap->count + 1, sizeof(*waiting));
	if (!waiting)
		return &inspect_error_no_memory;
	struct search search = { .graph = graph, .certain = certain, .waiting = waiting };
	for (uint32_t id = 0; id < heap->count; id++)
		if (heap_is_tracked(heap, id))
			reach(&search, id);
	for (size_t i = 0; i < graph->roots.count; i++) {
		const struct graph_root *root = &graph->roots.items[i];
		if (!(root->flags & RUNTIME_GUESSED) || root->kind == RUNTIME_ROOT_GLOBAL)
			reach(&search, root->object);
	}
	for (uint64_t turns = 0; search.count && !progress_ends("following references", turns, heap->count); turns++) {
		size_t count;
		const uint32_t *edges = graph_edges(graph, search.waiting[--search.count], &count);
		for (size_t i = 0; i < count; i++)
			if (!(edge_flags(edges[i]) & RUNTIME_GUESSED))
				reach(&search, edge_target(edges[i]));
	}
	return progress_report("following references", heap->count, heap->count);
}

/* ---- sums ------------------------------------------------------------------------------------------- */

struct sums {
	const struct graph *graph;
	const struct refcounts *refcounts;
};

static void add_reference(const struct refcounts *refcounts, uint32_t target, bool certain)
{
	if (certain)
		__atomic_fetch_add(&refcounts->expected[target], 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&refcounts->possible[target], 1, __ATOMIC_RELAXED);
}

static struct inspect_error *add_batch(void *context, size_t number)
{
	const struct sums *sums = context;
	const struct graph *graph = sums->graph;
	size_t end = (number + 1) * BATCH < graph->heap->count ? (number + 1) * BATCH : graph->heap->count;
	for (uint32_t id = (uint32_t)(number * BATCH); id < end; id++) {
		size_t count;
		const uint32_t *edges = graph_edges(graph, id, &count);
		bool certain = refcounts_is_certain(sums->refcounts, id);
		for (size_t i = 0; i < count; i++) {
			unsigned int flags = edge_flags(edges[i]);
			if (flags & RUNTIME_GUESSED)
				add_reference(sums->refcounts, edge_target(edges[i]), false);
			else if (!(flags & RUNTIME_UNCOUNTED))
				add_reference(sums->refcounts, edge_target(edges[i]), certain);
		}
	}
	return NULL;
}

static void add_roots(const struct graph_roots *roots, const struct refcounts *refcounts)
{
	for (size_t i = 0; i < roots->count; i++) {
		const struct graph_root *root = &roots->items[i];
		if (!(root->flags & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)))
			add_reference(refcounts, root->object, true);
	}
}

struct inspect_error *refcounts_count(const struct graph *graph, struct refcounts *refcounts)
{
	size_t count = graph->heap->count;
	*refcounts = (struct refcounts){
		.expected = calloc(count + 1, sizeof(*refcounts->expected)),
		.possible = calloc(count + 1, sizeof(*refcounts->possible)),
		.certain = calloc(count / 64 + 1, sizeof(*refcounts->certain)),
	};
	struct inspect_error *error = NULL;
	if (!refcounts->expected || !refcounts->possible || !refcounts->certain)
		error = &inspect_error_no_memory;
	if (!error)
		error = find_certain(graph, refcounts->certain);
	struct sums sums = { graph, refcounts };
	if (!error)
		error = workers_each(graph->heap->runtime->target, "adding up references", (count + BATCH - 1) / BATCH,
				     add_batch, &sums);
	if (!error)
		add_roots(&graph->roots, refcounts);
	else
		refcounts_deinit(refcounts);
	return error;
}

void refcounts_deinit(struct refcounts *refcounts)
{
	free(refcounts->expected);
	free(refcounts->possible);
	free(refcounts->certain);
	*refcounts = (struct refcounts){ 0 };
}

/* ---- verdicts --------------------------------------------------------------------------------------- */

int64_t refcounts_excess(const struct refcounts *refcounts, const struct heap *heap, uint32_t id)
{
	if (heap->flags[id] & (RUNTIME_IMMORTAL | RUNTIME_DAMAGED))
		return 0;
	return refcounts_difference(heap->refcount[id], refcounts->expected[id]);
}

enum refcount_verdict refcounts_judge(const struct refcounts *refcounts, const struct heap *heap, uint32_t id,
				      int64_t possible, int64_t more, int64_t fewer)
{
	int64_t excess = refcounts_excess(refcounts, heap, id);
	if (excess >= -fewer && excess <= more)
		return REFCOUNT_CLOSES;
	if (!refcounts_is_certain(refcounts, id))
		return REFCOUNT_DOUBTED;
	if (excess < 0)
		return REFCOUNT_LOW;
	if (excess <= possible + more)
		return REFCOUNT_HELD;
	return refcounts->expected[id] || possible ? REFCOUNT_LEAKED : REFCOUNT_ORPHAN;
}
