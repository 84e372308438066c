/* SPDX-License-Identifier: MIT */
/*
 * verify_allocator.c - the allocator of small blocks, and objects in memory that it thinks is free.
 *
 * What a pool's header says is said twice: the size of its blocks by szidx and maxnextoffset, the number of those in use by
 * ref.count and the list of free blocks, its neighbours in the list of pools with free blocks by both of them. Under the
 * debug allocator each block is surrounded by bytes that nobody may write: Objects/obmalloc.c.
 */
#include "runtime/cpython/verify.h"

#include "base/limits.h"

enum {
	DEBUG_FORBIDDEN = 7, /* bytes of it before a block, behind the letter of the domain */
	DEBUG_TAIL = WORD_SIZE, /* behind a block */
};

/* ---- pools ------------------------------------------------------------------------------------------ */

/* A pool that is looked at. */
struct pool_check {
	struct verification *verification;
	const struct pymalloc_arena *arena;
	const struct pymalloc_pool *pool;
	bool damaged;
};

/* The word at @offset of the header contradicts others. */
#define pool_found(check, offset, ...) \
	((check)->damaged = true, found((check)->verification, ALLOCATOR, (check)->pool->address, \
					(check)->pool->address + (uint64_t)(offset), __VA_ARGS__))

static void check_nonsense(struct pool_check *check)
{
	const struct layout *layout = &check->verification->cpython->layout;
	const struct pymalloc_pool *pool = check->pool;
	if (pool->block_size && pool->used > pool->blocks)
		pool_found(check, layout->pool_used,
			   "the pool says that %" PRIu32 " of its blocks are in use, and has %" PRIu32, pool->used,
			   pool->blocks);
	else
		pool_found(check, layout->pool_size_index,
			   "the pool's header contradicts itself: its blocks are of size %" PRIu32
			   " (szidx), the last one at %" PRIu32 ", and the first unused one at %" PRIu32,
			   pool->size_index, pool->last_offset, pool->next_offset);
}

static void check_free_blocks(struct pool_check *check)
{
	struct verification *verification = check->verification;
	const struct pymalloc_pool *pool = check->pool;
	struct pymalloc_free free;
	uint64_t broken, link = 0;
	if (pymalloc_free_blocks(&verification->pymalloc, pool, &free, &broken))
		return;
	check->damaged = true;
	if (!broken) {
		uint32_t count = 0;
		for (uint32_t block = 0; block < pool->blocks; block++)
			count += pymalloc_is_free(&free, block);
		found(verification, ALLOCATOR, pool->address,
		      pool->address + (uint64_t)verification->cpython->layout.pool_used,
		      "the pool of blocks of %" PRIu32 " bytes says that %" PRIu32 " of %" PRIu32
		      " are in use, but %" PRIu32 " are on its list of free ones",
		      pool->block_size, pool->used, pool->blocks, count);
		return;
	}
	read_pointer(verification->cpython, broken, 0, &link);
	found(verification, ALLOCATOR, pool->address, broken,
	      "the pool's list of free blocks of %" PRIu32 " bytes breaks at 0x%" PRIx64 ", which leads to 0x%" PRIx64 "%s",
	      pool->block_size, broken, link,
	      broken >= pool->address + pool->first_offset ? ": that block was written to after it was freed" : "");
}

/* Where @node's link in one direction leads, in the list of pools with free blocks. A list's own head, in the allocator's
 * state, looks like a pool as far as the links go. */
static bool pool_link(const struct verification *verification, uint64_t node, bool forward, uint64_t *to_ret)
{
	const struct layout *layout = &verification->cpython->layout;
	return node % WORD_SIZE == 0 &&
	       read_pointer(verification->cpython, node, forward ? layout->pool_next : layout->pool_previous, to_ret);
}

static bool is_full(const struct pymalloc_pool *pool)
{
	return pool->used == pool->blocks && pool->next_offset > pool->last_offset;
}

/* Is @address a pool that is on no list of those with free blocks as large as those of @pool? */
static bool is_no_neighbour(const struct verification *verification, const struct pymalloc_pool *pool, uint64_t address)
{
	struct pymalloc_pool other;
	return pymalloc_pool_at(&verification->pymalloc, address, &other) &&
	       (other.address != address || !other.used ||
		(other.sane && (is_full(&other) || other.size_index != pool->size_index)));
}

