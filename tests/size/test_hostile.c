/* SPDX-License-Identifier: MIT */
/*
 * test_hostile.c - sizes and descriptions of objects in memory full of nonsense: any answer will do, but it
 * comes soon, is bounded, and touches nothing else. (The sanitizers watch.)
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* for their tables of rules and descriptions */
#include "runtime/cpython/size.c"
#include "runtime/cpython/value.c"

enum {
	MEMORY_START = 0x10000,
	MEMORY_SIZE = 0x4000,
	ROUNDS = 40,
	RULES = sizeof(rules) / sizeof(rules[0]),
	DESCRIPTIONS = sizeof(descriptions) / sizeof(descriptions[0]),
};

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Pointers into itself, small numbers, large ones, bytes, and now and then the pieces of real objects. */
static void fill(uint64_t *words, uint64_t *random)
{
	for (size_t i = 0; i < MEMORY_SIZE / sizeof(*words); i++) {
		uint64_t value = next_random(random);
		switch (value >> 61) {
		case 0:
		case 1:
		case 2:
			words[i] = MEMORY_START + (value & (MEMORY_SIZE - 1) & ~UINT64_C(7));
			break;
		case 3:
			words[i] = value & 0xff;
			break;
		case 4:
			words[i] = 0;
			break;
		case 5:
			words[i] = -(value & 0xffff);
			break;
		case 6:
			words[i] = value & 0xffffffff;
			break;
		default:
			words[i] = value;
		}
	}
}

struct world {
	uint64_t words[MEMORY_SIZE / sizeof(uint64_t)];
	struct target_segment segment;
	struct inspect_target target;
	struct cpython_interpreter interpreter;
	struct cpython cpython;
};

static void make_world(struct world *world, const struct layout_table *table, uint64_t *random)
{
	*world = (struct world){
		.segment = { .start = MEMORY_START, .end = MEMORY_START + MEMORY_SIZE,
			     .data = (const uint8_t *)world->words, .image = -1, .readable = true },
		.target = { .name = (char *)"nonsense", .segments = &world->segment, .segment_count = 1,
			    .main_image = -1 },
		.interpreter = { .address = MEMORY_START + 64 },
	};
	fill(world->words, random);
	world->cpython = (struct cpython){
		.target = &world->target, .version = table->version,
		.interpreters = &world->interpreter, .interpreter_count = 1, .type_type = MEMORY_START + 256,
	};
	layout_table_read(table, &world->cpython.layout);
	assert_true(cpython_types_init(&world->cpython));
}

static void free_world(struct world *world)
{
	for (size_t i = 0; i < world->cpython.runtime.type_count; i++)
		free(world->cpython.runtime.types[i].name);
	free(world->cpython.runtime.types);
	cpython_types_deinit(&world->cpython);
}

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
