/* SPDX-License-Identifier: MIT */
/*
 * edges.c - what the verbs about references share.
 */
#include "verbs/edges.h"

#include <inttypes.h>

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

/* What is wrong with one object does not end the list. */
struct inspect_error *object_value(struct object_values *values, uint32_t id, struct cell *cell)
{
	if (!values->wanted || !table_shows_next(values->context->table))
		return NULL;
	runtime_object_deinit(&values->last);
	struct inspect_error *error =
		values->runtime->operations->object(values->runtime, values->heap->address[id], &values->last);
	if (!error) {
		*cell = cell_text(values->last.value);
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

struct inspect_error *object_values_end(struct object_values *values)
{
	runtime_object_deinit(&values->last);
	values->last = (struct runtime_object){ 0 };
	if (!values->unreadable)
		return NULL;
	return notes_add(&values->context->notes, true, "%zu objects could not be read, so their values are missing",
			 values->unreadable);
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
