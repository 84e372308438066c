/* SPDX-License-Identifier: MIT */
/*
 * fixes.c - which of CPython's fixes a build has that change what the collector is told.
 *
 * The version tells, but for distributions that take fixes over into older releases: Debian's 3.13.5-2+deb13u5 has gh-130327
 * of 3.13.13. Nothing but the code differs then.
 */
#include <elf.h>

#include "runtime/cpython/cpython.h"

/* The first release of 3.13 and of 3.14 with each fix. */
static const struct { uint32_t in_3_13, in_3_14; } since[] = {
	[FIX_NONE] = { 0, 0 },
	[FIX_130327] = { 0x030d0d00, 0x030e0400 },
	[FIX_140000] = { 0x030d0a00, 0x030e0100 },
	[FIX_142516] = { 0x030d0e00, 0x030e0400 },
};

/* ---- PyObject_VisitManagedDict() of Objects/dictobject.c ------------------------------------------- */

/* The function tests tp_flags for Py_TPFLAGS_MANAGED_DICT (1 << 4) and for Py_TPFLAGS_INLINE_VALUES (1 << 2). With the
 * fix, it tests in between whether the pointer to the dict is NULL. */
struct order {
	bool managed, pointer, inline_values;
};

static void see_flag(struct order *order, unsigned int bit)
{
	order->managed |= bit == 4;
	order->inline_values |= bit == 2 && order->managed;
}

static void see_pointer(struct order *order)
{
	order->pointer |= order->managed;
}

/* test $FLAG,%al; test $FLAG,%REG; test %REG,%REG with 64 bits */
static void see_x86_64(struct order *order, const uint8_t *code, size_t size)
{
	for (size_t i = 0; i + 2 < size && !order->inline_values; i++) {
		bool registers = code[i + 1] >= 0xc0;
		uint8_t flag = 0;
		if (code[i] == 0xa8)
			flag = code[i + 1];
		else if (code[i] == 0xf6 && registers && (code[i + 1] & 0x38) == 0)
			flag = code[i + 2];
		if (flag == 1 << 4 || flag == 1 << 2)
			see_flag(order, flag == 1 << 4 ? 4 : 2);
		if ((code[i] == 0x48 || code[i] == 0x4d) && code[i + 1] == 0x85 && code[i + 2] >= 0xc0)
			see_pointer(order);
	}
}

/* tbz, tbnz: test a bit and branch; cbz, cbnz with 64 bits: compare with zero and branch */
static void see_aarch64(struct order *order, const uint8_t *code, size_t size)
{
	for (size_t i = 0; i + 4 <= size && !order->inline_values; i += 4) {
		uint32_t instruction;
		memcpy(&instruction, code + i, sizeof(instruction));
		if ((instruction & 0xfe000000) == 0x36000000)
			see_flag(order, instruction >> 19 & 0x1f);
		else if ((instruction & 0xfe000000) == 0xb4000000)
			see_pointer(order);
	}
}

static uint64_t find_visit_managed_dict(struct cpython *cpython)
{
	const char *name = cpython_at_least(cpython, 3, 13) ? "PyObject_VisitManagedDict" : "_PyObject_VisitManagedDict";
	uint64_t address = 0;
	if (!cpython->image || !cpython_at_least(cpython, 3, 12))
		return 0;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		image_symbol(cpython->target, cpython->image, name, &address, NULL);
	return error ? 0 : address;
}

/* 1 or 0 for whether the dict comes first, or -1 if the code does not tell. */
static int visits_dict_first(struct cpython *cpython)
{
	enum { CODE_SIZE = 160 };
	uint8_t code[CODE_SIZE];
	if (!cpython->visit_managed_dict || !read_field(cpython, cpython->visit_managed_dict, 0, code, sizeof(code)))
		return -1;
	struct order order = { 0 };
	if (cpython->target->machine == EM_X86_64)
		see_x86_64(&order, code, sizeof(code));
	else if (cpython->target->machine == EM_AARCH64)
		see_aarch64(&order, code, sizeof(code));
	return order.inline_values ? order.pointer : -1;
}

/* ---- all of them ----------------------------------------------------------------------------------- */

void cpython_find_fixes(struct cpython *cpython)
{
	for (unsigned int fix = 0; fix < sizeof(since) / sizeof(*since); fix++) {
		uint32_t first = cpython_at_least(cpython, 3, 14) ? since[fix].in_3_14 : since[fix].in_3_13;
		if (cpython->version >= first)
			cpython->fixes |= 1u << fix;
	}
	cpython->visit_managed_dict = find_visit_managed_dict(cpython);
	int dict_first = cpython_at_least(cpython, 3, 13) ? visits_dict_first(cpython) : -1;
	if (dict_first >= 0)
		cpython->fixes = (cpython->fixes & ~(1u << FIX_130327)) | (unsigned int)dict_first << FIX_130327;
}
