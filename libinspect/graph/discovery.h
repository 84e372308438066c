/* SPDX-License-Identifier: MIT */
/*
 * discovery.h - finding all objects: those on the collectors' lists, those that roots lead to, and all that these
 * refer to.
 */
#ifndef INSPECT_GRAPH_DISCOVERY_H
#define INSPECT_GRAPH_DISCOVERY_H

#include "graph/address_index.h"
#include "runtime/runtime.h"

struct tally;

enum {
	EDGE_FLAG_BITS = 3,
	GRAPH_OBJECTS_MAX = 1 << (32 - EDGE_FLAG_BITS), /* ids and flags share a word */
};

/* What a graph is refused or cut at. For tests to change. */
struct graph_limits {
	size_t objects;      /* no more objects than this */
	uint64_t references; /* no more references than this; 0: as many words as the target's memory has, and some */
	uint64_t places;     /* nor than this: what edges' places can tell apart */
};
extern struct graph_limits graph_limits;

/* What the collectors' lists say about a region: a bit for each granule, like the region's. */
struct region_list {
	uint64_t listed[REGION_WORDS];
	/* The generation of an object that is listed, less OLDEST_GENERATION, as two bits; NULL: no bit is set. The most are
	 * in the oldest one. */
	uint64_t *generation[2];
};

enum { OLDEST_GENERATION = 2, GENERATION_BITS = 2 };

/* The objects on the collectors' lists that cannot be told by bits. */
struct listed_objects {
	size_t count;      /* of all entries, */
	size_t duplicates; /* of these, those of objects that were listed before: damage */
	uint64_t first_duplicate;
	uint64_t *others;  /* address, and the collector in the highest bits, where it may be another than the first; of an
			    * object that is there twice the last one counts */
	size_t other_count, other_capacity;
	struct slab slab;  /* has the regions' lists */
};

static inline uint64_t listed_address(uint64_t word)
{
	return word & UINT64_C(0x00fffffffffffff8);
}

static inline unsigned int listed_collector(uint64_t word)
{
	return word >> 56;
}

/* The generation of the object at bit @bit of word @word, which is listed. */
static inline unsigned int listed_generation(const struct region_list *list, size_t word, unsigned int bit)
{
	unsigned int generation = OLDEST_GENERATION;
	for (unsigned int i = 0; i < GENERATION_BITS; i++)
		if (list->generation[i])
			generation ^= (unsigned int)(list->generation[i][word] >> bit & 1) << i;
	return generation;
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

/* Those of the objects of word @word that are listed in a permanent generation. */
static inline uint64_t listed_permanent(const struct region_list *list, size_t word)
{
	_Static_assert(RUNTIME_PERMANENT == (OLDEST_GENERATION ^ 1), "the lower bit alone is set");
	const uint64_t *low = __atomic_load_n(&list->generation[0], __ATOMIC_ACQUIRE);
	uint64_t bits = low ? __atomic_load_n(&low[word], __ATOMIC_ACQUIRE) : 0;
	const uint64_t *high = bits ? __atomic_load_n(&list->generation[1], __ATOMIC_ACQUIRE) : NULL;
	return high ? bits & ~__atomic_load_n(&high[word], __ATOMIC_ACQUIRE) : bits;
}

/* Seals @index with the objects of the collectors' lists and, if @roots is not NULL, with all others; each region then
 * says how many references its objects have at most. @listed and @roots are filled; roots have no ids yet. *@damaged_ret is how many objects have
 * references that could not be read. On an error
 * the caller deinits everything all the same. */
struct inspect_error *discover(struct runtime *runtime, struct address_index *index, size_t *count_ret,
			       struct listed_objects *listed, struct graph_roots *roots, size_t *damaged_ret,
			       struct notes *notes)
	__attribute__((warn_unused_result));

/* The regions of @index forget what they know of lists. */
void listed_objects_deinit(struct listed_objects *listed, struct address_index *index);
void graph_roots_deinit(struct graph_roots *roots);

/* Counts the same objects, with their sizes, and keeps nothing of them. The tally is sound unless something is damaged. */
struct inspect_error *discover_and_tally(struct runtime *runtime, struct tally *tally, struct notes *notes)
	__attribute__((warn_unused_result));

/* Seals @index with those tracked objects only that may be unreachable, and what they lead to: without what a collection of
 * all generations finds reachable because a root holds it, or a tracked object that is reachable so. Such objects and their
 * references need not be known one by one: whom they refer to is reachable, too, so nothing that they hold to the others is
 * ever subtracted (analysis/unreachable.h). *@scanned_ret is how many of those that are left out are of types that are not
 * described. *@sound_ret is false where this cannot be told so easily: in a damaged heap, during a collection, with several
 * collectors or a large permanent generation, where guessed references make a difference, or where a root holds something
 * that has no more references than those of tracked objects. */
struct inspect_error *discover_unheld(struct runtime *runtime, struct address_index *index, size_t *count_ret,
				      struct listed_objects *listed, struct notes *notes, size_t *scanned_ret,
				      bool *sound_ret)
	__attribute__((warn_unused_result));

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
