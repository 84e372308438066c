/* SPDX-License-Identifier: MIT */
/*
 * threads.c - registers by machine, as elf_gregset_t has them: struct user_regs_struct of Linux's asm/ptrace.h, sys/user.h.
 */
#include "target/threads.h"

#include <string.h>

enum { WORD = sizeof(uint64_t) };

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
};

static const struct machine machines[] = {
	{ EM_X86_64, registers_x86_64, sizeof(registers_x86_64) / sizeof(*registers_x86_64), 19, 21, 128 },
	{ EM_AARCH64, registers_aarch64, sizeof(registers_aarch64) / sizeof(*registers_aarch64), 31, 0, 0 },
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

bool thread_stack(struct inspect_target *target, const struct target_thread *thread, uint64_t *start_ret, uint64_t *end_ret)
{
	const struct machine *machine = machine_of(target);
	uint64_t pointer, structure = thread_pointer(target, thread);
	if (!machine || !read_register(thread, machine->stack_pointer, &pointer))
		return false;
	const struct target_segment *segment = target_segment_at(target, pointer);
	if (!segment)
		return false;
	uint64_t start = pointer > machine->red_zone ? pointer - machine->red_zone : 0;
	*start_ret = start < segment->start ? segment->start : start;
	*end_ret = structure > pointer && structure < segment->end ? structure : segment->end;
	return true;
}
