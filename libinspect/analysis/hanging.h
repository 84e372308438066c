/* SPDX-License-Identifier: MIT */
/*
 * hanging.h - what hangs off cycles: garbage that is in no cycle itself, by the shape of the cycles that hold it.
 */
#ifndef INSPECT_ANALYSIS_HANGING_H
#define INSPECT_ANALYSIS_HANGING_H

#include "analysis/shape.h"
#include "analysis/unreachable.h"

struct hanging_sum {
	size_t objects;
	uint64_t bytes; /* UINT64_MAX: as many or more */
};

struct hanging {
	struct hanging_sum *of_shape; /* held by cycles of this shape alone */
	struct hanging_sum shared;    /* held by cycles of several shapes */
	size_t unmeasured;            /* objects whose size is not known: they count as 0 bytes */
};

/* Sums up the garbage of @unreachable outside of @components. */
struct inspect_error *hanging_find(const struct graph *graph, const struct unreachable *unreachable,
				   const struct components *components, const struct shapes *shapes,
				   struct hanging *hanging) __attribute__((warn_unused_result));
void hanging_deinit(struct hanging *hanging);

#endif
