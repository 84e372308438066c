/* SPDX-License-Identifier: MIT */
/*
 * session.h - what a session remembers.
 */
#ifndef INSPECT_VERBS_SESSION_H
#define INSPECT_VERBS_SESSION_H

#include "base/notes.h"
#include "graph/graph.h"
#include "inspect.h"

struct inspect_session {
	struct inspect_target *target; /* owned */
	struct runtime *runtime;       /* NULL: not looked for yet, or not there */
	struct inspect_error *no_runtime; /* why it is not there */
	struct heap heap; /* the tracked objects */
	bool heap_built;
	struct inspect_error *no_heap; /* why it cannot be built */
	struct notes heap_notes;       /* what the heap lacks */
	struct graph graph;
	struct heap graph_heap;        /* the graph's: all objects */
	bool graph_built;
	struct inspect_error *no_graph;
	struct notes graph_notes;
};

#endif
