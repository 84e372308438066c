/* SPDX-License-Identifier: MIT */
/*
 * gc_list.h - the lists in which collectors keep their objects: rings of heads that stand in front of the objects.
 *
 * A list is a ring: it begins and ends at a head of its own. Those of the generations are in the collector's state. A
 * collection that is going on has more of them, in variables on the stack of the thread that collects.
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
	char owner[40];         /* for notes: "interpreter 0" */
	/* A collection is going on: backward links hold something else, and objects may be in other lists. Those count as
	 * objects of the generation @collected. */
	bool collecting;
	unsigned int collected;
};

/* All collectors of a heap. */
struct gc_heap {
	struct inspect_target *target;
	struct gc_links links;
	const struct gc_lists *collectors;
	size_t collector_count;
	/* Is at @address an object that says of itself that it is on a list? Asked of addresses that may be anything. Freed
	 * memory is told from an object by its reference count; @dying: that may be 0, of an object that is about to be freed
	 * and still on its list. */
	bool (*is_tracked)(void *context, uint64_t address, bool dying);
	void *context;
};

/* Sends the objects of all lists of @heap to @sink, permanent generations first. A list that breaks is told in @notes (where, and how many objects came
 * before); the walk goes on with the next one. In the middle of a collection the lists on stacks are found, too; a note
 * says so, or what may be missing. No damage makes it endless. */
struct inspect_error *gc_lists_walk(const struct gc_heap *heap, struct runtime_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

/* Sends what is wrong with the lists of @heap to @verifier: each is walked from both ends, so that damage lies between two
 * objects. Lists that a collection is at work on can be followed forward alone, which gc_lists_walk() does: they are passed
 * over, and a note says so. (gc_verify.c) */
struct inspect_error *gc_lists_verify(const struct gc_heap *heap, struct runtime_verifier *verifier, struct notes *notes)
	__attribute__((warn_unused_result));

/* ---- for gc_collecting.c ---- */

/* Where the head at @head leads, without the flags. False if it cannot be read. */
bool gc_head_next(const struct gc_heap *heap, uint64_t head, uint64_t *next_ret);
/* Where it leads to in both directions. */
bool gc_head_links(const struct gc_heap *heap, uint64_t head, uint64_t *next_ret, uint64_t *previous_ret);
/* Walks along one list that is whole, if its collector is not at work. */
struct inspect_error *gc_list_walk(const struct gc_heap *heap, const struct gc_lists *lists, const struct gc_list *list,
				   struct runtime_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));
/* Every now and then: reports that @count objects have been read. An error if that is to be the end. */
struct inspect_error *gc_list_progress(uint64_t count)
	__attribute__((warn_unused_result));
/* "generation 2", "the permanent generation" */
void gc_list_name(const struct gc_list *list, char name[32]);
/* Tells that a list breaks off after @count objects because of @problem. */
struct inspect_error *gc_list_note_break(const struct gc_lists *lists, const struct gc_list *list, uint64_t count,
					 const char *problem, struct notes *notes)
	__attribute__((warn_unused_result));
/* gc_lists_walk() where at least one collector is at work. */
struct inspect_error *gc_collecting_walk(const struct gc_heap *heap, struct runtime_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

#endif
