/* SPDX-License-Identifier: MIT */
/*
 * graph.c - finding every object and every reference.
 */
#include "graph/graph.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"
#include "target/target.h"

enum { BATCH = 1024 };

/* ---- the addresses met so far ----------------------------------------------------------------------- */

/* A hash table of addresses, and the same in the order in which they were met. */
struct address_set {
	uint64_t *table; /* 0: free */
	size_t size;
	uint64_t *items;
	size_t count, capacity;
};

static size_t place_of(const struct address_set *set, uint64_t address)
{
	size_t place = (address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (set->size - 1);
	while (set->table[place] && set->table[place] != address)
		place = (place + 1) & (set->size - 1);
	return place;
}

static bool address_set_grow(struct address_set *set)
{
	uint64_t *before = set->table;
	size_t size = set->size;
	set->size = size ? size * 2 : 4096;
	set->table = calloc(set->size, sizeof(*set->table));
	if (!set->table) {
		free(before);
		return false;
	}
	for (size_t i = 0; i < size; i++)
		if (before[i])
			set->table[place_of(set, before[i])] = before[i];
	free(before);
	return true;
}

/* Adds @address if it is new. */
static bool address_set_add(struct address_set *set, uint64_t address)
{
	if (set->count * 2 >= set->size && !address_set_grow(set))
		return false;
	size_t place = place_of(set, address);
	if (set->table[place])
		return true;
	if (!array_reserve(set->items, set->count, set->capacity))
		return false;
	set->table[place] = address;
	set->items[set->count++] = address;
	return true;
}

static void address_set_deinit(struct address_set *set)
{
	free(set->table);
	free(set->items);
}

/* ---- what is gathered on the way -------------------------------------------------------------------- */

struct building {
	struct runtime *runtime;
	struct heap tracked;
	struct address_set met;
	struct runtime_references references;
	struct graph *graph;
	struct notes *notes;
	struct runtime_root_sink sink;
	uint64_t *root_addresses;
	size_t root_capacity, root_address_capacity, place_capacity, edge_capacity;
	size_t dangling;
	uint64_t first_dangling;
};

static bool can_be_object(uint64_t address)
{
	return address && address < UINT64_C(1) << 56;
}

static struct inspect_error *add_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
				      const char *place, const struct runtime_label *label)
{
	struct building *building = (struct building *)((char *)sink - offsetof(struct building, sink));
	struct graph *graph = building->graph;
	if (!can_be_object(reference & ~RUNTIME_REFERENCE_FLAGS))
		return NULL;
	if (!graph->place_count || strcmp(graph->places[graph->place_count - 1], place) != 0) {
		char *copy = strdup(place);
		if (!copy || !array_reserve(graph->places, graph->place_count, building->place_capacity)) {
			free(copy);
			return &inspect_error_no_memory;
		}
		graph->places[graph->place_count++] = copy;
	}
	if (!array_reserve(building->root_addresses, graph->root_count, building->root_address_capacity) ||
	    !array_reserve(graph->roots, graph->root_count, building->root_capacity))
		return &inspect_error_no_memory;
	building->root_addresses[graph->root_count] = reference & ~RUNTIME_REFERENCE_FLAGS;
	graph->roots[graph->root_count++] = (struct graph_root){
		.kind = kind,
		.flags = reference & RUNTIME_REFERENCE_FLAGS,
		.place = graph->place_count - 1,
		.label = *label,
	};
	return NULL;
}

static struct inspect_error *report_progress(const struct building *building, const char *what, uint64_t done,
					     uint64_t total)
{
	const struct inspect_target_options *options = &building->runtime->target->options;
	if (!options->progress || options->progress(options->progress_context, what, done, total))
		return NULL;
	return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
}

/* ---- all objects ------------------------------------------------------------------------------------ */

