/* SPDX-License-Identifier: MIT */
/*
 * tally.h - counting all objects by type while they are found, where no column of any of them is wanted.
 */
#ifndef INSPECT_GRAPH_TALLY_H
#define INSPECT_GRAPH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/runtime.h"

/* The objects of one of the runtime's types. */
struct tally_row {
	uint64_t count, bytes;
	uint64_t tracked; /* of the count: those that a collector tracks */
	uint64_t basic;   /* of the count: those whose size is basic size and items only */
};

/* All zero is one of no objects. discover_and_tally() makes it. */
struct tally {
	struct tally_row *rows; /* by index of type */
	size_t count;
	/* Is everything as it should be? Where objects are damaged that more than guesses lead to, or are not on a list though
	 * they say so, or hold more references than there can be, or names of types cannot be read, a tally means nothing:
	 * heap_find_all() finds what there is, and notes say what is wrong. */
	bool sound;
};

void tally_deinit(struct tally *tally);

/* ---- for discovery.c ---- */

/* What is known of some objects: one item an object. */
struct tally_batch {
	const uint32_t *types;
	const uint8_t *flags;
	const uint64_t *sizes;
	size_t count;
};

/* Counts the objects of @batch. False when out of memory. */
bool tally_add(struct tally *tally, const struct tally_batch *batch);
/* Adds what @other has counted. False when out of memory. */
bool tally_join(struct tally *tally, const struct tally *other);

#endif
