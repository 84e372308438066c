/* SPDX-License-Identifier: MIT */
/*
 * fuzz_offsets.c - the input is memory with a _Py_DebugOffsets at its beginning.
 */
#include <elf.h>
#include <string.h>

#include "fuzz.h"

#include "base/error.h"
#include "runtime/cpython/layout.h"

void fuzz_one(const uint8_t *data, size_t size)
{
	const uint64_t base = 0x10000;
	struct target_segment segment = { .start = base, .end = base + size, .data = data, .image = -1, .readable = true };
	struct inspect_target target = {
		.name = (char *)"fuzz", .machine = EM_X86_64, .main_image = -1, .segments = &segment, .segment_count = size > 0,
	};
	struct layout layout;
	uint32_t version;
	bool free_threaded;
	layout_init(&layout);
	inspect_error_destroy(layout_from_debug_offsets(&target, base, &layout, &version, &free_threaded));
}
