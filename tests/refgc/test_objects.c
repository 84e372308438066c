/* SPDX-License-Identifier: MIT */
/*
 * test_objects.c - objects, their types, and reference counting.
 */
#include "support.h"

#include <pthread.h>

#include "runtime.h"

static void test_last_reference_frees(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *number = refgc_int_create(runtime, 42);
	assert_int_equal(number->refcount, 1);
	refgc_retain(number);
	assert_int_equal(number->refcount, 2);
	refgc_release(runtime, number);
	assert_int_equal(told.freed, 0);
	refgc_release(runtime, number);
	assert_int_equal(told.freed, 1);
	runtime_end(runtime);
}

/* Every kind of container holds what is in it, once for each time, and lets go when it dies. */
static void test_containers_hold(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *item = refgc_int_create(runtime, 1), *key = refgc_str_create(runtime, "key");
	const struct refgc_type *class = refgc_class_create(runtime, "Class", NULL, NULL);
	struct refgc_object *items[] = {item, item};
	struct refgc_object *list = refgc_list_create(runtime),
			    *tuple = refgc_tuple_create(runtime, items, 2),
			    *dict = refgc_dict_create(runtime), *set = refgc_set_create(runtime),
			    *instance = refgc_instance_create(runtime, class),
			    *cell = refgc_cell_create(runtime, item),
			    *module = refgc_module_create(runtime, "m");
	append(runtime, list, item);
	assert_true(refgc_dict_set(runtime, dict, key, item));
	assert_true(refgc_set_add(runtime, set, item));
	assert_true(refgc_attribute_set(runtime, instance, "a", item));
	assert_true(refgc_dict_set(runtime, refgc_module_dict(module), key, item));
	assert_int_equal(item->refcount, 1 + 2 + 1 + 1 + 1 + 1 + 1 + 1);
	assert_int_equal(key->refcount, 3);
	assert_string_equal(instance->type->name, "Class");
	struct refgc_object *all[] = {list, tuple, dict, set, instance, cell, module};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		assert_int_equal(all[i]->refcount, 1);
		refgc_release(runtime, all[i]);
	}
	assert_int_equal(item->refcount, 1);
	assert_int_equal(key->refcount, 1);
	refgc_release(runtime, item);
	refgc_release(runtime, key);
	runtime_end(runtime);
}

static void test_list(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime);
	for (int i = 0; i < 100; i++) {
		struct refgc_object *item = refgc_int_create(runtime, i);
		append(runtime, list, item);
		refgc_release(runtime, item);
	}
	assert_int_equal(refgc_list_count(list), 100);
	assert_true(refgc_list_delete(runtime, list, 10));
	assert_int_equal(told.freed, 1);
	assert_int_equal(refgc_int_value(refgc_list_item(list, 9)), 9);
	assert_int_equal(refgc_int_value(refgc_list_item(list, 10)), 11);
	assert_true(refgc_list_set(runtime, list, 0, refgc_list_item(list, 1)));
	assert_int_equal(told.freed, 2);
	assert_false(refgc_list_set(runtime, list, 99, list));
	assert_int_equal(refgc_error(runtime), REFGC_NO_INDEX);
	assert_null(refgc_list_item(list, 99));
	assert_false(refgc_dict_set(runtime, list, list, list));
	assert_int_equal(refgc_error(runtime), REFGC_WRONG_TYPE);
	refgc_release(runtime, list);
	runtime_end(runtime);
}

/* A thousand keys, every third taken out again, and those are new at the end. */
static void test_dict(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *dict = refgc_dict_create(runtime);
	enum { COUNT = 1000 };
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < COUNT; i++) {
			struct refgc_object *key = refgc_int_create(runtime, i);
			assert_true(refgc_dict_set(runtime, dict, key, key));
			refgc_release(runtime, key);
		}
		assert_int_equal(refgc_dict_count(dict), COUNT);
		for (int i = 0; i < COUNT; i += 3) {
			struct refgc_object *key = refgc_int_create(runtime, i);
			assert_true(refgc_dict_delete(runtime, dict, key));
			assert_false(refgc_dict_delete(runtime, dict, key));
			assert_int_equal(refgc_error(runtime), REFGC_NO_KEY);
			refgc_release(runtime, key);
		}
		for (int i = 0; i < COUNT; i++) {
			struct refgc_object *key = refgc_int_create(runtime, i);
			struct refgc_object *value = refgc_dict_get(runtime, dict, key);
			if (i % 3)
				assert_int_equal(refgc_int_value(value), i);
			else
				assert_null(value);
			refgc_release(runtime, key);
		}
	}
	refgc_release(runtime, dict);
	runtime_end(runtime);
}

