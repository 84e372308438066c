/* SPDX-License-Identifier: MIT */
/*
 * test_finalizers.c - last words: finalizers, resurrection, legacy finalizers, weak references; debug flags.
 */
#include "support.h"

#include <stdio.h>

struct world {
	struct told told;
	struct refgc_runtime *runtime;
	const struct refgc_type *plain, *finalized, *legacy;
};

static void world_init(struct world *world)
{
	world->runtime = runtime_new(&world->told);
	world->plain = refgc_class_create(world->runtime, "Plain", NULL, NULL);
	world->finalized = refgc_class_create(world->runtime, "Finalized", finalize_and_tell, NULL);
	world->legacy = refgc_class_create(world->runtime, "Legacy", NULL, legacy_finalize_and_tell);
}

/* An instance that refers to itself, and whose other reference is given up. */
static struct refgc_object *self_instance(struct world *world, const struct refgc_type *type)
{
	struct refgc_object *instance = refgc_instance_create(world->runtime, type);
	assert_true(refgc_attribute_set(world->runtime, instance, "self", instance));
	refgc_release(world->runtime, instance);
	return instance;
}

static void test_finalizer_at_last_release(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	refgc_release(world.runtime, refgc_instance_create(world.runtime, world.finalized));
	assert_int_equal(world.told.finalized, 1);
	assert_int_equal(world.told.freed, 1);
	runtime_end(world.runtime);
}

/* Brought back when the last reference goes: alive, tracked, in generation 0; the next time it is final. */
static void test_resurrection_at_last_release(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *keep = refgc_list_create(world.runtime);
	struct refgc_object *instance = refgc_instance_create(world.runtime, world.finalized);
	refgc_collect(world.runtime, 2);
	world.told.keep = keep;
	refgc_release(world.runtime, instance);
	assert_int_equal(world.told.freed, 0);
	assert_int_equal(instance->refcount, 1);
	assert_true(refgc_is_finalized(instance));
	assert_int_equal(generation_of(world.runtime, instance), 0);
	assert_true(refgc_list_delete(world.runtime, keep, 0));
	assert_int_equal(world.told.finalized, 1);
	assert_int_equal(world.told.freed, 1);
	refgc_release(world.runtime, keep);
	runtime_end(world.runtime);
}

static void test_finalizers_in_cycles(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	self_instance(&world, world.finalized);
	self_instance(&world, world.finalized);
	self_instance(&world, world.plain);
	assert_int_equal(refgc_collect(world.runtime, 0), 3);
	assert_int_equal(world.told.finalized, 2);
	runtime_end(world.runtime);
}

/* What a finalizer brings back moves on with all that it leads to; the rest is freed. */
static void test_resurrection_in_cycles(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *keep = refgc_list_create(world.runtime);
	struct refgc_object *instance = self_instance(&world, world.finalized);
	struct refgc_object *led_to = refgc_list_create(world.runtime);
	append(world.runtime, led_to, led_to);
	assert_true(refgc_attribute_set(world.runtime, instance, "other", led_to));
	refgc_release(world.runtime, led_to);
	self_list(world.runtime);
	world.told.keep = keep;
	assert_int_equal(refgc_collect(world.runtime, 0), 1);
	assert_int_equal(world.told.finalized, 1);
	assert_int_equal(refgc_stats(world.runtime, 0).collected, 1);
	assert_int_equal(generation_of(world.runtime, instance), 1);
	assert_int_equal(generation_of(world.runtime, led_to), 1);
	assert_ptr_equal(refgc_attribute_get(world.runtime, instance, "self"), instance); /* not cleared */
	assert_true(refgc_list_delete(world.runtime, keep, 0));
	assert_int_equal(refgc_collect(world.runtime, 1), 2);
	assert_int_equal(world.told.finalized, 1); /* once in a life */
	refgc_release(world.runtime, keep);
	runtime_end(world.runtime);
}

