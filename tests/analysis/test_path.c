/* SPDX-License-Identifier: MIT */
/*
 * test_path.c - shortest paths from the roots, and what holds objects that none leads to, on random graphs, against
 * searches that follow every reference until nothing changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/holders.h"
#include "analysis/path.h"

enum { OBJECTS_MAX = 60, EDGES_MAX = 8, ROOTS_MAX = 12 };

/* ---- random graphs --------------------------------------------------------------------------------- */

struct sample {
	struct heap heap;
	struct graph graph;
	uint32_t first[OBJECTS_MAX + 1], edges[OBJECTS_MAX * EDGES_MAX];
	struct graph_root roots[ROOTS_MAX];
	int64_t refcounts[OBJECTS_MAX];
	uint8_t flags[OBJECTS_MAX];
};

static uint64_t state;

static unsigned int pick(unsigned int count)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 33) % count;
}

/* Mostly none; so that graphs have much of what is uncertain and much that is not. */
static unsigned int pick_flags(unsigned int rarity)
{
	return pick(rarity) ? 0 : pick(8);
}

static void make(struct sample *sample, uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15u + 1;
	*sample = (struct sample){ .heap.count = 1 + pick(OBJECTS_MAX) };
	unsigned int density = pick(EDGES_MAX), rarity = 1 + pick(6);
	size_t count = 0;
	for (size_t id = 0; id < sample->heap.count; id++) {
		for (unsigned int i = pick(density + 1); i; i--)
			sample->edges[count++] = pick(sample->heap.count) << EDGE_FLAG_BITS | pick_flags(rarity);
		sample->first[id + 1] = (uint32_t)count;
	}
	sample->graph = (struct graph){
		.heap = &sample->heap,
		.first = sample->first,
		.edges = sample->edges,
		.edge_count = count,
		.roots = { .items = sample->roots, .count = pick(ROOTS_MAX + 1) },
	};
	static const struct runtime_label labels[] = {
		{ .kind = RUNTIME_LABEL_TEXT, .text = ".modules" },
		{ .kind = RUNTIME_LABEL_TEXT, .text = " copy" },
		{ .kind = RUNTIME_LABEL_INDEX, .value = 3 },
	};
	for (size_t i = 0; i < sample->graph.roots.count; i++)
		sample->roots[i] = (struct graph_root){
			.object = pick(sample->heap.count),
			.kind = pick(RUNTIME_ROOT_KINDS),
			.flags = pick_flags(rarity),
			.label = labels[pick(3)],
		};
}

/* ---- the truth ------------------------------------------------------------------------------------- */

static const uint32_t NEVER = UINT32_MAX;

/* What reaches an object. */
struct truth {
	unsigned int certainty;
	uint32_t level; /* NEVER: nothing does */
	uint32_t root;  /* the first by kind and then by order of those from which it is that far */
};

static unsigned int edge_certainty(uint32_t edge)
{
	return edge & RUNTIME_UNCOUNTED ? 3 : edge & RUNTIME_GUESSED ? 1 : 0;
}

static unsigned int root_certainty(const struct graph_root *root)
{
	if (root->flags & RUNTIME_UNCOUNTED)
		return 3;
	if (root->kind == RUNTIME_ROOT_STACK)
		return 2;
	return root->flags & RUNTIME_GUESSED || root->kind == RUNTIME_ROOT_INTERNED || root->kind == RUNTIME_ROOT_GLOBAL;
}

static uint32_t root_level(const struct graph_root *root)
{
	if (root->kind == RUNTIME_ROOT_FRAME || root->kind == RUNTIME_ROOT_THREAD)
		return 4;
	if (root->kind == RUNTIME_ROOT_STATIC)
		return 5;
	bool has_name = root->label.kind == RUNTIME_LABEL_TEXT && root->label.text[0] == '.';
	return root->kind == RUNTIME_ROOT_INTERPRETER && !has_name ? 9 : 1;
}

static bool is_barred(const struct path_barrier *barrier, uint32_t object)
{
	for (size_t i = 0; barrier && i < barrier->object_count; i++)
		if (barrier->objects[i] == object)
			return true;
	return false;
}

static bool is_barred_last(const struct path_barrier *barrier, uint32_t end, uint32_t object, uint32_t from,
			   uint32_t position)
{
	for (size_t i = 0; barrier && object == end && i < barrier->last_count; i++)
		if (barrier->lasts[i].from == from && barrier->lasts[i].position == position)
			return true;
	return false;
}

static bool root_before(const struct sample *sample, uint32_t one, uint32_t other)
{
	if (root_level(&sample->roots[one]) != root_level(&sample->roots[other]))
		return root_level(&sample->roots[one]) < root_level(&sample->roots[other]);
	if (sample->roots[one].kind != sample->roots[other].kind)
		return sample->roots[one].kind < sample->roots[other].kind;
	return one < other;
}

/* Takes a better level of @certainty from another object or from a root. False if it is none, or if the object has been
 * reached with more certainty. */
