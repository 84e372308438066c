/* SPDX-License-Identifier: MIT */
/*
 * graph.c - the references of all objects, as edges between their ids.
 *
 * Discovery has counted each region's references, so each region has its place among the edges before they are made,
 * and workers fill these places. What leads to no object leaves a gap at its region's end, which is closed last.
 */
#include "graph/graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/guesses.h"
#include "graph/workers.h"
#include "target/target.h"

enum {
	BATCH = 1024,    /* objects whose references are asked for together */
	BUFFER = 8192,   /* references that are looked up together */
	PREFETCHED = 32, /* of these, whose places in the index are fetched together */
};

static const uint32_t NO_EDGE = UINT32_MAX; /* a reference to no object, until it is taken out; no id is so large */

/* What is found out about the references of a region. */
struct region_edges {
	uint64_t start;    /* its place among the edges */
	uint64_t count;    /* how many there are: at most region->references */
	size_t dangling;
	uint64_t first_dangling;
	size_t damaged;
	size_t scanned;    /* objects of types that are not described */
};

struct connecting {
	struct graph *graph;
	struct region_edges *regions;
};

/* A region at work. */
struct region_work {
	const struct heap *heap;
	bool partial;
	struct index_region *region;
	struct region_edges *result;
	struct runtime_references references;
	uint32_t *edges;  /* the region's place */
	uint64_t room;    /* its length */
	uint64_t written; /* with those of the batch at hand */
	bool dropped;     /* the batch has some that are no edges */
	bool doubtful;    /* the batch is an object that may be none: what it refers to says nothing */
	size_t ends[BATCH];
};

/* ---- looking up ------------------------------------------------------------------------------------- */

static uint32_t no_edge(struct region_work *work, uint64_t reference)
{
	work->dropped = true;
	if (!(reference & RUNTIME_GUESSED) && !work->doubtful && !work->partial && work->result->dangling++ == 0)
		work->result->first_dangling = reference & ~RUNTIME_REFERENCE_FLAGS;
	return NO_EDGE;
}

/* Makes edges of @count references, at most PREFETCHED. */
static void make_edges(struct region_work *work, const uint64_t *references, size_t count, uint32_t *edges)
{
	const struct index_region *regions[PREFETCHED];
	for (size_t i = 0; i < count; i++) {
		regions[i] = index_region_at(&work->heap->index, references[i]);
		if (!regions[i])
			continue;
		__builtin_prefetch(&regions[i]->bits[region_word(references[i])]);
		__builtin_prefetch(&regions[i]->ranks[region_word(references[i])]);
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t target;
		if (regions[i] && region_find(regions[i], references[i], &target))
			edges[i] = target << EDGE_FLAG_BITS | (references[i] & RUNTIME_REFERENCE_FLAGS);
		else
			edges[i] = no_edge(work, references[i]);
	}
}

/* Makes edges of the references in the list. False if they are more than before. */
static bool drain(struct runtime_references *references)
{
	struct region_work *work = (struct region_work *)((char *)references - offsetof(struct region_work, references));
	if (references->count > work->room - work->written)
		return false;
	for (size_t i = 0; i < references->count; i += PREFETCHED) {
		size_t count = references->count - i < PREFETCHED ? references->count - i : PREFETCHED;
		make_edges(work, references->items + i, count, work->edges + work->written);
		work->written += count;
	}
	return true;
}

/* Takes out what is no edge among those of the batch's @count objects, which begin at @begin. */
static void close_gaps(struct region_work *work, uint64_t begin, size_t count)
{
	uint32_t *edges = work->edges + begin;
	size_t kept = 0, from = 0;
	for (size_t i = 0; i < count; i++) {
		for (; from < work->ends[i]; from++)
			if (edges[from] != NO_EDGE)
				edges[kept++] = edges[from];
		work->ends[i] = kept;
	}
	work->written = begin + kept;
	work->dropped = false;
}