/* Adds what the @count objects that were met after the first @from refer to. Those that are none are taken out. */
static struct inspect_error *follow(struct building *building, size_t from, size_t count, size_t *kept)
{
	uint64_t *addresses = building->met.items + from;
	uint64_t batch[BATCH];
	uint32_t types[BATCH];
	uint8_t flags[BATCH];
	const struct runtime_columns columns = { .type = types, .flags = flags };
	const struct runtime_operations *operations = building->runtime->operations;
	struct inspect_error *error = operations->examine(building->runtime, addresses, count, &columns);
	if (error)
		return error;
	size_t good = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t id;
		if ((flags[i] & RUNTIME_DAMAGED) && !heap_find(&building->tracked, addresses[i], &id))
			continue;
		batch[good] = addresses[i];
		types[good++] = types[i];
	}
	memcpy(building->met.items + *kept, batch, good * sizeof(*batch));
	*kept += good;
	building->references.count = 0;
	size_t damaged = 0;
	error = operations->references(building->runtime, batch, types, good, &building->references, NULL, &damaged);
	if (error)
		return error;
	for (size_t i = 0; i < building->references.count; i++) {
		uint64_t address = building->references.items[i] & ~RUNTIME_REFERENCE_FLAGS;
		if (can_be_object(address) && !address_set_add(&building->met, address))
			return &inspect_error_no_memory;
	}
	return NULL;
}

/* Finds all objects, and lets @met have exactly these. */
static struct inspect_error *find_objects(struct building *building)
{
	struct address_set *met = &building->met;
	for (size_t id = 0; id < building->tracked.count; id++)
		if (!address_set_add(met, building->tracked.address[id]))
			return &inspect_error_no_memory;
	for (size_t i = 0; i < building->graph->root_count; i++)
		if (!address_set_add(met, building->root_addresses[i]))
			return &inspect_error_no_memory;
	size_t kept = 0;
	for (size_t done = 0; done < met->count;) {
		size_t count = met->count - done < BATCH ? met->count - done : BATCH;
		struct inspect_error *error = report_progress(building, "finding objects", done, 0);
		if (!error)
			error = follow(building, done, count, &kept);
		if (error)
			return error;
		done += count;
	}
	met->count = kept;
	if (met->count >= GRAPH_OBJECTS_MAX)
		return inspect_error_create(INSPECT_ERROR_CORRUPT, "there are more than %d objects", GRAPH_OBJECTS_MAX);
	return NULL;
}

static struct inspect_error *fill_heap(struct building *building, struct heap *heap)
{
	struct address_set *met = &building->met;
	uint64_t *scratch AUTO_FREE = reallocarray(NULL, met->count + 1, sizeof(*scratch));
	heap->address = reallocarray(NULL, met->count + 1, sizeof(*heap->address));
	if (!scratch || !heap->address)
		return &inspect_error_no_memory;
	memcpy(heap->address, met->items, met->count * sizeof(*met->items));
	uint64_t *sorted = sort_low56(heap->address, scratch, met->count);
	if (sorted == scratch) {
		scratch = heap->address;
		heap->address = sorted;
	}
	heap->count = met->count;
	struct inspect_error *error = heap_examine(building->runtime, heap, building->notes);
	for (size_t i = 0; i < building->tracked.count && !error; i++) {
		uint32_t id;
		if (!heap_find(heap, building->tracked.address[i], &id))
			continue;
		heap->generation[id] = building->tracked.generation[i];
		heap->collector[id] = building->tracked.collector[i];
	}
	return error;
}

/* ---- all references --------------------------------------------------------------------------------- */

static void dangles(struct building *building, uint64_t reference)
{
	if (reference & RUNTIME_GUESSED)
		return;
	if (building->dangling++ == 0)
		building->first_dangling = reference & ~RUNTIME_REFERENCE_FLAGS;
}

static struct inspect_error *add_edges(struct building *building, uint32_t id)
{
	const struct heap *heap = building->graph->heap;
	struct graph *graph = building->graph;
	size_t damaged = 0;
	building->references.count = 0;
	struct inspect_error *error = building->runtime->operations->references(
		building->runtime, &heap->address[id], &heap->type[id], 1, &building->references, NULL, &damaged);
	if (error)
		return error;
	for (size_t i = 0; i < building->references.count; i++) {
		uint64_t reference = building->references.items[i];
		uint32_t target;
		if (!heap_find(heap, reference & ~RUNTIME_REFERENCE_FLAGS, &target)) {
			dangles(building, reference);
			continue;
		}
		if (!array_reserve(graph->edges, graph->edge_count, building->edge_capacity))
			return &inspect_error_no_memory;
		graph->edges[graph->edge_count++] = target << EDGE_FLAG_BITS | (reference & RUNTIME_REFERENCE_FLAGS);
	}
	return NULL;
}

