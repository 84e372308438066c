/* SPDX-License-Identifier: MIT */
/*
 * integrity.h - is the heap whole?
 */
#ifndef INSPECT_ANALYSIS_INTEGRITY_H
#define INSPECT_ANALYSIS_INTEGRITY_H

#include "graph/heap.h"

/* Something that is damaged. */
struct integrity_finding {
	enum runtime_check check;
	uint64_t address; /* of the object, or 0 */
	uint64_t place;   /* of the word, or 0 */
	uint64_t cause;
	bool if_held;
	char *message;
};

/* What checking a heap found: in the order of checks, then of addresses. */
struct integrity {
	struct integrity_finding *items;
	size_t count, capacity;
	uint64_t left_out; /* findings beyond those that are kept */
	uint64_t checked;  /* objects that were looked at */
	uint64_t damaged;  /* different objects among the findings */
	struct runtime_verified verified;
};

/* Checks the objects of @heap and the runtime's structures: those @checks (bits by enum runtime_check) that are wanted.
 * What could not be checked goes to @notes. */
struct inspect_error *integrity_check(const struct heap *heap, unsigned int checks, struct integrity *integrity,
				      struct notes *notes) __attribute__((warn_unused_result));
void integrity_deinit(struct integrity *integrity);

/* "lists", "heads" ... */
const char *integrity_check_name(unsigned int check);

#endif
