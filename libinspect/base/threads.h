/* SPDX-License-Identifier: MIT */
/*
 * threads.h - doing one piece of work on several cores.
 */
#ifndef INSPECT_BASE_THREADS_H
#define INSPECT_BASE_THREADS_H

enum { THREADS_MAX = 16 };

/* On how many cores this process may run: at least 1. */
unsigned int threads_core_count(void);

/* Calls work(context, i) for each i below @count, all at once if the system lets us have that many threads: worker 0
 * is the calling thread. Returns when all are done. The threads block all signals, and work within the limits of the call
 * (limits.h). A worker must do with the others missing: where a thread cannot be had its call is made after worker 0's, by
 * the calling thread. */
void threads_run(unsigned int count, void (*work)(void *context, unsigned int worker), void *context);

#endif
