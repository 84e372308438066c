/* SPDX-License-Identifier: MIT */
/*
 * external.h - blocks in temporary files, for what --max-memory, or the system, leaves no room for.
 *
 * Each block is a file without a name, mapped shared and not held open: the kernel writes its pages out when it wants their memory, and they
 * are no part of what --max-memory and RLIMIT_DATA count. memory.c decides what is put there and gives it back through
 * free() as any other block, so nobody else has to know.
 */
#ifndef INSPECT_BASE_EXTERNAL_H
#define INSPECT_BASE_EXTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits;

enum { EXTERNAL_PAGE = 4096 };

/* How many there are, of all threads and targets. */
extern size_t external_count; /* atomic */

/* The folder that temporary files of a call within @limits go to: the one that was asked for, or else the first one of
 * $TMPDIR, /var/tmp and /tmp that is not in memory. NULL: to none. */
const char *external_folder(const struct limits *limits);

/* A block of @size zeroes, on the disk from the beginning: that the disk gets full later does not matter. NULL if it cannot
 * be had; limits_explain() then says why. Only for a call that has limits. */
void *external_create(size_t size);
/* @block with room for @size bytes, elsewhere if it grows; NULL if that cannot be had, and it stays as it is. */
void *external_resize(void *block, size_t size);
void external_destroy(void *block);
/* The bytes that there is room for in the block at @pointer; 0 if it is none of these. */
size_t external_size_of(const void *pointer);

/* The same for any pointer, for next to nothing: they are pages, and hardly any other block is. */
static inline size_t external_size(const void *pointer)
{
	if ((uintptr_t)pointer % EXTERNAL_PAGE || !__atomic_load_n(&external_count, __ATOMIC_RELAXED))
		return 0;
	return external_size_of(pointer);
}

#endif
