/* SPDX-License-Identifier: MIT */
/*
 * test_layout.c - choosing among the compiled-in layouts, and _Py_DebugOffsets that are damaged.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "runtime/cpython/layout.h"

enum {
	OFFSETS_ADDRESS = 0x5000,
	OFFSETS_SIZE = 1024,
	LARGEST = 1 << 20,
};

static struct layout best(uint32_t version, enum layout_flavour flavour, uint16_t machine)
{
	const struct layout_table *table;
	assert_int_equal(layout_candidates(version, flavour, machine, &table, 1), 1);
	struct layout layout;
	layout_table_read(table, &layout);
	return layout;
}

/* ---- the tables ---- */

static void test_tables_are_sound(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < layout_table_count; i++) {
		const struct layout_table *table = &layout_tables[i];
		assert_true(table->base < (int)i);
		assert_true(table->version <= table->last_version);
		assert_int_equal(table->version >> 16, table->last_version >> 16);
		assert_true(table->source[0]);
		for (unsigned int j = 0; j < table->change_count; j++)
			assert_true(table->changes[j].field < layout_field_count);
		struct layout layout;
		layout_table_read(table, &layout);
		for (unsigned int j = 0; j < layout_field_count; j++)
			assert_in_range(*layout_at(&layout, j) + 1, 0, LARGEST);
	}
}

/* A field that no interpreter has is misspelt, or layout.def is newer than the tables. */
static void test_every_field_is_somewhere(void **state)
{
	(void)state;
	bool found[layout_field_count];
	memset(found, 0, sizeof(found));
	for (unsigned int i = 0; i < layout_table_count; i++) {
		struct layout layout;
		layout_table_read(&layout_tables[i], &layout);
		for (unsigned int j = 0; j < layout_field_count; j++)
			found[j] |= *layout_at(&layout, j) != LAYOUT_ABSENT;
	}
	for (unsigned int i = 0; i < layout_field_count; i++)
		if (!found[i])
			fail_msg("no interpreter has %s: see tools/generate-layouts", layout_fields[i].name);
}

/* Each feature release has a release and a debug build; before 3.8 that one has Py_TRACE_REFS. */
static void test_every_release_is_there(void **state)
{
	(void)state;
	for (uint32_t minor = 6; minor <= 15; minor++) {
		uint32_t version = 0x03000000 | minor << 16;
		struct layout release = best(version, LAYOUT_RELEASE, EM_X86_64);
		assert_int_equal(release.object_refcnt, 0);
		assert_int_equal(release.object_type, 8);
		assert_int_equal(release.list_items, 24);
		struct layout debug = best(version, LAYOUT_DEBUG, EM_X86_64);
		assert_int_equal(debug.object_type, minor < 8 ? 24 : 8);
		assert_int_equal(debug.list_items, minor < 8 ? 40 : 24);
		assert_int_equal(debug.deque_maxlen, release.deque_maxlen + (minor < 8 ? 16 : 0));
		assert_int_equal(debug.size_of_deque_block, release.size_of_deque_block);
	}
}

static void test_nearest_release_first(void **state)
{
	(void)state;
	const struct layout_table *tables[64];
	unsigned int count = layout_candidates(0x030d07f0, LAYOUT_RELEASE, EM_X86_64, tables, 64);
	assert_true(count > 2);
	uint32_t last = 0;
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(tables[i]->version >> 16, 0x030d);
		assert_int_equal(tables[i]->flavour, LAYOUT_RELEASE);
		if (tables[i]->machine != EM_X86_64)
			break;
		uint32_t version = 0x030d07f0, first = tables[i]->version, end = tables[i]->last_version;
		uint32_t distance = version < first ? first - version : version > end ? version - end : 0;
		assert_true(distance >= last);
		last = distance;
	}
	assert_int_equal(layout_candidates(0x030d07f0, LAYOUT_RELEASE, EM_X86_64, tables, 1), 1);
	assert_int_equal(layout_candidates(0x030500f0, LAYOUT_RELEASE, EM_X86_64, tables, 64), 0);
	assert_int_equal(layout_candidates(0x031000f0, LAYOUT_RELEASE, EM_X86_64, tables, 64), 0);
}

