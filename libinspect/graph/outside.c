/* SPDX-License-Identifier: MIT */
/*
 * outside.c - telling the words that hold from those that the graph knows, from stale ones and from the insides of objects.
 *
 * Every word of the target's memory that is the address of one of the objects is looked at. What is left out: references of
 * the graph, by the addresses of their words; other words in objects and in the runtime's state, which are known not to
 * hold; blocks that were freed; and stacks below the stack pointer, or of threads that have ended.
 */
#include "graph/outside.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "graph/sort.h"
#include "graph/words.h"
#include "target/malloc.h"
#include "target/target.h"
#include "target/threads.h"

enum {
	WORD = sizeof(uint64_t),
	OBJECT_HEAD_MAX = 64,     /* an object begins so many bytes behind its block, at most */
	STACK_MAX = 8 << 20,      /* of threads whose stack's size nobody says: the usual limit */
	CONTROL_BLOCK_STEP = 64,  /* how glibc aligns a thread's structure */
	CONTROL_BLOCK_SIZE = 0x900, /* struct pthread */
};

/* A thread's stack: the part in use, and where what is below that begins. */
struct stack {
	uint64_t start, end, dead;
	pid_t thread;
};

/* A thread's own structure. */
struct structure {
	uint64_t address;
	pid_t thread;
};

/* The threads' structures in one segment, ascending; of threads that have ended, too. */
struct control_blocks {
	const struct target_segment *segment;
	uint64_t *items;
	size_t count, capacity;
};

/* One search. */
struct search {
	const struct graph *graph;
	struct inspect_target *target;
	struct runtime *runtime;
	const uint64_t *subjects;
	size_t subject_count;
	const uint64_t *known; /* objects that the graph lacks */
	const uint32_t *known_types;
	size_t known_count;
	struct found_words found;
	uint64_t *places; /* of words that are references of the graph's, ascending */
	size_t place_count, place_capacity;
	struct malloc_heaps heaps;
	struct control_blocks control; /* of the segment looked at last */
	struct stack *stacks; /* of threads that there are, ascending */
	struct structure *structures; /* the same */
	size_t stack_count, structure_count;
	struct outside_words *words;
};

static int compare_addresses(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;
	return (*one > *other) - (*one < *other);
}

static bool is_subject(const struct search *search, uint64_t address, uint32_t *subject_ret)
{
	size_t place = count_below(search->subjects, search->subject_count, address);
	*subject_ret = (uint32_t)place;
	return place < search->subject_count && search->subjects[place] == address;
}

/* ---- what the graph knows --------------------------------------------------------------------------- */

/* Notes that the word at @address is the reference @target, if that stands there. */
static struct inspect_error *add_place(struct search *search, uint64_t address, uint64_t target)
{
	uint64_t word;
	const void *bytes = address ? target_map(search->target, address, WORD) : NULL;
	if (!bytes)
		return NULL;
	memcpy(&word, bytes, WORD);
	if ((word & ~RUNTIME_REFERENCE_FLAGS) != target)
		return NULL;
	if (!array_reserve(search->places, search->place_count, search->place_capacity))
		return &inspect_error_no_memory;
	search->places[search->place_count++] = address;
	return NULL;
}

static struct inspect_error *add_places(struct search *search, const struct runtime_references *references)
{
	struct inspect_error *error = NULL;
	uint32_t subject;
	for (size_t i = 0; i < references->count && !error; i++) {
		uint64_t target = references->items[i] & ~RUNTIME_REFERENCE_FLAGS;
		if (is_subject(search, target, &subject))
			error = add_place(search, references->labels[i].word, target);
	}
	return error;
}

/* The words by which the graph's objects refer to the subjects. */
static struct inspect_error *find_edges(struct search *search)
{
	const struct graph *graph = search->graph;
	const struct heap *heap = graph->heap;
	struct inspect_error *error = NULL;
	struct runtime_references references = { 0 };
	uint64_t *wanted AUTO_FREE = calloc(heap->count / 64 + 1, sizeof(*wanted));
	if (!wanted)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < search->subject_count; i++) {
		uint32_t id;
		if (heap_find(heap, search->subjects[i], &id))
			wanted[id / 64] |= UINT64_C(1) << id % 64;
	}
	for (uint32_t id = 0; id < heap->count && !error; id++) {
		size_t count;
		const uint32_t *edges = graph_edges(graph, id, &count);
		bool any = false;
		for (size_t i = 0; i < count && !any; i++)
			any = wanted[edge_target(edges[i]) / 64] >> edge_target(edges[i]) % 64 & 1;
		if (!any)
			continue;
		error = graph_labels(graph, id, &references);
		if (!error)
			error = add_places(search, &references);
	}
	runtime_references_deinit(&references);
	return error;
}

