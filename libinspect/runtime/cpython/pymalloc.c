/* SPDX-License-Identifier: MIT */
/*
 * pymalloc.c - finding CPython's arenas and reading the pools in them.
 *
 * Since 3.12 each interpreter's state leads to its arenas. Before, the table of them is behind a static variable without a
 * dynamic symbol (arenas of Objects/obmalloc.c), which is found by what it must look like: a pointer to records of which
 * each one names memory whose pools have the record's number in their headers.
 */
#include "runtime/cpython/pymalloc.h"

#include <stdlib.h>

#include "base/array.h"

enum {
	WORD = sizeof(uint64_t),
	ARENAS_MAX = 1 << 20,     /* looked at: a TiB */
	FIRST_ARENAS = 16,        /* INITIAL_ARENA_OBJECTS */
	POOLS_MAX = 64,           /* of an arena, whichever its size */
	SIZE_CLASSES_MAX = 64,    /* 512 bytes in steps of 8 */
	SMALL_POOL = 1 << 12,     /* up to 3.9, and without the radix tree of 3.10 */
	SMALL_ALIGNMENT = 8, ALIGNMENT = 16,
};

/* ---- records of arenas ------------------------------------------------------------------------------ */

/* Reads the record at @object. False if it makes no sense; one without memory has the address 0. */
static bool read_arena(struct cpython *cpython, uint64_t object, struct pymalloc_arena *arena)
{
	const struct layout *layout = &cpython->layout;
	int32_t free_pools, total_pools;
	*arena = (struct pymalloc_arena){ .object = object };
	if (!read_pointer(cpython, object, layout->arena_address, &arena->address))
		return false;
	if (!arena->address)
		return true;
	if (!read_pointer(cpython, object, layout->arena_pool_address, &arena->pool_end) ||
	    !read_int32(cpython, object, layout->arena_free_pools, &free_pools) ||
	    !read_int32(cpython, object, layout->arena_total_pools, &total_pools))
		return false;
	arena->free_pools = (uint32_t)free_pools;
	arena->total_pools = (uint32_t)total_pools;
	return arena->address % WORD == 0 && arena->pool_end % SMALL_POOL == 0 && arena->pool_end >= arena->address &&
	       arena->pool_end - arena->address <= (POOLS_MAX + 1) * PYMALLOC_POOL_SIZE_MAX && total_pools > 0 &&
	       total_pools <= POOLS_MAX && free_pools >= 0 && free_pools <= total_pools;
}

static uint64_t align_up(uint64_t address, uint64_t alignment)
{
	return (address + alignment - 1) & -alignment;
}

/* ---- pools ------------------------------------------------------------------------------------------ */

/* What follows from the header, if it makes sense. */
static void interpret_pool(const struct pymalloc *pymalloc, struct pymalloc_pool *pool)
{
	const uint32_t head = (uint32_t)pymalloc->cpython->layout.size_of_pool_header;
	if (pool->size_index >= SIZE_CLASSES_MAX || pool->last_offset >= pymalloc->pool_size)
		return;
	uint32_t size = (uint32_t)pymalloc->pool_size - pool->last_offset;
	uint32_t alignment = size / (pool->size_index + 1);
	if (size % (pool->size_index + 1) || (alignment != SMALL_ALIGNMENT && alignment != ALIGNMENT))
		return;
	uint32_t first = (uint32_t)align_up(head, alignment);
	uint32_t used = pool->next_offset - first;
	if (pool->next_offset < first || used % size || pool->next_offset > pymalloc->pool_size)
		return;
	pool->block_size = size;
	pool->first_offset = first;
	pool->blocks = used / size;
	pool->sane = pool->used <= pool->blocks;
}

