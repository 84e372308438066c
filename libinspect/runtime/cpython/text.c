/* SPDX-License-Identifier: MIT */
/*
 * text.c - the whole text of str, bytes and bytearray objects.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "runtime/cpython/cpython.h"
#include "runtime/cpython/str.h"

static bool str_text(struct cpython *cpython, uint64_t address, uint64_t limit, struct runtime_text *text)
{
	struct cpython_str str;
	if (!cpython_str_open(cpython, address, &str))
		return false;
	text->length = (uint64_t)str.length;
	text->too_long = text->length > limit;
	if (!text->too_long && !cpython->runtime.redacted)
		text->bytes = cpython_str_text_sized(cpython, &str, (size_t)str.length, &text->size);
	return text->too_long || cpython->runtime.redacted || text->bytes;
}

/* The bytes at @start, as many as ob_size says. */
static bool byte_text(struct cpython *cpython, uint64_t address, uint64_t start, uint64_t limit, struct runtime_text *text)
{
	int64_t length;
	if (!read_ssize(cpython, address, cpython->layout.var_size, &length) || length < 0)
		return false;
	text->is_bytes = true;
	text->length = (uint64_t)length;
	text->too_long = text->length > limit;
	if (text->too_long || cpython->runtime.redacted)
		return true;
	/* no memory for more than the target has */
	if (length && !target_has(cpython->target, start, (uint64_t)length))
		return false;
	text->bytes = malloc((size_t)length + 1);
	struct inspect_error *error INSPECT_ERROR_AUTO =
		text->bytes && length ? target_read(cpython->target, start, text->bytes, (size_t)length) : NULL;
	if (!text->bytes || error) {
		free(text->bytes);
		text->bytes = NULL;
		return false;
	}
	text->bytes[length] = '\0';
	text->size = (size_t)length;
	return true;
}

bool cpython_text(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t limit, struct runtime_text *text_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	const struct cpython_type *described = cpython_type_at(cpython, type);
	uint64_t start;
	*text_ret = (struct runtime_text){ 0 };
	if (described->flags & TPFLAGS_UNICODE_SUBCLASS)
		return str_text(cpython, address, limit, text_ret);
	if (described->flags & TPFLAGS_BYTES_SUBCLASS)
		return cpython->layout.bytes_data != LAYOUT_ABSENT &&
		       byte_text(cpython, address, address + (uint64_t)cpython->layout.bytes_data, limit, text_ret);
	return read_pointer(cpython, address, cpython->layout.bytearray_start, &start) &&
	       byte_text(cpython, address, start, limit, text_ret);
}
