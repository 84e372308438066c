/* SPDX-License-Identifier: MIT */
/*
 * memory.h - malloc() and its likes with the limit of limits.h.
 *
 * All of the library is compiled with this header before anything else (Makefile.am), so that all it allocates is counted
 * without anybody having to think of it. What is freed is counted by its size, so memory from elsewhere (a library's) may
 * be freed, too, and the reverse; memory_take() and memory_give() say that it changes hands. What the limit refuses looks
 * as if there were no memory: functions return NULL and callers INSPECT_ERROR_NO_MEMORY, of which the public functions then
 * make the error that says so (limits_explain()).
 *
 * Arrays - blocks of calloc(), aligned_alloc() and reallocarray(), but of single bytes - that are long and would take
 * more than half of the limit, or that the system has no memory for, are put into temporary files (external.h),
 * which are not counted. What malloc() and realloc() give stays in memory: that is small, or text, which may be handed
 * to libraries (memory_give()), and which is to leave no traces on a disk.
 *
 * Pages of files (a core, an executable) are not counted: the kernel can drop them. Nor is what libelf, libdw and
 * libsmartcols have for themselves.
 */
#ifndef INSPECT_BASE_MEMORY_H
#define INSPECT_BASE_MEMORY_H

#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *memory_malloc(size_t size) __attribute__((malloc));
void *memory_calloc(size_t count, size_t size) __attribute__((malloc));
void *memory_realloc(void *pointer, size_t size);
void *memory_reallocarray(void *pointer, size_t count, size_t size);
void *memory_aligned_alloc(size_t alignment, size_t size) __attribute__((malloc));
char *memory_strdup(const char *text) __attribute__((malloc));
char *memory_strndup(const char *text, size_t size) __attribute__((malloc));
int memory_asprintf(char **text_ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
int memory_vasprintf(char **text_ret, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
void memory_free(void *pointer);

/* A stream that writes to memory, as open_memstream(): *@text_ret and *@size_ret are up to date after fflush() and fclose(),
 * and never NULL then. What the limit refuses is an error of the stream. */
FILE *memory_open_stream(char **text_ret, size_t *size_ret);

/* The least bytes of an array in a file. For tests to change. */
extern size_t memory_external_least;

/* @pointer (may be NULL), of malloc() or realloc(), is ours from now on; it is not any more. */
void memory_take(void *pointer);
void memory_give(void *pointer);

/* Counts @size bytes that come from elsewhere, such as mmap(). False if the limit does not allow them. */
bool memory_reserve(uint64_t size) __attribute__((warn_unused_result));
void memory_release(uint64_t size);
/* Does the limit allow any more? */
bool memory_has_room(void);

/* With arguments only, so that members and attributes may have these names. memory.c itself, and who must do without the
 * count, writes (free)(pointer). */
#define malloc(size) memory_malloc(size)
#define calloc(count, size) memory_calloc(count, size)
#define realloc(pointer, size) memory_realloc(pointer, size)
#define reallocarray(pointer, count, size) memory_reallocarray(pointer, count, size)
#define aligned_alloc(alignment, size) memory_aligned_alloc(alignment, size)
#undef strdup
#define strdup(text) memory_strdup(text)
#undef strndup
#define strndup(text, size) memory_strndup(text, size)
#define asprintf(text_ret, ...) memory_asprintf(text_ret, __VA_ARGS__)
#define vasprintf(text_ret, format, arguments) memory_vasprintf(text_ret, format, arguments)
#define open_memstream(text_ret, size_ret) memory_open_stream(text_ret, size_ret)
#define free(pointer) memory_free(pointer)

#endif
