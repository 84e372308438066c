/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the objects of a heap as columns.
 *
 * Objects have dense 32-bit ids in address order; each fact about them is an array of its own. Nothing
 * here knows what an object looks like: the runtime says it.
 */
#ifndef INSPECT_GRAPH_HEAP_H
#define INSPECT_GRAPH_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/address_index.h"
#include "runtime/runtime.h"

enum {
	HEAP_GENERATIONS = RUNTIME_PERMANENT + 1,
	HEAP_UNTRACKED = HEAP_GENERATIONS, /* in the column of generations: no collector tracks it */
	HEAP_COLLECTORS_MAX = 256,
};

struct graph_roots;

struct heap {
	size_t count;
	size_t tracked;       /* of these, how many are tracked by a collector */
	uint64_t *address;    /* ascending, no two alike */
	uint32_t *type;       /* index into the runtime's types */
	uint8_t *generation;  /* 0, 1, 2, RUNTIME_PERMANENT or HEAP_UNTRACKED */
	uint8_t *flags;       /* enum runtime_object_flag */
	uint8_t *collector;   /* which collector tracks it: index into runtime->collectors */
	uint64_t *size;       /* bytes, below HEAP_SIZE_MAX; NULL until heap_find_sizes() */
	int64_t *refcount;    /* NULL until heap_find_refcounts(), or heap_want_refcounts() and heap_fill() */
	size_t damaged;       /* objects of whose references some could not be read when objects were searched for */
	bool filled;          /* are the columns of addresses, types and flags? */
	struct address_index index;
	struct runtime *runtime; /* has the types, and more of them after each look at an object */
};

/* No object is larger than what an address space holds. */
static const uint64_t HEAP_SIZE_MAX = UINT64_C(1) << 56;

/* Walks @runtime's collectors and makes the heap of all objects that they track. What could not be read
 * goes to @notes. Needs fewer than 40 bytes of memory per object, sizes and counts of references included. */
struct inspect_error *heap_build(struct runtime *runtime, struct heap *heap, struct notes *notes)
	__attribute__((warn_unused_result));
/* Makes the heap of all objects, tracked or not: those on the collectors' lists, what the roots lead to, and all that
 * these refer to. @roots has the roots, without those that lead to no object. The columns of addresses, types and flags
 * are still to be filled: by heap_fill(), or region by region. */
struct inspect_error *heap_find_all(struct runtime *runtime, struct heap *heap, struct graph_roots *roots,
				    struct notes *notes) __attribute__((warn_unused_result));
/* Makes the heap of those objects alone that may be unreachable: discover_unheld(). It is empty if *@sound_ret is false. */
struct inspect_error *heap_find_unheld(struct runtime *runtime, struct heap *heap, struct notes *notes,
				       size_t *scanned_ret, bool *sound_ret)
	__attribute__((warn_unused_result));
/* Makes the heap of the objects of @index, which becomes its own, and settles @roots. Nothing is known of lists: all count as
 * untracked. */
struct inspect_error *heap_of_index(struct runtime *runtime, struct heap *heap, const struct address_index *index,
				    struct graph_roots *roots) __attribute__((warn_unused_result));
/* Fills these columns, if they are not. */
struct inspect_error *heap_fill(struct heap *heap) __attribute__((warn_unused_result));
struct inspect_error *heap_fill_region(struct heap *heap, const struct index_region *region)
	__attribute__((warn_unused_result));
/* Notes how many objects of a filled heap cannot be read, and how many types have no name that can. */
struct inspect_error *heap_note_damage(const struct heap *heap, struct notes *notes)
	__attribute__((warn_unused_result));
/* Is @name what adapters call a type whose name they cannot read? */
bool type_is_unnamed(const char *name);
/* Fill the columns of sizes and of reference counts, if they are not there. With the sizes flags may be added:
 * RUNTIME_SIZE_BASIC, and RUNTIME_DAMAGED where the size makes no sense. */
struct inspect_error *heap_find_sizes(struct heap *heap, struct notes *notes) __attribute__((warn_unused_result));
struct inspect_error *heap_find_refcounts(struct heap *heap) __attribute__((warn_unused_result));
/* Has heap_fill() fill the column of reference counts, too, which costs next to nothing. Where it has been, they are
 * looked up now. */
struct inspect_error *heap_want_refcounts(struct heap *heap) __attribute__((warn_unused_result));
/* The size of one object, from the column if it is there, else looked up (0 if it cannot be read or makes no sense). False
 * if the object is damaged. */
bool heap_measure(const struct heap *heap, uint32_t id, uint64_t *size_ret);
/* The same without a word about that. */
uint64_t heap_size_of(const struct heap *heap, uint32_t id);
void heap_deinit(struct heap *heap);

/* The id of the object at @address; false if there is none. */
static inline bool heap_find(const struct heap *heap, uint64_t address, uint32_t *id_ret)
{
	return index_find(&heap->index, address, id_ret);
}

static inline bool heap_is_tracked(const struct heap *heap, uint32_t id)
{
	return heap->generation[id] != HEAP_UNTRACKED;
}

/* The name of the object's type; valid until the runtime is detached. */
static inline const char *heap_type_name(const struct heap *heap, uint32_t id)
{
	return heap->runtime->types[heap->type[id]].name;
}

#endif
