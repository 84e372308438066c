/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - how many objects of each type there are, and how many bytes they have.
 */
#ifndef INSPECT_ANALYSIS_HISTOGRAM_H
#define INSPECT_ANALYSIS_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/filter.h"
#include "graph/heap.h"
#include "graph/tally.h"

/* The objects of one type name, or of one type name in one generation. */
struct histogram_row {
	const char *type;        /* the runtime's */
	uint8_t generation;      /* 0 unless asked for by generation; HEAP_UNTRACKED is the last one */
	uint64_t count, bytes;   /* bytes stay at UINT64_MAX if they would be more */
	uint64_t tracked;        /* of the count: those that a collector tracks */
	uint64_t basic;          /* of the count: those whose size is basic size and items only */
};

struct histogram {
	struct histogram_row *rows; /* by type name, then by generation; none is empty */
	size_t count;
};

/* Counts the objects of @heap, which has its sizes, that pass @filter, types of the same name together. */
struct inspect_error *histogram_build(const struct heap *heap, const struct heap_filter *filter,
				      bool by_generation, struct histogram *histogram)
	__attribute__((warn_unused_result));
/* The same of all objects, from their numbers by type. */
struct inspect_error *histogram_of_tally(const struct runtime *runtime, const struct tally *tally,
					 struct histogram *histogram) __attribute__((warn_unused_result));
void histogram_deinit(struct histogram *histogram);

/* The place of each type's name among the names of @runtime's types in alphabetical order: types of the same
 * name have the same place. The caller frees *@places_ret, which has @runtime->type_count items. */
struct inspect_error *type_places(const struct runtime *runtime, uint32_t **places_ret, uint32_t *count_ret)
	__attribute__((warn_unused_result));

/* The objects of each generation of each collector. */
struct generation_sum {
	uint64_t count, bytes;
};

/* Fills @sums, indexed by collector and generation. @heap has its sizes. */
void generations_sum(const struct heap *heap, struct generation_sum sums[][HEAP_GENERATIONS],
		     size_t collector_count);

/* @a + @b, or UINT64_MAX if that is too large. */
static inline uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

#endif
