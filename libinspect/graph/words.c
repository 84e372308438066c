/* SPDX-License-Identifier: MIT */
/*
 * words.c - looking through memory, a piece at a time by each worker.
 */
#include "graph/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/workers.h"

enum {
	WORD = sizeof(uint64_t),
	PIECE = 4 << 20,     /* bytes that a worker takes at once */
	FILTER_BITS = 1 << 16, /* regions that have subjects, hashed: most words are told apart by these */
};

struct piece {
	const uint8_t *data;
	uint64_t address, size;
};

struct search {
	struct address_index index; /* of the subjects */
	uint64_t filter[FILTER_BITS / 64];
	uint64_t low, high;
	struct piece *pieces;
	size_t piece_count, piece_capacity;
	struct found_words *words;
	pthread_mutex_t lock;
};

static size_t filter_bit(uint64_t address)
{
	return (address >> REGION_SHIFT) % FILTER_BITS;
}

/* ---- one piece -------------------------------------------------------------------------------------- */

static bool append(struct found_words *words, uint64_t address, uint32_t subject)
{
	if (!array_reserve(words->items, words->count, words->capacity))
		return false;
	words->items[words->count++] = (struct found_word){ address, subject };
	return true;
}

static bool append_all(struct search *search, const struct found_words *found)
{
	bool good = true;
	pthread_mutex_lock(&search->lock);
	for (size_t i = 0; i < found->count && good; i++)
		good = append(search->words, found->items[i].address, found->items[i].subject);
	pthread_mutex_unlock(&search->lock);
	return good;
}

static struct inspect_error *search_piece(void *context, size_t number)
{
	struct search *search = context;
	const struct piece *piece = &search->pieces[number];
	struct found_words found = { 0 };
	bool good = true;
	for (uint64_t i = 0; i + WORD <= piece->size && good; i += WORD) {
		uint64_t word;
		uint32_t subject;
		memcpy(&word, piece->data + i, WORD);
		word &= ~UINT64_C(7);
		size_t bit = filter_bit(word);
		if (word < search->low || word > search->high || !(search->filter[bit / 64] >> bit % 64 & 1) ||
		    !index_find(&search->index, word, &subject))
			continue;
		good = append(&found, piece->address + i, subject);
	}
	good = good && append_all(search, &found);
	free(found.items);
	return good ? NULL : &inspect_error_no_memory;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

static bool cut_in_pieces(struct search *search, const struct inspect_target *target)
{
	for (size_t i = 0; i < target->segment_count; i++) {
		const struct target_segment *segment = &target->segments[i];
		if (!segment->data || !segment->writable)
			continue;
		uint64_t start = (segment->start + WORD - 1) & -(uint64_t)WORD;
		for (; start < segment->end; start += PIECE) {
			if (!array_reserve(search->pieces, search->piece_count, search->piece_capacity))
				return false;
			uint64_t left = segment->end - start;
			search->pieces[search->piece_count++] = (struct piece){
				segment->data + (start - segment->start), start, left < PIECE ? left : PIECE,
			};
		}
	}
	return true;
}

static bool add_subjects(struct search *search, const uint64_t *subjects, size_t count)
{
	size_t sealed;
	for (size_t i = 0; i < count; i++) {
		struct index_region *region = index_region_at(&search->index, subjects[i]);
		if (!region)
			region = index_region_add(&search->index, subjects[i], NULL);
		if (!region)
			return false;
		region->bits[region_word(subjects[i])] |= UINT64_C(1) << region_bit(subjects[i]);
		search->filter[filter_bit(subjects[i]) / 64] |= UINT64_C(1) << filter_bit(subjects[i]) % 64;
	}
	search->low = count ? subjects[0] : 0;
	search->high = count ? subjects[count - 1] : 0;
	return index_seal(&search->index, &sealed);
}

static int compare_words(const void *a, const void *b)
{
	const struct found_word *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

struct inspect_error *words_find(struct inspect_target *target, const uint64_t *subjects, size_t count,
				 struct found_words *words)
{
	*words = (struct found_words){ 0 };
	struct search *search AUTO_FREE = calloc(1, sizeof(*search));
	if (!search || !index_init(&search->index))
		return &inspect_error_no_memory;
	search->words = words;
	pthread_mutex_init(&search->lock, NULL);
	struct inspect_error *error = &inspect_error_no_memory;
	if (add_subjects(search, subjects, count) && (!count || cut_in_pieces(search, target)))
		error = workers_each(target, "looking for what refers to objects", search->piece_count, search_piece, search);
	pthread_mutex_destroy(&search->lock);
	index_deinit(&search->index);
	free(search->pieces);
	if (error)
		words_deinit(words);
	else if (words->count)
		qsort(words->items, words->count, sizeof(*words->items), compare_words);
	return error;
}

void words_deinit(struct found_words *words)
{
	free(words->items);
	*words = (struct found_words){ 0 };
}
