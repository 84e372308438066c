/* SPDX-License-Identifier: MIT */
/*
 * emit.h - a buffer in front of a struct inspect_output, and the spelling of values.
 */
#ifndef INSPECT_VERBS_EMIT_H
#define INSPECT_VERBS_EMIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect.h"

/* Collects output; once the output takes no more, it is closed and everything else is dropped. */
struct emitter {
	const struct inspect_output *output;
	size_t used;
	bool closed;
	char buffer[1 << 16];
};

void emit(struct emitter *emitter, const char *text, size_t size);
void emit_text(struct emitter *emitter, const char *text);
void emit_format(struct emitter *emitter, const char *format, ...) __attribute__((format(printf, 2, 3)));
void emit_flush(struct emitter *emitter);

/* The code point at the start of @text and how many bytes it has; 0 bytes where @text is not UTF-8. */
size_t utf8_decode(const char *text, uint32_t *code_ret);

/* Would showing this code point do anything but show a character: control characters, those that turn the
 * direction of writing, line separators? */
bool code_is_unsafe(uint32_t code);

/* @text with everything unsafe and everything that is not UTF-8 escaped as \n, \x1b, \u202e: safe to show on
 * a terminal. The caller frees it; NULL when out of memory. */
char *text_safe(const char *text);

enum { NUMBER_TEXT_SIZE = 32 };

/* "1 204 331" */
void number_grouped(int64_t number, char text[NUMBER_TEXT_SIZE]);
/* "11.8 MiB"; "" below 1 KiB, where the plain number says it as well. */
void bytes_human(int64_t bytes, char text[NUMBER_TEXT_SIZE]);

#endif
