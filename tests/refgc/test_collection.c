/* SPDX-License-Identifier: MIT */
/*
 * test_collection.c - what a collection frees and keeps, and when there is one.
 */
#include "support.h"

static void test_cycles_are_freed(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *self_dict = refgc_dict_create(runtime),
			    *self_key = refgc_str_create(runtime, "self");
	assert_true(refgc_dict_set(runtime, self_dict, self_key, self_dict));
	refgc_release(runtime, self_dict);
	refgc_release(runtime, self_key);
	self_list(runtime);
	struct refgc_object *a = refgc_list_create(runtime), *cell = refgc_cell_create(runtime, a),
			    *dict = refgc_dict_create(runtime), *key = refgc_str_create(runtime, "key"),
			    *tuple = refgc_tuple_create(runtime, &dict, 1);
	append(runtime, a, tuple);
	assert_true(refgc_dict_set(runtime, dict, key, cell));
	struct refgc_object *all[] = {a, cell, dict, key, tuple};
	for (size_t i = 0; i < 5; i++)
		refgc_release(runtime, all[i]);
	assert_int_equal(told.freed, 0);
	assert_int_equal(refgc_collect(runtime, 0), 6);
	assert_int_equal(told.freed, 8); /* and the keys */
	assert_int_equal(refgc_collect(runtime, 2), 0);
	runtime_end(runtime);
}

/* Two cycles; one is held from outside, and everything that it leads to. */
static void test_reachable_is_kept(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *lists[6];
	for (size_t i = 0; i < 6; i++)
		lists[i] = refgc_list_create(runtime);
	append(runtime, lists[5], lists[4]); /* the one held comes last: those before it are found late */
	append(runtime, lists[4], lists[3]);
	append(runtime, lists[3], lists[5]);
	append(runtime, lists[3], lists[0]);
	append(runtime, lists[0], lists[0]);
	append(runtime, lists[1], lists[2]);
	append(runtime, lists[2], lists[1]);
	append(runtime, lists[1], lists[0]); /* the garbage refers to the living */
	for (size_t i = 0; i < 5; i++)
		refgc_release(runtime, lists[i]);
	assert_int_equal(refgc_collect(runtime, 2), 2);
	assert_int_equal(told.freed, 2);
	assert_int_equal(lists[0]->refcount, 2);
	assert_int_equal(generation_size(runtime, 2), 4);
	assert_int_equal(refgc_list_count(lists[3]), 2);
	refgc_release(runtime, lists[5]);
	assert_int_equal(refgc_collect(runtime, 2), 4);
	runtime_end(runtime);
}

/* A reference counts each time: an object that is held once more than its cycle holds it lives. */
static void test_counts_are_exact(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime);
	for (int i = 0; i < 1000; i++)
		append(runtime, list, list);
	assert_int_equal(list->refcount, 1001);
	assert_int_equal(refgc_collect(runtime, 2), 0);
	refgc_release(runtime, list);
	assert_int_equal(refgc_collect(runtime, 2), 1);
	runtime_end(runtime);
}

/* Survivors grow older; what is older than the generation collected is not looked at. */
static void test_generations(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime);
	append(runtime, list, list);
	assert_int_equal(generation_of(runtime, list), 0);
	for (unsigned int i = 0; i < 2; i++) {
		refgc_collect(runtime, i);
		assert_int_equal(generation_of(runtime, list), i + 1);
	}
	refgc_collect(runtime, 2);
	assert_int_equal(generation_of(runtime, list), 2);
	struct refgc_object *young = refgc_list_create(runtime);
	refgc_collect(runtime, 1); /* 0 with it */
	assert_int_equal(generation_of(runtime, young), 2);
	refgc_release(runtime, young);
	refgc_release(runtime, list);
	assert_int_equal(refgc_collect(runtime, 0), 0);
	assert_int_equal(refgc_collect(runtime, 1), 0);
	assert_int_equal(refgc_collect(runtime, 3), 0); /* there is none */
	assert_int_equal(told.freed, 1);
	assert_int_equal(refgc_collect(runtime, 2), 1);
	runtime_end(runtime);
}

