/* SPDX-License-Identifier: MIT */
/*
 * components.h - strongly connected components: the sets of objects each of which leads to all others of its set.
 */
#ifndef INSPECT_ANALYSIS_COMPONENTS_H
#define INSPECT_ANALYSIS_COMPONENTS_H

#include "analysis/id_set.h"
#include "graph/graph.h"

static const uint32_t NO_COMPONENT = UINT32_MAX;

struct components {
	const struct id_set *among; /* the objects that were looked at; NULL: all */
	uint32_t *component; /* of each of these, by its place; NO_COMPONENT for what is in no cycle: component_of() */
	uint32_t *objects;   /* ids, those of a component together, ascending */
	uint32_t *first;     /* where in objects each component begins; one more than there are */
	size_t count;        /* of components */
	size_t object_count; /* in all components */
};

/* The component of object @id; NO_COMPONENT if it is in none. */
static inline uint32_t component_of(const struct components *components, uint32_t id)
{
	uint32_t place = id;
	if (components->among && !id_set_find(components->among, id, &place))
		return NO_COMPONENT;
	return components->component[place];
}

/* Finds the components with a cycle in them — two objects and more, or one that refers to itself — among the objects
 * @among (sealed, and needed as long as the components; NULL: all objects). References that traverse functions pass over
 * (RUNTIME_UNVISITED) do not count. Components come in the order of their lowest ids. O(objects + references), of those
 * looked at. */
struct inspect_error *components_find(const struct graph *graph, const struct id_set *among,
				      struct components *components) __attribute__((warn_unused_result));
void components_deinit(struct components *components);

#endif
