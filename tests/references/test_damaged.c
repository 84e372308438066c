/* SPDX-License-Identifier: MIT */
/*
 * test_damaged.c - what objects refer to, roots and lines, in memory full of nonsense: any answer will do, but it comes
 * soon and is bounded (the sanitizers watch). And what is known: line tables of each format, chains in a circle.
 */
#include "../nonsense.h"

/* for its tables of descriptions */
#include "runtime/cpython/references.c"

#include "runtime/cpython/lines.h"
#include "runtime/cpython/roots.h"

enum {
	ROUNDS = 4,
	DESCRIPTIONS = sizeof(described_types) / sizeof(described_types[0]),
	MODULES = sizeof(described_modules) / sizeof(described_modules[0]),
	REFERENCES_LIMIT = 1 << 22, /* of one object: the memory has 2048 words */
	LABELS = 20,                /* looked at, of one object */
};

/* ---- nonsense -------------------------------------------------------------------------------------- */

static void check_labels(struct world *world, const struct runtime_references *references)
{
	for (size_t i = 0; i < references->count && i < LABELS; i++) {
		char *text = cpython_label(&world->cpython.runtime, &references->labels[i]);
		assert_non_null(text);
		free(text);
	}
}

static void visit_described(struct world *world, const struct described_type *described, uint64_t address, bool labelled)
{
	struct runtime_references references = { .labelled = labelled };
	const struct cpython_type type = { .address = MEMORY_START, .basicsize = 64, .itemsize = 8 };
	struct visit visit = { .cpython = &world->cpython, .layout = &world->cpython.layout, .references = &references,
			       .address = address, .type = &type };
	for (const struct described_step *from = described->steps; from && !from->last; from++) {
		struct reference_step step;
		if (lay_out_step(&world->cpython, from, &step))
			take_step(&visit, &step);
	}
	assert_false(visit.no_memory);
	assert_in_range(references.count, 0, REFERENCES_LIMIT);
	if (labelled)
		check_labels(world, &references);
	runtime_references_deinit(&references);
}

struct counting_sink {
	struct runtime_root_sink sink;
	size_t count, frames;
};

static struct inspect_error *count_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
					const char *place, const struct runtime_label *label)
{
	struct counting_sink *counting = (struct counting_sink *)sink;
	assert_non_null(place);
	assert_non_null(label);
	assert_int_not_equal(reference & ~RUNTIME_REFERENCE_FLAGS, 0);
	counting->count++;
	counting->frames += kind == RUNTIME_ROOT_FRAME;
	return NULL;
}

/* Sends the roots; returns the notes, for the caller to free. */
static struct notes send_roots(struct world *world, struct counting_sink *counting)
{
	struct notes notes = { 0 };
	counting->sink.add = count_root;
	assert_null(cpython_roots(&world->cpython.runtime, &counting->sink, &notes));
	return notes;
}

static void test_nonsense(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned int i = 0; i < layout_table_count; i++) {
		for (int round = 0; round < ROUNDS && layout_tables[i].machine == EM_X86_64; round++) {
			make_world(&world, &layout_tables[i], &random);
			cpython_type(&world.cpython, MEMORY_START); /* so that there is a type number 0 */
			for (size_t j = 0; j < DESCRIPTIONS + MODULES; j++) {
				uint64_t address = MEMORY_START + (next_random(&random) & (MEMORY_SIZE - 1));
				address &= round % 2 ? ~UINT64_C(7) : ~UINT64_C(0);
				visit_described(&world, j < DESCRIPTIONS ? &described_types[j] :
									   &described_modules[j - DESCRIPTIONS],
						address, round >= 2);
				cpython_line(&world.cpython, address, (int64_t)(next_random(&random) & 0xfff) - 10);
			}
			world.cpython.runtime_address = MEMORY_START + 128;
			struct counting_sink counting = { .count = 0 };
			struct notes notes = send_roots(&world, &counting);
			notes_deinit(&notes);
			free_world(&world);
		}
	}
}

/* ---- known ----------------------------------------------------------------------------------------- */

/* A world of zeros with the newest layout of the release @minor. */
static void make_empty_world(struct world *world, unsigned int minor)
{
	uint64_t random = 1;
	const struct layout_table *newest = NULL;
	for (unsigned int i = 0; i < layout_table_count; i++)
		if (layout_tables[i].version >> 16 == (0x0300 | minor) && layout_tables[i].flavour == LAYOUT_RELEASE &&
		    layout_tables[i].machine == EM_X86_64)
			newest = &layout_tables[i];
	assert_non_null(newest);
	make_world(world, newest, &random);
	memset(world->words, 0, sizeof(world->words));
}

static void put(struct world *world, uint64_t address, int32_t offset, uint64_t value)
{
	assert_int_not_equal(offset, LAYOUT_ABSENT);
	memcpy((char *)world->words + (address + (uint64_t)offset - MEMORY_START), &value, sizeof(value));
}

