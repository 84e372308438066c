/* SPDX-License-Identifier: MIT */
/*
 * guesses.c - guessed references that reference counts speak against.
 *
 * Where memory was never written to there are words of what stood there before: an iterator of numpy has room for 32
 * dimensions, and behind the one that it uses may be the items of a list that was freed. They look like references, and only
 * the counts of the objects that they lead to can tell. A count that the certain references explain refutes all guesses.
 * One word of one object alone would prove little, as counts may be wrong: how much of this is evidence the runtime decides,
 * who knows what other objects of the type have in the same place.
 */
#include "graph/guesses.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "graph/workers.h"

enum { BATCH = 256 }; /* objects that are examined together */

static const uint32_t NO_EDGE = UINT32_MAX; /* one that is taken out; no id is so large */

struct check {
	struct graph *graph;
	uint64_t *suspects; /* a bit for each object that guessed references lead to; in the end only those without room */
	uint32_t *ranks;    /* how many of them come before each word of these */
	uint32_t *certain;  /* of each, how many references to it are certain: at most UINT32_MAX */
	uint32_t count;
	bool *types;        /* of these some guesses are given up */
};

static bool has_bit(const uint64_t *bits, uint32_t id)
{
	return bits[id / 64] >> id % 64 & 1;
}

/* Of a reference with @flags: was it guessed, and would it be counted? */
static bool is_guess(uint64_t flags)
{
	return (flags & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED)) == RUNTIME_GUESSED;
}

static bool is_certain(uint64_t flags)
{
	return !(flags & (RUNTIME_GUESSED | RUNTIME_UNCOUNTED));
}

/* Is the object of a type that is scanned, and one for certain? */
static bool may_guess(const struct heap *heap, uint32_t id)
{
	return heap->flags[id] & RUNTIME_SCANNED &&
	       !region_doubts(index_region_at(&heap->index, heap->address[id]), heap->address[id]);
}

/* ---- who has room ----------------------------------------------------------------------------------- */

/* Finds all that guessed references lead to. */
static void find_suspects(struct check *check)
{
	const struct graph *graph = check->graph;
	for (uint32_t id = 0; id < graph->heap->count; id++) {
		if (!may_guess(graph->heap, id))
			continue;
		for (uint32_t i = graph->first[id]; i < graph->first[id + 1]; i++) {
			uint32_t target = edge_target(graph->edges[i]);
			if (is_guess(edge_flags(graph->edges[i])))
				check->suspects[target / 64] |= UINT64_C(1) << target % 64;
		}
	}
	for (size_t i = 0; i <= graph->heap->count / 64; i++) {
		check->ranks[i] = check->count;
		check->count += count_bits(check->suspects[i]);
	}
}

static uint32_t *certain_of(const struct check *check, uint32_t id)
{
	uint64_t before = check->suspects[id / 64] & ((UINT64_C(1) << id % 64) - 1);
	return &check->certain[check->ranks[id / 64] + count_bits(before)];
}

