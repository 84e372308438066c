/* SPDX-License-Identifier: MIT */
/*
 * test_endless.c - lists and trees behind objects of C modules: whole ones give all that they have, and those
 * without an end, or with impossible numbers, are told as damage after a bounded number of references.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/cpython/references.h"

enum {
	START = 0x10000,
	WORDS = 0x8000,
	END = START + WORDS * 8,
	OBJECT = START + 0x1000,
	NODES = START + 0x4000, /* NODE_SIZE bytes each */
	NODE_SIZE = 0x80,
	NODE_COUNT = 1000,
	TARGET = START + 0x100,
};

struct world {
	uint64_t words[WORDS];
	struct target_segment segment;
	struct inspect_target target;
	struct cpython cpython;
	struct cpython_type type;
	struct runtime_references references;
	struct visit visit;
};

static struct world world;

static void put(uint64_t address, int32_t offset, uint64_t value)
{
	assert_int_not_equal(offset, LAYOUT_ABSENT);
	assert_in_range(address + (uint64_t)offset, START, END - sizeof(value));
	memcpy((char *)world.words + (address + (uint64_t)offset - START), &value, sizeof(value));
}

static uint64_t node(unsigned int number)
{
	return NODES + (uint64_t)number * NODE_SIZE;
}

static void make_world(uint32_t version)
{
	const struct layout_table *table;
	runtime_references_deinit(&world.references);
	world = (struct world){
		.segment = { .start = START, .end = END, .data = (const uint8_t *)world.words, .image = -1,
			     .readable = true },
		.target = { .name = (char *)"made up", .segments = &world.segment, .segment_count = 1,
			    .main_image = -1, .machine = EM_X86_64 },
		.cpython = { .target = &world.target, .version = version },
		.visit = { .cpython = &world.cpython, .layout = &world.cpython.layout,
			   .references = &world.references, .type = &world.type, .address = OBJECT },
	};
	assert_int_equal(layout_candidates(version, LAYOUT_RELEASE, EM_X86_64, &table, 1), 1);
	layout_table_read(table, &world.cpython.layout);
}

/* Calls @function; the number of references must be @count, and the damage as said. */
static void expect(visit_fn *function, size_t count, bool damaged)
{
	static const struct reference_step step = { .kind = STEP_FUNCTION };
	function(&world.visit, &step);
	assert_false(world.visit.no_memory);
	assert_int_equal(world.visit.damaged, damaged);
	assert_int_equal(world.references.count, count);
}

/* The same where any number up to @limit will do. */
static void expect_damage(visit_fn *function, size_t limit)
{
	static const struct reference_step step = { .kind = STEP_FUNCTION };
	function(&world.visit, &step);
	assert_true(world.visit.damaged);
	assert_in_range(world.references.count, 0, limit);
}

/* ---- sqlite3: the list of cached statements, until 3.10 ---- */

static void make_cache(unsigned int count)
{
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030800f0);
	put(OBJECT, layout->sqlite_cache_first, node(0));
	for (unsigned int i = 0; i < count; i++)
		put(node(i), layout->sqlite_node_next, i + 1 < count ? node(i + 1) : 0);
}

static void test_cache(void **state)
{
	(void)state;
	make_cache(NODE_COUNT);
	expect(sqlite_cache_references, NODE_COUNT, false);
	for (unsigned int back = 0; back < 10; back++) {
		make_cache(10);
		put(node(9), world.cpython.layout.sqlite_node_next, node(back));
		expect_damage(sqlite_cache_references, 100);
	}
	make_cache(3);
	put(node(2), world.cpython.layout.sqlite_node_next, END + 8);
	expect(sqlite_cache_references, 4, true);
}

/* ---- _lsprof: the tree of functions ---- */

/* A tree as deep as it has nodes. */
static void make_tree(unsigned int count)
{
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030d00f0);
	put(OBJECT, layout->profiler_entries, node(0));
	for (unsigned int i = 0; i < count; i++) {
		put(node(i), layout->profiler_node_key, 100 + i);
		put(node(i), layout->profiler_node_right, i + 1 < count ? node(i + 1) : 0);
		put(node(i), layout->profiler_entry_function, TARGET);
	}
}

