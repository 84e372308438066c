/* SPDX-License-Identifier: MIT */
/*
 * pymalloc.h - CPython's allocator of small blocks: arenas, the pools in them, and which blocks of a pool are in use.
 *
 * An arena is a piece of memory of 256 KiB (up to 3.9) or 1 MiB, cut into pools of 4 or 16 KiB. A pool has blocks of one size
 * behind a header; those that were freed are a singly linked list, and those behind next_offset have never been used.
 * Blocks of more than 512 bytes, and all of them under PYTHONMALLOC=malloc, are malloc()'s. Objects/obmalloc.c,
 * internal/pycore_obmalloc.h (3.12).
 */
#ifndef INSPECT_CPYTHON_PYMALLOC_H
#define INSPECT_CPYTHON_PYMALLOC_H

#include "runtime/cpython/cpython.h"

enum {
	PYMALLOC_POOL_SIZE_MAX = 1 << 14,
	PYMALLOC_BLOCK_SIZE_MIN = 8, /* up to 3.7.3; then 16 */
	PYMALLOC_BLOCKS_MAX = PYMALLOC_POOL_SIZE_MAX / PYMALLOC_BLOCK_SIZE_MIN, /* in a pool: fewer than this */
	PYMALLOC_DEBUG_HEAD = 16, /* bytes before what the debug allocator hands out: _PyMem_DebugRawAlloc() */
};

/* A struct arena_object that has memory. */
struct pymalloc_arena {
	uint64_t object;      /* its own address */
	uint64_t address;     /* of its memory */
	uint64_t first_pool;  /* the first address in it that a pool can have */
	uint64_t pool_end;    /* where the next pool would be made; so many have been made as lie before it */
	uint32_t index;       /* in the allocator's table; its pools have it in their headers */
	uint32_t free_pools, total_pools; /* as it says itself */
};

/* A struct pool_header. */
struct pymalloc_pool {
	uint64_t address;
	uint32_t used;         /* blocks in use, as it says itself (ref.count); 0: the pool is free, the rest is stale */
	uint32_t arena_index;
	uint32_t size_index;   /* its blocks are of (size_index + 1) * 8 or 16 bytes */
	uint32_t next_offset;  /* of the first block that has never been used */
	uint32_t last_offset;  /* the largest that a block can have */
	uint64_t free_block;   /* the first of its list of free blocks; 0: none */
	uint64_t next, previous; /* pools */
	/* What follows from these, if they make sense: */
	bool sane;
	uint32_t block_size;   /* bytes */
	uint32_t first_offset; /* of its first block */
	uint32_t blocks;       /* that have been used so far, free ones among them */
};

/* The allocator as a target has it. */
struct pymalloc {
	struct cpython *cpython;
	struct pymalloc_arena *arenas; /* by address; those of all interpreters */
	size_t arena_count, arena_capacity;
	uint64_t pool_size; /* bytes; 0: there are no arenas */
	bool debug;         /* the debug allocator wraps it: PYMALLOC_DEBUG_HEAD bytes come before what users of blocks see */
};

/* Finds the arenas. None is no error: the target may use malloc() alone. */
struct inspect_error *pymalloc_init(struct pymalloc *pymalloc, struct cpython *cpython)
	__attribute__((warn_unused_result));
void pymalloc_deinit(struct pymalloc *pymalloc);

/* How many pools the arena has made. */
size_t pymalloc_pool_count(const struct pymalloc *pymalloc, const struct pymalloc_arena *arena);
/* Reads the header of pool number @number of @arena. False if it cannot be read. */
bool pymalloc_pool_read(const struct pymalloc *pymalloc, const struct pymalloc_arena *arena, size_t number,
			struct pymalloc_pool *pool_ret);

/* Which blocks of @pool, a sane one that is not free, are free: a bit each, block 0 the lowest of word 0. False if its list
 * of them is broken: *@broken_ret is then the address of the link that leads astray, or 0 if it is too long or too
 * short for what the header says; the bits of what came before it are set. */
struct pymalloc_free {
	uint64_t bits[PYMALLOC_BLOCKS_MAX / 64];
};
bool pymalloc_free_blocks(const struct pymalloc *pymalloc, const struct pymalloc_pool *pool, struct pymalloc_free *free_ret,
			  uint64_t *broken_ret);

static inline bool pymalloc_is_free(const struct pymalloc_free *free, uint32_t block)
{
	return free->bits[block / 64] >> block % 64 & 1;
}

static inline uint64_t pymalloc_block(const struct pymalloc_pool *pool, uint32_t block)
{
	return pool->address + pool->first_offset + (uint64_t)block * pool->block_size;
}

/* The arena that @address is in, or NULL; and the pool, false if it is in none that has been made. */
const struct pymalloc_arena *pymalloc_arena_at(const struct pymalloc *pymalloc, uint64_t address);
bool pymalloc_pool_at(const struct pymalloc *pymalloc, uint64_t address, struct pymalloc_pool *pool_ret);

#endif
