/* SPDX-License-Identifier: MIT */
/*
 * edges.h - what the verbs about references share.
 */
#ifndef INSPECT_VERBS_EDGES_H
#define INSPECT_VERBS_EDGES_H

#include "graph/graph.h"
#include "verbs/verb.h"

/* The help of columns that these verbs have in common. */
#define EDGE_LABEL_HELP "what the reference is called in the object that has it"
#define EDGE_VISITED_HELP "does the collector see it? no: it is held, and passed over by tp_traverse"
#define EDGE_COUNTED_HELP "is it held? no: the reference count does not include it"
#define EDGE_GUESSED_HELP "was it found by a scan of the memory of an unknown type?"

/* Descriptions of objects, for the option --values. */
struct object_values {
	struct verb_context *context;
	struct runtime *runtime;
	const struct heap *heap;
	bool wanted;
	struct runtime_object last; /* the one described last */
	size_t unreadable;
};

struct inspect_error *object_values_init(struct object_values *values, struct verb_context *context,
					 const struct heap *heap) __attribute__((warn_unused_result));
/* Describes object @id in *@size and *@value, whose text is valid until the next call. @size may be
 * NULL. Leaves the cells alone without --values, and when the next row will not be seen. */
struct inspect_error *object_value(struct object_values *values, uint32_t id, struct cell *size, struct cell *value)
	__attribute__((warn_unused_result));
/* The same of the object at @address, which need not be one of the heap's. */
struct inspect_error *object_value_at(struct object_values *values, uint64_t address, struct cell *size, struct cell *value)
	__attribute__((warn_unused_result));
/* Frees what they hold, and if there is no @error, notes how many objects could not be described. Returns @error. */
struct inspect_error *object_values_end(struct object_values *values, struct inspect_error *error)
	__attribute__((warn_unused_result));

/* "interpreter", "frame" ... of an enum runtime_root_kind. */
const char *root_kind_name(unsigned int kind);
/* @place and @label as one: "sys.modules", "thread 4711: handler() at app.py:12: x"; for the caller to free, NULL when
 * out of memory. */
char *place_text(struct runtime *runtime, const char *place, const struct runtime_label *label);
/* The same of @root. */
char *root_text(struct runtime *runtime, const struct graph *graph, const struct graph_root *root);

/* Notes how many objects of @graph are of types that nobody described. */
struct inspect_error *note_scanned(struct verb_context *context, const struct graph *graph)
	__attribute__((warn_unused_result));

#endif
