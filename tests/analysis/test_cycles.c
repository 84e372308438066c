/* SPDX-License-Identifier: MIT */
/*
 * test_cycles.c - what a collection would find, components and shapes, against slow and simple ways to find them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/components.h"
#include "analysis/cycle.h"
#include "analysis/shape.h"
#include "analysis/unreachable.h"
#include "base/error.h"
#include "graph/workers.h"

/* ---- made-up graphs --------------------------------------------------------------------------------- */

enum { OBJECTS = 24, TYPES = 3, ROUNDS = 3000, EDGES = 4 * OBJECTS };

struct made {
	struct runtime runtime; /* first: labels are asked of it */
	struct runtime_type types[TYPES];
	struct heap heap;
	struct graph graph;
	uint64_t address[OBJECTS];
	uint32_t type[OBJECTS];
	uint8_t generation[OBJECTS], flags[OBJECTS], collector[OBJECTS];
	uint64_t size[OBJECTS];
	int64_t refcount[OBJECTS];
	uint32_t first[OBJECTS + 1], edges[EDGES], label[EDGES];
};

static uint64_t state = 1;

static uint32_t random_below(uint32_t limit)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % limit;
}

static struct inspect_error *made_references(struct runtime *runtime, const uint64_t *addresses,
					     const uint32_t *types __attribute__((unused)), size_t count,
					     struct runtime_references *references, size_t *ends,
					     size_t *damaged_ret __attribute__((unused)))
{
	static const char *const texts[] = { ".left", ".right", ".__dict__" };
	const struct made *made = (const struct made *)runtime;
	for (size_t i = 0; i < count; i++) {
		uint32_t id = 0;
		assert_true(heap_find(&made->heap, addresses[i], &id));
		for (uint32_t j = made->first[id]; j < made->first[id + 1]; j++)
			assert_true(runtime_reference_add(references,
							  made->address[edge_target(made->edges[j])] |
								  edge_flags(made->edges[j]),
							  RUNTIME_LABEL_TEXT, 0, texts[made->label[j] % 3]));
		if (ends)
			ends[i] = references->count;
	}
	return NULL;
}

static const struct runtime_operations operations = { .name = "made", .references = made_references };

static void make_columns(struct made *made)
{
	static char names[TYPES][2] = { "A", "B", "C" };
	memset(made, 0, sizeof(*made));
	made->runtime.operations = &operations;
	made->runtime.types = made->types;
	made->runtime.type_count = TYPES;
	for (uint32_t i = 0; i < TYPES; i++)
		made->types[i] = (struct runtime_type){ .address = 0x100 + i * 8, .name = names[i] };
	for (uint32_t id = 0; id < OBJECTS; id++) {
		made->address[id] = 0x100000 + id * 64;
		made->size[id] = 10 + id;
	}
	made->heap = (struct heap){
		.count = OBJECTS, .address = made->address, .type = made->type, .generation = made->generation,
		.flags = made->flags, .collector = made->collector, .size = made->size, .refcount = made->refcount,
		.runtime = &made->runtime,
	};
	made->graph = (struct graph){ .heap = &made->heap, .first = made->first, .edges = made->edges };
}

static void index_addresses(struct made *made)
{
	struct address_index *index = &made->heap.index;
	size_t count;
	assert_true(index_init(index));
	for (uint32_t id = 0; id < OBJECTS; id++) {
		struct index_region *region = index_region_at(index, made->address[id]);
		if (!region)
			region = index_region_add(index, made->address[id], NULL);
		assert_non_null(region);
		region->bits[region_word(made->address[id])] |= UINT64_C(1) << region_bit(made->address[id]);
	}
	assert_true(index_seal(index, &count));
	assert_int_equal(count, OBJECTS);
}