/* What has overlapping objects can have more references than when they were counted: what a word of a damaged object
 * means is guessed by what is known by then. There is room for no more. */
static struct inspect_error *connect_batch(struct region_work *work, uint32_t id, size_t count, uint32_t *first,
					   bool *fits_ret)
{
	const struct heap *heap = work->heap;
	const struct region_edges before = *work->result;
	uint64_t begin = work->written;
	size_t damaged = 0;
	work->references.count = work->references.drained = 0;
	struct inspect_error *error =
		heap->runtime->operations->references(heap->runtime, heap->address + id, heap->type + id, count,
						      &work->references, work->ends, &damaged);
	*fits_ret = work->references.count <= work->room - work->written;
	if (!*fits_ret) {
		inspect_error_destroy(error);
		*work->result = before;
		work->written = begin;
		work->dropped = false;
		return NULL;
	}
	if (error)
		return error;
	drain(&work->references);
	work->result->damaged += work->doubtful ? 0 : damaged;
	if (work->dropped)
		close_gaps(work, begin, count);
	for (size_t i = 0; i < count; i++)
		first[i] = (uint32_t)(work->result->start + begin + (i ? work->ends[i - 1] : 0));
	return NULL;
}

/* Leaves out the references of object @id, for which there is no room. */
static struct inspect_error *cut(struct region_work *work, uint32_t id)
{
	uint64_t address = work->heap->address[id];
	if (!work->region->cut)
		work->region->cut = calloc(REGION_WORDS, sizeof(*work->region->cut));
	if (!work->region->cut)
		return &inspect_error_no_memory;
	work->region->cut[region_word(address)] |= UINT64_C(1) << region_bit(address);
	work->result->damaged++;
	return NULL;
}

static struct inspect_error *connect_one(struct region_work *work, uint32_t id, uint32_t *first)
{
	bool fits = false;
	uint64_t address = work->heap->address[id];
	struct inspect_error *error = NULL;
	*first = (uint32_t)(work->result->start + work->written);
	work->doubtful = region_doubts(work->region, address);
	if (region_cuts(work->region, address))
		return NULL;
	error = connect_batch(work, id, 1, first, &fits);
	return error || fits ? error : cut(work, id);
}

static struct inspect_error *connect_objects(struct region_work *work, uint32_t *first)
{
	const struct index_region *region = work->region;
	struct inspect_error *error = NULL;
	for (uint32_t done = 0; done < region->count && !error;) {
		uint32_t id = region->first + done, count = region->count - done < BATCH ? region->count - done : BATCH;
		bool fits = false;
		work->doubtful = false;
		if (!region->cut && !region->doubtful)
			error = connect_batch(work, id, count, first + id, &fits);
		for (uint32_t i = 0; i < count && !fits && !error; i++)
			error = connect_one(work, id + i, first + id + i);
		done += count;
	}
	return error;
}

static size_t count_scanned(const struct heap *heap, const struct index_region *region)
{
	size_t scanned = 0;
	for (size_t id = region->first; id < (size_t)region->first + region->count; id++)
		scanned += (heap->flags[id] & RUNTIME_SCANNED) != 0;
	return scanned;
}

