/* SPDX-License-Identifier: MIT */
/*
 * test_instances.c - binding types that are nonsense, with __slots__, dicts and struct sequences among it, and visiting
 * their instances: it comes to an end and is bounded (the sanitizers watch). And what is known: lists in a circle, tables
 * whose sizes lie.
 */
#include "../nonsense.h"

/* for binding, whose structures are its own */
#include "runtime/cpython/references.c"

enum {
	ROUNDS = 30,
	REFERENCES_LIMIT = 1 << 22, /* of one object: the memory has 2048 words */
};

static void visit_all(struct world *world, const struct cpython_type *type, uint64_t address, bool labelled)
{
	struct runtime_references references = { .labelled = labelled };
	struct visit visit = { .cpython = &world->cpython, .layout = &world->cpython.layout, .references = &references,
			       .address = address, .type = type };
	for (size_t i = 0; i < type->step_count; i++)
		take_step(&visit, &type->steps[i]);
	assert_false(visit.no_memory);
	assert_in_range(references.count, 0, REFERENCES_LIMIT);
	runtime_references_deinit(&references);
}

/* ---- nonsense -------------------------------------------------------------------------------------- */

static uint64_t somewhere(uint64_t *random)
{
	return MEMORY_START + (next_random(random) & (MEMORY_SIZE - 1) & ~UINT64_C(7));
}

/* Makes the word at @address + @offset of the memory @value, if it is in it. */
static void put(struct world *world, uint64_t address, int32_t offset, uint64_t value)
{
	uint64_t place = address + (uint64_t)(int64_t)offset - MEMORY_START;
	if (offset != LAYOUT_ABSENT && place <= MEMORY_SIZE - sizeof(value))
		memcpy((char *)world->words + place, &value, sizeof(value));
}

/* A type at @address that looks as if Python code had made it. */
static void put_class(struct world *world, uint64_t address, uint64_t *random)
{
	static const uint64_t flags[] = { TPFLAGS_HEAPTYPE | TPFLAGS_HAVE_GC, TPFLAGS_HEAPTYPE | TPFLAGS_HAVE_GC | TPFLAGS_MANAGED_DICT,
					  TPFLAGS_HEAPTYPE | TPFLAGS_HAVE_GC | TPFLAGS_MANAGED_DICT | TPFLAGS_INLINE_VALUES,
					  TPFLAGS_HEAPTYPE, TPFLAGS_HAVE_GC, TPFLAGS_HEAPTYPE | TPFLAGS_TYPE_SUBCLASS };
	const struct layout *layout = &world->cpython.layout;
	put(world, address, layout->type_flags, flags[next_random(random) % 6]);
	put(world, address, layout->type_traverse, next_random(random) % 4 ? world->cpython.subtype_traverse : 0);
	put(world, address, layout->type_basicsize, next_random(random) & 0xff);
	put(world, address, layout->type_itemsize, next_random(random) & 0xf);
	put(world, address, layout->type_base, somewhere(random));
	put(world, address, layout->var_size, next_random(random) & 0x3f);
	put(world, address, layout->type_dictoffset, (next_random(random) & 0x7f) - 0x40);
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
			world.cpython.subtype_traverse = MEMORY_START + 8;
			struct cpython_type type = { .address = somewhere(&random) };
			put_class(&world, type.address, &random);
			read_pointer(&world.cpython, type.address, world.cpython.layout.type_flags, &type.flags);
			read_ssize(&world.cpython, type.address, world.cpython.layout.type_basicsize, &type.basicsize);
			read_ssize(&world.cpython, type.address, world.cpython.layout.type_itemsize, &type.itemsize);
			assert_true(cpython_bind_references(&world.cpython, &type));
			visit_all(&world, &type, somewhere(&random), round % 2);
			free(type.steps);
			world.cpython.subtype_traverse = 0;
			cpython_find_subtype_traverse(&world.cpython);
			cpython_find_dict_lookup(&world.cpython);
			cpython_find_fixes(&world.cpython);
			free_world(&world);
		}
	}
}

/* ---- known ----------------------------------------------------------------------------------------- */

/* What @function finds at @address: whether it is damaged; *@count_ret is how many references there are. */
static bool is_damaged(struct world *world, visit_fn *function, uint64_t address, size_t *count_ret)
{
	struct runtime_references references = { 0 };
	const struct cpython_type type = { .address = MEMORY_START, .basicsize = 64 };
	const struct reference_step step = { .kind = STEP_FUNCTION };
	struct visit visit = { .cpython = &world->cpython, .layout = &world->cpython.layout, .references = &references,
			       .address = address, .type = &type };
	function(&visit, &step);
	*count_ret = references.count;
	runtime_references_deinit(&references);
	return visit.damaged;
}

/* A world of zeros for each table of this machine. */
static bool make_empty_world(struct world *world, unsigned int table)
{
	uint64_t random = 1;
	if (layout_tables[table].machine != EM_X86_64)
		return false;
	make_world(world, &layout_tables[table], &random);
	memset(world->words, 0, sizeof(world->words));
	return true;
}

/* Two nodes of an OrderedDict, each the next of the other. */
static void test_circle(void **state)
{
	(void)state;
	static struct world world;
	const uint64_t dict = MEMORY_START + 0x100, first = MEMORY_START + 0x1000, second = MEMORY_START + 0x1100;
	for (unsigned int i = 0; i < layout_table_count; i++) {
		if (!make_empty_world(&world, i))
			continue;
		const struct layout *layout = &world.cpython.layout;
		size_t count;
		put(&world, dict, layout->odict_first, first);
		put(&world, first, layout->odict_node_key, MEMORY_START);
		put(&world, second, layout->odict_node_key, MEMORY_START);
		put(&world, first, layout->odict_node_next, second);
		assert_false(is_damaged(&world, odict_references, dict, &count));
		assert_int_equal(count, 2);
		put(&world, second, layout->odict_node_next, first);
		assert_true(is_damaged(&world, odict_references, dict, &count));
		assert_in_range(count, 2, 8);
		free_world(&world);
	}
}

/* A set and a dict that say that they have 2^39 entries. */
static void test_sizes_that_lie(void **state)
{
	(void)state;
	static struct world world;
	const uint64_t object = MEMORY_START + 0x100, keys = MEMORY_START + 0x1000;
	for (unsigned int i = 0; i < layout_table_count; i++) {
		if (!make_empty_world(&world, i))
			continue;
		const struct layout *layout = &world.cpython.layout;
		size_t count;
		put(&world, object, layout->set_mask, (UINT64_C(1) << 39) - 1);
		put(&world, object, layout->set_table, keys);
		assert_true(is_damaged(&world, set_references, object, &count));
		assert_int_equal(count, 0);
		memset(world.words, 0, sizeof(world.words));
		put(&world, object, layout->dict_keys, keys);
		put(&world, keys, layout->dict_keys_size, UINT64_C(1) << 39);
		put(&world, keys, layout->dict_keys_log2_size, 39 | 39 << 8);
		put(&world, keys, layout->dict_keys_nentries, UINT64_C(1) << 38);
		assert_true(is_damaged(&world, dict_references, object, &count));
		assert_int_equal(count, 0);
		free_world(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_sizes_that_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
