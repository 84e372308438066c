/* SPDX-License-Identifier: MIT */
/*
 * uncollectable.h - unreachable objects that a collection does not free: finalizers of the old kind want their objects
 * whole.
 */
#ifndef INSPECT_VERBS_UNCOLLECTABLE_H
#define INSPECT_VERBS_UNCOLLECTABLE_H

#include "analysis/unreachable.h"
#include "verbs/traits.h"

/* A collection sets unreachable objects with finalizers of the old kind apart, and all that these lead to, before it looks
 * for weak references and finalizers: move_legacy_finalizers() and move_legacy_finalizer_reachable() of
 * Modules/gcmodule.c (Python/gc.c from 3.13 on). What nothing but the others held is freed with them, though. */
enum apart {
	NOT_APART,
	APART_UNCOLLECTABLE,
	APART_FREED,
};

/* (*apart_ret)[id] becomes an enum apart, for each object of the graph's heap, which has reference counts. The caller
 * frees the array. */
struct inspect_error *uncollectable_find(const struct graph *graph, const struct unreachable *unreachable,
					 const struct traits *traits, uint8_t **apart_ret)
	__attribute__((warn_unused_result));

#endif
