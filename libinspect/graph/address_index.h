/* SPDX-License-Identifier: MIT */
/*
 * address_index.h - from an object's address to its id: a bit for each multiple of 8, and counts of the bits before.
 *
 * Only regions of the address space that have objects have a bitmap; a hash table leads to it. Sealed, the index gives
 * objects the dense ids of their addresses' order. It takes 20 KiB for each MiB with objects in it.
 */
#ifndef INSPECT_GRAPH_ADDRESS_INDEX_H
#define INSPECT_GRAPH_ADDRESS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slab.h"

enum {
	GRANULE_SHIFT = 3,
	REGION_SHIFT = 20, /* bytes of a region, as a power of two */
	REGION_WORDS = 1 << (REGION_SHIFT - GRANULE_SHIFT - 6),
	HALF_WORDS = REGION_WORDS / 2, /* half a region has fewer than 2^16 objects before its last word */
};

/* The bits of a part of the address space. */
struct index_region {
	uint64_t number; /* its addresses >> REGION_SHIFT */
	uint32_t first;  /* sealed: the id of its first object */
	uint32_t count;  /* sealed: how many objects it has */
	uint32_t halves[2]; /* sealed: the id of the first object of each half */
	uint16_t *ranks; /* sealed: how many objects of the half come before each word */
	uint64_t references;        /* of all of its objects: discovery.h */
	uint64_t *cut;              /* objects whose references are too many to be true, or NULL: discovery.h */
	uint64_t *doubtful;         /* objects that only guessed references lead to, or NULL: discovery.h */
	struct region_list *list;   /* what the collectors' lists say, or NULL: discovery.h */
	struct region_search *search; /* while objects are being found: discovery.c */
	uint64_t bits[REGION_WORDS];
};

struct region_slot {
	uint64_t key; /* number + 1; 0: free */
	struct index_region *region;
};

/* A hash table of a power of two of slots, never full. */
struct region_table {
	size_t mask;
	struct region_table *smaller; /* the one before it: somebody may still be looking through it */
	struct region_slot slots[];
};

struct address_index {
	struct region_table *table;
	struct index_region **regions; /* sealed: ascending */
	size_t count, capacity;
	struct slab slab; /* has them */
};

bool index_init(struct address_index *index) __attribute__((warn_unused_result));
void index_deinit(struct address_index *index);

/* Makes a region for @address, which has none yet. NULL when out of memory. One thread at a time may do this, while
 * others look up. */
struct index_region *index_region_add(struct address_index *index, uint64_t address, struct region_search *search);

/* Orders regions, counts bits and gives ids. False when out of memory. Returns the number of objects in *@count_ret. */
bool index_seal(struct address_index *index, size_t *count_ret) __attribute__((warn_unused_result));

static inline size_t region_hash(uint64_t number)
{
	return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The region that @address is in, or NULL. */
static inline struct index_region *index_region_at(const struct address_index *index, uint64_t address)
{
	const struct region_table *table = __atomic_load_n(&index->table, __ATOMIC_ACQUIRE);
	uint64_t key = (address >> REGION_SHIFT) + 1, found;
	size_t place = region_hash(key) & table->mask;
	while ((found = __atomic_load_n(&table->slots[place].key, __ATOMIC_ACQUIRE)) != key) {
		if (!found)
			return NULL;
		place = (place + 1) & table->mask;
	}
	return table->slots[place].region;
}

static inline size_t region_word(uint64_t address)
{
	return address >> (GRANULE_SHIFT + 6) & (REGION_WORDS - 1);
}

static inline unsigned int region_bit(uint64_t address)
{
	return address >> GRANULE_SHIFT & 63;
}

/* The number of bits of a word: __builtin_popcountll() is a call where the processor is any x86-64. */
static inline unsigned int count_bits(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return word * UINT64_C(0x0101010101010101) >> 56;
}

/* Sealed: the id of the object at @address of @region. False if there is none. */
static inline bool region_find(const struct index_region *region, uint64_t address, uint32_t *id_ret)
{
	size_t word = region_word(address);
	uint64_t bits = region->bits[word], bit = UINT64_C(1) << region_bit(address);
	*id_ret = region->halves[word / HALF_WORDS] + region->ranks[word] + count_bits(bits & (bit - 1));
	return bits & bit;
}

/* Sealed: the id of the object at @address. */
static inline bool index_find(const struct address_index *index, uint64_t address, uint32_t *id_ret)
{
	const struct index_region *region = index_region_at(index, address);
	return region && address % (1 << GRANULE_SHIFT) == 0 && region_find(region, address, id_ret);
}

#endif
