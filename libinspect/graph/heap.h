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

struct heap {
	size_t count;
	uint64_t *address;    /* ascending */
	uint32_t *type;       /* index into the runtime's types */
	uint64_t *size;       /* bytes */
	int64_t *refcount;
	uint8_t *generation;  /* 0, 1, 2 or RUNTIME_PERMANENT */
	uint8_t *flags;       /* enum runtime_object_flag */
	uint8_t *collector;   /* which collector tracks it: index into runtime->collectors */
	const struct runtime_type *types; /* the runtime's */
	size_t type_count;
};

/* Walks @runtime's collectors and makes the heap of all objects that they track. What could not be read
 * goes to @notes. */
struct inspect_error *heap_build(struct runtime *runtime, struct heap *heap, struct notes *notes)
	__attribute__((warn_unused_result));
/* The id of the object at @address; false if there is none. O(log n). */
bool heap_find(const struct heap *heap, uint64_t address, uint32_t *id_ret);
void heap_deinit(struct heap *heap);

#endif
