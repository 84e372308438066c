/* SPDX-License-Identifier: MIT */
/*
 * support.h - what the tests of refgc share.
 */
#ifndef TESTS_REFGC_SUPPORT_H
#define TESTS_REFGC_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "refgc.h"

/* What a test's runtime has told. */
struct told {
	size_t freed, finalized, legacy_finalized, called;
	struct refgc_object *keep;  /* a list: a finalizer puts its object there */
	struct refgc_object *last_freed;
	char lines[4096];
};

static inline struct told *told_of(struct refgc_runtime *runtime)
{
	return refgc_user_data(runtime);
}

static inline void tell_freed(struct refgc_runtime *runtime, struct refgc_object *object)
{
	told_of(runtime)->freed++;
	told_of(runtime)->last_freed = object;
}

static inline void tell_line(struct refgc_runtime *runtime, const char *line)
{
	strncat(told_of(runtime)->lines, line, 100);
	strcat(told_of(runtime)->lines, "\n");
}

/* REFGC_WITHOUT_POOLS: for valgrind and ASan. */
static inline struct refgc_runtime *runtime_new(struct told *told)
{
	memset(told, 0, sizeof(*told));
	const struct refgc_options options = {.user_data = told, .freed = tell_freed, .report = tell_line,
					      .without_pools = getenv("REFGC_WITHOUT_POOLS") != NULL};
	struct refgc_runtime *runtime = refgc_runtime_create(&options);
	assert_non_null(runtime);
	refgc_enable(runtime, false);
	return runtime;
}

/* Everything that the test made must be gone. */
static inline void runtime_end(struct refgc_runtime *runtime)
{
	assert_int_equal(refgc_runtime_destroy(runtime), 0);
}

static inline void count_one(struct refgc_object *object, void *context)
{
	(void)object;
	++*(size_t *)context;
}

static inline size_t generation_size(struct refgc_runtime *runtime, unsigned int generation)
{
	size_t size = 0;
	refgc_generation_visit(runtime, generation, count_one, &size);
	return size;
}

struct search {
	const struct refgc_object *object;
	bool found;
};

static inline void search_one(struct refgc_object *object, void *context)
{
	struct search *search = context;
	search->found |= object == search->object;
}

/* -1: untracked. */
static inline int generation_of(struct refgc_runtime *runtime, const struct refgc_object *object)
{
	for (unsigned int i = 0; i <= REFGC_GENERATIONS; i++) {
		struct search search = {.object = object};
		refgc_generation_visit(runtime, i, search_one, &search);
		if (search.found)
			return (int)i;
	}
	return -1;
}

static inline void append(struct refgc_runtime *runtime, struct refgc_object *list, struct refgc_object *item)
{
	assert_true(refgc_list_append(runtime, list, item));
}

/* A list that holds itself, and whose other reference is given up. */
static inline struct refgc_object *self_list(struct refgc_runtime *runtime)
{
	struct refgc_object *list = refgc_list_create(runtime);
	append(runtime, list, list);
	refgc_release(runtime, list);
	return list;
}

static inline void finalize_and_tell(struct refgc_runtime *runtime, struct refgc_object *object)
{
	struct told *told = told_of(runtime);
	told->finalized++;
	if (told->keep)
		append(runtime, told->keep, object);
}

static inline void legacy_finalize_and_tell(struct refgc_runtime *runtime, struct refgc_object *object)
{
	(void)object;
	told_of(runtime)->legacy_finalized++;
}

static inline struct refgc_object *call_and_tell(struct refgc_runtime *runtime, struct refgc_object *function,
						 struct refgc_object *weakref)
{
	(void)function;
	told_of(runtime)->called++;
	assert_null(refgc_weakref_get(weakref));
	return refgc_none(runtime);
}

#endif