/* Objects that only something older holds are alive, though that may be garbage. */
static void test_older_holds(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *old = refgc_list_create(runtime);
	append(runtime, old, old);
	refgc_collect(runtime, 0);
	struct refgc_object *young = refgc_list_create(runtime);
	append(runtime, old, young);
	refgc_release(runtime, young);
	refgc_release(runtime, old);
	assert_int_equal(refgc_collect(runtime, 0), 0);
	assert_int_equal(generation_of(runtime, young), 1);
	assert_int_equal(refgc_collect(runtime, 1), 2);
	runtime_end(runtime);
}

/* Whatever the young refer to, a collection of them leaves the lists of the older alone. */
static void test_young_refers_to_older(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *old[3], *young = refgc_list_create(runtime);
	for (size_t i = 0; i < 3; i++)
		old[i] = refgc_list_create(runtime);
	append(runtime, young, young);
	refgc_collect(runtime, 1);
	for (int i = 0; i < 100; i++)
		append(runtime, young, old[1]);
	struct refgc_object *youngest = refgc_list_create(runtime);
	append(runtime, youngest, old[1]);
	append(runtime, youngest, youngest);
	refgc_release(runtime, youngest);
	assert_int_equal(refgc_collect(runtime, 0), 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(generation_of(runtime, old[i]), 2);
	for (size_t i = 0; i < 3; i++)
		refgc_release(runtime, old[i]); /* each leaves its list by both its links */
	assert_int_equal(generation_size(runtime, 2), 2);
	refgc_release(runtime, young);
	assert_int_equal(refgc_collect(runtime, 2), 2);
	runtime_end(runtime);
}

static void test_counts(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *lists[10];
	for (size_t i = 0; i < 10; i++)
		lists[i] = refgc_list_create(runtime);
	refgc_release(runtime, refgc_int_create(runtime, 1)); /* atoms do not count */
	struct refgc_object *atom = refgc_int_create(runtime, 2);
	assert_int_equal(refgc_count(runtime, 0), 10);
	refgc_release(runtime, lists[9]);
	assert_int_equal(refgc_count(runtime, 0), 9);
	refgc_collect(runtime, 0);
	assert_int_equal(refgc_count(runtime, 0), 0);
	assert_int_equal(refgc_count(runtime, 1), 1);
	refgc_release(runtime, lists[8]);
	assert_int_equal(refgc_count(runtime, 0), 0); /* never below */
	refgc_collect(runtime, 0);
	refgc_collect(runtime, 1);
	assert_int_equal(refgc_count(runtime, 1), 0);
	assert_int_equal(refgc_count(runtime, 2), 1);
	struct refgc_object *cell = refgc_cell_create(runtime, atom);
	refgc_collect(runtime, 2);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(refgc_count(runtime, i), 0);
	refgc_release(runtime, cell);
	refgc_release(runtime, atom);
	for (size_t i = 0; i < 8; i++)
		refgc_release(runtime, lists[i]);
	runtime_end(runtime);
}

static void test_stats(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	self_list(runtime);
	self_list(runtime);
	refgc_collect(runtime, 1);
	refgc_collect(runtime, 1);
	assert_int_equal(refgc_stats(runtime, 1).collections, 2);
	assert_int_equal(refgc_stats(runtime, 1).collected, 2);
	assert_int_equal(refgc_stats(runtime, 1).uncollectable, 0);
	assert_int_equal(refgc_stats(runtime, 0).collections, 0);
	runtime_end(runtime);
}

/* ---- by itself ---- */

static void test_defaults(void **state)
{
	(void)state;
	struct refgc_runtime *runtime = refgc_runtime_create(NULL);
	assert_true(refgc_is_enabled(runtime));
	assert_int_equal(refgc_threshold(runtime, 0), 700);
	assert_int_equal(refgc_threshold(runtime, 1), 10);
	assert_int_equal(refgc_threshold(runtime, 2), 10);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(refgc_count(runtime, i), 0);
	runtime_end(runtime);
}

static void make_lists(struct refgc_runtime *runtime, struct refgc_object *into, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct refgc_object *list = refgc_list_create(runtime);
		append(runtime, into, list);
		refgc_release(runtime, list);
	}
}

