/* SPDX-License-Identifier: MIT */
/*
 * read.c - reading C values out of the target by layout field.
 */
#include "runtime/cpython/cpython.h"

#include <inttypes.h>

static bool read_field(struct cpython *cpython, uint64_t address, int32_t offset, void *value, size_t size)
{
	memset(value, 0, size);
	if (offset == LAYOUT_ABSENT || address == 0)
		return false;
	const void *bytes = target_map(cpython->target, address + (uint64_t)offset, size);
	if (bytes) {
		memcpy(value, bytes, size);
		return true;
	}
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read(cpython->target, address + (uint64_t)offset, value, size);
	if (!error)
		return true;
	if (!cpython->lost_address && target_is_lost(cpython->target, address + (uint64_t)offset))
		cpython->lost_address = address + (uint64_t)offset;
	memset(value, 0, size);
	return false;
}

bool read_pointer(struct cpython *cpython, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

bool read_ssize(struct cpython *cpython, uint64_t address, int32_t offset, int64_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

bool read_int32(struct cpython *cpython, uint64_t address, int32_t offset, int32_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

bool read_uint8(struct cpython *cpython, uint64_t address, int32_t offset, uint8_t *value_ret)
{
	return read_field(cpython, address, offset, value_ret, sizeof(*value_ret));
}

struct inspect_error *cpython_unreadable(struct cpython *cpython, uint64_t address, const char *what)
{
	uint64_t word;
	struct inspect_error *error = target_read_u64(cpython->target, address, &word);
	if (error)
		return inspect_error_prefix(error, "%s", what);
	return inspect_error_create(INSPECT_ERROR_CORRUPT, "%s at 0x%" PRIx64 " makes no sense", what, address);
}
