/* SPDX-License-Identifier: MIT */
/*
 * workers.c - threads that are started for one piece of work and end with it.
 */
#include "graph/workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "target/target.h"

unsigned int workers_limit;

enum { STACK_SIZE = 1 << 20 };

struct worker {
	void (*work)(void *context, unsigned int worker);
	void *context;
	unsigned int number;
	pthread_t thread;
	bool started;
};

static unsigned int core_count(void)
{
	cpu_set_t cores;
	int count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
	return count < 1 ? 1 : (unsigned int)count;
}

unsigned int workers_for(const struct inspect_target *target)
{
	unsigned int count = workers_limit ? workers_limit : core_count();
	if (target && (target->kind == TARGET_DEBUGGER || !target->segment_count))
		return 1;
	return count > WORKERS_MAX ? WORKERS_MAX : count;
}

static void *run(void *argument)
{
	struct worker *worker = argument;
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

void workers_run(unsigned int count, void (*work)(void *context, unsigned int worker), void *context)
{
	struct worker workers[WORKERS_MAX];
	if (count > WORKERS_MAX)
		count = WORKERS_MAX;
	for (unsigned int i = 0; i < count; i++)
		workers[i] = (struct worker){ .work = work, .context = context, .number = i };
	start(workers, count);
	work(context, 0);
	for (unsigned int i = 1; i < count; i++) {
		if (workers[i].started)
			pthread_join(workers[i].thread, NULL);
		else
			work(context, i);
	}
}

/* ---- one item after the other ----------------------------------------------------------------------- */

struct items {
	struct inspect_target *target;
	const char *what;
	struct inspect_error *(*work)(void *context, size_t item);
	void *context;
	size_t count;
	size_t next; /* atomic */
	struct inspect_error *error; /* atomic */
};

/* Keeps the first error. */
static void keep_error(struct items *items, struct inspect_error *error)
{
	struct inspect_error *none = NULL;
	if (!__atomic_compare_exchange_n(&items->error, &none, error, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		inspect_error_destroy(error);
}

static struct inspect_error *report(const struct items *items, size_t done)
{
	const struct inspect_target *target = items->target;
	if (!target || !items->what || !target->options.progress ||
	    target->options.progress(target->options.progress_context, items->what, done, items->count))
		return NULL;
	return inspect_error_create(INSPECT_ERROR_CANCELLED, "cancelled");
}

static void work_on_items(void *context, unsigned int worker)
{
	struct items *items = context;
	while (!__atomic_load_n(&items->error, __ATOMIC_RELAXED)) {
		size_t item = __atomic_fetch_add(&items->next, 1, __ATOMIC_RELAXED);
		if (item >= items->count)
			return;
		struct inspect_error *error = items->work(items->context, item);
		if (!error && worker == 0)
			error = report(items, item);
		if (error)
			keep_error(items, error);
	}
}

struct inspect_error *workers_each(struct inspect_target *target, const char *what, size_t count,
				   struct inspect_error *(*work)(void *context, size_t item), void *context)
{
	struct items items = { .target = target, .what = what, .work = work, .context = context, .count = count };
	unsigned int workers = workers_for(target);
	workers_run(count < workers ? (unsigned int)count : workers, work_on_items, &items);
	return items.error;
}
