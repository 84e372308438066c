/* SPDX-License-Identifier: MIT */
/*
 * heap.c - building a heap's columns from a walk over the collectors' lists.
 *
 * The walk comes in the order of the lists. Each object becomes one word: its address, the generation in the
 * two low bits (objects are aligned to four bytes or more) and the collector in the eight high bits. Sorted,
 * the words come apart into the columns, and the word array itself becomes the column of addresses.
 */
#include "graph/heap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"

static const uint64_t GENERATION_BITS = 3;
static const unsigned int COLLECTOR_SHIFT = 56;
static const uint64_t ADDRESS_BITS = 0x00fffffffffffffcu;

/* Gathers the words of a walk. */
struct gathering {
	struct runtime_sink sink;
	uint64_t *words;
	size_t count, capacity;
	size_t refused; /* addresses that no object can have */
	uint64_t first_refused;
};

static struct inspect_error *gather(struct runtime_sink *sink, uint64_t address, unsigned int generation,
				    unsigned int collector)
{
	struct gathering *gathering = (struct gathering *)sink;
	if (collector >= HEAP_COLLECTORS_MAX)
		return inspect_error_create(INSPECT_ERROR_CORRUPT,
					    "more than %d interpreters have collectors of their own",
					    HEAP_COLLECTORS_MAX);
	if (!address || address & ~ADDRESS_BITS || generation >= HEAP_GENERATIONS) {
		if (gathering->refused++ == 0)
			gathering->first_refused = address;
		return NULL;
	}
	if (gathering->count >= UINT32_MAX)
		return inspect_error_create(INSPECT_ERROR_CORRUPT,
					    "the collector's lists have more than %" PRIu32 " objects",
					    UINT32_MAX);
	if (!array_reserve(gathering->words, gathering->count, gathering->capacity))
		return &inspect_error_no_memory;
	gathering->words[gathering->count++] = address | generation | (uint64_t)collector << COLLECTOR_SHIFT;
	return NULL;
}

static struct inspect_error *note_refused(const struct gathering *gathering, struct notes *notes)
{
	if (!gathering->refused)
		return NULL;
	return notes_add(notes, true,
			 "the collector's lists are damaged: entries that cannot be objects and were left "
			 "out: %zu, the first at 0x%" PRIx64,
			 gathering->refused, gathering->first_refused);
}

/* Sorts the words by address. */
static struct inspect_error *sort_words(struct gathering *gathering)
{
	if (gathering->count < 2)
		return NULL;
	uint64_t *scratch = reallocarray(NULL, gathering->count, sizeof(*scratch));
	if (!scratch)
		return &inspect_error_no_memory;
	uint64_t *sorted = sort_low56(gathering->words, scratch, gathering->count);
	free(sorted == scratch ? gathering->words : scratch);
	gathering->words = sorted;
	gathering->capacity = gathering->count;
	return NULL;
}

/* Drops words with an address that the word before them has: the object stays in its youngest generation. */
static struct inspect_error *drop_duplicates(struct gathering *gathering, struct notes *notes)
{
	uint64_t *words = gathering->words;
	uint64_t first = 0;
	size_t kept = 0;
	for (size_t i = 0; i < gathering->count; i++) {
		if (kept && (words[kept - 1] & ADDRESS_BITS) == (words[i] & ADDRESS_BITS)) {
			if (!first)
				first = words[i] & ADDRESS_BITS;
			continue;
		}
		words[kept++] = words[i];
	}
	size_t dropped = gathering->count - kept;
	gathering->count = kept;
	if (!dropped)
		return NULL;
	return notes_add(notes, true,
			 "the collector's lists are damaged: objects that they have more than once, and that "
			 "count once here: %zu, the first at 0x%" PRIx64,
			 dropped, first);
}

/* A column of @count items; never NULL for want of items. */
static void *column_create(size_t count, size_t item_size)
{
	return calloc(count ? count : 1, item_size);
}

