/* SPDX-License-Identifier: MIT */
/*
 * test_heap.c - building heaps and sorting, against the C library's qsort().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "graph/heap.h"
#include "graph/sort.h"

/* ---- a runtime that hands out what the test wants --------------------------------------------------- */

struct entry {
	uint64_t address;
	unsigned int generation, collector;
};

struct scripted {
	struct runtime runtime;
	const struct entry *entries; /* NULL: count objects made up on the way */
	size_t count;
	uint64_t bad_size_at;
	size_t examined;
};

static const uint64_t FIRST = 0x7f0000000000;

static struct entry entry_at(const struct scripted *scripted, size_t i)
{
	if (scripted->entries)
		return scripted->entries[i];
	/* 2654435761 is odd, so this visits every multiple of 16 below 2^30 once: like a real heap, 10 million of these
	 * have about a hundred bytes each. */
	return (struct entry){ FIRST + (i * 2654435761u % (1u << 26)) * 16, i % 4, i % 3 };
}

static struct inspect_error *scripted_walk(struct runtime *runtime, struct runtime_sink *sink,
					   struct notes *notes __attribute__((unused)))
{
	const struct scripted *scripted = (const struct scripted *)runtime;
	for (size_t i = 0; i < scripted->count; i++) {
		struct entry entry = entry_at(scripted, i);
		struct inspect_error *error = sink->add(sink, entry.address, entry.generation,
							entry.collector);
		if (error)
			return error;
	}
	return NULL;
}

static struct inspect_error *scripted_examine(struct runtime *runtime, const uint64_t *addresses,
					      size_t count, const struct runtime_columns *columns)
{
	struct scripted *scripted = (struct scripted *)runtime;
	if (columns->type)
		__atomic_fetch_add(&scripted->examined, count, __ATOMIC_RELAXED);
	for (size_t i = 0; i < count; i++) {
		if (columns->type)
			columns->type[i] = 0;
		if (columns->size)
			columns->size[i] = addresses[i] == scripted->bad_size_at ? UINT64_MAX : addresses[i] % 1000;
		if (columns->refcount)
			columns->refcount[i] = (int64_t)(addresses[i] % 999);
		if (columns->flags)
			columns->flags[i] = 0;
	}
	return NULL;
}

static const struct runtime_operations scripted_operations = {
	.name = "scripted",
	.walk = scripted_walk,
	.examine = scripted_examine,
};

static struct scripted scripted_runtime(const struct entry *entries, size_t count)
{
	return (struct scripted){
		.runtime.operations = &scripted_operations,
		.entries = entries,
		.count = count,
	};
}

/* ---- truth ------------------------------------------------------------------------------------------ */

static int compare_u64(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
	return (one > other) - (one < other);
}

static int compare_entries(const void *a, const void *b)
{
	return compare_u64(&((const struct entry *)a)->address, &((const struct entry *)b)->address);
}

static uint64_t random_state;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void sorts_like_qsort(void **state __attribute__((unused)))
{
	static const size_t counts[] = { 0, 1, 2, 3, 255, 256, 257, 10000 };
	static const uint64_t masks[] = { 0xff, 0xff00ff, 0x00fffffffffffffc, 0xffff00000000 };
	random_state = 4711;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (size_t j = 0; j < sizeof(masks) / sizeof(*masks); j++) {
			size_t count = counts[i];
			uint64_t *values = calloc(count + 1, sizeof(*values));
			uint64_t *scratch = calloc(count + 1, sizeof(*scratch));
			uint64_t *expected = calloc(count + 1, sizeof(*expected));
			for (size_t k = 0; k < count; k++)
				values[k] = expected[k] = random_u64() & masks[j];
			qsort(expected, count, sizeof(*expected), compare_u64);
			const uint64_t *sorted = sort_low56(values, scratch, count);
			assert_true(sorted == values || sorted == scratch);
			assert_memory_equal(sorted, expected, count * sizeof(*expected));
			free(values);
			free(scratch);
			free(expected);
		}
	}
}

