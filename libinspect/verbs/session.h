/* SPDX-License-Identifier: MIT */
/*
 * session.h - what a session remembers.
 */
#ifndef INSPECT_VERBS_SESSION_H
#define INSPECT_VERBS_SESSION_H

#include "base/notes.h"
#include "graph/graph.h"
#include "graph/tally.h"
#include "inspect.h"

/* What is made on first use and kept. */
struct found {
	bool made;
	struct inspect_error *error; /* why it cannot be made */
	struct notes notes;          /* what it lacks */
};

struct inspect_session {
	struct inspect_target *target; /* owned */
	char *wanted_runtime;          /* the name of its adapter, or NULL: the one that is tried first */
	struct runtime *runtime;       /* NULL: not looked for yet, or not there */
	struct inspect_error *no_runtime; /* why it is not there */
	struct found tally_found, unheld_found, tracked_found, heap_found, columns_found, sizes_found, graph_found;
	struct tally tally;  /* all objects by type, as long as nothing else is known of them */
	bool asked_for_path;
	bool unheld_sound;
	struct heap unheld_heap;   /* the objects that may be unreachable, */
	struct graph unheld_graph; /* and their references */
	struct heap tracked; /* the tracked objects, with sizes */
	struct heap heap;    /* all objects */
	struct graph graph;  /* the same with their references */
	struct sql_database *database; /* all of that as tables, or NULL: nobody has asked for it yet */
};

#endif