static struct inspect_error *connect_region(void *context, size_t number)
{
	const struct connecting *connecting = context;
	struct graph *graph = connecting->graph;
	struct index_region *region = graph->heap->index.regions[number];
	struct region_work *work AUTO_FREE = calloc(1, sizeof(*work));
	uint64_t *buffer AUTO_FREE = reallocarray(NULL, BUFFER, sizeof(*buffer));
	if (!work || !buffer)
		return &inspect_error_no_memory;
	work->heap = graph->heap;
	work->partial = graph->partial;
	work->region = region;
	work->result = &connecting->regions[number];
	work->references = (struct runtime_references){ .items = buffer, .capacity = BUFFER, .drain = drain };
	work->edges = graph->edges + work->result->start;
	work->room = region->references;
	struct inspect_error *error = graph->heap->filled ? NULL : heap_fill_region(graph->heap, region);
	if (!error)
		error = connect_objects(work, graph->first);
	work->result->count = work->written;
	if (!error)
		work->result->scanned = count_scanned(graph->heap, region);
	return error;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

/* Moves the regions' edges together. */
static void close_region_gaps(struct connecting *connecting)
{
	struct graph *graph = connecting->graph;
	uint64_t kept = 0;
	for (size_t i = 0; i < graph->heap->index.count; i++) {
		const struct index_region *region = graph->heap->index.regions[i];
		const struct region_edges *edges = &connecting->regions[i];
		uint32_t gap = (uint32_t)(edges->start - kept);
		if (gap)
			memmove(graph->edges + kept, graph->edges + edges->start, edges->count * sizeof(*graph->edges));
		for (uint32_t id = region->first; gap && id < region->first + region->count; id++)
			graph->first[id] -= gap;
		kept += edges->count;
	}
	graph->edge_count = kept;
	graph->first[graph->heap->count] = (uint32_t)kept;
}

static struct inspect_error *note_dangling(const struct connecting *connecting, struct notes *notes)
{
	struct graph *graph = connecting->graph;
	size_t dangling = 0, damaged = 0;
	uint64_t first = graph->roots.first_dangling;
	for (size_t i = graph->heap->index.count; i-- > 0;) {
		dangling += connecting->regions[i].dangling;
		damaged += connecting->regions[i].damaged;
		if (connecting->regions[i].dangling)
			first = connecting->regions[i].first_dangling;
	}
	graph->damaged = damaged;
	graph->dangling = dangling + graph->roots.dangling;
	struct inspect_error *error = NULL;
	if (graph->dangling)
		error = notes_add(notes, true,
				  "references that lead to no object, and are left out: %zu, the first to 0x%" PRIx64,
				  graph->dangling, first);
	if (!error && damaged)
		error = notes_add(notes, true, "objects of whose references some could not be read: %zu", damaged);
	return error;
}

static struct inspect_error *connect_all(struct connecting *connecting, struct notes *notes)
{
	struct graph *graph = connecting->graph;
	const struct address_index *index = &graph->heap->index;
	uint64_t total = 0;
	for (size_t i = 0; i < index->count; i++) {
		connecting->regions[i].start = total;
		total += index->regions[i]->references;
	}
	graph->first = array_create_large(graph->heap->count + 1, sizeof(*graph->first));
	graph->edges = array_create_large(total + 1, sizeof(*graph->edges));
	if (!graph->first || !graph->edges)
		return &inspect_error_no_memory;
	struct inspect_error *error = workers_each(graph->heap->runtime->target, "following references", index->count,
						   connect_region, connecting);
	if (error)
		return error;
	graph->heap->filled = true;
	close_region_gaps(connecting);
	uint32_t *edges = reallocarray(graph->edges, graph->edge_count + 1, sizeof(*edges));
	if (edges)
		graph->edges = edges;
	for (size_t i = 0; i < index->count; i++)
		graph->scanned += connecting->regions[i].scanned;
	return note_dangling(connecting, notes);
}

struct inspect_error *graph_find_references(struct graph *graph, struct notes *notes)
{
	if (graph->first)
		return NULL;
	struct runtime *runtime = graph->heap->runtime;
	struct region_edges *regions AUTO_FREE = calloc(graph->heap->index.count + 1, sizeof(*regions));
	if (!regions)
		return &inspect_error_no_memory;
	if (runtime->operations->settle && !graph->partial)
		runtime->operations->settle(runtime);
	struct connecting connecting = { .graph = graph, .regions = regions };
	struct inspect_error *error = connect_all(&connecting, notes);
	if (!error && !graph->partial)
		error = graph_check_guesses(graph);
	if (error) {
		free(graph->first);
		free(graph->edges);
		graph->first = graph->edges = NULL;
	}
	return error;
}

struct inspect_error *graph_find_objects(struct runtime *runtime, struct heap *heap, struct graph *graph,
					 struct notes *notes)
{
	*graph = (struct graph){ .heap = heap };
	return heap_find_all(runtime, heap, &graph->roots, notes);
}

struct inspect_error *graph_build(struct runtime *runtime, struct heap *heap, struct graph *graph, struct notes *notes)
{
	struct inspect_error *error = graph_find_objects(runtime, heap, graph, notes);
	if (!error)
		error = graph_find_references(graph, notes);
	if (error) {
		graph_deinit(graph);
		heap_deinit(heap);
	}
	return error;
}

struct inspect_error *graph_build_unheld(struct runtime *runtime, struct heap *heap, struct graph *graph,
					 struct notes *notes, bool *sound_ret)
{
	*graph = (struct graph){ .heap = heap, .partial = true };
	struct inspect_error *error = heap_find_unheld(runtime, heap, notes, &graph->scanned_elsewhere, sound_ret);
	if (!error && *sound_ret)
		error = heap_want_refcounts(heap);
	if (!error && *sound_ret)
		error = graph_find_references(graph, notes);
	if (error || !*sound_ret) {
		graph_deinit(graph);
		heap_deinit(heap);
	}
	return error;
}

/* ---- reverse edges ---------------------------------------------------------------------------------- */

struct inspect_error *graph_reverse(struct graph *graph)
{
	size_t count = graph->heap->count;
	if (graph->reverse)
		return NULL;
	uint32_t *first AUTO_FREE = calloc(count + 2, sizeof(*first));
	uint32_t *reverse AUTO_FREE = array_create_large(graph->edge_count + 1, sizeof(*reverse));
	if (!first || !reverse)
		return &inspect_error_no_memory;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < graph->edge_count && !error; i++) {
		error = progress_each("turning references round", i, graph->edge_count);
		first[edge_target(graph->edges[i]) + 2]++;
	}
	for (size_t id = 0; id <= count; id++)
		first[id + 1] += first[id];
	for (uint32_t id = 0; id < count && !error; id++) {
		error = progress_each("turning references round", id, count);
		for (uint32_t i = graph->first[id]; i < graph->first[id + 1]; i++) {
			uint32_t edge = graph->edges[i];
			reverse[first[edge_target(edge) + 1]++] = id << EDGE_FLAG_BITS | edge_flags(edge);
		}
	}
	if (error)
		return error;
	graph->reverse_first = first;
	graph->reverse = reverse;
	first = reverse = NULL;
	return NULL;
}

/* ---- labels ----------------------------------------------------------------------------------------- */

struct inspect_error *graph_labels(const struct graph *graph, uint32_t id, struct runtime_references *references)
{
	const struct heap *heap = graph->heap;
	struct runtime *runtime = heap->runtime;
	const struct index_region *region = index_region_at(&heap->index, heap->address[id]);
	size_t damaged = 0;
	references->labelled = true;
	references->count = 0;
	if (region_cuts(region, heap->address[id]))
		return NULL;
	struct inspect_error *error = runtime->operations->references(runtime, &heap->address[id], &heap->type[id], 1,
								      references, NULL, &damaged);
	if (error)
		return error;
	size_t kept = 0;
	for (size_t i = 0; i < references->count; i++) {
		uint32_t target;
		if (!heap_find(heap, references->items[i] & ~RUNTIME_REFERENCE_FLAGS, &target))
			continue;
		references->items[kept] = references->items[i];
		references->labels[kept++] = references->labels[i];
	}
	references->count = kept;
	return NULL;
}

void graph_deinit(struct graph *graph)
{
	free(graph->first);
	free(graph->edges);
	graph_roots_deinit(&graph->roots);
	free(graph->reverse_first);
	free(graph->reverse);
	*graph = (struct graph){ 0 };
}
