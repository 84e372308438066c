/* SPDX-License-Identifier: MIT */
/*
 * select.c - choosing among the heap's objects by a verb's options.
 */
#include "verbs/select.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/options.h"

/* Only what a collector tracks has a generation and an interpreter. */
static bool only_tracked(const struct options *given)
{
	return option_flag(given, "tracked") || option_flag(given, "generation") || option_flag(given, "interpreter");
}

/* ---- --type ---------------------------------------------------------------------------------------- */

bool type_name_matches(const char *pattern, const char *name)
{
	return strcmp(pattern, name) == 0 || (strpbrk(pattern, "*?[") && fnmatch(pattern, name, 0) == 0);
}

bool *types_in_use(const struct heap *heap)
{
	bool *used = calloc(heap->runtime->type_count + 1, sizeof(*used));
	for (size_t id = 0; used && id < heap->count; id++)
		used[heap->type[id]] = true;
	return used;
}

/* The name most like @pattern among the types in use; NULL if none is. */
static const char *nearest_type(const struct heap *heap, const bool *used, const char *pattern)
{
	const char *nearest = NULL;
	unsigned int nearest_distance = 4;
	for (size_t i = 0; i < heap->runtime->type_count; i++) {
		const char *name = heap->runtime->types[i].name;
		const char *last = strrchr(name, '.');
		unsigned int distance = word_distance(pattern, name);
		if (last && word_distance(pattern, last + 1) < distance)
			distance = word_distance(pattern, last + 1);
		if (used[i] && distance < nearest_distance && distance < strlen(pattern)) {
			nearest_distance = distance;
			nearest = name;
		}
	}
	return nearest;
}

struct inspect_error *type_nearest(const struct heap *heap, const char *name, const char **nearest_ret)
{
	bool *used AUTO_FREE = types_in_use(heap);
	if (!used)
		return &inspect_error_no_memory;
	*nearest_ret = nearest_type(heap, used, name);
	return NULL;
}

static struct inspect_error *select_types(struct selection *selection, struct verb_context *context,
					  const struct heap *heap)
{
	if (!option_flag(context->options, "type"))
		return NULL;
	bool *used AUTO_FREE = types_in_use(heap);
	selection->types = calloc(heap->runtime->type_count + 1, sizeof(*selection->types));
	if (!used || !selection->types)
		return &inspect_error_no_memory;
	const char *pattern;
	for (size_t position = 0; (pattern = option_next(context->options, "type", &position));) {
		bool found = false;
		for (size_t i = 0; i < heap->runtime->type_count; i++) {
			if (!type_name_matches(pattern, heap->runtime->types[i].name))
				continue;
			selection->types[i] = true;
			found |= used[i];
		}
		if (found)
			continue;
		const char *nearest = nearest_type(heap, used, pattern);
		struct inspect_error *error =
			notes_add(&context->notes, false, "no %sobject is of a type '%s'%s%s%s",
				  only_tracked(context->options) ? "tracked " : "", pattern, nearest ? "; there is " : "", nearest ? nearest : "",
				  strpbrk(pattern, "*?[") ? "" : "; '*' and '?' match parts of names");
		if (error)
			return error;
	}
	selection->filter.types = selection->types;
	selection->filter.type_count = heap->runtime->type_count;
	return NULL;
}

/* ---- --tracked, --untracked, --generation ---------------------------------------------------------- */

struct inspect_error *selection_check(const struct options *given)
{
	if (!option_flag(given, "untracked") || !only_tracked(given))
		return NULL;
	return inspect_error_create(INSPECT_ERROR_USAGE,
				    option_flag(given, "tracked") ?
					    "--tracked and --untracked together leave nothing: leave out both for all objects" :
					    "--untracked objects have no generation and no interpreter: leave out that option");
}

struct inspect_error *selection_heap(struct verb_context *context, struct heap **heap_ret)
{
	return only_tracked(context->options) ? verb_tracked_of(context, heap_ret) : verb_heap_of(context, heap_ret);
}

static void select_generations(struct selection *selection, const struct verb_context *context)
{
	if (only_tracked(context->options))
		selection->filter.generations = (1 << HEAP_GENERATIONS) - 1;
	if (option_flag(context->options, "untracked"))
		selection->filter.generations = 1 << HEAP_UNTRACKED;
	if (!option_flag(context->options, "generation"))
		return;
	selection->filter.generations = 0;
	const char *argument;
	for (size_t position = 0; (argument = option_next(context->options, "generation", &position));) {
		bool permanent = strcmp(argument, "permanent") == 0;
		selection->filter.generations |= 1 << (permanent ? RUNTIME_PERMANENT : argument[0] - '0');
	}
}

/* ---- --interpreter --------------------------------------------------------------------------------- */

