/* SPDX-License-Identifier: MIT */
/*
 * test_scan.c - the scan of undescribed types and of C globals: on a made-up heap where everything is known, and in memory
 * that is damaged or hostile: any answer will do there, but it comes soon, is bounded, and touches nothing else.
 * (The sanitizers watch.)
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "runtime/cpython/scan.h"
#include "target/image.h"

enum {
	START = 0x10000,
	SIZE = 0x8000,
	END = START + SIZE,
	/* where things are in it */
	TYPE = START + 0x1000, /* `type` */
	OBJECT = START + 0x1800,
	TUPLE = START + 0x2000,
	CLASS = START + 0x2800, /* of C code, undescribed */
	BASE = START + 0x3000,  /* the same */
	TRAVERSE = START + 0x100,
	OTHER_TRAVERSE = START + 0x108,
	NAMES = START + 0x200,
	MRO = START + 0x400, /* 64 bytes for each type's */
	MEMBERS = START + 0x800,
	INSTANCE = START + 0x4020,
	THINGS = START + 0x5020, /* instances of OBJECT, 32 bytes each */
};

static const uint64_t READY = 1 << 12;

struct world {
	uint8_t bytes[SIZE];
	struct target_segment segment;
	struct inspect_target target;
	struct cpython_interpreter interpreter;
	struct cpython cpython;
	struct runtime_references references;
};

static void put(struct world *world, uint64_t address, int32_t offset, uint64_t value)
{
	assert_true(offset >= 0);
	assert_in_range(address + (uint64_t)offset, START, END - sizeof(value));
	memcpy(world->bytes + (address + (uint64_t)offset - START), &value, sizeof(value));
}

static void put_type(struct world *world, uint64_t address, uint64_t base, uint64_t flags, uint64_t basicsize,
		     const char *name)
{
	const struct layout *layout = &world->cpython.layout;
	static uint64_t numbers;
	uint64_t number = numbers++ % 8, mro = MRO + number * 64, text = NAMES + number * 32;
	put(world, address, layout->object_refcnt, 5);
	put(world, address, layout->object_type, TYPE);
	put(world, address, layout->type_flags, flags | READY);
	put(world, address, layout->type_base, base);
	put(world, address, layout->type_basicsize, basicsize);
	put(world, address, layout->type_itemsize, 0);
	put(world, address, layout->type_mro, mro);
	put(world, address, layout->type_name, text);
	strcpy((char *)world->bytes + (text - START), name);
	put(world, mro, layout->var_size, 1);
	put(world, mro, layout->tuple_items, address);
}

static void put_object(struct world *world, uint64_t address, uint64_t type)
{
	const struct layout *layout = &world->cpython.layout;
	put(world, address, layout->object_refcnt, 1);
	put(world, address, layout->object_type, type);
}

static void put_member(struct world *world, unsigned int i, uint64_t name, uint32_t type, uint64_t offset)
{
	const struct layout *layout = &world->cpython.layout;
	uint64_t member = MEMBERS + i * (uint64_t)layout->size_of_member;
	put(world, member, layout->member_name, name);
	put(world, member, layout->member_type, type);
	put(world, member, layout->member_offset, offset);
}

static const struct layout_table *table_of(uint32_t version)
{
	const struct layout_table *table;
	assert_int_equal(layout_candidates(version, LAYOUT_RELEASE, EM_X86_64, &table, 1), 1);
	return table;
}

static void make_bare(struct world *world, const struct layout_table *table)
{
	*world = (struct world){
		.segment = { .start = START, .end = END, .data = world->bytes, .image = -1, .readable = true,
			     .writable = true },
		.target = { .name = (char *)"made up", .segments = &world->segment, .segment_count = 1,
			    .main_image = -1, .machine = EM_X86_64 },
		.interpreter = { .address = START + 64 },
		.references = { .labelled = true },
	};
	world->cpython = (struct cpython){
		.runtime = { .target = &world->target },
		.target = &world->target, .version = table->version,
		.interpreters = &world->interpreter, .interpreter_count = 1, .type_type = TYPE,
	};
	layout_table_read(table, &world->cpython.layout);
	assert_true(cpython_types_init(&world->cpython));
}

