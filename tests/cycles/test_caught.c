/* SPDX-License-Identifier: MIT */
/*
 * test_caught.c - the lists of a heap that was caught in the middle of a collection: between any two stores of what a
 * collector does with lists, all objects are found, once; and whatever else may be on a stack does no harm.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address_set.h"
#include "base/error.h"
#include "runtime/gc_list.h"
#include "target/target.h"

enum {
	WORD = 8,
	HEAP = 0x100000,
	OBJECT_SIZE = 64, /* a head of 16 bytes, a word that says that it is an object, and what there is besides */
	OBJECT_COUNT = 1000,
	HEAP_END = HEAP + OBJECT_COUNT * OBJECT_SIZE,
	STATE = 0x200000, /* heads of three generations */
	STATE_END = STATE + 0x1000,
	STACK = 0x300000,
	STACK_END = STACK + 0x8000,
	STACK_POINTER = STACK + 0x1000,
	UNREACHABLE = STACK_POINTER + 0x100, /* heads of lists of the collector's own */
	FINALIZERS = STACK_POINTER + 0x120,
	SP_REGISTER = 19,
	REGISTER_COUNT = 27,
	NEXT = 0,
	PREVIOUS = 8,
	FLAG = 1, /* NEXT_MASK_UNREACHABLE */
};
static const uint64_t MAGIC = UINT64_C(0x6f626a656374); /* "object" */
static const uint64_t DYING = UINT64_C(0x6f626a656375);

/* ---- a heap, and what was found in it --------------------------------------------------------------- */

struct world {
	uint64_t heap[OBJECT_COUNT * OBJECT_SIZE / WORD];
	uint64_t state[(STATE_END - STATE) / WORD];
	uint64_t stack[(STACK_END - STACK) / WORD];
	struct target_segment segments[3];
	struct target_thread threads[2];
	struct inspect_target target;
	struct gc_list lists[3];
	struct gc_lists collector;
	struct gc_heap walk;

	struct runtime_sink sink;
	unsigned int times[OBJECT_COUNT];
	unsigned int strangers;
	uint64_t asked; /* how often it was asked for objects */
	struct notes notes;
};

static struct world world;

static uint64_t *word_at(uint64_t address)
{
	if (address >= HEAP && address < HEAP_END)
		return &world.heap[(address - HEAP) / WORD];
	if (address >= STATE && address < STATE_END)
		return &world.state[(address - STATE) / WORD];
	assert_in_range(address, STACK, STACK_END - 1);
	return &world.stack[(address - STACK) / WORD];
}

static uint64_t get(uint64_t address)
{
	return *word_at(address);
}

static uint64_t node(unsigned int number)
{
	return HEAP + number * OBJECT_SIZE;
}

static uint64_t generation(unsigned int number)
{
	return STATE + number * 32;
}

static bool is_tracked(void *context, uint64_t address, bool dying)
{
	(void)context;
	world.asked++;
	return address >= HEAP + 16 && address < HEAP_END && (address - HEAP) % OBJECT_SIZE == 16 &&
	       (get(address) == MAGIC || (dying && get(address) == DYING)) && (get(address - 16) & ~UINT64_C(3)) != 0;
}

static struct inspect_error *add(struct runtime_sink *sink, uint64_t address, unsigned int generation, unsigned int collector)
{
	(void)sink;
	assert_in_range(generation, 0, 2);
	assert_int_equal(collector, 0);
	if (is_tracked(NULL, address, true))
		world.times[(address - HEAP) / OBJECT_SIZE]++;
	else
		world.strangers++;
	return NULL;
}

static void set_register(unsigned int thread, unsigned int number, uint64_t value)
{
	memcpy(world.threads[thread].registers + number * WORD, &value, WORD);
}

