/* SPDX-License-Identifier: MIT */
/*
 * shape.c - grouping components by what they look like.
 *
 * A component's shape is a sum of hashes, one of each object and one of each reference in it: a sum is the same in
 * whatever order the parts come.
 */
#include "analysis/shape.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

/* ---- hashing ---------------------------------------------------------------------------------------- */

/* The finalizer of SplitMix64. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = mix(hash + (uint8_t)*text);
	return hash;
}

/* What of @label tells shapes apart. */
static uint64_t hash_label(const struct runtime_label *label, bool attributes)
{
	uint64_t hash = mix_text(mix(label->kind), label->text);
	switch (label->kind) {
	case RUNTIME_LABEL_ATTRIBUTE:
	case RUNTIME_LABEL_MEMBER:
	case RUNTIME_LABEL_OFFSET:
		return mix(hash + label->value);
	case RUNTIME_LABEL_KEY:
		return attributes ? mix(hash + label->value) : hash;
	default:
		return hash;
	}
}

/* ---- components ------------------------------------------------------------------------------------- */

/* What is known of an object while its component is hashed. */
enum hint {
	HINT_ATTRIBUTES = 1, /* it is an attribute dict */
	HINT_KEYS = 2,       /* it refers to others of its component by keys */
};

struct grouping {
	const struct graph *graph;
	const struct components *components;
	uint32_t *type_place;               /* types of one name are one */
	uint8_t *hints;                     /* of each object in a component, by its place there: enum hint */
	struct runtime_references labelled; /* of the object looked at */
	uint32_t *table;                    /* open addressing: shapes by hash; index + 1 */
	size_t table_size;
	struct shapes *shapes;
	uint64_t turns;
};

static bool inside(const struct grouping *grouping, uint32_t component, uint32_t edge)
{
	return !(edge_flags(edge) & RUNTIME_UNVISITED) &&
	       component_of(grouping->components, edge_target(edge)) == component;
}

