/* SPDX-License-Identifier: MIT */
/*
 * verify_sequences.c - lists and tuples: Objects/listobject.c, tupleobject.c.
 */
#include "runtime/cpython/verify.h"

/* ---- list ------------------------------------------------------------------------------------------- */

/* Items that are NULL. What PyList_New() has made is filled from its beginning, and need not be: the stack of an
 * xml.etree.ElementTree.TreeBuilder is a list with room for 20. @filled: the list was made otherwise. */
static void check_list_items(struct inspected *object, uint64_t items, int64_t size, bool filled)
{
	struct cpython *cpython = object->verification->cpython;
	int64_t first = -1, behind = 0;
	for (int64_t i = 0; i < size; i++) {
		uint64_t item;
		if (!read_pointer(cpython, items + (uint64_t)i * WORD_SIZE, 0, &item))
			return;
		if (!item && first < 0)
			first = i;
		behind += item && first >= 0;
	}
	if (first >= 0 && (filled || behind))
		found(object->verification, CONTAINERS, object->address, items + (uint64_t)first * WORD_SIZE,
		      "item %" PRId64 " of %" PRId64 " is NULL", first, size);
}

/* While a list is being sorted it is empty, and .allocated is -1: list_sort_impl(). */
void check_list(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t items, address = object->address;
	int64_t size, allocated;
	if (!read_ssize(cpython, address, layout->var_size, &size) ||
	    !read_ssize(cpython, address, layout->list_allocated, &allocated) ||
	    !read_pointer(cpython, address, layout->list_items, &items) || (size == 0 && allocated == -1))
		return;
	const int64_t limit = INT64_C(1) << 44;
	if (size < 0 || size > allocated || allocated > limit) {
		bool wrong_size = size < 0 || (allocated >= 0 && allocated <= limit && size > limit);
		found(verification, CONTAINERS, address,
		      address + (uint64_t)(wrong_size ? layout->var_size : layout->list_allocated),
		      "its length is %" PRId64 ", and it has room for %" PRId64 " items", size, allocated);
		return;
	}
	uint64_t bytes = (uint64_t)allocated * WORD_SIZE,
		 room = items ? block_room(verification, object->seen_items, items, 0) : 0;
	if (allocated > 0 && !items) { /* one that has become empty may keep a block without bytes */
		found(verification, CONTAINERS, address, address + (uint64_t)layout->list_items,
		      "it has room for %" PRId64 " items, which are nowhere", allocated);
	} else if (items % WORD_SIZE || (items && !target_has(cpython->target, items, bytes))) {
		found(verification, CONTAINERS, address, address + (uint64_t)layout->list_items,
		      "its items are at 0x%" PRIx64 ", where %" PRIu64 " bytes cannot be read", items, bytes);
	} else if (room && room < bytes) {
		found(verification, CONTAINERS, address, address + (uint64_t)layout->list_allocated,
		      "it is said to have room for %" PRId64 " items, in a block of memory that has room for %" PRIu64,
		      allocated, room / WORD_SIZE);
	} else if (may_look(verification, (uint64_t)size)) {
		check_list_items(object, items, size, size < allocated);
	}
}

/* ---- tuple ------------------------------------------------------------------------------------------ */

/* A tuple's memory is made for its length; if it becomes shorter, it stays only where a fourth of it is lost at most, for
 * which pymalloc_realloc() of Objects/obmalloc.c does not move it, or what malloc() cannot use. */
static bool is_too_short(const struct inspected *object, uint64_t size)
{
	enum { ALIGNMENT = 16, MALLOC_LOSS = 48 };
	const struct verification *verification = object->verification;
	uint64_t block, block_size, room;
	if (strcmp(verification->cpython->runtime.types[object->type->index].name, "tuple") != 0)
		return false;
	if (find_block(verification, object->seen, object->address, &block, &block_size) == BLOCK_USED) {
		uint64_t debug = verification->debug ? PYMALLOC_DEBUG_HEAD + 2 * WORD_SIZE : 0;
		uint64_t needed = (size + object->type->preheader + debug + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
		return needed * 4 < block_size * 3;
	}
	room = block_room(verification, object->seen, object->address, object->type->preheader);
	return room > size + MALLOC_LOSS;
}

void check_tuple(struct inspected *object)
{
	struct verification *verification = object->verification;
	struct cpython *cpython = verification->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t place = object->address + (uint64_t)layout->var_size;
	int64_t length;
	const int64_t limit = INT64_C(1) << 44;
	if (!read_ssize(cpython, place, 0, &length))
		return;
	if (length < 0 || length > limit) {
		found(verification, CONTAINERS, object->address, place, "its length is %" PRId64, length);
		return;
	}
	uint64_t size = (uint64_t)object->type->basicsize + (uint64_t)length * WORD_SIZE;
	if (object->type->itemsize != WORD_SIZE || !check_room(object, size, place) || !is_too_short(object, size))
		return;
	found(verification, CONTAINERS, object->address, place,
	      "its length is %" PRId64 ", and its memory was made for more items", length);
}
