/* SPDX-License-Identifier: MIT */
/*
 * cycle_text.c - cycles as text.
 */
#include "verbs/cycle_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/path_text.h"

enum {
	STEPS_SHOWN = 12, /* of a cycle */
	TYPES_SHOWN = 8,  /* of a component */
	CUTS_SHOWN = 4,
	CUTS_TRIED = 64,  /* references of a cycle */
	CUT_OBJECTS_MAX = 10000, /* of a component of which cuts are looked for */
};

/* The cycle as a path that may be shown from any of its steps on: two rounds of it. */
static struct inspect_error *path_of(const struct graph *graph, const struct cycle *cycle, struct path *path)
{
	size_t count = 2 * cycle->count;
	*path = (struct path){ .steps = calloc(count + 1, sizeof(*path->steps)), .count = count };
	if (!path->steps)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		const struct cycle_step *step = &cycle->steps[i % cycle->count];
		size_t edge_count;
		const uint32_t *edges = graph_edges(graph, step->object, &edge_count);
		path->steps[i] = (struct path_step){
			.object = edge_target(edges[step->position]),
			.from = step->object,
			.position = step->position,
			.flags = edge_flags(edges[step->position]),
		};
	}
	return NULL;
}

/* The name of a type without its module. */
static const char *short_name(const struct graph *graph, uint32_t id)
{
	const char *name = heap_type_name(graph->heap, id), *dot = strrchr(name, '.');
	return dot && dot[1] ? dot + 1 : name;
}

/* "Session.handler": one visible reference of the cycle, or two that are one attribute. */
struct visible {
	char *text;
	size_t index; /* of its first step */
	size_t last;  /* of its last step: the same, or the next one */
};

struct visibles {
	struct visible *items;
	size_t count;
};

static void visibles_deinit(struct visibles *visibles)
{
	for (size_t i = 0; i < visibles->count; i++)
		free(visibles->items[i].text);
	free(visibles->items);
	*visibles = (struct visibles){ 0 };
}

/* Does an attribute dictionary stand between the last step and the first, so that these are one attribute? */
static struct inspect_error *begins_in_dict(struct labels *labels, const struct graph *graph, const struct path *path,
					    size_t round, bool *inside_ret)
{
	size_t index = round - 1;
	char *text AUTO_FREE = NULL;
	struct inspect_error *error = path_step_text(labels, graph, path, &index, &text);
	*inside_ret = !error && index == round;
	return error;
}

/* Splits one round of the cycle into what is shown. */
static struct inspect_error *split(struct labels *labels, const struct graph *graph, const struct path *path,
				   struct visibles *visibles)
{
	size_t round = path->count / 2;
	bool inside;
	visibles->items = calloc(round + 1, sizeof(*visibles->items));
	if (!visibles->items)
		return &inspect_error_no_memory;
	struct inspect_error *error = begins_in_dict(labels, graph, path, round, &inside);
	for (size_t i = inside; i < round + inside && !error; i++) {
		struct visible visible = { .index = i };
		char *label AUTO_FREE = NULL;
		error = path_step_text(labels, graph, path, &i, &label);
		visible.last = i;
		if (!error && asprintf(&visible.text, "%s%s", short_name(graph, path->steps[visible.index].from), label) < 0)
			error = &inspect_error_no_memory;
		if (!error)
			visibles->items[visibles->count++] = visible;
	}
	return error;
}

static struct inspect_error *split_cycle(struct labels *labels, const struct graph *graph, const struct cycle *cycle,
					 struct path *path, struct visibles *visibles)
{
	*visibles = (struct visibles){ 0 };
	struct inspect_error *error = path_of(graph, cycle, path);
	return error ? error : split(labels, graph, path, visibles);
}

/* Where to begin: at an object of a class in a module rather than at a list or a function. */
static size_t best_beginning(const struct graph *graph, const struct path *path, const struct visibles *visibles)
{
	for (size_t i = 0; i < visibles->count; i++)
		if (strchr(heap_type_name(graph->heap, path->steps[visibles->items[i].index].from), '.'))
			return i;
	return 0;
}

