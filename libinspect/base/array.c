/* SPDX-License-Identifier: MIT */
/*
 * array.c - large arrays.
 */
#include "base/array.h"

#include <stdint.h>
#include <sys/mman.h>

void *array_create_large(size_t count, size_t item_size)
{
	enum { LARGE_PAGE = 1 << 21 };
	size_t size;
	if (__builtin_mul_overflow(count, item_size, &size) || size > SIZE_MAX - LARGE_PAGE)
		return NULL;
	if (size < 4 * LARGE_PAGE)
		return reallocarray(NULL, size / sizeof(uint64_t) + 1, sizeof(uint64_t)); /* which may be put into a file */
	void *items = aligned_alloc(LARGE_PAGE, (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
	if (items)
		madvise(items, size, MADV_HUGEPAGE); /* only a wish */
	return items;
}