/* Adds up the references of a region's objects. */
static struct inspect_error *count_certain(void *context, size_t number)
{
	const struct check *check = context;
	const struct graph *graph = check->graph;
	const struct index_region *region = graph->heap->index.regions[number];
	for (uint32_t id = region->first; id < region->first + region->count; id++) {
		if (region_doubts(region, graph->heap->address[id]))
			continue;
		for (uint32_t i = graph->first[id]; i < graph->first[id + 1]; i++) {
			uint32_t edge = graph->edges[i], target = edge_target(edge);
			if (has_bit(check->suspects, target) && is_certain(edge_flags(edge)))
				__atomic_fetch_add(certain_of(check, target), 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

static void count_certain_roots(const struct check *check)
{
	const struct graph_roots *roots = &check->graph->roots;
	for (size_t i = 0; i < roots->count; i++)
		if (has_bit(check->suspects, roots->items[i].object) && is_certain(roots->items[i].flags))
			++*certain_of(check, roots->items[i].object);
}

/* Suspects that are examined together. */
struct batch {
	uint32_t ids[BATCH];
	size_t count;
	uint32_t rank; /* of the first one */
};

/* Leaves only those among the batch's suspects that have no room, and makes it that of the next ones. */
static struct inspect_error *keep_full_of(const struct check *check, struct batch *batch, size_t *full)
{
	const struct heap *heap = check->graph->heap;
	uint64_t addresses[BATCH];
	int64_t refcounts[BATCH];
	uint8_t flags[BATCH];
	const struct runtime_columns columns = { .refcount = refcounts, .flags = flags };
	for (size_t i = 0; i < batch->count; i++)
		addresses[i] = heap->address[batch->ids[i]];
	struct inspect_error *error =
		heap->runtime->operations->examine(heap->runtime, addresses, batch->count, &columns);
	for (size_t i = 0; i < batch->count && !error; i++) {
		uint32_t id = batch->ids[i];
		if (flags[i] & (RUNTIME_IMMORTAL | RUNTIME_DAMAGED) ||
		    refcounts[i] > (int64_t)check->certain[batch->rank + i])
			check->suspects[id / 64] &= ~(UINT64_C(1) << id % 64);
		else
			++*full;
	}
	batch->rank += (uint32_t)batch->count;
	batch->count = 0;
	return error;
}

/* Leaves only those among the suspects that have no room: *@full_ret. */
static struct inspect_error *keep_full(const struct check *check, size_t *full_ret)
{
	struct batch batch = { .count = 0 };
	struct inspect_error *error = NULL;
	*full_ret = 0;
	for (uint32_t id = 0; id < check->graph->heap->count && !error; id++) {
		if (!check->suspects[id / 64])
			id |= 63;
		else if (has_bit(check->suspects, id))
			batch.ids[batch.count++] = id;
		if (batch.count == BATCH)
			error = keep_full_of(check, &batch, full_ret);
	}
	return error ? error : keep_full_of(check, &batch, full_ret);
}

/* ---- giving up -------------------------------------------------------------------------------------- */

static bool leads_to_full(const struct check *check, uint32_t id)
{
	const struct graph *graph = check->graph;
	for (uint32_t i = graph->first[id]; i < graph->first[id + 1]; i++)
		if (is_guess(edge_flags(graph->edges[i])) && has_bit(check->suspects, edge_target(graph->edges[i])))
			return true;
	return false;
}

/* Tells the runtime of the guesses of object @id that are none. */
static struct inspect_error *refute(const struct check *check, uint32_t id, struct runtime_references *references)
{
	const struct heap *heap = check->graph->heap;
	struct runtime *runtime = heap->runtime;
	struct inspect_error *error = graph_labels(check->graph, id, references);
	for (size_t i = 0; i < references->count && !error; i++) {
		uint32_t target;
		uint64_t address = references->items[i] & ~RUNTIME_REFERENCE_FLAGS;
		if (is_guess(references->items[i]) && heap_find(heap, address, &target) && has_bit(check->suspects, target))
			check->types[heap->type[id]] |= runtime->operations->refute(runtime, heap->address[id], heap->type[id],
										    references->labels[i].word);
	}
	return error;
}

/* Asks for the references of object @id again, which are some of those that it had. */
static struct inspect_error *connect_again(const struct check *check, uint32_t id,
					   struct runtime_references *references)
{
	struct graph *graph = check->graph;
	struct inspect_error *error = graph_labels(graph, id, references);
	uint32_t next = graph->first[id], end = graph->first[id + 1], target;
	for (size_t i = 0; i < references->count && !error && next < end; i++)
		if (heap_find(graph->heap, references->items[i] & ~RUNTIME_REFERENCE_FLAGS, &target))
			graph->edges[next++] = target << EDGE_FLAG_BITS | (references->items[i] & RUNTIME_REFERENCE_FLAGS);
	while (next < end && !error)
		graph->edges[next++] = NO_EDGE;
	return error;
}

static void close_gaps(struct graph *graph)
{
	uint32_t kept = 0, from = 0;
	for (uint32_t id = 0; id < graph->heap->count; id++) {
		for (; from < graph->first[id + 1]; from++)
			if (graph->edges[from] != NO_EDGE)
				graph->edges[kept++] = graph->edges[from];
		graph->first[id + 1] = kept;
	}
	graph->edge_count = kept;
}

static struct inspect_error *give_up_guesses(const struct check *check)
{
	const struct graph *graph = check->graph;
	struct runtime_references references = { 0 };
	struct inspect_error *error = NULL;
	for (uint32_t id = 0; id < graph->heap->count && !error; id++) {
		error = progress_each("checking guesses", id, graph->heap->count);
		if (!error && may_guess(graph->heap, id) && leads_to_full(check, id))
			error = refute(check, id, &references);
	}
	for (uint32_t id = 0; id < graph->heap->count && !error; id++) {
		error = progress_each("checking guesses", id, graph->heap->count);
		if (!error && graph->heap->flags[id] & RUNTIME_SCANNED && check->types[graph->heap->type[id]])
			error = connect_again(check, id, &references);
	}
	runtime_references_deinit(&references);
	if (!error)
		close_gaps(check->graph);
	return error;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static struct inspect_error *check_all(struct check *check)
{
	const struct heap *heap = check->graph->heap;
	size_t full = 0;
	find_suspects(check);
	if (!check->count)
		return NULL;
	check->certain = calloc(check->count, sizeof(*check->certain));
	check->types = calloc(heap->runtime->type_count + 1, sizeof(*check->types));
	if (!check->certain || !check->types)
		return &inspect_error_no_memory;
	struct inspect_error *error = workers_each(NULL, "checking guesses", heap->index.count, count_certain, check);
	if (!error)
		count_certain_roots(check);
	if (!error)
		error = keep_full(check, &full);
	return error || !full ? error : give_up_guesses(check);
}

struct inspect_error *graph_check_guesses(struct graph *graph)
{
	if (!graph->scanned || !graph->heap->runtime->operations->refute)
		return NULL;
	struct check check = {
		.graph = graph,
		.suspects = calloc(graph->heap->count / 64 + 1, sizeof(*check.suspects)),
		.ranks = calloc(graph->heap->count / 64 + 1, sizeof(*check.ranks)),
	};
	struct inspect_error *error = check.suspects && check.ranks ? check_all(&check) : &inspect_error_no_memory;
	free(check.suspects);
	free(check.ranks);
	free(check.certain);
	free(check.types);
	return error;
}
