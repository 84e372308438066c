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
	struct address_range *described; /* state of the runtime, ascending, none touching another */
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
	if (!start || size <= 0 || start + (uint64_t)size < start)
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

static int compare_ranges(const void *a, const void *b)
{
	const struct address_range *one = a, *other = b;
	return (one->start > other->start) - (one->start < other->start);
}

/* Sorts the ranges, and makes one of those that touch. */
static void order_state(struct cpython_memory *memory)
{
	struct address_range *ranges = memory->described;
	size_t kept = 0;
	if (memory->described_count)
		qsort(ranges, memory->described_count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < memory->described_count; i++) {
		if (!kept || ranges[i].start > ranges[kept - 1].end)
			ranges[kept++] = ranges[i];
		else if (ranges[i].end > ranges[kept - 1].end)
			ranges[kept - 1].end = ranges[i].end;
	}
	memory->described_count = kept;
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
	else
		order_state(cpython->memory);
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

/* Is the block of @size bytes at @block a table of keys that a dict has given back, which is kept for the next dict? It is
 * of the least size, and nobody holds it: keys_free_list of Objects/dictobject.c. */
static bool is_dead_keys(struct cpython *cpython, uint64_t block, uint64_t size)
{
	enum { LEAST_SIZE = 8, LEAST_LOG2_SIZE = 3, USABLE = 5, SLACK = 48 }; /* what the debug allocator writes behind it, too */
	const struct layout *layout = &cpython->layout;
	int64_t refcount, slots;
	uint8_t log2;
	bool unicode = layout->size_of_dict_unicode_entry != LAYOUT_ABSENT;
	uint64_t entry = (uint64_t)(unicode ? layout->size_of_dict_unicode_entry : layout->size_of_dict_entry);
	uint64_t least = (uint64_t)layout->dict_keys_indices + LEAST_SIZE + USABLE * entry;
	if (size < least || size > least + SLACK || !read_ssize(cpython, block, layout->dict_keys_refcnt, &refcount) || refcount)
		return false;
	if (layout->dict_keys_size != LAYOUT_ABSENT)
		return read_ssize(cpython, block, layout->dict_keys_size, &slots) && slots == LEAST_SIZE;
	return read_uint8(cpython, block, layout->dict_keys_log2_size, &log2) && log2 == LEAST_LOG2_SIZE;
}

/* Is the object at @address an int that is @value, a positive number of at most 60 bits? */
static bool is_int(struct cpython *cpython, uint64_t address, uint64_t value)
{
	enum { DIGIT_BITS = 30, TAG_SHIFT = 3 }; /* _PyLong_NON_SIZE_BITS: internal/pycore_long.h */
	const struct layout *layout = &cpython->layout;
	uint64_t type_address, tag;
	int64_t digits;
	int32_t low, high = 0;
	if (address % sizeof(address) || !target_map(cpython->target, address, (uint64_t)layout->size_of_int) ||
	    !read_pointer(cpython, address, layout->object_type, &type_address))
		return false;
	const struct cpython_type *type = cpython_known_type(cpython, type_address);
	if (!type || !(type->flags & TPFLAGS_LONG_SUBCLASS) || !read_int32(cpython, address, layout->int_digits, &low))
		return false;
	if (read_pointer(cpython, address, layout->int_tag, &tag))
		digits = (int64_t)(tag >> TAG_SHIFT);
	else
		read_ssize(cpython, address, layout->var_size, &digits);
	if (digits == 2)
		read_int32(cpython, address + sizeof(low), layout->int_digits, &high);
	return (digits == 1 || digits == 2) && ((uint64_t)(uint32_t)high << DIGIT_BITS | (uint32_t)low) == value;
}

/* Is the word at @address the hash of an integer, next to a pointer to that? Dicts and sets of id() are full of them, and so
 * are the subclasses of every class. */
static bool is_hash(struct cpython *cpython, uint64_t address)
{
	uint64_t word, before, behind;
	return read_pointer(cpython, address, 0, &word) &&
	       ((read_pointer(cpython, address + sizeof(word), 0, &behind) && is_int(cpython, behind, word)) ||
		(read_pointer(cpython, address - sizeof(word), 0, &before) && is_int(cpython, before, word)));
}

/* Is the block of @size bytes at @block a dict's table of keys, and @address behind its last entry? Nothing is there but what
 * was in the memory before. */
static bool is_behind_keys(struct cpython *cpython, uint64_t block, uint64_t size, uint64_t address)
{
	struct dict_keys keys;
	uint64_t word;
	if (size < (uint64_t)cpython->layout.size_of_dict_keys || !read_pointer(cpython, block, 0, &word) || !word ||
	    word >> 32 || !dict_keys_read(cpython, block, &keys) || keys.count <= 0 || keys.entries <= block)
		return false;
	uint64_t end = keys.entries + (uint64_t)keys.count * keys.entry_size;
	return end <= block + size && address >= end && keys.references > 0 && keys.references <= 1 << 20;
}

/* Is the word at @address, in the interpreter's data, one of an array of free objects of one type, of which the rest is stale?
 * Lists and dicts up to 3.9: free_list of Objects/listobject.c and dictobject.c. */
static bool in_free_list(struct cpython *cpython, uint64_t address)
{
	enum { NEIGHBOURS = 4, LEAST = 3 };
	const unsigned int kinds = TPFLAGS_LIST_SUBCLASS | TPFLAGS_DICT_SUBCLASS;
	uint64_t object, other, type_address, other_type;
	if (cpython_at_least(cpython, 3, 10) || target_image_at(cpython->target, address) != cpython->image ||
	    !read_pointer(cpython, address, 0, &object) || !read_pointer(cpython, object, cpython->layout.object_type, &type_address))
		return false;
	const struct cpython_type *type = cpython_known_type(cpython, type_address);
	int alike = 0;
	for (int i = -NEIGHBOURS; type && type->flags & kinds && i <= NEIGHBOURS; i++)
		alike += i && read_pointer(cpython, address + (uint64_t)(int64_t)i * sizeof(other), 0, &other) &&
			 other % sizeof(other) == 0 && target_map(cpython->target, other, sizeof(other)) &&
			 read_pointer(cpython, other, cpython->layout.object_type, &other_type) && other_type == type_address;
	return alike >= LEAST;
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
		return type && cpython_size(cpython, type, object, &size, &basic) && address - object + type->preheader < size;
	}
	return false;
}