/* A graph at random; the counts are those of its own references, and sometimes one more from elsewhere. */
static void make_random(struct made *made)
{
	make_columns(made);
	uint32_t count = 0, density = random_below(4);
	for (uint32_t id = 0; id < OBJECTS; id++) {
		made->type[id] = random_below(TYPES);
		made->generation[id] = random_below(8) ? random_below(HEAP_GENERATIONS) : HEAP_UNTRACKED;
		made->collector[id] = random_below(6) == 0;
		made->flags[id] = random_below(30) ? 0 : RUNTIME_IMMORTAL;
		made->refcount[id] += random_below(4) == 0;
		made->first[id] = count;
		for (uint32_t i = random_below(density + 2); i > 0 && count < EDGES; i--) {
			static const unsigned int flags[] = { 0, 0, 0, 0, 0, RUNTIME_GUESSED, RUNTIME_UNVISITED,
							     RUNTIME_UNCOUNTED };
			uint32_t target = random_below(OBJECTS);
			unsigned int flag = flags[random_below(8)];
			made->label[count] = random_below(3);
			made->edges[count++] = target << EDGE_FLAG_BITS | flag;
			made->refcount[target] += flag != RUNTIME_UNCOUNTED;
		}
	}
	made->first[OBJECTS] = count;
	made->graph.edge_count = count;
	index_addresses(made);
}

static void unmake(struct made *made)
{
	index_deinit(&made->heap.index);
}

/* The flags of references that a collection does not subtract, and whose ends are of one collector. */
static bool subtracted(const struct made *made, const struct collection_scope *scope, uint32_t from, uint32_t edge)
{
	unsigned int without = RUNTIME_UNVISITED | (scope->believe_guesses ? 0 : RUNTIME_GUESSED);
	return !(edge_flags(edge) & without) && made->collector[from] == made->collector[edge_target(edge)];
}

static bool has_edge(const struct made *made, uint32_t from, uint32_t to, unsigned int without)
{
	for (uint32_t i = made->first[from]; i < made->first[from + 1]; i++)
		if (edge_target(made->edges[i]) == to && !(edge_flags(made->edges[i]) & without))
			return true;
	return false;
}

/* ---- unreachable objects ---------------------------------------------------------------------------- */

static bool looked_at(const struct made *made, const struct collection_scope *scope, uint32_t id)
{
	return made->generation[id] != HEAP_UNTRACKED && (scope->generations >> made->generation[id] & 1) &&
	       (scope->collectors[0] >> made->collector[id] & 1);
}

/* The objects that stay, by adding one after the other until nothing changes. */
static void find_slowly(const struct made *made, const struct collection_scope *scope, bool *stays)
{
	for (uint32_t id = 0; id < OBJECTS; id++) {
		int64_t outside = made->refcount[id];
		for (uint32_t from = 0; from < OBJECTS; from++)
			for (uint32_t i = made->first[from]; i < made->first[from + 1]; i++)
				outside -= looked_at(made, scope, from) && edge_target(made->edges[i]) == id &&
					   subtracted(made, scope, from, made->edges[i]);
		stays[id] = looked_at(made, scope, id) && (outside || (made->flags[id] & RUNTIME_IMMORTAL));
	}
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t from = 0; from < OBJECTS; from++)
			for (uint32_t to = 0; to < OBJECTS; to++)
				if (stays[from] && !stays[to] && looked_at(made, scope, to) &&
				    made->collector[from] == made->collector[to] &&
				    has_edge(made, from, to, RUNTIME_UNVISITED))
					stays[to] = changed = true;
	}
}

/* What is freed when all references of unreachable objects are gone, and of what that frees. */
static void find_hanging_slowly(const struct made *made, const uint8_t *verdict, bool *hangs)
{
	memset(hangs, 0, OBJECTS * sizeof(*hangs));
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t id = 0; id < OBJECTS; id++) {
			int64_t dropped = 0;
			for (uint32_t from = 0; from < OBJECTS; from++)
				for (uint32_t i = made->first[from]; i < made->first[from + 1]; i++)
					dropped += (verdict[from] == VERDICT_UNREACHABLE || hangs[from]) &&
						   edge_target(made->edges[i]) == id &&
						   !(edge_flags(made->edges[i]) & RUNTIME_UNCOUNTED);
			if (hangs[id] || verdict[id] == VERDICT_UNREACHABLE || (made->flags[id] & RUNTIME_IMMORTAL) ||
			    !dropped || dropped != made->refcount[id])
				continue;
			hangs[id] = changed = true;
		}
	}
}

