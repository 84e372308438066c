/* SPDX-License-Identifier: MIT */
/*
 * str.c - the text of str objects.
 *
 * A str is one of (Include/cpython/unicodeobject.h, 3.6 … 3.15):
 *   compact ASCII   PyASCIIObject, then the bytes
 *   compact         PyCompactUnicodeObject, then code points of 1, 2 or 4 bytes
 *   legacy          PyUnicodeObject with a pointer to the code points: subclasses of str, and before 3.12
 *                   what
 *                   old C interfaces made; the latter, while not `ready`, has only a wchar_t string
 */
#include "runtime/cpython/str.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/cpython/cpython.h"

/* The bits of PyASCIIObject.state: the same in all versions with a global interpreter lock. */
enum {
	STATE_KIND_SHIFT = 2,
	STATE_KIND_MASK = 7,
	STATE_COMPACT = 1 << 5,
	STATE_ASCII = 1 << 6,
	STATE_READY = 1 << 7, /* 3.6 … 3.11 */
};

/* A str that is not ready has neither length nor kind yet, only wstr. */
static bool open_unready(struct cpython *cpython, uint64_t address, struct cpython_str *str)
{
	str->kind = sizeof(uint32_t);
	return read_ssize(cpython, address, cpython->layout.str_wstr_length, &str->length) &&
	       read_pointer(cpython, address, cpython->layout.str_wstr, &str->data) && str->length >= 0;
}

/* Anything may stand where a str usually does: a class's __module__ may be an int. */
static bool is_str(struct cpython *cpython, uint64_t address)
{
	uint64_t type, flags;
	return read_pointer(cpython, address, cpython->layout.object_type, &type) &&
	       read_pointer(cpython, type, cpython->layout.type_flags, &flags) &&
	       (flags & TPFLAGS_UNICODE_SUBCLASS);
}

bool cpython_str_open(struct cpython *cpython, uint64_t address, struct cpython_str *str)
{
	const struct layout *layout = &cpython->layout;
	*str = (struct cpython_str){ 0 };

	int32_t bits;
	if (!is_str(cpython, address) || !read_int32(cpython, address, layout->str_state, &bits))
		return false;
	str->kind = (uint32_t)bits >> STATE_KIND_SHIFT & STATE_KIND_MASK;
	str->compact = bits & STATE_COMPACT;
	str->ascii = bits & STATE_ASCII;

	str->ready = layout->str_wstr == LAYOUT_ABSENT || (bits & STATE_READY);
	if (!str->ready)
		return str->kind == 0 && !str->compact && open_unready(cpython, address, str);

	if (str->kind != 1 && str->kind != 2 && str->kind != 4)
		return false;
	if (str->ascii && str->kind != 1)
		return false;
	if (!read_ssize(cpython, address, layout->str_length, &str->length) || str->length < 0 ||
	    str->length > INT64_MAX / 4)
		return false;

	if (!str->compact)
		return read_pointer(cpython, address, layout->str_data, &str->data);
	int32_t header = str->ascii ? layout->size_of_str_ascii : layout->size_of_str_compact;
	str->data = address + (uint64_t)header;
	return header != LAYOUT_ABSENT;
}

/* The bytes of the code points [@first, @first + @count), in place or copied to memory that *@copy then owns;
 * NULL if they cannot be read. */
static const uint8_t *str_bytes(struct cpython *cpython, const struct cpython_str *str, int64_t first,
				size_t count, void **copy)
{
	if (first < 0 || first > str->length || count > (uint64_t)(str->length - first) || !str->data)
		return NULL;
	uint64_t start = str->data + (uint64_t)first * str->kind;
	uint64_t size = count * str->kind;
	const uint8_t *bytes = target_map(cpython->target, start, size);
	if (bytes || !target_has(cpython->target, start, size))
		return bytes;

	*copy = malloc(size);
	if (!*copy)
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read(cpython->target, start, *copy, size);
	return error ? NULL : *copy;
}

static uint32_t character_at(const uint8_t *bytes, unsigned int kind, size_t index)
{
	uint32_t character = 0;
	memcpy(&character, bytes + index * kind, kind);
	return character;
}

bool cpython_str_copy(struct cpython *cpython, const struct cpython_str *str, int64_t first, size_t count,
		      uint32_t *text)
{
	if (!count)
		return true;
	void *copy AUTO_FREE = NULL;
	const uint8_t *bytes = str_bytes(cpython, str, first, count, &copy);
	if (!bytes)
		return false;
	for (size_t i = 0; i < count; i++)
		text[i] = character_at(bytes, str->kind, i);
	return true;
}

/* utf8_append() for any 32 bits: what has no UTF-8 is escaped. At most ESCAPED_MAX bytes. */
enum { ESCAPED_MAX = sizeof("\\Uffffffff") };
static char *append_escaped(char *end, uint32_t character)
{
	if (character >= 0xd800 && character <= 0xdfff)
		return end + sprintf(end, "\\u%04x", character);
	if (character > 0x10ffff)
		return end + sprintf(end, "\\U%08x", character);
	return utf8_append(end, character);
}

char *cpython_str_text_sized(struct cpython *cpython, const struct cpython_str *str, size_t count, size_t *size_ret)
{
	void *copy AUTO_FREE = NULL;
	const uint8_t *bytes = NULL;
	if (count) {
		bytes = str_bytes(cpython, str, 0, count, &copy);
		if (!bytes)
			return NULL;
	}

	/* the text is there, so its size is no more than the target's */
	char *text = malloc(count * (str->ascii ? 1 : ESCAPED_MAX) + ESCAPED_MAX);
	if (!text)
		return NULL;
	char *end = text;
	for (size_t i = 0; i < count; i++) {
		uint32_t character = character_at(bytes, str->kind, i);
		end = append_escaped(end, str->ascii ? character & 0x7f : character);
	}
	*end = '\0';
	*size_ret = (size_t)(end - text);
	return text;
}

char *cpython_str_text(struct cpython *cpython, uint64_t address, size_t limit, int64_t *length_ret)
{
	struct cpython_str str;
	size_t size;
	if (!cpython_str_open(cpython, address, &str))
		return NULL;
	if (length_ret)
		*length_ret = str.length;
	return cpython_str_text_sized(cpython, &str, (uint64_t)str.length < limit ? (size_t)str.length : limit, &size);
}

bool cpython_str_equals(struct cpython *cpython, uint64_t address, const char *text)
{
	struct cpython_str str;
	size_t length = strlen(text);
	if (!cpython_str_open(cpython, address, &str) || !str.ascii || (uint64_t)str.length != length)
		return false;
	if (!length)
		return true;
	void *copy AUTO_FREE = NULL;
	const uint8_t *bytes = str_bytes(cpython, &str, 0, length, &copy);
	return bytes && !memcmp(bytes, text, length);
}
