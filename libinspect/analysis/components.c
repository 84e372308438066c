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

struct search {
	const struct graph *graph;
	const uint8_t *verdict;
	uint8_t wanted;
	uint32_t *number;    /* in order of discovery, from 1; 0: not met; UINT32_MAX: its component is done */
	uint32_t *low;       /* low link; of those done, the component */
	uint32_t *next;      /* the next edge to follow, an index into graph->edges */
	uint32_t *waiting;   /* a stack of objects whose component is not known yet */
	uint32_t *path;      /* a stack of objects on the way to the one being looked at */
	size_t waiting_count, path_count;
	uint32_t last_number;
	struct components *components;
};

static const uint32_t DONE = UINT32_MAX;

static bool is_wanted(const struct search *search, uint32_t id)
{
	return !search->verdict || search->verdict[id] == search->wanted;
}

static void enter(struct search *search, uint32_t id)
{
	search->number[id] = search->low[id] = ++search->last_number;
	search->next[id] = search->graph->first[id];
	search->waiting[search->waiting_count++] = id;
	search->path[search->path_count++] = id;
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

/* Takes the component that @id began off the stack. */
static void leave_component(struct search *search, uint32_t id)
{
	struct components *components = search->components;
	size_t begin = search->waiting_count;
	while (search->waiting[begin - 1] != id)
		begin--;
	begin--;
	size_t size = search->waiting_count - begin;
	bool cyclic = size > 1 || refers_to_itself(search->graph, id);
	uint32_t component = cyclic ? (uint32_t)components->count++ : NO_COMPONENT;
	components->object_count += cyclic ? size : 0;
	for (size_t i = begin; i < search->waiting_count; i++) {
		search->number[search->waiting[i]] = DONE;
		search->low[search->waiting[i]] = component;
	}
	search->waiting_count = begin;
}

static void leave(struct search *search, uint32_t id)
{
	search->path_count--;
	if (search->low[id] == search->number[id])
		leave_component(search, id);
	if (!search->path_count || search->number[id] == DONE)
		return;
	uint32_t parent = search->path[search->path_count - 1];
	if (search->low[id] < search->low[parent])
		search->low[parent] = search->low[id];
}

/* Follows the next edge of @id; false if there is none left. */
static bool follow(struct search *search, uint32_t id)
{
	uint32_t end = search->graph->first[id + 1];
	while (search->next[id] < end) {
		uint32_t edge = search->graph->edges[search->next[id]++];
		uint32_t target = edge_target(edge);
		if ((edge_flags(edge) & RUNTIME_UNVISITED) || !is_wanted(search, target) || search->number[target] == DONE)
			continue;
		if (!search->number[target]) {
			enter(search, target);
			return true;
		}
		if (search->number[target] < search->low[id])
			search->low[id] = search->number[target];
	}
	return false;
}

static void search_from(struct search *search, uint32_t id)
{
	enter(search, id);
	while (search->path_count) {
		uint32_t current = search->path[search->path_count - 1];
		if (!follow(search, current))
			leave(search, current);
	}
}

/* Numbers components by their lowest ids, and lists their objects. */
static bool list_objects(struct components *components, size_t object_count)
{
	uint32_t *renumbered AUTO_FREE = malloc((components->count + 1) * sizeof(*renumbered));
	components->first = calloc(components->count + 2, sizeof(*components->first));
	components->objects = malloc((components->object_count + 1) * sizeof(*components->objects));
	if (!renumbered || !components->first || !components->objects)
		return false;
	memset(renumbered, 0xff, (components->count + 1) * sizeof(*renumbered));
	uint32_t next = 0;
	for (size_t id = 0; id < object_count; id++) {
		uint32_t *component = &components->component[id];
		if (*component == NO_COMPONENT)
			continue;
		if (renumbered[*component] == NO_COMPONENT)
			renumbered[*component] = next++;
		*component = renumbered[*component];
		components->first[*component + 2]++;
	}
	for (size_t i = 2; i < components->count + 2; i++)
		components->first[i] += components->first[i - 1];
	for (size_t id = 0; id < object_count; id++)
		if (components->component[id] != NO_COMPONENT)
			components->objects[components->first[components->component[id] + 1]++] = (uint32_t)id;
	return true;
}

struct inspect_error *components_find(const struct graph *graph, const uint8_t *verdict, uint8_t wanted,
				      struct components *components)
{
	size_t count = graph->heap->count;
	*components = (struct components){ 0 };
	uint32_t *number AUTO_FREE = calloc(count + 1, sizeof(*number));
	uint32_t *low AUTO_FREE = malloc((count + 1) * sizeof(*low));
	uint32_t *next AUTO_FREE = malloc((count + 1) * sizeof(*next));
	uint32_t *waiting AUTO_FREE = malloc((count + 1) * sizeof(*waiting));
	uint32_t *path AUTO_FREE = malloc((count + 1) * sizeof(*path));
	if (!number || !low || !next || !waiting || !path)
		return &inspect_error_no_memory;
	memset(low, 0xff, (count + 1) * sizeof(*low)); /* NO_COMPONENT for what is not looked at */
	struct search search = {
		.graph = graph, .verdict = verdict, .wanted = wanted, .number = number, .low = low, .next = next,
		.waiting = waiting, .path = path, .components = components,
	};
	for (size_t id = 0; id < count; id++)
		if (is_wanted(&search, (uint32_t)id) && !number[id])
			search_from(&search, (uint32_t)id);
	components->component = low;
	low = NULL;
	if (list_objects(components, count))
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
