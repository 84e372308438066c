/* SPDX-License-Identifier: MIT */
/*
 * cycle.c - cycles of a component.
 */
#include "analysis/cycle.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

enum {
	STARTS_MAX = 64,        /* objects of a component from which cycles are looked for */
	REACH_MAX = 1 << 16,    /* objects that each search looks at */
};

/* A search for the way back to where it began, breadth first. */
struct search {
	const struct graph *graph;
	const struct components *components;
	uint32_t component;
	uint32_t *queue;       /* places in the component's list */
	uint32_t *parent;      /* of each object of the component, by its place: the place before it + 1; 0: not met */
	size_t met;
};

static uint32_t place_of(const struct search *search, uint32_t id)
{
	const uint32_t *objects = search->components->objects + search->components->first[search->component];
	uint32_t low = 0, high = search->components->first[search->component + 1] -
				 search->components->first[search->component];
	while (low + 1 < high) {
		uint32_t middle = low + (high - low) / 2;
		if (objects[middle] <= id)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint32_t object_at(const struct search *search, uint32_t place)
{
	return search->components->objects[search->components->first[search->component] + place];
}

/* Looks at what the object at @place refers to. True if that is @start. */
static bool expand(struct search *search, uint32_t start, uint32_t place)
{
	size_t count;
	const uint32_t *edges = graph_edges(search->graph, object_at(search, place), &count);
	for (size_t i = 0; i < count; i++) {
		uint32_t target = edge_target(edges[i]);
		if ((edge_flags(edges[i]) & RUNTIME_UNVISITED) ||
		    component_of(search->components, target) != search->component)
			continue;
		uint32_t target_place = place_of(search, target);
		if (target_place == start)
			return true;
		if (search->parent[target_place] || search->met >= REACH_MAX)
			continue;
		search->parent[target_place] = place + 1;
		search->queue[search->met++] = target_place;
	}
	return false;
}

/* The last object of a shortest cycle through @start, by its place; its length, 0 if it is longer than @limit. */
static size_t close_cycle(struct search *search, uint32_t start, size_t limit, uint32_t *last_ret)
{
	search->met = 0;
	search->queue[search->met++] = start;
	size_t length = 1, level_end = 1;
	for (size_t i = 0; i < search->met && length < limit; i++) {
		if (i == level_end) {
			length++;
			level_end = search->met;
		}
		if (length >= limit)
			break;
		if (expand(search, start, search->queue[i])) {
			*last_ret = search->queue[i];
			return length;
		}
	}
	return 0;
}

static void forget(struct search *search)
{
	for (size_t i = 0; i < search->met; i++)
		search->parent[search->queue[i]] = 0;
}

/* The first reference from @object to @target that is visited. */
static uint32_t position_of(const struct graph *graph, uint32_t object, uint32_t target)
{
	size_t count;
	const uint32_t *edges = graph_edges(graph, object, &count);
	for (size_t i = 0; i < count; i++)
		if (edge_target(edges[i]) == target && !(edge_flags(edges[i]) & RUNTIME_UNVISITED))
			return (uint32_t)i;
	return 0;
}

/* Writes down the cycle that ends at @last. */
static bool keep(struct search *search, uint32_t start, uint32_t last, size_t length, struct cycle *cycle)
{
	struct cycle_step *steps = reallocarray(cycle->steps, length, sizeof(*steps));
	if (!steps)
		return false;
	cycle->steps = steps;
	cycle->count = length;
	uint32_t place = last, next = object_at(search, start);
	for (size_t i = length; i-- > 0; place = search->parent[place] - 1) {
		uint32_t object = object_at(search, place);
		steps[i] = (struct cycle_step){ object, position_of(search->graph, object, next) };
		next = object;
	}
	return true;
}

struct inspect_error *cycle_find(const struct graph *graph, const struct components *components, uint32_t component,
				 struct cycle *cycle)
{
	uint32_t size = components->first[component + 1] - components->first[component];
	uint32_t *queue AUTO_FREE = calloc(size, sizeof(*queue));
	uint32_t *parent AUTO_FREE = calloc(size, sizeof(*parent));
	*cycle = (struct cycle){ 0 };
	if (!queue || !parent)
		return &inspect_error_no_memory;
	struct search search = { graph, components, component, queue, parent, 0 };
	size_t limit = SIZE_MAX;
	for (uint32_t start = 0; start < size && start < STARTS_MAX && limit > 1; start++) {
		uint32_t last;
		struct inspect_error *error = progress_report("looking for a shortest cycle", start, STARTS_MAX);
		if (error) {
			cycle_deinit(cycle);
			return error;
		}
		size_t length = close_cycle(&search, start, limit, &last);
		if (length && !keep(&search, start, last, length, cycle)) {
			cycle_deinit(cycle);
			return &inspect_error_no_memory;
		}
		if (length)
			limit = length;
		forget(&search);
	}
	return NULL;
}

void cycle_deinit(struct cycle *cycle)
{
	free(cycle->steps);
	*cycle = (struct cycle){ 0 };
}

/* ---- cutting ---------------------------------------------------------------------------------------- */

/* Taking away, again and again, what nothing in the component refers to. Without cycles nothing is left. */
struct peeling {
	const struct graph *graph;
	const struct components *components;
	uint32_t component;
	const struct cycle_step *without; /* the references to be cut, sorted */
	size_t without_count;
	uint32_t *referrers; /* of each object of the component, by its place: how many references lead to it */
	uint32_t *bare;      /* a stack of places to which none does */
	size_t bare_count, taken;
};

static int compare_steps(const void *a, const void *b)
{
	const struct cycle_step *one = a, *other = b;
	if (one->object != other->object)
		return one->object < other->object ? -1 : 1;
	return one->position < other->position ? -1 : one->position > other->position;
}

void cycle_steps_sort(struct cycle_step *steps, size_t count)
{
	if (count)
		qsort(steps, count, sizeof(*steps), compare_steps);
}

static bool is_cut(const struct peeling *peeling, uint32_t object, size_t position)
{
	const struct cycle_step step = { object, (uint32_t)position };
	return peeling->without_count && bsearch(&step, peeling->without, peeling->without_count, sizeof(step), compare_steps);
}

/* Calls @take for each reference inside the component from the object at @place but those to be cut. */
static void each_reference(struct peeling *peeling, uint32_t place,
			   void (*take)(struct peeling *peeling, uint32_t target_place))
{
	const struct search search = {
		.graph = peeling->graph, .components = peeling->components, .component = peeling->component,
	};
	size_t count;
	uint32_t id = object_at(&search, place);
	const uint32_t *edges = graph_edges(peeling->graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED) &&
		    component_of(peeling->components, edge_target(edges[i])) == peeling->component && !is_cut(peeling, id, i))
			take(peeling, place_of(&search, edge_target(edges[i])));
	}
}

