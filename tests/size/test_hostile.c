/* SPDX-License-Identifier: MIT */
/*
 * test_hostile.c - sizes and descriptions of objects in memory full of nonsense: any answer will do, but it
 * comes soon, is bounded, and touches nothing else. (The sanitizers watch.)
 */
#include "../nonsense.h"

/* for their tables of rules and descriptions */
#include "runtime/cpython/size.c"
#include "runtime/cpython/value.c"

enum {
	ROUNDS = 40,
	RULES = sizeof(rules) / sizeof(rules[0]),
	DESCRIPTIONS = sizeof(descriptions) / sizeof(descriptions[0]),
};

static void check_sizes(struct world *world, uint64_t address, uint64_t *random)
{
	for (uint8_t rule = 0; rule < RULES; rule++) {
		struct cpython_type type = {
			.address = MEMORY_START, .flags = next_random(random),
			.basicsize = (int64_t)(next_random(random) & 0xff),
			.itemsize = (int64_t)(next_random(random) & 0xf), .size_rule = rule,
		};
		type.preheader = cpython_preheader(&world->cpython, type.flags);
		uint64_t size;
		bool basic;
		if (cpython_size(&world->cpython, &type, address, &size, &basic))
			assert_true(size < size_limit);
	}
}

static void check_values(struct world *world, uint64_t address)
{
	for (size_t i = 0; i < DESCRIPTIONS; i++) {
		struct subject subject = {
			.cpython = &world->cpython, .layout = &world->cpython.layout,
			.type = { .address = MEMORY_START }, .address = address,
		};
		cpython_type(&world->cpython, MEMORY_START); /* so that there is a type number 0 */
		descriptions[i].describe(&subject);
		char *text = line_finish(&subject.line);
		assert_non_null(text);
		size_t length = 0;
		for (const char *c = text; *c; c++) {
			assert_false((uint8_t)*c < ' ' || *c == 0x7f);
			length += ((uint8_t)*c & 0xc0) != 0x80;
		}
		assert_in_range(length, 0, LINE_LIMIT);
		free(text);
	}
}

static void test_nonsense(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned int i = 0; i < layout_table_count; i++) {
		if (layout_tables[i].machine != EM_X86_64)
			continue;
		for (int round = 0; round < ROUNDS; round++) {
			make_world(&world, &layout_tables[i], &random);
			uint64_t address = MEMORY_START + (next_random(&random) & (MEMORY_SIZE - 1));
			check_sizes(&world, address, &random);
			check_values(&world, address);
			cpython_size_rule(&world.cpython, address);
			struct cpython_type type = { .address = address };
			char *value = cpython_value(&world.cpython, &type, address);
			assert_non_null(value);
			free(value);
			free(cpython_str_text(&world.cpython, address, SIZE_MAX, NULL));
			cpython_str_equals(&world.cpython, address, "__sizeof__");
			free_world(&world);
		}
	}
}

/* Offsets that are not known make a size a basic one, not a wrong one. */
static void test_absent_offsets(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = 1;
	make_world(&world, &layout_tables[0], &random);
	layout_init(&world.cpython.layout);
	for (uint8_t rule = 0; rule < RULES; rule++) {
		struct cpython_type type = { .address = MEMORY_START, .basicsize = 40, .size_rule = rule };
		uint64_t size;
		bool basic;
		assert_true(cpython_size(&world.cpython, &type, MEMORY_START, &size, &basic));
		assert_int_equal(size, 40);
		assert_int_equal(basic, rule != SIZE_GENERIC);
	}
	free_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_absent_offsets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
