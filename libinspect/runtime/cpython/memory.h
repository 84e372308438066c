/* SPDX-License-Identifier: MIT */
/*
 * memory.h - whose a place in the target's memory is, as far as CPython knows, and which objects its blocks have in them.
 */
#ifndef INSPECT_CPYTHON_MEMORY_H
#define INSPECT_CPYTHON_MEMORY_H

#include "runtime/cpython/cpython.h"

/* runtime_operations.memory, .spare, .allocated */
struct inspect_error *cpython_memory_at(struct runtime *runtime, uint64_t address, uint64_t block, uint64_t size,
					struct runtime_memory *memory_ret) __attribute__((warn_unused_result));
bool cpython_is_spare(struct runtime *runtime, uint64_t owner, uint32_t type, uint64_t block, uint64_t address);
struct inspect_error *cpython_allocated(struct runtime *runtime, struct runtime_allocated_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

/* Frees cpython->memory. */
void cpython_memory_destroy(struct cpython *cpython);

#endif
