/* SPDX-License-Identifier: MIT */
/*
 * collector.c - the cycle collector's state and lists: Modules/gcmodule.c (to 3.12), Python/gc.c (3.13 on),
 * internal/pycore_gc.h.
 *
 * A generation is a circular doubly linked list of the heads that stand before its objects; the list's own
 * head is in the collector's state.
 */
#include "runtime/cpython/collector.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

enum {
	/* Both links carry flags in their two low bits from 3.8 on: _PyGC_PREV_MASK and friends. */
	LINK_FLAGS = 3,
	GC_DEBUG_STATS = 1 << 0,
	GC_DEBUG_COLLECTABLE = 1 << 1,
	GC_DEBUG_UNCOLLECTABLE = 1 << 2,
	GC_DEBUG_SAVEALL = 1 << 5,
};

/* ---- where things are ---- */

size_t collector_count(const struct cpython *cpython)
{
	bool one_for_all = cpython->layout.interpreter_gc == LAYOUT_ABSENT;
	return one_for_all ? 1 : cpython->interpreter_count;
}

static uint64_t place(uint64_t base, int32_t offset)
{
	return base && offset != LAYOUT_ABSENT ? base + (uint64_t)offset : 0;
}

static void add_list(struct collector_places *places, uint64_t head, unsigned int generation)
{
	if (head)
		places->lists[places->list_count++] = (struct gc_list){ head, generation };
}

/* Places the struct gc_generation at @address as number @index. */
static void add_generation(const struct layout *layout, struct collector_places *places, unsigned int index,
			   uint64_t address)
{
	places->threshold[index] = place(address, layout->generation_threshold);
	places->count[index] = place(address, layout->generation_count);
}

/* Three generations in an array: all versions but 3.14.0 to 3.14.4. */
static void place_generations(const struct layout *layout, struct collector_places *places, uint64_t first)
{
	for (unsigned int i = 0; i < places->generation_count; i++) {
		uint64_t generation = first + i * (uint64_t)layout->size_of_generation;
		add_generation(layout, places, i, generation);
		add_list(places, place(generation, layout->generation_head), i);
	}
}

/* One young generation and an old one in two spaces: 3.14.0 to 3.14.4. gc.get_objects() has both spaces as
 * generation 2 and nothing in 1; gc.get_count() gives the visited space first: Python/gc.c, Modules/gcmodule.c. */
static void place_incremental(struct cpython *cpython, struct collector_places *places, uint64_t state)
{
	const struct layout *layout = &cpython->layout;
	uint64_t young = place(state, layout->gc_young), old = place(state, layout->gc_old);
	uint64_t size = (uint64_t)layout->size_of_generation;
	int32_t visited;
	read_int32(cpython, state, layout->gc_visited_space, &visited);
	add_generation(layout, places, 0, young);
	add_generation(layout, places, 1, old + (visited ? size : 0));
	add_generation(layout, places, 2, old + (visited ? 0 : size));
	places->threshold[1] = place(old, layout->generation_threshold);
	places->threshold[2] = 0;
	add_list(places, place(young, layout->generation_head), 0);
	add_list(places, place(old, layout->generation_head), 2);
	add_list(places, place(old + size, layout->generation_head), 2);
}

/* The latest record of each of 3.15's rings of statistics, behind a pointer. */
static void place_stats_rings(struct cpython *cpython, struct collector_places *places, uint64_t state)
{
	const struct layout *layout = &cpython->layout;
	const int32_t items[] = { layout->gc_stats_young, layout->gc_stats_old0, layout->gc_stats_old1 };
	const int32_t indices[] = { layout->gc_stats_young_index, layout->gc_stats_old0_index,
				    layout->gc_stats_old1_index };
	uint64_t rings;
	if (!read_pointer(cpython, state, layout->gc_stats, &rings))
		return;
	for (unsigned int i = 0; i < places->generation_count; i++) {
		uint8_t index;
		if (read_uint8(cpython, rings, indices[i], &index) &&
		    (int64_t)index * layout->size_of_generation_stats < indices[i] - items[i])
			places->stats[i] = place(rings, items[i]) +
					   index * (uint64_t)layout->size_of_generation_stats;
	}
}

static void place_stats_array(const struct layout *layout, struct collector_places *places, uint64_t first)
{
	for (unsigned int i = 0; first && i < places->generation_count; i++)
		places->stats[i] = first + i * (uint64_t)layout->size_of_generation_stats;
}

static void place_statics(struct cpython *cpython, struct collector_places *places)
{
	const struct collector_statics *statics = &cpython->statics;
	places->state = statics->generations;
	places->enabled = statics->enabled;
	places->debug = statics->debug;
	places->collecting = statics->collecting;
	places->garbage = statics->garbage;
	places->callbacks = statics->callbacks;
	place_generations(&cpython->layout, places, statics->generations);
	place_stats_array(&cpython->layout, places, statics->stats);
}

