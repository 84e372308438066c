/* SPDX-License-Identifier: MIT */
/*
 * traits.c - what the objects of each type can do.
 */
#include "verbs/traits.h"

#include <stdlib.h>

#include "base/error.h"

struct inspect_error *traits_init(struct traits *traits, const struct heap *heap)
{
	struct runtime *runtime = heap->runtime;
	*traits = (struct traits){ .heap = heap, .of_type = calloc(runtime->type_count + 1, sizeof(*traits->of_type)) };
	if (!traits->of_type)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < runtime->type_count; i++)
		traits->of_type[i] = (uint8_t)runtime->operations->traits(runtime, (uint32_t)i);
	return NULL;
}

void traits_deinit(struct traits *traits)
{
	free(traits->of_type);
	*traits = (struct traits){ 0 };
}
