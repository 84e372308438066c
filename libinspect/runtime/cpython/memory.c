/* SPDX-License-Identifier: MIT */
/*
 * memory.c - whose a place in the target's memory is: the state of CPython, a block of its allocator, or somebody else's.
 */
#include "runtime/cpython/memory.h"

#include <stdlib.h>

#include "base/array.h"
#include "runtime/cpython/pymalloc.h"
#include "runtime/cpython/scan.h"

enum { THREADS_LIMIT = 1 << 20, CHUNKS_LIMIT = 1 << 16 }; /* lists of a damaged target may have no end */

/* What is made when it is asked for first. */
struct cpython_memory {
	struct pymalloc pymalloc;
	struct address_range *described; /* state of the runtime, by address */
	size_t described_count, described_capacity;
	struct pymalloc_pool pool; /* looked at last; its address is 0 at first */
	struct pymalloc_free free; /* blocks of that */
};

void cpython_memory_destroy(struct cpython *cpython)
{
	if (!cpython->memory)
		return;
	pymalloc_deinit(&cpython->memory->pymalloc);
	free(cpython->memory->described);
	free(cpython->memory);
	cpython->memory = NULL;
}

/* ---- state ----------------------------------------------------------------------------------------- */

/* Notes that [@start, @start + @size) is known. False when out of memory. */
static bool add_range(struct cpython_memory *memory, uint64_t start, int64_t size)
{
	if (!start || size <= 0)
		return true;
	if (!array_reserve(memory->described, memory->described_count, memory->described_capacity))
		return false;
	memory->described[memory->described_count++] = (struct address_range){ start, start + (uint64_t)size };
	return true;
}

/* Since 3.11 the frames of a thread's calls lie in chunks: what is above the innermost one is stale. */
static bool add_chunks(struct cpython_memory *memory, struct cpython *cpython, uint64_t thread)
{
	const struct layout *layout = &cpython->layout;
	uint64_t chunk, size;
	if (!read_pointer(cpython, thread, layout->thread_datastack_chunk, &chunk))
		return true;
	for (int i = 0; chunk && i < CHUNKS_LIMIT; i++) {
		if (!read_pointer(cpython, chunk, layout->stack_chunk_size, &size) || !target_has(cpython->target, chunk, size) ||
		    !read_pointer(cpython, chunk, layout->stack_chunk_previous, &thread))
			break;
		if (!add_range(memory, chunk, (int64_t)size))
			return false;
		chunk = thread;
	}
	return true;
}

static bool add_interpreter(struct cpython_memory *memory, struct cpython *cpython, uint64_t interpreter)
{
	const struct layout *layout = &cpython->layout;
	uint64_t thread;
	if (!add_range(memory, interpreter, layout->size_of_interpreter))
		return false;
	read_pointer(cpython, interpreter, layout->interpreter_threads, &thread);
	for (int i = 0; thread && i < THREADS_LIMIT; i++) {
		if (!add_range(memory, thread, layout->size_of_thread) || !add_chunks(memory, cpython, thread))
			return false;
		if (!read_pointer(cpython, thread, layout->thread_next, &thread))
			break;
	}
	return true;
}

static bool add_state(struct cpython_memory *memory, struct cpython *cpython)
{
	bool good = add_range(memory, cpython->runtime_address, cpython->layout.size_of_runtime) &&
		    add_range(memory, cpython->method_cache_start,
			      (int64_t)(cpython->method_cache_end - cpython->method_cache_start));
	for (size_t i = 0; i < cpython->interpreter_count && good; i++)
		good = add_interpreter(memory, cpython, cpython->interpreters[i].address);
	return good;
}

static struct inspect_error *make_memory(struct cpython *cpython)
{
	if (cpython->memory)
		return NULL;
	cpython->memory = calloc(1, sizeof(*cpython->memory));
	if (!cpython->memory)
		return &inspect_error_no_memory;
	struct inspect_error *error = pymalloc_init(&cpython->memory->pymalloc, cpython);
	if (!error && !add_state(cpython->memory, cpython))
		error = &inspect_error_no_memory;
	if (error)
		cpython_memory_destroy(cpython);
	return error;
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

/* Looks at the pool that @address is in. False if it is in none that makes sense. */
static bool look_at_pool(struct cpython_memory *memory, uint64_t address)
{
	uint64_t broken;
	if (memory->pool.address && address - memory->pool.address < memory->pymalloc.pool_size)
		return memory->pool.sane;
	if (!pymalloc_pool_at(&memory->pymalloc, address, &memory->pool)) {
		memory->pool = (struct pymalloc_pool){ 0 };
		return false;
	}
	if (memory->pool.sane && memory->pool.used)
		pymalloc_free_blocks(&memory->pymalloc, &memory->pool, &memory->free, &broken);
	return memory->pool.sane;
}

/* Is the block of @size bytes at @block a dead object of one of CPython's lists of free objects? Its reference count is 0. */
static bool is_dead(struct cpython *cpython, uint64_t block, uint64_t size)
{
	const struct layout *layout = &cpython->layout;
	uint64_t places[] = { block, block + (uint64_t)layout->size_of_gc_head };
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		uint64_t refcount;
		if (places[i] - block + (uint64_t)layout->size_of_object <= size &&
		    read_pointer(cpython, places[i], layout->object_refcnt, &refcount) && refcount == 0 &&
		    cpython_is_object_or_dying(cpython, places[i]))
			return true;
	}
	return false;
}

static uint64_t head_size(const struct cpython_memory *memory)
{
	return memory->pymalloc.debug ? PYMALLOC_DEBUG_HEAD : 0;
}