static void make_world(void)
{
	notes_deinit(&world.notes);
	world = (struct world){
		.segments = {
			{ .start = HEAP, .end = HEAP_END, .data = (const uint8_t *)world.heap, .image = -1, .readable = true },
			{ .start = STATE, .end = STATE_END, .data = (const uint8_t *)world.state, .image = -1, .readable = true },
			{ .start = STACK, .end = STACK_END, .data = (const uint8_t *)world.stack, .image = -1, .readable = true },
		},
		.threads = { { .tid = 1, .has_registers = true, .registers_size = REGISTER_COUNT * WORD } },
		.target = { .name = (char *)"made up", .segments = world.segments, .segment_count = 3, .main_image = -1,
			    .machine = EM_X86_64, .threads = world.threads, .thread_count = 1 },
		.lists = { { generation(0), 0 }, { generation(1), 1 }, { generation(2), 2 } },
		.collector = { .items = world.lists, .count = 3, .owner = "collector 0", .collecting = true, .collected = 2 },
		.walk = {
			.target = &world.target, .collectors = &world.collector, .collector_count = 1, .is_tracked = is_tracked,
			.links = { .next = NEXT, .previous = PREVIOUS, .has_previous = true, .next_mask = ~UINT64_C(3),
				   .previous_mask = ~UINT64_C(3), .head_size = 16 },
		},
		.sink = { .add = add },
	};
	set_register(0, SP_REGISTER, STACK_POINTER);
	for (unsigned int i = 0; i < OBJECT_COUNT; i++)
		*word_at(node(i) + 16) = MAGIC;
}

static void walk(void)
{
	memset(world.times, 0, sizeof(world.times));
	world.strangers = 0;
	notes_deinit(&world.notes);
	assert_null(gc_lists_walk(&world.walk, &world.sink, &world.notes));
	assert_int_equal(world.strangers, 0);
	for (unsigned int i = 0; i < OBJECT_COUNT; i++)
		assert_in_range(world.times[i], 0, 1);
}

/* The first @count objects are found, no others, and nothing is said to be missing. */
static void expect(unsigned int count)
{
	walk();
	for (unsigned int i = 0; i < OBJECT_COUNT; i++)
		assert_int_equal(world.times[i], i < count);
	assert_false(notes_incomplete(&world.notes));
	assert_int_equal(world.notes.count, 1);
}

static void expect_incomplete(void)
{
	walk();
	assert_true(notes_incomplete(&world.notes));
}

/* ---- what a collector does, store by store ----------------------------------------------------------- */

static unsigned int object_count; /* that every store is checked against; 0: none is */

/* A store of the collector's; everything is found after it. */
static void put(uint64_t address, uint64_t value)
{
	*word_at(address) = value;
	if (object_count)
		expect(object_count);
}

/* What is in the collector's hands: a register. */
static void hold(uint64_t node)
{
	set_register(0, 3, node);
}

static uint64_t next(uint64_t node)
{
	return get(node + NEXT) & ~UINT64_C(3);
}

static void list_init(uint64_t list)
{
	put(list + PREVIOUS, list);
	put(list + NEXT, list);
}

/* gc_list_append(), gc_list_move(), gc_list_merge(): Modules/gcmodule.c, Python/gc.c */
static void list_append(uint64_t node, uint64_t list)
{
	uint64_t last = get(list + PREVIOUS);
	put(node + PREVIOUS, last);
	put(last + NEXT, node);
	put(node + NEXT, list);
	put(list + PREVIOUS, node);
}

static void list_move(uint64_t node, uint64_t list)
{
	uint64_t previous = get(node + PREVIOUS), following = next(node);
	hold(node);
	put(previous + NEXT, following);
	put(following + PREVIOUS, previous);
	list_append(node, list);
	hold(0);
}

static void list_merge(uint64_t from, uint64_t to)
{
	if (next(from) != from) {
		uint64_t tail = get(to + PREVIOUS), first = next(from), last = get(from + PREVIOUS);
		put(tail + NEXT, first);
		put(first + PREVIOUS, tail);
		put(last + NEXT, to);
		put(to + PREVIOUS, last);
	}
	list_init(from);
}