/* Is the pool's link wrong? Its neighbour does not lead back, and agrees with another. */
static bool is_wrong_link(const struct verification *verification, const struct pymalloc_pool *pool, uint64_t neighbour,
			  bool forward)
{
	uint64_t back, again;
	if (!pool_link(verification, neighbour, !forward, &back))
		return true;
	if (back == pool->address)
		return false;
	if (is_no_neighbour(verification, pool, neighbour))
		return true;
	return pool_link(verification, back, forward, &again) && again == neighbour;
}

static void check_pool_links(struct pool_check *check)
{
	const struct layout *layout = &check->verification->cpython->layout;
	const struct pymalloc_pool *pool = check->pool;
	if (is_full(pool))
		return; /* it is on no list, and its links are stale */
	if (is_wrong_link(check->verification, pool, pool->next, true))
		pool_found(check, layout->pool_next,
			   "the pool's link to the next one with free blocks leads to 0x%" PRIx64
			   ", which does not lead back",
			   pool->next);
	if (is_wrong_link(check->verification, pool, pool->previous, false))
		pool_found(check, layout->pool_previous,
			   "the pool's link to the one before leads to 0x%" PRIx64 ", which does not lead back",
			   pool->previous);
}

/* ---- what the debug allocator writes around a block -------------------------------------------------- */

/* Reads what stands before the block at @block. False if that is not what the debug allocator would write, or nearly. */
static bool read_debug_head(const struct verification *verification, uint64_t block, uint64_t *size_ret, bool *whole_ret,
			    uint8_t *forbidden_ret)
{
	uint8_t bytes[PYMALLOC_DEBUG_HEAD];
	unsigned int right = 0;
	if (!read_field(verification->cpython, block, 0, bytes, sizeof(bytes)))
		return false;
	const uint8_t *forbidden = bytes + PYMALLOC_DEBUG_HEAD - DEBUG_FORBIDDEN;
	uint8_t byte = verification->forbidden_byte;
	for (int i = 0; i < DEBUG_FORBIDDEN; i++)
		right += forbidden[i] == byte;
	*size_ret = 0;
	for (int i = 0; i < WORD_SIZE; i++)
		*size_ret = *size_ret << 8 | bytes[i];
	*forbidden_ret = byte;
	uint8_t letter = forbidden[-1];
	bool known_letter = letter == 'o' || letter == 'm' || letter == 'r';
	*whole_ret = right == DEBUG_FORBIDDEN && known_letter;
	return right + known_letter >= DEBUG_FORBIDDEN - 1;
}

static bool has_debug_tail(const struct verification *verification, uint64_t end, uint8_t forbidden)
{
	uint8_t bytes[DEBUG_TAIL];
	if (!read_field(verification->cpython, end, 0, bytes, sizeof(bytes)))
		return false;
	for (int i = 0; i < DEBUG_TAIL; i++)
		if (bytes[i] != forbidden)
			return false;
	return true;
}

/* Checks what surrounds the block that the debug allocator made at @block, in @room bytes (0: not known). @object is the
 * object in it, or 0. */
static void check_padding(struct verification *verification, uint64_t block, uint64_t room, uint64_t object)
{
	uint64_t size;
	bool whole;
	uint8_t forbidden;
	if (!read_debug_head(verification, block, &size, &whole, &forbidden))
		return; /* made before the debug allocator was there */
	uint64_t data = block + PYMALLOC_DEBUG_HEAD, address = object ? object : data;
	if (!whole)
		found(verification, ALLOCATOR, address, block + WORD_SIZE,
		      "the padding before its block at 0x%" PRIx64 " was written to", data);
	const uint64_t size_limit = UINT64_C(1) << 46;
	if ((room && size > room - PYMALLOC_DEBUG_HEAD - DEBUG_TAIL) || size > size_limit)
		found(verification, ALLOCATOR, address, block,
		      "its block at 0x%" PRIx64 " is said to have %" PRIu64 " bytes, more than there is room for", data,
		      size);
	else if (!has_debug_tail(verification, data + size, forbidden))
		found(verification, ALLOCATOR, address, data + size,
		      "the padding behind its block at 0x%" PRIx64 " of %" PRIu64
		      " bytes was written to: something wrote beyond its end",
		      data, size);
}

/* The object in the block whose contents begin at @data, or 0. */
static uint64_t object_in(const struct verification *verification, uint64_t data)
{
	enum { BEFORE_MAX = 8 }; /* words before an object: the collector's head, pointers to a dict and weak references */
	for (uint64_t i = 0; i <= BEFORE_MAX; i++)
		if (verification->verifier->is_object(verification->verifier, data + i * WORD_SIZE))
			return data + i * WORD_SIZE;
	return 0;
}

