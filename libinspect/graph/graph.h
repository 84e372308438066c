/* SPDX-License-Identifier: MIT */
/*
 * graph.h - the whole heap as a graph: every object, tracked or not, and every reference.
 *
 * Objects are those on the collector's lists, what the roots lead to, and all that these refer to. They have the
 * dense ids of heap.h, in address order. References are in compressed sparse rows: graph_edges() gives those of an
 * object, in the order in which the runtime has them, each a word of the target's id and the flags of
 * enum runtime_reference_flag. What they are called is asked of the runtime when it is wanted (graph_labels): the
 * graph does not keep it.
 */
#ifndef INSPECT_GRAPH_GRAPH_H
#define INSPECT_GRAPH_GRAPH_H

#include "graph/discovery.h"
#include "graph/heap.h"

static inline uint32_t edge_target(uint32_t edge)
{
	return edge >> EDGE_FLAG_BITS;
}

static inline unsigned int edge_flags(uint32_t edge)
{
	return edge & ((1u << EDGE_FLAG_BITS) - 1);
}

struct graph {
	struct heap *heap; /* all objects, or: */
	bool partial;     /* some of them; references to others are left out without a word */
	size_t scanned_elsewhere; /* tracked objects among those that are left out, of types that are not described */
	struct graph_roots roots;
	uint32_t *first;  /* heap->count + 1; NULL until graph_find_references() */
	uint32_t *edges;
	size_t edge_count;
	size_t scanned;   /* objects of types that are not described: some of their references are guessed */
	size_t damaged;   /* objects of whose references some could not be read */
	size_t dangling;  /* references that lead to no object, and are not among the edges or the roots */
	/* Reverse edges, made when asked for: who refers to object i, in the order of ids, as edges with the flags. */
	uint32_t *reverse_first, *reverse;
};

/* The references of object @id; the edges' targets are what it refers to. */
static inline const uint32_t *graph_edges(const struct graph *graph, uint32_t id, size_t *count_ret)
{
	*count_ret = graph->first[id + 1] - graph->first[id];
	return graph->edges + graph->first[id];
}

/* The references to object @id, once graph_reverse() has made them: the edges' targets are who refers to it. */
static inline const uint32_t *graph_reverse_edges(const struct graph *graph, uint32_t id, size_t *count_ret)
{
	*count_ret = graph->reverse_first[id + 1] - graph->reverse_first[id];
	return graph->reverse + graph->reverse_first[id];
}

/* Finds all objects: *@heap and *@graph are filled together, without references, and without the columns that
 * heap_fill() fills. */
struct inspect_error *graph_find_objects(struct runtime *runtime, struct heap *heap, struct graph *graph,
					 struct notes *notes) __attribute__((warn_unused_result));
/* Finds the references of the graph's objects, if they are not there, and fills the heap's columns on the way. What could
 * not be read goes to @notes. */
struct inspect_error *graph_find_references(struct graph *graph, struct notes *notes)
	__attribute__((warn_unused_result));
/* Both. */
struct inspect_error *graph_build(struct runtime *runtime, struct heap *heap, struct graph *graph, struct notes *notes)
	__attribute__((warn_unused_result));
/* Makes the reverse edges, if they are not there. */
struct inspect_error *graph_reverse(struct graph *graph) __attribute__((warn_unused_result));
/* Makes the graph of those objects alone that may be unreachable (heap_find_unheld()), with their references to each other
 * and no roots. *@sound_ret: could that be done? Else *@heap and *@graph are empty. */
struct inspect_error *graph_build_unheld(struct runtime *runtime, struct heap *heap, struct graph *graph,
					 struct notes *notes, bool *sound_ret) __attribute__((warn_unused_result));
void graph_deinit(struct graph *graph);

/* Asks the runtime for the references of object @id again, now with labels. Item i of *@references is edge
 * first[id] + i of the graph, if no reference of the object is dangling; those that are dangling have been taken out
 * so that this holds. *@references may be filled from an earlier call, and is emptied. */
struct inspect_error *graph_labels(const struct graph *graph, uint32_t id, struct runtime_references *references)
	__attribute__((warn_unused_result));

#endif
