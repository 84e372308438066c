/* SPDX-License-Identifier: MIT */
/*
 * address_set.c - open addressing over pages of the address space: neighbours share a page.
 */
#include "base/address_set.h"

#include <stdlib.h>

enum { GRANULE_SHIFT = 3, PAGE_SHIFT = 12, PAGE_WORDS = 1 << (PAGE_SHIFT - GRANULE_SHIFT - 6), FIRST_CAPACITY = 64 };

struct address_page {
	uint64_t key; /* its number + 1; 0: free */
	uint64_t bits[PAGE_WORDS];
};

static uint64_t key_of(uint64_t address)
{
	return (address >> PAGE_SHIFT) + 1;
}

static uint64_t *word_of(struct address_page *page, uint64_t address)
{
	return &page->bits[address >> (GRANULE_SHIFT + 6) & (PAGE_WORDS - 1)];
}

static uint64_t bit_of(uint64_t address)
{
	return UINT64_C(1) << (address >> GRANULE_SHIFT & 63);
}

/* The page with @key, or the free place where it would be. */
static struct address_page *find(struct address_page *pages, size_t capacity, uint64_t key)
{
	size_t place = key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (capacity - 1);
	while (pages[place].key && pages[place].key != key)
		place = (place + 1) & (capacity - 1);
	return &pages[place];
}

static bool grow(struct address_set *set)
{
	size_t capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY;
	struct address_page *pages = calloc(capacity, sizeof(*pages));
	if (!pages)
		return false;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->pages[i].key)
			*find(pages, capacity, set->pages[i].key) = set->pages[i];
	free(set->pages);
	set->pages = pages;
	set->capacity = capacity;
	return true;
}

bool address_set_has(const struct address_set *set, uint64_t address)
{
	if (!set->capacity)
		return false;
	struct address_page *page = find(set->pages, set->capacity, key_of(address));
	return page->key && (*word_of(page, address) & bit_of(address));
}

bool address_set_add(struct address_set *set, uint64_t address, bool *added_ret)
{
	if (set->used >= set->capacity / 2 && !grow(set))
		return false;
	struct address_page *page = find(set->pages, set->capacity, key_of(address));
	set->used += !page->key;
	page->key = key_of(address);
	uint64_t *word = word_of(page, address);
	bool added = !(*word & bit_of(address));
	*word |= bit_of(address);
	set->count += added;
	if (added_ret)
		*added_ret = added;
	return true;
}

void address_set_deinit(struct address_set *set)
{
	free(set->pages);
	*set = (struct address_set){ 0 };
}
