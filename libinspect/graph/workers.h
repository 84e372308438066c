/* SPDX-License-Identifier: MIT */
/*
 * workers.h - doing something on all cores.
 */
#ifndef INSPECT_GRAPH_WORKERS_H
#define INSPECT_GRAPH_WORKERS_H

#include <stddef.h>

struct inspect_error;
struct inspect_target;

/* At most so many workers; 0: as many as there are cores. For tests. */
extern unsigned int workers_limit;

/* How many workers may read @target (NULL: what is read needs none): debuggers want to be asked by one thread only. */
unsigned int workers_for(const struct inspect_target *target);

/* Calls work(context, i) for each i below @count, by as many workers as may read @target, in any order, and says how
 * far it is: @what, "finding objects", or NULL. After an error no more are begun; the first one met is returned. */
struct inspect_error *workers_each(struct inspect_target *target, const char *what, size_t count,
				   struct inspect_error *(*work)(void *context, size_t item), void *context)
	__attribute__((warn_unused_result));

#endif
