/* SPDX-License-Identifier: MIT */
/*
 * edges.c - what the verbs about references share.
 */
#include "verbs/edges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "verbs/options.h"

struct inspect_error *object_values_init(struct object_values *values, struct verb_context *context,
					 const struct heap *heap)
{
	*values = (struct object_values){
		.context = context,
		.heap = heap,
		.wanted = option_flag(context->options, "values"),
	};
	return verb_runtime(context, &values->runtime);
}

struct inspect_error *object_value(struct object_values *values, uint32_t id, struct cell *size, struct cell *value)
{
	return object_value_at(values, values->heap->address[id], size, value);
}

/* What is wrong with one object does not end the list. */
struct inspect_error *object_value_at(struct object_values *values, uint64_t address, struct cell *size, struct cell *value)
{
	if (!values->wanted || !table_shows_next(values->context->table))
		return NULL;
	runtime_object_deinit(&values->last);
	struct inspect_error *error =
		values->runtime->operations->object(values->runtime, address, &values->last);
	if (!error) {
		if (size)
			*size = cell_bytes(values->last.size);
		*value = cell_text(values->last.value);
		return NULL;
	}
	values->last = (struct runtime_object){ 0 };
	enum inspect_error_kind kind = inspect_error_kind(error);
	if (kind == INSPECT_ERROR_CANCELLED || kind == INSPECT_ERROR_NO_MEMORY)
		return error;
	inspect_error_destroy(error);
	values->unreadable++;
	return NULL;
}

struct inspect_error *object_values_end(struct object_values *values, struct inspect_error *error)
{
	runtime_object_deinit(&values->last);
	values->last = (struct runtime_object){ 0 };
	if (error || !values->unreadable)
		return error;
	return notes_add(&values->context->notes, true, "%zu objects could not be read, so their values are missing",
			 values->unreadable);
}

const char *root_kind_name(unsigned int kind)
{
	static const char *const names[] = {
		[RUNTIME_ROOT_INTERPRETER] = "interpreter",
		[RUNTIME_ROOT_FRAME] = "frame",
		[RUNTIME_ROOT_THREAD] = "thread",
		[RUNTIME_ROOT_STATIC] = "static",
		[RUNTIME_ROOT_INTERNED] = "interned",
		[RUNTIME_ROOT_GLOBAL] = "global",
		[RUNTIME_ROOT_STACK] = "stack",
	};
	return kind < sizeof(names) / sizeof(*names) ? names[kind] : "?";
}

char *place_text(struct runtime *runtime, const char *place, const struct runtime_label *label)
{
	struct runtime_label called = *label;
	bool variable = called.kind == RUNTIME_LABEL_ATTRIBUTE && called.text && strcmp(called.text, "local") == 0;
	if (called.kind == RUNTIME_LABEL_NONE)
		return strdup(place);
	if (variable)
		called.text = NULL; /* ".x", which is shown as "place: x" */
	char *text AUTO_FREE = runtime->operations->label(runtime, &called);
	if (!text)
		return NULL;
	char *both;
	bool joined = !variable && strchr(".[{ ", text[0]);
	return asprintf(&both, "%s%s%s", place, joined ? "" : ": ", text + variable) < 0 ? NULL : both;
}

char *root_text(struct runtime *runtime, const struct graph *graph, const struct graph_root *root)
{
	return place_text(runtime, graph->roots.places[root->place], &root->label);
}

struct inspect_error *note_scanned(struct verb_context *context, const struct graph *graph)
{
	if (!graph->scanned)
		return NULL;
	return notes_add(&context->notes, false,
			 "%zu of %zu objects are of types that nobody described: a scan of their memory found what they refer "
			 "to, and those references may be guessed",
			 graph->scanned, graph->heap->count);
}