/* And those of objects that the graph lacks. */
static struct inspect_error *find_known(struct search *search)
{
	struct inspect_error *error = NULL;
	struct runtime_references references = { .labelled = true };
	for (size_t i = 0; i < search->known_count && !error; i++) {
		size_t damaged = 0;
		references.count = 0;
		error = search->runtime->operations->references(search->runtime, &search->known[i], &search->known_types[i], 1,
								&references, NULL, &damaged);
		if (!error)
			error = add_places(search, &references);
	}
	runtime_references_deinit(&references);
	return error;
}

/* Roots that are guessed are outside, and found again. */
static struct inspect_error *find_roots(struct search *search)
{
	struct inspect_error *error = NULL;
	uint32_t subject;
	for (size_t i = 0; i < search->graph->roots.count && !error; i++) {
		const struct graph_root *root = &search->graph->roots.items[i];
		if (!(root->flags & RUNTIME_GUESSED) && is_subject(search, root->address, &subject))
			error = add_place(search, root->label.word, root->address);
	}
	return error;
}

static struct inspect_error *find_places(struct search *search)
{
	struct inspect_error *error = find_edges(search);
	if (!error)
		error = find_known(search);
	if (!error)
		error = find_roots(search);
	if (!error && search->place_count)
		qsort(search->places, search->place_count, sizeof(*search->places), compare_addresses);
	return error;
}