/* The place of object @id in the list of its component's objects, which is sorted. */
static size_t place_of(const struct components *components, uint32_t component, uint32_t id)
{
	size_t low = components->first[component], high = components->first[component + 1];
	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		if (components->objects[middle] <= id)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool is_dict_label(const struct runtime_label *label)
{
	return label->kind == RUNTIME_LABEL_TEXT && strcmp(label->text, ".__dict__") == 0;
}

/* Calls for each reference of object @id in its component. */
typedef void reference_fn(struct grouping *grouping, uint32_t component, uint32_t id, uint32_t target,
			  const struct runtime_label *label, void *context);

static struct inspect_error *each_reference(struct grouping *grouping, uint32_t component, uint32_t id,
					    reference_fn *function, void *context)
{
	static const struct runtime_label no_label = { .kind = RUNTIME_LABEL_NONE };
	size_t count, inner = 0;
	const uint32_t *edges = graph_edges(grouping->graph, id, &count);
	struct inspect_error *error = progress_each("comparing cycles", grouping->turns++, 0);
	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		inner += inside(grouping, component, edges[i]);
	if (!inner)
		return NULL;
	error = graph_labels(grouping->graph, id, &grouping->labelled);
	bool same = !error && grouping->labelled.count == count;
	for (size_t i = 0; i < count && !error; i++)
		if (inside(grouping, component, edges[i]))
			function(grouping, component, id, edge_target(edges[i]),
				 same ? &grouping->labelled.labels[i] : &no_label, context);
	return error;
}

/* The hash of a component's references so far, and which of the object looked at are still missing. */
struct reference_sum {
	uint64_t hash;
	bool keys_missing;
};

static void add_reference(struct grouping *grouping, uint32_t id, uint32_t target, const struct runtime_label *label,
			  bool attributes, struct reference_sum *sum)
{
	const struct heap *heap = grouping->graph->heap;
	uint64_t from = mix(grouping->type_place[heap->type[id]] + 1), to = grouping->type_place[heap->type[target]];
	sum->hash += mix(mix(from + to) + hash_label(label, attributes));
}

/* Adds a reference, but for keys: whether these are attributes is known when all objects have been seen. */
static void add_unless_key(struct grouping *grouping, uint32_t component, uint32_t id, uint32_t target,
			   const struct runtime_label *label, void *context)
{
	struct reference_sum *sum = context;
	if (is_dict_label(label))
		grouping->hints[place_of(grouping->components, component, target)] |= HINT_ATTRIBUTES;
	if (label->kind == RUNTIME_LABEL_KEY)
		sum->keys_missing = true;
	else
		add_reference(grouping, id, target, label, false, sum);
}

static void add_key(struct grouping *grouping, uint32_t component, uint32_t id, uint32_t target,
		    const struct runtime_label *label, void *context)
{
	bool attributes = grouping->hints[place_of(grouping->components, component, id)] & HINT_ATTRIBUTES;
	if (label->kind == RUNTIME_LABEL_KEY)
		add_reference(grouping, id, target, label, attributes, context);
}

static struct inspect_error *hash_component(struct grouping *grouping, uint32_t component, uint64_t *hash_ret)
{
	const struct components *components = grouping->components;
	struct reference_sum sum = { 0 };
	for (uint32_t i = components->first[component]; i < components->first[component + 1]; i++) {
		uint32_t id = components->objects[i];
		sum.keys_missing = false;
		struct inspect_error *error = each_reference(grouping, component, id, add_unless_key, &sum);
		if (error)
			return error;
		grouping->hints[i] |= sum.keys_missing ? HINT_KEYS : 0;
		sum.hash += mix(mix(grouping->type_place[grouping->graph->heap->type[id]]));
	}
	for (uint32_t i = components->first[component]; i < components->first[component + 1]; i++) {
		struct inspect_error *error = NULL;
		if (grouping->hints[i] & HINT_KEYS)
			error = each_reference(grouping, component, components->objects[i], add_key, &sum);
		if (error)
			return error;
	}
	*hash_ret = sum.hash;
	return NULL;
}

/* ---- the table of shapes ---------------------------------------------------------------------------- */

static bool table_grow(struct grouping *grouping)
{
	size_t size = grouping->table_size ? grouping->table_size * 2 : 1024;
	uint32_t *table = calloc(size, sizeof(*table));
	if (!table)
		return false;
	for (size_t i = 0; i < grouping->shapes->count; i++) {
		size_t place = grouping->shapes->items[i].hash & (size - 1);
		while (table[place])
			place = (place + 1) & (size - 1);
		table[place] = (uint32_t)i + 1;
	}
	free(grouping->table);
	grouping->table = table;
	grouping->table_size = size;
	return true;
}

/* The index of the shape with @hash, a new one for @component if there is none; false when out of memory. */
static bool shape_with(struct grouping *grouping, uint64_t hash, uint32_t component, uint32_t *index_ret)
{
	struct shapes *shapes = grouping->shapes;
	if (shapes->count * 2 >= grouping->table_size && !table_grow(grouping))
		return false;
	size_t place = hash & (grouping->table_size - 1);
	for (; grouping->table[place]; place = (place + 1) & (grouping->table_size - 1)) {
		*index_ret = grouping->table[place] - 1;
		if (shapes->items[*index_ret].hash == hash)
			return true;
	}
	if (!array_reserve(shapes->items, shapes->count, shapes->capacity))
		return false;
	*index_ret = (uint32_t)shapes->count;
	shapes->items[shapes->count++] = (struct shape){ .hash = hash, .example = component };
	grouping->table[place] = (uint32_t)shapes->count;
	return true;
}

static struct inspect_error *add_component(struct grouping *grouping, uint32_t component)
{
	const struct components *components = grouping->components;
	uint64_t hash = 0;
	uint32_t index;
	struct inspect_error *error = hash_component(grouping, component, &hash);
	if (error)
		return error;
	if (!shape_with(grouping, hash, component, &index))
		return &inspect_error_no_memory;
	struct shape *shape = &grouping->shapes->items[index];
	shape->components++;
	shape->objects += components->first[component + 1] - components->first[component];
	for (uint32_t i = components->first[component]; i < components->first[component + 1]; i++) {
		uint64_t size;
		grouping->shapes->unmeasured += !heap_measure(grouping->graph->heap, components->objects[i], &size);
		shape->bytes = add_saturating(shape->bytes, size);
	}
	grouping->shapes->shape_of[component] = index;
	return NULL;
}

struct inspect_error *shapes_find(const struct graph *graph, const struct components *components,
				  struct shapes *shapes)
{
	*shapes = (struct shapes){ .shape_of = calloc(components->count + 1, sizeof(*shapes->shape_of)) };
	uint32_t *type_place AUTO_FREE = NULL;
	uint8_t *hints AUTO_FREE = calloc(components->object_count + 1, sizeof(*hints));
	struct grouping grouping = { .graph = graph, .components = components, .hints = hints, .shapes = shapes };
	struct inspect_error *error = shapes->shape_of && hints ? NULL : &inspect_error_no_memory;
	uint32_t place_count;
	if (!error)
		error = type_places(graph->heap->runtime, &type_place, &place_count);
	grouping.type_place = type_place;
	for (size_t i = 0; i < components->count && !error; i++)
		error = add_component(&grouping, (uint32_t)i);
	runtime_references_deinit(&grouping.labelled);
	free(grouping.table);
	if (error)
		shapes_deinit(shapes);
	return error;
}

void shapes_deinit(struct shapes *shapes)
{
	free(shapes->items);
	free(shapes->shape_of);
	*shapes = (struct shapes){ 0 };
}
