/* SPDX-License-Identifier: MIT */
/*
 * traverse_code.h - which words of an object its tp_traverse looks at, found out from the function's machine code.
 *
 * A scan finds what objects of an undescribed type hold, but not what the collector is told of: Cython, for one,
 * passes over members that cannot be in cycles (cdef str name). The function itself says it. Its code is interpreted,
 * in the target's memory, for all objects of the type at once: a word that it loads may be visited, one that it does
 * not load cannot be. Where the code may look at the object in a way that this does not follow, nothing is known.
 */
#ifndef INSPECT_CPYTHON_TRAVERSE_CODE_H
#define INSPECT_CPYTHON_TRAVERSE_CODE_H

#include "runtime/cpython/cpython.h"

enum { TRAVERSE_WORDS = 1024 }; /* of the object's beginning; what goes beyond is not followed */

struct traverse_code {
	bool known;
	uint64_t words[TRAVERSE_WORDS / 64]; /* a bit for each one that is loaded */
};

/* Reads the code of @function, the tp_traverse of the C class at @class, for objects of the type at @type, which is
 * @class or derives from it. Reads a bounded number of instructions, and of all types of a target together, too.
 * The table of types is locked. @code->known is false where the code does not tell, on other machines than x86-64,
 * and in builds without libcapstone. */
void traverse_code_read(struct cpython *cpython, uint64_t type, uint64_t class, uint64_t function,
			struct traverse_code *code);

/* May the word at @offset of the object be visited? */
static inline bool traverse_code_visits(const struct traverse_code *code, int64_t offset)
{
	uint64_t word = (uint64_t)offset / sizeof(uint64_t);
	return !code->known || (word < TRAVERSE_WORDS && code->words[word / 64] >> word % 64 & 1);
}

#endif
