/* SPDX-License-Identifier: MIT */
/*
 * pools.c - shows the test of allocators what pymalloc.c finds in a target.
 *
 *     pools TARGET    a line "size pools used free" for each size of blocks of which there are pools in use; then
 *                     "arenas N", "free-pools N" (those never made among them), "broken N": pools and lists that make no
 *                     sense, and "debug 1" if the debug allocator wraps it
 */
#include <error.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "runtime/cpython/pymalloc.h"

static void die(struct inspect_error *problem)
{
	if (problem)
		error(1, 0, "%s", inspect_error_message(problem));
}

struct sums {
	size_t pools, used, free;
};

static struct sums of_size[PYMALLOC_POOL_SIZE_MAX];
static size_t free_pools, broken;

static void add_pool(const struct pymalloc *pymalloc, const struct pymalloc_arena *arena, size_t number)
{
	struct pymalloc_pool pool;
	struct pymalloc_free list;
	uint64_t astray;
	if (!pymalloc_pool_read(pymalloc, arena, number, &pool) || !pool.sane || pool.arena_index != arena->index) {
		broken++;
		return;
	}
	if (!pool.used)
		return;
	broken += !pymalloc_free_blocks(pymalloc, &pool, &list, &astray);
	struct sums *sums = &of_size[pool.block_size];
	sums->pools++;
	for (uint32_t block = 0; block < pool.blocks; block++)
		sums->used += !pymalloc_is_free(&list, block);
	/* those that have never been used are free, too */
	sums->free += (pool.last_offset - pool.first_offset) / pool.block_size + 1 - pool.used;
}

int main(int argc, char **argv)
{
	struct inspect_target *target;
	struct runtime *runtime;
	struct pymalloc pymalloc;
	if (argc != 2)
		error(2, 0, "see the comment at the top of pools.c");
	die(inspect_target_open(argv[1], NULL, &target));
	die(runtime_attach(target, "cpython", &runtime));
	die(pymalloc_init(&pymalloc, (struct cpython *)runtime));
	for (size_t i = 0; i < pymalloc.arena_count; i++) {
		free_pools += pymalloc.arenas[i].free_pools;
		for (size_t number = 0; number < pymalloc_pool_count(&pymalloc, &pymalloc.arenas[i]); number++)
			add_pool(&pymalloc, &pymalloc.arenas[i], number);
	}
	for (size_t size = 0; size < PYMALLOC_POOL_SIZE_MAX; size++)
		if (of_size[size].pools)
			printf("%zu %zu %zu %zu\n", size, of_size[size].pools, of_size[size].used, of_size[size].free);
	printf("arenas %zu\nfree-pools %zu\nbroken %zu\ndebug %d\n", pymalloc.arena_count, free_pools, broken,
	       pymalloc.debug);
	pymalloc_deinit(&pymalloc);
	runtime_detach(runtime);
	inspect_target_close(target);
	return 0;
}
