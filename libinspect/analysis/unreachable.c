/* SPDX-License-Identifier: MIT */
/*
 * unreachable.c - what a collection would find unreachable.
 *
 * The steps have the names that they have in CPython: update_refs, subtract_refs, move_unreachable,
 * move_legacy_finalizers. Workers take blocks
 * of ids for each of them. The last one follows references from block to block, as discovery.c does from region to
 * region: a bit of a block's word is new, the block is in a queue, who takes it follows what is new in it, in the order
 * of ids. So memory is read in order as far as the heap lets us, and the bitmaps stay in the cache.
 */
#include "analysis/unreachable.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/threads.h"
#include "graph/workers.h"

enum {
	BLOCK_WORDS = 64, /* words of a bitmap; a word has a bit for each of them */
	BLOCK = BLOCK_WORDS * 64, /* ids */
};

/* What is new in a block, and its place in the queue. */
struct block {
	uint64_t dirty; /* atomic; bit i: word i of its part of the bitmap `found` may have bits */
	bool queued;    /* atomic */
	uint32_t next;  /* in the queue */
};

static const uint32_t NO_BLOCK = UINT32_MAX;

/* Collections, imagined. */
struct collection {
	const struct graph *graph;
	const struct collection_scope *scope;
	const int64_t *refcount;
	struct unreachable *result;
	bool many;       /* are there objects of several collectors? */
	uint64_t *left;  /* a bit for each object that is looked at and not known to be reachable: the garbage, in the end */
	uint64_t *found; /* atomic; those that are reachable, and whose references have not been followed */
	uint64_t *lent;  /* a bit for each object that somebody is seen to refer to who does not hold it */
	uint32_t *held;  /* how many references the objects that are looked at hold to each object; later: those dropped */
	uint32_t *pending; /* a stack of ids */
	size_t pending_count, pending_capacity;
	uint64_t turns;

	struct block *blocks;
	size_t block_count;
	pthread_mutex_t lock; /* of the queue */
	pthread_cond_t changed;
	uint32_t first, last; /* blocks of the queue */
	unsigned int busy;    /* workers that have a block */
};

static size_t block_end(const struct collection *collection, size_t block)
{
	size_t count = collection->graph->heap->count;
	return (block + 1) * BLOCK < count ? (block + 1) * BLOCK : count;
}

static bool has_bit(const uint64_t *bits, uint32_t id)
{
	return bits[id / 64] >> id % 64 & 1;
}

/* ---- update_refs ------------------------------------------------------------------------------------ */

static bool in_scope(const struct heap *heap, const struct collection_scope *scope, size_t id)
{
	return heap->generation[id] < HEAP_GENERATIONS && (scope->generations >> heap->generation[id] & 1) &&
	       (scope->collectors[heap->collector[id] / 64] >> heap->collector[id] % 64 & 1);
}

/* Finds the objects that are looked at. */
static struct inspect_error *update_refs(void *context, size_t block)
{
	struct collection *collection = context;
	const struct heap *heap = collection->graph->heap;
	size_t scanned = 0;
	bool others = false;
	for (size_t id = block * BLOCK; id < block_end(collection, block); id++) {
		bool looked_at = in_scope(heap, collection->scope, id);
		collection->held[id] = 0;
		collection->result->verdict[id] = looked_at ? VERDICT_REACHABLE : VERDICT_OUTSIDE;
		if (!looked_at)
			continue;
		collection->left[id / 64] |= UINT64_C(1) << id % 64;
		scanned += (heap->flags[id] & RUNTIME_SCANNED) != 0;
		others |= heap->collector[id] != 0;
	}
	__atomic_fetch_add(&collection->result->scanned, scanned, __ATOMIC_RELAXED);
	if (others)
		__atomic_store_n(&collection->many, true, __ATOMIC_RELAXED);
	return NULL;
}

/* ---- subtract_refs ---------------------------------------------------------------------------------- */

/* Does the collector of object @id look at @target, if any does? */
static bool same_collection(const struct collection *collection, uint32_t id, uint32_t target)
{
	const uint8_t *collector = collection->graph->heap->collector;
	return !collection->many || collector[id] == collector[target];
}

/* Counts the references that the objects looked at hold to each other; like the collector, which subtracts whatever a
 * traverse function visits, also those that are not counted: what is visited belongs to somebody whom the collector does not
 * look at (the links of functools.lru_cache up to 3.11), or is borrowed. */
