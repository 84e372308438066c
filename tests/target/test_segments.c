/* SPDX-License-Identifier: MIT */
/*
 * test_segments.c - putting address spaces together, against doing so address by address.
 */
#include "subject.h"

#include "target/segments.h"

enum { SPACE = 64 };

static const uint8_t top_bytes[SPACE], below_bytes[SPACE];

static uint64_t random_state = 1;

static uint64_t random_below(uint64_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (random_state >> 33) % limit;
}

/* Adds a few runs of random addresses; the byte of an address lies at the same place in @bytes. */
static void add_random(struct segments *segments, const uint8_t *bytes)
{
	for (size_t i = random_below(6); i-- > 0;) {
		uint64_t start = random_below(SPACE), end = start + random_below(SPACE - start + 1);
		struct target_segment segment = {
			.start = start, .end = end, .data = bytes + start, .image = -1
		};
		assert_no_error(segments_add(segments, &segment));
	}
}

static void assert_sorted(const struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++) {
		assert_true(segments->items[i].start < segments->items[i].end);
		assert_true(!i || segments->items[i - 1].end <= segments->items[i].start);
	}
}

/* Where the list has the byte of @address, by looking at every segment. */
static const uint8_t *look_up(const struct segments *segments, uint64_t address)
{
	for (size_t i = 0; i < segments->count; i++)
		if (address >= segments->items[i].start && address < segments->items[i].end)
			return segments->items[i].data + (address - segments->items[i].start);
	return NULL;
}

static void test_sort_and_overlay(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct segments top SEGMENTS_AUTO = { 0 }, below SEGMENTS_AUTO = { 0 },
				    both SEGMENTS_AUTO = { 0 };
		bool had[SPACE];
		add_random(&top, top_bytes);
		add_random(&below, below_bytes);
		for (uint64_t at = 0; at < SPACE; at++)
			had[at] = look_up(&top, at);
		segments_sort(&top);
		segments_sort(&below);
		assert_sorted(&top);
		assert_sorted(&below);
		assert_no_error(segments_overlay(&top, &below, &both));
		assert_sorted(&both);
		for (int joined = 0; joined < 2; joined++) {
			for (uint64_t at = 0; at < SPACE; at++) {
				const uint8_t *in_top = look_up(&top, at);
				assert_true(had[at] == (in_top == top_bytes + at));
				const uint8_t *expected = in_top ? in_top : look_up(&below, at);
				assert_ptr_equal(look_up(&both, at), expected);
				const struct target_segment *found =
					segments_find(both.items, both.count, at);
				assert_true(!found == !expected);
				assert_true(!found || found->data + (at - found->start) == expected);
			}
			segments_join(&both);
			assert_sorted(&both);
		}
		for (size_t i = 1; i < both.count; i++)
			assert_false(both.items[i - 1].end == both.items[i].start &&
				     both.items[i - 1].data +
						     (both.items[i].start - both.items[i - 1].start) ==
					     both.items[i].data);
	}
}

/* Neighbours that differ in anything stay apart. */
static void test_join(void **state)
{
	(void)state;
	static const struct target_segment second[] = {
		{ .start = 11, .end = 20, .data = top_bytes + 10, .image = -1 },
		{ .start = 10, .end = 20, .data = top_bytes + 11, .image = -1 },
		{ .start = 10, .end = 20, .data = top_bytes + 10, .image = 0 },
		{ .start = 10, .end = 20, .data = top_bytes + 10, .image = -1, .writable = true },
		{ .start = 10, .end = 20, .data = top_bytes + 10, .image = -1, .readable = true },
		{ .start = 10, .end = 20, .data = top_bytes + 10, .image = -1, .executable = true },
		{ .start = 10, .end = 20, .data = NULL, .image = -1 },
		{ .start = 10, .end = 20, .data = NULL, .image = -1, .loss = SEGMENT_CUT_OFF },
		{ .start = 10, .end = 20, .data = top_bytes + 10, .image = -1 }, /* the one that continues */
	};
	for (size_t i = 0; i < sizeof(second) / sizeof(*second); i++) {
		struct segments segments SEGMENTS_AUTO = { 0 };
		struct target_segment first = { .start = 0, .end = 10, .data = top_bytes, .image = -1 };
		assert_no_error(segments_add(&segments, &first));
		assert_no_error(segments_add(&segments, &second[i]));
		segments_join(&segments);
		assert_int_equal(segments.count, i + 1 < sizeof(second) / sizeof(*second) ? 2 : 1);
	}
}

static void test_extremes(void **state)
{
	(void)state;
	struct segments segments SEGMENTS_AUTO = { 0 }, empty = { 0 }, result SEGMENTS_AUTO = { 0 };
	struct target_segment all = { .start = 0, .end = UINT64_MAX, .image = -1 };
	struct target_segment none = { .start = 5, .end = 5, .image = -1 };
	struct target_segment backward = { .start = 5, .end = 4, .image = -1 };
	assert_no_error(segments_add(&segments, &none));
	assert_no_error(segments_add(&segments, &backward));
	assert_int_equal(segments.count, 0);
	assert_int_equal(segments_sort(&segments), 0);
	assert_null(segments_find(segments.items, 0, 0));
	assert_no_error(segments_add(&segments, &all));
	assert_no_error(segments_add(&segments, &all));
	assert_int_equal(segments_sort(&segments), 1);
	assert_int_equal(segments.count, 1);
	assert_no_error(segments_overlay(&empty, &segments, &result));
	assert_int_equal(result.count, 1);
	assert_non_null(segments_find(result.items, 1, UINT64_MAX - 1));
	assert_null(segments_find(result.items, 1, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort_and_overlay),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