/* A world with types, an object of an undescribed one with 8 words, and three other objects. */
static void make_world(struct world *world, uint32_t version)
{
	make_bare(world, table_of(version));
	put_type(world, OBJECT, 0, 0, 16, "object");
	put_type(world, TYPE, OBJECT, TPFLAGS_TYPE_SUBCLASS | TPFLAGS_HAVE_GC, 400, "type");
	put_type(world, TUPLE, OBJECT, TPFLAGS_TUPLE_SUBCLASS, 24, "tuple");
	put_type(world, CLASS, OBJECT, TPFLAGS_HAVE_GC, 16 + 8 * 8, "extension.Class");
	put(world, CLASS, world->cpython.layout.type_traverse, TRAVERSE);
	put_object(world, INSTANCE, CLASS);
	for (unsigned int i = 0; i < 3; i++)
		put_object(world, THINGS + 32 * i, OBJECT);
}

static void free_world(struct world *world)
{
	for (size_t i = 0; i < world->cpython.runtime.type_count; i++)
		free(world->cpython.runtime.types[i].name);
	free(world->cpython.runtime.types);
	cpython_types_deinit(&world->cpython);
	runtime_references_deinit(&world->references);
}

/* Asks for the references of the instance; returns how many objects were damaged. */
static size_t visit(struct world *world)
{
	const uint64_t address = INSTANCE;
	size_t damaged = 0;
	const struct cpython_type *type = cpython_type(&world->cpython, CLASS);
	assert_non_null(type);
	world->references.count = 0;
	assert_null(cpython_references(&world->cpython.runtime, &address, &type->index, 1, &world->references, NULL,
				       &damaged));
	return damaged;
}

static void expect(const struct world *world, size_t i, uint64_t reference, enum runtime_label_kind kind, uint64_t value)
{
	assert_true(i < world->references.count);
	assert_int_equal(world->references.items[i], reference);
	assert_int_equal(world->references.labels[i].kind, kind);
	assert_int_equal(world->references.labels[i].value, value);
}

static const uint32_t versions[] = { 0x030600f0, 0x030b00f0, 0x030e0af0 };
enum { VERSIONS = sizeof(versions) / sizeof(*versions) };

/* Objects are found where words point at them, nothing else is. */
static void test_words(void **state)
{
	(void)state;
	static struct world world;
	for (int i = 0; i < VERSIONS; i++) {
		make_world(&world, versions[i]);
		put(&world, INSTANCE, 16, THINGS);
		put(&world, INSTANCE, 24, THINGS + 8);              /* the inside of one */
		put(&world, INSTANCE, 32, THINGS + 1);              /* not aligned */
		put(&world, INSTANCE, 40, UINT64_C(0x7fff00000000)); /* nowhere */
		put(&world, INSTANCE, 48, CLASS);
		put(&world, INSTANCE, 56, START + 0x6000); /* zeros */
		put(&world, INSTANCE, 64, 7);
		put(&world, INSTANCE, 72, THINGS + 32);
		assert_int_equal(visit(&world), 0);
		assert_int_equal(world.references.count, 3);
		expect(&world, 0, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 16);
		expect(&world, 1, CLASS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 48);
		expect(&world, 2, (THINGS + 32) | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 72);
		free_world(&world);
	}
}

/* Members and __dict__ are exact and not given twice; weak references are no references. */
static void test_members(void **state)
{
	(void)state;
	static struct world world;
	make_world(&world, versions[1]);
	const struct layout *layout = &world.cpython.layout;
	for (int offset = 16; offset < 80; offset += 8)
		put(&world, INSTANCE, offset, THINGS);
	put(&world, CLASS, layout->type_members, MEMBERS);
	put_member(&world, 0, NAMES, 16, 24);
	put_member(&world, 1, NAMES, 1, 32);      /* an int */
	put_member(&world, 2, NAMES, 6, 40);
	put_member(&world, 3, NAMES, 16, 24);     /* the first by another name */
	put_member(&world, 4, NAMES, 16, 8);      /* not in its own part */
	put_member(&world, 5, NAMES, 16, 76);     /* not aligned */
	put_member(&world, 6, NAMES, 16, 80);     /* behind it */
	put_member(&world, 7, NAMES, 16, -8);
	put(&world, CLASS, layout->type_dictoffset, 48);
	put(&world, CLASS, layout->type_weaklistoffset, 56);
	assert_int_equal(visit(&world), 0);
	assert_int_equal(world.references.count, 7);
	expect(&world, 0, THINGS, RUNTIME_LABEL_MEMBER, NAMES);
	expect(&world, 1, THINGS, RUNTIME_LABEL_MEMBER, NAMES);
	expect(&world, 2, THINGS, RUNTIME_LABEL_TEXT, 0);
	assert_string_equal(world.references.labels[2].text, ".__dict__");
	expect(&world, 3, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 16);
	expect(&world, 4, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 32);
	expect(&world, 5, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 64);
	expect(&world, 6, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 72);
	free_world(&world);
}

