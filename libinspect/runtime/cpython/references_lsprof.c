/* SPDX-License-Identifier: MIT */
/*
 * references_lsprof.c - what a profiler refers to: Modules/_lsprof.c, rotatingtree.h.
 *
 * The functions that it saw are in a binary tree behind malloc, ordered by the key.
 */
#include "runtime/cpython/references.h"

#include <stdlib.h>

#include "base/array.h"

/* A subtree that is to be visited: its keys lie between these two. So no node can be met twice. */
struct subtree {
	uint64_t node, above, below;
};

struct subtrees {
	struct subtree *items;
	size_t count, capacity;
};

static void subtrees_deinit(struct subtrees *subtrees)
{
	free(subtrees->items);
}

static void push(struct visit *visit, struct subtrees *subtrees, const struct subtree *subtree)
{
	if (!subtree->node)
		return;
	if (!array_reserve(subtrees->items, subtrees->count, subtrees->capacity))
		visit->no_memory = true;
	else
		subtrees->items[subtrees->count++] = *subtree;
}

void profiler_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	const struct layout *layout = visit->layout;
	struct subtrees subtrees __attribute__((cleanup(subtrees_deinit))) = { 0 };
	struct subtree root = { .below = UINT64_MAX };
	if (visit_pointer(visit, visit->address, layout->profiler_entries, &root.node))
		push(visit, &subtrees, &root);
	while (subtrees.count && !visit->no_memory) {
		struct subtree tree = subtrees.items[--subtrees.count];
		struct subtree left = { .above = tree.above }, right = { .below = tree.below };
		uint64_t key;
		if (!visit_pointer(visit, tree.node, layout->profiler_node_key, &key) ||
		    !visit_pointer(visit, tree.node, layout->profiler_node_left, &left.node) ||
		    !visit_pointer(visit, tree.node, layout->profiler_node_right, &right.node))
			continue;
		if (key <= tree.above || key >= tree.below) {
			visit->damaged = true;
			continue;
		}
		visit_member(visit, tree.node, layout->profiler_entry_function, RUNTIME_UNVISITED, "function");
		left.below = right.above = key;
		push(visit, &subtrees, &left);
		push(visit, &subtrees, &right);
	}
}
