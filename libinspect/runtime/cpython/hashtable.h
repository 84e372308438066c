/* SPDX-License-Identifier: MIT */
/*
 * hashtable.h - the entries of CPython's own hash tables, which are no objects: _Py_hashtable_t of
 * internal/pycore_hashtable.h.
 */
#ifndef INSPECT_CPYTHON_HASHTABLE_H
#define INSPECT_CPYTHON_HASHTABLE_H

#include "runtime/cpython/cpython.h"

/* A place in a table. */
struct hashtable_cursor {
	struct cpython *cpython;
	uint64_t bucket, end; /* the bucket to look at next, and the end of them all */
	uint64_t entry;       /* the entry to look at next; 0: the next bucket's first */
	uint64_t left;        /* entries still to come; damage makes no walk endless */
};

/* Begins to walk over the table at @address; 0 is an empty one. */
void hashtable_begin(struct hashtable_cursor *cursor, struct cpython *cpython, uint64_t address);
/* The next entry; false: that was all of them. */
bool hashtable_next(struct hashtable_cursor *cursor, uint64_t *key_ret, uint64_t *value_ret);

#endif
