/* SPDX-License-Identifier: MIT */
/*
 * hashtable.c - the entries of CPython's own hash tables: Python/hashtable.c, 3.9 to 3.15.
 *
 * A bucket is the head of a list of entries.
 */
#include "runtime/cpython/hashtable.h"

enum {
	WORD = sizeof(uint64_t),
	ENTRIES_LIMIT = 1 << 16, /* one for each extension module, or each algorithm */
	BUCKETS_LIMIT = 1 << 20,
};

void hashtable_begin(struct hashtable_cursor *cursor, struct cpython *cpython, uint64_t address)
{
	const struct layout *layout = &cpython->layout;
	uint64_t buckets;
	int64_t bucket_count, count;
	*cursor = (struct hashtable_cursor){ .cpython = cpython };
	if (!address || !read_ssize(cpython, address, layout->hashtable_count, &count) ||
	    !read_ssize(cpython, address, layout->hashtable_bucket_count, &bucket_count) ||
	    !read_pointer(cpython, address, layout->hashtable_buckets, &buckets) || count < 0 || count > ENTRIES_LIMIT ||
	    bucket_count < 0 || bucket_count > BUCKETS_LIMIT)
		return;
	cursor->bucket = buckets;
	cursor->end = buckets + (uint64_t)bucket_count * WORD;
	cursor->left = (uint64_t)count;
}

bool hashtable_next(struct hashtable_cursor *cursor, uint64_t *key_ret, uint64_t *value_ret)
{
	struct cpython *cpython = cursor->cpython;
	const struct layout *layout = &cpython->layout;
	for (; !cursor->entry; cursor->bucket += WORD)
		if (!cursor->left || cursor->bucket == cursor->end ||
		    !read_pointer(cpython, cursor->bucket, 0, &cursor->entry))
			return false;
	uint64_t entry = cursor->entry;
	cursor->left--;
	if (!read_pointer(cpython, entry, layout->hashtable_entry_next, &cursor->entry) ||
	    !read_pointer(cpython, entry, layout->hashtable_entry_key, key_ret) ||
	    !read_pointer(cpython, entry, layout->hashtable_entry_value, value_ret))
		return false;
	if (!cursor->left)
		cursor->entry = 0;
	return true;
}
