/* SPDX-License-Identifier: MIT */
/*
 * roots_cache.c - the cache of attributes up to 3.9: method_cache, a static array of Objects/typeobject.c.
 *
 * An entry holds the name of an attribute and borrows its value. The variable has no dynamic symbol: it is found by
 * its entries, each of which tells by its version and name which one it is. Later versions have it in the
 * interpreter's state.
 */
#include "runtime/cpython/roots.h"

enum {
	LEAST_ENTRIES = 32, /* in use: a bare interpreter has hundreds */
	ENTRIES = 1 << 12,  /* MCACHE_SIZE_EXP: Objects/typeobject.c */
	WORD = sizeof(uint64_t),
};

/* The search for the cache. */
struct cache_search {
	struct cpython *cpython;
	uint64_t str_type; /* address of PyUnicode_Type */
	uint64_t step;     /* bytes from one entry to the next */
};

/* Is what is at @address an entry in use? */
static bool read_entry(const struct cache_search *search, uint64_t address, uint64_t *name_ret)
{
	struct cpython *cpython = search->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t version, value, type;
	return read_pointer(cpython, address, layout->method_cache_version, &version) && version &&
	       !(version >> 32) && read_pointer(cpython, address, layout->method_cache_value, &value) &&
	       value % WORD == 0 && read_pointer(cpython, address, layout->method_cache_name, name_ret) &&
	       *name_ret && *name_ret % WORD == 0 &&
	       read_pointer(cpython, *name_ret, layout->object_type, &type) && type == search->str_type;
}

/* Where the cache begins if the entry in use at @address, of @name, belongs to it: MCACHE_HASH_METHOD. */
static uint64_t find_start(const struct cache_search *search, uint64_t address, uint64_t name)
{
	struct cpython *cpython = search->cpython;
	uint64_t version, hash;
	if (!read_pointer(cpython, name, cpython->layout.str_hash, &hash) ||
	    !read_pointer(cpython, address, cpython->layout.method_cache_version, &version))
		return 0;
	return address - ((version ^ hash) & (ENTRIES - 1)) * search->step;
}

/* How many entries in use, of those from @start on, say that the cache begins there. */
static unsigned int count_entries(const struct cache_search *search, uint64_t start)
{
	unsigned int count = 0;
	uint64_t name;
	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t address = start + i * search->step;
		count += read_entry(search, address, &name) && find_start(search, address, name) == start;
	}
	return count;
}

static struct address_range find_cache(const struct cache_search *search)
{
	uint64_t start, end, name, refused = 0;
	for (size_t i = 0; image_data(search->cpython->image, i, &start, &end); i++) {
		for (uint64_t address = (start + WORD - 1) & -(uint64_t)WORD; address < end; address += WORD) {
			uint64_t cache = read_entry(search, address, &name) ?
						 find_start(search, address, name) : 0;
			if (cache < start || cache == refused)
				continue;
			if (count_entries(search, cache) >= LEAST_ENTRIES)
				return (struct address_range){ cache, cache + ENTRIES * search->step };
			refused = cache;
		}
	}
	return (struct address_range){ 0 };
}

struct inspect_error *roots_add_method_cache(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	const struct cache_search search = {
		.cpython = cpython,
		.str_type = cpython_symbol(cpython, "PyUnicode_Type"),
		.step = (uint64_t)cpython->layout.size_of_method_cache_entry,
	};
	struct inspect_error *error = NULL;
	if (cpython->layout.size_of_method_cache_entry == LAYOUT_ABSENT || !search.str_type)
		return NULL;
	roots->described = find_cache(&search);
	const struct address_range *cache = &roots->described;
	cpython->method_cache_start = cache->start;
	cpython->method_cache_end = cache->end;
	uint64_t name;
	for (uint64_t address = cache->start; address < cache->end && !error; address += search.step) {
		struct runtime_label label = {
			.kind = RUNTIME_LABEL_INDEX,
			.value = (address - cache->start) / search.step,
			.text = "",
			.word = address + (uint64_t)cpython->layout.method_cache_name,
		};
		if (read_pointer(cpython, address, cpython->layout.method_cache_name, &name))
			error = roots_add(roots, name, RUNTIME_ROOT_INTERNED, "names in the cache of attributes", label);
	}
	return error;
}
