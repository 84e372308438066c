/* SPDX-License-Identifier: MIT */
/*
 * collector.h - where a collector keeps its state, whatever the version, and what it says.
 */
#ifndef INSPECT_CPYTHON_COLLECTOR_H
#define INSPECT_CPYTHON_COLLECTOR_H

#include "runtime/cpython/cpython.h"
#include "runtime/gc_list.h"

/* Addresses of a collector's variables; 0: this version or build does not have it, or it is not known where. */
struct collector_places {
	uint64_t state; /* of the collector as a whole */
	uint64_t enabled, debug, collecting;
	uint64_t garbage, callbacks; /* pointers to lists */
	unsigned int generation_count;
	uint64_t threshold[3], count[3];
	uint64_t stats[3]; /* struct gc_generation_stats */
	struct gc_list lists[5];
	unsigned int list_count;
};

/* How many collectors there are: one per interpreter, before 3.9 one in all. */
size_t collector_count(const struct cpython *cpython);
void collector_places(struct cpython *cpython, size_t number, struct collector_places *places);
/* Is a collection under way? */
bool collector_is_collecting(struct cpython *cpython, const struct collector_places *places);
/* The neighbours of the PyGC_Head at @head, without the flags in their low bits. */
bool gc_head_read(struct cpython *cpython, uint64_t head, uint64_t *next_ret, uint64_t *previous_ret);

/* Fills runtime.collectors. */
struct inspect_error *collectors_read(struct cpython *cpython) __attribute__((warn_unused_result));
/* runtime_operations.walk */
struct inspect_error *collectors_walk(struct runtime *runtime, struct runtime_sink *sink, struct notes *notes);

/* Sends what is wrong with their lists to @verifier. */
struct inspect_error *collectors_verify(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes)
	__attribute__((warn_unused_result));

#endif