static bool is_described(const struct cpython_memory *memory, uint64_t address)
{
	size_t low = 0, high = memory->described_count; /* the first that ends behind the address is among these */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (memory->described[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < memory->described_count && address >= memory->described[low].start;
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
	if (block < pool->blocks && !pymalloc_is_free(&memory->free, block) && !is_dead(cpython, start, size) &&
	    !is_dead_keys(cpython, start, size) && !is_behind_keys(cpython, start, size, address))
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
	if (is_described(memory, address) || in_frozen_object(cpython, address) || in_free_list(cpython, address) ||
	    is_hash(cpython, address))
		memory_ret->kind = RUNTIME_MEMORY_DESCRIBED;
	else if (pymalloc_arena_at(&memory->pymalloc, address))
		look_at_block(cpython, address, memory_ret);
	else if (block && size > head_size(memory) &&
		 (is_dead(cpython, block + head_size(memory), size - head_size(memory)) ||
		  is_behind_keys(cpython, block + head_size(memory), size - head_size(memory), address)))
		memory_ret->kind = RUNTIME_MEMORY_FREE;
	return NULL;
}

bool cpython_is_spare(struct runtime *runtime, uint64_t owner, uint32_t type_index, uint64_t block, uint64_t address)
{
	struct cpython *cpython = (struct cpython *)runtime;
	const struct cpython_type *type = cpython_type_at(cpython, type_index);
	uint64_t items;
	int64_t size;
	return type->flags & TPFLAGS_LIST_SUBCLASS && read_pointer(cpython, owner, cpython->layout.list_items, &items) &&
	       items == block && read_ssize(cpython, owner, cpython->layout.var_size, &size) && size >= 0 &&
	       (address - items) / sizeof(items) >= (uint64_t)size;
}

/* ---- objects in blocks ------------------------------------------------------------------------------ */

/* The object that begins in the block at @block; 0: nothing that looks like one. What comes before an object is as its type
 * says. */
static uint64_t object_in(struct cpython *cpython, uint64_t block)
{
	for (uint32_t preheader = 0; preheader <= 2 * PYMALLOC_DEBUG_HEAD; preheader += sizeof(uint64_t)) {
		uint64_t type_address, refcount;
		if (!cpython_is_object(cpython, block + preheader) ||
		    !read_pointer(cpython, block + preheader, cpython->layout.object_type, &type_address))
			continue;
		const struct cpython_type *type = cpython_known_type(cpython, type_address);
		/* a number and a pointer to a type look like an object; a pointer does not look like a count */
		if (type && !type->damaged && type->preheader == preheader &&
		    read_pointer(cpython, block + preheader, cpython->layout.object_refcnt, &refcount) &&
		    !target_map(cpython->target, refcount, 1))
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
		uint64_t start = pymalloc_block(pool, block) + head_size(memory), object = object_in(cpython, start);
		if (object)
			error = sink->add(sink, object, start);
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