static struct inspect_error *subtract_refs(void *context, size_t block)
{
	struct collection *collection = context;
	unsigned int without = RUNTIME_UNVISITED;
	if (!collection->scope->believe_guesses)
		without |= RUNTIME_GUESSED;
	for (uint32_t id = (uint32_t)(block * BLOCK); id < block_end(collection, block); id++) {
		size_t count;
		const uint32_t *edges = graph_edges(collection->graph, id, &count);
		if (!has_bit(collection->left, id))
			continue;
		for (size_t i = 0; i < count; i++) {
			uint32_t target = edge_target(edges[i]);
			if ((edge_flags(edges[i]) & without) || !has_bit(collection->left, target) ||
			    !same_collection(collection, id, target))
				continue;
			__atomic_fetch_add(&collection->held[target], 1, __ATOMIC_RELAXED);
			if (edge_flags(edges[i]) & RUNTIME_UNCOUNTED)
				__atomic_fetch_or(&collection->lent[target / 64], UINT64_C(1) << target % 64,
						  __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

/* ---- move_unreachable ------------------------------------------------------------------------------- */

static void note_negative(struct unreachable *unreachable, uint32_t id)
{
	uint32_t first = __atomic_load_n(&unreachable->first_negative, __ATOMIC_RELAXED);
	__atomic_fetch_add(&unreachable->negative, 1, __ATOMIC_RELAXED);
	while (id < first && !__atomic_compare_exchange_n(&unreachable->first_negative, &first, id, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void enqueue(struct collection *collection, uint32_t number)
{
	struct block *block = &collection->blocks[number];
	if (__atomic_load_n(&block->queued, __ATOMIC_SEQ_CST) || __atomic_exchange_n(&block->queued, true, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&collection->lock);
	block->next = NO_BLOCK;
	if (collection->first == NO_BLOCK)
		collection->first = number;
	else
		collection->blocks[collection->last].next = number;
	collection->last = number;
	pthread_cond_signal(&collection->changed);
	pthread_mutex_unlock(&collection->lock);
}

/* Object @id is reachable. Who takes the new bits of a word clears its dirty bit first: a bit that it misses makes the
 * word dirty again. */
static void mark_reachable(struct collection *collection, uint32_t id)
{
	uint32_t word = id / 64, number = id / BLOCK;
	uint64_t bit = UINT64_C(1) << id % 64, dirty = UINT64_C(1) << word % BLOCK_WORDS;
	if (!(__atomic_load_n(&collection->left[word], __ATOMIC_RELAXED) & bit) ||
	    !(__atomic_fetch_and(&collection->left[word], ~bit, __ATOMIC_RELAXED) & bit))
		return;
	__atomic_fetch_or(&collection->found[word], bit, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&collection->blocks[number].dirty, __ATOMIC_SEQ_CST) & dirty))
		__atomic_fetch_or(&collection->blocks[number].dirty, dirty, __ATOMIC_SEQ_CST);
	enqueue(collection, number);
}

/* What is held from elsewhere stays. */
static struct inspect_error *find_held_from_elsewhere(void *context, size_t block)
{
	struct collection *collection = context;
	const struct heap *heap = collection->graph->heap;
	for (uint32_t id = (uint32_t)(block * BLOCK); id < block_end(collection, block); id++) {
		if (!has_bit(collection->left, id))
			continue;
		bool immortal = heap->flags[id] & RUNTIME_IMMORTAL;
		int64_t outside = (int64_t)((uint64_t)collection->refcount[id] - collection->held[id]);
		if (outside < 0 && !immortal && !has_bit(collection->lent, id))
			note_negative(collection->result, id);
		if (outside || immortal)
			mark_reachable(collection, id);
	}
	return NULL;
}

static void follow(struct collection *collection, uint32_t id)
{
	size_t count;
	const uint32_t *edges = graph_edges(collection->graph, id, &count);
	for (size_t i = 0; i < count; i++)
		if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED) && same_collection(collection, id, edge_target(edges[i])))
			mark_reachable(collection, edge_target(edges[i]));
}

/* Follows what is new in a block, until nothing is. */
static void follow_block(struct collection *collection, uint32_t number)
{
	struct block *block = &collection->blocks[number];
	uint64_t dirty;
	__atomic_store_n(&block->queued, false, __ATOMIC_SEQ_CST);
	while ((dirty = __atomic_exchange_n(&block->dirty, 0, __ATOMIC_SEQ_CST))) {
		for (; dirty; dirty &= dirty - 1) {
			uint32_t word = number * BLOCK_WORDS + (uint32_t)__builtin_ctzll(dirty);
			uint64_t bits = __atomic_exchange_n(&collection->found[word], 0, __ATOMIC_SEQ_CST);
			for (; bits; bits &= bits - 1)
				follow(collection, word * 64 + (uint32_t)__builtin_ctzll(bits));
		}
	}
}

/* The next block with something new; NO_BLOCK when there is none and nobody is left who may find something. */
static uint32_t take_block(struct collection *collection, bool had_one)
{
	pthread_mutex_lock(&collection->lock);
	collection->busy -= had_one;
	while (collection->first == NO_BLOCK && collection->busy)
		pthread_cond_wait(&collection->changed, &collection->lock);
	uint32_t number = collection->first;
	if (number != NO_BLOCK) {
		collection->first = collection->blocks[number].next;
		collection->busy++;
	} else {
		pthread_cond_broadcast(&collection->changed);
	}
	pthread_mutex_unlock(&collection->lock);
	return number;
}

/* What reachable objects lead to stays, too. */
static void move_unreachable(void *context, unsigned int worker __attribute__((unused)))
{
	struct collection *collection = context;
	uint32_t number = take_block(collection, false);
	for (; number != NO_BLOCK; number = take_block(collection, true))
		if (!progress_must_end("looking for garbage", 0, 0)) /* else the queue has to become empty */
			follow_block(collection, number);
}

/* ---- move_legacy_finalizers ------------------------------------------------------------------------- */

static bool push(struct collection *collection, uint32_t id)
{
	if (!array_reserve(collection->pending, collection->pending_count, collection->pending_capacity))
		return false;
	collection->pending[collection->pending_count++] = id;
	return true;
}

static bool is_legacy(const struct collection *collection, uint32_t id)
{
	return collection->scope->legacy && collection->scope->legacy[collection->graph->heap->type[id]];
}

/* Sets the object apart if it is unreachable. False when out of memory. */
static bool set_apart(struct collection *collection, uint32_t id)
{
	uint32_t place;
	uint8_t **apart = &collection->result->apart;
	if (!id_set_find(&collection->result->garbage, id, &place) || (*apart && (*apart)[place]))
		return true;
	if (!*apart && !(*apart = calloc(collection->result->garbage.count, sizeof(**apart))))
		return false;
	(*apart)[place] = APART_UNCOLLECTABLE;
	return push(collection, id);
}

static bool set_referents_apart(struct collection *collection, uint32_t id)
{
	size_t count;
	const uint32_t *edges = graph_edges(collection->graph, id, &count);
	bool enough = true;
	for (size_t i = 0; i < count && enough; i++)
		if (!(edge_flags(edges[i]) & RUNTIME_UNVISITED))
			enough = set_apart(collection, edge_target(edges[i]));
	return enough;
}

/* Sets apart what no collection clears. False when out of memory. */
static bool move_legacy_finalizers(struct collection *collection)
{
	const struct id_set *garbage = &collection->result->garbage;
	bool enough = true;
	for (size_t i = 0; i < garbage->count && enough; i++)
		if (is_legacy(collection, garbage->ids[i]))
			enough = set_apart(collection, garbage->ids[i]);
	while (collection->pending_count && enough)
		enough = set_referents_apart(collection, collection->pending[--collection->pending_count]);
	return enough;
}

/* ---- what is freed with it -------------------------------------------------------------------------- */

/* Forgets, when object @id is met for the first time, what was counted before. */
static void begin_to_count(struct collection *collection, uint32_t id)
{
	uint64_t bit = UINT64_C(1) << id % 64;
	if (!(collection->found[id / 64] & bit)) /* it is empty by now, and serves again */
		collection->held[id] = 0;
	collection->found[id / 64] |= bit;
}

/* Nobody holds the object any longer. */
static void note_freed(struct unreachable *unreachable, uint32_t id)
{
	uint32_t place;
	if (unreachable->verdict[id] == VERDICT_UNREACHABLE && id_set_find(&unreachable->garbage, id, &place)) {
		unreachable->apart[place] = APART_FREED;
		return;
	}
	unreachable->verdict[id] = VERDICT_HANGING;
	id_set_add(&unreachable->freed, id);
}

/* Is it freed by now, or cleared, or never freed? Then its references need not be counted. */
static bool is_settled(const struct collection *collection, uint32_t id)
{
	const struct unreachable *unreachable = collection->result;
	if (unreachable->verdict[id] == VERDICT_UNREACHABLE)
		return unreachable_apart(unreachable, id) != APART_UNCOLLECTABLE;
	return unreachable->verdict[id] == VERDICT_HANGING || (collection->graph->heap->flags[id] & RUNTIME_IMMORTAL);
}

/* Drops the references that object @id holds; what nobody else holds goes too. False when out of memory or time. */
static bool drop_references(struct collection *collection, uint32_t id)
{
	size_t count;
	const uint32_t *edges = graph_edges(collection->graph, id, &count);
	if (progress_ends("looking at garbage", collection->turns++, 0))
		return false;
	for (size_t i = 0; i < count; i++) {
		uint32_t target = edge_target(edges[i]);
		if ((edge_flags(edges[i]) & RUNTIME_UNCOUNTED) || is_settled(collection, target))
			continue;
		begin_to_count(collection, target);
		if (++collection->held[target] != collection->refcount[target])
			continue;
		note_freed(collection->result, target);
		if (!push(collection, target))
			return false;
	}
	return true;
}

/* Finds what would be freed with the unreachable objects. */
static struct inspect_error *find_hanging(struct collection *collection)
{
	struct unreachable *unreachable = collection->result;
	const struct id_set *garbage = &unreachable->garbage;
	for (size_t i = 0; i < garbage->count; i++) {
		unreachable->verdict[garbage->ids[i]] = VERDICT_UNREACHABLE;
		id_set_add(&unreachable->freed, garbage->ids[i]);
	}
	bool enough = move_legacy_finalizers(collection);
	for (size_t i = 0; i < garbage->count && enough; i++) {
		if (!unreachable->apart || !unreachable->apart[i])
			enough = drop_references(collection, garbage->ids[i]);
		while (collection->pending_count && enough)
			enough = drop_references(collection, collection->pending[--collection->pending_count]);
	}
	struct inspect_error *error = progress_report("looking at garbage", collection->turns, 0);
	if (error)
		return error;
	return enough ? id_set_seal(&unreachable->freed) : &inspect_error_no_memory;
}

/* ---- together --------------------------------------------------------------------------------------- */

static struct inspect_error *each_block(struct collection *collection,
					struct inspect_error *(*work)(void *context, size_t block))
{
	return workers_each(NULL, "looking for garbage", collection->block_count, work, collection);
}

static struct inspect_error *find(struct collection *collection)
{
	struct unreachable *unreachable = collection->result;
	struct inspect_error *error = each_block(collection, update_refs);
	if (!error)
		error = each_block(collection, subtract_refs);
	if (!error)
		error = each_block(collection, find_held_from_elsewhere);
	if (error)
		return error;
	threads_run(workers_for(NULL), move_unreachable, collection);
	error = progress_report("looking for garbage", 0, 0);
	if (!error)
		error = id_set_seal(&unreachable->garbage);
	if (!error)
		error = find_hanging(collection);
	unreachable->count = unreachable->garbage.count;
	unreachable->hanging = unreachable->freed.count - unreachable->garbage.count;
	return error;
}

struct inspect_error *unreachable_find(const struct graph *graph, const int64_t *refcount,
				       const struct collection_scope *scope, struct unreachable *unreachable)
{
	size_t count = graph->heap->count, block_count = (count + BLOCK - 1) / BLOCK;
	*unreachable = (struct unreachable){
		.scanned = graph->scanned_elsewhere,
		.verdict = array_create_large(count, sizeof(*unreachable->verdict)), .first_negative = UINT32_MAX,
	};
	uint32_t *held AUTO_FREE = array_create_large(count, sizeof(*held));
	uint64_t *found AUTO_FREE = calloc(count / 64 + 1, sizeof(*found));
	uint64_t *lent AUTO_FREE = calloc(count / 64 + 1, sizeof(*lent));
	struct block *blocks AUTO_FREE = calloc(block_count + 1, sizeof(*blocks));
	struct inspect_error *error = id_set_init(&unreachable->garbage, count);
	if (!error)
		error = id_set_init(&unreachable->freed, count);
	if (!error && (!unreachable->verdict || !held || !found || !lent || !blocks))
		error = &inspect_error_no_memory;
	struct collection collection = {
		.graph = graph,
		.scope = scope,
		.refcount = refcount,
		.result = unreachable,
		.left = unreachable->garbage.bits,
		.found = found,
		.lent = lent,
		.held = held,
		.blocks = blocks,
		.block_count = block_count,
		.first = NO_BLOCK,
	};
	if (!error) {
		pthread_mutex_init(&collection.lock, NULL);
		pthread_cond_init(&collection.changed, NULL);
		error = find(&collection);
		pthread_cond_destroy(&collection.changed);
		pthread_mutex_destroy(&collection.lock);
	}
	free(collection.pending);
	if (error)
		unreachable_deinit(unreachable);
	return error;
}

void unreachable_deinit(struct unreachable *unreachable)
{
	free(unreachable->verdict);
	free(unreachable->apart);
	id_set_deinit(&unreachable->garbage);
	id_set_deinit(&unreachable->freed);
	*unreachable = (struct unreachable){ 0 };
}