/* The else branch of move_unreachable() of 3.8 and later: @before is what is to the left of @node. */
static void set_apart(uint64_t before, uint64_t node, uint64_t list)
{
	hold(node);
	put(before + NEXT, get(node + NEXT));
	uint64_t last = get(list + PREVIOUS);
	put(last + NEXT, node | FLAG);
	put(node + PREVIOUS, last);
	put(node + NEXT, list | FLAG);
	put(list + PREVIOUS, node);
	hold(0);
}

/* The case of visit_reachable() that takes it back. */
static void take_back(uint64_t node, uint64_t list)
{
	uint64_t previous = get(node + PREVIOUS), following = next(node);
	hold(node);
	put(previous + NEXT, get(node + NEXT));
	put(node + NEXT, get(node + NEXT) & ~(uint64_t)FLAG);
	put(following + PREVIOUS, previous);
	list_append(node, list);
	put(node + PREVIOUS, 1 << 2);
	hold(0);
}

/* @count objects, dealt to the three generations. */
static void make_heap(unsigned int count)
{
	object_count = 0;
	make_world();
	for (unsigned int i = 0; i < 3; i++)
		list_init(generation(i));
	for (unsigned int i = 0; i < count; i++)
		list_append(node(i), generation(i % 3));
	object_count = count;
}

static void test_a_collection(void **state)
{
	(void)state;
	make_heap(30);
	uint64_t young = generation(2), before = young;
	list_merge(generation(0), young);
	list_merge(generation(1), young);
	for (uint64_t each = next(young); each != young; each = next(each)) /* update_refs() */
		put(each + PREVIOUS, 3 << 2);
	list_init(UNREACHABLE);
	for (uint64_t each = next(young); each != young; each = next(before)) {
		if ((each - HEAP) / OBJECT_SIZE % 3 == 1) {
			put(each + PREVIOUS, before);
			before = each;
		} else {
			set_apart(before, each, UNREACHABLE);
		}
	}
	put(young + PREVIOUS, before);
	put(UNREACHABLE + NEXT, next(UNREACHABLE));
	take_back(next(next(UNREACHABLE)), young);
	take_back(get(UNREACHABLE + PREVIOUS), young);
	for (uint64_t each = next(UNREACHABLE); each != UNREACHABLE; each = next(each))
		put(each + NEXT, next(each));
	list_init(FINALIZERS);
	for (unsigned int i = 0; i < 5; i++)
		list_move(next(UNREACHABLE), FINALIZERS);
	list_move(get(UNREACHABLE + PREVIOUS), FINALIZERS);
	list_merge(FINALIZERS, UNREACHABLE);
	list_merge(UNREACHABLE, young);
}

static void test_small_lists(void **state)
{
	(void)state;
	for (unsigned int count = 1; count < 5; count++) {
		make_heap(count);
		list_init(UNREACHABLE);
		list_init(FINALIZERS);
		for (unsigned int i = 0; i < count; i++)
			list_move(node(i), UNREACHABLE);
		for (unsigned int i = 0; i < count; i++)
			list_move(node(i), i % 2 ? FINALIZERS : generation(0));
		list_merge(UNREACHABLE, generation(1));
		list_merge(FINALIZERS, UNREACHABLE);
		list_merge(UNREACHABLE, generation(0));
	}
}

/* What is in hand may be the object, its head, or an address in the head; in a register, on the stack or below the stack
 * pointer in the red zone; of any thread. */
static void test_in_hand(void **state)
{
	(void)state;
	make_heap(4);
	list_init(UNREACHABLE);
	uint64_t previous = get(node(1) + PREVIOUS), following = next(node(1));
	hold(node(1));
	put(previous + NEXT, following);
	put(following + PREVIOUS, previous);
	object_count = 0;
	for (uint64_t inside = 0; inside <= 16; inside += WORD) {
		hold(node(1) + inside);
		expect(4);
		hold(0);
		put(STACK_POINTER + 0x40, node(1) + inside);
		expect(4);
		put(STACK_POINTER + 0x40, 0);
		put(STACK_POINTER - 0x40, node(1) + inside);
		expect(4);
		put(STACK_POINTER - 0x40, 0);
	}
	walk();
	assert_int_equal(world.times[1], 0); /* nothing leads to it: the test can fail */
	put(STACK_POINTER - 0x400, node(1));
	walk();
	assert_int_equal(world.times[1], 0);
	world.threads[1] = world.threads[0];
	world.target.thread_count = 2;
	set_register(1, 0, node(1) | FLAG);
	expect(4);
}

