/* SPDX-License-Identifier: MIT */
/*
 * short-ways.c - which answers come by a short way: without the columns and references of all objects.
 *
 *     short-ways CORE ADDRESS...    "tally sound|unsound"; "unheld sound|unsound OBJECTS"; "paths found|unfound OBJECTS";
 *                                   and for each address how far it is from the roots, by the short way and the long one
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/path.h"
#include "base/error.h"
#include "graph/levels.h"
#include "graph/tally.h"
#include "target/target.h"

static void check(struct inspect_error *error)
{
	if (!error)
		return;
	fprintf(stderr, "short-ways: %s\n", inspect_error_message(error));
	exit(3);
}

static int delay_of_certain(const struct graph_root *root)
{
	return path_root_certainty(root) == PATH_HELD ? (int)path_delay(root) : -1;
}

static void show_tally(struct runtime *runtime, struct notes *notes)
{
	struct tally tally = { 0 };
	check(discover_and_tally(runtime, &tally, notes));
	printf("tally %s\n", tally.sound ? "sound" : "unsound");
	tally_deinit(&tally);
}

static void show_unheld(struct runtime *runtime, struct notes *notes)
{
	struct heap heap;
	struct graph graph;
	bool sound;
	check(graph_build_unheld(runtime, &heap, &graph, notes, &sound));
	printf("unheld %s %zu\n", sound ? "sound" : "unsound", heap.count);
	graph_deinit(&graph);
	heap_deinit(&heap);
}

/* How far the @count objects at @wanted are from the roots, roots' delays included; 0: not found. */
static void find_levels(const struct graph *graph, const uint64_t *wanted, size_t count, uint32_t *levels)
{
	uint32_t ids[LEVELS_WANTED_MAX] = { 0 };
	size_t id_count = 0;
	struct paths paths;
	for (size_t i = 0; i < count; i++)
		id_count += heap_find(graph->heap, wanted[i], &ids[id_count]);
	check(paths_find(graph, ids, id_count, NULL, &paths));
	for (size_t i = 0; i < count; i++) {
		uint32_t id;
		bool there = heap_find(graph->heap, wanted[i], &id) && paths.from[id] < UINT32_MAX - 1;
		levels[i] = there ? paths.level[id] : 0;
	}
	paths_deinit(&paths);
}

static void show_paths(struct runtime *runtime, char **operands, size_t count, struct notes *notes)
{
	uint64_t wanted[LEVELS_WANTED_MAX];
	uint32_t short_levels[LEVELS_WANTED_MAX] = { 0 }, long_levels[LEVELS_WANTED_MAX];
	struct heap heap;
	struct graph graph;
	bool found;
	for (size_t i = 0; i < count; i++)
		wanted[i] = strtoull(operands[i], NULL, 16);
	check(graph_build_paths(runtime, wanted, count, delay_of_certain, &heap, &graph, notes, &found));
	printf("paths %s %zu\n", found ? "found" : "unfound", heap.count);
	if (found)
		find_levels(&graph, wanted, count, short_levels);
	graph_deinit(&graph);
	heap_deinit(&heap);
	check(graph_build(runtime, &heap, &graph, notes));
	find_levels(&graph, wanted, count, long_levels);
	graph_deinit(&graph);
	heap_deinit(&heap);
	for (size_t i = 0; i < count; i++)
		printf("%s %" PRIu32 " %" PRIu32 "\n", operands[i], short_levels[i], long_levels[i]);
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc - 2 > LEVELS_WANTED_MAX) {
		fprintf(stderr, "usage: short-ways CORE ADDRESS...\n");
		return 2;
	}
	struct inspect_target *target;
	struct runtime *runtime;
	struct notes notes = { 0 };
	check(inspect_target_open(argv[1], NULL, &target));
	check(runtime_attach(target, NULL, &runtime));
	show_tally(runtime, &notes);
	show_unheld(runtime, &notes);
	show_paths(runtime, argv + 2, (size_t)argc - 2, &notes);
	notes_deinit(&notes);
	runtime_detach(runtime);
	inspect_target_close(target);
	return 0;
}