static bool read_pool(const struct pymalloc *pymalloc, uint64_t address, struct pymalloc_pool *pool)
{
	struct cpython *cpython = pymalloc->cpython;
	const struct layout *layout = &cpython->layout;
	*pool = (struct pymalloc_pool){ .address = address };
	bool readable = read_int32(cpython, address, layout->pool_used, (int32_t *)&pool->used) &&
			read_int32(cpython, address, layout->pool_arena_index, (int32_t *)&pool->arena_index) &&
			read_int32(cpython, address, layout->pool_size_index, (int32_t *)&pool->size_index) &&
			read_int32(cpython, address, layout->pool_next_offset, (int32_t *)&pool->next_offset) &&
			read_int32(cpython, address, layout->pool_last_offset, (int32_t *)&pool->last_offset) &&
			read_pointer(cpython, address, layout->pool_free_block, &pool->free_block) &&
			read_pointer(cpython, address, layout->pool_next, &pool->next) &&
			read_pointer(cpython, address, layout->pool_previous, &pool->previous);
	if (readable)
		interpret_pool(pymalloc, pool);
	return readable;
}

size_t pymalloc_pool_count(const struct pymalloc *pymalloc, const struct pymalloc_arena *arena)
{
	return arena->pool_end > arena->first_pool ? (arena->pool_end - arena->first_pool) / pymalloc->pool_size : 0;
}

bool pymalloc_pool_read(const struct pymalloc *pymalloc, const struct pymalloc_arena *arena, size_t number,
			struct pymalloc_pool *pool_ret)
{
	return read_pool(pymalloc, arena->first_pool + number * pymalloc->pool_size, pool_ret);
}

