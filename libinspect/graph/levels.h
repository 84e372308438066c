/* SPDX-License-Identifier: MIT */
/*
 * levels.h - the objects on shortest paths to a few others, without a graph of all.
 */
#ifndef INSPECT_GRAPH_LEVELS_H
#define INSPECT_GRAPH_LEVELS_H

#include "graph/graph.h"

enum {
	LEVELS_WANTED_MAX = 64, /* so many objects can be looked for at once */
	LEVELS_LAST_DELAY = 8,  /* no root may be delayed longer */
};

/* Searches, distance after distance from the roots, over all references that are counted and not guessed, until the
 * objects at the @count addresses @wanted are found; and makes the graph of those objects that lie on one shortest path to
 * each, and of what they refer to directly (of those with very many references only what is on a path). Paths from root r
 * are longer by @delay(r) references, at most LEVELS_LAST_DELAY; a negative number: none begins there. *@found_ret is false,
 * and @heap and @graph are empty, where one of them was not found so, or is at the end of a very long chain, or
 * the heap has something unusual: then the graph of all objects tells more. Takes about 11 bytes an object. Generations are
 * not known: all objects count as untracked. */
struct inspect_error *graph_build_paths(struct runtime *runtime, const uint64_t *wanted, size_t count,
					int (*delay)(const struct graph_root *root), struct heap *heap,
					struct graph *graph, struct notes *notes, bool *found_ret)
	__attribute__((warn_unused_result));

#endif
