/* SPDX-License-Identifier: MIT */
/*
 * traits.h - what the objects of each type can do, asked of the runtime once.
 */
#ifndef INSPECT_VERBS_TRAITS_H
#define INSPECT_VERBS_TRAITS_H

#include "graph/heap.h"

struct traits {
	uint8_t *of_type; /* enum runtime_trait by index of type */
	const struct heap *heap;
};

struct inspect_error *traits_init(struct traits *traits, const struct heap *heap) __attribute__((warn_unused_result));
void traits_deinit(struct traits *traits);

static inline unsigned int traits_of(const struct traits *traits, uint32_t id)
{
	return traits->of_type[traits->heap->type[id]];
}

#endif
