/* SPDX-License-Identifier: MIT */
/*
 * array.h - growing plain C arrays.
 */
#ifndef INSPECT_BASE_ARRAY_H
#define INSPECT_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Makes room for one more item in the array at *@items. False when out of memory. */
static inline bool array_grow(void **items, size_t count, size_t *capacity, size_t item_size)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? *capacity + *capacity / 2 + 1 : 8;
	void *grown = reallocarray(*items, wanted, item_size);
	if (!grown)
		return false;
	*items = grown;
	*capacity = wanted;
	return true;
}

/* array_reserve(list->items, list->count, list->capacity) */
#define array_reserve(items, count, capacity) \
	array_grow((void **)&(items), count, &(capacity), sizeof(*(items)))

/* An array of @count items (not cleared) that may be hundreds of MB long, for free(): the kernel is asked for large pages,
 * so that touching them all costs less. Never NULL for want of items. */
void *array_create_large(size_t count, size_t item_size);

static inline void free_cleanup(void *pointer)
{
	free(*(void **)pointer);
}

/* char *text AUTO_FREE = NULL; */
#define AUTO_FREE __attribute__((cleanup(free_cleanup)))

#endif
