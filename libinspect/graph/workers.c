/* SPDX-License-Identifier: MIT */
/*
 * workers.c - one item of work after the other, by several threads.
 */
#include "graph/workers.h"

#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/threads.h"
#include "target/target.h"

unsigned int workers_limit;

unsigned int workers_for(const struct inspect_target *target)
{
	unsigned int count = workers_limit ? workers_limit : threads_core_count();
	if (target && (target->kind == TARGET_DEBUGGER || !target->segment_count))
		return 1;
	return count > THREADS_MAX ? THREADS_MAX : count;
}

/* ---- one item after the other ----------------------------------------------------------------------- */

struct items {
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
	return items->what ? progress_report(items->what, done, items->count) : NULL;
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
	struct items items = { .what = what, .work = work, .context = context, .count = count };
	unsigned int workers = workers_for(target);
	threads_run(count < workers ? (unsigned int)count : workers, work_on_items, &items);
	return items.error;
}