/* Makes a code object whose first line is 10 with the line table @bytes; returns its address. */
static uint64_t put_code(struct world *world, const uint8_t *bytes, size_t size)
{
	const struct layout *layout = &world->cpython.layout;
	const uint64_t code = MEMORY_START + 0x1000, table = MEMORY_START + 0x2000;
	put(world, code, layout->code_linetable, table);
	memcpy((char *)world->words + (code + (uint64_t)layout->code_firstlineno - MEMORY_START), &(int32_t){ 10 },
	       sizeof(int32_t));
	put(world, table, layout->var_size, size);
	memcpy((char *)world->words + (table + (uint64_t)layout->bytes_data - MEMORY_START), bytes, size);
	return code;
}

static void check_lines(unsigned int minor, const uint8_t *bytes, size_t size, const int32_t *lines, size_t count)
{
	static struct world world;
	make_empty_world(&world, minor);
	uint64_t code = put_code(&world, bytes, size);
	assert_int_equal(cpython_line(&world.cpython, code, -2), 10);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(cpython_line(&world.cpython, code, (int64_t)i * 2), lines[i]);
	/* cut off anywhere, it is still a table */
	for (size_t length = 0; length < size; length++) {
		put(&world, MEMORY_START + 0x2000, world.cpython.layout.var_size, length);
		for (int64_t offset = 0; offset < 20; offset++)
			cpython_line(&world.cpython, code, offset);
	}
	put(&world, MEMORY_START + 0x2000, world.cpython.layout.var_size, UINT64_MAX / 2);
	assert_int_equal(cpython_line(&world.cpython, code, 0), 10);
	free_world(&world);
}

static void test_lines(void **state)
{
	(void)state;
	static const uint8_t increments[] = { 4, 1, 2, 0xff, 0, 127, 6, 1 };
	static const int32_t by_increments[] = { 10, 10, 11, 137, 137, 137, 138, 138 };
	check_lines(6, increments, sizeof(increments), by_increments, 8);
	check_lines(9, increments, sizeof(increments), by_increments, 8);
	static const uint8_t ranges[] = { 4, 1, 2, 0x80, 6, 3 };
	static const int32_t by_ranges[] = { 11, 11, 10, 14, 14, 14, 10 };
	check_lines(10, ranges, sizeof(ranges), by_ranges, 7);
	static const uint8_t entries[] = {
		0x80 | 13 << 3, 2,              /* one instruction, +1 */
		0x80 | 10 << 3 | 1, 3, 4,       /* two, the same line */
		0x80 | 14 << 3, 0x50, 6, 0, 0, 0, /* one, +200 */
		0x80 | 15 << 3,                 /* one without a line */
		0x80 | 12 << 3, 1, 1,           /* one, +2 */
		0x80 | 13 << 3, 7,              /* one, -3 */
	};
	static const int32_t by_entries[] = { 11, 11, 11, 211, 10, 213, 210, 10 };
	for (unsigned int minor = 11; minor <= 15; minor++)
		check_lines(minor, entries, sizeof(entries), by_entries, 8);
}

/* Two frames, each called from the other. */
static void test_circles(void **state)
{
	(void)state;
	static struct world world;
	const uint64_t interpreter = MEMORY_START + 64, thread = MEMORY_START + 0x1000, holder = MEMORY_START + 0x1800;
	const uint64_t frames[2] = { MEMORY_START + 0x2000, MEMORY_START + 0x2800 };
	for (unsigned int minor = 6; minor <= 15; minor++) {
		make_empty_world(&world, minor);
		const struct layout *layout = &world.cpython.layout;
		bool objects = layout->thread_frame != LAYOUT_ABSENT;
		/* the state of an interpreter is larger than this memory: that of its threads alone is looked at */
		struct cpython_interpreter only = { .address = interpreter - (uint64_t)layout->interpreter_threads };
		put(&world, interpreter, 0, thread);
		put(&world, thread, layout->thread_next, thread);
		if (layout->cframe_current_frame != LAYOUT_ABSENT) {
			put(&world, thread, layout->thread_cframe, holder);
			put(&world, holder, layout->cframe_current_frame, frames[0]);
		} else {
			put(&world, thread, objects ? layout->thread_frame : layout->thread_current_frame, frames[0]);
		}
		for (int i = 0; i < 2; i++) {
			put(&world, frames[i], objects ? layout->frame_back : layout->interpreter_frame_previous,
			    frames[!i]);
			put(&world, frames[i], objects ? layout->frame_code : layout->interpreter_frame_code,
			    MEMORY_START + 0x3000);
		}
		struct counting_sink counting = { .sink.add = count_root };
		struct notes notes = { 0 };
		struct roots roots = { .cpython = &world.cpython, .sink = &counting.sink, .notes = &notes };
		assert_null(roots_add_threads(&roots, &only));
		assert_int_equal(notes.count, 2);
		assert_non_null(strstr(notes.items[0].text, "calls is damaged"));
		assert_non_null(strstr(notes.items[1].text, "list of threads is damaged"));
		assert_true(notes_incomplete(&notes));
		assert_in_range(counting.frames, 1, 16);
		notes_deinit(&notes);
		free_world(&world);
	}
}