static bool relax(const struct sample *sample, struct truth *truth, unsigned int certainty, uint32_t level, uint32_t root)
{
	if (truth->certainty < certainty || level > truth->level)
		return false;
	if (level == truth->level && !root_before(sample, root, truth->root))
		return false;
	*truth = (struct truth){ certainty, level, root };
	return true;
}

/* Relaxes all references that are as certain as @certainty or more. False if nothing changes. */
static bool relax_edges(const struct sample *sample, const struct path_barrier *barrier, uint32_t end,
			unsigned int certainty, struct truth truths[OBJECTS_MAX])
{
	bool changed = false;
	for (uint32_t id = 0; id < sample->heap.count; id++) {
		for (uint32_t i = sample->first[id]; truths[id].level != NEVER && i < sample->first[id + 1]; i++) {
			uint32_t target = edge_target(sample->edges[i]);
			if (edge_certainty(sample->edges[i]) <= certainty && !is_barred(barrier, target) &&
			    !is_barred_last(barrier, end, target, id, i - sample->first[id]))
				changed |= relax(sample, &truths[target], certainty, truths[id].level + 1, truths[id].root);
		}
	}
	return changed;
}

/* All that is true of @sample; @end: the object to which the barrier's last references lead, NEVER: to none. */
static void find_truth(const struct sample *sample, const struct path_barrier *barrier, uint32_t end,
		       struct truth truths[OBJECTS_MAX])
{
	for (size_t id = 0; id < sample->heap.count; id++)
		truths[id] = (struct truth){ UINT32_MAX, NEVER, 0 };
	for (unsigned int certainty = 0; certainty < 4; certainty++) {
		for (uint32_t i = 0; i < sample->graph.roots.count; i++) {
			const struct graph_root *root = &sample->roots[i];
			if (root_certainty(root) <= certainty && !is_barred(barrier, root->object) &&
			    !is_barred_last(barrier, end, root->object, PATHS_ROOT | i, 0))
				relax(sample, &truths[root->object], certainty, root_level(root), i);
		}
		while (relax_edges(sample, barrier, end, certainty, truths))
			;
	}
}

/* ---- comparing ------------------------------------------------------------------------------------- */

/* Is @path one of the graph's, and as good as the truth? */
static void check_path(const struct sample *sample, const struct path *path, uint32_t id, const struct truth *truth)
{
	if (truth->level == NEVER) {
		assert_int_equal(path->count, 0);
		return;
	}
	assert_true(path->count > 0);
	const struct graph_root *root = &sample->roots[path->steps[0].from];
	unsigned int certainty = root_certainty(root);
	assert_int_equal(root->object, path->steps[0].object);
	assert_int_equal(root->flags, path->steps[0].flags);
	for (size_t i = 1; i < path->count; i++) {
		const struct path_step *step = &path->steps[i];
		size_t count;
		const uint32_t *edges = graph_edges(&sample->graph, step->from, &count);
		assert_int_equal(step->from, path->steps[i - 1].object);
		assert_true(step->position < count);
		assert_int_equal(edges[step->position], step->object << EDGE_FLAG_BITS | step->flags);
		if (edge_certainty(step->flags) > certainty)
			certainty = edge_certainty(step->flags);
	}
	assert_int_equal(path->steps[path->count - 1].object, id);
	assert_int_equal(path->certainty, certainty);
	assert_int_equal(certainty, truth->certainty);
	assert_int_equal(path->count + root_level(root) - 1, truth->level);
	if (certainty == 0)
		assert_int_equal(path->steps[0].from, truth->root);
}

static void check_all(const struct sample *sample)
{
	struct truth truths[OBJECTS_MAX];
	struct paths paths;
	struct path path = { 0 };
	uint32_t ids[OBJECTS_MAX];
	size_t count = 0;
	find_truth(sample, NULL, NEVER, truths);
	unsigned int share = 1 + pick(4);
	for (uint32_t id = 0; id < sample->heap.count; id++)
		if (!pick(share))
			ids[count++] = id;
	assert_null(paths_find(&sample->graph, ids, count, NULL, &paths));
	for (size_t i = 0; i < count; i++) {
		assert_null(paths_trace(&paths, ids[i], &path));
		check_path(sample, &path, ids[i], &truths[ids[i]]);
	}
	path_deinit(&path);
	paths_deinit(&paths);
}

/* Paths of which each is the best that shares nothing with those before it. */
static void check_disjoint(const struct sample *sample, uint32_t id)
{
	struct path_barrier barrier = { 0 };
	struct path path = { 0 };
	do {
		struct truth truths[OBJECTS_MAX];
		struct paths paths;
		find_truth(sample, &barrier, id, truths);
		assert_null(paths_find(&sample->graph, &id, 1, &barrier, &paths));
		assert_null(paths_trace(&paths, id, &path));
		paths_deinit(&paths);
		check_path(sample, &path, id, &truths[id]);
		for (size_t i = 0; i < path.count; i++)
			assert_false(is_barred(&barrier, path.steps[i].object));
		if (path.count)
			assert_null(path_barrier_add(&barrier, &path, pick(2)));
	} while (path.count);
	path_deinit(&path);
	path_barrier_deinit(&barrier);
}

