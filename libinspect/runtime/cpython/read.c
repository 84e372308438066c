/* SPDX-License-Identifier: MIT */
/*
 * read.c - reading C values out of the target by layout field.
 */
#include "runtime/cpython/cpython.h"

#include <inttypes.h>

bool read_field_slow(struct cpython *cpython, uint64_t address, void *value, size_t size)
{
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(cpython->target, address, value, size);
	if (!error)
		return true;
	if (!__atomic_load_n(&cpython->lost_address, __ATOMIC_RELAXED) && target_is_lost(cpython->target, address))
		__atomic_store_n(&cpython->lost_address, address, __ATOMIC_RELAXED);
	memset(value, 0, size);
	return false;
}

struct inspect_error *cpython_unreadable(struct cpython *cpython, uint64_t address, const char *what)
{
	uint64_t word;
	struct inspect_error *error = target_read_u64(cpython->target, address, &word);
	if (error)
		return inspect_error_prefix(error, "%s", what);
	return inspect_error_create(INSPECT_ERROR_CORRUPT, "%s at 0x%" PRIx64 " makes no sense", what, address);
}