/* Keeps those of the words found that are no reference of the graph's. */
static void drop_known(struct search *search)
{
	struct found_words *found = &search->found;
	size_t kept = 0, place = 0;
	for (size_t i = 0; i < found->count; i++) {
		while (place < search->place_count && search->places[place] < found->items[i].address)
			place++;
		if (place == search->place_count || search->places[place] != found->items[i].address)
			found->items[kept++] = found->items[i];
	}
	found->count = kept;
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static bool begins_in(const uint64_t *addresses, size_t count, uint64_t block, uint64_t size)
{
	size_t place = count_below(addresses, count, block);
	return place < count && addresses[place] - block < (size < OBJECT_HEAD_MAX ? size : OBJECT_HEAD_MAX);
}

/* Is the block an object's? */
static bool is_object(const struct search *search, uint64_t block, uint64_t size)
{
	const struct heap *heap = search->graph->heap;
	return begins_in(heap->address, heap->count, block, size) ||
	       begins_in(search->known, search->known_count, block, size);
}

/* Is @address inside of an object in the data of an image? What comes before an object's address counts in its size. */
static bool in_static_object(const struct search *search, uint64_t address)
{
	const struct heap *heap = search->graph->heap;
	size_t place = count_below(heap->address, heap->count, address + 1);
	if (!place)
		return false;
	uint32_t id = (uint32_t)(place - 1);
	uint64_t before = search->runtime->operations->preheader ?
				  search->runtime->operations->preheader(search->runtime, heap->type[id]) : 0;
	return address - heap->address[id] + before < heap_size_of(heap, id);
}

/* ---- stacks ----------------------------------------------------------------------------------------- */

static int compare_stacks(const void *a, const void *b)
{
	const struct stack *one = a, *other = b;
	return (one->start > other->start) - (one->start < other->start);
}

static int compare_structures(const void *a, const void *b)
{
	const struct structure *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

/* Where begins what lies below the part of the stack in use that is at [@start, @end)? */
static uint64_t dead_start(const struct search *search, uint64_t start, uint64_t end)
{
	const struct target_segment *segment = target_segment_at(search->target, start);
	uint64_t below = end - start > STACK_MAX ? 0 : STACK_MAX - (end - start);
	uint64_t lowest = start > below ? start - below : 0;
	return !segment ? start : segment->start > lowest ? segment->start : lowest;
}

/* Notes where the threads' stacks and structures are. */
static struct inspect_error *find_threads(struct search *search)
{
	size_t count = search->target->thread_count;
	search->stacks = reallocarray(NULL, count + 1, sizeof(*search->stacks));
	search->structures = reallocarray(NULL, count + 1, sizeof(*search->structures));
	if (!search->stacks || !search->structures)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		const struct target_thread *thread = &search->target->threads[i];
		struct stack stack = { .thread = thread->tid };
		if (thread_stack(search->target, thread, &stack.start, &stack.end)) {
			stack.dead = dead_start(search, stack.start, stack.end);
			search->stacks[search->stack_count++] = stack;
		}
		search->structures[search->structure_count++] = (struct structure){ thread_pointer(search->target, thread), thread->tid };
	}
	qsort(search->stacks, search->stack_count, sizeof(*search->stacks), compare_stacks);
	qsort(search->structures, search->structure_count, sizeof(*search->structures), compare_structures);
	return NULL;
}

/* The thread that has its structure at @address; NULL: it has ended. */
static const struct structure *thread_at(const struct search *search, uint64_t address)
{
	const struct structure wanted = { .address = address };
	return bsearch(&wanted, search->structures, search->structure_count, sizeof(wanted), compare_structures);
}

/* glibc puts a thread's structure at the end of its stack; it begins with two pointers to itself: tcbhead_t. */
static struct inspect_error *find_control_blocks(struct search *search, const struct target_segment *segment)
{
	struct control_blocks *control = &search->control;
	if (control->segment == segment)
		return NULL;
	control->segment = segment;
	control->count = 0;
	uint64_t address = (segment->start + CONTROL_BLOCK_STEP - 1) & -(uint64_t)CONTROL_BLOCK_STEP;
	for (; address + 3 * WORD <= segment->end; address += CONTROL_BLOCK_STEP) {
		uint64_t words[3];
		memcpy(words, segment->data + (address - segment->start), sizeof(words));
		if (words[0] != address || words[2] != address)
			continue;
		if (!array_reserve(control->items, control->count, control->capacity))
			return &inspect_error_no_memory;
		control->items[control->count++] = address;
	}
	return NULL;
}

/* What kind of place is @address in a thread's stack? False: none. *@live_ret: somebody may still look at it. The next
 * thread's stack may be right below, so parts in use come first. */
static bool look_at_stacks(const struct search *search, uint64_t address, struct outside_word *word, bool *live_ret)
{
	size_t low = 0, high = search->stack_count; /* the first that begins behind @address is among these */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (search->stacks[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct stack *stack = NULL;
	if (low && address < search->stacks[low - 1].end)
		stack = &search->stacks[low - 1];
	else if (low < search->stack_count && address >= search->stacks[low].dead)
		stack = &search->stacks[low];
	if (!stack)
		return false;
	*live_ret = address >= stack->start;
	word->kind = OUTSIDE_STACK;
	word->thread = stack->thread;
	return true;
}

/* The same of threads' own structures, and of stacks whose threads have ended. */
static struct inspect_error *look_at_control_blocks(struct search *search, const struct target_segment *segment,
						    uint64_t address, struct outside_word *word, bool *live_ret)
{
	struct inspect_error *error = find_control_blocks(search, segment);
	const struct control_blocks *control = &search->control;
	size_t place = error ? 0 : count_below(control->items, control->count, address + 1);
	if (error)
		return error;
	if (place && address - control->items[place - 1] < CONTROL_BLOCK_SIZE) {
		const struct structure *thread = thread_at(search, control->items[place - 1]);
		*live_ret = thread;
		word->kind = OUTSIDE_THREAD;
		word->thread = thread ? thread->thread : 0;
	} else if (place < control->count && control->items[place] - address < STACK_MAX) {
		/* what the linker gives each thread is before its structure; the main thread's stack is elsewhere */
		const struct structure *thread = thread_at(search, control->items[place]);
		*live_ret = thread;
		word->kind = OUTSIDE_THREAD;
		word->thread = thread ? thread->thread : 0;
	}
	return NULL;
}

/* ---- one word --------------------------------------------------------------------------------------- */

static struct inspect_error *add_word(struct search *search, const struct outside_word *word)
{
	struct outside_words *words = search->words;
	if (!array_reserve(words->items, words->count, words->capacity))
		return &inspect_error_no_memory;
	words->items[words->count++] = *word;
	return NULL;
}

/* Takes the word, which lies in @block of malloc()'s if that has an address. */
static struct inspect_error *take_word(struct search *search, const struct found_word *found,
				       const struct malloc_block *block)
{
	struct outside_word word = { .subject = found->subject, .address = found->address, .kind = OUTSIDE_MEMORY };
	struct runtime_memory memory = { .kind = RUNTIME_MEMORY_FOREIGN };
	struct inspect_error *error = NULL;
	bool live = true;
	if (search->runtime->operations->memory)
		error = search->runtime->operations->memory(search->runtime, found->address, block->address, block->size,
							    &memory);
	if (error || memory.kind == RUNTIME_MEMORY_DESCRIBED || memory.kind == RUNTIME_MEMORY_FREE)
		return error;
	const struct target_segment *segment = target_segment_at(search->target, found->address);
	if (memory.kind == RUNTIME_MEMORY_BLOCK || block->address) {
		bool own = memory.kind == RUNTIME_MEMORY_BLOCK;
		word.kind = own ? OUTSIDE_BLOCK : OUTSIDE_MALLOC;
		word.block = own ? memory.address : block->address;
		word.size = own ? memory.size : block->size;
		live = own || block->used;
		if (is_object(search, word.block, word.size))
			word.kind = OUTSIDE_OBJECT;
	} else if (look_at_stacks(search, found->address, &word, &live)) {
		; /* it knows */
	} else if (target_image_at(search->target, found->address)) {
		word.kind = OUTSIDE_GLOBAL;
		live = !in_static_object(search, found->address);
	} else if (segment) {
		error = look_at_control_blocks(search, segment, found->address, &word, &live);
	}
	return error || !live ? error : add_word(search, &word);
}

static struct inspect_error *take_words(struct search *search)
{
	const struct found_words *found = &search->found;
	uint64_t *addresses AUTO_FREE = reallocarray(NULL, found->count + 1, sizeof(*addresses));
	struct malloc_block *blocks AUTO_FREE = reallocarray(NULL, found->count + 1, sizeof(*blocks));
	if (!addresses || !blocks)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < found->count; i++)
		addresses[i] = found->items[i].address;
	malloc_blocks_at(&search->heaps, addresses, found->count, blocks);
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < found->count && !error; i++)
		error = take_word(search, &found->items[i], &blocks[i]);
	return error;
}

/* ---- blocks of objects ------------------------------------------------------------------------------ */

static int compare_blocks(const void *a, const void *b)
{
	const struct outside_word *one = a, *other = b;
	return (one->block > other->block) - (one->block < other->block);
}

/* The blocks that words are in, ascending, and where the words of each begin; the words are sorted by them. */
struct blocks {
	uint64_t *addresses;
	size_t *first; /* count + 1 */
	size_t count;
};

static struct inspect_error *list_blocks(const struct outside_words *words, struct blocks *blocks)
{
	blocks->count = 0;
	blocks->addresses = reallocarray(NULL, words->count + 1, sizeof(*blocks->addresses));
	blocks->first = reallocarray(NULL, words->count + 1, sizeof(*blocks->first));
	if (!blocks->addresses || !blocks->first)
		return &inspect_error_no_memory;
	if (words->count)
		qsort(words->items, words->count, sizeof(*words->items), compare_blocks);
	for (size_t i = 0; i < words->count; i++) {
		if (!words->items[i].block || (i && words->items[i].block == words->items[i - 1].block))
			continue;
		blocks->addresses[blocks->count] = words->items[i].block;
		blocks->first[blocks->count++] = i;
	}
	blocks->first[blocks->count] = words->count;
	return NULL;
}

static const uint64_t SPARE = UINT64_MAX; /* in place of the size of a word's block */

/* Marks those of the words in block number @number that are spare room of the object that has the pointer at @pointer to it. */
static void mark_spare(struct search *search, const struct blocks *blocks, size_t number, uint64_t pointer)
{
	const struct heap *heap = search->graph->heap;
	size_t place = count_below(heap->address, heap->count, pointer + 1);
	if (!place || pointer - heap->address[place - 1] >= OBJECT_HEAD_MAX)
		return;
	for (size_t i = blocks->first[number]; i < blocks->first[number + 1]; i++) {
		struct outside_word *word = &search->words->items[i];
		if (search->runtime->operations->spare(search->runtime, heap->address[place - 1], heap->type[place - 1],
						       blocks->addresses[number], word->address))
			word->size = SPARE;
	}
}

/* Drops words in spare room of objects' blocks. */
static struct inspect_error *drop_spare(struct search *search)
{
	struct blocks blocks = { 0 };
	struct found_words pointers = { 0 };
	struct inspect_error *error = NULL;
	size_t kept = 0;
	if (search->runtime->operations->spare)
		error = list_blocks(search->words, &blocks);
	if (!error)
		error = words_find(search->target, blocks.addresses, blocks.count, &pointers);
	for (size_t i = 0; i < pointers.count; i++)
		mark_spare(search, &blocks, pointers.items[i].subject, pointers.items[i].address);
	for (size_t i = 0; i < search->words->count; i++)
		if (search->words->items[i].size != SPARE)
			search->words->items[kept++] = search->words->items[i];
	search->words->count = kept;
	words_deinit(&pointers);
	free(blocks.addresses);
	free(blocks.first);
	return error;
}

/* ---- roots ------------------------------------------------------------------------------------------ */

/* Adds the guessed roots: all where memory could not be looked through, else those that are in no memory or in memory that
 * the runtime has described, such as the stacks of running frames. */
static struct inspect_error *take_roots(struct search *search)
{
	const struct graph_roots *roots = &search->graph->roots;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < roots->count && !error; i++) {
		const struct graph_root *root = &roots->items[i];
		struct outside_word word = { .address = root->label.word, .kind = OUTSIDE_REGISTER, .name = root->label.text };
		if (!(root->flags & RUNTIME_GUESSED) || !is_subject(search, root->address, &word.subject) ||
		    (root->label.word && !search->words->partial &&
		     (root->kind == RUNTIME_ROOT_GLOBAL || root->kind == RUNTIME_ROOT_STACK)))
			continue;
		if (root->label.word)
			word.kind = root->kind == RUNTIME_ROOT_GLOBAL ? OUTSIDE_GLOBAL :
				    root->kind == RUNTIME_ROOT_STACK  ? OUTSIDE_STACK :
									OUTSIDE_FRAME;
		error = add_word(search, &word);
	}
	return error;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
	const struct outside_word *one = a, *other = b;
	if (one->subject != other->subject)
		return one->subject < other->subject ? -1 : 1;
	if (one->kind != other->kind)
		return one->kind < other->kind ? -1 : 1;
	return (one->address > other->address) - (one->address < other->address);
}

