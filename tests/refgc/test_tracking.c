/* SPDX-License-Identifier: MIT */
/*
 * test_tracking.c - which containers the collector sees.
 */
#include "support.h"

static void test_born_tracked(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	const struct refgc_type *class = refgc_class_create(runtime, "Class", NULL, NULL);
	struct refgc_object *instance = refgc_instance_create(runtime, class);
	struct refgc_object *tracked[] = {
		instance,
		refgc_list_create(runtime),
		refgc_set_create(runtime),
		refgc_cell_create(runtime, NULL),
		refgc_tuple_create(runtime, NULL, 0),
		refgc_module_create(runtime, "module"),
		refgc_function_create(runtime, "function", call_and_tell, NULL),
		refgc_weakref_create(runtime, instance, NULL),
	};
	struct refgc_object *untracked[] = {
		refgc_dict_create(runtime), refgc_int_create(runtime, 1), refgc_str_create(runtime, "text"),
	};
	for (size_t i = 0; i < sizeof(tracked) / sizeof(*tracked); i++) {
		assert_int_equal(generation_of(runtime, tracked[i]), 0);
		assert_true(refgc_is_tracked(tracked[i]));
	}
	for (size_t i = 0; i < sizeof(untracked) / sizeof(*untracked); i++)
		assert_false(refgc_is_tracked(untracked[i]));
	for (size_t i = sizeof(tracked) / sizeof(*tracked); i-- > 0;)
		refgc_release(runtime, tracked[i]);
	for (size_t i = 0; i < sizeof(untracked) / sizeof(*untracked); i++)
		refgc_release(runtime, untracked[i]);
	runtime_end(runtime);
}

/* A collection of any generation untracks tuples of atoms, and then tuples of those. */
static void test_tuples(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *atom = refgc_int_create(runtime, 1), *dict = refgc_dict_create(runtime);
	struct refgc_object *inner = refgc_tuple_create(runtime, &atom, 1);
	struct refgc_object *outer = refgc_tuple_create(runtime, &inner, 1);
	struct refgc_object *of_dict = refgc_tuple_create(runtime, &dict, 1);
	refgc_collect(runtime, 0);
	assert_false(refgc_is_tracked(inner));
	refgc_collect(runtime, 1);
	assert_false(refgc_is_tracked(outer));
	refgc_collect(runtime, 2);
	assert_true(refgc_is_tracked(of_dict)); /* the dict may be tracked one day */
	struct refgc_object *all[] = {atom, dict, inner, outer, of_dict};
	for (size_t i = 0; i < 5; i++)
		refgc_release(runtime, all[i]);
	runtime_end(runtime);
}

/* Tracked when a container comes in, untracked by a full collection when none is there any more. */
static void test_dicts(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *dict = refgc_dict_create(runtime), *key = refgc_str_create(runtime, "key"),
			    *list = refgc_list_create(runtime);
	struct refgc_object *tuple_key = refgc_tuple_create(runtime, &key, 1);
	refgc_collect(runtime, 2);
	assert_false(refgc_is_tracked(tuple_key));
	assert_true(refgc_dict_set(runtime, dict, key, key));
	assert_true(refgc_dict_set(runtime, dict, tuple_key, tuple_key));
	assert_false(refgc_is_tracked(dict));
	assert_true(refgc_dict_set(runtime, dict, key, list));
	assert_int_equal(generation_of(runtime, dict), 0);
	assert_true(refgc_dict_set(runtime, dict, key, key));
	refgc_collect(runtime, 0);
	refgc_collect(runtime, 1);
	assert_int_equal(generation_of(runtime, dict), 2);
	refgc_collect(runtime, 2);
	assert_false(refgc_is_tracked(dict));
	assert_true(refgc_dict_set(runtime, dict, key, list));
	refgc_collect(runtime, 2);
	assert_true(refgc_is_tracked(dict));
	assert_true(refgc_dict_delete(runtime, dict, key));
	refgc_collect(runtime, 2);
	assert_false(refgc_is_tracked(dict));
	assert_true(refgc_dict_set(runtime, dict, key, list));
	assert_true(refgc_dict_delete(runtime, dict, key));
	struct refgc_object *cell = refgc_cell_create(runtime, NULL);
	assert_true(refgc_dict_set(runtime, dict, cell, key));
	refgc_release(runtime, cell);
	refgc_collect(runtime, 2);
	assert_true(refgc_is_tracked(dict)); /* for its key */
	struct refgc_object *all[] = {dict, key, list, tuple_key};
	for (size_t i = 0; i < 4; i++)
		refgc_release(runtime, all[i]);
	runtime_end(runtime);
}

/* References from what is not tracked are not subtracted: the cycle is kept. */
static void test_untracked_holds(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime);
	struct refgc_object *tuple = refgc_tuple_create(runtime, &list, 1);
	append(runtime, list, tuple);
	refgc_untrack(tuple);
	refgc_untrack(tuple);
	refgc_release(runtime, list);
	refgc_release(runtime, tuple);
	assert_int_equal(refgc_collect(runtime, 2), 0);
	refgc_track(runtime, tuple);
	struct refgc_object *behind = refgc_list_create(runtime);
	refgc_track(runtime, tuple);
	assert_int_equal(generation_size(runtime, 0), 2);
	refgc_release(runtime, behind);
	assert_int_equal(generation_size(runtime, 0), 1);
	assert_int_equal(refgc_collect(runtime, 2), 2);
	runtime_end(runtime);
}

/* What is untracked has not survived: it does not count when the next full collection is due. */
static void test_untracked_are_no_survivors(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *all = refgc_list_create(runtime), *atom = refgc_int_create(runtime, 1);
	struct refgc_object *list = refgc_list_create(runtime);
	for (int i = 0; i < 200; i++) { /* all of which will be untracked: tuples by any collection */
		struct refgc_object *tuple = refgc_tuple_create(runtime, &atom, 1),
				    *dict = refgc_dict_create(runtime);
		assert_true(refgc_dict_set(runtime, dict, atom, list));
		assert_true(refgc_dict_set(runtime, dict, atom, atom));
		append(runtime, all, tuple);
		append(runtime, all, dict);
		refgc_release(runtime, tuple);
		refgc_release(runtime, dict);
	}
	refgc_collect(runtime, 2);
	assert_int_equal(generation_size(runtime, 2), 2);
	/* Two live long: nothing new is needed for a full collection. */
	refgc_threshold_set(runtime, 0, 1);
	refgc_threshold_set(runtime, 2, 0);
	refgc_collect(runtime, 1);
	refgc_enable(runtime, true);
	for (int i = 0; i < 2; i++) {
		struct refgc_object *cell = refgc_cell_create(runtime, NULL);
		append(runtime, all, cell);
		refgc_release(runtime, cell);
	}
	assert_int_equal(refgc_stats(runtime, 2).collections, 2);
	refgc_enable(runtime, false);
	struct refgc_object *objects[] = {all, atom, list};
	for (size_t i = 0; i < 3; i++)
		refgc_release(runtime, objects[i]);
	runtime_end(runtime);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_born_tracked),
		cmocka_unit_test(test_tuples),
		cmocka_unit_test(test_dicts),
		cmocka_unit_test(test_untracked_holds),
		cmocka_unit_test(test_untracked_are_no_survivors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