/* Another thread is about to track an object: it is not tracked yet. */
static void test_being_tracked(void **state)
{
	(void)state;
	make_heap(6);
	object_count = 0;
	uint64_t last = get(generation(0) + PREVIOUS);
	put(last + NEXT, node(6));
	expect(6);
	put(node(6) + PREVIOUS, last);
	expect(6);
	put(node(6) + NEXT, generation(0));
	expect(7);
}

/* ---- what is left over, damaged, or made to deceive -------------------------------------------------- */

static void test_left_over(void **state)
{
	(void)state;
	make_heap(10);
	object_count = 0;
	put(STACK_POINTER + 8, node(20));      /* never tracked */
	put(node(21) + NEXT, node(22));        /* freed: the allocator's list */
	put(node(21) + 16, 0);
	put(node(22) + 16, 0);
	put(STACK_POINTER + 16, node(21));
	put(node(23) + NEXT, 0xdeadbeef000);   /* looks like an object, and links to nowhere */
	put(STACK_POINTER + 24, node(23));
	put(STACK_POINTER + 32, node(3) + 24); /* inside an object */
	put(STACK_POINTER + 40, UINT64_MAX - 7);
	put(STACK_POINTER + 48, 8);
	expect(10);
}

/* Objects that nobody holds any more stay on their list until they are freed. */
static void test_dying(void **state)
{
	(void)state;
	make_heap(9);
	list_init(UNREACHABLE);
	for (unsigned int j = 0; j < 6; j++)
		list_move(node(j), UNREACHABLE);
	*word_at(node(0) + 16) = *word_at(node(3) + 16) = DYING;
	expect(9);
	*word_at(node(10) + 16) = DYING;
	put(node(10) + NEXT, node(4)); /* freed */
	put(STACK_POINTER + 8, node(10));
	expect(9);
}

/* A list on the stack that leads to damage is told, and what comes before is there. */
static void test_broken_list(void **state)
{
	(void)state;
	static const uint64_t bad[] = { 0, 1, 12345, 0xdeadbeef000, HEAP_END - 8, STATE + 0x800 };
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make_heap(9);
		list_init(UNREACHABLE);
		for (unsigned int j = 0; j < 4; j++)
			list_move(node(j), UNREACHABLE);
		object_count = 0;
		put(node(2) + NEXT, bad[i]);
		expect_incomplete();
		for (unsigned int j = 0; j < 9; j++)
			assert_int_equal(world.times[j], j != 2 || bad[i] > 3); /* the head leads to the last one, too */
		put(node(2) + NEXT, UNREACHABLE + 0x800); /* a head that leads to nothing */
		expect_incomplete();
	}
}

/* In a generation's list, as in one of a heap at rest. */
static void test_broken_generation(void **state)
{
	(void)state;
	make_heap(9);
	object_count = 0;
	put(node(3) + NEXT, node(0));
	expect_incomplete();
	assert_string_equal(world.notes.items[0].text,
			    "generation 0 of collector 0 breaks off after 2 objects: the list runs in a circle through 0x100000");
	put(node(3) + NEXT, 0xdeadbeef000);
	expect_incomplete();
	make_heap(9);
	object_count = 0;
	put(generation(1) + NEXT, 4096);
	expect_incomplete();
}

