/* SPDX-License-Identifier: MIT */
/*
 * verify_free_lists.c - objects that an interpreter keeps for later use: Include/internal/pycore_interp.h (3.10),
 * pycore_freelist.h (3.13), pycore_freelist_state.h (3.14). Before, they are behind static variables without a name.
 *
 * Up to 3.13 there are arrays of objects, and chains in which floats are linked by what is their type else, tuples by
 * their first item; from 3.14 on the first word of each leads to the next, whatever it is.
 */
#include "runtime/cpython/verify.h"

enum {
	TUPLE_LISTS = 20,   /* PyTuple_MAXSAVESIZE: one for each length; 3.10 has the empty tuple in the first */
	COUNT_LIMIT = 5000, /* none is longer: PyTuple_MAXFREELIST is 2000 */
};

/* One list of free objects. */
struct free_list {
	struct verification *verification;
	const char *what;
	uint64_t place;  /* of the pointer to the first one, or of the array */
	int32_t link;    /* where each has the next one; LAYOUT_ABSENT: they are an array */
	int64_t count;   /* as the interpreter says */
};

/* Is free memory at @address that belongs to a free object? Says so if not; @place led here, @holder is the one before it. */
static bool check_entry(const struct free_list *list, uint64_t address, uint64_t place, uint64_t holder)
{
	struct verification *verification = list->verification;
	struct pool_seen seen = { 0 };
	uint64_t block, size, word;
	if (!address || address % WORD_SIZE || !read_pointer(verification->cpython, address, WORD_SIZE, &word)) {
		found(verification, FREE_LISTS, holder, place,
		      "the list of free %s leads to 0x%" PRIx64 ", where nothing can be", list->what, address);
		return false;
	}
	if (find_block(verification, &seen, address, &block, &size) == BLOCK_FREE) {
		found(verification, FREE_LISTS, address, place,
		      "it is on the list of free %s, and its memory has been given back to the allocator", list->what);
		return false;
	}
	return true;
}

static void check_array(const struct free_list *list)
{
	for (int64_t i = 0; i < list->count; i++) {
		uint64_t address, place = list->place + (uint64_t)i * WORD_SIZE;
		if (!read_pointer(list->verification->cpython, place, 0, &address))
			return;
		check_entry(list, address, place, 0);
		list->verification->verifier->verified.free_objects++;
	}
}

static void check_chain(const struct free_list *list)
{
	struct verification *verification = list->verification;
	uint64_t address, place = list->place, before = 0;
	int64_t count = 0;
	if (!read_pointer(verification->cpython, place, 0, &address))
		return;
	for (; address && count <= list->count; count++) {
		if (!check_entry(list, address, place, before))
			return;
		before = address;
		place = address + (uint64_t)list->link;
		verification->verifier->verified.free_objects++;
		if (!read_pointer(verification->cpython, place, 0, &address))
			return;
	}
	if (count == list->count && !address)
		return;
	found(verification, FREE_LISTS, before, place,
	      "the list of free %s is said to have %" PRId64 " of them, and %s", list->what, list->count,
	      address ? "goes on behind the last one" : "ends before");
}

static void check_free_list(const struct free_list *list)
{
	if (list->count < 0) /* the interpreter is being finalized */
		return;
	if (list->count > COUNT_LIMIT)
		found(list->verification, FREE_LISTS, 0, list->place,
		      "the list of free %s is said to have %" PRId64 " of them", list->what, list->count);
	else if (list->link == LAYOUT_ABSENT)
		check_array(list);
	else
		check_chain(list);
}

/* A list whose count is an int in the interpreter's state. */
static void check_counted(struct verification *verification, uint64_t interpreter, const char *what, int32_t first,
			  int32_t counter, int32_t link)
{
	int32_t count;
	if (first == LAYOUT_ABSENT || !read_int32(verification->cpython, interpreter, counter, &count))
		return;
	check_free_list(&(struct free_list){ verification, what, interpreter + (uint64_t)first, link, count });
}

/* 3.10 to 3.13. */
static void check_named(struct verification *verification, uint64_t interpreter)
{
	const struct layout *layout = &verification->cpython->layout;
	check_counted(verification, interpreter, "lists", layout->free_lists, layout->free_list_count, LAYOUT_ABSENT);
	check_counted(verification, interpreter, "dicts", layout->free_dicts, layout->free_dict_count, LAYOUT_ABSENT);
	check_counted(verification, interpreter, "tables of keys", layout->free_dict_keys, layout->free_dict_keys_count,
		      LAYOUT_ABSENT);
	check_counted(verification, interpreter, "floats", layout->free_floats, layout->free_float_count,
		      layout->object_type);
	int first = cpython_at_least(verification->cpython, 3, 11) ? 0 : 1;
	for (int32_t i = first; i < TUPLE_LISTS && layout->free_tuples != LAYOUT_ABSENT; i++)
		check_counted(verification, interpreter, "tuples", layout->free_tuples + i * WORD_SIZE,
			      layout->free_tuple_counts + i * (int32_t)sizeof(int32_t), layout->tuple_items);
}

/* 3.14 and later: all alike, one behind the other. */
static void check_chains(struct verification *verification, uint64_t interpreter)
{
	const struct layout *layout = &verification->cpython->layout;
	if (layout->free_chains == LAYOUT_ABSENT || layout->size_of_free_chain <= 0 ||
	    layout->size_of_free_chains == LAYOUT_ABSENT)
		return;
	for (int32_t i = 0; i + layout->size_of_free_chain <= layout->size_of_free_chains;
	     i += layout->size_of_free_chain) {
		int64_t count;
		uint64_t chain = interpreter + (uint64_t)(layout->free_chains + i);
		if (read_ssize(verification->cpython, chain, layout->free_chain_size, &count))
			check_free_list(&(struct free_list){ verification, "objects", chain, 0, count });
	}
}

void check_free_lists(struct verification *verification)
{
	const struct cpython *cpython = verification->cpython;
	for (size_t i = 0; i < cpython->interpreter_count; i++) {
		if (cpython->layout.free_chains != LAYOUT_ABSENT)
			check_chains(verification, cpython->interpreters[i].address);
		else
			check_named(verification, cpython->interpreters[i].address);
	}
}
