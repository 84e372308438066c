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

/* ---- what to cut ------------------------------------------------------------------------------------ */

/* A search for references that are in all cycles of a component. */
struct cutting {
	struct labels *labels;
	const struct graph *graph;
	const struct components *components;
	uint32_t component;
	const struct path *path;
	struct cycle_step *steps; /* references that are tried together */
	size_t count, capacity;
	FILE *stream;
	size_t shown;
};

static struct inspect_error *add_step(struct cutting *cutting, uint32_t object, uint32_t position)
{
	if (!array_reserve(cutting->steps, cutting->count, cutting->capacity))
		return &inspect_error_no_memory;
	cutting->steps[cutting->count++] = (struct cycle_step){ object, position };
	return NULL;
}

/* Names @visible if all cycles go through one of the steps. */
static struct inspect_error *try_steps(struct cutting *cutting, const char *before, const struct visible *visible)
{
	bool is_cut = false;
	cycle_steps_sort(cutting->steps, cutting->count);
	struct inspect_error *error = NULL;
	if (cutting->count)
		error = cycle_is_cut(cutting->graph, cutting->components, cutting->component, cutting->steps, cutting->count,
				     &is_cut);
	if (!error && is_cut)
		fprintf(cutting->stream, "%s%s%s", cutting->shown++ ? ", " : "", before, visible->text);
	cutting->count = 0;
	return error;
}

static struct inspect_error *try_reference(struct cutting *cutting, const struct visible *visible)
{
	const struct path_step *step = &cutting->path->steps[visible->last];
	struct inspect_error *error = add_step(cutting, step->from, step->position);
	return error ? error : try_steps(cutting, "", visible);
}

static struct inspect_error *label_at(struct cutting *cutting, size_t index, struct runtime_label *label_ret)
{
	const struct path_step *step = &cutting->path->steps[index];
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(cutting->labels, cutting->graph, step->from, &list);
	if (!error && step->position < list->count)
		*label_ret = list->items[step->position];
	return error;
}

/* Names of attributes are one object wherever they stand: where not, less is found. */
static bool is_same_label(const struct runtime_label *one, const struct runtime_label *other)
{
	bool texts = one->text == other->text || (one->text && other->text && strcmp(one->text, other->text) == 0);
	return one->kind == other->kind && one->value == other->value && texts;
}

/* Is @label what all objects of a type may have? Indices and keys are data. */
static bool is_attribute(const struct runtime_label *label, bool in_dict)
{
	return label->kind == RUNTIME_LABEL_TEXT || label->kind == RUNTIME_LABEL_ATTRIBUTE ||
	       label->kind == RUNTIME_LABEL_MEMBER || (in_dict && label->kind == RUNTIME_LABEL_KEY);
}

/* The first reference of object @id with @label; false if it has none. */
static struct inspect_error *find_labelled(struct cutting *cutting, uint32_t id, const struct runtime_label *label,
					   bool *found_ret, uint32_t *position_ret)
{
	const struct label_list *list;
	struct inspect_error *error = labels_of_object(cutting->labels, cutting->graph, id, &list);
	*found_ret = false;
	for (size_t i = 0; !error && i < list->count && !*found_ret; i++) {
		*found_ret = is_same_label(&list->items[i], label);
		*position_ret = (uint32_t)i;
	}
	return error;
}

/* Adds the attribute of object @id, which stands in its dict if @in_dict. */
static struct inspect_error *add_attribute(struct cutting *cutting, uint32_t id, const struct runtime_label *first,
					   const struct runtime_label *last, bool in_dict)
{
	bool found;
	uint32_t position;
	struct inspect_error *error = find_labelled(cutting, id, first, &found, &position);
	if (!error && found && in_dict) {
		id = edge_target(cutting->graph->edges[cutting->graph->first[id] + position]);
		error = find_labelled(cutting, id, last, &found, &position);
	}
	return error || !found ? error : add_step(cutting, id, position);
}

/* The same attribute of all objects of the type. */
static struct inspect_error *try_attribute(struct cutting *cutting, const struct visible *visible)
{
	const struct heap *heap = cutting->graph->heap;
	const struct components *components = cutting->components;
	bool in_dict = visible->last != visible->index;
	uint32_t type = heap->type[cutting->path->steps[visible->index].from];
	struct runtime_label first = { .kind = RUNTIME_LABEL_NONE }, last = first;
	struct inspect_error *error = label_at(cutting, visible->index, &first);
	if (!error)
		error = label_at(cutting, visible->last, &last);
	if (error || !is_attribute(&last, in_dict))
		return error;
	uint32_t end = components->first[cutting->component + 1];
	for (uint32_t i = components->first[cutting->component]; i < end && !error; i++)
		if (heap->type[components->objects[i]] == type)
			error = add_attribute(cutting, components->objects[i], &first, &last, in_dict);
	return error ? error : try_steps(cutting, "every ", visible);
}

static bool is_repeated(const struct visibles *visibles, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(visibles->items[i].text, visibles->items[index].text) == 0)
			return true;
	return false;
}

static struct inspect_error *find_cuts(struct cutting *cutting, const struct visibles *visibles)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < visibles->count && i < CUTS_TRIED && cutting->shown < CUTS_SHOWN && !error; i++)
		error = try_reference(cutting, &visibles->items[i]);
	if (cutting->shown)
		return error;
	for (size_t i = 0; i < visibles->count && i < CUTS_TRIED && cutting->shown < CUTS_SHOWN && !error; i++)
		if (!is_repeated(visibles, i))
			error = try_attribute(cutting, &visibles->items[i]);
	return error;
}

struct inspect_error *cycle_cut_text(struct labels *labels, const struct graph *graph,
				     const struct components *components, uint32_t component,
				     const struct cycle *cycle, char **text_ret)
{
	struct path path;
	struct visibles visibles;
	size_t size;
	*text_ret = NULL;
	if (!cycle->count || components->first[component + 1] - components->first[component] > CUT_OBJECTS_MAX)
		return NULL;
	struct inspect_error *error = split_cycle(labels, graph, cycle, &path, &visibles);
	struct cutting cutting = {
		.labels = labels, .graph = graph, .components = components, .component = component, .path = &path,
		.stream = error ? NULL : open_memstream(text_ret, &size),
	};
	if (!error)
		error = cutting.stream ? find_cuts(&cutting, &visibles) : &inspect_error_no_memory;
	if (cutting.stream && fclose(cutting.stream) != 0 && !error)
		error = &inspect_error_no_memory;
	free(cutting.steps);
	visibles_deinit(&visibles);
	path_deinit(&path);
	if (!cutting.shown) {
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
