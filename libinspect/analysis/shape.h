/* SPDX-License-Identifier: MIT */
/*
 * shape.h - components that look alike: of the same types, whose objects refer to each other in the same way.
 *
 * A shape is the multiset of a component's types and of its references: from which type to which, and by what name.
 * Names are attributes and variables; keys and indices are data and make no difference: a session kept under '17' and
 * one kept under '18' have one shape.
 */
#ifndef INSPECT_ANALYSIS_SHAPE_H
#define INSPECT_ANALYSIS_SHAPE_H

#include "analysis/components.h"

struct shape {
	uint64_t hash;
	uint32_t example;   /* the component with the lowest address */
	size_t components;  /* how many are of this shape */
	size_t objects;     /* in all of them */
	uint64_t bytes;     /* of these; UINT64_MAX: as many or more */
};

struct shapes {
	struct shape *items;  /* in the order of their examples */
	size_t count, capacity;
	uint32_t *shape_of;   /* of each component: an index into items */
	size_t unmeasured;    /* objects whose size is not known: they count as 0 bytes */
};

/* Groups @components by shape. */
struct inspect_error *shapes_find(const struct graph *graph, const struct components *components,
				  struct shapes *shapes) __attribute__((warn_unused_result));
void shapes_deinit(struct shapes *shapes);

#endif
