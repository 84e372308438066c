/* SPDX-License-Identifier: MIT */
/*
 * heap.c - making a heap's columns of the index of its objects.
 *
 * Workers take region after region of the index: addresses come from the bits, the rest from the runtime.
 */
#include "graph/heap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/discovery.h"
#include "graph/workers.h"

enum { BATCH = 4096 }; /* objects that a worker takes at once */

/* A column of @count items. */
static void *column_create(size_t count, size_t item_size)
{
	return array_create_large(count, item_size);
}

static bool columns_create(struct heap *heap)
{
	heap->address = column_create(heap->count, sizeof(*heap->address));
	heap->type = column_create(heap->count, sizeof(*heap->type));
	heap->generation = column_create(heap->count, sizeof(*heap->generation));
	heap->flags = column_create(heap->count, sizeof(*heap->flags));
	heap->collector = calloc(heap->count + 1, sizeof(*heap->collector)); /* takes no memory where all are 0 */
	return heap->address && heap->type && heap->generation && heap->flags && heap->collector;
}

/* ---- addresses, types, flags ------------------------------------------------------------------------ */

static void fill_addresses(struct heap *heap, const struct index_region *region)
{
	uint64_t *address = heap->address + region->first;
	for (size_t word = 0; word < REGION_WORDS; word++) {
		uint64_t start = (region->number << REGION_SHIFT) + (word << (GRANULE_SHIFT + 6));
		for (uint64_t bits = region->bits[word]; bits; bits &= bits - 1)
			*address++ = start + ((uint64_t)__builtin_ctzll(bits) << GRANULE_SHIFT);
	}
}

struct inspect_error *heap_fill_region(struct heap *heap, const struct index_region *region)
{
	if (!region->count)
		return NULL;
	fill_addresses(heap, region);
	const struct runtime_columns columns = {
		.type = heap->type + region->first,
		.flags = heap->flags + region->first,
		.refcount = heap->refcount ? heap->refcount + region->first : NULL,
	};
	return heap->runtime->operations->examine(heap->runtime, heap->address + region->first, region->count, &columns);
}

static struct inspect_error *fill_region(void *context, size_t number)
{
	struct heap *heap = context;
	return heap_fill_region(heap, heap->index.regions[number]);
}

struct inspect_error *heap_fill(struct heap *heap)
{
	struct inspect_error *error = NULL;
	if (!heap->filled)
		error = workers_each(heap->runtime->target, "looking at objects", heap->index.count, fill_region, heap);
	heap->filled = !error;
	return error;
}

/* ---- generations and collectors --------------------------------------------------------------------- */

/* Fills the generations of a region: its listed objects have those of the lists. */
static struct inspect_error *fill_listed(void *context, size_t number)
{
	struct heap *heap = context;
	const struct index_region *region = heap->index.regions[number];
	uint8_t *generation = heap->generation + region->first;
	size_t tracked = 0;
	memset(generation, HEAP_UNTRACKED, region->count);
	for (size_t word = 0; region->list && word < REGION_WORDS; word++) {
		uint64_t listed = region->list->listed[word];
		for (uint64_t bits = region->bits[word]; bits; bits &= bits - 1, generation++) {
			unsigned int bit = (unsigned int)__builtin_ctzll(bits);
			if (!(listed >> bit & 1))
				continue;
			*generation = (uint8_t)listed_generation(region->list, word, bit);
			tracked++;
		}
	}
	__atomic_fetch_add(&heap->tracked, tracked, __ATOMIC_RELAXED);
	return NULL;
}

static void fill_collectors(struct heap *heap, const struct listed_objects *listed)
{
	for (size_t i = 0; i < listed->other_count; i++) {
		uint32_t id;
		if (heap_find(heap, listed_address(listed->others[i]), &id))
			heap->collector[id] = (uint8_t)listed_collector(listed->others[i]);
	}
}

static struct inspect_error *fill_generations(struct heap *heap, const struct listed_objects *listed,
					      struct notes *notes)
{
	struct inspect_error *error = workers_each(NULL, "sorting objects", heap->index.count, fill_listed, heap);
	fill_collectors(heap, listed);
	if (error || !listed->duplicates)
		return error;
	return notes_add(notes, true,
			 "the collector's lists are damaged: objects that they have more than once, and that "
			 "count once here: %zu, the first at 0x%" PRIx64,
			 listed->duplicates, listed->first_duplicate);
}

/* ---- building --------------------------------------------------------------------------------------- */

