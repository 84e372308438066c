/* SPDX-License-Identifier: MIT */
/*
 * read.c - reading C values out of the target by layout field.
 */
#include "runtime/cpython/cpython.h"

#include <inttypes.h>

/* Like target_read(), without an error in words where that is known at once: many addresses are only looked at because
 * they might be some. */
static bool read_quietly(struct inspect_target *target, uint64_t address, void *value, size_t size)
{
	if (target->segment_count && !target_has(target, address, size))
		return false;
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(target, address, value, size);
	return !error;
}

bool read_field_slow(struct cpython *cpython, uint64_t address, void *value, size_t size)
{
	if (read_quietly(cpython->target, address, value, size))
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
