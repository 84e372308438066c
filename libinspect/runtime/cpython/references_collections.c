/* SPDX-License-Identifier: MIT */
/*
 * references_collections.c - what objects of collections, functools, itertools and queue hold in blocks, rings and links:
 * Modules/_collectionsmodule.c, _functoolsmodule.c, itertoolsmodule.c, _queuemodule.c.
 */
#include "runtime/cpython/references.h"

/* A deque's items are in a list of blocks, from leftindex in the first one on. */
void deque_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	const int64_t block_length = (layout->size_of_deque_block - 2 * (int32_t)sizeof(uint64_t)) / (int32_t)sizeof(uint64_t);
	int64_t count, place;
	uint64_t block, item;
	if (!visit_ssize(visit, visit->address, layout->var_size, &count) ||
	    !visit_ssize(visit, visit->address, layout->deque_leftindex, &place) ||
	    !visit_pointer(visit, visit->address, layout->deque_left_block, &block))
		return;
	if (count && (count < 0 || place < 0 || place >= block_length)) {
		visit->damaged = true;
		return;
	}
	struct visit_chain chain = { .limit = 1 };
	for (int64_t i = 0; i < count && !visit->no_memory; i++, place++) {
		if (place == block_length) {
			if (!visit_pointer(visit, block, layout->deque_block_right, &block) ||
			    !visit_chain_goes_on(visit, &chain, block))
				return;
			place = 0;
		}
		int32_t offset = layout->deque_block_items + (int32_t)place * (int32_t)sizeof(item);
		if (!visit_pointer(visit, block, offset, &item))
			return;
		visit_emit(visit, item, step->flags, RUNTIME_LABEL_INDEX, (uint64_t)i, NULL);
	}
}

/* The ring of a bounded cache holds its links. 3.6 visits them; later versions visit what they hold instead, and from
 * 3.10 on their type. */
void lru_cache_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	const bool type_visited = cpython_at_least(visit->cpython, 3, 10);
	const bool link_visited = !cpython_at_least(visit->cpython, 3, 7);
	uint64_t root = visit->address + (uint64_t)layout->lru_cache_root, link = root, value;
	if (layout->lru_cache_root == LAYOUT_ABSENT)
		return;
	struct visit_chain chain = { .limit = 1 };
	while (visit_pointer(visit, link, layout->lru_link_next, &link) && link != root && !visit->no_memory &&
	       visit_chain_goes_on(visit, &chain, link)) {
		visit_emit(visit, link, step->flags | (link_visited ? 0 : RUNTIME_UNVISITED), RUNTIME_LABEL_TEXT, 0, "link");
		if (link_visited)
			continue;
		visit_member(visit, link, layout->lru_link_key, step->flags | RUNTIME_UNCOUNTED, "key");
		visit_member(visit, link, layout->lru_link_result, step->flags | RUNTIME_UNCOUNTED, "result");
		if (type_visited && visit_pointer(visit, link, layout->object_type, &value))
			visit_emit(visit, value, step->flags | RUNTIME_UNCOUNTED, RUNTIME_LABEL_TEXT, 0, "link type");
	}
}

/* What the iterators of a tee() have read and not all of them have passed. */
void tee_data_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int32_t count, capacity = (layout->size_of_tee_data - layout->tee_data_values) / (int32_t)sizeof(uint64_t);
	if (!visit_int(visit, visit->address, layout->tee_data_count, &count))
		return;
	if (count < 0 || count > capacity)
		visit->damaged = true;
	else
		visit_array(visit, visit->address + (uint64_t)layout->tee_data_values, count, step->flags,
			    RUNTIME_LABEL_INDEX, "item");
}

/* From 3.13 on a SimpleQueue keeps its items in a ring. */
void queue_ring_references(struct visit *visit, const struct reference_step *step)
{
	const struct layout *layout = visit->layout;
	int64_t first, count, capacity;
	uint64_t items, item;
	if (layout->simple_queue_ring_items == LAYOUT_ABSENT ||
	    !visit_ssize(visit, visit->address, layout->simple_queue_ring_first, &first) ||
	    !visit_ssize(visit, visit->address, layout->simple_queue_ring_count, &count) ||
	    !visit_ssize(visit, visit->address, layout->simple_queue_capacity, &capacity) ||
	    !visit_pointer(visit, visit->address, layout->simple_queue_ring_items, &items))
		return;
	if (count < 0 || count > capacity || first < 0 || (count && first >= capacity)) {
		visit->damaged = true;
		return;
	}
	for (int64_t i = 0; i < count && !visit->no_memory; i++) {
		uint64_t place = ((uint64_t)first + (uint64_t)i) % (uint64_t)capacity;
		if (!visit_pointer(visit, items + place * sizeof(item), 0, &item))
			return;
		visit_emit(visit, item, step->flags, RUNTIME_LABEL_INDEX, (uint64_t)i, "item");
	}
}

/* ---- operator.methodcaller: Modules/_operator.c ---------------------------------------------------- */

/* 3.13 makes the vector and the names of keywords when it is called first: until then the vector is NULL, and the
 * names are not initialised. Before 3.13 there are neither. */
void methodcaller_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	const struct layout *layout = visit->layout;
	uint64_t vector;
	if (visit_pointer(visit, visit->address, layout->methodcaller_tuple_vectorcall_args, &vector) && vector)
		visit_member(visit, visit->address, layout->methodcaller_vectorcall_kwnames, RUNTIME_UNVISITED,
			     "keyword names");
}
