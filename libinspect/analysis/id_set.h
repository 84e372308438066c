/* SPDX-License-Identifier: MIT */
/*
 * id_set.h - a set of objects, for facts about a few of many: a bit for each object of the heap, and arrays that are
 * only as long as the set, in which a member's place is the number of members before it.
 */
#ifndef INSPECT_ANALYSIS_ID_SET_H
#define INSPECT_ANALYSIS_ID_SET_H

#include "graph/address_index.h"

struct id_set {
	uint64_t *bits;   /* bit id % 64 of word id / 64 */
	uint32_t *before; /* sealed: of each word, how many members are in those before it */
	uint32_t *ids;    /* sealed: the members, ascending */
	size_t count;     /* sealed: of members */
	size_t words;
};

/* Makes the empty set of ids below @id_count. */
struct inspect_error *id_set_init(struct id_set *set, size_t id_count) __attribute__((warn_unused_result));
/* Counts and lists the members; after this none may be added. */
struct inspect_error *id_set_seal(struct id_set *set) __attribute__((warn_unused_result));
void id_set_deinit(struct id_set *set);

static inline bool id_set_has(const struct id_set *set, uint32_t id)
{
	return set->bits[id / 64] >> id % 64 & 1;
}

static inline void id_set_add(struct id_set *set, uint32_t id)
{
	set->bits[id / 64] |= UINT64_C(1) << id % 64;
}

/* Sealed: the place of @id. False if it is no member. */
static inline bool id_set_find(const struct id_set *set, uint32_t id, uint32_t *place_ret)
{
	uint64_t word = set->bits[id / 64], bit = UINT64_C(1) << id % 64;
	if (!(word & bit))
		return false;
	*place_ret = set->before[id / 64] + count_bits(word & (bit - 1));
	return true;
}

#endif
