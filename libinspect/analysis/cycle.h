/* SPDX-License-Identifier: MIT */
/*
 * cycle.h - cycles of a component: one to show people, and the references to cut.
 */
#ifndef INSPECT_ANALYSIS_CYCLE_H
#define INSPECT_ANALYSIS_CYCLE_H

#include "analysis/components.h"

/* A reference from @object: number @position of those that graph_edges() gives. */
struct cycle_step {
	uint32_t object;
	uint32_t position;
};

/* References each of which leads to the object that has the next one; the last one leads to the first. */
struct cycle {
	struct cycle_step *steps;
	size_t count;
};

/* Finds a shortest cycle in @component: of large components, among the cycles through some of their objects. */
struct inspect_error *cycle_find(const struct graph *graph, const struct components *components, uint32_t component,
				 struct cycle *cycle) __attribute__((warn_unused_result));
void cycle_deinit(struct cycle *cycle);

/* Does every cycle of @component go through one of the @count references @steps, which are sorted by object and position?
 * To cut these is to break them all. */
struct inspect_error *cycle_is_cut(const struct graph *graph, const struct components *components, uint32_t component,
				   const struct cycle_step *steps, size_t count, bool *is_cut_ret)
	__attribute__((warn_unused_result));
/* Sorts @steps so. */
void cycle_steps_sort(struct cycle_step *steps, size_t count);

#endif
