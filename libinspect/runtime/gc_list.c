/* SPDX-License-Identifier: MIT */
/*
 * gc_list.c - walking along the collectors' lists, which may be damaged anywhere.
 */
#include "runtime/gc_list.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "target/target.h"


/* A walk along one list that no collection has its hands on. */
struct list_walk {
	struct inspect_target *target;
	const struct gc_links *links;
	uint64_t head, current, next;
	uint64_t count;
	/* Where there are no backward links to be checked, a list may lead into its own middle. */
	uint64_t landmark, next_landmark; /* Brent: a node seen, and the count at which to take the next */
	char *problem;
};

static bool read_word(struct inspect_target *target, uint64_t address, uint64_t *word_ret)
{
	/* Neighbours in a list were made one after the other: the allocator gave each the place behind the last one of
	 * its size. */
	enum { AHEAD = 512 };
	const char *bytes = target_map(target, address, sizeof(*word_ret));
	if (bytes) {
		__builtin_prefetch((const char *)((uintptr_t)bytes + AHEAD));
		memcpy(word_ret, bytes, sizeof(*word_ret));
		return true;
	}
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read_u64(target, address, word_ret);
	return !error;
}

/* The neighbours of the head at @head. */
static bool read_head(const struct list_walk *walk, uint64_t head, uint64_t *next_ret, uint64_t *previous_ret)
{
	const struct gc_links *links = walk->links;
	*previous_ret = 0;
	if (!read_word(walk->target, head + links->next, next_ret) ||
	    (links->has_previous && !read_word(walk->target, head + links->previous, previous_ret)))
		return false;
	*next_ret &= links->next_mask;
	*previous_ret &= links->previous_mask;
	return true;
}

static bool walk_stop(struct list_walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool walk_stop(struct list_walk *walk, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&walk->problem, format, arguments) < 0)
		walk->problem = NULL;
	va_end(arguments);
	return false;
}

static bool walk_begin(struct list_walk *walk)
{
	uint64_t previous;
	return read_head(walk, walk->head, &walk->next, &previous) ||
	       walk_stop(walk, "the list's own head at 0x%" PRIx64 " cannot be read", walk->head);
}

/* Steps to the next object's head; false at the end of the list or at a problem. */
static bool walk_next(struct list_walk *walk)
{
	uint64_t node = walk->next, next, previous;
	if (node == walk->head)
		return false;
	if (node % sizeof(uint64_t) || node == 0)
		return walk_stop(walk, "the link after 0x%" PRIx64 " is 0x%" PRIx64 ", no address of an object",
				 walk->current, node);
	if (!read_head(walk, node, &next, &previous))
		return walk_stop(walk, "the link after 0x%" PRIx64 " is 0x%" PRIx64 ", which is not in the target",
				 walk->current, node);
	if (walk->links->has_previous && previous != walk->current)
		return walk_stop(walk, "the head at 0x%" PRIx64 " links back to 0x%" PRIx64 " instead of to 0x%" PRIx64,
				 node, previous, walk->current);
	if (node == walk->landmark)
		return walk_stop(walk, "the list runs in a circle through 0x%" PRIx64, node);
	if (++walk->count == walk->next_landmark) {
		walk->landmark = node;
		walk->next_landmark *= 2;
	}
	walk->current = node;
	walk->next = next;
	return true;
}

struct inspect_error *gc_list_progress(uint64_t count)
{
	return progress_each("reading the collector's lists", count, 0);
}

void gc_list_name(const struct gc_list *list, char name[32])
{
	if (list->generation == RUNTIME_PERMANENT)
		strcpy(name, "the permanent generation");
	else
		snprintf(name, 32, "generation %u", list->generation);
}

struct inspect_error *gc_list_note_break(const struct gc_lists *lists, const struct gc_list *list, uint64_t count,
					 const char *problem, struct notes *notes)
{
	char name[32];
	gc_list_name(list, name);
	return notes_add(notes, true, "%s of %s breaks off after %" PRIu64 " objects: %s", name, lists->owner, count,
			 problem);
}

bool gc_head_next(const struct gc_heap *heap, uint64_t head, uint64_t *next_ret)
{
	bool readable = read_word(heap->target, head + heap->links.next, next_ret);
	*next_ret = readable ? *next_ret & heap->links.next_mask : 0;
	return readable;
}

bool gc_head_links(const struct gc_heap *heap, uint64_t head, uint64_t *next_ret, uint64_t *previous_ret)
{
	const struct list_walk walk = { .target = heap->target, .links = &heap->links };
	*next_ret = 0;
	return read_head(&walk, head, next_ret, previous_ret);
}

struct inspect_error *gc_list_walk(const struct gc_heap *heap, const struct gc_lists *lists, const struct gc_list *list,
				   struct runtime_sink *sink, struct notes *notes)
{
	struct list_walk walk = {
		.target = heap->target, .links = &heap->links, .head = list->head, .current = list->head,
		.next_landmark = 1,
	};
	struct inspect_error *error = NULL;
	if (walk_begin(&walk)) {
		while (!error && walk_next(&walk)) {
			error = sink->add(sink, walk.current + heap->links.head_size, list->generation, lists->collector);
			if (!error)
				error = gc_list_progress(walk.count);
		}
	}
	char *problem AUTO_FREE = walk.problem;
	return error || !problem ? error : gc_list_note_break(lists, list, walk.count, problem, notes);
}

static bool any_collecting(const struct gc_heap *heap)
{
	for (size_t i = 0; i < heap->collector_count; i++)
		if (heap->collectors[i].collecting)
			return true;
	return false;
}

struct inspect_error *gc_lists_walk(const struct gc_heap *heap, struct runtime_sink *sink, struct notes *notes)
{
	struct inspect_error *error = NULL;
	if (any_collecting(heap))
		return gc_collecting_walk(heap, sink, notes);
	for (int permanent = 1; permanent >= 0; permanent--)
		for (size_t i = 0; i < heap->collector_count; i++)
			for (size_t j = 0; j < heap->collectors[i].count && !error; j++)
				if ((heap->collectors[i].items[j].generation == RUNTIME_PERMANENT) == permanent)
					error = gc_list_walk(heap, &heap->collectors[i], &heap->collectors[i].items[j],
							     sink, notes);
	return error;
}