/* Finalizers see everything whole: also what is freed in the same collection. */
static struct refgc_object *neighbour;
static bool neighbour_whole;

static void look_at_neighbour(struct refgc_runtime *runtime, struct refgc_object *object)
{
	(void)object;
	told_of(runtime)->finalized++;
	neighbour_whole = refgc_list_count(neighbour) == 1;
}

static void test_finalizers_come_before_clearing(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	const struct refgc_type *type = refgc_class_create(world.runtime, "Looker", look_at_neighbour, NULL);
	neighbour = self_list(world.runtime);
	self_instance(&world, type);
	assert_int_equal(refgc_collect(world.runtime, 0), 2);
	assert_true(neighbour_whole);
	runtime_end(world.runtime);
}

/* A finalizer that breaks the cycle: the object is freed in the middle of the collection. */
static void let_go(struct refgc_runtime *runtime, struct refgc_object *object)
{
	told_of(runtime)->finalized++;
	refgc_attribute_delete(runtime, object, "self");
}

static void test_finalizer_frees(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	const struct refgc_type *type = refgc_class_create(world.runtime, "Breaker", let_go, NULL);
	self_instance(&world, type);
	self_instance(&world, type);
	assert_int_equal(refgc_collect(world.runtime, 0), 0);
	assert_int_equal(world.told.finalized, 2);
	assert_int_equal(world.told.freed, 2 * 3); /* each with its key, and the one that was asked for */
	runtime_end(world.runtime);
}

/* A finalizer makes its object immortal: it leaves the collection for good, with nothing of it left. */
static void immortalize(struct refgc_runtime *runtime, struct refgc_object *object)
{
	told_of(runtime)->finalized++;
	assert_true(refgc_immortalize(runtime, object));
}

static void test_finalizer_immortalizes(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	const struct refgc_type *type = refgc_class_create(world.runtime, "Immortal", immortalize, NULL);
	struct refgc_object *instance = self_instance(&world, type);
	assert_int_equal(refgc_collect(world.runtime, 0), 0);
	assert_int_equal(generation_of(world.runtime, instance), REFGC_GENERATIONS);
	struct refgc_object *list = refgc_list_create(world.runtime);
	append(world.runtime, list, instance);
	refgc_collect(world.runtime, 0);
	refgc_untrack(instance);
	assert_int_equal(refgc_freeze_count(world.runtime), 0);
	refgc_release(world.runtime, list);
	runtime_end(world.runtime);
}

/* Called once, though the object has waited to be destroyed: far down in a chain. */
static void test_finalized_is_remembered_deep(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *last = refgc_instance_create(world.runtime, world.finalized);
	world.told.keep = refgc_list_create(world.runtime);
	refgc_retain(last);
	refgc_release(world.runtime, last);
	refgc_release(world.runtime, last);
	last = refgc_retain(refgc_list_item(world.told.keep, 0));
	assert_int_equal(world.told.finalized, 1);
	refgc_release(world.runtime, world.told.keep);
	world.told.keep = NULL;
	for (int i = 0; i < 200; i++) {
		struct refgc_object *next = refgc_cell_create(world.runtime, last);
		refgc_release(world.runtime, last);
		last = next;
	}
	refgc_release(world.runtime, last);
	assert_int_equal(world.told.finalized, 1);
	assert_int_equal(world.told.freed, 1 + 1 + 200);
	runtime_end(world.runtime);
}

/* ---- a type of the program's own ---- */

struct own {
	struct refgc_object object;
	struct refgc_object *other;
};

static bool freed_while_clearing;

static void own_traverse(struct refgc_object *object, refgc_visit visit, void *context)
{
	if (((struct own *)object)->other)
		visit(((struct own *)object)->other, context);
}

static void own_clear(struct refgc_runtime *runtime, struct refgc_object *object)
{
	struct own *own = (struct own *)object;
	struct refgc_object *other = own->other;
	size_t freed = told_of(runtime)->freed;
	own->other = NULL;
	if (other)
		refgc_release(runtime, other);
	freed_while_clearing |= told_of(runtime)->freed != freed;
}

