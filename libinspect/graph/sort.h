/* SPDX-License-Identifier: MIT */
/*
 * sort.h - sorting tens of millions of numbers in linear time, and searching in what is sorted.
 */
#ifndef INSPECT_GRAPH_SORT_H
#define INSPECT_GRAPH_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many of the @count ascending @values are below @limit. */
size_t count_below(const uint64_t *values, size_t count, uint64_t limit);

/* Sorts @values by their low 56 bits, ascending and stable. @scratch has room for as many; the result is in
 * the one of the two that is returned. */
uint64_t *sort_low56(uint64_t *values, uint64_t *scratch, size_t count);

/* Sorts @ids by @keys[id], ascending or descending; equal keys keep their order. @scratch has room for as
 * many ids; the result is in the one of the two that is returned. */
uint32_t *sort_ids(uint32_t *ids, uint32_t *scratch, size_t count, const uint64_t *keys, bool descending);

#endif