void collector_places(struct cpython *cpython, size_t number, struct collector_places *places)
{
	const struct layout *layout = &cpython->layout;
	*places = (struct collector_places){ .generation_count = 3 };
	if (!cpython->runtime_address) {
		place_statics(cpython, places);
		return;
	}
	uint64_t state = layout->interpreter_gc == LAYOUT_ABSENT
				 ? place(cpython->runtime_address, layout->runtime_gc)
				 : place(cpython->interpreters[number].address, layout->interpreter_gc);
	places->state = state;
	places->enabled = place(state, layout->gc_enabled);
	places->debug = place(state, layout->gc_debug);
	places->collecting = place(state, layout->gc_collecting);
	places->garbage = place(state, layout->gc_garbage);
	places->callbacks = place(state, layout->gc_callbacks);
	if (layout->gc_young != LAYOUT_ABSENT)
		place_incremental(cpython, places, state);
	else
		place_generations(layout, places, place(state, layout->gc_generations));
	if (layout->gc_stats_young != LAYOUT_ABSENT)
		place_stats_rings(cpython, places, state);
	else
		place_stats_array(layout, places, place(state, layout->gc_stats));
	uint64_t permanent = place(state, layout->gc_permanent);
	add_list(places, place(permanent, layout->generation_head), RUNTIME_PERMANENT);
}

/* ---- what it says ---- */

bool collector_is_collecting(struct cpython *cpython, const struct collector_places *places)
{
	int32_t collecting;
	return read_int32(cpython, places->collecting, 0, &collecting) && collecting;
}

static int64_t number_at(struct cpython *cpython, uint64_t address)
{
	int32_t number;
	return read_int32(cpython, address, 0, &number) ? number : RUNTIME_UNKNOWN;
}

static int64_t ssize_at(struct cpython *cpython, uint64_t address, int32_t offset)
{
	int64_t number;
	return read_ssize(cpython, address, offset, &number) ? number : RUNTIME_UNKNOWN;
}

static uint64_t pointer_at(struct cpython *cpython, uint64_t variable)
{
	uint64_t pointer;
	return read_pointer(cpython, variable, 0, &pointer) ? pointer : 0;
}

static int64_t list_length(struct cpython *cpython, uint64_t variable)
{
	uint64_t list = pointer_at(cpython, variable);
	return list ? ssize_at(cpython, list, cpython->layout.var_size) : RUNTIME_UNKNOWN;
}

/* The debug flags in words: gc.DEBUG_… */
static char *debug_text(int64_t debug)
{
	static const struct {
		int64_t flag;
		const char *name;
	} names[] = {
		{ GC_DEBUG_STATS, "DEBUG_STATS" },
		{ GC_DEBUG_COLLECTABLE, "DEBUG_COLLECTABLE" },
		{ GC_DEBUG_UNCOLLECTABLE, "DEBUG_UNCOLLECTABLE" },
		{ GC_DEBUG_SAVEALL, "DEBUG_SAVEALL" },
	};
	char text[128] = "";
	for (size_t i = 0; debug != RUNTIME_UNKNOWN && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(debug & names[i].flag))
			continue;
		size_t length = strlen(text);
		snprintf(text + length, sizeof(text) - length, "%s%s", length ? "|" : "", names[i].name);
	}
	return strdup(text);
}

static struct inspect_error *collector_read(struct cpython *cpython, size_t number,
					    struct runtime_collector *collector)
{
	const struct layout *layout = &cpython->layout;
	struct collector_places places;
	collector_places(cpython, number, &places);
	*collector = (struct runtime_collector){
		.id = cpython->interpreters[number].id,
		.address = places.state,
		.enabled = number_at(cpython, places.enabled),
		.collecting = number_at(cpython, places.collecting),
		.debug = number_at(cpython, places.debug),
		.garbage = list_length(cpython, places.garbage),
		.garbage_list = pointer_at(cpython, places.garbage),
		.callbacks = list_length(cpython, places.callbacks),
		.generation_count = places.generation_count,
	};
	collector->debug_text = debug_text(collector->debug);
	if (!collector->debug_text)
		return &inspect_error_no_memory;
	if (!places.enabled || !places.debug || !places.collecting || !places.stats[0]) {
		struct inspect_error *error =
			notes_add(&cpython->runtime.notes, false,
				  "this build keeps parts of the collector's state in variables without a name (a stripped "
				  "CPython 3.6): they are shown as unknown");
		if (error)
			return error;
	}
	for (unsigned int i = 0; i < places.generation_count; i++) {
		collector->generations[i] = (struct runtime_generation){
			.threshold = number_at(cpython, places.threshold[i]),
			.count = number_at(cpython, places.count[i]),
			.collections = ssize_at(cpython, places.stats[i], layout->generation_stats_collections),
			.collected = ssize_at(cpython, places.stats[i], layout->generation_stats_collected),
			.uncollectable = ssize_at(cpython, places.stats[i], layout->generation_stats_uncollectable),
		};
	}
	if (layout->gc_young != LAYOUT_ABSENT)
		collector->generations[2].threshold = 0; /* gc_get_threshold_impl of 3.14.0 to 3.14.4 */
	return NULL;
}

