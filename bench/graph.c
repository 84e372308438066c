/* SPDX-License-Identifier: MIT */
/*
 * graph.c - how long the parts of a graph take: for whoever makes them faster.
 *
 *   bench-graph TARGET        says seconds of each part, counts of objects and edges, and bytes of memory, as JSON
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "graph/graph.h"
#include "runtime/runtime.h"
#include "target/target.h"

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Bytes of anonymous memory, now. */
static long anonymous_memory(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kilobytes = 0;
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "RssAnon:", 8) == 0)
			sscanf(line + 8, "%ld", &kilobytes);
	if (status)
		fclose(status);
	return kilobytes * 1024;
}

static struct inspect_error *measure(const char *specification)
{
	static const struct inspect_target_options options;
	struct inspect_target *target;
	struct runtime *runtime;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	double begin = now();
	struct inspect_error *error = inspect_target_open(specification, &options, &target);
	if (error)
		return error;
	error = runtime_attach(target, NULL, &runtime);
	if (error)
		return error;
	double attached = now();
	long memory = anonymous_memory();
	error = graph_build(runtime, &heap, &graph, &notes);
	if (error)
		return error;
	double built = now();
	memory = anonymous_memory() - memory;
	error = graph_reverse(&graph);
	if (error)
		return error;
	double reversed = now();
	for (size_t i = 0; i < notes.count; i++)
		fprintf(stderr, "%s: %s\n", notes.items[i].incomplete ? "incomplete" : "note", notes.items[i].text);
	printf("{\"open\": %.6f, \"graph\": %.6f, \"reverse\": %.6f, \"objects\": %zu, \"edges\": %zu, \"roots\": %zu, "
	       "\"dangling\": %zu, \"scanned\": %zu, \"memory\": %ld}\n",
	       attached - begin, built - attached, reversed - built, heap.count, graph.edge_count, graph.roots.count,
	       graph.dangling, graph.scanned, memory);
	graph_deinit(&graph);
	heap_deinit(&heap);
	notes_deinit(&notes);
	runtime_detach(runtime);
	inspect_target_close(target);
	return NULL;
}

int main(int argc, char **argv)
{
	struct inspect_error *error = argc == 2 ? measure(argv[1]) : NULL;
	if (error)
		fprintf(stderr, "bench-graph: %s\n", inspect_error_message(error));
	return argc != 2 || error;
}
