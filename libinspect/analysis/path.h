/* SPDX-License-Identifier: MIT */
/*
 * path.h - why objects are alive: shortest paths from the roots.
 *
 * A path is a root and the references that lead from it to an object. Not all paths explain an object equally well.
 * First comes how certain a path is, which is how certain its least certain part is (enum path_certainty): a path that
 * is held is preferred to any that is not. Among those of equal certainty the shortest is taken; one that begins in a
 * frame, in a thread's state, in the program itself or in state that has no name counts as some references longer
 * (path_delay()), so that the module that holds an object explains it rather than the function that has just been called
 * with it. Where two count as
 * equally long, the one whose root is the best is taken: by delay, then by kind, then in the order of the graph.
 */
#ifndef INSPECT_ANALYSIS_PATH_H
#define INSPECT_ANALYSIS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"

/* How certain it is that a reference or a root keeps an object alive. */
enum path_certainty {
	PATH_HELD,      /* counted, and known to be there */
	PATH_GUESSED,   /* found by a scan of data, or in the table of interned strings, which holds others' strings */
	PATH_STACK,     /* a word on a C stack, which may be a left-over */
	PATH_UNCOUNTED, /* there, but not counted: it keeps nothing alive */
	PATH_CERTAINTIES,
};

enum path_certainty path_edge_certainty(uint32_t edge);
enum path_certainty path_root_certainty(const struct graph_root *root);
/* As how many references longer a path counts that begins at @root. */
unsigned int path_delay(const struct graph_root *root);

static const uint32_t PATHS_ROOT = UINT32_C(1) << 31;

/* What paths must not use: objects, and last references. */
struct path_barrier {
	uint32_t *objects; /* ids */
	size_t object_count, object_capacity;
	struct path_last {
		uint32_t from;     /* an object, or PATHS_ROOT | index into the graph's roots */
		uint32_t position; /* which of the object's references */
	} *lasts;
	size_t last_count, last_capacity;
};

/* What reaches each object, as far as it was looked for. Twelve bytes an object. */
struct paths {
	const struct graph *graph;
	uint32_t *from;   /* by id: the object before it on its path, or PATHS_ROOT | index of the root, or a constant
			   * of path.c */
	uint32_t *level;  /* by id: references from the root, and the root's delay */
	uint32_t *order;  /* ids in the order in which they were reached */
	size_t reached;
	const struct path_barrier *barrier;
	uint8_t *wanted;  /* a bit for each object */
	size_t wanted_left;
};

/* Finds paths to the @count objects @ids, one each; stops when all are reached. @barrier may be NULL, and
 * is used as long as *@paths is. O(V + E) for each certainty that is needed. */
struct inspect_error *paths_find(const struct graph *graph, const uint32_t *ids, size_t count,
				 const struct path_barrier *barrier, struct paths *paths)
	__attribute__((warn_unused_result));
void paths_deinit(struct paths *paths);

/* One part of a path: a root or a reference, and the object that it leads to. */
struct path_step {
	uint32_t object;   /* id */
	uint32_t from;     /* id of the object that refers to it; of the first step: index into the graph's roots */
	uint32_t position; /* which of that object's references; the first that will do */
	unsigned int flags; /* enum runtime_reference_flag */
};

struct path {
	struct path_step *steps; /* the root first; the last one's object is the end */
	size_t count, capacity;
	enum path_certainty certainty;
};

/* Writes the path to object @id down in *@path, which may have held another one. It has no steps if none was found. */
struct inspect_error *paths_trace(const struct paths *paths, uint32_t id, struct path *path)
	__attribute__((warn_unused_result));
void path_deinit(struct path *path);

/* Makes @barrier of @path, and of those added before: it bars the last reference, and the objects from step number
 * @first on but for the end. What paths_find() then finds ends otherwise and shares no other object. */
struct inspect_error *path_barrier_add(struct path_barrier *barrier, const struct path *path, size_t first)
	__attribute__((warn_unused_result));
void path_barrier_deinit(struct path_barrier *barrier);

#endif