/* Gives the roots their objects' ids; those that lead to none are no roots. */
static void settle_roots(const struct heap *heap, struct graph_roots *roots)
{
	size_t kept = 0;
	for (size_t i = 0; i < roots->count; i++) {
		struct graph_root *root = &roots->items[i];
		if (heap_find(heap, root->address, &root->object))
			roots->items[kept++] = *root;
		else if (!(root->flags & RUNTIME_GUESSED) && roots->dangling++ == 0)
			roots->first_dangling = root->address;
	}
	roots->count = kept;
}

/* Makes the columns of the index's objects. */
static struct inspect_error *make_columns(struct runtime *runtime, struct heap *heap, const struct listed_objects *listed,
					  struct notes *notes)
{
	heap->runtime = runtime;
	return columns_create(heap) ? fill_generations(heap, listed, notes) : &inspect_error_no_memory;
}

static struct inspect_error *find_clean(struct runtime *runtime, struct heap *heap, struct graph_roots *roots,
					struct notes *notes)
{
	struct listed_objects listed = { 0 };
	*heap = (struct heap){ 0 };
	struct inspect_error *error = discover(runtime, &heap->index, &heap->count, &listed, roots, &heap->damaged,
					       notes);
	if (!error)
		error = make_columns(runtime, heap, &listed, notes);
	listed_objects_deinit(&listed, &heap->index);
	if (error)
		heap_deinit(heap);
	return error;
}

struct inspect_error *heap_find_unheld(struct runtime *runtime, struct heap *heap, struct notes *notes,
				       size_t *scanned_ret, bool *sound_ret)
{
	struct listed_objects listed = { 0 };
	*heap = (struct heap){ 0 };
	struct inspect_error *error = discover_unheld(runtime, &heap->index, &heap->count, &listed, notes,
						      scanned_ret, sound_ret);
	if (!error && *sound_ret)
		error = make_columns(runtime, heap, &listed, notes);
	listed_objects_deinit(&listed, &heap->index);
	if (error || !*sound_ret)
		heap_deinit(heap);
	return error;
}

struct inspect_error *heap_of_index(struct runtime *runtime, struct heap *heap, const struct address_index *index,
				    struct graph_roots *roots)
{
	const struct listed_objects nothing = { 0 };
	*heap = (struct heap){ .index = *index };
	if (!index_seal(&heap->index, &heap->count))
		return &inspect_error_no_memory;
	struct inspect_error *error = make_columns(runtime, heap, &nothing, NULL);
	if (error)
		return error;
	settle_roots(heap, roots);
	roots->dangling = 0; /* the others lead elsewhere */
	return NULL;
}

struct inspect_error *heap_build(struct runtime *runtime, struct heap *heap, struct notes *notes)
{
	struct inspect_error *error = find_clean(runtime, heap, NULL, notes);
	if (!error)
		error = heap_fill(heap);
	if (error)
		heap_deinit(heap);
	return error;
}

bool type_is_unnamed(const char *name)
{
	static const char beginning[] = "<type at 0x";
	return strncmp(name, beginning, sizeof(beginning) - 1) == 0;
}

/* A search for objects that cannot be read, and for the types that objects have. */
struct damage {
	const struct heap *heap;
	uint8_t *seen;  /* atomic; of each type: does a tracked object have it? */
	size_t count;   /* atomic */
	uint32_t first; /* atomic; the lowest id */
};

