/* SPDX-License-Identifier: MIT */
/*
 * hanging.c - who holds the garbage that is in no cycle.
 *
 * Every such object is owned by a shape, or by several. Owners spread along references until nothing changes: each
 * object changes hands twice at most.
 */
#include "analysis/hanging.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/histogram.h"
#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"

static const uint32_t NO_OWNER = UINT32_MAX, SEVERAL_OWNERS = UINT32_MAX - 1;

struct spreading {
	const struct graph *graph;
	const struct unreachable *unreachable;
	const struct components *components;
	uint32_t *owner;   /* of each object that would be freed, by its place among them */
	uint32_t *pending; /* places; each may be there once for each time it changes hands */
	size_t pending_count;
	uint64_t turns;
};

/* Is the object with @id garbage in no cycle? *@place_ret is where its owner stands. */
static bool hangs(const struct spreading *spreading, uint32_t id, uint32_t *place_ret)
{
	return id_set_find(&spreading->unreachable->freed, id, place_ret) &&
	       component_of(spreading->components, id) == NO_COMPONENT;
}

static void spread_from(struct spreading *spreading, uint32_t place)
{
	size_t count;
	const uint32_t *edges = graph_edges(spreading->graph, spreading->unreachable->freed.ids[place], &count);
	uint32_t owner = spreading->owner[place], target;
	for (size_t i = 0; i < count; i++) {
		if ((edge_flags(edges[i]) & RUNTIME_UNCOUNTED) || !hangs(spreading, edge_target(edges[i]), &target) ||
		    spreading->owner[target] == owner || spreading->owner[target] == SEVERAL_OWNERS)
			continue;
		spreading->owner[target] = spreading->owner[target] == NO_OWNER ? owner : SEVERAL_OWNERS;
		spreading->pending[spreading->pending_count++] = target;
	}
}

static struct inspect_error *spread(struct spreading *spreading, const struct shapes *shapes)
{
	const struct components *components = spreading->components;
	for (uint32_t i = 0; i < components->object_count && !progress_was_stopped(); i++) {
		uint32_t id = components->objects[i], place;
		if (!id_set_has(&spreading->unreachable->garbage, id) ||
		    !id_set_find(&spreading->unreachable->freed, id, &place))
			continue;
		spreading->owner[place] = shapes->shape_of[component_of(components, id)];
		spread_from(spreading, place);
		while (spreading->pending_count && !progress_ends("looking at garbage", spreading->turns++, 0))
			spread_from(spreading, spreading->pending[--spreading->pending_count]);
	}
	return progress_report("looking at garbage", spreading->turns, 0);
}

static struct inspect_error *sum_up(const struct spreading *spreading, struct hanging *hanging)
{
	const struct id_set *freed = &spreading->unreachable->freed;
	for (uint32_t place = 0; place < freed->count; place++) {
		uint32_t id = freed->ids[place], owner = spreading->owner[place];
		struct inspect_error *error = progress_each("measuring garbage", place, freed->count);
		if (error)
			return error;
		if (component_of(spreading->components, id) != NO_COMPONENT)
			continue;
		struct hanging_sum *sum = owner < SEVERAL_OWNERS ? &hanging->of_shape[owner] : &hanging->shared;
		uint64_t size;
		hanging->unmeasured += !heap_measure(spreading->graph->heap, id, &size);
		sum->objects++;
		sum->bytes = add_saturating(sum->bytes, size);
	}
	return NULL;
}

struct inspect_error *hanging_find(const struct graph *graph, const struct unreachable *unreachable,
				   const struct components *components, const struct shapes *shapes,
				   struct hanging *hanging)
{
	size_t count = unreachable->freed.count;
	uint32_t *owner AUTO_FREE = reallocarray(NULL, count + 1, sizeof(*owner));
	uint32_t *pending AUTO_FREE = reallocarray(NULL, 2 * count + 1, sizeof(*pending));
	*hanging = (struct hanging){ .of_shape = calloc(shapes->count + 1, sizeof(*hanging->of_shape)) };
	if (!owner || !pending || !hanging->of_shape) {
		hanging_deinit(hanging);
		return &inspect_error_no_memory;
	}
	memset(owner, 0xff, (count + 1) * sizeof(*owner));
	struct spreading spreading = { graph, unreachable, components, owner, pending, 0, 0 };
	struct inspect_error *error = spread(&spreading, shapes);
	if (!error)
		error = sum_up(&spreading, hanging);
	if (error)
		hanging_deinit(hanging);
	return error;
}

void hanging_deinit(struct hanging *hanging)
{
	free(hanging->of_shape);
	*hanging = (struct hanging){ 0 };
}