/* What a traverse function cannot know of is unvisited: there is none, or it is the base's. */
static void test_unvisited(void **state)
{
	(void)state;
	static struct world world;
	for (int i = 0; i < 2; i++) {
		make_world(&world, versions[1]);
		const struct layout *layout = &world.cpython.layout;
		put(&world, INSTANCE, 16, THINGS);
		put(&world, INSTANCE, 72, THINGS + 32);
		if (i == 0) {
			put(&world, CLASS, layout->type_traverse, 0);
		} else {
			put_type(&world, BASE, OBJECT, TPFLAGS_HAVE_GC, 24, "extension.Base");
			put(&world, BASE, layout->type_traverse, TRAVERSE);
			put(&world, CLASS, layout->type_base, BASE);
		}
		assert_int_equal(visit(&world), 0);
		assert_int_equal(world.references.count, 2);
		/* the class's own part comes before its base's */
		expect(&world, i, THINGS | RUNTIME_GUESSED | (i ? 0 : RUNTIME_UNVISITED), RUNTIME_LABEL_OFFSET, 16);
		expect(&world, !i, (THINGS + 32) | RUNTIME_GUESSED | RUNTIME_UNVISITED, RUNTIME_LABEL_OFFSET, 72);
		free_world(&world);
	}
}

#ifdef HAVE_CAPSTONE
/* The traverse function's code tells which words, members and items it never looks at. */
static void test_code(void **state)
{
	(void)state;
	/* mov 0x18(%rdi),%rax; mov 0x28(%rdi),%rax; mov 0x50(%rdi),%rax, which is the second item; ret */
	static const char code[] = "\x48\x8b\x47\x18\x48\x8b\x47\x28\x48\x8b\x47\x50\xc3";
	static struct world world;
	for (int with_items = 0; with_items < 2; with_items++) {
		make_world(&world, versions[1]);
		const struct layout *layout = &world.cpython.layout;
		memcpy(world.bytes + (TRAVERSE - START), code, sizeof(code));
		if (!with_items) /* it returns before */
			world.bytes[TRAVERSE - START + 8] = 0xc3;
		put(&world, CLASS, layout->type_basicsize, 0x48);
		put(&world, CLASS, layout->type_itemsize, 8);
		put(&world, CLASS, layout->type_members, MEMBERS);
		put_member(&world, 0, NAMES, 16, 0x18);
		put_member(&world, 1, NAMES, 16, 0x20);
		put(&world, INSTANCE, layout->var_size, 2);
		for (int offset = 0x18; offset < 0x58; offset += 8)
			put(&world, INSTANCE, offset, THINGS);
		const unsigned int guessed = RUNTIME_GUESSED, unvisited = RUNTIME_GUESSED | RUNTIME_UNVISITED;
		const unsigned int of_items = with_items ? guessed : unvisited;
		assert_int_equal(visit(&world), 0);
		assert_int_equal(world.references.count, 8);
		expect(&world, 0, THINGS, RUNTIME_LABEL_MEMBER, NAMES);
		expect(&world, 1, THINGS | RUNTIME_UNVISITED, RUNTIME_LABEL_MEMBER, NAMES);
		expect(&world, 2, THINGS | guessed, RUNTIME_LABEL_OFFSET, 0x28);
		expect(&world, 3, THINGS | unvisited, RUNTIME_LABEL_OFFSET, 0x30);
		expect(&world, 4, THINGS | unvisited, RUNTIME_LABEL_OFFSET, 0x38);
		expect(&world, 5, THINGS | unvisited, RUNTIME_LABEL_OFFSET, 0x40);
		expect(&world, 6, THINGS | of_items, RUNTIME_LABEL_OFFSET, 0x48);
		expect(&world, 7, THINGS | of_items, RUNTIME_LABEL_OFFSET, 0x50);
		free_world(&world);
	}
}
#endif

