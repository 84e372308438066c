/* SPDX-License-Identifier: MIT */
/*
 * sort.c - least significant digit radix sort, one byte a pass; passes over a constant byte are skipped.
 */
#include "graph/sort.h"

#include <string.h>

#include "base/limits.h"

enum { DIGIT_VALUES = 256 };

/* Turns counts per digit into the index at which each digit's run starts. */
static void counts_to_starts(size_t counts[DIGIT_VALUES])
{
	size_t start = 0;
	for (unsigned int digit = 0; digit < DIGIT_VALUES; digit++) {
		size_t count = counts[digit];
		counts[digit] = start;
		start += count;
	}
}

uint64_t *sort_low56(uint64_t *values, uint64_t *scratch, size_t count)
{
	enum { DIGITS = 7 };
	size_t counts[DIGITS][DIGIT_VALUES];
	memset(counts, 0, sizeof(counts));
	for (size_t i = 0; i < count; i++)
		for (unsigned int digit = 0; digit < DIGITS; digit++)
			counts[digit][values[i] >> 8 * digit & 0xff]++;
	for (unsigned int digit = 0; digit < DIGITS && count && !progress_is_over(); digit++) {
		if (counts[digit][values[0] >> 8 * digit & 0xff] == count)
			continue;
		counts_to_starts(counts[digit]);
		for (size_t i = 0; i < count; i++)
			scratch[counts[digit][values[i] >> 8 * digit & 0xff]++] = values[i];
		uint64_t *sorted = scratch;
		scratch = values;
		values = sorted;
	}
	return values;
}

uint32_t *sort_ids(uint32_t *ids, uint32_t *scratch, size_t count, const uint64_t *keys, bool descending)
{
	enum { DIGITS = 8 };
	uint64_t flip = descending ? UINT64_MAX : 0;
	size_t counts[DIGITS][DIGIT_VALUES];
	memset(counts, 0, sizeof(counts));
	for (size_t i = 0; i < count; i++)
		for (unsigned int digit = 0; digit < DIGITS; digit++)
			counts[digit][(keys[ids[i]] ^ flip) >> 8 * digit & 0xff]++;
	for (unsigned int digit = 0; digit < DIGITS && count && !progress_is_over(); digit++) {
		if (counts[digit][(keys[ids[0]] ^ flip) >> 8 * digit & 0xff] == count)
			continue;
		counts_to_starts(counts[digit]);
		for (size_t i = 0; i < count; i++)
			scratch[counts[digit][(keys[ids[i]] ^ flip) >> 8 * digit & 0xff]++] = ids[i];
		uint32_t *sorted = scratch;
		scratch = ids;
		ids = sorted;
	}
	return ids;
}

size_t count_below(const uint64_t *values, size_t count, uint64_t limit)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (values[middle] < limit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