static void own_dealloc(struct refgc_runtime *runtime, struct refgc_object *object)
{
	if (((struct own *)object)->other)
		refgc_release(runtime, ((struct own *)object)->other);
	refgc_object_free(runtime, object, 0);
}

static const struct refgc_type own_type = {
	.name = "own",
	.basic_size = sizeof(struct own),
	.flags = REFGC_CONTAINER,
	.traverse = own_traverse,
	.clear = own_clear,
	.dealloc = own_dealloc,
};

/* An object that refers to itself is still there when its clear() returns. */
static void test_own_type(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *object = refgc_object_allocate(world.runtime, &own_type, 0);
	((struct own *)object)->other = object;
	refgc_track(world.runtime, object);
	assert_int_equal(refgc_collect(world.runtime, 0), 1);
	assert_false(freed_while_clearing);
	assert_int_equal(world.told.freed, 1);
	runtime_end(world.runtime);
}

/* ---- legacy finalizers ---- */

static void test_legacy_finalizers_are_uncollectable(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *legacy = self_instance(&world, world.legacy), *held = self_list(world.runtime);
	assert_true(refgc_attribute_set(world.runtime, legacy, "held", held));
	self_list(world.runtime);
	refgc_debug_set(world.runtime, REFGC_DEBUG_UNCOLLECTABLE);
	assert_int_equal(refgc_collect(world.runtime, 0), 3);
	assert_int_equal(refgc_stats(world.runtime, 0).collected, 1);
	assert_int_equal(refgc_stats(world.runtime, 0).uncollectable, 2);
	assert_non_null(strstr(world.told.lines, "gc: uncollectable <Legacy "));
	assert_non_null(strstr(world.told.lines, "gc: uncollectable <list "));
	struct refgc_object *garbage = refgc_garbage(world.runtime);
	assert_int_equal(refgc_list_count(garbage), 1);
	assert_ptr_equal(refgc_list_item(garbage, 0), legacy);
	assert_int_equal(generation_of(world.runtime, legacy), 1);
	assert_int_equal(generation_of(world.runtime, held), 1);
	assert_int_equal(world.told.legacy_finalized, 0);
	assert_true(refgc_attribute_delete(world.runtime, legacy, "self")); /* the program decides */
	refgc_list_type.clear(world.runtime, garbage);
	assert_int_equal(world.told.legacy_finalized, 1);
	refgc_collect(world.runtime, 2);
	runtime_end(world.runtime);
}

/* ---- debug flags ---- */

static void test_saveall(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *list = self_list(world.runtime);
	refgc_debug_set(world.runtime, REFGC_DEBUG_SAVEALL);
	assert_int_equal(refgc_debug(world.runtime), REFGC_DEBUG_SAVEALL);
	assert_int_equal(refgc_collect(world.runtime, 0), 1);
	assert_int_equal(world.told.freed, 0);
	assert_int_equal(refgc_list_count(list), 1);
	assert_ptr_equal(refgc_list_item(refgc_garbage(world.runtime), 0), list);
	assert_int_equal(generation_of(world.runtime, list), 1);
	assert_int_equal(refgc_stats(world.runtime, 0).collected, 1);
	refgc_debug_set(world.runtime, 0);
	/* Nothing of the collection is left in it: the next one leaves it alone. */
	struct refgc_object *young = refgc_list_create(world.runtime);
	append(world.runtime, young, list);
	refgc_collect(world.runtime, 0);
	refgc_untrack(list);
	assert_int_equal(generation_size(world.runtime, 1), 1);
	refgc_track(world.runtime, list);
	refgc_release(world.runtime, young);
	refgc_list_type.clear(world.runtime, refgc_garbage(world.runtime));
	assert_int_equal(refgc_collect(world.runtime, 1), 1);
	runtime_end(world.runtime);
}

