/* SPDX-License-Identifier: MIT */
/*
 * components.h - strongly connected components: the sets of objects each of which leads to all others of its set.
 */
#ifndef INSPECT_ANALYSIS_COMPONENTS_H
#define INSPECT_ANALYSIS_COMPONENTS_H

#include "graph/graph.h"

static const uint32_t NO_COMPONENT = UINT32_MAX;

struct components {
	uint32_t *component; /* of each object; NO_COMPONENT for what is in no cycle */
	uint32_t *objects;   /* ids, those of a component together, ascending */
	uint32_t *first;     /* where in objects each component begins; one more than there are */
	size_t count;        /* of components */
	size_t object_count; /* in all components */
};

/* Finds the components with a cycle in them — two objects and more, or one that refers to itself — among the objects
 * for which @verdict is @wanted (@verdict NULL: all objects). References that traverse functions pass over
 * (RUNTIME_UNVISITED) do not count. Components come in the order of their lowest ids. O(objects + references). */
struct inspect_error *components_find(const struct graph *graph, const uint8_t *verdict, uint8_t wanted,
				      struct components *components) __attribute__((warn_unused_result));
void components_deinit(struct components *components);

#endif