static void test_unreachable(void **context __attribute__((unused)))
{
	size_t found = 0, hanging = 0;
	for (int round = 0; round < ROUNDS; round++) {
		struct made made;
		make_random(&made);
		const struct collection_scope scope = {
			.generations = 1 + random_below(7),
			.collectors = { 1 + random_below(3) },
			.believe_guesses = random_below(2),
		};
		struct unreachable unreachable;
		bool stays[OBJECTS], hangs[OBJECTS];
		assert_null(unreachable_find(&made.graph, made.refcount, &scope, &unreachable));
		find_slowly(&made, &scope, stays);
		find_hanging_slowly(&made, unreachable.verdict, hangs);
		size_t count = 0, hanging_count = 0;
		for (uint32_t id = 0; id < OBJECTS; id++) {
			bool gone = looked_at(&made, &scope, id) && !stays[id];
			assert_int_equal(unreachable.verdict[id] == VERDICT_UNREACHABLE, gone);
			assert_int_equal(unreachable.verdict[id] == VERDICT_HANGING, hangs[id]);
			count += gone;
			hanging_count += hangs[id];
		}
		assert_int_equal(unreachable.count, count);
		assert_int_equal(unreachable.hanging, hanging_count);
		assert_int_equal(unreachable.negative, 0);
		found += count;
		hanging += hanging_count;
		unreachable_deinit(&unreachable);
		unmake(&made);
	}
	assert_true(found > ROUNDS && hanging > ROUNDS / 10);
}

/* An object with more references than its count says is told of, and stays. */
static void test_too_many_references(void **context __attribute__((unused)))
{
	struct made made;
	make_columns(&made);
	for (uint32_t id = 0; id < OBJECTS; id++)
		made.refcount[id] = 1;
	made.edges[0] = 1 << EDGE_FLAG_BITS;
	made.edges[1] = 1 << EDGE_FLAG_BITS;
	made.first[0] = 0;
	for (uint32_t id = 1; id <= OBJECTS; id++)
		made.first[id] = 2;
	const struct collection_scope scope = { .generations = 7, .collectors = { 1 } };
	struct unreachable unreachable;
	assert_null(unreachable_find(&made.graph, made.refcount, &scope, &unreachable));
	assert_int_equal(unreachable.negative, 1);
	assert_int_equal(unreachable.first_negative, 1);
	assert_int_equal(unreachable.count, 0);
	unreachable_deinit(&unreachable);
}

/* ---- many objects, several workers ------------------------------------------------------------------ */

enum { COPIES = 1500, LARGE = COPIES * OBJECTS };

/* A heap of many copies of a made one, whose objects are mixed. */
struct large {
	struct heap heap;
	struct graph graph;
	uint8_t generation[LARGE], flags[LARGE], collector[LARGE];
	int64_t refcount[LARGE];
	uint32_t first[LARGE + 1], edges[COPIES * EDGES];
	uint32_t place[LARGE]; /* of object i: its id */
	uint32_t object[LARGE]; /* with this id */
};

static void mix_places(struct large *large)
{
	for (uint32_t i = 0; i < LARGE; i++)
		large->place[i] = i;
	for (uint32_t i = LARGE - 1; i > 0; i--) {
		uint32_t other = random_below(i + 1), place = large->place[i];
		large->place[i] = large->place[other];
		large->place[other] = place;
	}
	for (uint32_t i = 0; i < LARGE; i++)
		large->object[large->place[i]] = i;
	large->heap = (struct heap){ .count = LARGE, .generation = large->generation, .flags = large->flags,
				     .collector = large->collector, .refcount = large->refcount };
	large->graph = (struct graph){ .heap = &large->heap, .first = large->first, .edges = large->edges };
}

static void make_copies(struct large *large, const struct made *made)
{
	uint32_t count = 0;
	mix_places(large);
	for (uint32_t id = 0; id < LARGE; id++) {
		uint32_t small = large->object[id] % OBJECTS, copy = large->object[id] / OBJECTS;
		large->generation[id] = made->generation[small];
		large->flags[id] = made->flags[small];
		large->collector[id] = made->collector[small];
		large->refcount[id] = made->refcount[small];
		large->first[id] = count;
		for (uint32_t i = made->first[small]; i < made->first[small + 1]; i++)
			large->edges[count++] = large->place[copy * OBJECTS + edge_target(made->edges[i])]
							<< EDGE_FLAG_BITS | edge_flags(made->edges[i]);
	}
	large->first[LARGE] = count;
}