static struct inspect_error *no_interpreter(const struct runtime *runtime, const char *argument)
{
	char ids[256];
	size_t used = 0;
	for (size_t i = 0; i < runtime->collector_count && used + 32 < sizeof(ids); i++)
		used += (size_t)snprintf(ids + used, sizeof(ids) - used, "%s%" PRId64, i ? ", " : "",
					 runtime->collectors[i].id);
	ids[used] = '\0';
	return inspect_error_create(INSPECT_ERROR_USAGE,
				    "--interpreter: there is no interpreter '%s' with a collector; there "
				    "is %s",
				    argument, ids);
}

static struct inspect_error *select_interpreters(struct selection *selection,
						 const struct verb_context *context,
						 const struct runtime *runtime)
{
	if (!option_flag(context->options, "interpreter"))
		return NULL;
	memset(selection->filter.collectors, 0, sizeof(selection->filter.collectors));
	const char *argument;
	for (size_t position = 0; (argument = option_next(context->options, "interpreter", &position));) {
		char *end;
		errno = 0;
		int64_t id = strtoll(argument, &end, 10);
		bool found = false;
		for (size_t i = 0; i < runtime->collector_count && i < HEAP_COLLECTORS_MAX; i++) {
			if (runtime->collectors[i].id != id || !*argument || *end || errno)
				continue;
			selection->filter.collectors[i / 64] |= UINT64_C(1) << i % 64;
			found = true;
		}
		if (!found)
			return no_interpreter(runtime, argument);
	}
	return NULL;
}

/* ---- together -------------------------------------------------------------------------------------- */

struct inspect_error *selection_init(struct selection *selection, struct verb_context *context,
				     const struct heap *heap)
{
	*selection = (struct selection){ .filter = heap_filter_all() };
	select_generations(selection, context);
	struct inspect_error *error = select_types(selection, context, heap);
	if (!error)
		error = select_interpreters(selection, context, heap->runtime);
	if (!error)
		error = option_number(context->options, "min-size", 0, &selection->filter.min_size);
	if (!error)
		error = option_number(context->options, "max-size", UINT64_MAX, &selection->filter.max_size);
	return error;
}

struct inspect_error *selection_init_interpreters(struct selection *selection, struct verb_context *context,
						  const struct heap *heap)
{
	*selection = (struct selection){ .filter = heap_filter_all() };
	return select_interpreters(selection, context, heap->runtime);
}

void selection_deinit(struct selection *selection)
{
	free(selection->types);
}

/* ---- sizes that are not all ------------------------------------------------------------------------ */

static int compare_basic(const void *a, const void *b)
{
	const struct histogram_row *one = a, *other = b;
	if (one->basic != other->basic)
		return one->basic < other->basic ? 1 : -1;
	return strcmp(one->type, other->type);
}

/* Writes the first of @rows: "lxml.Element (12), a.B (3)". */
static char *name_basic_types(const struct histogram_row *rows, size_t count)
{
	enum { NAMED_TYPES = 10 };
	char *names = NULL;
	size_t size;
	FILE *stream = open_memstream(&names, &size);
	if (!stream)
		return NULL;
	for (size_t i = 0; i < count && i < NAMED_TYPES; i++)
		fprintf(stream, "%s%s (%" PRIu64 ")", i ? ", " : "", rows[i].type, rows[i].basic);
	if (count > NAMED_TYPES)
		fprintf(stream, " and %zu more types", count - NAMED_TYPES);
	if (fclose(stream) != 0) {
		free(names);
		return NULL;
	}
	return names;
}

struct inspect_error *basic_size_types(const struct histogram *histogram, char **names_ret,
				       uint64_t *objects_ret, uint64_t *types_ret)
{
	struct histogram_row *rows AUTO_FREE = reallocarray(NULL, histogram->count + 1, sizeof(*rows));
	if (!rows)
		return &inspect_error_no_memory;
	size_t count = 0;
	uint64_t objects = 0;
	for (size_t i = 0; i < histogram->count; i++) {
		const struct histogram_row *row = &histogram->rows[i];
		objects += row->basic;
		if (!row->basic)
			continue;
		if (count && strcmp(rows[count - 1].type, row->type) == 0)
			rows[count - 1].basic += row->basic;
		else
			rows[count++] = *row;
	}
	qsort(rows, count, sizeof(*rows), compare_basic);
	*names_ret = name_basic_types(rows, count);
	*objects_ret = objects;
	*types_ret = count;
	return *names_ret ? NULL : &inspect_error_no_memory;
}

struct inspect_error *note_basic_sizes(struct verb_context *context, const struct histogram *histogram)
{
	char *names AUTO_FREE = NULL;
	uint64_t objects, types;
	struct inspect_error *error = basic_size_types(histogram, &names, &objects, &types);
	if (error || !objects)
		return error;
	return notes_add(&context->notes, false,
			 "the sizes of %" PRIu64 " objects are only their basic size and items, because "
			 "their types count more by code of their own: %s",
			 objects, names);
}