static void note_damaged(struct damage *damage, uint32_t id)
{
	uint32_t first = __atomic_load_n(&damage->first, __ATOMIC_RELAXED);
	__atomic_fetch_add(&damage->count, 1, __ATOMIC_RELAXED);
	while (id < first && !__atomic_compare_exchange_n(&damage->first, &first, id, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static struct inspect_error *find_damage(void *context, size_t number)
{
	struct damage *damage = context;
	const struct heap *heap = damage->heap;
	size_t end = (number + 1) * BATCH < heap->count ? (number + 1) * BATCH : heap->count;
	for (uint32_t id = (uint32_t)(number * BATCH); id < end; id++) {
		if (!heap_is_tracked(heap, id))
			continue;
		if (heap->flags[id] & RUNTIME_DAMAGED)
			note_damaged(damage, id);
		if (!__atomic_load_n(&damage->seen[heap->type[id]], __ATOMIC_RELAXED))
			__atomic_store_n(&damage->seen[heap->type[id]], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Others than tracked objects may be what only a scan of memory took for objects: they prove no damage. */
struct inspect_error *heap_note_damage(const struct heap *heap, struct notes *notes)
{
	uint8_t *seen AUTO_FREE = calloc(heap->runtime->type_count + 1, sizeof(*seen));
	struct damage damage = { .heap = heap, .seen = seen, .first = UINT32_MAX };
	if (!seen)
		return &inspect_error_no_memory;
	struct inspect_error *error = workers_each(NULL, "looking for damage", (heap->count + BATCH - 1) / BATCH, find_damage, &damage);
	size_t damaged = damage.count, unnamed = 0;
	uint64_t first = damaged ? heap->address[damage.first] : 0;
	for (size_t type = 0; type < heap->runtime->type_count; type++)
		unnamed += seen[type] && type_is_unnamed(heap->runtime->types[type].name);
	if (error)
		return error;
	if (heap->damaged)
		error = notes_add(notes, true, "objects of whose references some could not be read: %zu", heap->damaged);
	if (!error && damaged)
		error = notes_add(notes, true,
				  "%zu objects cannot be read or have a damaged type (the first at 0x%" PRIx64
				  "): they are shown with the type ? or the size 0",
				  damaged, first);
	if (!error && unnamed)
		error = notes_add(notes, true,
				  "the names of %zu types cannot be read, since they are in files that are missing or "
				  "different (see status)",
				  unnamed);
	return error;
}

struct inspect_error *heap_find_all(struct runtime *runtime, struct heap *heap, struct graph_roots *roots,
				    struct notes *notes)
{
	*roots = (struct graph_roots){ 0 };
	struct inspect_error *error = find_clean(runtime, heap, roots, notes);
	if (error)
		graph_roots_deinit(roots);
	else
		settle_roots(heap, roots);
	return error;
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
	index_deinit(&heap->index);
	*heap = (struct heap){ 0 };
}

/* ---- sizes and reference counts --------------------------------------------------------------------- */

/* Looks at a batch of objects again, for the columns that are there now. */
static struct inspect_error *fill_more(void *context, size_t number)
{
	struct heap *heap = context;
	uint8_t flags[BATCH];
	size_t begin = number * BATCH;
	size_t count = heap->count - begin < BATCH ? heap->count - begin : BATCH;
	const struct runtime_columns columns = {
		.size = heap->size ? heap->size + begin : NULL,
		.refcount = heap->refcount ? heap->refcount + begin : NULL,
		.flags = flags,
	};
	struct inspect_error *error =
		heap->runtime->operations->examine(heap->runtime, heap->address + begin, count, &columns);
	for (size_t i = 0; i < count && !error; i++)
		heap->flags[begin + i] |= flags[i];
	return error;
}

static struct inspect_error *fill_column(struct heap *heap, const char *what)
{
	return workers_each(heap->runtime->target, what, (heap->count + BATCH - 1) / BATCH, fill_more, heap);
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

struct inspect_error *heap_find_sizes(struct heap *heap, struct notes *notes)
{
	if (heap->size)
		return NULL;
	heap->size = column_create(heap->count, sizeof(*heap->size));
	struct inspect_error *error = heap->size ? fill_column(heap, "measuring objects") : &inspect_error_no_memory;
	if (error) {
		free(heap->size);
		heap->size = NULL;
		return error;
	}
	return refuse_sizes(heap, notes);
}

bool heap_measure(const struct heap *heap, uint32_t id, uint64_t *size_ret)
{
	*size_ret = heap->size ? heap->size[id] : 0;
	if (heap->size)
		return !(heap->flags[id] & RUNTIME_DAMAGED);
	uint8_t flags = 0;
	const struct runtime_columns columns = { .size = size_ret, .flags = &flags };
	inspect_error_destroy(heap->runtime->operations->examine(heap->runtime, &heap->address[id], 1, &columns));
	if (!(flags & RUNTIME_DAMAGED) && *size_ret < HEAP_SIZE_MAX)
		return true;
	*size_ret = 0;
	return false;
}

uint64_t heap_size_of(const struct heap *heap, uint32_t id)
{
	uint64_t size;
	heap_measure(heap, id, &size);
	return size;
}

struct inspect_error *heap_want_refcounts(struct heap *heap)
{
	if (heap->filled)
		return heap_find_refcounts(heap);
	if (!heap->refcount)
		heap->refcount = column_create(heap->count, sizeof(*heap->refcount));
	return heap->refcount ? NULL : &inspect_error_no_memory;
}

struct inspect_error *heap_find_refcounts(struct heap *heap)
{
	if (heap->refcount)
		return NULL;
	heap->refcount = column_create(heap->count, sizeof(*heap->refcount));
	uint64_t *size = heap->size;
	heap->size = NULL; /* is not to be filled again */
	struct inspect_error *error =
		heap->refcount ? fill_column(heap, "looking at objects") : &inspect_error_no_memory;
	heap->size = size;
	if (error) {
		free(heap->refcount);
		heap->refcount = NULL;
	}
	return error;
}