/* Each copy's objects have the verdicts of the one that was copied, however many workers there are. */
static void test_copies(void **context __attribute__((unused)))
{
	struct large *large = calloc(1, sizeof(*large));
	assert_non_null(large);
	size_t found = 0;
	for (unsigned int round = 0; round < 60; round++) {
		struct made made;
		make_random(&made);
		make_copies(large, &made);
		const struct collection_scope scope = { .generations = 1 + random_below(7), .collectors = { 3 } };
		struct unreachable one, all;
		assert_null(unreachable_find(&made.graph, made.refcount, &scope, &one));
		workers_limit = 1 + round % 5;
		assert_null(unreachable_find(&large->graph, large->refcount, &scope, &all));
		workers_limit = 0;
		for (uint32_t id = 0; id < LARGE; id++) {
			assert_int_equal(all.verdict[id], one.verdict[large->object[id] % OBJECTS]);
			assert_int_equal(id_set_has(&all.garbage, id), all.verdict[id] == VERDICT_UNREACHABLE);
			assert_int_equal(id_set_has(&all.freed, id), all.verdict[id] == VERDICT_UNREACHABLE ||
									     all.verdict[id] == VERDICT_HANGING);
		}
		assert_int_equal(all.count, one.count * COPIES);
		assert_int_equal(all.hanging, one.hanging * COPIES);
		found += one.count;
		unreachable_deinit(&one);
		unreachable_deinit(&all);
		unmake(&made);
	}
	assert_true(found > 60);
	free(large);
}

/* A ring through all objects in any order is garbage, unless one of them is held from elsewhere, or two counts are too
 * small. */
static void test_ring(void **context __attribute__((unused)))
{
	struct large *large = calloc(1, sizeof(*large));
	assert_non_null(large);
	for (unsigned int round = 0; round < 12; round++) {
		mix_places(large);
		for (uint32_t id = 0; id < LARGE; id++) {
			large->first[id] = id;
			large->edges[id] = large->place[(large->object[id] + 1) % LARGE] << EDGE_FLAG_BITS;
			large->refcount[id] = 1;
			large->collector[id] = round % 2;
		}
		large->first[LARGE] = LARGE;
		large->refcount[round * 997] += round % 3 == 1;
		large->refcount[round * 997 + 1] -= round % 3 == 2;
		large->refcount[LARGE - 1] -= round % 3 == 2;
		const struct collection_scope scope = { .generations = 7, .collectors = { 3 } };
		struct unreachable all;
		workers_limit = 1 + round % 5;
		assert_null(unreachable_find(&large->graph, large->refcount, &scope, &all));
		workers_limit = 0;
		assert_int_equal(all.count, round % 3 ? 0 : LARGE);
		assert_int_equal(all.negative, round % 3 == 2 ? 2 : 0);
		if (round % 3 == 2)
			assert_int_equal(all.first_negative, round * 997 + 1);
		struct components components;
		assert_null(components_find(&large->graph, &all.garbage, &components));
		assert_int_equal(components.count, round % 3 == 0);
		assert_int_equal(components.object_count, all.count);
		components_deinit(&components);
		unreachable_deinit(&all);
	}
	free(large);
}

/* ---- components ------------------------------------------------------------------------------------- */

static void reach(const struct made *made, bool reaches[OBJECTS][OBJECTS], const uint8_t *verdict)
{
	for (uint32_t from = 0; from < OBJECTS; from++)
		for (uint32_t to = 0; to < OBJECTS; to++)
			reaches[from][to] = verdict[from] == 1 && verdict[to] == 1 &&
					    has_edge(made, from, to, RUNTIME_UNVISITED);
	for (uint32_t by = 0; by < OBJECTS; by++)
		for (uint32_t from = 0; from < OBJECTS; from++)
			for (uint32_t to = 0; to < OBJECTS; to++)
				reaches[from][to] |= reaches[from][by] && reaches[by][to];
}

