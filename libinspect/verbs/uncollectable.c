/* SPDX-License-Identifier: MIT */
/*
 * uncollectable.c - unreachable objects that a collection does not free.
 */
#include "verbs/uncollectable.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"

struct setting_apart {
	const struct graph *graph;
	const uint8_t *verdict;
	uint8_t *apart;    /* enum apart by id */
	uint32_t *pending; /* a stack of ids */
	size_t pending_count;
};

/* ---- what is set apart ------------------------------------------------------------------------------ */

static void set_apart(struct setting_apart *setting, uint32_t id)
{
	if (setting->verdict[id] != VERDICT_UNREACHABLE || setting->apart[id])
		return;
	setting->apart[id] = APART_UNCOLLECTABLE;
	setting->pending[setting->pending_count++] = id;
}

/* False: there is nothing to set apart. */
static bool set_legacy_apart(struct setting_apart *setting, const struct traits *traits)
{
	for (uint32_t id = 0; id < setting->graph->heap->count; id++)
		if (traits_of(traits, id) & RUNTIME_LEGACY_FINALIZER)
			set_apart(setting, id);
	if (!setting->pending_count)
		return false;
	while (setting->pending_count) {
		size_t count;
		const uint32_t *edges = graph_edges(setting->graph, setting->pending[--setting->pending_count], &count);
		for (size_t i = 0; i < count; i++)
			if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED))
				set_apart(setting, edge_target(edges[i]));
	}
	return true;
}

/* ---- what is freed nevertheless --------------------------------------------------------------------- */

/* Drops the references that object @id holds; @dropped counts those to each object. What has no others is freed too. */
static void drop_references(struct setting_apart *setting, int64_t *dropped, uint32_t id)
{
	const struct heap *heap = setting->graph->heap;
	size_t count;
	const uint32_t *edges = graph_edges(setting->graph, id, &count);
	for (size_t i = 0; i < count; i++) {
		uint32_t target = edge_target(edges[i]);
		bool cleared = setting->verdict[target] == VERDICT_UNREACHABLE && !setting->apart[target];
		if ((edge_flags(edges[i]) & RUNTIME_UNCOUNTED) || cleared || (heap->flags[target] & RUNTIME_IMMORTAL) ||
		    ++dropped[target] != heap->refcount[target])
			continue;
		if (setting->apart[target])
			setting->apart[target] = APART_FREED;
		setting->pending[setting->pending_count++] = target;
	}
}

static void free_others(struct setting_apart *setting, int64_t *dropped)
{
	for (uint32_t id = 0; id < setting->graph->heap->count; id++) {
		if (setting->verdict[id] != VERDICT_UNREACHABLE || setting->apart[id])
			continue;
		drop_references(setting, dropped, id);
		while (setting->pending_count)
			drop_references(setting, dropped, setting->pending[--setting->pending_count]);
	}
}

struct inspect_error *uncollectable_find(const struct graph *graph, const struct unreachable *unreachable,
					 const struct traits *traits, uint8_t **apart_ret)
{
	size_t count = graph->heap->count + 1;
	uint32_t *pending AUTO_FREE = calloc(count, sizeof(*pending));
	*apart_ret = calloc(count, sizeof(**apart_ret));
	if (!*apart_ret || !pending)
		return &inspect_error_no_memory;
	struct setting_apart setting = {
		.graph = graph, .verdict = unreachable->verdict, .apart = *apart_ret, .pending = pending,
	};
	if (!set_legacy_apart(&setting, traits))
		return NULL;
	int64_t *dropped AUTO_FREE = calloc(count, sizeof(*dropped));
	if (!dropped)
		return &inspect_error_no_memory;
	free_others(&setting, dropped);
	return NULL;
}