static struct inspect_error *find_references(struct building *building)
{
	struct graph *graph = building->graph;
	size_t count = graph->heap->count;
	graph->first = reallocarray(NULL, count + 1, sizeof(*graph->first));
	if (!graph->first)
		return &inspect_error_no_memory;
	for (size_t id = 0; id < count; id++) {
		struct inspect_error *error = NULL;
		if (id % BATCH == 0)
			error = report_progress(building, "following references", id, count);
		graph->first[id] = (uint32_t)graph->edge_count;
		if (!error)
			error = add_edges(building, (uint32_t)id);
		if (error)
			return error;
		graph->scanned += (graph->heap->flags[id] & RUNTIME_SCANNED) != 0;
	}
	graph->first[count] = (uint32_t)graph->edge_count;
	return NULL;
}

/* Gives the roots their objects' ids; those that lead to none are no roots. */
static void settle_roots(struct building *building)
{
	struct graph *graph = building->graph;
	size_t kept = 0;
	for (size_t i = 0; i < graph->root_count; i++) {
		uint32_t id;
		if (!heap_find(graph->heap, building->root_addresses[i], &id)) {
			dangles(building, building->root_addresses[i] | graph->roots[i].flags);
			continue;
		}
		graph->roots[kept] = graph->roots[i];
		graph->roots[kept++].object = id;
	}
	graph->root_count = kept;
}

static struct inspect_error *build(struct building *building, struct heap *heap)
{
	struct inspect_error *error = heap_build(building->runtime, &building->tracked, building->notes);
	if (!error)
		error = building->runtime->operations->roots(building->runtime, &building->sink, building->notes);
	if (!error)
		error = find_objects(building);
	if (!error)
		error = fill_heap(building, heap);
	if (!error)
		error = find_references(building);
	if (error)
		return error;
	settle_roots(building);
	building->graph->dangling = building->dangling;
	if (!building->dangling)
		return NULL;
	return notes_add(building->notes, true,
			 "references that lead to no object, and were left out: %zu, the first to 0x%" PRIx64,
			 building->dangling, building->first_dangling);
}

struct inspect_error *graph_build(struct runtime *runtime, struct heap *heap, struct graph *graph, struct notes *notes)
{
	*heap = (struct heap){ 0 };
	*graph = (struct graph){ .heap = heap };
	struct building building = {
		.runtime = runtime, .graph = graph, .notes = notes, .sink.add = add_root,
	};
	struct inspect_error *error = build(&building, heap);
	heap_deinit(&building.tracked);
	address_set_deinit(&building.met);
	runtime_references_deinit(&building.references);
	free(building.root_addresses);
	if (error) {
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
	uint32_t *first = calloc(count + 2, sizeof(*first));
	uint32_t *reverse = reallocarray(NULL, graph->edge_count + 1, sizeof(*reverse));
	if (!first || !reverse) {
		free(first);
		free(reverse);
		return &inspect_error_no_memory;
	}
	for (size_t i = 0; i < graph->edge_count; i++)
		first[edge_target(graph->edges[i]) + 2]++;
	for (size_t id = 0; id <= count; id++)
		first[id + 1] += first[id];
	for (uint32_t id = 0; id < count; id++) {
		for (uint32_t i = graph->first[id]; i < graph->first[id + 1]; i++) {
			uint32_t edge = graph->edges[i];
			reverse[first[edge_target(edge) + 1]++] = id << EDGE_FLAG_BITS | edge_flags(edge);
		}
	}
	graph->reverse_first = first;
	graph->reverse = reverse;
	return NULL;
}

/* ---- labels ----------------------------------------------------------------------------------------- */

struct inspect_error *graph_labels(const struct graph *graph, uint32_t id, struct runtime_references *references)
{
	const struct heap *heap = graph->heap;
	struct runtime *runtime = (struct runtime *)heap->runtime;
	size_t damaged = 0;
	references->labelled = true;
	references->count = 0;
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
	free(graph->roots);
	for (size_t i = 0; i < graph->place_count; i++)
		free(graph->places[i]);
	free(graph->places);
	free(graph->reverse_first);
	free(graph->reverse);
	*graph = (struct graph){ 0 };
}