static void count_referrer(struct peeling *peeling, uint32_t place)
{
	peeling->referrers[place]++;
}

static void drop_referrer(struct peeling *peeling, uint32_t place)
{
	if (--peeling->referrers[place] == 0)
		peeling->bare[peeling->bare_count++] = place;
}

struct inspect_error *cycle_is_cut(const struct graph *graph, const struct components *components, uint32_t component,
				   const struct cycle_step *steps, size_t count, bool *is_cut_ret)
{
	uint32_t size = components->first[component + 1] - components->first[component];
	uint32_t *referrers AUTO_FREE = calloc(size, sizeof(*referrers));
	uint32_t *bare AUTO_FREE = calloc(size, sizeof(*bare));
	if (!referrers || !bare)
		return &inspect_error_no_memory;
	struct peeling peeling = {
		.graph = graph, .components = components, .component = component, .without = steps, .without_count = count,
		.referrers = referrers, .bare = bare,
	};
	for (uint32_t place = 0; place < size; place++)
		each_reference(&peeling, place, count_referrer);
	for (uint32_t place = 0; place < size; place++)
		if (!referrers[place])
			bare[peeling.bare_count++] = place;
	while (peeling.bare_count && !progress_ends("cutting a cycle", peeling.taken, size)) {
		peeling.taken++;
		each_reference(&peeling, bare[--peeling.bare_count], drop_referrer);
	}
	*is_cut_ret = peeling.taken == size;
	return progress_report("cutting a cycle", peeling.taken, size);
}
