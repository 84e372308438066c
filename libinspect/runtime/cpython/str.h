/* SPDX-License-Identifier: MIT */
/*
 * str.h - how a str object keeps its text, for the files that need more than the text.
 */
#ifndef INSPECT_CPYTHON_STR_H
#define INSPECT_CPYTHON_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpython;

/* A str object, opened up. */
struct cpython_str {
	int64_t length;     /* in code points */
	unsigned int kind;  /* bytes per code point: 1, 2 or 4 */
	bool ascii, compact;
	bool ready;         /* false: only its wchar_t text is there (3.11 and older) */
	uint64_t data;      /* address of the code points */
};

/* Reads the str object at @address, without its text. False if it is not a str that CPython can make. */
bool cpython_str_open(struct cpython *cpython, uint64_t address, struct cpython_str *str);
/* Copies the code points [@first, @first + @count) of @str to @text. False if they cannot be read. */
bool cpython_str_copy(struct cpython *cpython, const struct cpython_str *str, int64_t first, size_t count,
		      uint32_t *text);

/* The first @count code points of @str as UTF-8, *@size_ret bytes and a NUL, for the caller to free; what has no UTF-8 is
 * escaped, as \udc80. NULL if they cannot be read. */
char *cpython_str_text_sized(struct cpython *cpython, const struct cpython_str *str, size_t count, size_t *size_ret);

#endif
