/* SPDX-License-Identifier: MIT */
/*
 * bench.c - what the reference collector needs for a heap: the same as bench.py does on CPython.
 *
 * Prints a line for each measurement: its name, the objects, nanoseconds of the processor an object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "refgc.h"

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void append_and_release(struct refgc_runtime *runtime, struct refgc_object *list,
			       struct refgc_object *item)
{
	refgc_list_append(runtime, list, item);
	refgc_release(runtime, item);
}

/* Lists and tuples, each of two, in one list: half of @count each. */
static struct refgc_object *make_live(struct refgc_runtime *runtime, long count)
{
	struct refgc_object *all = refgc_list_create(runtime);
	for (long i = 0; i < count / 2; i++) {
		struct refgc_object *list = refgc_list_create(runtime), *items[2] = {list, all};
		append_and_release(runtime, all, refgc_tuple_create(runtime, items, 2));
		refgc_list_append(runtime, list, all);
		refgc_release(runtime, list);
	}
	return all;
}

/* Two lists that refer to each other, and nobody to them. */
static void make_cycles(struct refgc_runtime *runtime, long count)
{
	for (long i = 0; i < count / 2; i++) {
		struct refgc_object *one = refgc_list_create(runtime), *other = refgc_list_create(runtime);
		refgc_list_append(runtime, one, other);
		append_and_release(runtime, other, one);
		refgc_release(runtime, other);
	}
}

static double collect(struct refgc_runtime *runtime)
{
	double began = now();
	refgc_collect(runtime, REFGC_GENERATIONS - 1);
	return now() - began;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000000;
	struct refgc_runtime *runtime = refgc_runtime_create(NULL);
	refgc_enable(runtime, false);
	double live = 1e9, cycles = 1e9;
	struct refgc_object *all = make_live(runtime, count);
	refgc_collect(runtime, REFGC_GENERATIONS - 1);
	for (int i = 0; i < 5; i++) {
		double seconds = collect(runtime);
		live = seconds < live ? seconds : live;
	}
	refgc_release(runtime, all);
	refgc_collect(runtime, REFGC_GENERATIONS - 1);
	for (int i = 0; i < 5; i++) {
		make_cycles(runtime, count);
		double seconds = collect(runtime);
		cycles = seconds < cycles ? seconds : cycles;
	}
	printf("live %ld %.2f\ncycles %ld %.2f\n", count, live * 1e9 / (double)count, count,
	       cycles * 1e9 / (double)count);
	return refgc_runtime_destroy(runtime) != 0;
}