const struct pymalloc_arena *pymalloc_arena_at(const struct pymalloc *pymalloc, uint64_t address)
{
	size_t low = 0, high = pymalloc->arena_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (pymalloc->arenas[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct pymalloc_arena *arena = low ? &pymalloc->arenas[low - 1] : NULL;
	return arena && address - arena->address <= POOLS_MAX * pymalloc->pool_size ? arena : NULL;
}

bool pymalloc_pool_at(const struct pymalloc *pymalloc, uint64_t address, struct pymalloc_pool *pool_ret)
{
	const struct pymalloc_arena *arena = pymalloc_arena_at(pymalloc, address);
	uint64_t pool = pymalloc->pool_size ? address & -pymalloc->pool_size : 0;
	return arena && pool >= arena->first_pool && pool < arena->pool_end && read_pool(pymalloc, pool, pool_ret);
}

/* ---- free blocks ------------------------------------------------------------------------------------ */

bool pymalloc_free_blocks(const struct pymalloc *pymalloc, const struct pymalloc_pool *pool, struct pymalloc_free *free_ret,
			  uint64_t *broken_ret)
{
	uint64_t block = pool->free_block, link = pool->address + (uint64_t)pymalloc->cpython->layout.pool_free_block;
	uint32_t count = 0;
	*free_ret = (struct pymalloc_free){ 0 };
	*broken_ret = 0;
	while (block) {
		uint64_t offset = block - pool->address - pool->first_offset;
		uint64_t number = offset / pool->block_size;
		if (block < pool->address || offset % pool->block_size || number >= pool->blocks ||
		    pymalloc_is_free(free_ret, (uint32_t)number)) {
			*broken_ret = link;
			return false;
		}
		free_ret->bits[number / 64] |= UINT64_C(1) << number % 64;
		count++;
		link = block;
		if (!read_pointer(pymalloc->cpython, block, 0, &block)) {
			*broken_ret = link;
			return false;
		}
	}
	return pool->used + count == pool->blocks;
}

/* ---- tables of arenas ------------------------------------------------------------------------------- */

/* How many of the pools that @arena has made have headers that make sense, if pools are of @pool_size bytes. Free ones keep
 * theirs. */
static size_t count_sane(struct pymalloc *pymalloc, const struct pymalloc_arena *arena, uint64_t pool_size)
{
	struct pymalloc_pool pool;
	size_t count = 0;
	pymalloc->pool_size = pool_size;
	for (uint64_t address = align_up(arena->address, pool_size); address < arena->pool_end; address += pool_size)
		count += read_pool(pymalloc, address, &pool) && pool.sane && pool.arena_index == arena->index;
	return count;
}

/* Finds out how large pools are. False if nothing in the arena looks like one. */
static bool find_pool_size(struct pymalloc *pymalloc, const struct pymalloc_arena *arena)
{
	size_t small = count_sane(pymalloc, arena, SMALL_POOL);
	size_t large = count_sane(pymalloc, arena, PYMALLOC_POOL_SIZE_MAX);
	pymalloc->pool_size = small > large ? SMALL_POOL : PYMALLOC_POOL_SIZE_MAX;
	return small || large;
}

/* Is at @table a table of arenas? The first record that has memory must have pools that know it. */
static bool is_table(struct cpython *cpython, uint64_t table, uint64_t *pool_size_ret)
{
	struct pymalloc trial = { .cpython = cpython };
	struct pymalloc_arena arena;
	for (uint32_t i = 0; i < FIRST_ARENAS; i++) {
		if (!read_arena(cpython, table + (uint64_t)i * (uint64_t)cpython->layout.size_of_arena, &arena))
			return false;
		arena.index = i;
		if (!arena.address || arena.pool_end == arena.address)
			continue;
		bool is_one = find_pool_size(&trial, &arena);
		*pool_size_ret = trial.pool_size;
		return is_one;
	}
	return false;
}

/* Adds the arenas of the table at @table with @count records; with 0 it ends where records make no sense any more. */
static struct inspect_error *add_table(struct pymalloc *pymalloc, uint64_t table, uint32_t count)
{
	struct cpython *cpython = pymalloc->cpython;
	uint64_t pool_size;
	if (!table || table % WORD || !is_table(cpython, table, &pool_size))
		return NULL;
	pymalloc->pool_size = pool_size;
	count = !count || count > ARENAS_MAX ? ARENAS_MAX : count;
	for (uint32_t i = 0; i < count; i++) {
		struct pymalloc_arena arena;
		if (!read_arena(cpython, table + (uint64_t)i * (uint64_t)cpython->layout.size_of_arena, &arena))
			break;
		if (!arena.address)
			continue;
		arena.index = i;
		arena.first_pool = align_up(arena.address, pool_size);
		if (!array_reserve(pymalloc->arenas, pymalloc->arena_count, pymalloc->arena_capacity))
			return &inspect_error_no_memory;
		pymalloc->arenas[pymalloc->arena_count++] = arena;
	}
	return NULL;
}

/* Since 3.12: _obmalloc_state in the interpreter's state, or (3.13) behind a pointer. An interpreter may use the main one's. */
static struct inspect_error *add_interpreter(struct pymalloc *pymalloc, uint64_t interpreter)
{
	struct cpython *cpython = pymalloc->cpython;
	const struct layout *layout = &cpython->layout;
	uint64_t places[2] = { interpreter + (uint64_t)layout->interpreter_obmalloc, 0 };
	read_pointer(cpython, places[0], 0, &places[1]);
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < 2 && !error; i++) {
		uint64_t table;
		int32_t count;
		if (places[i] % WORD == 0 && read_pointer(cpython, places[i], layout->obmalloc_arenas, &table) &&
		    read_int32(cpython, places[i], layout->obmalloc_arena_count, &count) && count > 0)
			error = add_table(pymalloc, table, (uint32_t)count);
	}
	return error;
}

/* Up to 3.11: a static variable. */
static struct inspect_error *add_static_table(struct pymalloc *pymalloc)
{
	struct cpython *cpython = pymalloc->cpython;
	const uint64_t least = (uint64_t)FIRST_ARENAS * (uint64_t)cpython->layout.size_of_arena;
	uint64_t start, end, table, pool_size;
	for (size_t i = 0; cpython->image && image_data(cpython->image, i, &start, &end); i++)
		for (uint64_t address = align_up(start, WORD); address < end; address += WORD)
			if (read_pointer(cpython, address, 0, &table) && table && table % WORD == 0 &&
			    target_has(cpython->target, table, least) && is_table(cpython, table, &pool_size))
				return add_table(pymalloc, table, 0);
	return NULL;
}

static int compare_arenas(const void *a, const void *b)
{
	const struct pymalloc_arena *one = a, *other = b;
	return (one->address > other->address) - (one->address < other->address);
}

/* By address, and each once: interpreters share arenas, and tables may be damaged. */
static void sort_arenas(struct pymalloc *pymalloc)
{
	size_t kept = 0;
	if (pymalloc->arena_count)
		qsort(pymalloc->arenas, pymalloc->arena_count, sizeof(*pymalloc->arenas), compare_arenas);
	for (size_t i = 0; i < pymalloc->arena_count; i++)
		if (!kept || pymalloc->arenas[i].address != pymalloc->arenas[kept - 1].address)
			pymalloc->arenas[kept++] = pymalloc->arenas[i];
	pymalloc->arena_count = kept;
}

/* Does what the debug allocator writes before a block (the letter of the caller's domain and forbidden bytes) stand at
 * @block? FORBIDDENBYTE is 0xfb up to 3.7. */
static bool has_debug_head(struct cpython *cpython, uint64_t block)
{
	enum { DOMAIN_OFFSET = 8, FORBIDDEN = 7 };
	uint8_t bytes[1 + FORBIDDEN];
	if (!read_field(cpython, block, DOMAIN_OFFSET, bytes, sizeof(bytes)) || (bytes[1] != 0xfd && bytes[1] != 0xfb))
		return false;
	for (int i = 2; i <= FORBIDDEN; i++)
		if (bytes[i] != bytes[1])
			return false;
	return bytes[0] == 'o' || bytes[0] == 'm' || bytes[0] == 'r';
}

/* Most blocks in use say whether the debug allocator handed them out: some may have been before it was installed. */
static bool find_debug(struct pymalloc *pymalloc)
{
	enum { ENOUGH = 1000 };
	size_t with = 0, without = 0;
	for (size_t i = 0; i < pymalloc->arena_count && with + without < ENOUGH; i++) {
		const struct pymalloc_arena *arena = &pymalloc->arenas[i];
		for (size_t number = 0; number < pymalloc_pool_count(pymalloc, arena); number++) {
			struct pymalloc_pool pool;
			struct pymalloc_free free;
			uint64_t broken;
			if (!pymalloc_pool_read(pymalloc, arena, number, &pool) || !pool.sane || !pool.used)
				continue;
			pymalloc_free_blocks(pymalloc, &pool, &free, &broken);
			for (uint32_t block = 0; block < pool.blocks; block++) {
				bool debug = !pymalloc_is_free(&free, block) &&
					     has_debug_head(pymalloc->cpython, pymalloc_block(&pool, block));
				with += debug;
				without += !debug && !pymalloc_is_free(&free, block);
			}
		}
	}
	return with > without;
}

struct inspect_error *pymalloc_init(struct pymalloc *pymalloc, struct cpython *cpython)
{
	const struct layout *layout = &cpython->layout;
	struct inspect_error *error = NULL;
	*pymalloc = (struct pymalloc){ .cpython = cpython };
	if (layout->size_of_arena == LAYOUT_ABSENT || layout->size_of_pool_header == LAYOUT_ABSENT)
		return NULL;
	if (layout->interpreter_obmalloc == LAYOUT_ABSENT)
		error = add_static_table(pymalloc);
	for (size_t i = 0; i < cpython->interpreter_count && layout->interpreter_obmalloc != LAYOUT_ABSENT && !error; i++)
		error = add_interpreter(pymalloc, cpython->interpreters[i].address);
	if (error) {
		pymalloc_deinit(pymalloc);
		return error;
	}
	sort_arenas(pymalloc);
	pymalloc->debug = find_debug(pymalloc);
	return NULL;
}

void pymalloc_deinit(struct pymalloc *pymalloc)
{
	free(pymalloc->arenas);
	*pymalloc = (struct pymalloc){ 0 };
}
