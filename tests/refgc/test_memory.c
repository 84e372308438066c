/* SPDX-License-Identifier: MIT */
/*
 * test_memory.c - the allocator: pools, arenas, large blocks, and a heap that is exhausted.
 */
#include "support.h"

#include "memory.h"

static struct memory_pool *pool_at(void *block)
{
	return (struct memory_pool *)((uintptr_t)block / POOL_SIZE * POOL_SIZE);
}

/* Every size: aligned, as large as asked for, apart from all others. */
static void test_sizes(void **state)
{
	(void)state;
	struct memory memory;
	memory_init(&memory, 0, false);
	enum { LARGEST = 2000 };
	unsigned char *blocks[LARGEST + 1];
	for (size_t size = 0; size <= LARGEST; size++) {
		blocks[size] = memory_allocate(&memory, size);
		assert_non_null(blocks[size]);
		assert_int_equal((uintptr_t)blocks[size] % MEMORY_ALIGNMENT, 0);
		memset(blocks[size], (int)(size % 251), size);
	}
	assert_int_equal(memory.blocks, LARGEST + 1);
	for (size_t size = 0; size <= LARGEST; size++) {
		for (size_t i = 0; i < size; i++)
			assert_int_equal(blocks[size][i], size % 251);
		memory_free(&memory, blocks[size], size);
	}
	assert_int_equal(memory.blocks, 0);
	assert_int_equal(memory.system_bytes, 0);
	assert_null(memory.large);
	memory_deinit(&memory);
}

static void test_size_classes(void **state)
{
	(void)state;
	struct memory memory;
	memory_init(&memory, 0, false);
	void *one = memory_allocate(&memory, 33), *other = memory_allocate(&memory, 48),
	     *larger = memory_allocate(&memory, 49);
	assert_ptr_equal(pool_at(one), pool_at(other));
	assert_ptr_not_equal(pool_at(one), pool_at(larger));
	assert_int_equal(pool_at(one)->used, 2);
	assert_int_equal((char *)other - (char *)one, 48);
	memory_free(&memory, one, 33);
	assert_ptr_equal(memory_allocate(&memory, 40), one); /* what was freed is used first */
	memory_free(&memory, one, 40);
	memory_free(&memory, other, 48);
	memory_free(&memory, larger, 49);
	memory_deinit(&memory);
}

/* A full pool gets a second one; with one free block it is the first again; empty ones go back. */
static void test_pools_fill(void **state)
{
	(void)state;
	struct memory memory;
	memory_init(&memory, 0, false);
	enum { SIZE = 512 };
	void *first = memory_allocate(&memory, SIZE);
	struct memory_pool *pool = pool_at(first);
	uint32_t capacity = pool->capacity;
	assert_int_equal(capacity, (POOL_SIZE - sizeof(struct memory_pool)) / SIZE);
	void *blocks[64];
	for (uint32_t i = 1; i < capacity; i++) {
		blocks[i] = memory_allocate(&memory, SIZE);
		assert_ptr_equal(pool_at(blocks[i]), pool);
	}
	void *next = memory_allocate(&memory, SIZE);
	assert_ptr_not_equal(pool_at(next), pool);
	memory_free(&memory, blocks[5], SIZE);
	assert_ptr_equal(memory_allocate(&memory, SIZE), blocks[5]);
	struct memory_arena *arena = pool->arena;
	uint32_t free_count = arena->free_count;
	memory_free(&memory, next, SIZE);
	assert_int_equal(arena->free_count, free_count + 1);
	for (uint32_t i = 1; i < capacity; i++)
		memory_free(&memory, blocks[i], SIZE);
	assert_int_equal(memory.system_bytes, ARENA_SIZE);
	memory_free(&memory, first, SIZE);
	assert_int_equal(memory.system_bytes, 0);
	memory_deinit(&memory);
}

/* Arenas come when they are needed and go when they are empty; the fullest is used first. */
static void test_arenas(void **state)
{
	(void)state;
	struct memory memory;
	memory_init(&memory, 0, false);
	enum { SIZE = 512, PER_POOL = 31, ARENAS = 4, COUNT = PER_POOL * ARENA_POOLS * ARENAS };
	void **blocks = calloc(COUNT, sizeof(*blocks));
	for (size_t i = 0; i < COUNT; i++)
		blocks[i] = memory_allocate(&memory, SIZE);
	assert_int_equal(memory.system_bytes, (size_t)ARENAS * ARENA_SIZE);
	assert_null(memory.usable);

	/* Empty pools: one in the second arena, three in the fourth. */
	size_t arena = PER_POOL * ARENA_POOLS;
	for (size_t i = 0; i < 3 * PER_POOL; i++)
		memory_free(&memory, blocks[3 * arena + i], SIZE);
	for (size_t i = 0; i < PER_POOL; i++)
		memory_free(&memory, blocks[arena + i], SIZE);
	assert_ptr_equal(memory.usable, pool_at(blocks[arena + PER_POOL])->arena);
	assert_int_equal(memory.usable->free_count, 1);
	assert_int_equal(memory.usable->next->free_count, 3);
	void *block = memory_allocate(&memory, SIZE);
	assert_ptr_equal(pool_at(block)->arena, pool_at(blocks[arena + PER_POOL])->arena);
	memory_free(&memory, block, SIZE);

	/* The second has more of them now. */
	for (size_t i = PER_POOL; i < 5 * PER_POOL; i++)
		memory_free(&memory, blocks[arena + i], SIZE);
	assert_int_equal(memory.usable->free_count, 3);
	assert_int_equal(memory.usable->next->free_count, 5);

	for (size_t i = 5 * PER_POOL; i < arena; i++)
		memory_free(&memory, blocks[arena + i], SIZE);
	assert_int_equal(memory.system_bytes, (ARENAS - 1) * (size_t)ARENA_SIZE);
	for (size_t i = 0; i < arena; i++)
		memory_free(&memory, blocks[i], SIZE);
	for (size_t i = 2 * arena; i < 3 * arena; i++)
		memory_free(&memory, blocks[i], SIZE);
	for (size_t i = 3 * arena + 3 * PER_POOL; i < COUNT; i++)
		memory_free(&memory, blocks[i], SIZE);
	assert_int_equal(memory.system_bytes, 0);
	assert_int_equal(memory.blocks, 0);
	free(blocks);
	memory_deinit(&memory);
}

