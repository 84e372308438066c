/* SPDX-License-Identifier: MIT */
/*
 * repr.h - one line of safe text, and values in it as Python's repr() writes them.
 */
#ifndef INSPECT_RUNTIME_REPR_H
#define INSPECT_RUNTIME_REPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_LIMIT = 200 }; /* characters */

/* A line of at most LINE_LIMIT characters of UTF-8, none of which is a control character. All zero is
 * empty. */
struct line {
	char text[LINE_LIMIT * 4 + 1];
	size_t size;         /* bytes */
	unsigned int length; /* characters */
	bool cut;            /* something did not fit */
};

/* Appends @character, escaped if it cannot be printed. */
void line_character(struct line *line, uint32_t character);
/* Appends UTF-8, in which what cannot be printed is escaped. */
void line_text(struct line *line, const char *text);
/* The same, as printf(). */
void line_format(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A copy of @line for the caller to free, ending in "…" if something did not fit; NULL when out of memory. */
char *line_finish(struct line *line);

/* Text in quotes. */
struct quoted {
	const char *prefix, *suffix; /* what is around the quotes: "bytearray(b" and ")" */
	const char *unit;            /* what its length is counted in: "bytes" */
	bool bytes;                  /* escape as in bytes, not as in str */
	bool escape_single;          /* escape ' in "…" too */
	const uint32_t *text;        /* its beginning: all of it, or at least LINE_LIMIT characters */
	size_t count;                /* of characters in @text */
	uint64_t length;             /* of all of it */
	bool has_single, has_double; /* is there a ' or a " anywhere in it */
};

/* Appends @quoted as repr() says it to an empty @line; if that does not fit, its beginning and its length. */
void line_quoted(struct line *line, const struct quoted *quoted);

/* Appends repr(@value). */
void line_float(struct line *line, double value);
/* Appends repr(complex(@real, @imaginary)). */
void line_complex(struct line *line, double real, double imaginary);

/* Appends the integer of @count digits of @bits bits each, least significant first: in decimal if that
 * fits, else the beginning of its hexadecimal digits and how many bits it has. */
void line_integer(struct line *line, bool negative, const uint32_t *digits, size_t count, unsigned int bits);

#endif