static void sorts_ids_stably(void **state __attribute__((unused)))
{
	enum { COUNT = 5000 };
	static uint64_t keys[COUNT];
	static uint32_t ids[COUNT], scratch[COUNT];
	random_state = 42;
	for (int descending = 0; descending < 2; descending++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			/* Few different keys, some of which use all bits. */
			keys[i] = random_u64() % 50 * 0x0505050505050505u;
			ids[i] = i;
		}
		const uint32_t *sorted = sort_ids(ids, scratch, COUNT, keys, descending);
		for (uint32_t i = 1; i < COUNT; i++) {
			uint64_t before = keys[sorted[i - 1]], after = keys[sorted[i]];
			assert_true(descending ? before >= after : before <= after);
			if (before == after)
				assert_true(sorted[i - 1] < sorted[i]);
		}
	}
}

static void builds_columns_in_address_order(void **state __attribute__((unused)))
{
	enum { COUNT = 20000 };
	struct entry *entries = calloc(COUNT, sizeof(*entries));
	random_state = 7;
	for (size_t i = 0; i < COUNT; i++)
		entries[i] = (struct entry){
			.address = random_u64() & 0x7ffffff00000,
			.generation = random_u64() % 4,
			.collector = random_u64() % 256,
		};
	for (size_t i = 0; i < COUNT; i++)
		entries[i].address += 8 * i + 8;
	struct scripted scripted = scripted_runtime(entries, COUNT);
	struct heap heap;
	struct notes notes = { 0 };
	assert_null(heap_build(&scripted.runtime, &heap, &notes));
	assert_null(heap_find_sizes(&heap, &notes));
	assert_null(heap_find_refcounts(&heap));
	qsort(entries, COUNT, sizeof(*entries), compare_entries);

	assert_int_equal(notes.count, 0);
	assert_int_equal(heap.count, COUNT);
	assert_int_equal(scripted.examined, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(heap.address[i], entries[i].address);
		assert_int_equal(heap.generation[i], entries[i].generation);
		assert_int_equal(heap.collector[i], entries[i].collector);
		assert_int_equal(heap.size[i], entries[i].address % 1000);
		assert_int_equal(heap.refcount[i], entries[i].address % 999);
		uint32_t id;
		assert_true(heap_find(&heap, entries[i].address, &id));
		assert_int_equal(id, i);
		assert_false(heap_find(&heap, entries[i].address + 1, &id));
	}
	uint32_t id;
	assert_false(heap_find(&heap, 0, &id));
	assert_false(heap_find(&heap, UINT64_MAX, &id));
	heap_deinit(&heap);
	free(entries);
}

static void empty_heap(void **state __attribute__((unused)))
{
	struct scripted scripted = scripted_runtime(NULL, 0);
	struct heap heap;
	struct notes notes = { 0 };
	assert_null(heap_build(&scripted.runtime, &heap, &notes));
	assert_int_equal(heap.count, 0);
	uint32_t id;
	assert_false(heap_find(&heap, 16, &id));
	heap_deinit(&heap);
}

static void duplicates_count_once(void **state __attribute__((unused)))
{
	static const struct entry entries[] = {
		{ 0x3000, 2, 0 }, { 0x1000, 1, 0 }, { 0x3000, 0, 0 }, { 0x2000, 3, 1 },
		{ 0x3000, 1, 5 }, { 0x1000, 1, 0 },
	};
	struct scripted scripted = scripted_runtime(entries, sizeof(entries) / sizeof(*entries));
	struct heap heap;
	struct notes notes = { 0 };
	assert_null(heap_build(&scripted.runtime, &heap, &notes));
	assert_int_equal(heap.count, 3);
	assert_int_equal(heap.address[0], 0x1000);
	assert_int_equal(heap.address[1], 0x2000);
	assert_int_equal(heap.address[2], 0x3000);
	assert_int_equal(heap.generation[2], 0);
	assert_int_equal(heap.collector[1], 1);
	assert_int_equal(notes.count, 1);
	assert_true(notes_incomplete(&notes));
	assert_non_null(strstr(notes.items[0].text, "3, the first at 0x1000"));
	heap_deinit(&heap);
	notes_deinit(&notes);
}

