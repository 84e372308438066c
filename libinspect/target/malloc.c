/* SPDX-License-Identifier: MIT */
/*
 * malloc.c - finding glibc's heaps by what they must look like: sizes that lead from chunk to chunk exactly to the end.
 */
#include "target/malloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

enum {
	WORD = sizeof(uint64_t),
	PAGE = 4096,
	ALIGNMENT = 16,              /* MALLOC_ALIGNMENT */
	LEAST_CHUNK = 16,            /* fenceposts; others are larger */
	PREVIOUS_IN_USE = 1, IS_MMAPPED = 2, FLAGS = 7,
	HEAP_MAX_SIZE = 64 << 20,    /* of a thread's heap, which is aligned to it */
	HEAP_INFO_SIZE = 8 * WORD,   /* struct heap_info before its chunks, at most ... */
	ARENA_SIZE_MAX = 3000,       /* ... and struct malloc_state behind that, in the first heap of an arena */
	FASTBINS = 10,               /* in struct malloc_state, right before the pointer to the top chunk */
	MMAPPED_PAGES_MAX = 1 << 16, /* looked at for the head of a large block */
};

static bool read_word(struct inspect_target *target, uint64_t address, uint64_t *word_ret)
{
	const void *bytes = address % WORD == 0 ? target_map(target, address, WORD) : NULL;
	if (bytes)
		memcpy(word_ret, bytes, WORD);
	return bytes;
}

/* ---- chunks ---------------------------------------------------------------------------------------- */

/* The size of the chunk at @chunk with its flags; 0 if it makes no sense in a heap that ends at @end. */
static uint64_t chunk_head(struct inspect_target *target, uint64_t chunk, uint64_t end)
{
	uint64_t head;
	if (!read_word(target, chunk + WORD, &head))
		return 0;
	uint64_t size = head & ~(uint64_t)FLAGS;
	return size >= LEAST_CHUNK && size % ALIGNMENT == 0 && size <= end - chunk && !(head & IS_MMAPPED) ? head : 0;
}

/* Do chunks lead from @start to @end? *@top_ret is the last one. */
static bool is_heap(struct inspect_target *target, uint64_t start, uint64_t end, uint64_t *top_ret)
{
	for (uint64_t chunk = start; chunk < end;) {
		uint64_t head = chunk_head(target, chunk, end);
		if (!head || (chunk == start && !(head & PREVIOUS_IN_USE)))
			return false;
		*top_ret = chunk;
		chunk += head & ~(uint64_t)FLAGS;
	}
	return true;
}

/* ---- heaps ----------------------------------------------------------------------------------------- */

static struct inspect_error *add_heap(struct malloc_heaps *heaps, uint64_t start, uint64_t end, uint64_t top)
{
	if (!array_reserve(heaps->items, heaps->count, heaps->capacity))
		return &inspect_error_no_memory;
	heaps->items[heaps->count++] = (struct malloc_heap){ start, end, top };
	return NULL;
}

/* A thread's heap at @address: struct heap_info { ar_ptr, prev, size, … } of malloc/arena.c. Where its chunks begin differs from
 * release to release. */
static struct inspect_error *find_thread_heap(struct malloc_heaps *heaps, uint64_t address, uint64_t limit, uint64_t *arena_ret)
{
	struct inspect_target *target = heaps->target;
	uint64_t arena, size, top = 0;
	if (!read_word(target, address, &arena) || !read_word(target, address + 2 * WORD, &size) || size % PAGE ||
	    size < PAGE || size > limit - address || size > HEAP_MAX_SIZE || !target_map(target, arena, WORD))
		return NULL;
	*arena_ret = arena;
	bool first = arena > address && arena - address <= HEAP_INFO_SIZE;
	uint64_t begin = address + 2 * ALIGNMENT, end = begin + HEAP_INFO_SIZE + (first ? ARENA_SIZE_MAX : 0);
	for (uint64_t start = begin; start < end; start += ALIGNMENT)
		if (is_heap(target, start, address + size, &top))
			return add_heap(heaps, start, address + size, top);
	return NULL;
}

/* The chunks in the fastbins of the arena whose pointer to the top chunk is at @top. */
static struct inspect_error *add_fastbins(struct malloc_heaps *heaps, uint64_t top)
{
	enum { LIMIT = 1 << 20, SHIFT = 12 };
	struct inspect_target *target = heaps->target;
	uint64_t chunk, next;
	for (uint64_t bin = top - FASTBINS * WORD; bin < top; bin += WORD) {
		if (!read_word(target, bin, &chunk))
			return NULL;
		for (int i = 0; i < LIMIT && chunk % ALIGNMENT == 0 && chunk; i++, chunk = next) {
			bool added;
			uint64_t link = chunk + 2 * WORD;
			if (!read_word(target, link, &next))
				break;
			if (!address_set_add(&heaps->fast, chunk, &added))
				return &inspect_error_no_memory;
			if (!added)
				break;
			/* since 2.32 links are mangled with their own addresses: PROTECT_PTR() */
			uint64_t mangled = next ^ link >> SHIFT;
			if (!mangled || (mangled % ALIGNMENT == 0 && target_map(target, mangled, WORD)))
				next = mangled;
		}
	}
	return NULL;
}

