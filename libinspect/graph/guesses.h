/* SPDX-License-Identifier: MIT */
/*
 * guesses.h - guessed references that reference counts speak against.
 */
#ifndef INSPECT_GRAPH_GUESSES_H
#define INSPECT_GRAPH_GUESSES_H

#include "graph/graph.h"

/* Looks at all that guessed references of @graph lead to. An object whose reference count is no more than the certain
 * references to it has no room for those that are guessed: the runtime is told of them (refute() of runtime.h), and those that it
 * then guesses no more are taken out. For graph_find_references(). */
struct inspect_error *graph_check_guesses(struct graph *graph) __attribute__((warn_unused_result));

#endif
