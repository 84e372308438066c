/* SPDX-License-Identifier: MIT */
/*
 * segments.h - putting the segments of an address space together from several sources.
 */
#ifndef INSPECT_TARGET_SEGMENTS_H
#define INSPECT_TARGET_SEGMENTS_H

#include "target/target.h"

/* A growing list of segments; all zero is empty. */
struct segments {
	struct target_segment *items;
	size_t count, capacity;
};

struct inspect_error *segments_add(struct segments *segments, const struct target_segment *segment)
	__attribute__((warn_unused_result));

/* Sorts the list by address and cuts what overlaps: of two segments, the one that starts first keeps the
 * addresses. Returns how many were cut. */
size_t segments_sort(struct segments *segments);

/* Puts @top on @below, both sorted: *@result_ret (to be freed with segments_deinit) has all of @top and, in
 * its gaps, @below. */
struct inspect_error *segments_overlay(const struct segments *top, const struct segments *below,
				       struct segments *result_ret) __attribute__((warn_unused_result));

/* Makes one segment of neighbours that continue each other in addresses, bytes and everything else. */
void segments_join(struct segments *segments);

/* The segment of the sorted list that has @address in it, or NULL. */
const struct target_segment *segments_find(const struct target_segment *segments, size_t count,
					   uint64_t address);

void segments_deinit(struct segments *segments);

/* struct segments segments SEGMENTS_AUTO = { 0 }; */
#define SEGMENTS_AUTO __attribute__((cleanup(segments_deinit)))

#endif