static void test_components(void **context __attribute__((unused)))
{
	size_t found = 0;
	for (int round = 0; round < ROUNDS; round++) {
		struct made made;
		uint8_t verdict[OBJECTS];
		static bool reaches[OBJECTS][OBJECTS];
		make_random(&made);
		for (uint32_t id = 0; id < OBJECTS; id++)
			verdict[id] = random_below(5) != 0;
		reach(&made, reaches, verdict);
		struct components components;
		struct id_set among;
		assert_null(id_set_init(&among, OBJECTS));
		for (uint32_t id = 0; id < OBJECTS; id++)
			if (verdict[id])
				id_set_add(&among, id);
		assert_null(id_set_seal(&among));
		assert_null(components_find(&made.graph, &among, &components));
		size_t listed = 0;
		for (uint32_t id = 0; id < OBJECTS; id++) {
			uint32_t component = component_of(&components, id);
			assert_int_equal(component != NO_COMPONENT, reaches[id][id]);
			for (uint32_t other = 0; other < OBJECTS; other++)
				if (reaches[id][id] && reaches[other][other])
					assert_int_equal(component == component_of(&components, other),
							 reaches[id][other] && reaches[other][id]);
			listed += reaches[id][id];
		}
		assert_int_equal(components.object_count, listed);
		assert_int_equal(components.first[components.count], listed);
		for (uint32_t i = 0; i < components.count; i++) {
			assert_true(components.first[i] < components.first[i + 1]);
			assert_true(!i || components.objects[components.first[i - 1]] <
						  components.objects[components.first[i]]);
			for (uint32_t j = components.first[i]; j < components.first[i + 1]; j++)
				assert_int_equal(component_of(&components, components.objects[j]), i);
		}
		found += components.count;
		components_deinit(&components);
		id_set_deinit(&among);
		unmake(&made);
	}
	assert_true(found > ROUNDS / 2);
}

/* The length of a shortest cycle in component @component, by trying all lengths. */
static size_t shortest_slowly(const struct made *made, const struct components *components, uint32_t component)
{
	bool walks[OBJECTS][OBJECTS], next[OBJECTS][OBJECTS];
	memset(walks, 0, sizeof(walks));
	for (uint32_t id = 0; id < OBJECTS; id++)
		walks[id][id] = component_of(components, id) == component;
	for (size_t length = 1; length <= OBJECTS; length++) {
		memset(next, 0, sizeof(next));
		for (uint32_t from = 0; from < OBJECTS; from++)
			for (uint32_t by = 0; by < OBJECTS; by++)
				for (uint32_t to = 0; walks[from][by] && to < OBJECTS; to++)
					next[from][to] |= component_of(components, to) == component &&
							  has_edge(made, by, to, RUNTIME_UNVISITED);
		memcpy(walks, next, sizeof(walks));
		for (uint32_t id = 0; id < OBJECTS; id++)
			if (walks[id][id])
				return length;
	}
	return 0;
}

static bool is_among(const struct cycle_step *steps, size_t count, uint32_t object, uint32_t position)
{
	for (size_t i = 0; i < count; i++)
		if (steps[i].object == object && steps[i].position == position)
			return true;
	return false;
}

/* Is there a cycle in the component without the @count references @without? */
static bool cyclic_without(const struct made *made, const struct components *components, uint32_t component,
			   const struct cycle_step *without, size_t count)
{
	bool reaches[OBJECTS][OBJECTS];
	memset(reaches, 0, sizeof(reaches));
	for (uint32_t id = 0; id < OBJECTS; id++)
		for (uint32_t i = made->first[id]; i < made->first[id + 1]; i++)
			if (component_of(components, id) == component && !(edge_flags(made->edges[i]) & RUNTIME_UNVISITED) &&
			    component_of(components, edge_target(made->edges[i])) == component &&
			    !is_among(without, count, id, i - made->first[id]))
				reaches[id][edge_target(made->edges[i])] = true;
	for (uint32_t by = 0; by < OBJECTS; by++)
		for (uint32_t from = 0; from < OBJECTS; from++)
			for (uint32_t to = 0; to < OBJECTS; to++)
				reaches[from][to] |= reaches[from][by] && reaches[by][to];
	for (uint32_t id = 0; id < OBJECTS; id++)
		if (reaches[id][id])
			return true;
	return false;
}

/* Some references at random, to be cut together. */
static void check_cut(const struct made *made, const struct components *components, uint32_t component, size_t *cuts)
{
	struct cycle_step steps[EDGES];
	size_t count = 0, one_of = 1 + random_below(4);
	for (uint32_t id = OBJECTS; id-- > 0;)
		for (uint32_t i = made->first[id]; i < made->first[id + 1]; i++)
			if (component_of(components, id) == component && random_below((uint32_t)one_of + 1))
				steps[count++] = (struct cycle_step){ id, i - made->first[id] };
	cycle_steps_sort(steps, count);
	bool is_cut;
	assert_null(cycle_is_cut(&made->graph, components, component, steps, count, &is_cut));
	assert_int_equal(is_cut, !cyclic_without(made, components, component, steps, count));
	*cuts += is_cut;
}