struct inspect_error *cycle_text(struct labels *labels, const struct graph *graph, const struct cycle *cycle,
				 char **text_ret)
{
	struct path path;
	struct visibles visibles;
	size_t size;
	*text_ret = NULL;
	if (!cycle->count)
		return NULL;
	struct inspect_error *error = split_cycle(labels, graph, cycle, &path, &visibles);
	FILE *stream = error ? NULL : open_memstream(text_ret, &size);
	if (!error && !stream)
		error = &inspect_error_no_memory;
	size_t begin = error ? 0 : best_beginning(graph, &path, &visibles);
	for (size_t i = 0; i < visibles.count && !error; i++) {
		if (visibles.count <= STEPS_SHOWN || i < STEPS_SHOWN / 2 || i >= visibles.count - STEPS_SHOWN / 2)
			fprintf(stream, "%s → ", visibles.items[(begin + i) % visibles.count].text);
		else if (i == STEPS_SHOWN / 2)
			fprintf(stream, "… %zu more → ", visibles.count - STEPS_SHOWN);
	}
	if (!error)
		fputs(short_name(graph, path.steps[visibles.items[begin].index].from), stream);
	if (stream && fclose(stream) != 0 && !error)
		error = &inspect_error_no_memory;
	visibles_deinit(&visibles);
	path_deinit(&path);
	return error;
}

struct inspect_error *cycle_cut_text(struct labels *labels, const struct graph *graph,
				     const struct components *components, uint32_t component,
				     const struct cycle *cycle, char **text_ret)
{
	struct path path;
	struct visibles visibles;
	size_t size, shown = 0;
	*text_ret = NULL;
	if (!cycle->count || components->first[component + 1] - components->first[component] > CUT_OBJECTS_MAX)
		return NULL;
	struct inspect_error *error = split_cycle(labels, graph, cycle, &path, &visibles);
	FILE *stream = error ? NULL : open_memstream(text_ret, &size);
	if (!error && !stream)
		error = &inspect_error_no_memory;
	for (size_t i = 0; i < visibles.count && i < CUTS_TRIED && shown < CUTS_SHOWN && !error; i++) {
		bool is_cut;
		const struct cycle_step *step = &cycle->steps[visibles.items[i].last % cycle->count];
		error = cycle_is_cut(graph, components, component, step, &is_cut);
		if (!error && is_cut)
			fprintf(stream, "%s%s", shown++ ? ", " : "", visibles.items[i].text);
	}
	if (stream && fclose(stream) != 0 && !error)
		error = &inspect_error_no_memory;
	visibles_deinit(&visibles);
	path_deinit(&path);
	if (!shown) {
		free(*text_ret);
		*text_ret = NULL;
	}
	return error;
}

/* ---- types ------------------------------------------------------------------------------------------ */

struct type_count {
	const char *name;
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct type_count *)a)->name, ((const struct type_count *)b)->name);
}

static int compare_counts(const void *a, const void *b)
{
	const struct type_count *one = a, *other = b;
	if (one->count != other->count)
		return one->count < other->count ? 1 : -1;
	return strcmp(one->name, other->name);
}

/* Adds up those of one name; returns how many names there are. */
static size_t count_names(struct type_count *types, size_t count)
{
	size_t kept = 0;
	qsort(types, count, sizeof(*types), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (kept && strcmp(types[kept - 1].name, types[i].name) == 0)
			types[kept - 1].count++;
		else
			types[kept++] = types[i];
	}
	qsort(types, kept, sizeof(*types), compare_counts);
	return kept;
}

struct inspect_error *component_types_text(const struct graph *graph, const struct components *components,
					   uint32_t component, char **text_ret)
{
	size_t count = components->first[component + 1] - components->first[component], size;
	struct type_count *types AUTO_FREE = calloc(count, sizeof(*types));
	FILE *stream = types ? open_memstream(text_ret, &size) : NULL;
	if (!stream)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		uint32_t id = components->objects[components->first[component] + i];
		types[i] = (struct type_count){ heap_type_name(graph->heap, id), 1 };
	}
	count = count_names(types, count);
	for (size_t i = 0; i < count && i < TYPES_SHOWN; i++) {
		if (types[i].count > 1)
			fprintf(stream, "%s%zu %s", i ? ", " : "", types[i].count, types[i].name);
		else
			fprintf(stream, "%s%s", i ? ", " : "", types[i].name);
	}
	if (count > TYPES_SHOWN)
		fprintf(stream, " and %zu more types", count - TYPES_SHOWN);
	return fclose(stream) == 0 ? NULL : &inspect_error_no_memory;
}
