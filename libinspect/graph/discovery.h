/* SPDX-License-Identifier: MIT */
/*
 * discovery.h - finding all objects: those on the collectors' lists, those that roots lead to, and all that these
 * refer to.
 */
#ifndef INSPECT_GRAPH_DISCOVERY_H
#define INSPECT_GRAPH_DISCOVERY_H

#include "graph/address_index.h"
#include "runtime/runtime.h"

enum {
	EDGE_FLAG_BITS = 3,
	GRAPH_OBJECTS_MAX = 1 << (32 - EDGE_FLAG_BITS), /* ids and flags share a word */
};

/* What a graph is refused or cut at. For tests to change. */
struct graph_limits {
	size_t objects;      /* no more objects than this */
	uint64_t references; /* no more references than this; 0: as many words as the target's memory has, and some */
};
extern struct graph_limits graph_limits;

/* The objects on the collectors' lists: address, generation in the lowest bits, collector in the highest. */
struct listed_objects {
	uint64_t *words;
	size_t count, capacity;
};

static inline uint64_t listed_address(uint64_t word)
{
	return word & UINT64_C(0x00fffffffffffff8);
}

static inline unsigned int listed_generation(uint64_t word)
{
	return word & 7;
}

static inline unsigned int listed_collector(uint64_t word)
{
	return word >> 56;
}

/* A root and what it is called. */
struct graph_root {
	uint64_t address; /* of its object */
	uint32_t object;  /* id */
	uint32_t place;   /* index into the list's places */
	uint8_t kind;     /* enum runtime_root_kind */
	uint8_t flags;    /* enum runtime_reference_flag */
	struct runtime_label label;
};

struct graph_roots {
	struct graph_root *items; /* in the order in which the runtime gives them */
	size_t count, capacity;
	char **places; /* names of places: "sys", "thread 4711: handler() at app.py:12" */
	size_t place_count, place_capacity;
	size_t dangling; /* roots that lead to no object, and were left out */
	uint64_t first_dangling;
};

/* Seals @index with the objects of the collectors' lists and, if @roots is not NULL, with all others; each region then
 * says how many references its objects have at most. @listed and @roots are filled; roots have no ids yet. On an error
 * the caller deinits everything all the same. */
struct inspect_error *discover(struct runtime *runtime, struct address_index *index, size_t *count_ret,
			       struct listed_objects *listed, struct graph_roots *roots, struct notes *notes)
	__attribute__((warn_unused_result));

void listed_objects_deinit(struct listed_objects *listed);
void graph_roots_deinit(struct graph_roots *roots);

/* Is @address one of the objects whose references are left out, because all together they would be more than the
 * target can have? */
static inline bool region_cuts(const struct index_region *region, uint64_t address)
{
	return region->cut && region->cut[region_word(address)] >> region_bit(address) & 1;
}

/* Is @address one of the objects that would not be there without guessed references? */
static inline bool region_doubts(const struct index_region *region, uint64_t address)
{
	return region->doubtful && region->doubtful[region_word(address)] >> region_bit(address) & 1;
}

#endif
