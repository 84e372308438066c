/* SPDX-License-Identifier: MIT */
/*
 * segments.c - putting the segments of an address space together from several sources.
 */
#include "target/segments.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"

struct inspect_error *segments_add(struct segments *segments, const struct target_segment *segment)
{
	if (segment->start >= segment->end)
		return NULL;
	if (!array_reserve(segments->items, segments->count, segments->capacity))
		return &inspect_error_no_memory;
	segments->items[segments->count++] = *segment;
	return NULL;
}

static int compare_starts(const void *left, const void *right)
{
	const struct target_segment *a = left, *b = right;
	return a->start < b->start ? -1 : a->start > b->start;
}

/* The part of @segment in [@start, @end), which must overlap it. */
static struct target_segment clip(struct target_segment segment, uint64_t start, uint64_t end)
{
	if (segment.start < start) {
		if (segment.data)
			segment.data += start - segment.start;
		segment.start = start;
	}
	if (segment.end > end)
		segment.end = end;
	return segment;
}

size_t segments_sort(struct segments *segments)
{
	if (!segments->count)
		return 0;
	qsort(segments->items, segments->count, sizeof(*segments->items), compare_starts);
	size_t kept = 0, cut = 0;
	uint64_t end = 0;
	for (size_t i = 0; i < segments->count; i++) {
		struct target_segment segment = segments->items[i];
		if (segment.start < end) {
			cut++;
			if (segment.end <= end)
				continue;
			segment = clip(segment, end, segment.end);
		}
		segments->items[kept++] = segment;
		end = segment.end;
	}
	segments->count = kept;
	return cut;
}

struct inspect_error *segments_overlay(const struct segments *top, const struct segments *below,
				       struct segments *result_ret)
{
	struct segments result SEGMENTS_AUTO = { 0 };
	size_t next = 0; /* in @below */
	uint64_t free_from = 0;
	for (size_t i = 0; i <= top->count; i++) {
		uint64_t free_to = i < top->count ? top->items[i].start : UINT64_MAX;
		while (next < below->count && below->items[next].end <= free_from)
			next++;
		for (size_t j = next; j < below->count && below->items[j].start < free_to; j++) {
			struct target_segment part = clip(below->items[j], free_from, free_to);
			struct inspect_error *error = segments_add(&result, &part);
			if (error)
				return error;
			next = j;
		}
		if (i == top->count)
			break;
		struct inspect_error *error = segments_add(&result, &top->items[i]);
		if (error)
			return error;
		free_from = top->items[i].end;
	}
	*result_ret = result;
	result = (struct segments){ 0 };
	return NULL;
}

static bool continues(const struct target_segment *first, const struct target_segment *second)
{
	if (first->end != second->start || first->image != second->image || first->loss != second->loss ||
	    first->readable != second->readable || first->writable != second->writable ||
	    first->executable != second->executable || !first->data != !second->data)
		return false;
	return !first->data || first->data + (first->end - first->start) == second->data;
}

void segments_join(struct segments *segments)
{
	if (!segments->count)
		return;
	size_t last = 0;
	for (size_t i = 1; i < segments->count; i++) {
		if (continues(&segments->items[last], &segments->items[i]))
			segments->items[last].end = segments->items[i].end;
		else
			segments->items[++last] = segments->items[i];
	}
	segments->count = last + 1;
}

const struct target_segment *segments_find(const struct target_segment *segments, size_t count,
					   uint64_t address)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (segments[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && segments[low].start <= address ? &segments[low] : NULL;
}

void segments_deinit(struct segments *segments)
{
	free(segments->items);
	*segments = (struct segments){ 0 };
}
