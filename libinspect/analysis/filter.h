/* SPDX-License-Identifier: MIT */
/*
 * filter.h - which objects of a heap an answer is about.
 */
#ifndef INSPECT_ANALYSIS_FILTER_H
#define INSPECT_ANALYSIS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/heap.h"

/* All conditions must hold. heap_filter_all() passes everything. */
struct heap_filter {
	const bool *types;              /* one a type of the runtime, or NULL: any type */
	uint32_t type_count;            /* later types do not pass */
	uint8_t generations;            /* bit g: generation g passes; HEAP_UNTRACKED is one */
	uint64_t min_size, max_size;    /* bytes, both inclusive; need the heap's column of sizes */
	uint64_t collectors[HEAP_COLLECTORS_MAX / 64]; /* bit c: what collector c tracks passes; bit 0: the untracked */
};

static inline struct heap_filter heap_filter_all(void)
{
	struct heap_filter filter = { .generations = (1 << (HEAP_UNTRACKED + 1)) - 1, .max_size = UINT64_MAX };
	for (unsigned int i = 0; i < HEAP_COLLECTORS_MAX / 64; i++)
		filter.collectors[i] = UINT64_MAX;
	return filter;
}

static inline bool heap_filter_passes(const struct heap_filter *filter, const struct heap *heap, uint32_t id)
{
	return (filter->generations >> heap->generation[id] & 1) &&
	       (!heap->size || (heap->size[id] >= filter->min_size && heap->size[id] <= filter->max_size)) &&
	       (filter->collectors[heap->collector[id] / 64] >> heap->collector[id] % 64 & 1) &&
	       (!filter->types ||
		(heap->type[id] < filter->type_count && filter->types[heap->type[id]]));
}

#endif
