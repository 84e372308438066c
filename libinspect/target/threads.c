/* SPDX-License-Identifier: MIT */
/*
 * threads.c - registers by machine, as elf_gregset_t has them: struct user_regs_struct of Linux's asm/ptrace.h, sys/user.h.
 */
#include "target/threads.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"

enum {
	WORD = sizeof(uint64_t),
	PAGE = 4096, /* what is readable is so by multiples of this */
};

static const char *const registers_x86_64[] = {
	".r15", ".r14", ".r13", ".r12", ".rbp", ".rbx", ".r11", ".r10", ".r9", ".r8", ".rax", ".rcx", ".rdx", ".rsi", ".rdi",
};
static const char *const registers_aarch64[] = {
	".x0",	".x1",	".x2",	".x3",	".x4",	".x5",	".x6",	".x7",	".x8",	".x9",	".x10",
	".x11", ".x12", ".x13", ".x14", ".x15", ".x16", ".x17", ".x18", ".x19", ".x20", ".x21",
	".x22", ".x23", ".x24", ".x25", ".x26", ".x27", ".x28", ".x29", ".x30",
};

/* What a machine's registers mean. */
struct machine {
	uint16_t machine;
	const char *const *names; /* of those that may hold an address, from the first on */
	size_t name_count;
	size_t stack_pointer, thread_pointer; /* their places; 0: it is not among them */
	uint64_t red_zone; /* bytes below the stack pointer that are in use */
	size_t registers_size; /* of elf_gregset_t */
};

static const struct machine machines[] = {
	{ EM_X86_64, registers_x86_64, sizeof(registers_x86_64) / sizeof(*registers_x86_64), 19, 21, 128, 27 * WORD },
	{ EM_AARCH64, registers_aarch64, sizeof(registers_aarch64) / sizeof(*registers_aarch64), 31, 0, 0, 34 * WORD },
};

static const struct machine *machine_of(const struct inspect_target *target)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		if (machines[i].machine == target->machine)
			return &machines[i];
	return NULL;
}

static bool read_register(const struct target_thread *thread, size_t place, uint64_t *value_ret)
{
	*value_ret = 0;
	if (!thread->has_registers || (place + 1) * WORD > thread->registers_size)
		return false;
	memcpy(value_ret, thread->registers + place * WORD, WORD);
	return true;
}

size_t thread_registers(const struct inspect_target *target, const struct target_thread *thread,
			struct thread_register registers[THREAD_REGISTERS])
{
	const struct machine *machine = machine_of(target);
	size_t count = 0;
	while (machine && count < machine->name_count && read_register(thread, count, &registers[count].value)) {
		registers[count].name = machine->names[count];
		count++;
	}
	return count;
}

uint64_t thread_pointer(const struct inspect_target *target, const struct target_thread *thread)
{
	const struct machine *machine = machine_of(target);
	uint64_t pointer = 0;
	if (machine && machine->thread_pointer)
		read_register(thread, machine->thread_pointer, &pointer);
	return pointer;
}

/* ---- stacks where it is not known what is mapped ---- */

/* Where a thread's stack begins, for sorting. */
struct stack_pointer {
	uint64_t value;
	struct target_thread *thread;
};

static int compare_stack_pointers(const void *left, const void *right)
{
	const struct stack_pointer *a = left, *b = right;
	return (a->value > b->value) - (a->value < b->value);
}

/* Stacks reach up to the thread's own structure or the next thread's stack: none is searched twice, whatever the
 * registers are. */
static void limit_stack(struct inspect_target *target, const struct stack_pointer *pointer, uint64_t next)
{
	struct target_thread *thread = pointer->thread;
	uint64_t structure = thread_pointer(target, thread);
	uint64_t first = pointer->value - pointer->value % PAGE;
	uint64_t limit = first < UINT64_MAX - THREAD_STACK_LIMIT ? first + THREAD_STACK_LIMIT : UINT64_MAX;
	thread->stack_is_cut = true;
	if (next < limit) {
		limit = next;
		thread->stack_is_cut = false;
	}
	if (structure > pointer->value && structure < limit) {
		limit = structure;
		thread->stack_is_cut = false;
	}
	thread->stack_limit = limit > pointer->value ? limit : 0;
}

