/* SPDX-License-Identifier: MIT */
/*
 * roots_cache.c - the cache of attributes up to 3.9: method_cache, a static array of Objects/typeobject.c.
 *
 * An entry holds the name of an attribute and borrows its value. The variable has no dynamic symbol: it is found by its
 * entries, the longest row of them in the interpreter's data. Later versions have it in the interpreter's state.
 */
#include "runtime/cpython/roots.h"

enum {
	LEAST_ENTRIES = 32, /* in use: a bare interpreter has hundreds */
	WORD = sizeof(uint64_t),
};

/* The search for the cache. */
struct cache_search {
	struct cpython *cpython;
	uint64_t str_type; /* address of PyUnicode_Type */
	uint64_t none;     /* of None */
	uint64_t step;     /* bytes from one entry to the next */
};

enum entry { ENTRY_NONE, ENTRY_EMPTY, ENTRY_USED };

/* What is at @address? */
static enum entry read_entry(const struct cache_search *search, uint64_t address, uint64_t *name_ret)
{
	struct cpython *cpython = search->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t version, value, type;
	if (!read_pointer(cpython, address, layout->method_cache_version, &version) ||
	    !read_pointer(cpython, address, layout->method_cache_name, name_ret) ||
	    !read_pointer(cpython, address, layout->method_cache_value, &value) || version >> 32 || value % WORD)
		return ENTRY_NONE;
	bool empty = !version && !value;
	if (empty && (!*name_ret || *name_ret == search->none))
		return ENTRY_EMPTY;
	bool named = *name_ret && *name_ret % WORD == 0 &&
		     read_pointer(cpython, *name_ret, cpython->layout.object_type, &type) && type == search->str_type;
	return !named ? ENTRY_NONE : empty ? ENTRY_EMPTY : version ? ENTRY_USED : ENTRY_NONE;
}

/* Looks at the entries from @start to @end; *@best has the row with the most in use so far, *@most how many. */
static void find_row(const struct cache_search *search, uint64_t start, uint64_t end, struct address_range *best,
		     uint64_t *most)
{
	struct address_range row = { 0 };
	uint64_t count = 0, name;
	for (uint64_t address = start; address + search->step <= end; address += search->step) {
		enum entry entry = read_entry(search, address, &name);
		if (entry == ENTRY_NONE)
			count = 0;
		if (entry != ENTRY_USED)
			continue;
		row.start = count++ ? row.start : address;
		row.end = address + search->step;
		if (count > *most) {
			*most = count;
			*best = row;
		}
	}
}

static struct address_range find_cache(const struct cache_search *search)
{
	struct address_range best = { 0 };
	uint64_t start, end, most = LEAST_ENTRIES;
	for (size_t i = 0; image_data(search->cpython->image, i, &start, &end); i++)
		for (uint64_t shift = 0; shift < search->step; shift += WORD)
			find_row(search, ((start + WORD - 1) & -(uint64_t)WORD) + shift, end, &best, &most);
	return best;
}

struct inspect_error *roots_add_method_cache(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	const struct cache_search search = {
		.cpython = cpython,
		.str_type = cpython_symbol(cpython, "PyUnicode_Type"),
		.none = cpython_symbol(cpython, "_Py_NoneStruct"),
		.step = (uint64_t)cpython->layout.size_of_method_cache_entry,
	};
	struct inspect_error *error = NULL;
	if (cpython->layout.size_of_method_cache_entry == LAYOUT_ABSENT || !search.str_type)
		return NULL;
	roots->described = find_cache(&search);
	uint64_t name;
	for (uint64_t address = roots->described.start; address < roots->described.end && !error; address += search.step) {
		struct runtime_label label = { RUNTIME_LABEL_INDEX, (address - roots->described.start) / search.step, "" };
		if (read_entry(&search, address, &name) != ENTRY_NONE)
			error = roots_add(roots, name, RUNTIME_ROOT_INTERPRETER, "names in the cache of attributes", label);
	}
	return error;
}