static void test_debug_lines(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	self_list(world.runtime);
	refgc_collect(world.runtime, 0);
	assert_string_equal(world.told.lines, "");
	self_list(world.runtime);
	refgc_debug_set(world.runtime, REFGC_DEBUG_STATS);
	refgc_collect(world.runtime, 1);
	assert_string_equal(world.told.lines, "gc: collecting generation 1...\n"
					      "gc: objects in each generation: 1 0 0\n"
					      "gc: objects in permanent generation: 0\n"
					      "gc: done, 1 unreachable, 0 uncollectable\n");
	world.told.lines[0] = 0;
	struct refgc_object *list = self_list(world.runtime);
	char line[100];
	snprintf(line, sizeof(line), "gc: collectable <list %p>\n", (void *)list);
	refgc_debug_set(world.runtime, REFGC_DEBUG_COLLECTABLE);
	refgc_collect(world.runtime, 0);
	assert_string_equal(world.told.lines, line);
	runtime_end(world.runtime);
}

/* ---- weak references ---- */

static struct refgc_object *weakref_new(struct world *world, struct refgc_object *referent)
{
	struct refgc_object *callback =
		refgc_function_create(world->runtime, "callback", call_and_tell, NULL);
	struct refgc_object *weakref = refgc_weakref_create(world->runtime, referent, callback);
	assert_non_null(weakref);
	refgc_release(world->runtime, callback);
	return weakref;
}

static void test_weakref(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *instance = refgc_instance_create(world.runtime, world.plain);
	struct refgc_object *weakrefs[4];
	for (size_t i = 0; i < 4; i++)
		weakrefs[i] = weakref_new(&world, instance);
	struct refgc_object *silent = refgc_weakref_create(world.runtime, instance, NULL);
	assert_int_equal(instance->refcount, 1);
	assert_ptr_equal(refgc_weakref_get(weakrefs[0]), instance);
	refgc_release(world.runtime, weakrefs[1]); /* the referent lives on: it does not call */
	assert_int_equal(world.told.called, 0);
	refgc_release(world.runtime, instance);
	assert_int_equal(world.told.called, 3);
	assert_null(refgc_weakref_get(weakrefs[0]));
	assert_null(refgc_weakref_get(silent));
	refgc_release(world.runtime, silent);
	refgc_release(world.runtime, weakrefs[0]);
	refgc_release(world.runtime, weakrefs[2]);
	refgc_release(world.runtime, weakrefs[3]);
	struct refgc_object *list = refgc_list_create(world.runtime);
	assert_null(refgc_weakref_create(world.runtime, list, NULL));
	assert_int_equal(refgc_error(world.runtime), REFGC_WRONG_TYPE);
	refgc_release(world.runtime, list);
	runtime_end(world.runtime);
}

/* Dead when the referent's cycle is collected; called, if it is alive itself; in the old generation then. */
static void test_weakrefs_to_cycles(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	struct refgc_object *instance = self_instance(&world, world.plain);
	struct refgc_object *weakref = weakref_new(&world, instance);
	struct refgc_object *inside = weakref_new(&world, instance); /* part of the garbage: never calls */
	assert_true(refgc_attribute_set(world.runtime, instance, "weakref", inside));
	refgc_release(world.runtime, inside);
	refgc_freeze(world.runtime);
	refgc_unfreeze(world.runtime);
	assert_int_equal(refgc_collect(world.runtime, 2), 2 + 1); /* and the callback of the one inside */
	assert_int_equal(world.told.called, 1);
	assert_null(refgc_weakref_get(weakref));
	assert_int_equal(generation_of(world.runtime, weakref), 2);

	/* A young referent moves an old weak reference to where its survivors would go. */
	instance = self_instance(&world, world.plain);
	struct refgc_object *other = weakref_new(&world, instance);
	struct refgc_object *third = weakref_new(&world, instance);
	assert_int_equal(generation_of(world.runtime, other), 0);
	assert_int_equal(refgc_collect(world.runtime, 0), 1);
	assert_int_equal(world.told.called, 3);
	assert_int_equal(generation_of(world.runtime, other), 1);
	refgc_release(world.runtime, third);
	refgc_release(world.runtime, other);
	refgc_release(world.runtime, weakref);
	runtime_end(world.runtime);
}

