/* SPDX-License-Identifier: MIT */
/*
 * memory.c - counting what is allocated, and putting arrays into files where it is too much.
 */
#include "base/memory.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/external.h"
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

/* Counts @size bytes unless they are more than @most (0: no limit) with what is held. */
static bool reserve(struct limits *limits, uint64_t size, uint64_t most, int64_t *held_ret)
{
	*held_ret = __atomic_load_n(&limits->memory, __ATOMIC_RELAXED);
	uint64_t used = *held_ret > 0 ? (uint64_t)*held_ret : 0;
	if (most && (size > most || used > most - size))
		return false;
	__atomic_fetch_add(&limits->memory, size, __ATOMIC_RELAXED);
	return true;
}

bool memory_reserve(uint64_t size)
{
	struct limits *limits = limits_current;
	int64_t held;
	if (!limits)
		return true;
	uint64_t most = limits->allowed.max_memory;
	if (reserve(limits, size, most && size <= SMALL ? most + SMALL_RESERVE : most, &held))
		return true;
	refuse(limits, held, size);
	return false;
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

/* A block that has been reserved. @alignment 0: of zeroes, else it is not cleared. */
static void *create_reserved(size_t alignment, size_t size)
{
	return settle(alignment ? (aligned_alloc)(alignment, size) : (calloc)(1, size), size);
}

void *memory_malloc(size_t size)
{
	return memory_reserve(size) ? settle((malloc)(size), size) : no_memory();
}

/* Resizes a block of @before bytes for which more have been reserved, if it takes more. */
static void *resize_reserved(void *pointer, size_t before, size_t size)
{
	size_t more = size > before ? size - before : 0;
	void *moved = (realloc)(pointer, size);
	if (moved || !size)
		settle(moved, before + more);
	else
		memory_release(more);
	return moved;
}

static size_t size_of(void *pointer)
{
	return pointer && limits_current ? malloc_usable_size(pointer) : 0;
}

static void *resize_inside(void *pointer, size_t size)
{
	size_t before = size_of(pointer);
	return memory_reserve(size > before ? size - before : 0) ? resize_reserved(pointer, before, size) : no_memory();
}

void memory_free(void *pointer)
{
	if (external_size(pointer)) {
		external_destroy(pointer);
		return;
	}
	if (pointer)
		memory_give(pointer);
	(free)(pointer);
}

/* ---- arrays: in files, where memory is short ----------------------------------------------------------------- */

size_t memory_external_least = 128 << 10;

/* What there may be of memory, by --max-memory and by the system (ulimit -d); 0: no limit. */
static uint64_t memory_allowed(const struct limits *limits)
{
	struct rlimit data;
	uint64_t most = limits->allowed.max_memory;
	if (getrlimit(RLIMIT_DATA, &data) != 0 || data.rlim_cur == RLIM_INFINITY)
		return most;
	return !most || data.rlim_cur < most ? data.rlim_cur : most;
}

/* Half of the memory is left to what cannot be put into files, the many small things. */
static bool reserve_for_array(struct limits *limits, size_t size)
{
	int64_t held;
	uint64_t most = memory_allowed(limits);
	return reserve(limits, size, most ? most / 2 + 1 : 0, &held);
}

/* May an array of @size bytes be put into a file? */
static bool may_be_outside(size_t size)
{
	return limits_current && size >= memory_external_least;
}

/* @alignment is only a wish where the array is in a file, of more than pages. */
static void *create_array(size_t alignment, size_t size)
{
	void *array = NULL;
	if (may_be_outside(size)) {
		if (reserve_for_array(limits_current, size))
			array = create_reserved(alignment, size);
		if (!array)
			array = external_create(size);
	}
	if (!array)
		array = memory_reserve(size) ? create_reserved(alignment, size) : no_memory();
	return array;
}

/* Moves the first @count bytes at @from, which is freed, into a file with room for @size. NULL if that cannot be. */
static void *move_outside(void *from, size_t count, size_t size)
{
	void *array = external_create(size);
	if (!array)
		return NULL;
	if (from)
		memcpy(array, from, count < size ? count : size);
	memory_free(from);
	return array;
}

static void *resize_array(void *array, size_t size)
{
	size_t before = size_of(array), more = size > before ? size - before : 0;
	void *moved = NULL;
	if (may_be_outside(size)) {
		if (reserve_for_array(limits_current, more))
			moved = resize_reserved(array, before, size);
		if (!moved)
			moved = move_outside(array, before, size);
	}
	return moved ? moved : resize_inside(array, size);
}

/* The same for one that is in a file. */
static void *resize_outside(void *array, size_t before, size_t size)
{
	void *moved = external_resize(array, size);
	if (moved || !memory_reserve(size))
		return moved;
	moved = settle((malloc)(size), size);
	if (moved) {
		memcpy(moved, array, before < size ? before : size);
		external_destroy(array);
	}
	return moved;
}

void *memory_calloc(size_t count, size_t size)
{
	size_t both;
	return __builtin_mul_overflow(count, size, &both) ? no_memory() : create_array(0, both);
}

void *memory_aligned_alloc(size_t alignment, size_t size)
{
	return create_array(alignment, size);
}

void *memory_realloc(void *pointer, size_t size)
{
	size_t outside = external_size(pointer);
	return outside ? resize_outside(pointer, outside, size) : resize_inside(pointer, size);
}

void *memory_reallocarray(void *pointer, size_t count, size_t size)
{
	size_t both, outside = external_size(pointer);
	if (__builtin_mul_overflow(count, size, &both))
		return no_memory();
	bool text = size == 1;
	return outside ? resize_outside(pointer, outside, both) : text ? resize_inside(pointer, both) : resize_array(pointer, both);
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
