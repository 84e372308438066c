/* SPDX-License-Identifier: MIT */
/*
 * malloc.h - the blocks of memory that the C library's malloc() has handed out: glibc's, as malloc/malloc.c and arena.c have it.
 *
 * A heap is chunks side by side, each with its size in a word before the block: that of the program's break, and those of
 * 64 MiB at most that threads have. Large blocks have mappings of their own. What was freed may look as if it were in use:
 * caches of threads and fastbins keep it so.
 */
#ifndef INSPECT_TARGET_MALLOC_H
#define INSPECT_TARGET_MALLOC_H

#include "base/address_set.h"
#include "target/target.h"

/* A block. */
struct malloc_block {
	uint64_t address; /* what malloc() returned; 0: no block was found */
	uint64_t size;    /* how many bytes fit in: malloc_usable_size() */
	bool used;        /* it has not been freed */
};

/* Chunks side by side: [start, end). */
struct malloc_heap {
	uint64_t start, end;
	uint64_t top; /* its last chunk */
};

struct malloc_heaps {
	struct inspect_target *target;
	struct malloc_heap *items; /* by address */
	size_t count, capacity;
	uint64_t key;              /* what stands in blocks that threads' caches keep; 0: unknown */
	struct address_set fast;   /* chunks in fastbins */
};

/* Finds the heaps. None is no error: the program may have another malloc(), or the target may not say what is mapped. */
struct inspect_error *malloc_heaps_find(struct inspect_target *target, struct malloc_heaps *heaps)
	__attribute__((warn_unused_result));
void malloc_heaps_deinit(struct malloc_heaps *heaps);

/* The blocks that the @count addresses, ascending, lie in. One walk through each heap that has any of them. */
void malloc_blocks_at(const struct malloc_heaps *heaps, const uint64_t *addresses, size_t count, struct malloc_block *blocks);

#endif
