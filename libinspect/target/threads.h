/* SPDX-License-Identifier: MIT */
/*
 * threads.h - what the registers of a thread say: where its stack is, and what it has in its hands.
 */
#ifndef INSPECT_TARGET_THREADS_H
#define INSPECT_TARGET_THREADS_H

#include "target/target.h"

enum { THREAD_REGISTERS = 32 /* no machine has more */ };

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
 * which the C library puts at the end of the stacks that it makes. False where it is not known; its bytes may be lost. */
bool thread_stack(struct inspect_target *target, const struct target_thread *thread, uint64_t *start_ret,
		  uint64_t *end_ret);

/* What the C library calls the thread (pthread_self()): the address of its own structure; 0 where that is not known. */
uint64_t thread_pointer(const struct inspect_target *target, const struct target_thread *thread);

#endif