static void check_paddings(struct pool_check *check)
{
	struct verification *verification = check->verification;
	const struct pymalloc_pool *pool = check->pool;
	struct pymalloc_free free;
	uint64_t broken;
	pymalloc_free_blocks(&verification->pymalloc, pool, &free, &broken);
	for (uint32_t i = 0; i < pool->blocks && !broken; i++) {
		uint64_t block = pymalloc_block(pool, i);
		if (!pymalloc_is_free(&free, i))
			check_padding(verification, block, pool->block_size,
				      object_in(verification, block + PYMALLOC_DEBUG_HEAD));
	}
}

/* The debug allocator's FORBIDDENBYTE: it was 0xfb up to 3.7. */
static uint8_t forbidden_byte(const struct cpython *cpython)
{
	return cpython_at_least(cpython, 3, 8) ? 0xfd : 0xfb;
}

/* ---- arenas ----------------------------------------------------------------------------------------- */

static bool check_pool(struct verification *verification, const struct pymalloc_arena *arena,
		       const struct pymalloc_pool *pool)
{
	struct pool_check check = { verification, arena, pool, false };
	if (pool->arena_index != arena->index)
		pool_found(&check, verification->cpython->layout.pool_arena_index,
			   "the pool says that it is of arena %" PRIu32 ", and is in arena %" PRIu32, pool->arena_index,
			   arena->index);
	if (pool->used && !pool->sane) {
		check_nonsense(&check);
	} else if (pool->used) {
		check_free_blocks(&check);
		check_pool_links(&check);
		if (verification->debug)
			check_paddings(&check);
	}
	return !check.damaged;
}

static void check_arena(struct verification *verification, const struct pymalloc_arena *arena)
{
	struct pymalloc *pymalloc = &verification->pymalloc;
	struct runtime_verified *verified = &verification->verifier->verified;
	size_t made = pymalloc_pool_count(pymalloc, arena), free = 0;
	verified->arenas++;
	for (size_t i = 0; i < made; i++) {
		struct pymalloc_pool pool;
		if (!pymalloc_pool_read(pymalloc, arena, i, &pool))
			continue;
		verified->pools++;
		verified->damaged_pools += !check_pool(verification, arena, &pool);
		free += pool.used == 0;
	}
	size_t unmade = arena->total_pools > made ? arena->total_pools - made : 0;
	if (made > arena->total_pools || free + unmade != arena->free_pools)
		found(verification, ALLOCATOR, arena->object,
		      arena->object + (uint64_t)verification->cpython->layout.arena_free_pools,
		      "the arena at 0x%" PRIx64 " says that %" PRIu32 " of its %" PRIu32 " pools are free, but %zu are",
		      arena->address, arena->free_pools, arena->total_pools, free + unmade);
}

/* Where there are no pools (PYTHONMALLOC=malloc_debug, and debug in 3.6), do names of modules have what the debug allocator
 * writes before a block? */
static bool has_debug_heads(const struct verification *verification)
{
	struct cpython *cpython = verification->cpython;
	enum { ENOUGH = 64 };
	int with = 0, without = 0;
	uint64_t modules, key, value;
	struct dict_iterator iterator;
	if (!read_pointer(cpython, cpython->interpreters[0].address, cpython->layout.interpreter_modules, &modules) ||
	    !dict_iterator_init(&iterator, cpython, modules))
		return false;
	while (with + without < ENOUGH && dict_iterator_next(&iterator, &key, &value)) {
		uint64_t size;
		bool whole;
		uint8_t forbidden;
		if (target_image_at(cpython->target, key) || key < PYMALLOC_DEBUG_HEAD)
			continue;
		bool debug = read_debug_head(verification, key - PYMALLOC_DEBUG_HEAD, &size, &whole, &forbidden) && whole;
		with += debug;
		without += !debug;
	}
	return with > without;
}

struct inspect_error *check_allocator(struct verification *verification)
{
	struct inspect_error *error = pymalloc_init(&verification->pymalloc, verification->cpython);
	const struct pymalloc *pymalloc = &verification->pymalloc;
	verification->forbidden_byte = forbidden_byte(verification->cpython);
	verification->debug = pymalloc->debug || (!pymalloc->arena_count && has_debug_heads(verification));
	for (size_t i = 0; i < pymalloc->arena_count && !error && wants(verification, RUNTIME_CHECK_ALLOCATOR); i++) {
		check_arena(verification, &pymalloc->arenas[i]);
		error = progress_report("checking the allocator", i, pymalloc->arena_count);
	}
	return error;
}

/* ---- objects in blocks ------------------------------------------------------------------------------ */

