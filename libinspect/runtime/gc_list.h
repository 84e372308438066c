/* SPDX-License-Identifier: MIT */
/*
 * gc_list.h - the lists in which collectors keep their objects: rings of heads that stand in front of the objects.
 *
 * A list is a ring: it begins and ends at a head of its own, in the collector's state.
 */
#ifndef INSPECT_RUNTIME_GC_LIST_H
#define INSPECT_RUNTIME_GC_LIST_H

#include "runtime/runtime.h"

/* One list of tracked objects. */
struct gc_list {
	uint64_t head; /* address of the list's own head */
	unsigned int generation;
};

/* How heads are linked. */
struct gc_links {
	uint64_t next, previous;           /* offsets in a head */
	bool has_previous;                 /* false: lists can only be followed forward */
	uint64_t next_mask, previous_mask; /* the bits of a link that are an address; the others are flags */
	uint64_t head_size;                /* an object is so many bytes behind its head */
};

/* All lists of one collector. */
struct gc_lists {
	const struct gc_list *items;
	size_t count;
	unsigned int collector; /* index into runtime->collectors */
	const char *owner;      /* for notes: "interpreter 0" */
	/* A collection is going on: backward links hold something else, and objects may be in other lists. */
	bool collecting;
};

/* Sends the objects of all @lists to @sink. A list that breaks is told in @notes (where, and how many objects came
 * before); the walk goes on with the next one. No damage makes it endless. */
struct inspect_error *gc_lists_walk(struct inspect_target *target, const struct gc_links *links,
				    const struct gc_lists *lists, struct runtime_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

#endif
