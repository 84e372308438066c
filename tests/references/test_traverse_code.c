/* SPDX-License-Identifier: MIT */
/*
 * test_traverse_code.c - what is read from the machine code of tp_traverse functions: small ones written by hand, and code that
 * is damaged, endless or hostile: any answer will do there, but it comes soon and touches nothing else. (The sanitizers watch.)
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
#include "runtime/cpython/traverse_code.h"

enum {
	START = 0x10000,
	SIZE = 0x4000,
	END = START + SIZE,
	/* where things are in it */
	TYPE = START + 0x1000,
	BASE = START + 0x1800,
	POINTER = START + 0x2000, /* to HELPER */
	FUNCTION = START + 0x100,
	HELPER = START + 0x200,
	BASE_FUNCTION = START + 0x300,
};

struct world {
	uint8_t bytes[SIZE];
	struct target_segment segment;
	struct inspect_target target;
	struct cpython cpython;
	struct traverse_code code;
};

static struct world world;

static void put(uint64_t address, const void *bytes, size_t size)
{
	assert_in_range(address, START, END - size);
	memcpy(world.bytes + (address - START), bytes, size);
}

static void put_word(uint64_t address, int32_t offset, uint64_t value)
{
	assert_true(offset >= 0);
	put(address + (uint64_t)offset, &value, sizeof(value));
}

/* put_code(HELPER, "\xc3"): zeros are fine in it */
#define put_code(address, text) put(address, text, sizeof(text) - 1)

static void make_world(void)
{
	const struct layout_table *table;
	assert_int_equal(layout_candidates(0x030b00f0, LAYOUT_RELEASE, EM_X86_64, &table, 1), 1);
	world = (struct world){
		.segment = { .start = START, .end = END, .data = world.bytes, .image = -1, .readable = true },
		.target = { .name = (char *)"made up", .segments = &world.segment, .segment_count = 1, .main_image = -1,
			    .machine = EM_X86_64 },
	};
	world.cpython = (struct cpython){ .target = &world.target, .version = table->version };
	layout_table_read(table, &world.cpython.layout);
	const struct layout *layout = &world.cpython.layout;
	put_word(TYPE, layout->type_base, BASE);
	put_word(TYPE, layout->type_traverse, FUNCTION);
	put_word(BASE, layout->type_traverse, BASE_FUNCTION);
	put_word(BASE, layout->type_basicsize, 0x28);
	put_word(POINTER, 0, HELPER);
}

static void read_code(void)
{
	traverse_code_read(&world.cpython, TYPE, TYPE, FUNCTION, &world.code);
}

static void expect_unknown(void)
{
	read_code();
	assert_false(world.code.known);
	assert_true(traverse_code_visits(&world.code, 0x18));
}

#ifdef HAVE_CAPSTONE

/* Are the words at the @count offsets looked at, and no other? */
static void expect(const int *offsets, size_t count)
{
	read_code();
	assert_true(world.code.known);
	for (int offset = 0; offset < TRAVERSE_WORDS * 8; offset += 8) {
		bool visited = false;
		for (size_t i = 0; i < count; i++)
			visited |= offsets[i] == offset;
		if (traverse_code_visits(&world.code, offset) != visited)
			fail_msg("%#x is %svisited", (unsigned int)offset, visited ? "not " : "");
	}
}

#define expect_offsets(...) expect((const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* mov 0x10(%rdi),%rdi; test %rdi,%rdi; je 1f; mov %rsi,%rax; mov %rdx,%rsi; jmp *%rax; 1: xor %eax,%eax; ret */
#define VISIT_10 "\x48\x8b\x7f\x10\x48\x85\xff\x74\x08\x48\x89\xf0\x48\x89\xd6\xff\xe0\x31\xc0\xc3"