static void test_own_machine_first(void **state)
{
	(void)state;
	const struct layout_table *tables[64];
	unsigned int count = layout_candidates(0x030e0af0, LAYOUT_RELEASE, EM_AARCH64, tables, 64);
	assert_true(count >= 2);
	assert_int_equal(tables[0]->machine, EM_AARCH64);
	assert_int_equal(tables[count - 1]->machine, EM_X86_64);
}

/* What moved between bug-fix releases: gh-148726 (the collector of 3.14.5), bpo-27987 (PyGC_Head of 3.7),
 * Debian's and upstream's alignment of 3.13. */
static void test_bug_fix_releases_differ(void **state)
{
	(void)state;
	for (uint32_t micro = 0; micro <= 9; micro++) {
		struct layout layout = best(0x030e00f0 | micro << 8, LAYOUT_RELEASE, EM_X86_64);
		assert_int_equal(layout.gc_young != LAYOUT_ABSENT, micro < 5);
		assert_int_equal(layout.gc_visited_space != LAYOUT_ABSENT, micro < 5);
		assert_int_equal(layout.gc_generations != LAYOUT_ABSENT, micro >= 5);
	}
	assert_int_equal(best(0x030700f0, LAYOUT_RELEASE, EM_X86_64).size_of_gc_head, 24);
	assert_int_equal(best(0x030710f0, LAYOUT_RELEASE, EM_X86_64).size_of_gc_head, 32);

	const struct layout_table *tables[64];
	unsigned int count = layout_candidates(0x030d05f0, LAYOUT_RELEASE, EM_X86_64, tables, 64);
	bool upstream = false, debian = false;
	for (unsigned int i = 0; i < count; i++) {
		struct layout layout;
		layout_table_read(tables[i], &layout);
		upstream |= layout.gc_generations == 24;
		debian |= layout.gc_generations == 20;
	}
	assert_true(upstream && debian);
}

/* ---- layout_complete() ---- */

static void test_complete_takes_whole_types(void **state)
{
	(void)state;
	struct layout table = best(0x030900f0, LAYOUT_RELEASE, EM_X86_64), layout;
	layout_init(&layout);
	layout.list_allocated = 400; /* known, and nothing else of PyListObject */
	layout_complete(&layout, &table);
	assert_int_equal(layout.list_allocated, 400);
	assert_int_equal(layout.list_items, LAYOUT_ABSENT);
	assert_int_equal(layout.array_allocated, table.array_allocated);
	assert_int_equal(layout.dict_used, table.dict_used);
}

/* ---- _Py_DebugOffsets ---- */

/* A target that has nothing but them, as 3.13 on x86-64 has them. */
struct offsets {
	uint8_t bytes[OFFSETS_SIZE];
	struct target_segment segment;
	struct inspect_target target;
	struct layout truth;
};

static void put(struct offsets *offsets, int32_t place, uint64_t value)
{
	assert_in_range(place, 0, OFFSETS_SIZE - sizeof(value));
	memcpy(offsets->bytes + place, &value, sizeof(value));
}