/* The place in [@start, @end) of a pointer to @chunk, the top of an arena; 0: there is none. */
static uint64_t find_top(struct inspect_target *target, uint64_t start, uint64_t end, uint64_t chunk)
{
	uint64_t word;
	for (uint64_t address = (start + WORD - 1) & -(uint64_t)WORD; address < end; address += WORD)
		if (read_word(target, address, &word) && word == chunk)
			return address;
	return 0;
}

/* The heap of the program's break at @segment, if it is that: main_arena is a variable of the C library's. */
static struct inspect_error *find_main_heap(struct malloc_heaps *heaps, const struct target_segment *segment)
{
	struct inspect_target *target = heaps->target;
	uint64_t top = 0, start, end, place = 0;
	if (!is_heap(target, segment->start, segment->end, &top))
		return NULL;
	struct inspect_error *error = add_heap(heaps, segment->start, segment->end, top);
	for (size_t i = 0; i < target->image_count && !place; i++)
		for (size_t j = 0; image_data(&target->images[i], j, &start, &end) && !place; j++)
			place = find_top(target, start, end, top);
	return error || !place ? error : add_fastbins(heaps, place);
}

/* Blocks that threads' caches keep have a key in their second word: since 2.34 a random number, from 2.29 on the cache's
 * address. The first block of the first heap is the cache of the thread that called malloc() first, with lists of such
 * blocks. */
static void find_key(struct malloc_heaps *heaps, const struct malloc_heap *heap)
{
	struct inspect_target *target = heaps->target;
	uint64_t size = chunk_head(target, heap->start, heap->end) & ~(uint64_t)FLAGS, first = heap->start + 2 * WORD;
	uint64_t word, key;
	size_t same = 0, other = 0;
	for (uint64_t address = first; address < heap->start + size && size < PAGE; address += WORD) {
		if (!read_word(target, address, &word) || word % ALIGNMENT || word <= first || word >= heap->end ||
		    !read_word(target, word + WORD, &key) || !key)
			continue;
		heaps->key = same ? heaps->key : key;
		same += key == heaps->key;
		other += key != heaps->key;
	}
	if (same <= other)
		heaps->key = 0;
}

/* The random number: what is no address and stands in the second word of several blocks. */
static void find_common_key(struct malloc_heaps *heaps, const struct malloc_heap *heap)
{
	enum { SLOTS = 1 << 10, LEAST = 4, LARGEST = 1040, ADDRESS_BITS = 48 };
	struct { uint64_t key; uint32_t count; } slots[SLOTS] = { 0 }; /* by hash; the last one that came there is kept */
	uint64_t size, key;
	uint32_t most = LEAST - 1;
	for (uint64_t chunk = heap->start; chunk < heap->end; chunk += size) {
		size = chunk_head(heaps->target, chunk, heap->end) & ~(uint64_t)FLAGS;
		if (!size)
			return;
		/* small numbers, addresses, and bytes that memory is filled with (behind a letter, as CPython does) are none */
		if (size > LARGEST || !read_word(heaps->target, chunk + 3 * WORD, &key) || !(key >> ADDRESS_BITS) ||
		    !(~key >> ADDRESS_BITS) || key >> 8 == (key >> 56) * UINT64_C(0x01010101010101))
			continue;
		size_t slot = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 54);
		slots[slot].count = slots[slot].key == key ? slots[slot].count + 1 : 1;
		slots[slot].key = key;
		if (slots[slot].count > most) {
			most = slots[slot].count;
			heaps->key = key;
		}
	}
}

static struct inspect_error *look_at_segment(struct malloc_heaps *heaps, const struct target_segment *segment)
{
	struct inspect_error *error = NULL;
	uint64_t arena = 0;
	if (!segment->data || !segment->writable || segment->image >= 0)
		return NULL;
	size_t before = heaps->count;
	uint64_t first = (segment->start + HEAP_MAX_SIZE - 1) & -(uint64_t)HEAP_MAX_SIZE;
	for (uint64_t address = first; address < segment->end && !error; address += HEAP_MAX_SIZE) {
		size_t known = heaps->count;
		error = find_thread_heap(heaps, address, segment->end, &arena);
		if (error || heaps->count == known)
			continue;
		uint64_t place = find_top(heaps->target, arena, arena + 4 * FASTBINS * WORD, heaps->items[known].top);
		if (place)
			error = add_fastbins(heaps, place);
	}
	return error || heaps->count > before ? error : find_main_heap(heaps, segment);
}

