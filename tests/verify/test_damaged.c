/* SPDX-License-Identifier: MIT */
/*
 * test_damaged.c - checking memory full of nonsense comes to an end, and touches nothing else: whatever stands there, with
 * every layout that there is; lists and free blocks that lead in circles; a dict whose indices lead anywhere.
 */
#include "../nonsense.h"

#include "base/notes.h"
#include "runtime/cpython/verify.h"
#include "runtime/gc_list.h"

enum { ROUNDS = 6, OBJECTS = 200, FINDINGS_LIMIT = 100000 };

/* Counts findings, and believes that every third address is one of an object. */
struct counting {
	struct runtime_verifier verifier; /* first */
	size_t count;
	uint64_t last; /* the address of the last one */
	bool believes;
};

static bool is_object(const struct runtime_verifier *verifier, uint64_t address)
{
	return ((const struct counting *)verifier)->believes && address % 24 == 0;
}

static void count_finding(struct runtime_verifier *verifier, const struct runtime_finding *finding)
{
	struct counting *counting = (struct counting *)verifier;
	assert_non_null(finding->message);
	assert_in_range(strlen(finding->message), 5, 400);
	assert_in_range(finding->check, 0, RUNTIME_CHECKS - 1);
	assert_in_range(++counting->count, 0, FINDINGS_LIMIT);
	counting->last = finding->address;
	free(finding->message);
}

static struct counting begin(bool believes)
{
	return (struct counting){
		.verifier = { .is_object = is_object, .found = count_finding, .checks = (1u << RUNTIME_CHECKS) - 1 },
		.believes = believes,
	};
}

/* ---- nonsense --------------------------------------------------------------------------------------- */

static void check_contents_at(struct verification *verification, struct pool_seen *seen, uint64_t address)
{
	struct cpython_type type = { .basicsize = 16, .itemsize = 8, .flags = address << 20, .index = 0 };
	struct inspected object = { .verification = verification, .seen = seen, .seen_items = seen, .type = &type, .address = address };
	check_str(&object);
	check_bytes(&object);
	check_int(&object);
	check_list(&object);
	check_tuple(&object);
	check_dict(&object);
	check_set(&object);
	check_shared_keys(&object, address);
	check_inline_values(&object);
	check_type(&object);
	check_block(verification, seen, &type, address);
	block_room(verification, seen, address, 16);
}

static void check_nonsense(struct world *world, uint64_t *random, int round)
{
	struct counting counting = begin(round % 2);
	struct runtime_verification *opaque;
	struct notes notes = { 0 };
	world->cpython.runtime_address = MEMORY_START + 128;
	world->cpython.interpreter_count = 1;
	cpython_type(&world->cpython, MEMORY_START); /* so that there is a type number 0 */
	assert_null(cpython_verify_operations.begin(&world->cpython.runtime, &counting.verifier, &notes, &opaque));
	struct verification *verification = (struct verification *)opaque;
	struct pool_seen seen = { 0 };
	verification->lists_whole = true;
	verification->hash_known = true;
	verification->hash_rounds = 1;
	verification->debug = round % 3 == 0;
	for (int i = 0; i < OBJECTS; i++) {
		uint64_t address = MEMORY_START + (next_random(random) & (MEMORY_SIZE - 1));
		bool listed = address & 8;
		struct runtime_finding finding = { 0 };
		address &= round % 4 ? ~UINT64_C(7) : ~UINT64_C(0);
		assert_null(cpython_verify_operations.objects(opaque, &address, &listed, 1));
		check_contents_at(verification, &seen, address);
		if (cpython_verify_operations.target(opaque, address, 1 + i % 2, &finding))
			count_finding(&counting.verifier, &finding);
	}
	cpython_verify_operations.end(opaque);
	notes_deinit(&notes);
}

static void test_nonsense(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned int i = 0; i < layout_table_count; i++) {
		for (int round = 0; round < ROUNDS && layout_tables[i].machine == EM_X86_64; round++) {
			make_world(&world, &layout_tables[i], &random);
			check_nonsense(&world, &random, round);
			free_world(&world);
		}
	}
}

/* ---- lists ------------------------------------------------------------------------------------------ */

enum { LIST_OBJECTS = 8, HEAD_SIZE = 16 };

/* A ring of heads in the world's memory: the list's own is node 0. */
static uint64_t node(int number)
{
	return MEMORY_START + 0x100 + (uint64_t)number * 64;
}

static void put_word(struct world *world, uint64_t address, uint64_t value)
{
	memcpy((char *)world->words + (address - MEMORY_START), &value, sizeof(value));
}

static void make_ring(struct world *world)
{
	memset(world->words, 0, sizeof(world->words));
	for (int i = 0; i <= LIST_OBJECTS; i++) {
		put_word(world, node(i), node(i == LIST_OBJECTS ? 0 : i + 1));
		put_word(world, node(i) + 8, node(i ? i - 1 : LIST_OBJECTS));
	}
}

static struct counting check_ring(struct world *world, bool has_previous)
{
	static const struct gc_list list = { .generation = 2 };
	struct gc_list items[1] = { list };
	items[0].head = node(0);
	const struct gc_lists lists = { .items = items, .count = 1, .owner = "nobody" };
	const struct gc_heap heap = {
		.target = &world->target,
		.links = { .next = 0, .previous = 8, .has_previous = has_previous, .next_mask = ~UINT64_C(3),
			   .previous_mask = ~UINT64_C(3), .head_size = HEAD_SIZE },
		.collectors = &lists, .collector_count = 1,
	};
	struct counting counting = begin(true);
	struct notes notes = { 0 };
	assert_null(gc_lists_verify(&heap, &counting.verifier, &notes));
	assert_int_equal(counting.verifier.verified.lists, 1);
	assert_int_equal(counting.verifier.verified.damaged_lists, counting.count > 0);
	notes_deinit(&notes);
	return counting;
}

/* Each link in turn, with everything that it could be: the object that has it is named, alone. */
static void test_each_link(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = 1;
	make_world(&world, &layout_tables[0], &random);
	make_ring(&world);
	assert_int_equal(check_ring(&world, true).count, 0);
	assert_int_equal(check_ring(&world, false).count, 0);
	for (int i = 0; i <= LIST_OBJECTS; i++) {
		for (int forward = 0; forward < 2; forward++) {
			for (int wrong = -2; wrong <= LIST_OBJECTS; wrong++) {
				uint64_t place = node(i) + (forward ? 0 : 8), value = wrong == -2   ? 0x10
										      : wrong == -1 ? 0
												    : node(wrong);
				make_ring(&world);
				if (target_map(&world.target, place, 8) &&
				    memcmp(target_map(&world.target, place, 8), &value, 8) == 0)
					continue; /* that is what it should be */
				put_word(&world, place, value);
				struct counting counting = check_ring(&world, true);
				assert_int_equal(counting.count, 1);
				assert_int_equal(counting.last, i ? node(i) + HEAD_SIZE : 0);
				check_ring(&world, false); /* comes to an end */
			}
		}
	}
	free_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_each_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
