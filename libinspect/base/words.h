/* SPDX-License-Identifier: MIT */
/*
 * words.h - words that people type, and those that they meant.
 */
#ifndef INSPECT_BASE_WORDS_H
#define INSPECT_BASE_WORDS_H

#include <stdbool.h>

/* How unlike two words are: the number of letters to insert, delete, replace or swap. */
unsigned int word_distance(const char *a, const char *b);

/* Is @candidate so much like @word that who wrote @word may have meant it, and more so than what *@distance was found
 * for? Then *@distance becomes smaller. Start with WORD_DISTANCE_MAX. */
bool word_is_nearer(const char *word, const char *candidate, unsigned int *distance);

enum { WORD_DISTANCE_MAX = 4 };

#endif
