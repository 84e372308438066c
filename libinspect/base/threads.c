/* SPDX-License-Identifier: MIT */
/*
 * threads.c - threads that are started for one piece of work and end with it.
 */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>

#include "base/limits.h"

enum { STACK_SIZE = 1 << 20 };

struct worker {
	void (*work)(void *context, unsigned int worker);
	void *context;
	unsigned int number;
	struct limits *limits; /* of the call */
	pthread_t thread;
	bool started;
};

unsigned int threads_core_count(void)
{
	cpu_set_t cores;
	int count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
	return count < 1 ? 1 : (unsigned int)count;
}

static void *run(void *argument)
{
	struct worker *worker = argument;
	limits_share(worker->limits);
	worker->work(worker->context, worker->number);
	return NULL;
}

/* Starts all but the first with all signals blocked: they belong to the threads of whoever uses the library. */
static void start(struct worker *workers, unsigned int count)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	sigfillset(&all);
	if (pthread_attr_init(&attributes) != 0)
		return;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned int i = 1; i < count; i++)
		workers[i].started = pthread_create(&workers[i].thread, &attributes, run, &workers[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
}

void threads_run(unsigned int count, void (*work)(void *context, unsigned int worker), void *context)
{
	struct worker workers[THREADS_MAX];
	if (count > THREADS_MAX)
		count = THREADS_MAX;
	for (unsigned int i = 0; i < count; i++)
		workers[i] = (struct worker){ .work = work, .context = context, .number = i, .limits = limits_current };
	if (count > 1)
		start(workers, count);
	work(context, 0);
	for (unsigned int i = 1; i < count; i++) {
		if (workers[i].started)
			pthread_join(workers[i].thread, NULL);
		else
			work(context, i);
	}
}
