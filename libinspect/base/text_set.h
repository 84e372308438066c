/* SPDX-License-Identifier: MIT */
/*
 * text_set.h - a set of texts.
 */
#ifndef INSPECT_BASE_TEXT_SET_H
#define INSPECT_BASE_TEXT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is the empty set. */
struct text_set {
	/* A hash table of a power of two of them, at most half full: where in @bytes a text is, + 1; 0: free. */
	uint64_t *places;
	size_t capacity, count;
	char *bytes; /* the texts, each with its NUL */
	size_t size, bytes_capacity;
};

void text_set_deinit(struct text_set *set);
/* Is the text of @length bytes at @text in it? */
bool text_set_has(const struct text_set *set, const char *text, size_t length);
/* Adds it, a text without a NUL. False when out of memory. */
bool text_set_add(struct text_set *set, const char *text, size_t length) __attribute__((warn_unused_result));

#endif