/* A finalizer finds all weak references dead, also those of what it brings back. */
static struct refgc_object *watched;
static bool watched_dead;

static void look_at_weakref(struct refgc_runtime *runtime, struct refgc_object *object)
{
	finalize_and_tell(runtime, object);
	watched_dead = !refgc_weakref_get(watched);
}

static void test_weakrefs_die_before_finalizers(void **state)
{
	(void)state;
	struct world world;
	world_init(&world);
	const struct refgc_type *type = refgc_class_create(world.runtime, "Looker", look_at_weakref, NULL);
	struct refgc_object *instance = self_instance(&world, type);
	watched = refgc_weakref_create(world.runtime, instance, NULL);
	world.told.keep = refgc_list_create(world.runtime);
	assert_int_equal(refgc_collect(world.runtime, 0), 0);
	assert_true(watched_dead);
	assert_int_equal(refgc_list_count(world.told.keep), 1);
	refgc_release(world.runtime, watched);
	refgc_release(world.runtime, world.told.keep);
	runtime_end(world.runtime);
}

/* A callback frees the other weak references of the list it is called from. */
static struct refgc_object *others;

static struct refgc_object *free_others(struct refgc_runtime *runtime, struct refgc_object *function,
					struct refgc_object *weakref)
{
	(void)function;
	(void)weakref;
	told_of(runtime)->called++;
	refgc_list_type.clear(runtime, others);
	return refgc_none(runtime);
}

static void test_callback_frees_weakrefs(void **state)
{
	(void)state;
	for (int cycle = 0; cycle < 2; cycle++) {
		struct world world;
		world_init(&world);
		struct refgc_object *instance = refgc_instance_create(world.runtime, world.plain);
		struct refgc_object *callback =
			refgc_function_create(world.runtime, "free_others", free_others, NULL);
		others = refgc_list_create(world.runtime);
		for (int i = 0; i < 5; i++) {
			struct refgc_object *weakref =
				refgc_weakref_create(world.runtime, instance, callback);
			append(world.runtime, others, weakref);
			refgc_release(world.runtime, weakref);
		}
		refgc_release(world.runtime, callback);
		if (cycle)
			assert_true(refgc_attribute_set(world.runtime, instance, "self", instance));
		refgc_release(world.runtime, instance);
		size_t found = refgc_collect(world.runtime, 2);
		/* With the weak references that the callback freed; in a collection all of them call. */
		assert_int_equal(found, cycle ? 1 + 5 : 0);
		assert_int_equal(world.told.called, cycle ? 5 : 1);
		refgc_release(world.runtime, others);
		runtime_end(world.runtime);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finalizer_at_last_release),
		cmocka_unit_test(test_resurrection_at_last_release),
		cmocka_unit_test(test_finalizers_in_cycles),
		cmocka_unit_test(test_resurrection_in_cycles),
		cmocka_unit_test(test_finalizers_come_before_clearing),
		cmocka_unit_test(test_finalizer_frees),
		cmocka_unit_test(test_finalizer_immortalizes),
		cmocka_unit_test(test_finalized_is_remembered_deep),
		cmocka_unit_test(test_own_type),
		cmocka_unit_test(test_legacy_finalizers_are_uncollectable),
		cmocka_unit_test(test_saveall),
		cmocka_unit_test(test_debug_lines),
		cmocka_unit_test(test_weakref),
		cmocka_unit_test(test_weakrefs_to_cycles),
		cmocka_unit_test(test_weakrefs_die_before_finalizers),
		cmocka_unit_test(test_callback_frees_weakrefs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
