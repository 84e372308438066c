/* SPDX-License-Identifier: MIT */
/*
 * nonsense.h - a target with memory full of nonsense, for tests of what reads structures: any answer will do, but it comes
 * soon, is bounded, and touches nothing else.
 */
#ifndef INSPECT_TESTS_NONSENSE_H
#define INSPECT_TESTS_NONSENSE_H

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/cpython/cpython.h"

enum {
	MEMORY_START = 0x10000,
	MEMORY_SIZE = 0x4000,
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

#endif
