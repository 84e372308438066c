/* SPDX-License-Identifier: MIT */
/*
 * text_set.c - open addressing; the texts stand one after the other.
 */
#include "base/text_set.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { FIRST_CAPACITY = 64, FIRST_BYTES = 4096 };

void text_set_deinit(struct text_set *set)
{
	free(set->places);
	free(set->bytes);
	*set = (struct text_set){ 0 };
}

/* FNV-1a, from where nobody who makes texts can know: random bytes that the kernel gives to each process. */
static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325), random = 0;
	const void *bytes = (const void *)getauxval(AT_RANDOM);
	if (bytes)
		memcpy(&random, bytes, sizeof(random));
	hash ^= random;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* The place of the text, or the free one where it would be. */
static uint64_t *find(const struct text_set *set, const char *text, size_t length)
{
	size_t place = hash_of(text, length) & (set->capacity - 1);
	for (; set->places[place]; place = (place + 1) & (set->capacity - 1)) {
		const char *other = set->bytes + set->places[place] - 1;
		if (strncmp(other, text, length) == 0 && !other[length])
			break;
	}
	return &set->places[place];
}

bool text_set_has(const struct text_set *set, const char *text, size_t length)
{
	return set->count && *find(set, text, length);
}

static bool grow_places(struct text_set *set)
{
	struct text_set larger = { .capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY, .bytes = set->bytes };
	if ((set->count + 1) * 2 <= set->capacity)
		return true;
	larger.places = calloc(larger.capacity, sizeof(*larger.places));
	if (!larger.places)
		return false;
	for (size_t i = 0; i < set->capacity; i++) {
		const char *text = set->bytes + set->places[i] - 1;
		if (set->places[i])
			*find(&larger, text, strlen(text)) = set->places[i];
	}
	free(set->places);
	set->places = larger.places;
	set->capacity = larger.capacity;
	return true;
}

static bool grow_bytes(struct text_set *set, size_t length)
{
	if (set->bytes && length < set->bytes_capacity - set->size)
		return true;
	size_t capacity = set->bytes_capacity * 2 + length + FIRST_BYTES;
	char *bytes = realloc(set->bytes, capacity);
	if (!bytes)
		return false;
	set->bytes = bytes;
	set->bytes_capacity = capacity;
	return true;
}

bool text_set_add(struct text_set *set, const char *text, size_t length)
{
	if (!grow_places(set) || !grow_bytes(set, length))
		return false;
	uint64_t *place = find(set, text, length);
	if (*place)
		return true;
	memcpy(set->bytes + set->size, text, length);
	set->bytes[set->size + length] = '\0';
	*place = set->size + 1;
	set->size += length + 1;
	set->count++;
	return true;
}