static bool columns_create(struct heap *heap)
{
	heap->type = column_create(heap->count, sizeof(*heap->type));
	heap->size = column_create(heap->count, sizeof(*heap->size));
	heap->refcount = column_create(heap->count, sizeof(*heap->refcount));
	heap->generation = column_create(heap->count, sizeof(*heap->generation));
	heap->flags = column_create(heap->count, sizeof(*heap->flags));
	heap->collector = column_create(heap->count, sizeof(*heap->collector));
	return heap->type && heap->size && heap->refcount && heap->generation && heap->flags &&
	       heap->collector;
}

static void take_words_apart(struct heap *heap)
{
	for (size_t id = 0; id < heap->count; id++) {
		uint64_t word = heap->address[id];
		heap->generation[id] = word & GENERATION_BITS;
		heap->collector[id] = word >> COLLECTOR_SHIFT;
		heap->address[id] = word & ADDRESS_BITS;
	}
}

/* Takes back sizes that no object can have, so that sums of sizes mean something. */
static struct inspect_error *refuse_sizes(struct heap *heap, struct notes *notes)
{
	size_t refused = 0;
	uint64_t first = 0;
	for (size_t id = 0; id < heap->count; id++) {
		if (heap->size[id] < HEAP_SIZE_MAX)
			continue;
		if (refused++ == 0)
			first = heap->address[id];
		heap->size[id] = 0;
		heap->flags[id] |= RUNTIME_DAMAGED;
	}
	if (!refused)
		return NULL;
	return notes_add(notes, true,
			 "damaged objects, larger than any address space, that count as 0 bytes here: %zu, "
			 "the first at 0x%" PRIx64,
			 refused, first);
}

static struct inspect_error *examine(struct runtime *runtime, struct heap *heap, struct notes *notes)
{
	const struct runtime_columns columns = {
		.type = heap->type,
		.size = heap->size,
		.refcount = heap->refcount,
		.flags = heap->flags,
	};
	struct inspect_error *error = NULL;
	if (heap->count)
		error = runtime->operations->examine(runtime, heap->address, heap->count, &columns);
	return error ? error : refuse_sizes(heap, notes);
}

/* Everything from the words to the columns; on an error the caller cleans up. */
static struct inspect_error *build(struct runtime *runtime, struct gathering *gathering, struct heap *heap,
				   struct notes *notes)
{
	struct inspect_error *error = runtime->operations->walk(runtime, &gathering->sink, notes);
	if (!error)
		error = note_refused(gathering, notes);
	if (!error)
		error = sort_words(gathering);
	if (!error)
		error = drop_duplicates(gathering, notes);
	if (error)
		return error;

	heap->runtime = runtime;
	heap->count = gathering->count;
	heap->address = gathering->words;
	gathering->words = NULL;
	if (!columns_create(heap))
		return &inspect_error_no_memory;
	take_words_apart(heap);
	return examine(runtime, heap, notes);
}

struct inspect_error *heap_build(struct runtime *runtime, struct heap *heap, struct notes *notes)
{
	*heap = (struct heap){ 0 };
	struct gathering gathering = { .sink.add = gather };
	struct inspect_error *error = build(runtime, &gathering, heap, notes);
	free(gathering.words);
	if (error)
		heap_deinit(heap);
	return error;
}

struct inspect_error *heap_examine(struct runtime *runtime, struct heap *heap, struct notes *notes)
{
	heap->runtime = runtime;
	if (!columns_create(heap))
		return &inspect_error_no_memory;
	memset(heap->generation, HEAP_UNTRACKED, heap->count);
	return examine(runtime, heap, notes);
}

bool heap_find(const struct heap *heap, uint64_t address, uint32_t *id_ret)
{
	size_t low = 0, high = heap->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (heap->address[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == heap->count || heap->address[low] != address)
		return false;
	*id_ret = low;
	return true;
}

void heap_deinit(struct heap *heap)
{
	free(heap->address);
	free(heap->type);
	free(heap->size);
	free(heap->refcount);
	free(heap->generation);
	free(heap->flags);
	free(heap->collector);
	*heap = (struct heap){ 0 };
}