static void test_known(void **state)
{
	(void)state;
	make_world();
	put_code(FUNCTION, VISIT_10);
	expect_offsets(0x10);
	/* push %rbx; mov %rdi,%rbx; call HELPER; mov 0x20(%rbx),%rax; cmpl $0,0x2c(%rbx); pop %rbx; ret */
	make_world();
	put_code(FUNCTION, "\x53\x48\x89\xfb\xe8\xf7\x00\x00\x00\x48\x8b\x43\x20\x83\x7b\x2c\x00\x5b\xc3");
	put_code(HELPER, VISIT_10);
	expect_offsets(0x10, 0x20, 0x28);
	/* mov %rdi,-0x18(%rsp); xor %edi,%edi; mov -0x18(%rsp),%rax; lea 8(%rax),%rax; mov 0x18(%rax),%rax; ret */
	make_world();
	put_code(FUNCTION, "\x48\x89\x7c\x24\xe8\x31\xff\x48\x8b\x44\x24\xe8\x48\x8d\x40\x08\x48\x8b\x40\x18\xc3");
	expect_offsets(0x20);
	/* jmp *POINTER, which leads to HELPER */
	make_world();
	put_code(FUNCTION, "\xff\x24\x25\x00\x20\x01\x00");
	put_code(HELPER, VISIT_10);
	expect_offsets(0x10);
	/* mov 8(%rdi),%rax: the type; mov TYPE's tp_base(%rax),%rax; jmp *BASE's tp_traverse(%rax), which cannot be read */
	make_world();
	const struct layout *layout = &world.cpython.layout;
	put_code(FUNCTION, "\x48\x8b\x47\x08\x48\x8b\x80....\xff\xa0....");
	put(FUNCTION + 7, &layout->type_base, 4);
	put(FUNCTION + 13, &layout->type_traverse, 4);
	put_code(BASE_FUNCTION, "\x0f\x05");
	expect_offsets(0, 8, 0x10, 0x18, 0x20);
	/* a pointer of the module that is not NULL: mov POINTER,%rax; test %rax,%rax; jne 1f; syscall; 1: ret */
	make_world();
	put_code(FUNCTION, "\x48\x8b\x04\x25\x00\x20\x01\x00\x48\x85\xc0\x75\x02\x0f\x05\xc3");
	read_code();
	assert_true(world.code.known);
	put_word(POINTER, 0, 0);
	expect_unknown();
	/* PyObject_VisitManagedDict() */
	make_world();
	world.cpython.visit_managed_dict = HELPER;
	put_code(HELPER, "\x0f\x05");
	put_code(FUNCTION, "\xe9\xfb\x00\x00\x00");
	read_code();
	assert_true(world.code.known);
	/* mov %rdi,%rax; xor %edi,%edi; jmp 1f; nop; 1: mov 0x10(%rax),%rax; ret */
	make_world();
	put_code(FUNCTION, "\x48\x89\xf8\x31\xff\xeb\x01\x90\x48\x8b\x40\x10\xc3");
	expect_offsets(0x10);
	/* a loop around what is no array in the object: 1: mov 0x18(%rdi),%rax; dec %ecx; jne 1b; ret */
	make_world();
	put_code(FUNCTION, "\x48\x8b\x47\x18\xff\xc9\x75\xf8\xc3");
	expect_offsets(0x18);
}

static void test_unknown(void **state)
{
	(void)state;
	static const struct { const char *code; size_t size; bool called; } unknown[] = {
#define CODE(text) { text, sizeof(text) - 1, false }
#define CALLED(text) { text, sizeof(text) - 1, true } /* at HELPER */
		CODE("\x48\x8b\x04\xcf\xc3"),                 /* mov (%rdi,%rcx,8),%rax */
		CODE("\x48\x8b\x47\x10\x48\x8b\x00\xc3"),     /* mov 0x10(%rdi),%rax; mov (%rax),%rax */
		CODE("\x48\x89\x3c\x25\x00\x20\x01\x00\xc3"), /* mov %rdi,POINTER */
		CODE("\xff\xd1\xc3"),                         /* call *%rcx */
		CODE("\xff\xe1"),                             /* jmp *%rcx */
		CODE("\x48\x8b\x4f\x10\xff\xe1"),             /* mov 0x10(%rdi),%rcx; jmp *%rcx */
		CODE("\x0f\x10\x47\x10\xc3"),                 /* movups 0x10(%rdi),%xmm0 */
		CODE("\x66\x48\x0f\x6e\xc7\xc3"),             /* movq %rdi,%xmm0 */
		CODE("\xf3\xa4\xc3"),                         /* rep movsb */
		CODE("\x57\xc3"),                             /* push %rdi; ret */
		CODE("\x89\xf8\x48\x8b\x00\xc3"),             /* mov %edi,%eax; mov (%rax),%rax */
		CODE("\x48\x8b\x87\x00\x00\x01\x00\xc3"),     /* mov 0x10000(%rdi),%rax */
		/* 1: mov (%rdi),%rax; add $8,%rdi; dec %ecx; jne 1b; ret */
		CODE("\x48\x8b\x07\x48\x83\xc7\x08\xff\xc9\x75\xf5\xc3"),
		CODE("\xe8\xfb\xff\xff\xff\xc3"),             /* call itself */
		CODE("\xeb\xfe"),                             /* jmp to itself: it never returns */
		CODE("\xe9\x00\x00\x00\x70"),                 /* jmp to where nothing is */
		CODE("\x48\x83\xe4\xf0\x53\xc3"),             /* and $-16,%rsp; push %rbx */
		CODE("\x48\x89\xf8\x31\xff\xff\xe1"),     /* mov %rdi,%rax; xor %edi,%edi; jmp *%rcx */
		CODE("\x48\x89\xf8\x48\x0f\x44\xc6\x48\x8b\x40\x10\xc3"), /* mov %rdi,%rax; cmove %rsi,%rax; mov 0x10(%rax),%rax */
		CODE("\x48\x8b\x04\xfd\x10\x00\x00\x00\xc3"), /* mov 0x10(,%rdi,8),%rax */
		/* mov %rdi,%r10; xor %edi,%edi; call HELPER, which may leave %r10 alone; mov 0x10(%r10),%rax; ret */
		CODE("\x49\x89\xfa\x31\xff\xe8\xf6\x00\x00\x00\x49\x8b\x42\x10\xc3"),
		/* xor %esi,%esi; jmp BASE_FUNCTION, which is there for no other function to visit with */
		CODE("\x31\xf6\xe9\xf9\x01\x00\x00"),
		/* what a thread has at 0x12000 of its own: mov %fs:0x12000,%rax; test %rax,%rax; jne 1f; syscall; 1: ret */
		CODE("\x64\x48\x8b\x04\x25\x00\x20\x01\x00\x48\x85\xc0\x75\x02\x0f\x05\xc3"),
		CALLED("\x48\x89\x7c\x24\x08\xc3"),         /* mov %rdi,8(%rsp), which is the caller's; ret */
		CALLED("\x31\xdb\xc3"),                      /* xor %ebx,%ebx, which is the caller's; ret */
	};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		make_world();
		put(FUNCTION, unknown[i].code, unknown[i].size);
		put_code(BASE_FUNCTION, "\x0f\x05");
		if (unknown[i].called) { /* call HELPER; ret */
			put(HELPER, unknown[i].code, unknown[i].size);
			put_code(FUNCTION, "\xe8\xfb\x00\x00\x00\xc3");
		}
		read_code();
		if (world.code.known)
			fail_msg("number %zu is known", i);
	}
	make_world();
	put_code(FUNCTION, VISIT_10);
	world.target.machine = EM_AARCH64;
	expect_unknown();
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Code that ends in the middle of an instruction, or of the memory; functions that call each other without an end. */
static void test_damaged(void **state)
{
	(void)state;
	static const char code[] = VISIT_10;
	for (size_t size = 0; size < sizeof(code); size++) {
		make_world();
		world.bytes[0] = 0;
		put(END - size, code, size);
		traverse_code_read(&world.cpython, TYPE, TYPE, END - size, &world.code);
		assert_int_equal(world.code.known, size == sizeof(code) - 1);
	}
	/* each function calls the next two: call +64; call +128 */
	make_world();
	for (uint64_t at = START; at + 16 < END; at += 64)
		put_code(at, "\xe8\x3b\x00\x00\x00\xe8\x76\x00\x00\x00\xc3");
	expect_unknown();
	/* nothing but conditional jumps, each to a place of its own */
	make_world();
	for (uint64_t at = START; at + 2 <= END; at += 2)
		put(at, (const uint8_t[]){ 0x74, (uint8_t)(at / 2 * 37) }, 2);
	expect_unknown();
	traverse_code_read(&world.cpython, UINT64_MAX, UINT64_MAX, UINT64_MAX, &world.code);
	assert_false(world.code.known);
	traverse_code_read(&world.cpython, 0, 0, UINT64_MAX - 15, &world.code);
	assert_false(world.code.known);
	/* bases in a circle */
	make_world();
	put_word(TYPE, world.cpython.layout.type_base, TYPE);
	put_code(FUNCTION, "\xe8\xfb\x00\x00\x00\xc3");
	put_code(HELPER, "\x0f\x05");
	expect_unknown();
}