/* Stacks that are not there, or of whose thread nothing is known: the answer says so. */
static void test_lost_stacks(void **state)
{
	(void)state;
	make_heap(9);
	list_init(UNREACHABLE);
	list_move(node(4), UNREACHABLE);
	object_count = 0;
	world.threads[1] = (struct target_thread){ .tid = 2 };
	world.target.thread_count = 2;
	expect_incomplete();
	assert_int_equal(world.times[4], 1);
	world.target.thread_count = 0;
	expect_incomplete();
	assert_int_equal(world.times[4], 0);
	world.target.thread_count = 1;
	world.segments[2].data = NULL;
	expect_incomplete();
	world.segments[2].data = (const uint8_t *)world.stack;
	set_register(0, SP_REGISTER, 0x7fff0000);
	expect_incomplete();
	set_register(0, SP_REGISTER, STACK_POINTER);
	expect(9);
	world.target.machine = EM_PPC64;
	expect_incomplete();
}

/* Where no stack is known, a generation's chain may come to the head of a list on one: that is no object. */
static void test_head_is_no_object(void **state)
{
	(void)state;
	make_heap(9);
	list_init(UNREACHABLE);
	list_move(node(4), UNREACHABLE);
	object_count = 0;
	put(get(generation(0) + PREVIOUS) + NEXT, node(4)); /* the first store of gc_list_merge() */
	expect(9);
	world.target.thread_count = 0;
	expect_incomplete();
	assert_int_equal(world.times[4], 1);
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* A stack full of addresses of objects, heads and their insides, which are linked at random; many threads that all claim
 * it. Each object comes at most once, and it ends soon. */
static void test_hostile_stacks(void **state)
{
	(void)state;
	enum { THREADS = 5000 };
	uint64_t random = 1;
	struct target_thread *threads = calloc(THREADS, sizeof(*threads));
	assert_non_null(threads);
	for (unsigned int round = 0; round < 200; round++) {
		make_heap(10);
		object_count = 0;
		for (unsigned int i = 0; i < (STACK_END - STACK) / WORD; i++)
			world.stack[i] = (next_random(&random) & 1 ? HEAP : STACK) + (next_random(&random) & 0x7ff8);
		for (unsigned int i = 10; i < OBJECT_COUNT; i++) {
			uint64_t value = next_random(&random);
			*word_at(node(i) + NEXT) = value % 7 ? node(value % OBJECT_COUNT) :
						   value % 2 ? STACK + (value & 0x7ff8) : value;
		}
		for (unsigned int i = 0; i < THREADS; i++) {
			uint64_t pointer = STACK + (next_random(&random) & 0x7ff8);
			threads[i] = world.threads[0];
			memcpy(threads[i].registers + SP_REGISTER * WORD, &pointer, WORD);
		}
		world.target.threads = threads;
		world.target.thread_count = round % 10 ? 1 : THREADS;
		world.asked = 0;
		walk();
		assert_in_range(world.notes.count, 1, 3);
		uint64_t words = (STACK_END - STACK) / WORD + world.target.thread_count * REGISTER_COUNT;
		assert_in_range(world.asked, 1, words * 3 * 2 + OBJECT_COUNT * 2);
	}
	free(threads);
}

/* ---- sets of addresses ------------------------------------------------------------------------------ */

static void test_address_set(void **state)
{
	(void)state;
	struct address_set set = { 0 };
	bool added;
	uint64_t random = 7;
	assert_false(address_set_has(&set, 8));
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t address = (next_random(&random) & 0xfffff8) << (i % 3 * 16);
		bool had = address_set_has(&set, address);
		assert_true(address_set_add(&set, address, &added));
		assert_true(added == !had);
		assert_true(address_set_has(&set, address));
	}
	size_t count = set.count;
	for (unsigned int i = 0; i < 512; i++) {
		assert_true(address_set_add(&set, UINT64_MAX - 7 - i * 8, &added));
		assert_true(added);
	}
	assert_int_equal(set.count, count + 512);
	address_set_deinit(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_collection),
		cmocka_unit_test(test_small_lists),
		cmocka_unit_test(test_in_hand),
		cmocka_unit_test(test_being_tracked),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_dying),
		cmocka_unit_test(test_broken_list),
		cmocka_unit_test(test_broken_generation),
		cmocka_unit_test(test_lost_stacks),
		cmocka_unit_test(test_head_is_no_object),
		cmocka_unit_test(test_hostile_stacks),
		cmocka_unit_test(test_address_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
