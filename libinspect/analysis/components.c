/* SPDX-License-Identifier: MIT */
/*
 * components.c - Tarjan's algorithm without recursion.
 *
 * Every object has a low link: the lowest number, in the order of discovery, of those that it is known to lead back
 * to. Objects wait on a stack until the one that began their component is done.
 */
#include "analysis/components.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

/* Objects go by their places among those that are looked at. */
struct search {
	const struct graph *graph;
	const struct id_set *among;
	uint32_t *number;    /* in order of discovery, from 1; 0: not met; UINT32_MAX: its component is done */
	uint32_t *low;       /* low link; of those done, the component */
	uint32_t *next;      /* the next edge to follow, an index into graph->edges */
	uint32_t *waiting;   /* a stack of objects whose component is not known yet */
	uint32_t *path;      /* a stack of objects on the way to the one being looked at */
	size_t waiting_count, path_count;
	uint32_t last_number;
	uint64_t turns;
	struct components *components;
};

static const uint32_t DONE = UINT32_MAX;

static uint32_t id_at(const struct search *search, uint32_t place)
{
	return search->among ? search->among->ids[place] : place;
}

/* The place of @id; false if it is not looked at. */
static bool find_place(const struct search *search, uint32_t id, uint32_t *place_ret)
{
	*place_ret = id;
	return !search->among || id_set_find(search->among, id, place_ret);
}

static void enter(struct search *search, uint32_t place)
{
	search->number[place] = search->low[place] = ++search->last_number;
	search->next[place] = search->graph->first[id_at(search, place)];
	search->waiting[search->waiting_count++] = place;
	search->path[search->path_count++] = place;
}

static bool refers_to_itself(const struct graph *graph, uint32_t id)
{
	size_t count;
	const uint32_t *edges = graph_edges(graph, id, &count);
	for (size_t i = 0; i < count; i++)
		if (edge_target(edges[i]) == id && !(edge_flags(edges[i]) & RUNTIME_UNVISITED))
			return true;
	return false;
}

/* Takes the component that the object at @place began off the stack. */
static void leave_component(struct search *search, uint32_t place)
{
	struct components *components = search->components;
	size_t begin = search->waiting_count;
	while (search->waiting[begin - 1] != place)
		begin--;
	begin--;
	size_t size = search->waiting_count - begin;
	bool cyclic = size > 1 || refers_to_itself(search->graph, id_at(search, place));
	uint32_t component = cyclic ? (uint32_t)components->count++ : NO_COMPONENT;
	components->object_count += cyclic ? size : 0;
	for (size_t i = begin; i < search->waiting_count; i++) {
		search->number[search->waiting[i]] = DONE;
		search->low[search->waiting[i]] = component;
	}
	search->waiting_count = begin;
}

static void leave(struct search *search, uint32_t place)
{
	search->path_count--;
	if (search->low[place] == search->number[place])
		leave_component(search, place);
	if (!search->path_count || search->number[place] == DONE)
		return;
	uint32_t parent = search->path[search->path_count - 1];
	if (search->low[place] < search->low[parent])
		search->low[parent] = search->low[place];
}

/* Follows the next edge of the object at @place; false if there is none left. */
static bool follow(struct search *search, uint32_t place)
{
	uint32_t end = search->graph->first[id_at(search, place) + 1];
	while (search->next[place] < end) {
		uint32_t target, edge = search->graph->edges[search->next[place]++];
		if ((edge_flags(edge) & RUNTIME_UNVISITED) || !find_place(search, edge_target(edge), &target) ||
		    search->number[target] == DONE)
			continue;
		if (!search->number[target]) {
			enter(search, target);
			return true;
		}
		if (search->number[target] < search->low[place])
			search->low[place] = search->number[target];
	}
	return false;
}

static void search_from(struct search *search, uint32_t place)
{
	enter(search, place);
	while (search->path_count && !progress_ends("looking for cycles", search->turns++, 0)) {
		uint32_t current = search->path[search->path_count - 1];
		if (!follow(search, current))
			leave(search, current);
	}
}

/* Numbers components by their lowest ids, and lists their objects. */
static bool list_objects(const struct search *search, size_t count)
{
	struct components *components = search->components;
	uint32_t *renumbered AUTO_FREE = reallocarray(NULL, components->count + 1, sizeof(*renumbered));
	components->first = calloc(components->count + 2, sizeof(*components->first));
	components->objects = reallocarray(NULL, components->object_count + 1, sizeof(*components->objects));
	if (!renumbered || !components->first || !components->objects)
		return false;
	memset(renumbered, 0xff, (components->count + 1) * sizeof(*renumbered));
	uint32_t next = 0;
	for (size_t place = 0; place < count; place++) {
		uint32_t *component = &components->component[place];
		if (*component == NO_COMPONENT)
			continue;
		if (renumbered[*component] == NO_COMPONENT)
			renumbered[*component] = next++;
		*component = renumbered[*component];
		components->first[*component + 2]++;
	}
	for (size_t i = 2; i < components->count + 2; i++)
		components->first[i] += components->first[i - 1];
	for (uint32_t place = 0; place < count; place++)
		if (components->component[place] != NO_COMPONENT)
			components->objects[components->first[components->component[place] + 1]++] = id_at(search, place);
	return true;
}

struct inspect_error *components_find(const struct graph *graph, const struct id_set *among,
				      struct components *components)
{
	size_t count = among ? among->count : graph->heap->count;
	*components = (struct components){ .among = among };
	uint32_t *number AUTO_FREE = calloc(count + 1, sizeof(*number));
	uint32_t *low AUTO_FREE = array_create_large(count + 1, sizeof(*low));
	uint32_t *next AUTO_FREE = array_create_large(count + 1, sizeof(*next));
	uint32_t *waiting AUTO_FREE = array_create_large(count + 1, sizeof(*waiting));
	uint32_t *path AUTO_FREE = array_create_large(count + 1, sizeof(*path));
	if (!number || !low || !next || !waiting || !path)
		return &inspect_error_no_memory;
	struct search search = {
		.graph = graph, .among = among, .number = number, .low = low, .next = next, .waiting = waiting,
		.path = path, .components = components,
	};
	for (uint32_t place = 0; place < count && !progress_was_stopped(); place++)
		if (!number[place])
			search_from(&search, place);
	struct inspect_error *error = progress_report("looking for cycles", count, count);
	if (error)
		return error;
	components->component = low;
	low = NULL;
	if (list_objects(&search, count))
		return NULL;
	components_deinit(components);
	return &inspect_error_no_memory;
}

void components_deinit(struct components *components)
{
	free(components->component);
	free(components->objects);
	free(components->first);
	*components = (struct components){ 0 };
}
