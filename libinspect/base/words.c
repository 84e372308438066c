/* SPDX-License-Identifier: MIT */
/*
 * words.c - how much words are like each other.
 */
#include "base/words.h"

#include <string.h>

unsigned int word_distance(const char *a, const char *b)
{
	enum { LONGEST = 31 };
	size_t a_length = strnlen(a, LONGEST), b_length = strnlen(b, LONGEST);
	unsigned int distance[LONGEST + 1][LONGEST + 1];
	for (size_t i = 0; i <= a_length; i++)
		distance[i][0] = i;
	for (size_t j = 0; j <= b_length; j++)
		distance[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t j = 1; j <= b_length; j++) {
			unsigned int best = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (distance[i - 1][j] + 1 < best)
				best = distance[i - 1][j] + 1;
			if (distance[i][j - 1] + 1 < best)
				best = distance[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    distance[i - 2][j - 2] + 1 < best)
				best = distance[i - 2][j - 2] + 1;
			distance[i][j] = best;
		}
	}
	return distance[a_length][b_length];
}

bool word_is_nearer(const char *word, const char *candidate, unsigned int *distance)
{
	unsigned int this_distance = word_distance(word, candidate);
	if (this_distance >= *distance || this_distance >= strlen(word))
		return false;
	*distance = this_distance;
	return true;
}