/* Visits the object at @address by @function alone; returns how many references there are. */
static size_t visit_by(struct world *world, visit_fn *function, uint64_t address, bool *damaged_ret)
{
	static const struct cpython_type type;
	static const struct reference_step step;
	struct runtime_references references = { .labelled = true };
	struct visit visit = { .cpython = &world->cpython, .layout = &world->cpython.layout, .references = &references,
			       .address = address, .type = &type };
	function(&visit, &step);
	assert_false(visit.no_memory);
	size_t count = references.count;
	runtime_references_deinit(&references);
	*damaged_ret = visit.damaged;
	return count;
}

/* Blocks of a deque, links of a cache and free iterators that lead back to themselves. */
static void test_linked_in_circles(void **state)
{
	(void)state;
	static struct world world;
	const uint64_t object = MEMORY_START + 0x100, item = MEMORY_START + 0x3800;
	const uint64_t links[3] = { MEMORY_START + 0x1000, MEMORY_START + 0x1800, MEMORY_START + 0x2000 };
	bool damaged;
	for (unsigned int minor = 6; minor <= 15; minor++) {
		make_empty_world(&world, minor);
		const struct layout *layout = &world.cpython.layout;
		/* the first link leads to the second, that and the third to each other */
		const uint64_t next[3] = { links[1], links[2], links[1] };

		put(&world, object, layout->var_size, UINT64_C(1) << 60);
		put(&world, object, layout->deque_left_block, links[0]);
		for (int i = 0; i < 3; i++) {
			put(&world, links[i], layout->deque_block_right, next[i]);
			for (int j = 0; j < 64; j++)
				put(&world, links[i], layout->deque_block_items + 8 * j, item);
		}
		assert_in_range(visit_by(&world, deque_references, object, &damaged), 64 * 3, 64 * 8);
		assert_true(damaged);
		put(&world, object, layout->var_size, 150);
		assert_int_equal(visit_by(&world, deque_references, object, &damaged), 150);
		assert_false(damaged);

		memset(world.words, 0, sizeof(world.words));
		put(&world, object, layout->lru_cache_root + layout->lru_link_next, links[0]);
		for (int i = 0; i < 3; i++) {
			put(&world, links[i], layout->lru_link_next, next[i]);
			put(&world, links[i], layout->lru_link_key, item);
		}
		assert_in_range(visit_by(&world, lru_cache_references, object, &damaged), 3, 3 * 8);
		assert_true(damaged);
		put(&world, links[2], layout->lru_link_next, object + (uint64_t)layout->lru_cache_root);
		assert_int_equal(visit_by(&world, lru_cache_references, object, &damaged), minor < 7 ? 3 : 6);
		assert_false(damaged);

		if (minor == 12) {
			memset(world.words, 0, sizeof(world.words));
			put(&world, object, layout->asyncio_free_list, links[0]);
			for (int i = 0; i < 3; i++)
				put(&world, links[i], layout->future_iterator_future, next[i]);
			assert_in_range(visit_by(&world, asyncio_free_list_references, object, &damaged), 3, 8);
			assert_true(damaged);
		}
		free_world(&world);
	}
}

/* Lengths that the memory does not hold. */
static void test_lengths(void **state)
{
	(void)state;
	static struct world world;
	const uint64_t object = MEMORY_START + 0x100, memo = MEMORY_START + 0x1000, items = MEMORY_START + MEMORY_SIZE - 32;
	static const int64_t lengths[] = { -1, 5, 1 << 20, INT64_C(1) << 60, INT64_MAX, INT64_MIN };
	bool damaged;
	for (unsigned int minor = 6; minor <= 15; minor++) {
		make_empty_world(&world, minor);
		const struct layout *layout = &world.cpython.layout;
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			uint64_t length = (uint64_t)lengths[i];
			put(&world, object, layout->unpickler_memo, items);
			put(&world, object, layout->unpickler_memo_size, length);
			assert_in_range(visit_by(&world, unpickler_memo_references, object, &damaged), 0, 4);
			assert_true(damaged);
			put(&world, object, layout->pickler_memo, memo);
			put(&world, memo, layout->pickler_memo_table, items);
			put(&world, memo, layout->pickler_memo_allocated, length);
			assert_in_range(visit_by(&world, pickler_memo_references, object, &damaged), 0, 4);
			assert_true(damaged);
			memset(world.words, 0, sizeof(world.words));
			if (layout->simple_queue_ring_items == LAYOUT_ABSENT)
				continue;
			put(&world, object, layout->simple_queue_ring_items, items);
			put(&world, object, layout->simple_queue_ring_count, length);
			put(&world, object, layout->simple_queue_capacity, length);
			assert_in_range(visit_by(&world, queue_ring_references, object, &damaged), 0, 4);
			assert_true(damaged);
			memset(world.words, 0, sizeof(world.words));
		}
		free_world(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_circles),
		cmocka_unit_test(test_linked_in_circles),
		cmocka_unit_test(test_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
