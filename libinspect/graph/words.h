/* SPDX-License-Identifier: MIT */
/*
 * words.h - every word of a target's memory that is the address of one of some objects.
 */
#ifndef INSPECT_GRAPH_WORDS_H
#define INSPECT_GRAPH_WORDS_H

#include "graph/address_index.h"
#include "target/target.h"

struct found_word {
	uint64_t address; /* of the word */
	uint32_t subject; /* which of the objects: their place in ascending order */
};

struct found_words {
	struct found_word *items; /* by address */
	size_t count, capacity;
};

/* Looks through all writable memory for the @count addresses at @subjects, multiples of 8, ascending. The lowest three bits
 * of a word are not looked at. A target that does not say what is mapped has no words. On all cores. */
struct inspect_error *words_find(struct inspect_target *target, const uint64_t *subjects, size_t count,
				 struct found_words *words) __attribute__((warn_unused_result));
void words_deinit(struct found_words *words);

#endif
