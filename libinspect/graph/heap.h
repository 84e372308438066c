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

#include "runtime/runtime.h"

enum {
	HEAP_GENERATIONS = RUNTIME_PERMANENT + 1,
	HEAP_UNTRACKED = HEAP_GENERATIONS, /* in the column of generations: no collector tracks it */
	HEAP_COLLECTORS_MAX = 256,
};

struct heap {
	size_t count;
	uint64_t *address;    /* ascending, no two alike */
	uint32_t *type;       /* index into the runtime's types */
	uint64_t *size;       /* bytes; below HEAP_SIZE_MAX */
	int64_t *refcount;
	uint8_t *generation;  /* 0, 1, 2, RUNTIME_PERMANENT or HEAP_UNTRACKED */
	uint8_t *flags;       /* enum runtime_object_flag */
	uint8_t *collector;   /* which collector tracks it: index into runtime->collectors */
	const struct runtime *runtime; /* has the types, and more of them after each look at an object */
};

/* No object is larger than what an address space holds. */
static const uint64_t HEAP_SIZE_MAX = UINT64_C(1) << 56;

/* Walks @runtime's collectors and makes the heap of all objects that they track. What could not be read
 * goes to @notes. Needs fewer than 40 bytes of memory per object. */
struct inspect_error *heap_build(struct runtime *runtime, struct heap *heap, struct notes *notes)
	__attribute__((warn_unused_result));
/* Makes the columns of @heap, of which @heap->count and @heap->address are there: objects that no collector tracks. */
struct inspect_error *heap_examine(struct runtime *runtime, struct heap *heap, struct notes *notes)
	__attribute__((warn_unused_result));
/* The id of the object at @address; false if there is none. O(log n). */
bool heap_find(const struct heap *heap, uint64_t address, uint32_t *id_ret);
void heap_deinit(struct heap *heap);

/* The name of the object's type; valid until the runtime is detached. */
static inline const char *heap_type_name(const struct heap *heap, uint32_t id)
{
	return heap->runtime->types[heap->type[id]].name;
}

#endif