/* Random bytes, and random instructions of those that are followed. */
static void test_nonsense(void **state)
{
	(void)state;
	static const char *const pieces[] = {
		"\x48\x8b\x7f\x10", "\x48\x89\xfb", "\x48\x8b\x43\x20", "\x53", "\x5b", "\x48\x85\xff", "\x74\x08", "\x75\xf0", "\xeb\x05",
		"\xff\xd6", "\xff\xe6", "\xc3", "\xc9", "\x48\x89\x7c\x24\xe8", "\x48\x8b\x44\x24\xe8", "\x55\x48\x89\xe5", "\x48\x83\xec\x20",
		"\x48\x83\xc4\x20", "\x48\x8d\x04\x37", "\x48\x01\xd7", "\x48\x29\xff", "\x90", "\xe8\x10", "\x48\x98", "\x0f\x44\xc7",
	};
	enum { PIECES = sizeof(pieces) / sizeof(*pieces) };
	uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
	unsigned int known = 0;
	make_world();
	for (int i = 0; i < 20000; i++) {
		for (size_t at = 0x100; at + 8 < 0x400;) {
			uint64_t number = next_random(&random);
			const char *piece = pieces[number % PIECES];
			memcpy(world.bytes + at, i % 2 ? piece : (const char *)&number, i % 2 ? strlen(piece) : 8);
			at += i % 2 ? strlen(piece) : 8;
		}
		read_code();
		known += world.code.known;
		world.cpython.traverse_instructions = 0;
	}
	assert_in_range(known, 1, 19999);
}

/* All types of a target together are not more work than many real ones. */
static void test_budget(void **state)
{
	(void)state;
	make_world();
	for (uint64_t at = FUNCTION; at < HELPER + 0x1000; at++)
		put_code(at, "\x90");
	put_code(HELPER + 0x1000, "\xc3");
	size_t times = 0;
	for (read_code(); world.code.known; read_code())
		assert_true(++times < 10000);
	assert_in_range(times, 100, 9999);
	put_code(FUNCTION, VISIT_10);
	expect_unknown();
}

#else

static void test_without(void **state)
{
	(void)state;
	make_world();
	put_code(FUNCTION, "\xc3");
	expect_unknown();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_CAPSTONE
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_budget),
#else
		cmocka_unit_test(test_without),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