/* The allocation that exceeds the threshold collects, and is not in a generation then. */
static void test_allocation_collects(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	refgc_enable(runtime, true);
	struct refgc_object *all = refgc_list_create(runtime);
	make_lists(runtime, all, 699);
	assert_int_equal(refgc_stats(runtime, 0).collections, 0);
	assert_int_equal(refgc_count(runtime, 0), 700);
	make_lists(runtime, all, 1);
	assert_int_equal(refgc_stats(runtime, 0).collections, 1);
	assert_int_equal(refgc_count(runtime, 0), 0);
	assert_int_equal(generation_size(runtime, 0), 1);
	assert_int_equal(generation_size(runtime, 1), 700);
	refgc_release(runtime, all);
	runtime_end(runtime);
}

/* Each time the oldest generation that is due, the younger ones with it. */
static void test_thresholds(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	refgc_enable(runtime, true);
	refgc_threshold_set(runtime, 0, 10);
	refgc_threshold_set(runtime, 1, 2);
	refgc_threshold_set(runtime, 2, 1);
	struct refgc_object *all = refgc_list_create(runtime);
	make_lists(runtime, all, 10); /* and `all` */
	assert_int_equal(refgc_stats(runtime, 0).collections, 1);
	make_lists(runtime, all, 22);
	assert_int_equal(refgc_stats(runtime, 0).collections, 3);
	assert_int_equal(refgc_stats(runtime, 1).collections, 0);
	make_lists(runtime, all, 11);
	assert_int_equal(refgc_stats(runtime, 0).collections, 3);
	assert_int_equal(refgc_stats(runtime, 1).collections, 1);
	assert_int_equal(refgc_count(runtime, 2), 1);
	make_lists(runtime, all, 44);
	assert_int_equal(refgc_stats(runtime, 1).collections, 2);
	assert_int_equal(refgc_stats(runtime, 2).collections, 0);
	make_lists(runtime, all, 11);
	assert_int_equal(refgc_stats(runtime, 2).collections, 1);
	refgc_release(runtime, all);
	runtime_end(runtime);
}

static void test_threshold_zero_and_disable(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *all = refgc_list_create(runtime);
	make_lists(runtime, all, 2000);
	refgc_threshold_set(runtime, 0, 0);
	refgc_enable(runtime, true);
	make_lists(runtime, all, 2000);
	assert_int_equal(refgc_stats(runtime, 0).collections, 0);
	assert_int_equal(refgc_count(runtime, 0), 4001);
	refgc_enable(runtime, false);
	refgc_threshold_set(runtime, 0, 1);
	make_lists(runtime, all, 1);
	assert_int_equal(refgc_stats(runtime, 0).collections, 0);
	refgc_release(runtime, all);
	runtime_end(runtime);
}

/* A full collection waits until a quarter of what it would look at is new. */
static void test_long_lived_ratio(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *all = refgc_list_create(runtime);
	make_lists(runtime, all, 399);
	refgc_collect(runtime, 2); /* 400 live long */
	refgc_threshold_set(runtime, 0, 1000000);
	refgc_threshold_set(runtime, 1, 1000000);
	refgc_threshold_set(runtime, 2, 0);
	make_lists(runtime, all, 99);
	refgc_collect(runtime, 1); /* 99 are pending */
	refgc_threshold_set(runtime, 0, 1);
	refgc_enable(runtime, true);
	make_lists(runtime, all, 2); /* 2 > 1, but 99 < 100; it is generation 0 that is collected */
	assert_int_equal(refgc_stats(runtime, 2).collections, 1);
	assert_int_equal(refgc_stats(runtime, 0).collections, 1);
	refgc_collect(runtime, 1); /* 101 are pending: the last one is in no generation then */
	make_lists(runtime, all, 2);
	assert_int_equal(refgc_stats(runtime, 2).collections, 2);
	refgc_enable(runtime, false);

	/* Exactly a quarter is enough. */
	refgc_collect(runtime, 2);
	size_t total = generation_size(runtime, 2);
	make_lists(runtime, all, total / 4);
	refgc_collect(runtime, 1);
	refgc_enable(runtime, true);
	make_lists(runtime, all, 2);
	assert_int_equal(refgc_stats(runtime, 2).collections, 4);
	refgc_enable(runtime, false);

	/* Only those since then count. */
	make_lists(runtime, all, 5);
	refgc_collect(runtime, 1);
	refgc_enable(runtime, true);
	make_lists(runtime, all, 2);
	assert_int_equal(refgc_stats(runtime, 2).collections, 4);
	refgc_release(runtime, all);
	runtime_end(runtime);
}

