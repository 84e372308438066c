/* SPDX-License-Identifier: MIT */
/*
 * outside.h - words of memory that lead to objects and are no reference of the graph's: in C variables, on C stacks, in
 * memory that C code has allocated.
 */
#ifndef INSPECT_GRAPH_OUTSIDE_H
#define INSPECT_GRAPH_OUTSIDE_H

#include "graph/graph.h"

/* Those that are the likelier to hold come first. */
enum outside_kind {
	OUTSIDE_GLOBAL,   /* in the data of an executable or a library */
	OUTSIDE_THREAD,   /* in a thread's own structure: thread-local variables */
	OUTSIDE_BLOCK,    /* in a block of the runtime's allocator that is no object */
	OUTSIDE_MALLOC,   /* in a block of malloc()'s that is no object */
	OUTSIDE_MEMORY,   /* elsewhere */
	OUTSIDE_STACK,    /* on the part of a thread's C stack that is in use */
	OUTSIDE_REGISTER, /* in a register of a thread */
	OUTSIDE_FRAME,    /* on the stack of a function that runs, if that is so high */
	OUTSIDE_OBJECT,   /* in an object, but no reference that it holds */
};

struct outside_word {
	uint32_t subject;      /* which of the objects asked for */
	enum outside_kind kind;
	uint64_t address;      /* of the word; 0: a register */
	uint64_t block, size;  /* of the block that it is in; 0: none */
	pid_t thread;          /* whose stack, register or structure; 0: unknown */
	const char *name;      /* of the register; a constant */
};

struct outside_words {
	struct outside_word *items; /* by subject */
	size_t count, capacity;
	bool partial; /* the target does not say what is mapped: only C variables, stacks and registers were looked at */
};

/* Finds what leads to the @count objects at @subjects (addresses, ascending) from outside. Objects among @known (ascending,
 * @known_count of them), which the graph lacks, are objects all the same: what they refer to is not outside. */
struct inspect_error *outside_find(const struct graph *graph, const uint64_t *subjects, size_t count,
				   const uint64_t *known, const uint32_t *known_types, size_t known_count,
				   struct outside_words *words) __attribute__((warn_unused_result));
void outside_deinit(struct outside_words *words);

#endif