static void random_graphs(void **unused __attribute__((unused)))
{
	for (uint64_t seed = 0; seed < 20000; seed++) {
		struct sample sample;
		make(&sample, seed);
		check_all(&sample);
		check_disjoint(&sample, pick(sample.heap.count));
	}
}

/* ---- holders --------------------------------------------------------------------------------------- */

/* How many references to object @id are counted. */
static int64_t count_held(const struct sample *sample, uint32_t id)
{
	int64_t count = 0;
	for (size_t i = 0; i < sample->graph.edge_count; i++)
		count += edge_target(sample->edges[i]) == id && !(edge_flags(sample->edges[i]) & RUNTIME_UNCOUNTED);
	for (size_t i = 0; i < sample->graph.roots.count; i++)
		count += sample->roots[i].object == id && !(sample->roots[i].flags & RUNTIME_UNCOUNTED);
	return count;
}

/* Mostly as many as there are, sometimes more. */
static void make_refcounts(struct sample *sample)
{
	unsigned int rarity = 2 + pick(20);
	sample->heap.refcount = sample->refcounts;
	sample->heap.flags = sample->flags;
	for (uint32_t id = 0; id < sample->heap.count; id++) {
		sample->refcounts[id] = count_held(sample, id) + (pick(rarity) ? 0 : pick(3));
		sample->flags[id] = pick(10) ? 0 : RUNTIME_IMMORTAL;
	}
}

/* How many references it takes from each object to @end; NEVER where there is no way. */
static void find_distances(const struct sample *sample, uint32_t end, uint32_t distances[OBJECTS_MAX])
{
	for (size_t id = 0; id < sample->heap.count; id++)
		distances[id] = id == end ? 0 : NEVER;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t id = 0; id < sample->heap.count; id++) {
			for (uint32_t i = sample->first[id]; i < sample->first[id + 1]; i++) {
				uint32_t target = distances[edge_target(sample->edges[i])];
				if (edge_flags(sample->edges[i]) & RUNTIME_UNCOUNTED || target == NEVER ||
				    target + 1 >= distances[id])
					continue;
				distances[id] = target + 1;
				changed = true;
			}
		}
	}
}

static void check_holders(struct sample *sample, uint32_t end)
{
	uint32_t distances[OBJECTS_MAX], nearest = NEVER;
	size_t count = 0;
	struct holders holders;
	find_distances(sample, end, distances);
	for (uint32_t id = 0; id < sample->heap.count; id++) {
		count += distances[id] != NEVER;
		if (sample->refcounts[id] > count_held(sample, id) && !(sample->flags[id] & RUNTIME_IMMORTAL) &&
		    distances[id] < nearest)
			nearest = distances[id];
	}
	assert_null(holders_find(&sample->graph, &sample->heap, end, &holders));
	assert_int_equal(holders.count, count);
	assert_int_equal(holders.outside, nearest != NEVER);
	if (holders.outside) {
		assert_int_equal(distances[holders.object], nearest);
		assert_int_equal(holders.unknown, sample->refcounts[holders.object] - count_held(sample, holders.object));
		assert_false(sample->flags[holders.object] & RUNTIME_IMMORTAL);
	}
}

static void random_holders(void **unused __attribute__((unused)))
{
	for (uint64_t seed = 0; seed < 5000; seed++) {
		struct sample sample;
		make(&sample, seed);
		make_refcounts(&sample);
		for (uint32_t id = 0; id < sample.heap.count; id += 1 + pick(5))
			check_holders(&sample, id);
		free(sample.graph.reverse_first);
		free(sample.graph.reverse);
	}
}

/* ---- extremes -------------------------------------------------------------------------------------- */

/* A chain as long as the heap. */
static void long_chain(void **unused __attribute__((unused)))
{
	enum { COUNT = 1000000 };
	struct heap heap = { .count = COUNT };
	struct graph_root root = { .object = 0 };
	struct graph graph = { .heap = &heap, .roots = { .items = &root, .count = 1 } };
	graph.first = calloc(COUNT + 1, sizeof(*graph.first));
	graph.edges = calloc(COUNT, sizeof(*graph.edges));
	for (uint32_t id = 0; id < COUNT; id++) {
		graph.edges[id] = (id + 1) % COUNT << EDGE_FLAG_BITS;
		graph.first[id + 1] = id + 1;
	}
	struct paths paths;
	struct path path = { 0 };
	const uint32_t end = COUNT - 1;
	assert_null(paths_find(&graph, &end, 1, NULL, &paths));
	assert_null(paths_trace(&paths, end, &path));
	assert_int_equal(path.count, COUNT);
	for (uint32_t id = 0; id < COUNT; id++)
		assert_int_equal(path.steps[id].object, id);
	path_deinit(&path);
	paths_deinit(&paths);
	free(graph.first);
	free(graph.edges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs),
		cmocka_unit_test(random_holders),
		cmocka_unit_test(long_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