static void offsets_init(struct offsets *offsets, uint64_t version)
{
	memset(offsets, 0, sizeof(*offsets));
	offsets->segment = (struct target_segment){
		.start = OFFSETS_ADDRESS,
		.end = OFFSETS_ADDRESS + OFFSETS_SIZE,
		.data = offsets->bytes,
		.image = -1,
		.readable = true,
	};
	offsets->target.segments = &offsets->segment;
	offsets->target.segment_count = 1;
	offsets->target.machine = EM_X86_64;
	offsets->truth = best(0x030d00f0, LAYOUT_RELEASE, EM_X86_64);
	struct layout *truth = &offsets->truth;
	memcpy(offsets->bytes, "xdebugpy", 8);
	put(offsets, 8, version);
#define FIELD(name, types, members)
#define SIZE(name, types)
#define PUBLISHED(name, members) \
	if (truth->published_##name != LAYOUT_ABSENT) \
		put(offsets, truth->published_##name, truth->name);
#include "runtime/cpython/layout.def"
#undef FIELD
#undef SIZE
}

static struct inspect_error *read_offsets(struct offsets *offsets, struct layout *layout,
					  uint32_t *version_ret, bool *free_threaded_ret)
{
	layout_init(layout);
	return layout_from_debug_offsets(&offsets->target, OFFSETS_ADDRESS, layout, version_ret,
					 free_threaded_ret);
}

static void assert_refused(struct offsets *offsets, enum inspect_error_kind kind)
{
	struct layout layout;
	uint32_t version;
	bool free_threaded;
	struct inspect_error *error = read_offsets(offsets, &layout, &version, &free_threaded);
	assert_non_null(error);
	assert_int_equal(inspect_error_kind(error), kind);
	inspect_error_destroy(error);
	for (unsigned int i = 0; i < layout_field_count; i++)
		assert_int_equal(*layout_at(&layout, i), LAYOUT_ABSENT);
}

static void test_offsets(void **state)
{
	(void)state;
	struct offsets offsets;
	offsets_init(&offsets, 0x030d04f0);
	put(&offsets, offsets.truth.published_interpreter_gc, 7000); /* a build of its own */
	struct layout layout;
	uint32_t version;
	bool free_threaded;
	assert_null(read_offsets(&offsets, &layout, &version, &free_threaded));
	assert_int_equal(version, 0x030d04f0);
	assert_false(free_threaded);
	assert_int_equal(layout.interpreter_gc, 7000);
	assert_int_equal(layout.object_type, 8);
	assert_int_equal(layout.size_of_list, 40);
	assert_int_equal(layout.gc_generations, LAYOUT_ABSENT);

	put(&offsets, 16, 1);
	assert_null(read_offsets(&offsets, &layout, &version, &free_threaded));
	assert_true(free_threaded);
}

static void test_no_offsets(void **state)
{
	(void)state;
	struct offsets offsets;
	offsets_init(&offsets, 0x030d00f0);
	offsets.bytes[3] ^= 1;
	struct layout layout;
	uint32_t version;
	bool free_threaded;
	assert_null(read_offsets(&offsets, &layout, &version, &free_threaded));
	assert_int_equal(version, 0);
	assert_int_equal(layout.object_type, LAYOUT_ABSENT);
}

static void test_offsets_of_a_newer_release(void **state)
{
	(void)state;
	struct offsets offsets;
	offsets_init(&offsets, 0x031000f0);
	struct layout layout;
	uint32_t version;
	bool free_threaded;
	assert_null(read_offsets(&offsets, &layout, &version, &free_threaded));
	assert_int_equal(version, 0x031000f0);
	assert_int_equal(layout.object_type, LAYOUT_ABSENT);
}

static void test_damaged_offsets(void **state)
{
	(void)state;
	struct offsets offsets;
	offsets_init(&offsets, 0x4141414141414141);
	assert_refused(&offsets, INSPECT_ERROR_CORRUPT);
	offsets_init(&offsets, 0x030d00f0);
	put(&offsets, 16, 2);
	assert_refused(&offsets, INSPECT_ERROR_CORRUPT);
	offsets_init(&offsets, 0x030d00f0);
	put(&offsets, offsets.truth.published_gc_collecting, UINT64_MAX);
	assert_refused(&offsets, INSPECT_ERROR_CORRUPT);
	put(&offsets, offsets.truth.published_gc_collecting, offsets.truth.size_of_gc + 8);
	assert_refused(&offsets, INSPECT_ERROR_CORRUPT);
	offsets_init(&offsets, 0x030d00f0);
	put(&offsets, offsets.truth.published_size_of_type, 0);
	assert_refused(&offsets, INSPECT_ERROR_CORRUPT);
	offsets_init(&offsets, 0x030d00f0);
	offsets.segment.end = OFFSETS_ADDRESS + 100;
	assert_refused(&offsets, INSPECT_ERROR_UNREADABLE);
	offsets.segment.end = OFFSETS_ADDRESS + 4;
	assert_refused(&offsets, INSPECT_ERROR_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_are_sound),
		cmocka_unit_test(test_every_field_is_somewhere),
		cmocka_unit_test(test_every_release_is_there),
		cmocka_unit_test(test_nearest_release_first),
		cmocka_unit_test(test_own_machine_first),
		cmocka_unit_test(test_bug_fix_releases_differ),
		cmocka_unit_test(test_complete_takes_whole_types),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_no_offsets),
		cmocka_unit_test(test_offsets_of_a_newer_release),
		cmocka_unit_test(test_damaged_offsets),
	};
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
