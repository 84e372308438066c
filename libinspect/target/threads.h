/* SPDX-License-Identifier: MIT */
/*
 * threads.h - what the registers of a thread say: where its stack is, and what it has in its hands.
 */
#ifndef INSPECT_TARGET_THREADS_H
#define INSPECT_TARGET_THREADS_H

#include "target/target.h"

enum {
	THREAD_REGISTERS = 32, /* no machine has more */
	THREAD_STACK_LIMIT = 64 << 20,
};

/* Copies the threads that the target's options tell of into target->threads, by their numbers; target->machine is known.
 * Registers of a size that is not the machine's count as not had. */
struct inspect_error *threads_take(struct inspect_target *target) __attribute__((warn_unused_result));

/* A general register. */
struct thread_register {
	const char *name; /* ".rax" */
	uint64_t value;
};

/* The general registers of @thread that may hold an address: how many there are; 0 where they could not be had, or the
 * machine is not known. */
size_t thread_registers(const struct inspect_target *target, const struct target_thread *thread,
			struct thread_register registers[THREAD_REGISTERS]);

/* The part of the stack of @thread that is in use: from the stack pointer (and what may be in use below it) up to the end
 * of the stack: that of its mapping, which may have been joined with what lies behind it, or the thread's own structure,
 * which the C library puts at the end of the stacks that it makes. False where it is not known; its bytes may be lost.
 * Where it is not known what is mapped, it ends where memory ceases to be readable, or where the next thread's begins, and
 * is at most THREAD_STACK_LIMIT bytes long. */
bool thread_stack(struct inspect_target *target, const struct target_thread *thread, uint64_t *start_ret,
		  uint64_t *end_ret);

/* Is @end, which thread_stack() gave, not the end of the stack, but where the search for it was given up? */
bool thread_stack_is_cut(const struct target_thread *thread, uint64_t end);

/* Are there zeros where the stack of @thread is in use? No thread has that: they are what gdb's gcore writes in place of a mapping
 * of which it cannot read a part, such as the guard pages that glibc 2.42 makes in the mappings of its stacks. */
bool thread_stack_is_blank(struct inspect_target *target, const struct target_thread *thread);

/* What the C library calls the thread (pthread_self()): the address of its own structure; 0 where that is not known. */
uint64_t thread_pointer(const struct inspect_target *target, const struct target_thread *thread);

#endif
