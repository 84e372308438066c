/* SPDX-License-Identifier: MIT */
/*
 * refcounts.h - the references that objects and roots hold, against the objects' reference counts.
 */
#ifndef INSPECT_ANALYSIS_REFCOUNTS_H
#define INSPECT_ANALYSIS_REFCOUNTS_H

#include "graph/graph.h"

enum refcount_verdict {
	REFCOUNT_CLOSES,  /* all references are there, or its count means nothing */
	REFCOUNT_LOW,     /* more references than its count says: it will be freed while somebody holds it */
	REFCOUNT_LEAKED,  /* fewer than its count says, and nothing is left that could hold the rest */
	REFCOUNT_ORPHAN,  /* leaked, and nobody refers to it at all */
	REFCOUNT_HELD,    /* fewer, but there are places from which C code may hold the rest */
	REFCOUNT_DOUBTED, /* only a guess says that it is an object */
};

/* How the counts of all objects were made up. */
struct refcounts {
	int64_t *expected;  /* by id: references that are certain, of objects and roots */
	uint32_t *possible; /* by id: what may be further ones of objects: guesses, and what doubtful objects refer to */
	uint64_t *certain;  /* a bit for each object: a collector tracks it, or it is reached without a guess */
};

/* Adds them up, without guessed roots; but what a variable of C code (RUNTIME_ROOT_GLOBAL) leads to is an object for
 * certain. O(V + E). */
struct inspect_error *refcounts_count(const struct graph *graph, struct refcounts *refcounts)
	__attribute__((warn_unused_result));
void refcounts_deinit(struct refcounts *refcounts);

static inline bool refcounts_is_certain(const struct refcounts *refcounts, uint32_t id)
{
	return refcounts->certain[id / 64] >> id % 64 & 1;
}

/* A damaged object may have any count: sums of counts stop at the largest and the least number, and differences at such
 * that have an absolute value. */
static inline int64_t refcounts_sum(int64_t a, int64_t b)
{
	int64_t sum;
	return !__builtin_add_overflow(a, b, &sum) ? sum : b < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t refcounts_difference(int64_t a, int64_t b)
{
	int64_t difference;
	if (__builtin_sub_overflow(a, b, &difference))
		return b > 0 ? -INT64_MAX : INT64_MAX;
	return difference < -INT64_MAX ? -INT64_MAX : difference;
}

/* How many references more object @id has than are certain; negative: fewer. 0 if its count means nothing. @heap has
 * reference counts. */
int64_t refcounts_excess(const struct refcounts *refcounts, const struct heap *heap, uint32_t id);

/* The verdict on object @id, whose count may be higher by @more, and lower by @fewer, than what is certain, since the runtime
 * is so; and higher by @possible, which may hold it. */
enum refcount_verdict refcounts_judge(const struct refcounts *refcounts, const struct heap *heap, uint32_t id,
				      int64_t possible, int64_t more, int64_t fewer);

#endif