static void test_tree(void **state)
{
	(void)state;
	make_tree(NODE_COUNT);
	expect(profiler_references, NODE_COUNT, false);
	for (unsigned int back = 0; back < 10; back++) {
		make_tree(10);
		put(node(9), world.cpython.layout.profiler_node_right, node(back));
		expect(profiler_references, 10, true);
		make_tree(10);
		put(node(5), world.cpython.layout.profiler_node_left, node(back));
		expect_damage(profiler_references, 20);
	}
}

/* ---- _zoneinfo: the cache of zones, and the kinds of local time of a zone ---- */

static void make_zones(unsigned int count)
{
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030d00f0);
	put(OBJECT, layout->zoneinfo_state_cache, node(0));
	for (unsigned int i = 0; i < count; i++) {
		put(node(i), layout->zoneinfo_cache_key, TARGET);
		put(node(i), layout->zoneinfo_cache_zone, TARGET);
		put(node(i), layout->zoneinfo_cache_next, i + 1 < count ? node(i + 1) : 0);
	}
}

static void test_zones(void **state)
{
	(void)state;
	make_zones(8);
	expect(zoneinfo_state_references, 16, false);
	make_zones(8);
	put(node(7), world.cpython.layout.zoneinfo_cache_next, node(2));
	expect_damage(zoneinfo_state_references, 2000);
	make_zones(1);
	put(OBJECT, world.cpython.layout.zoneinfo_kinds, NODES);
	put(OBJECT, world.cpython.layout.zoneinfo_kind_count, UINT64_MAX);
	expect_damage(zoneinfo_references, 6);
}

/* ---- elements: as many children as no memory holds; text with the bit of a list ---- */

static void test_element(void **state)
{
	(void)state;
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030d00f0);
	put(OBJECT, layout->element_text, TARGET | 1);
	put(OBJECT, layout->element_extra, node(0));
	put(node(0), layout->element_extra_attrib, TARGET);
	put(node(0), layout->element_extra_children, node(1));
	put(node(0), layout->element_extra_length, 2);
	put(node(1), 0, TARGET);
	put(node(1), 8, TARGET);
	expect(element_references, 4, false);
	assert_int_equal(world.references.items[0], TARGET);
	put(node(0), layout->element_extra_length, UINT64_MAX / 16);
	expect_damage(element_references, 4 + 4 + WORDS);
	world.references.count = 0;
	put(node(0), layout->element_extra_length, (uint64_t)-1);
	expect_damage(element_references, 2);
}

static void test_element_iterator(void **state)
{
	(void)state;
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030d00f0);
	put(OBJECT, layout->element_iterator_parents, NODES);
	put(OBJECT, layout->element_iterator_used, 2);
	put(NODES, layout->element_iterator_parent, TARGET);
	expect(element_iterator_references, 1, false);
	put(OBJECT, layout->element_iterator_used, UINT64_C(1) << 62);
	expect_damage(element_iterator_references, 1);
	world.visit.damaged = false;
	put(OBJECT, layout->element_iterator_used, 1 << 27);
	expect_damage(element_iterator_references, 1 + WORDS);
}

/* ---- templates of re, arrays of _testbuffer ---- */

static void test_counts(void **state)
{
	(void)state;
	const struct layout *layout = &world.cpython.layout;
	make_world(0x030d00f0);
	put(OBJECT, layout->var_size, 3);
	put(OBJECT, layout->template_item_literal, TARGET);
	put(OBJECT, layout->template_item_next, TARGET);
	expect(template_references, 2, false);
	put(OBJECT, layout->var_size, UINT64_C(1) << 40);
	expect_damage(template_references, 2);
	make_world(0x030d00f0);
	put(OBJECT, layout->test_array_first, node(0));
	put(node(0), layout->test_array_next, node(0));
	put(node(0), layout->test_array_object, TARGET);
	expect_damage(test_array_references, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_element),
		cmocka_unit_test(test_element_iterator),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