static struct inspect_error *limit_stacks(struct inspect_target *target, const struct machine *machine)
{
	size_t count = 0;
	struct stack_pointer *pointers AUTO_FREE = calloc(target->thread_count + 1, sizeof(*pointers));
	if (!pointers)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < target->thread_count; i++) {
		pointers[count].thread = &target->threads[i];
		count += read_register(&target->threads[i], machine->stack_pointer, &pointers[count].value);
	}
	qsort(pointers, count, sizeof(*pointers), compare_stack_pointers);
	for (size_t i = 0; i < count; i++) {
		uint64_t next = i + 1 < count ? pointers[i + 1].value : UINT64_MAX;
		limit_stack(target, &pointers[i], next > machine->red_zone ? next - machine->red_zone : 0);
	}
	return NULL;
}

/* Where memory that can be read ends, from @address on, which can be, but at most @limit. */
static uint64_t readable_end(struct inspect_target *target, uint64_t address, uint64_t limit)
{
	address -= address % PAGE;
	while (limit - address > PAGE && target_map(target, address + PAGE, 1))
		address += PAGE;
	return limit - address > PAGE ? address + PAGE : limit;
}

static bool stack_by_reading(struct inspect_target *target, const struct target_thread *thread, uint64_t pointer,
			     uint64_t red_zone, uint64_t *start_ret, uint64_t *end_ret)
{
	if (thread->stack_limit <= pointer || !target_map(target, pointer, 1))
		return false;
	uint64_t page = pointer - pointer % PAGE, start = pointer > red_zone ? pointer - red_zone : 0;
	*start_ret = start < page && !target_map(target, start, 1) ? page : start;
	*end_ret = readable_end(target, pointer, thread->stack_limit);
	return true;
}

/* ---- stacks ---- */

bool thread_stack(struct inspect_target *target, const struct target_thread *thread, uint64_t *start_ret, uint64_t *end_ret)
{
	const struct machine *machine = machine_of(target);
	uint64_t pointer, structure = thread_pointer(target, thread);
	if (!machine || !read_register(thread, machine->stack_pointer, &pointer))
		return false;
	if (target->kind == TARGET_DEBUGGER)
		return stack_by_reading(target, thread, pointer, machine->red_zone, start_ret, end_ret);
	const struct target_segment *segment = target_segment_at(target, pointer);
	if (!segment)
		return false;
	uint64_t start = pointer > machine->red_zone ? pointer - machine->red_zone : 0;
	*start_ret = start < segment->start ? segment->start : start;
	*end_ret = structure > pointer && structure < segment->end ? structure : segment->end;
	return true;
}

bool thread_stack_is_blank(struct inspect_target *target, const struct target_thread *thread)
{
	enum { LOOKED_AT = 4096 }; /* bytes: return addresses are nearer to the stack pointer than that */
	uint64_t start, end;
	if (!thread_stack(target, thread, &start, &end) || start >= end)
		return false;
	uint64_t size = end - start < LOOKED_AT ? end - start : LOOKED_AT;
	const uint8_t *bytes = target_map(target, start, size);
	for (uint64_t i = 0; bytes && i < size; i++)
		if (bytes[i])
			return false;
	return bytes;
}

bool thread_stack_is_cut(const struct target_thread *thread, uint64_t end)
{
	return thread->stack_is_cut && thread->stack_limit == end;
}

/* ---- a debugger's threads ---- */

static int compare_ids(const void *left, const void *right)
{
	const struct target_thread *a = left, *b = right;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

struct inspect_error *threads_take(struct inspect_target *target)
{
	const struct inspect_thread *from = target->options.threads;
	const struct machine *machine = machine_of(target);
	size_t count = from ? target->options.thread_count : 0;
	target->options.threads = NULL; /* the caller's */
	target->options.thread_count = 0;
	target->threads = calloc(count ? count : 1, sizeof(*target->threads));
	if (!target->threads)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < count; i++) {
		struct target_thread *thread = &target->threads[target->thread_count++];
		thread->tid = from[i].id;
		if (!machine || !from[i].registers || from[i].registers_size != machine->registers_size)
			continue;
		thread->has_registers = true;
		thread->registers_size = from[i].registers_size;
		memcpy(thread->registers, from[i].registers, from[i].registers_size);
	}
	qsort(target->threads, target->thread_count, sizeof(*target->threads), compare_ids);
	return machine && target->kind == TARGET_DEBUGGER ? limit_stacks(target, machine) : NULL;
}
