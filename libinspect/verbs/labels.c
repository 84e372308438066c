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
	LIST_LENGTH = 4096, /* of references at once */
};

/* A text that was made before; one that falls into the same slot takes its place. */
struct label_slot {
	struct runtime_label label;
	char *text;
};

struct inspect_error *labels_init(struct labels *labels, struct runtime *runtime)
{
	*labels = (struct labels){ .runtime = runtime };
	labels->slots = calloc((size_t)1 << SLOT_BITS, sizeof(*labels->slots));
	labels->lists = calloc(LISTS, sizeof(*labels->lists));
	labels->items = calloc(LIST_LENGTH, sizeof(*labels->items));
	labels->labels = calloc(LIST_LENGTH, sizeof(*labels->labels));
	return labels->slots && labels->lists && labels->items && labels->labels ? NULL : &inspect_error_no_memory;
}

void labels_deinit(struct labels *labels)
{
	for (size_t i = 0; labels->slots && i < (size_t)1 << SLOT_BITS; i++)
		free(labels->slots[i].text);
	free(labels->slots);
	for (size_t i = 0; labels->lists && i < LISTS; i++)
		free(labels->lists[i].items);
	free(labels->lists);
	free(labels->items);
	free(labels->labels);
	*labels = (struct labels){ 0 };
}

/* ---- texts ----------------------------------------------------------------------------------------- */

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

/* ---- reading references again --------------------------------------------------------------------- */

/* The references of one object on their way to who wants the labels. They come in the order of the edges, and among
 * them those that lead to no object, which are no edges. */
struct reading {
	struct runtime_references references; /* as many as the list takes; first: drain() finds the rest by it */
	const struct graph *graph;
	uint32_t id;
	const uint32_t *edges; /* those of the object that have not been told of */
	size_t left;
	labels_edge_fn *edge;
	void *context;
	struct inspect_error *error; /* what @edge said */
};

static bool tell(struct reading *reading, const struct runtime_label *label)
{
	reading->error = reading->edge(reading->context, reading->id, *reading->edges++, label);
	reading->left--;
	return !reading->error;
}

/* Tells of the edge that @reference is, and before that of those that must have been lost. */
static bool take(struct reading *reading, uint64_t reference, const struct runtime_label *label)
{
	enum { LOST = 8 };
	const uint64_t *address = reading->graph->heap->address;
	size_t ahead = 0, last = reading->left < LOST ? reading->left : LOST;
	while (ahead < last && (address[edge_target(reading->edges[ahead])] | edge_flags(reading->edges[ahead])) != reference)
		ahead++;
	if (ahead == last)
		return true;
	for (; ahead; ahead--)
		if (!tell(reading, NULL))
			return false;
	return tell(reading, label);
}

static bool drain(struct runtime_references *references)
{
	struct reading *reading = (struct reading *)references;
	for (size_t i = 0; i < references->count; i++)
		if (!take(reading, references->items[i], &references->labels[i]))
			return false;
	return true;
}

/* Reads the references of object @id. */
static struct inspect_error *read_object(struct reading *reading, uint32_t id)
{
	const struct heap *heap = reading->graph->heap;
	const struct runtime_operations *operations = heap->runtime->operations;
	size_t damaged = 0;
	reading->id = id;
	reading->edges = graph_edges(reading->graph, id, &reading->left);
	if (!reading->left)
		return NULL;
	reading->references.count = reading->references.drained = 0;
	struct inspect_error *error = operations->references(heap->runtime, &heap->address[id], &heap->type[id], 1,
							     &reading->references, NULL, &damaged);
	if (!error)
		drain(&reading->references);
	while (!error && !reading->error && reading->left)
		tell(reading, NULL);
	if (!reading->error)
		return error;
	inspect_error_destroy(error);
	return reading->error;
}

struct inspect_error *labels_of_range(struct labels *labels, const struct graph *graph, uint32_t first, uint32_t end,
				      labels_edge_fn *edge, void *context)
{
	struct reading reading = {
		.references = {
			.items = labels->items,
			.labels = labels->labels,
			.capacity = LIST_LENGTH,
			.labelled = true,
			.drain = drain,
		},
		.graph = graph,
		.edge = edge,
		.context = context,
	};
	struct inspect_error *error = NULL;
	for (uint32_t id = first; id < end && !error; id++)
		error = read_object(&reading, id);
	return error;
}

/* ---- lists ----------------------------------------------------------------------------------------- */

static struct inspect_error *append(void *context, uint32_t id __attribute__((unused)), uint32_t edge __attribute__((unused)),
				    const struct runtime_label *label)
{
	struct label_list *list = context;
	if (!array_reserve(list->items, list->count, list->capacity))
		return &inspect_error_no_memory;
	list->items[list->count++] = label ? *label : (struct runtime_label){ .value = LABEL_LOST };
	return NULL;
}

struct inspect_error *labels_of_object(struct labels *labels, const struct graph *graph, uint32_t id,
				       const struct label_list **list_ret)
{
	struct label_list *list = &labels->lists[id % LISTS];
	*list_ret = list;
	if (list->count && list->id == id)
		return NULL;
	list->id = id;
	list->count = 0;
	struct inspect_error *error = labels_of_range(labels, graph, id, id + 1, append, list);
	if (error)
		list->count = 0;
	return error;
}