/* Is @address in an object that was compiled into 3.11 and that nobody refers to: one of a module that was not imported? */
static bool in_frozen_object(struct cpython *cpython, uint64_t address)
{
	enum { LARGEST = 1 << 12 };
	uint64_t refcount, size;
	bool basic;
	if (!cpython_at_least(cpython, 3, 11) || cpython_at_least(cpython, 3, 12) ||
	    target_image_at(cpython->target, address) != cpython->image)
		return false;
	for (uint64_t object = address; object + LARGEST > address; object -= sizeof(uint64_t)) {
		uint64_t type_address;
		if (!read_pointer(cpython, object, cpython->layout.object_refcnt, &refcount))
			return false;
		if (!cpython_is_frozen_count(cpython, refcount) || !cpython_is_object(cpython, object) ||
		    !read_pointer(cpython, object, cpython->layout.object_type, &type_address))
			continue;
		const struct cpython_type *type = cpython_known_type(cpython, type_address);
		return type && cpython_size(cpython, type, object, &size, &basic) && address - object < size;
	}
	return false;
}

static bool is_described(const struct cpython_memory *memory, uint64_t address)
{
	for (size_t i = 0; i < memory->described_count; i++)
		if (address >= memory->described[i].start && address < memory->described[i].end)
			return true;
	return false;
}

/* A block of the allocator's that @address is in, a place in one of its arenas. */
static void look_at_block(struct cpython *cpython, uint64_t address, struct runtime_memory *memory_ret)
{
	struct cpython_memory *memory = cpython->memory;
	const struct pymalloc_pool *pool = &memory->pool;
	if (!look_at_pool(memory, address))
		return;
	memory_ret->kind = RUNTIME_MEMORY_FREE;
	if (!pool->used || address < pool->address + pool->first_offset)
		return;
	uint32_t block = (uint32_t)((address - pool->address - pool->first_offset) / pool->block_size);
	uint64_t start = pymalloc_block(pool, block) + head_size(memory), size = pool->block_size - head_size(memory);
	if (block < pool->blocks && !pymalloc_is_free(&memory->free, block) && !is_dead(cpython, start, size))
		*memory_ret = (struct runtime_memory){ RUNTIME_MEMORY_BLOCK, start, size };
}

struct inspect_error *cpython_memory_at(struct runtime *runtime, uint64_t address, uint64_t block, uint64_t size,
					struct runtime_memory *memory_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct inspect_error *error = make_memory(cpython);
	if (error)
		return error;
	const struct cpython_memory *memory = cpython->memory;
	*memory_ret = (struct runtime_memory){ .kind = RUNTIME_MEMORY_FOREIGN };
	if (is_described(memory, address) || in_frozen_object(cpython, address))
		memory_ret->kind = RUNTIME_MEMORY_DESCRIBED;
	else if (pymalloc_arena_at(&memory->pymalloc, address))
		look_at_block(cpython, address, memory_ret);
	else if (block && size > head_size(memory) && is_dead(cpython, block + head_size(memory), size - head_size(memory)))
		memory_ret->kind = RUNTIME_MEMORY_FREE;
	return NULL;
}

/* ---- objects in blocks ------------------------------------------------------------------------------ */

/* The object that begins in the block at @block; 0: nothing that looks like one. What comes before an object is as its type
 * says. */
static uint64_t object_in(struct cpython *cpython, uint64_t block)
{
	for (uint32_t preheader = 0; preheader <= 2 * PYMALLOC_DEBUG_HEAD; preheader += sizeof(uint64_t)) {
		uint64_t type_address;
		if (!cpython_is_object(cpython, block + preheader) ||
		    !read_pointer(cpython, block + preheader, cpython->layout.object_type, &type_address))
			continue;
		const struct cpython_type *type = cpython_known_type(cpython, type_address);
		if (type && !type->damaged && type->preheader == preheader)
			return block + preheader;
	}
	return 0;
}

static struct inspect_error *send_pool(struct cpython *cpython, const struct pymalloc_pool *pool,
				       struct runtime_allocated_sink *sink)
{
	struct cpython_memory *memory = cpython->memory;
	struct inspect_error *error = NULL;
	struct pymalloc_free free;
	uint64_t broken;
	pymalloc_free_blocks(&memory->pymalloc, pool, &free, &broken);
	for (uint32_t block = 0; block < pool->blocks && !error; block++) {
		if (pymalloc_is_free(&free, block))
			continue;
		uint64_t object = object_in(cpython, pymalloc_block(pool, block) + head_size(memory));
		if (object)
			error = sink->add(sink, object);
	}
	return error;
}

struct inspect_error *cpython_allocated(struct runtime *runtime, struct runtime_allocated_sink *sink, struct notes *notes)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct inspect_error *error = make_memory(cpython);
	if (error)
		return error;
	const struct pymalloc *pymalloc = &cpython->memory->pymalloc;
	for (size_t i = 0; i < pymalloc->arena_count && !error; i++) {
		const struct pymalloc_arena *arena = &pymalloc->arenas[i];
		for (size_t number = 0; number < pymalloc_pool_count(pymalloc, arena) && !error; number++) {
			struct pymalloc_pool pool;
			if (pymalloc_pool_read(pymalloc, arena, number, &pool) && pool.sane && pool.used)
				error = send_pool(cpython, &pool, sink);
		}
	}
	if (!error && !pymalloc->arena_count)
		error = notes_add(notes, false, "CPython's own allocator is not in use here: objects that nobody refers to are not "
						"looked for in blocks of malloc()");
	return error;
}
