/* SPDX-License-Identifier: MIT */
/*
 * unreachable.h - what a collection would find unreachable, by the collector's own reasoning.
 *
 * A collection looks at some generations of one collector. It copies the reference counts of their objects, subtracts
 * the references that these objects hold to each other, and so knows which are held from elsewhere; those and all that
 * they lead to stay. The rest is unreachable: CPython's Modules/gcmodule.c (Python/gc.c from 3.13 on),
 * deduce_unreachable().
 */
#ifndef INSPECT_ANALYSIS_UNREACHABLE_H
#define INSPECT_ANALYSIS_UNREACHABLE_H

#include "analysis/id_set.h"
#include "graph/graph.h"

/* What collections look at: each collector at its own objects, as if all collected at once. */
struct collection_scope {
	unsigned int generations; /* bit g: generation g */
	uint64_t collectors[HEAP_COLLECTORS_MAX / 64]; /* bit c: runtime->collectors[c] */
	/* Are guessed references (RUNTIME_GUESSED) true? If not, they keep what they lead to from being unreachable, and
	 * nothing that is held is called unreachable for a guess. If so, cycles through objects of types that nobody
	 * described are found, and a wrong guess may let something seem unreachable. */
	bool believe_guesses;
	/* By index of type: not 0, if its objects have finalizers of the old kind, which want their objects whole. NULL: no
	 * type has. */
	const uint8_t *legacy;
};

/* What became of each object: one byte an object. */
enum verdict {
	VERDICT_OUTSIDE,     /* the collection does not look at it */
	VERDICT_REACHABLE,   /* it is held from elsewhere, or by what is */
	VERDICT_UNREACHABLE,
	VERDICT_HANGING,     /* neither of these, but held by unreachable objects alone that are freed: it is freed with them */
};

/* A collection sets unreachable objects with finalizers of the old kind apart, and all that these lead to, before it looks
 * for weak references and finalizers: move_legacy_finalizers() and move_legacy_finalizer_reachable(). What nothing but the
 * other unreachable objects held is freed with them, though. */
enum apart {
	NOT_APART,
	APART_UNCOLLECTABLE, /* it stays */
	APART_FREED,
};

struct unreachable {
	uint8_t *verdict;    /* enum verdict of each object */
	struct id_set garbage; /* sealed: those with VERDICT_UNREACHABLE */
	uint8_t *apart;      /* enum apart of each of them, by its place in the set; NULL: nothing is set apart */
	struct id_set freed; /* sealed: and those with VERDICT_HANGING */
	size_t count;        /* objects with VERDICT_UNREACHABLE */
	size_t hanging;      /* objects with VERDICT_HANGING */
	size_t scanned;      /* of the objects looked at: those of types that are not described */
	size_t negative;     /* objects with more references to them than their count says: damage, or a type's
			      * description is wrong */
	uint32_t first_negative; /* the lowest id of one of them */
};

/* Finds what collections of @scope would find unreachable. @refcount is each object's reference count. The objects
 * for which @scope holds and whose @refcount means nothing (RUNTIME_IMMORTAL) stay. */
struct inspect_error *unreachable_find(const struct graph *graph, const int64_t *refcount,
				       const struct collection_scope *scope, struct unreachable *unreachable)
	__attribute__((warn_unused_result));
void unreachable_deinit(struct unreachable *unreachable);

/* What becomes of object @id, if it is unreachable, before others are cleared. */
static inline enum apart unreachable_apart(const struct unreachable *unreachable, uint32_t id)
{
	uint32_t place;
	return unreachable->apart && id_set_find(&unreachable->garbage, id, &place) ? unreachable->apart[place] : NOT_APART;
}

#endif