struct inspect_error *collectors_read(struct cpython *cpython)
{
	struct runtime *runtime = &cpython->runtime;
	runtime->collectors = calloc(collector_count(cpython), sizeof(*runtime->collectors));
	if (!runtime->collectors)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < collector_count(cpython); i++) {
		struct inspect_error *error = collector_read(cpython, i, &runtime->collectors[i]);
		if (error)
			return error;
		runtime->collector_count = i + 1;
	}
	return NULL;
}

/* ---- the lists ---- */

bool gc_head_read(struct cpython *cpython, uint64_t head, uint64_t *next_ret, uint64_t *previous_ret)
{
	const struct layout *layout = &cpython->layout;
	if (!read_pointer(cpython, head, layout->gc_head_next, next_ret) ||
	    !read_pointer(cpython, head, layout->gc_head_prev, previous_ret))
		return false;
	*next_ret &= ~(uint64_t)LINK_FLAGS;
	*previous_ret &= ~(uint64_t)LINK_FLAGS;
	return true;
}

/* The generation that is being collected. gc_collect_main() (before 3.9 collect()) begins with counting the collection for
 * the next older generation, and sets the counts of those that it collects to 0; those of the older two change only there.
 * 3.14.0 to 3.14.4 collect parts of the old generation with the young one: what is left goes to the old one. */
static unsigned int collected_generation(struct cpython *cpython, const struct collector_places *places)
{
	unsigned int generation = 0;
	int32_t count;
	if (cpython->layout.gc_young != LAYOUT_ABSENT)
		return places->generation_count - 1;
	while (generation + 1 < places->generation_count &&
	       read_int32(cpython, places->count[generation + 1], 0, &count) && count == 0)
		generation++;
	return generation;
}

static void describe_lists(struct cpython *cpython, unsigned int number, struct collector_places *places,
			   struct gc_lists *lists)
{
	collector_places(cpython, number, places);
	*lists = (struct gc_lists){
		.items = places->lists, .count = places->list_count, .collector = number,
		.collecting = collector_is_collecting(cpython, places),
		.collected = collected_generation(cpython, places),
	};
	snprintf(lists->owner, sizeof(lists->owner), "interpreter %" PRId64, cpython->interpreters[number].id);
}

static bool is_tracked(void *cpython, uint64_t address, bool dying)
{
	return cpython_is_tracked(cpython, address, dying);
}

/* All lists, for @use. */
static struct inspect_error *with_lists(struct runtime *runtime,
					struct inspect_error *(*use)(const struct gc_heap *heap, void *context, struct notes *notes),
					void *context, struct notes *notes)
{
	struct cpython *cpython = (struct cpython *)runtime;
	const struct layout *layout = &cpython->layout;
	struct collector_places *places AUTO_FREE = calloc(runtime->collector_count + 1, sizeof(*places));
	struct gc_lists *lists AUTO_FREE = calloc(runtime->collector_count + 1, sizeof(*lists));
	if (!places || !lists)
		return &inspect_error_no_memory;
	for (unsigned int i = 0; i < runtime->collector_count; i++)
		describe_lists(cpython, i, &places[i], &lists[i]);
	const struct gc_heap heap = {
		.target = cpython->target,
		.links = {
			.next = (uint64_t)layout->gc_head_next, .previous = (uint64_t)layout->gc_head_prev, .has_previous = true,
			.next_mask = ~(uint64_t)LINK_FLAGS, .previous_mask = ~(uint64_t)LINK_FLAGS,
			.head_size = (uint64_t)layout->size_of_gc_head,
		},
		.collectors = lists, .collector_count = runtime->collector_count,
		.is_tracked = is_tracked, .context = cpython,
	};
	return use(&heap, context, notes);
}

static struct inspect_error *walk_lists(const struct gc_heap *heap, void *sink, struct notes *notes)
{
	return gc_lists_walk(heap, sink, notes);
}

struct inspect_error *collectors_walk(struct runtime *runtime, struct runtime_sink *sink, struct notes *notes)
{
	return with_lists(runtime, walk_lists, sink, notes);
}

static struct inspect_error *verify_lists(const struct gc_heap *heap, void *verifier, struct notes *notes)
{
	return gc_lists_verify(heap, verifier, notes);
}

struct inspect_error *collectors_verify(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes)
{
	return with_lists(runtime, verify_lists, verifier, notes);
}