/* What looks like an object must be one: each thing that is wrong with it is seen. */
static void test_no_objects(void **state)
{
	(void)state;
	static struct world world;
	for (int i = 0; i < 11; i++) {
		make_world(&world, versions[i % VERSIONS]);
		const struct layout *layout = &world.cpython.layout;
		uint64_t thing = THINGS;
		put(&world, THINGS, layout->object_type, BASE);
		put_type(&world, BASE, OBJECT, 0, 32, "extension.Base");
		switch (i) {
		case 0: /* nothing is */
			break;
		case 1:
			put(&world, thing, layout->object_refcnt, 0);
			break;
		case 2:
			put(&world, thing, layout->object_refcnt, UINT64_C(0x7f0012345678));
			break;
		case 3:
			put(&world, BASE, layout->type_flags, 0);
			break;
		case 4:
			put(&world, BASE, layout->object_type, OBJECT);
			break;
		case 5:
			put(&world, BASE, layout->type_basicsize, 8);
			break;
		case 6:
			put(&world, BASE, layout->type_basicsize, SIZE);
			break;
		case 7:
			put(&world, BASE, layout->type_itemsize, UINT64_MAX);
			break;
		case 8:
			put(&world, BASE, layout->type_mro, 0);
			break;
		case 9: /* its metatype is its own base, and so on */
			put(&world, BASE, layout->object_type, BASE);
			put(&world, BASE, layout->type_base, BASE);
			break;
		case 10: /* a pointer and a pointer to a type, at low addresses */
			put(&world, thing, layout->object_refcnt, THINGS + 32);
			cpython_type(&world.cpython, OBJECT);
			break;
		}
		assert_int_equal(cpython_is_object(&world.cpython, thing), i == 0);
		free_world(&world);
	}
	make_world(&world, versions[1]);
	assert_false(cpython_is_object(&world.cpython, 0));
	assert_false(cpython_is_object(&world.cpython, END - 8));
	assert_false(cpython_is_object(&world.cpython, END));
	assert_false(cpython_is_object(&world.cpython, UINT64_MAX - 7));
	free_world(&world);
}

/* Tables without an end, sizes without a limit, bases in a circle. */
static void test_damage(void **state)
{
	(void)state;
	static struct world world;
	static const uint64_t sizes[] = { 0, 1, 17, 24, SIZE, INT32_MAX, (uint64_t)1 << 40, INT64_MAX, UINT64_MAX };
	enum { SIZES = sizeof(sizes) / sizeof(*sizes) };
	for (int i = 0; i < SIZES * SIZES * SIZES; i++) {
		make_world(&world, versions[i % VERSIONS]);
		const struct layout *layout = &world.cpython.layout;
		put(&world, CLASS, layout->type_basicsize, sizes[i % SIZES]);
		put(&world, CLASS, layout->type_itemsize, sizes[i / SIZES % SIZES]);
		put(&world, INSTANCE, layout->var_size, sizes[i / SIZES / SIZES]);
		put(&world, CLASS, layout->type_dictoffset, sizes[i % 7]);
		put(&world, CLASS, layout->type_weaklistoffset, sizes[i % 5]);
		visit(&world);
		free_world(&world);
	}
	make_world(&world, versions[1]);
	const struct layout *layout = &world.cpython.layout;
	put(&world, CLASS, layout->type_base, CLASS);
	visit(&world);
	free_world(&world);
	/* members up to the end of the memory, and a table that is nowhere */
	make_world(&world, versions[1]);
	for (uint64_t at = END - 0x2000; at + 8 <= END; at += 8)
		put(&world, at, 0, NAMES);
	put(&world, CLASS, layout->type_members, END - 0x2000);
	visit(&world);
	put(&world, BASE, 0, 0);
	free_world(&world);
	make_world(&world, versions[1]);
	put(&world, CLASS, layout->type_members, UINT64_MAX - 15);
	assert_int_equal(visit(&world), 0);
	free_world(&world);
}

/* Visits @count instances, whose words at 16, 24 and 32 are: an object in all but @numbers, which have a number; the same
 * with pointers to something else; numbers, but an object's address in the last. */
static void learn(struct world *world, unsigned int count, unsigned int numbers)
{
	scan_learn(&world->cpython);
	for (unsigned int i = 0; i < count; i++) {
		put(world, INSTANCE, 16, i < numbers ? 12345 : THINGS);
		put(world, INSTANCE, 24, i < numbers ? START + 0x6000 : THINGS);
		put(world, INSTANCE, 32, i < count - 1 ? i : THINGS);
		visit(world);
	}
	assert_int_equal(world->references.count, 3); /* while it learns it says all that may be */
	scan_settle(&world->cpython.runtime);
	visit(world);
}