struct inspect_error *malloc_heaps_find(struct inspect_target *target, struct malloc_heaps *heaps)
{
	struct inspect_error *error = NULL;
	*heaps = (struct malloc_heaps){ .target = target };
	for (size_t i = 0; i < target->segment_count && !error; i++)
		error = look_at_segment(heaps, &target->segments[i]);
	for (size_t i = 0; i < heaps->count && !heaps->key; i++)
		find_common_key(heaps, &heaps->items[i]);
	for (size_t i = 0; i < heaps->count && !heaps->key; i++)
		find_key(heaps, &heaps->items[i]);
	if (error)
		malloc_heaps_deinit(heaps);
	return error;
}

void malloc_heaps_deinit(struct malloc_heaps *heaps)
{
	free(heaps->items);
	address_set_deinit(&heaps->fast);
	*heaps = (struct malloc_heaps){ 0 };
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

/* Is the chunk at @chunk of @size bytes in use? The next one tells, and does not know what caches keep. */
static bool is_used(const struct malloc_heaps *heaps, const struct malloc_heap *heap, uint64_t chunk, uint64_t size)
{
	uint64_t next, key;
	if (chunk == heap->top || !read_word(heaps->target, chunk + size + WORD, &next) || !(next & PREVIOUS_IN_USE))
		return false;
	if (heaps->key && read_word(heaps->target, chunk + 3 * WORD, &key) && key == heaps->key)
		return false;
	return !address_set_has(&heaps->fast, chunk);
}

/* Fills in the blocks of those addresses that lie in @heap. How many these are. */
static size_t find_in_heap(const struct malloc_heaps *heaps, const struct malloc_heap *heap, const uint64_t *addresses,
			   size_t count, struct malloc_block *blocks)
{
	size_t done = 0;
	for (uint64_t chunk = heap->start; chunk < heap->end && done < count && addresses[done] < heap->end;) {
		uint64_t head = chunk_head(heaps->target, chunk, heap->end), size = head & ~(uint64_t)FLAGS;
		if (!head)
			break;
		/* a block in use ends behind the word that the next chunk begins with */
		uint64_t end = chunk + size + WORD;
		for (; done < count && addresses[done] < end && addresses[done] < heap->end; done++)
			blocks[done] = addresses[done] < chunk + 2 * WORD ? (struct malloc_block){ 0 } :
				       (struct malloc_block){ chunk + 2 * WORD, size - WORD, is_used(heaps, heap, chunk, size) };
		chunk += size;
	}
	return done;
}

/* A block with a mapping of its own begins on a page, with its size. */
static struct malloc_block find_mmapped(struct inspect_target *target, uint64_t address)
{
	const struct target_segment *segment = target_segment_at(target, address);
	uint64_t page = address & -(uint64_t)PAGE, head;
	if (!segment || !segment->data || !segment->writable || segment->image >= 0)
		return (struct malloc_block){ 0 };
	for (int i = 0; i < MMAPPED_PAGES_MAX && page >= segment->start && page <= address; i++, page -= PAGE) {
		uint64_t previous;
		if (!read_word(target, page, &previous) || !read_word(target, page + WORD, &head))
			break;
		/* the whole mapping, and since 2.42 without the first two words */
		uint64_t size = head & ~(uint64_t)FLAGS, whole = (size + PAGE - 1) & -(uint64_t)PAGE;
		if (previous < ALIGNMENT && (head & FLAGS) == IS_MMAPPED && size && whole - size <= 2 * WORD &&
		    whole > address - page && whole <= segment->end - page)
			return (struct malloc_block){ page + 2 * WORD, size - (whole == size ? 2 : 1) * WORD, true };
	}
	return (struct malloc_block){ 0 };
}

void malloc_blocks_at(const struct malloc_heaps *heaps, const uint64_t *addresses, size_t count, struct malloc_block *blocks)
{
	size_t heap = 0;
	memset(blocks, 0, count * sizeof(*blocks));
	for (size_t i = 0; i < count;) {
		while (heap < heaps->count && heaps->items[heap].end <= addresses[i])
			heap++;
		size_t done = 0;
		if (heap < heaps->count && addresses[i] >= heaps->items[heap].start)
			done = find_in_heap(heaps, &heaps->items[heap], addresses + i, count - i, blocks + i);
		else
			blocks[i] = find_mmapped(heaps->target, addresses[i]);
		i += done ? done : 1;
	}
}
