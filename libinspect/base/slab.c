/* SPDX-License-Identifier: MIT */
/*
 * slab.c - pieces of chunks that grow. What is given is cleared here and not by the kernel when it is first read: memory
 * that is read before it is written costs a second fault, and all threads an interruption.
 */
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { FIRST_CHUNK = 1 << 17, LAST_CHUNK = 1 << 24, ALIGNMENT = 16 };

static bool add_chunk(struct slab *slab, size_t wanted)
{
	size_t size = slab->size ? slab->size * 2 : FIRST_CHUNK;
	if (size > LAST_CHUNK)
		size = LAST_CHUNK;
	if (size < wanted)
		size = wanted;
	if (!array_reserve(slab->chunks, slab->count, slab->capacity))
		return false;
	char *chunk = array_create_large(size, 1);
	if (!chunk)
		return false;
	slab->chunks[slab->count++] = chunk;
	slab->used = 0;
	slab->size = size;
	return true;
}

void *slab_allocate(struct slab *slab, size_t size)
{
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size > slab->size - slab->used && !add_chunk(slab, size))
		return NULL;
	char *piece = slab->chunks[slab->count - 1] + slab->used;
	slab->used += size;
	return memset(piece, 0, size);
}

void slab_deinit(struct slab *slab)
{
	for (size_t i = 0; i < slab->count; i++)
		free(slab->chunks[i]);
	free(slab->chunks);
	*slab = (struct slab){ 0 };
}