static void add_and_release(struct refgc_runtime *runtime, struct refgc_object *set,
			    struct refgc_object *item)
{
	assert_true(refgc_set_add(runtime, set, item));
	refgc_release(runtime, item);
}

/* Equal atoms of one type are one element; those of different types are not. */
static void test_set_of_equals(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *set = refgc_set_create(runtime);
	for (int i = 0; i < 2; i++) {
		add_and_release(runtime, set, refgc_int_create(runtime, 5));
		add_and_release(runtime, set, refgc_float_create(runtime, 5));
		add_and_release(runtime, set, refgc_str_create(runtime, "5"));
		add_and_release(runtime, set, refgc_bytes_create(runtime, "5", 1));
		struct refgc_object *number = refgc_int_create(runtime, 5);
		add_and_release(runtime, set, refgc_tuple_create(runtime, &number, 1));
		refgc_release(runtime, number);
		add_and_release(runtime, set, refgc_cell_create(runtime, NULL)); /* by identity */
	}
	assert_int_equal(refgc_set_count(set), 7);
	struct refgc_object *list = refgc_list_create(runtime),
			    *tuple = refgc_tuple_create(runtime, &list, 1);
	assert_false(refgc_set_add(runtime, set, list));
	assert_int_equal(refgc_error(runtime), REFGC_UNHASHABLE);
	assert_false(refgc_set_add(runtime, set, tuple));
	refgc_release(runtime, list);
	refgc_release(runtime, tuple);
	refgc_release(runtime, set);
	runtime_end(runtime);
}

static void test_attributes(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	const struct refgc_type *class = refgc_class_create(runtime, "Class", NULL, NULL);
	struct refgc_object *instance = refgc_instance_create(runtime, class),
			    *one = refgc_int_create(runtime, 1);
	assert_null(refgc_attribute_get(runtime, instance, "x"));
	assert_true(refgc_attribute_set(runtime, instance, "x", one));
	assert_ptr_equal(refgc_attribute_get(runtime, instance, "x"), one);
	assert_true(refgc_attribute_delete(runtime, instance, "x"));
	assert_false(refgc_attribute_delete(runtime, instance, "x"));
	assert_false(refgc_attribute_set(runtime, one, "x", one));
	refgc_release(runtime, instance);
	refgc_release(runtime, one);
	runtime_end(runtime);
}

/* ---- deep structures ---- */

enum { DEEP = 1000000, SMALL_STACK = 128 << 10 };

struct chain {
	struct refgc_runtime *runtime;
	const struct refgc_type *class;
	char kind;
};

/* A chain of a million objects, freed by its end: on a small stack. */
static void *free_chain(void *context)
{
	struct chain *chain = context;
	struct refgc_runtime *runtime = chain->runtime;
	struct refgc_object *last = refgc_list_create(runtime), *key = refgc_str_create(runtime, "next");
	for (size_t i = 0; i < DEEP; i++) {
		struct refgc_object *next;
		if (chain->kind == 't') {
			next = refgc_tuple_create(runtime, &last, 1);
		} else if (chain->kind == 'd') {
			next = refgc_dict_create(runtime);
			refgc_dict_set(runtime, next, key, last);
		} else if (chain->kind == 'i') {
			next = refgc_instance_create(runtime, chain->class);
			refgc_attribute_set(runtime, next, "a", last);
		} else if (chain->kind == 'c') {
			next = refgc_cell_create(runtime, last);
		} else {
			next = refgc_list_create(runtime);
			refgc_list_append(runtime, next, last);
		}
		refgc_release(runtime, last);
		last = next;
	}
	refgc_release(runtime, key);
	refgc_release(runtime, last);
	return NULL;
}

