/* SPDX-License-Identifier: MIT */
/*
 * id_set.c - a set of objects.
 */
#include "analysis/id_set.h"

#include <stdlib.h>

#include "base/error.h"

struct inspect_error *id_set_init(struct id_set *set, size_t id_count)
{
	size_t words = id_count / 64 + 1;
	*set = (struct id_set){ .bits = calloc(words, sizeof(*set->bits)), .words = words };
	return set->bits ? NULL : &inspect_error_no_memory;
}

struct inspect_error *id_set_seal(struct id_set *set)
{
	set->before = reallocarray(NULL, set->words, sizeof(*set->before));
	if (!set->before)
		return &inspect_error_no_memory;
	for (size_t word = 0; word < set->words; word++) {
		set->before[word] = (uint32_t)set->count;
		set->count += count_bits(set->bits[word]);
	}
	uint32_t *next = set->ids = reallocarray(NULL, set->count + 1, sizeof(*set->ids));
	if (!set->ids)
		return &inspect_error_no_memory;
	for (size_t word = 0; word < set->words; word++)
		for (uint64_t bits = set->bits[word]; bits; bits &= bits - 1)
			*next++ = (uint32_t)(word * 64 + (size_t)__builtin_ctzll(bits));
	return NULL;
}

void id_set_deinit(struct id_set *set)
{
	free(set->bits);
	free(set->before);
	free(set->ids);
	*set = (struct id_set){ 0 };
}
