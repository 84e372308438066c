/* SPDX-License-Identifier: MIT */
/*
 * emit.h - a buffer in front of a struct inspect_output, and the spelling of numbers.
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
/* "0x7f12a4c0d5e0" */
void emit_address(struct emitter *emitter, uint64_t address);
void emit_number(struct emitter *emitter, int64_t number);
/* As real_text() has it. */
void emit_real(struct emitter *emitter, double real);
void emit_format(struct emitter *emitter, const char *format, ...) __attribute__((format(printf, 2, 3)));
void emit_flush(struct emitter *emitter);

enum { NUMBER_TEXT_SIZE = 32 };

/* The shortest decimal that is the same number, with a point or an exponent: "0.1", "2.0"; infinity is 9e999, which all
 * readers of JSON take for it. */
void real_text(double real, char text[NUMBER_TEXT_SIZE]);

/* "1 204 331" */
void number_grouped(int64_t number, char text[NUMBER_TEXT_SIZE]);
/* "11.8 MiB"; "" below 1 KiB, where the plain number says it as well. */
void bytes_human(int64_t bytes, char text[NUMBER_TEXT_SIZE]);

#endif
