/* SPDX-License-Identifier: MIT */
/*
 * slab.h - memory for many things of some KB that end together: from few large pieces, which large pages can back.
 */
#ifndef INSPECT_BASE_SLAB_H
#define INSPECT_BASE_SLAB_H

#include <stddef.h>

/* All zero is one of nothing. */
struct slab {
	char **chunks;
	size_t count, capacity; /* of chunks */
	size_t used, size;      /* bytes of the last one */
};

/* @size cleared bytes, aligned like malloc()'s. NULL when out of memory. For one thread at a time. */
void *slab_allocate(struct slab *slab, size_t size);
/* Frees all that it has given. */
void slab_deinit(struct slab *slab);

#endif