/* The pool that @address is in; false if it is in none. */
static bool find_pool(const struct verification *verification, struct pool_seen *seen, uint64_t address)
{
	const struct pymalloc *pymalloc = &verification->pymalloc;
	uint64_t broken;
	if (!pymalloc->pool_size)
		return false;
	uint64_t base = address & -pymalloc->pool_size;
	if (seen->base != base || !base) {
		seen->base = base;
		seen->known = pymalloc_pool_at(pymalloc, address, &seen->pool);
		seen->whole = seen->known && seen->pool.used && seen->pool.sane &&
			      pymalloc_free_blocks(pymalloc, &seen->pool, &seen->free, &broken);
	}
	return seen->known;
}

enum block_state find_block(const struct verification *verification, struct pool_seen *seen, uint64_t address,
			    uint64_t *block_ret, uint64_t *size_ret)
{
	*block_ret = *size_ret = 0;
	if (!find_pool(verification, seen, address))
		return BLOCK_ELSEWHERE;
	if (!seen->pool.used)
		return BLOCK_FREE;
	if (!seen->whole || address < seen->pool.address + seen->pool.first_offset)
		return BLOCK_ELSEWHERE;
	uint64_t number = (address - seen->pool.address - seen->pool.first_offset) / seen->pool.block_size;
	*block_ret = pymalloc_block(&seen->pool, (uint32_t)number);
	*size_ret = seen->pool.block_size;
	if (number >= seen->pool.blocks || pymalloc_is_free(&seen->free, (uint32_t)number))
		return BLOCK_FREE;
	return BLOCK_USED;
}

void check_block(struct verification *verification, struct pool_seen *seen, const struct cpython_type *type,
		 uint64_t address)
{
	uint64_t block, size;
	enum block_state state = find_block(verification, seen, address, &block, &size);
	if (state == BLOCK_FREE && wants(verification, RUNTIME_CHECK_FREED))
		found(verification, FREED, address, block,
		      "it is in use, and its memory is free: %s",
		      block ? "its block is on the list of free ones of its pool" : "its whole pool is free");
	if (state == BLOCK_ELSEWHERE && verification->debug && wants(verification, RUNTIME_CHECK_ALLOCATOR) &&
	    address > type->preheader + PYMALLOC_DEBUG_HEAD && !target_image_at(verification->cpython->target, address))
		check_padding(verification, address - type->preheader - PYMALLOC_DEBUG_HEAD, 0, address);
}

/* The bytes of the block at @block that glibc's malloc() handed out; 0 if it does not look like one. Before it stands its
 * chunk's size, and behind it that of the next chunk, with a bit that says that this one is in use: malloc/malloc.c. */
static uint64_t malloc_room(const struct verification *verification, uint64_t block)
{
	enum { PREV_INUSE = 1, IS_MMAPPED = 2, FLAGS = 7, ALIGNMENT = 16, LEAST = 32 };
	const uint64_t limit = UINT64_C(1) << 40;
	struct cpython *cpython = verification->cpython;
	uint64_t word, next;
	if (block % ALIGNMENT || target_image_at(cpython->target, block) ||
	    !read_pointer(cpython, block - WORD_SIZE, 0, &word))
		return 0;
	uint64_t size = word & ~(uint64_t)FLAGS;
	if (size % ALIGNMENT || size < LEAST || size > limit || (word & IS_MMAPPED) ||
	    !target_has(cpython->target, block + size - WORD_SIZE, WORD_SIZE) ||
	    !read_pointer(cpython, block + size - WORD_SIZE, 0, &next) || !(next & PREV_INUSE) ||
	    (next & ~(uint64_t)FLAGS) > limit || (next & ~(uint64_t)FLAGS) % ALIGNMENT)
		return 0;
	return size - WORD_SIZE;
}

uint64_t block_room(const struct verification *verification, struct pool_seen *seen, uint64_t address, uint64_t before)
{
	uint64_t block, size, tail = verification->debug ? DEBUG_TAIL : 0;
	if (find_block(verification, seen, address, &block, &size) == BLOCK_USED)
		return block + size - address - tail;
	if (pymalloc_arena_at(&verification->pymalloc, address) || address < before + PYMALLOC_DEBUG_HEAD)
		return 0;
	if (verification->debug) {
		bool whole;
		uint8_t forbidden;
		bool known =
			read_debug_head(verification, address - before - PYMALLOC_DEBUG_HEAD, &size, &whole, &forbidden);
		return known && whole && size > before ? size - before : 0;
	}
	size = malloc_room(verification, address - before);
	return size > before ? size - before : 0;
}