static void refuses_what_cannot_be_an_object(void **state __attribute__((unused)))
{
	static const struct entry entries[] = {
		{ 0x1004, 0, 0 }, { 0x2000, 0, 0 }, { 0, 1, 0 }, { UINT64_C(1) << 56, 1, 0 },
		{ 0x4000, 4, 0 },
		{ UINT64_C(0x00fffffffffffff8), 2, 255 },
	};
	struct scripted scripted = scripted_runtime(entries, sizeof(entries) / sizeof(*entries));
	struct heap heap;
	struct notes notes = { 0 };
	assert_null(heap_build(&scripted.runtime, &heap, &notes));
	assert_int_equal(heap.count, 2);
	assert_int_equal(heap.address[0], 0x2000);
	assert_int_equal(heap.address[1], UINT64_C(0x00fffffffffffff8));
	assert_int_equal(heap.collector[1], 255);
	assert_true(notes_incomplete(&notes));
	assert_non_null(strstr(notes.items[0].text, "4, the first at 0x1004"));
	heap_deinit(&heap);
	notes_deinit(&notes);
}

static void too_many_collectors(void **state __attribute__((unused)))
{
	static const struct entry entries[] = { { 0x1000, 0, 256 } };
	struct scripted scripted = scripted_runtime(entries, 1);
	struct heap heap;
	struct notes notes = { 0 };
	struct inspect_error *error = heap_build(&scripted.runtime, &heap, &notes);
	assert_non_null(error);
	assert_int_equal(inspect_error_kind(error), INSPECT_ERROR_CORRUPT);
	assert_null(heap.address);
	inspect_error_destroy(error);
}

static void absurd_sizes_count_as_nothing(void **state __attribute__((unused)))
{
	static const struct entry entries[] = { { 0x1008, 0, 0 }, { 0x2008, 0, 0 } };
	struct scripted scripted = scripted_runtime(entries, 2);
	scripted.bad_size_at = 0x2008;
	struct heap heap;
	struct notes notes = { 0 };
	uint64_t size;
	assert_null(heap_build(&scripted.runtime, &heap, &notes));
	assert_true(heap_measure(&heap, 0, &size));
	assert_int_equal(size, 0x1008 % 1000);
	assert_false(heap_measure(&heap, 1, &size));
	assert_int_equal(size, 0);
	assert_null(heap_find_sizes(&heap, &notes));
	assert_false(heap_measure(&heap, 1, &size));
	assert_int_equal(heap.size[0], 0x1008 % 1000);
	assert_int_equal(heap.size[1], 0);
	assert_true(heap.flags[1] & RUNTIME_DAMAGED);
	assert_true(notes_incomplete(&notes));
	heap_deinit(&heap);
	notes_deinit(&notes);
}

/* The largest resident set that a heap of @count objects needs, in bytes, in a process of its own. */
static uint64_t peak_of_heap(size_t count)
{
	int pipe_ends[2];
	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct scripted scripted = scripted_runtime(NULL, count);
		struct heap heap;
		struct notes notes = { 0 };
		uint64_t peak = 0;
		if (!heap_build(&scripted.runtime, &heap, &notes) && !heap_find_sizes(&heap, &notes) &&
		    !heap_find_refcounts(&heap) && heap.count == count && !notes.count) {
			struct rusage usage;
			getrusage(RUSAGE_SELF, &usage);
			peak = (uint64_t)usage.ru_maxrss * 1024;
		}
		_exit(write(pipe_ends[1], &peak, sizeof(peak)) != sizeof(peak));
	}
	uint64_t peak = 0;
	close(pipe_ends[1]);
	assert_int_equal(read(pipe_ends[0], &peak, sizeof(peak)), sizeof(peak));
	close(pipe_ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(peak > 0);
	return peak;
}

static void needs_little_memory(void **state __attribute__((unused)))
{
	if (getenv("LIBINSPECT_SANITIZED"))
		skip();
	const uint64_t few = peak_of_heap(100), many = peak_of_heap(10000000);
	assert_true(many > few);
	assert_in_range((many - few) / 10000000, 28, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_like_qsort),
		cmocka_unit_test(sorts_ids_stably),
		cmocka_unit_test(builds_columns_in_address_order),
		cmocka_unit_test(empty_heap),
		cmocka_unit_test(duplicates_count_once),
		cmocka_unit_test(refuses_what_cannot_be_an_object),
		cmocka_unit_test(too_many_collectors),
		cmocka_unit_test(absurd_sizes_count_as_nothing),
		cmocka_unit_test(needs_little_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
