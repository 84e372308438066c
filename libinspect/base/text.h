/* SPDX-License-Identifier: MIT */
/*
 * text.h - text from targets: UTF-8 perhaps, and made by anybody.
 */
#ifndef INSPECT_BASE_TEXT_H
#define INSPECT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at the start of @text and how many bytes it has; 0 bytes where @text is not UTF-8. */
size_t utf8_decode(const char *text, uint32_t *code_ret);

/* Appends @character as UTF-8 to @end and returns its new end: at most 4 bytes. Not for surrogates. */
char *utf8_append(char *end, uint32_t character);

/* Would showing this code point do anything but show a character: control characters, those that turn the
 * direction of writing, line separators? */
bool code_is_unsafe(uint32_t code);

/* @text with everything unsafe and everything that is not UTF-8 escaped as \n, \x1b, \u202e: one line, safe
 * to show on a terminal. The caller frees it; NULL when out of memory. */
char *text_safe(const char *text);
/* The same of @size bytes, which a NUL follows; NULs among them are escaped. */
char *text_safe_sized(const char *text, size_t size);

/* @text without numbers that may be words of a program's data: in place of 0x7365637265742121, and of decimal numbers of 13
 * digits or more, is "0x…" or "…". Those that @is_address says are addresses stay, and so do offsets (+0x28). The caller
 * frees it; NULL when out of memory. */
char *text_without_words(const char *text, bool (*is_address)(void *context, uint64_t number), void *context);

#endif