/* ---- callbacks ---- */

struct seen {
	size_t begun, ended;
	struct refgc_collection last;
};

static void note(struct refgc_runtime *runtime, const struct refgc_collection *collection, void *context)
{
	struct seen *seen = context;
	*(collection->ended ? &seen->ended : &seen->begun) += 1;
	seen->last = *collection;
	assert_int_equal(refgc_collect(runtime, 2), 0); /* one at a time */
	refgc_release(runtime, refgc_list_create(runtime));
}

static void test_callbacks(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct seen seen = {0};
	assert_true(refgc_callback_add(runtime, note, &seen));
	self_list(runtime);
	refgc_threshold_set(runtime, 0, 1);
	refgc_enable(runtime, true);
	assert_int_equal(refgc_collect(runtime, 1), 1);
	assert_int_equal(seen.begun, 1);
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.last.generation, 1);
	assert_int_equal(seen.last.collected, 1);
	refgc_callback_remove(runtime, note, &seen);
	refgc_collect(runtime, 1);
	assert_int_equal(seen.begun, 1);
	runtime_end(runtime);
}

/* ---- the permanent generation, immortal objects ---- */

static void test_freeze(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	refgc_collect(runtime, 0);
	refgc_collect(runtime, 1);
	struct refgc_object *list = self_list(runtime);
	struct refgc_object *old = self_list(runtime);
	refgc_collect(runtime, 3);
	refgc_freeze(runtime);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(refgc_count(runtime, i), 0);
		assert_int_equal(generation_size(runtime, i), 0);
	}
	assert_int_equal(refgc_freeze_count(runtime), 2);
	assert_int_equal(generation_of(runtime, list), REFGC_GENERATIONS);
	assert_int_equal(generation_of(runtime, old), REFGC_GENERATIONS);
	assert_int_equal(refgc_collect(runtime, 2), 0);
	refgc_unfreeze(runtime);
	assert_int_equal(refgc_freeze_count(runtime), 0);
	assert_int_equal(generation_of(runtime, list), 2);
	assert_int_equal(refgc_collect(runtime, 2), 2);
	runtime_end(runtime);
}

/* Its count means nothing: it leaves the generations, and what it holds lives. */
static void test_immortal_container(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime), *held = refgc_list_create(runtime);
	struct refgc_object *after = self_list(runtime);
	append(runtime, list, held);
	append(runtime, held, list);
	assert_true(refgc_immortalize(runtime, list));
	refgc_release(runtime, held);
	(void)after;
	assert_int_equal(refgc_collect(runtime, 0), 1);
	assert_int_equal(generation_of(runtime, list), REFGC_GENERATIONS);
	assert_int_equal(generation_of(runtime, held), 1);
	assert_true(refgc_list_delete(runtime, list, 0));
	assert_int_equal(told.freed, 2);
	runtime_end(runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cycles_are_freed),
		cmocka_unit_test(test_reachable_is_kept),
		cmocka_unit_test(test_counts_are_exact),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_older_holds),
		cmocka_unit_test(test_young_refers_to_older),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_allocation_collects),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_threshold_zero_and_disable),
		cmocka_unit_test(test_long_lived_ratio),
		cmocka_unit_test(test_callbacks),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_immortal_container),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
