/* SPDX-License-Identifier: MIT */
/*
 * address_index.c - the regions of an address index, and sealing it.
 */
#include "graph/address_index.h"

#include <stdlib.h>

#include "base/array.h"

enum { FIRST_SLOTS = 1024 };

static struct region_table *table_create(size_t slots, struct region_table *smaller)
{
	struct region_table *table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
	if (!table)
		return NULL;
	table->mask = slots - 1;
	table->smaller = smaller;
	return table;
}

static void table_add(struct region_table *table, struct index_region *region)
{
	uint64_t key = region->number + 1;
	size_t place = region_hash(key) & table->mask;
	while (table->slots[place].key)
		place = (place + 1) & table->mask;
	table->slots[place].region = region;
	__atomic_store_n(&table->slots[place].key, key, __ATOMIC_RELEASE);
}

/* Puts a table of twice the size in the place of the one there is. */
static bool table_grow(struct address_index *index)
{
	struct region_table *table = table_create(2 * (index->table->mask + 1), index->table);
	if (!table)
		return false;
	for (size_t i = 0; i < index->count; i++)
		table_add(table, index->regions[i]);
	__atomic_store_n(&index->table, table, __ATOMIC_RELEASE);
	return true;
}

bool index_init(struct address_index *index)
{
	*index = (struct address_index){ .table = table_create(FIRST_SLOTS, NULL) };
	return index->table;
}

void index_deinit(struct address_index *index)
{
	for (size_t i = 0; i < index->count; i++) {
		free(index->regions[i]->ranks);
		free(index->regions[i]->cut);
		free(index->regions[i]->doubtful);
	}
	slab_deinit(&index->slab);
	free(index->regions);
	for (struct region_table *table = index->table, *smaller; table; table = smaller) {
		smaller = table->smaller;
		free(table);
	}
	*index = (struct address_index){ 0 };
}

struct index_region *index_region_add(struct address_index *index, uint64_t address, struct region_search *search)
{
	if (index->count * 2 > index->table->mask && !table_grow(index))
		return NULL;
	if (!array_reserve(index->regions, index->count, index->capacity))
		return NULL;
	struct index_region *region = slab_allocate(&index->slab, sizeof(*region));
	if (!region)
		return NULL;
	region->number = address >> REGION_SHIFT;
	region->search = search;
	index->regions[index->count++] = region;
	table_add(index->table, region);
	return region;
}

static int compare_regions(const void *a, const void *b)
{
	const struct index_region *const *one = a, *const *other = b;
	return ((*one)->number > (*other)->number) - ((*one)->number < (*other)->number);
}

/* Counts the bits of @region, whose first object has the id @first. */
static bool count_region(struct index_region *region, size_t first)
{
	region->ranks = reallocarray(NULL, REGION_WORDS, sizeof(*region->ranks));
	if (!region->ranks)
		return false;
	region->first = (uint32_t)first;
	uint32_t next = region->first;
	for (size_t word = 0; word < REGION_WORDS; word++) {
		if (word % HALF_WORDS == 0)
			region->halves[word / HALF_WORDS] = next;
		region->ranks[word] = (uint16_t)(next - region->halves[word / HALF_WORDS]);
		next += count_bits(region->bits[word]);
	}
	region->count = next - region->first;
	return true;
}

bool index_seal(struct address_index *index, size_t *count_ret)
{
	*count_ret = 0;
	if (index->count)
		qsort(index->regions, index->count, sizeof(*index->regions), compare_regions);
	for (size_t i = 0; i < index->count; i++) {
		if (!count_region(index->regions[i], *count_ret))
			return false;
		*count_ret += index->regions[i]->count;
	}
	return true;
}