static void check_cycle(const struct made *made, const struct components *components, uint32_t component,
			size_t *cuts)
{
	struct cycle cycle;
	assert_null(cycle_find(&made->graph, components, component, &cycle));
	assert_int_equal(cycle.count, shortest_slowly(made, components, component));
	for (size_t i = 0; i < cycle.count; i++) {
		const struct cycle_step *step = &cycle.steps[i];
		uint32_t edge = made->edges[made->first[step->object] + step->position];
		assert_int_equal(edge_target(edge), cycle.steps[(i + 1) % cycle.count].object);
		assert_false(edge_flags(edge) & RUNTIME_UNVISITED);
		bool is_cut;
		assert_null(cycle_is_cut(&made->graph, components, component, step, 1, &is_cut));
		assert_int_equal(is_cut, !cyclic_without(made, components, component, step, 1));
		*cuts += is_cut;
	}
	cycle_deinit(&cycle);
}

static void test_cycle(void **context __attribute__((unused)))
{
	size_t found = 0, cuts = 0, together = 0;
	for (int round = 0; round < ROUNDS / 10; round++) {
		struct made made;
		make_random(&made);
		struct components components;
		assert_null(components_find(&made.graph, NULL, &components));
		for (uint32_t i = 0; i < components.count; i++, found++) {
			check_cycle(&made, &components, i, &cuts);
			check_cut(&made, &components, i, &together);
		}
		components_deinit(&components);
		unmake(&made);
	}
	assert_true(found > 10 && cuts > 10 && together > 10 && together < found);
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

/* A ring of three at @at whose types and labels are those given. */
static void make_ring(struct made *made, uint32_t at, const uint32_t *types, const uint32_t *labels)
{
	for (uint32_t i = 0; i < 3; i++) {
		made->type[at + i] = types[i];
		made->edges[at + i] = (at + (i + 1) % 3) << EDGE_FLAG_BITS;
		made->label[at + i] = labels[i];
	}
}

static void test_shapes(void **context __attribute__((unused)))
{
	static const uint32_t rings[][2][3] = {
		{ { 0, 1, 2 }, { 0, 1, 2 } }, { { 1, 2, 0 }, { 1, 2, 0 } }, /* the same, begun elsewhere */
		{ { 0, 2, 1 }, { 0, 1, 2 } },                               /* the other way round */
		{ { 0, 1, 2 }, { 0, 1, 1 } },                               /* another label */
		{ { 0, 1, 1 }, { 0, 1, 2 } },                               /* another type */
		{ { 2, 0, 1 }, { 2, 0, 1 } },                               /* the first once more */
		{ { 0, 0, 0 }, { 0, 0, 0 } }, { { 0, 0, 0 }, { 0, 0, 0 } },
	};
	static const uint32_t same_as[] = { 0, 0, 2, 3, 4, 0, 6, 6 };
	struct made made;
	make_columns(&made);
	for (uint32_t i = 0; i < 8; i++)
		make_ring(&made, 3 * i, rings[i][0], rings[i][1]);
	made.flags[4] = made.flags[17] = RUNTIME_DAMAGED;
	for (uint32_t id = 0; id <= OBJECTS; id++)
		made.first[id] = id;
	made.graph.edge_count = OBJECTS;
	index_addresses(&made);
	struct components components;
	struct shapes shapes;
	assert_null(components_find(&made.graph, NULL, &components));
	assert_int_equal(components.count, 8);
	assert_null(shapes_find(&made.graph, &components, &shapes));
	assert_int_equal(shapes.count, 5);
	assert_int_equal(shapes.unmeasured, 2);
	for (uint32_t i = 0; i < 8; i++) {
		const struct shape *shape = &shapes.items[shapes.shape_of[i]];
		assert_int_equal(shape->example, same_as[i]);
		size_t count = 0;
		uint64_t bytes = 0;
		for (uint32_t j = 0; j < 8; j++) {
			count += same_as[j] == same_as[i];
			for (uint32_t k = 0; same_as[j] == same_as[i] && k < 3; k++)
				bytes += made.size[3 * j + k];
		}
		assert_int_equal(shape->components, count);
		assert_int_equal(shape->objects, 3 * count);
		assert_int_equal(shape->bytes, bytes);
	}
	shapes_deinit(&shapes);
	components_deinit(&components);
	unmake(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreachable), cmocka_unit_test(test_too_many_references),
		cmocka_unit_test(test_copies), cmocka_unit_test(test_ring),
		cmocka_unit_test(test_components), cmocka_unit_test(test_cycle), cmocka_unit_test(test_shapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
