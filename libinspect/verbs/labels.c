/* SPDX-License-Identifier: MIT */
/*
 * labels.c - asking for labels, many at a time, and keeping their texts for a while.
 */
#include "verbs/labels.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"

enum {
	SLOT_BITS = 15,
	LISTS = 64,
	BATCH_OBJECTS = 1024, /* whose references are read at once */
};

/* A text that was made before; one that falls into the same slot takes its place. */
struct label_slot {
	struct runtime_label label;
	char *text;
};

struct inspect_error *labels_init(struct labels *labels, struct runtime *runtime)
{
	*labels = (struct labels){ .runtime = runtime, .references.labelled = true };
	labels->slots = calloc((size_t)1 << SLOT_BITS, sizeof(*labels->slots));
	labels->lists = calloc(LISTS, sizeof(*labels->lists));
	return labels->slots && labels->lists ? NULL : &inspect_error_no_memory;
}

void labels_deinit(struct labels *labels)
{
	for (size_t i = 0; labels->slots && i < (size_t)1 << SLOT_BITS; i++)
		free(labels->slots[i].text);
	free(labels->slots);
	for (size_t i = 0; labels->lists && i < LISTS; i++)
		free(labels->lists[i].items);
	free(labels->lists);
	runtime_references_deinit(&labels->references);
	*labels = (struct labels){ 0 };
}

static struct label_slot *slot_of(struct labels *labels, const struct runtime_label *label)
{
	uint64_t hash = (label->value ^ (uintptr_t)label->text << 7 ^ (uint64_t)label->kind << 3) * 0x9e3779b97f4a7c15u;
	return &labels->slots[hash >> (64 - SLOT_BITS)];
}

const char *labels_text(struct labels *labels, const struct runtime_label *label)
{
	struct label_slot *slot = slot_of(labels, label);
	if (slot->text && slot->label.kind == label->kind && slot->label.value == label->value &&
	    slot->label.text == label->text)
		return slot->text;
	free(slot->text);
	slot->label = *label;
	slot->text = labels->runtime->operations->label(labels->runtime, label);
	return slot->text;
}

/* Tells of the edges of @id, whose references are now items @from to @to. References that lead to no object are among
 * the items and not among the edges. Once one is not found again, others are not looked for far away. */
static struct inspect_error *tell(struct labels *labels, const struct graph *graph, uint32_t id, size_t from, size_t to,
				  labels_edge_fn *edge, void *context)
{
	enum { NEAR = 16 };
	const struct runtime_references *references = &labels->references;
	bool missed = false;
	size_t count;
	const uint32_t *edges = graph_edges(graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t wanted = graph->heap->address[edge_target(edges[i])] | edge_flags(edges[i]);
		size_t at = from, last = missed && to - from > NEAR ? from + NEAR : to;
		while (at < last && references->items[at] != wanted)
			at++;
		missed |= at == last;
		struct inspect_error *error = edge(context, id, edges[i], at < last ? &references->labels[at] : NULL);
		if (error)
			return error;
		if (at < last)
			from = at + 1;
	}
	return NULL;
}

struct inspect_error *labels_of_range(struct labels *labels, const struct graph *graph, uint32_t first, uint32_t end,
				      labels_edge_fn *edge, void *context)
{
	const struct heap *heap = graph->heap;
	size_t ends[BATCH_OBJECTS], damaged = 0;
	while (first < end) {
		size_t count = end - first < BATCH_OBJECTS ? end - first : BATCH_OBJECTS, from = 0;
		labels->references.count = 0;
		struct inspect_error *error = labels->runtime->operations->references(
			labels->runtime, heap->address + first, heap->type + first, count, &labels->references, ends, &damaged);
		for (size_t i = 0; i < count && !error; i++) {
			error = tell(labels, graph, first + i, from, ends[i], edge, context);
			from = ends[i];
		}
		if (error)
			return error;
		first += count;
	}
	return NULL;
}

static struct inspect_error *append(void *context, uint32_t id __attribute__((unused)), uint32_t edge __attribute__((unused)),
				    const struct runtime_label *label)
{
	struct label_list *list = context;
	if (!array_reserve(list->items, list->count, list->capacity))
		return &inspect_error_no_memory;
	list->items[list->count++] = label ? *label : (struct runtime_label){ 0 };
	return NULL;
}

struct inspect_error *labels_of_object(struct labels *labels, const struct graph *graph, uint32_t id,
				       const struct label_list **list_ret)
{
	struct label_list *list = &labels->lists[id % LISTS];
	*list_ret = list;
	if (list->count && list->id == id)
		return NULL;
	free(list->items);
	*list = (struct label_list){ .id = id };
	struct inspect_error *error = labels_of_range(labels, graph, id, id + 1, append, list);
	if (error)
		list->count = 0;
	return error;
}