/* What other objects of the type have in the same place refutes what looks like a reference. */
static void test_learning(void **state)
{
	(void)state;
	static struct world world;
	make_world(&world, versions[1]);
	learn(&world, 100, 0);
	assert_int_equal(world.references.count, 2);
	expect(&world, 0, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 16);
	expect(&world, 1, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 24);
	learn(&world, 100, 5); /* may be damage */
	assert_int_equal(world.references.count, 2);
	learn(&world, 100, 10);
	assert_int_equal(world.references.count, 1);
	expect(&world, 0, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 24);
	learn(&world, 100, 0); /* all over again */
	assert_int_equal(world.references.count, 2);
	free_world(&world);
}

/* What reference counts speak against is refuted where it is often so, and not for a few damaged counts. */
static void test_refuting(void **state)
{
	(void)state;
	static struct world world;
	make_world(&world, versions[1]);
	struct runtime *runtime = &world.cpython.runtime;
	learn(&world, 100, 0);
	uint32_t type = cpython_type(&world.cpython, CLASS)->index;
	for (int i = 0; i < 6; i++)
		assert_false(scan_refute(runtime, INSTANCE, type, INSTANCE + 16));
	visit(&world);
	assert_int_equal(world.references.count, 2);
	assert_true(scan_refute(runtime, INSTANCE, type, INSTANCE + 16));
	visit(&world);
	assert_int_equal(world.references.count, 1);
	expect(&world, 0, THINGS | RUNTIME_GUESSED, RUNTIME_LABEL_OFFSET, 24);
	/* what is not a word of the struct is not remembered */
	for (int i = 0; i < 1000; i++) {
		assert_false(scan_refute(runtime, INSTANCE, type, 0));
		assert_false(scan_refute(runtime, INSTANCE, type, INSTANCE - 8));
		assert_false(scan_refute(runtime, INSTANCE, type, INSTANCE + (1 << 20)));
	}
	visit(&world);
	assert_int_equal(world.references.count, 1);
	learn(&world, 100, 0); /* all over again */
	assert_int_equal(world.references.count, 2);
	free_world(&world);
}

/* Items behind the struct are scanned, but not the same memory again and again for objects that claim all of it. */
static void test_items(void **state)
{
	(void)state;
	static struct world world;
	make_world(&world, versions[1]);
	const struct layout *layout = &world.cpython.layout;
	enum { ITEMS = 1024, INTS = 4 }; /* items of 4 bytes: 512 words behind the struct */
	scan_set_budget(&world.cpython);
	put(&world, CLASS, layout->type_itemsize, INTS);
	put(&world, INSTANCE, layout->var_size, ITEMS);
	for (uint64_t at = INSTANCE + 80; at < INSTANCE + 80 + ITEMS * INTS; at += 8)
		if (at < THINGS || at >= THINGS + 96)
			put(&world, at, 0, at % 16 ? THINGS : 1);
	assert_int_equal(visit(&world), 0);
	size_t count = world.references.count;
	assert_in_range(count, 200, 260);
	put(&world, INSTANCE, layout->var_size, (END - INSTANCE - 80) / INTS);
	size_t times = 0;
	while (visit(&world) == 0)
		assert_true(++times < 100);
	assert_in_range(times, 10, 50); /* 16 times the memory */
	put(&world, INSTANCE, layout->var_size, ITEMS);
	assert_int_equal(visit(&world), 0); /* a small one is looked at all the same */
	assert_int_equal(world.references.count, count);
	free_world(&world);
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

static struct inspect_error *count_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
					const char *place, const struct runtime_label *label);

struct counter {
	struct runtime_root_sink sink;
	size_t roots[RUNTIME_ROOT_KINDS];
	uint64_t last;
	char place[64];
	struct runtime_label label;
};

static struct inspect_error *count_root(struct runtime_root_sink *sink, uint64_t reference, enum runtime_root_kind kind,
					const char *place, const struct runtime_label *label)
{
	struct counter *counter = (struct counter *)sink;
	counter->roots[kind]++;
	counter->last = reference;
	counter->label = *label;
	strncpy(counter->place, place, sizeof(counter->place) - 1);
	return NULL;
}