static struct inspect_error *search_memory(struct search *search)
{
	struct inspect_error *error = words_find(search->target, search->subjects, search->subject_count, &search->found);
	if (!error)
		error = find_places(search);
	if (!error)
		error = malloc_heaps_find(search->target, &search->heaps);
	if (!error)
		error = find_threads(search);
	if (error)
		return error;
	drop_known(search);
	error = take_words(search);
	return error ? error : drop_spare(search);
}

struct inspect_error *outside_find(const struct graph *graph, const uint64_t *subjects, size_t count,
				   const uint64_t *known, const uint32_t *known_types, size_t known_count,
				   struct outside_words *words)
{
	struct runtime *runtime = graph->heap->runtime;
	*words = (struct outside_words){ .partial = !runtime->target->segment_count };
	struct search search = {
		.graph = graph, .target = runtime->target, .runtime = runtime, .subjects = subjects, .subject_count = count,
		.known = known, .known_types = known_types, .known_count = known_count, .words = words,
	};
	struct inspect_error *error = count && !words->partial ? search_memory(&search) : NULL;
	if (!error)
		error = take_roots(&search);
	words_deinit(&search.found);
	free(search.places);
	free(search.control.items);
	free(search.stacks);
	free(search.structures);
	malloc_heaps_deinit(&search.heaps);
	if (error)
		outside_deinit(words);
	else if (words->count)
		qsort(words->items, words->count, sizeof(*words->items), compare_words);
	return error;
}

void outside_deinit(struct outside_words *words)
{
	free(words->items);
	*words = (struct outside_words){ 0 };
}
