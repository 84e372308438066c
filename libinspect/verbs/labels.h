/* SPDX-License-Identifier: MIT */
/*
 * labels.h - what references are called: for verbs that show many of them.
 *
 * The graph does not keep labels; the runtime makes them when it is asked for an object's references again. Few
 * labels of a heap differ (attributes, small indices), so their texts are kept for a while.
 */
#ifndef INSPECT_VERBS_LABELS_H
#define INSPECT_VERBS_LABELS_H

#include "graph/graph.h"

struct labels {
	struct runtime *runtime;
	struct label_slot *slots;
	struct label_list *lists;
	uint64_t *items; /* a list of references that are read again, and their labels */
	struct runtime_label *labels;
};

/* The labels of all of an object's references. */
struct label_list {
	uint32_t id;
	struct runtime_label *items; /* one an edge; label_is_lost() where the target did not show it again */
	size_t count, capacity;
};

static const uint64_t LABEL_LOST = UINT64_MAX; /* value of a label without a kind */

static inline bool label_is_lost(const struct runtime_label *label)
{
	return label->kind == RUNTIME_LABEL_NONE && label->value == LABEL_LOST;
}

struct inspect_error *labels_init(struct labels *labels, struct runtime *runtime) __attribute__((warn_unused_result));
void labels_deinit(struct labels *labels);

/* The text of @label, valid until the next call; NULL when out of memory. */
const char *labels_text(struct labels *labels, const struct runtime_label *label);

/* Is told of a reference of object @id, an edge of the graph. @label is NULL where the target did not show the
 * reference again: its memory has changed since, or cannot be read any more. */
typedef struct inspect_error *labels_edge_fn(void *context, uint32_t id, uint32_t edge,
					     const struct runtime_label *label);

/* Calls @edge for each reference of the objects from @first up to, not including, @end, in their order. */
struct inspect_error *labels_of_range(struct labels *labels, const struct graph *graph, uint32_t first, uint32_t end,
				      labels_edge_fn *edge, void *context) __attribute__((warn_unused_result));

/* The labels of the references of object @id, in their order. Those of objects asked for lately are kept. They are
 * valid until the next call. */
struct inspect_error *labels_of_object(struct labels *labels, const struct graph *graph, uint32_t id,
				       const struct label_list **list_ret) __attribute__((warn_unused_result));

#endif