/* Gives the world an image with its data from @start to @end, and one thread with its stack pointer at @stack. */
static void add_image_and_thread(struct world *world, struct target_image *image, struct image_private *private,
				 Elf64_Phdr *header, struct target_thread *thread, uint64_t stack)
{
	static char path[] = "/lib/libmade-up.so";
	*private = (struct image_private){ .headers = header, .header_count = 1, .symbols_read = true };
	*image = (struct target_image){ .path = path, .start = START + 0x7000, .end = END, .is_elf = true,
					.private = private };
	*thread = (struct target_thread){ .tid = 7, .has_registers = true, .registers_size = 27 * 8 };
	memcpy(thread->registers + 19 * 8, &stack, sizeof(stack));
	world->target.images = image;
	world->target.image_count = 1;
	world->target.threads = thread;
	world->target.thread_count = 1;
}

static void test_roots(void **state)
{
	(void)state;
	static struct world world;
	struct target_image image;
	struct image_private private;
	struct target_thread thread;
	Elf64_Phdr header = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = START + 0x7000, .p_memsz = 0x800 };
	make_world(&world, versions[1]);
	add_image_and_thread(&world, &image, &private, &header, &thread, START + 0x6800);
	uint64_t word = THINGS + 64;
	memcpy(thread.registers, &word, sizeof(word));
	word = START + 0x6f00; /* fs_base: the end of the stack */
	memcpy(thread.registers + 21 * 8, &word, sizeof(word));
	put(&world, START + 0x6f00, 0, THINGS);
	put(&world, START + 0x6800, 16, THINGS);     /* on the stack */
	put(&world, START + 0x6700, 0, THINGS);      /* below it */
	put(&world, START + 0x7000, 0x40, THINGS + 32);
	put(&world, START + 0x7000, 0x48, THINGS + 33);
	put(&world, START + 0x7000, 0x50, START + 0x7100); /* a static object, with a word that is no root */
	put_type(&world, BASE, OBJECT, 0, 24, "base");
	put_object(&world, START + 0x7100, BASE);
	put(&world, START + 0x7100, world.cpython.layout.object_refcnt, 999999999);
	put(&world, START + 0x7100, 16, THINGS + 32);
	world.cpython.image = &image;
	struct address_range described = { START + 0x7200, START + 0x7210 };
	put(&world, START + 0x7200, 8, THINGS);      /* known otherwise */
	put(&world, START + 0x7800, 0, THINGS);      /* behind the data: the stack's, here */
	struct counter counter = { .sink.add = count_root };
	struct notes notes = { 0 };
	assert_null(scan_roots(&world.cpython, &counter.sink, &notes, described));
	assert_int_equal(counter.roots[RUNTIME_ROOT_GLOBAL], 1);
	assert_int_equal(counter.roots[RUNTIME_ROOT_STATIC], 0);
	assert_int_equal(counter.roots[RUNTIME_ROOT_STACK], 2); /* .r15, one on the stack */
	assert_int_equal(notes.count, 0);
	notes_deinit(&notes);
	free_world(&world);
}

/* Images and threads full of nonsense. */
static void test_damaged_roots(void **state)
{
	(void)state;
	static struct world world;
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	for (int i = 0; i < 400; i++) {
		struct target_image image;
		struct image_private private;
		struct target_thread thread;
		make_world(&world, versions[i % VERSIONS]);
		Elf64_Phdr header = { .p_type = PT_LOAD, .p_flags = PF_W,
				      .p_vaddr = i % 3 ? START + next_random(&random) % SIZE : next_random(&random),
				      .p_memsz = i % 5 ? next_random(&random) : next_random(&random) % SIZE };
		add_image_and_thread(&world, &image, &private, &header, &thread, START + next_random(&random) % (2 * SIZE));
		for (int word = 0; word < 2000; word++) {
			uint64_t value = next_random(&random);
			put(&world, START + value % (SIZE / 8) * 8, 0,
			    value >> 62 ? START + (value >> 32) % (SIZE / 8) * 8 : value >> 40);
		}
		if (i % 7 == 0) {
			world.segment.data = NULL;
		} else if (i % 7 == 1) {
			thread.registers_size = next_random(&random) % 300;
		}
		struct counter counter = { .sink.add = count_root };
		struct address_range described = { next_random(&random), next_random(&random) };
		struct notes notes = { 0 };
		assert_null(scan_roots(&world.cpython, &counter.sink, &notes, described));
		visit(&world);
		notes_deinit(&notes);
		free_world(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_unvisited),
#ifdef HAVE_CAPSTONE
		cmocka_unit_test(test_code),
#endif
		cmocka_unit_test(test_no_objects),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_refuting),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_damaged_roots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
