/* SPDX-License-Identifier: MIT */
/*
 * memory.c - counting what is allocated.
 */
#include "base/memory.h"

#include <errno.h>

#include "base/limits.h"

/* Messages and notes about what was refused must still find room. */
enum { SMALL = 1 << 12, SMALL_RESERVE = 1 << 20 };

/* ---- the count ------------------------------------------------------------------------------------------- */

static void refuse(struct limits *limits, int64_t held, uint64_t size)
{
	uint64_t none = 0;
	if (__atomic_compare_exchange_n(&limits->refused, &none, size, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		limits->held = held;
}

bool memory_reserve(uint64_t size)
{
	struct limits *limits = limits_current;
	if (!limits)
		return true;
	uint64_t most = limits->allowed.max_memory;
	int64_t held = __atomic_load_n(&limits->memory, __ATOMIC_RELAXED);
	if (most) {
		uint64_t used = held > 0 ? (uint64_t)held : 0;
		most += size <= SMALL ? SMALL_RESERVE : 0;
		if (size > most || used > most - size) {
			refuse(limits, held, size);
			return false;
		}
	}
	__atomic_fetch_add(&limits->memory, size, __ATOMIC_RELAXED);
	return true;
}

bool memory_has_room(void)
{
	const struct limits *limits = limits_current;
	return !limits || !limits->allowed.max_memory || limits->memory < 0 ||
	       (uint64_t)limits->memory < limits->allowed.max_memory;
}

void memory_release(uint64_t size)
{
	struct limits *limits = limits_current;
	if (limits)
		__atomic_fetch_sub(&limits->memory, size, __ATOMIC_RELAXED);
}

/* Corrects what was counted for @pointer, which is the size that was asked for. NULL stays NULL. */
static void *settle(void *pointer, uint64_t counted)
{
	struct limits *limits = limits_current;
	if (limits)
		__atomic_fetch_add(&limits->memory, (pointer ? malloc_usable_size(pointer) : 0) - counted,
				   __ATOMIC_RELAXED);
	return pointer;
}

void memory_take(void *pointer)
{
	settle(pointer, 0);
}

void memory_give(void *pointer)
{
	if (limits_current)
		memory_release(malloc_usable_size(pointer));
}

/* ---- blocks ---------------------------------------------------------------------------------------------- */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *memory_malloc(size_t size)
{
	return memory_reserve(size) ? settle((malloc)(size), size) : no_memory();
}

void *memory_calloc(size_t count, size_t size)
{
	size_t both;
	if (__builtin_mul_overflow(count, size, &both) || !memory_reserve(both))
		return no_memory();
	return settle((calloc)(count, size), both);
}

void *memory_realloc(void *pointer, size_t size)
{
	size_t before = pointer && limits_current ? malloc_usable_size(pointer) : 0;
	size_t more = size > before ? size - before : 0;
	if (!memory_reserve(more))
		return no_memory();
	void *moved = (realloc)(pointer, size);
	if (moved || !size)
		settle(moved, before + more);
	else
		memory_release(more);
	return moved;
}

void *memory_reallocarray(void *pointer, size_t count, size_t size)
{
	size_t both;
	return __builtin_mul_overflow(count, size, &both) ? no_memory() : memory_realloc(pointer, both);
}

void *memory_aligned_alloc(size_t alignment, size_t size)
{
	return memory_reserve(size) ? settle((aligned_alloc)(alignment, size), size) : no_memory();
}

void memory_free(void *pointer)
{
	if (pointer)
		memory_give(pointer);
	(free)(pointer);
}

/* ---- text ------------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text, size_t length)
{
	char *copy = memory_malloc(length + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *memory_strdup(const char *text)
{
	return copy_text(text, strlen(text));
}

char *memory_strndup(const char *text, size_t size)
{
	return copy_text(text, strnlen(text, size));
}

int memory_vasprintf(char **text_ret, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	char *text = length < 0 ? NULL : memory_malloc((size_t)length + 1);
	*text_ret = text;
	return text ? vsnprintf(text, (size_t)length + 1, format, arguments) : -1;
}

int memory_asprintf(char **text_ret, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = memory_vasprintf(text_ret, format, arguments);
	va_end(arguments);
	return length;
}

/* ---- streams --------------------------------------------------------------------------------------------- */

struct stream {
	char **text_ret;
	size_t *size_ret;
	size_t capacity;
	bool failed; /* something is missing from the text */
};

static ssize_t stream_write(void *cookie, const char *text, size_t size)
{
	struct stream *stream = cookie;
	size_t used = *stream->size_ret;
	if (size >= stream->capacity - used) {
		size_t wanted = used + size + stream->capacity / 2 + 1;
		char *grown = memory_realloc(*stream->text_ret, wanted);
		if (!grown)
			stream->failed = true;
		if (stream->failed)
			return 0;
		*stream->text_ret = grown;
		stream->capacity = wanted;
	}
	memcpy(*stream->text_ret + used, text, size);
	(*stream->text_ret)[used + size] = '\0';
	*stream->size_ret += size;
	return (ssize_t)size;
}

static int stream_close(void *cookie)
{
	struct stream *stream = cookie;
	int status = stream->failed ? EOF : 0;
	memory_free(stream);
	return status;
}

FILE *memory_open_stream(char **text_ret, size_t *size_ret)
{
	static const cookie_io_functions_t functions = { .write = stream_write, .close = stream_close };
	struct stream *stream = memory_malloc(sizeof(*stream));
	char *text = memory_calloc(1, 1);
	FILE *file = stream && text ? fopencookie(stream, "w", functions) : NULL;
	if (!file) {
		memory_free(stream);
		memory_free(text);
		return NULL;
	}
	*stream = (struct stream){ .text_ret = text_ret, .size_ret = size_ret, .capacity = 1 };
	*text_ret = text;
	*size_ret = 0;
	return file;
}
