/* SPDX-License-Identifier: MIT */
/*
 * holders.h - what leads to an object that no root leads to.
 */
#ifndef INSPECT_ANALYSIS_HOLDERS_H
#define INSPECT_ANALYSIS_HOLDERS_H

#include "graph/graph.h"

/* The objects from which an object can be reached over references that hold. */
struct holders {
	size_t count; /* itself included */
	bool outside; /* one of them has more references than objects and roots have to it */
	uint32_t object; /* then the nearest such one */
	int64_t unknown; /* and how many references to it were not found */
};

/* Finds what leads to object @id. Makes the reverse edges and the heap's reference counts if they are not there.
 * O(V + E). */
struct inspect_error *holders_find(struct graph *graph, struct heap *heap, uint32_t id, struct holders *holders)
	__attribute__((warn_unused_result));

#endif