static void test_deep_chains(void **state)
{
	(void)state;
	for (const char *kind = "ltdic"; *kind; kind++) {
		struct told told;
		struct refgc_runtime *runtime = runtime_new(&told);
		struct chain chain = {.runtime = runtime, .kind = *kind,
				      .class = refgc_class_create(runtime, "Class", finalize_and_tell, NULL)};
		pthread_attr_t attributes;
		pthread_t thread;
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, SMALL_STACK);
		assert_int_equal(pthread_create(&thread, &attributes, free_chain, &chain), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		pthread_attr_destroy(&attributes);
		assert_true(told.freed >= DEEP + 1);
		assert_int_equal(told.finalized, *kind == 'i' ? DEEP : 0);
		runtime_end(runtime);
	}
}

/* ---- immortal objects, roots ---- */

static void test_immortals_are_not_counted(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *number = refgc_int_create(runtime, 7);
	assert_true(refgc_immortalize(runtime, number));
	int64_t refcount = number->refcount;
	refgc_retain(number);
	assert_int_equal(number->refcount, refcount);
	for (int i = 0; i < 10; i++)
		refgc_release(runtime, number);
	assert_int_equal(number->refcount, refcount);
	assert_int_equal(told.freed, 0);
	assert_true(refgc_is_immortal(refgc_none(runtime)));
	refgc_release(runtime, refgc_none(runtime));
	runtime_end(runtime);
}

/* What is lost is told from what immortal objects keep: items, tables, untracked tuples and atoms, cycles. */
static void test_immortals_are_not_lost(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *list = refgc_list_create(runtime), *dict = refgc_dict_create(runtime);
	struct refgc_object *key = refgc_str_create(runtime, "key"), *lost = refgc_list_create(runtime);
	struct refgc_object *tuple = refgc_tuple_create(runtime, &key, 1);
	assert_true(refgc_dict_set(runtime, dict, key, list));
	assert_true(refgc_list_append(runtime, list, dict));
	assert_true(refgc_list_append(runtime, list, tuple));
	assert_true(refgc_list_append(runtime, list, refgc_none(runtime)));
	assert_true(refgc_list_append(runtime, lost, list));
	assert_true(refgc_immortalize(runtime, dict));
	assert_true(refgc_immortalize(runtime, dict));
	refgc_release(runtime, list);
	refgc_release(runtime, tuple);
	refgc_release(runtime, key);
	refgc_collect(runtime, 2);
	assert_int_equal(refgc_runtime_destroy(runtime), 2); /* the list that is lost, and its items */
}

/* Found by readers of the memory, whatever refers to it. */
static void test_immortals_are_roots(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	struct refgc_object *number = refgc_int_create(runtime, 7);
	assert_true(refgc_immortalize(runtime, number));
	assert_int_equal(runtime->root_count, 1);
	assert_ptr_equal(runtime->roots[0], number);
	assert_true(refgc_immortalize(runtime, number));
	assert_int_equal(runtime->root_count, 1);
	runtime_end(runtime);
}

static void test_roots_hold(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	size_t roots[50];
	for (size_t i = 0; i < 50; i++) {
		struct refgc_object *number = refgc_int_create(runtime, (int64_t)i);
		roots[i] = refgc_root_add(runtime, number);
		refgc_release(runtime, number);
	}
	assert_int_equal(told.freed, 0);
	for (size_t i = 0; i < 25; i++)
		refgc_root_remove(runtime, roots[i]);
	assert_int_equal(told.freed, 25);
	runtime_end(runtime); /* lets go of the others */
}

/* What the program does not release is told. */
static void test_leaks_are_told(void **state)
{
	(void)state;
	struct told told;
	struct refgc_runtime *runtime = runtime_new(&told);
	refgc_int_create(runtime, 1);
	refgc_tuple_create(runtime, NULL, 0);
	assert_int_equal(refgc_runtime_destroy(runtime), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_reference_frees),
		cmocka_unit_test(test_containers_hold),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_dict),
		cmocka_unit_test(test_set_of_equals),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_deep_chains),
		cmocka_unit_test(test_immortals_are_not_counted),
		cmocka_unit_test(test_immortals_are_not_lost),
		cmocka_unit_test(test_immortals_are_roots),
		cmocka_unit_test(test_roots_hold),
		cmocka_unit_test(test_leaks_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