static void test_limit(void **state)
{
	(void)state;
	struct memory memory;
	memory_init(&memory, ARENA_SIZE + 10000, false);
	void *large = memory_allocate(&memory, 9000);
	assert_non_null(large);
	void *small = memory_allocate(&memory, 10);
	assert_non_null(small);
	assert_null(memory_allocate(&memory, 2000));
	memory_free(&memory, large, 9000);
	large = memory_allocate(&memory, 2000);
	assert_non_null(large);
	assert_null(memory_allocate(&memory, SIZE_MAX - 8));
	assert_int_equal(memory.blocks, 2);
	memory_free(&memory, large, 2000);
	memory_free(&memory, small, 10);
	memory_deinit(&memory);
}

/* Whatever a program does when the heap is exhausted: an error, nothing lost, and it goes on afterwards. */
static bool build(struct refgc_runtime *runtime, struct refgc_object *list)
{
	const struct refgc_type *class = refgc_class_create(runtime, "Class", NULL, NULL);
	struct refgc_object *key =
		refgc_str_create(runtime, "a key that is long enough for several size classes");
	bool done = key != NULL;
	for (int i = 0; done && i < 400; i++) {
		struct refgc_object *made[] = {
			refgc_dict_create(runtime),
			refgc_set_create(runtime),
			refgc_instance_create(runtime, class),
			refgc_module_create(runtime, "module"),
			refgc_tuple_create(runtime, &key, 1),
			refgc_cell_create(runtime, key),
			refgc_int_create(runtime, i),
			refgc_weakref_create(runtime, list, NULL),
		};
		assert_null(made[7]); /* lists have none */
		for (size_t j = 0; j < 7; j++)
			done &= made[j] && refgc_list_append(runtime, list, made[j]);
		done = done && refgc_dict_set(runtime, made[0], key, made[1]) &&
		       refgc_set_add(runtime, made[1], made[2]) &&
		       refgc_attribute_set(runtime, made[2], "attribute", list);
		for (size_t j = 0; j < 7; j++)
			if (made[j])
				refgc_release(runtime, made[j]);
	}
	if (key)
		refgc_release(runtime, key);
	return done;
}

static void exhaust(size_t limit, bool *done)
{
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime);
	size_t blocks = refgc_heap_blocks(runtime);
	refgc_heap_limit_set(runtime, refgc_heap_bytes(runtime) + limit);
	*done = build(runtime, list);
	if (!*done)
		assert_true(refgc_error(runtime) == REFGC_NO_MEMORY ||
			    refgc_error(runtime) == REFGC_WRONG_TYPE);
	refgc_list_type.clear(runtime, list);
	refgc_collect(runtime, 2);
	assert_int_equal(refgc_heap_blocks(runtime), blocks);
	refgc_heap_limit_set(runtime, 0);
	assert_true(build(runtime, list));
	refgc_release(runtime, list);
	runtime_end(runtime);
}

static void test_exhausted_heap(void **state)
{
	(void)state;
	bool done = false;
	size_t limits = 0;
	for (size_t limit = 1; !done; limit += 1 + limit / 20, limits++)
		exhaust(limit, &done);
	assert_true(limits > 50);
}

static const char zeros[4 << 20];

static void test_report_of_error(void **state)
{
	(void)state;
	struct refgc_runtime *runtime = refgc_runtime_create(&(struct refgc_options){.heap_limit = 3 << 20});
	assert_non_null(runtime);
	assert_null(refgc_bytes_create(runtime, zeros, sizeof(zeros)));
	assert_int_equal(refgc_error(runtime), REFGC_NO_MEMORY);
	assert_string_equal(refgc_error_text(REFGC_NO_MEMORY), "the heap is exhausted");
	runtime_end(runtime);
	assert_null(refgc_runtime_create(&(struct refgc_options){.heap_limit = 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_size_classes),
		cmocka_unit_test(test_pools_fill),
		cmocka_unit_test(test_arenas),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_exhausted_heap),
		cmocka_unit_test(test_report_of_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
