/* SPDX-License-Identifier: MIT */
/*
 * scale.c - a heap of very many objects, a core of it, and what is true of it.
 *
 * refgc-scale OBJECTS FOLDER [--hold] makes a heap of at least OBJECTS objects of mixed shapes: records, lists,
 * chains, dicts, instances, references across the whole heap, and garbage in cycles. A copy of the process (fork)
 * then aborts in FOLDER, so that the kernel writes its core there; with --hold it stops instead and its pid is
 * printed, for gcore. The process itself goes on and finds out by refgc alone what must be said about that core:
 *
 *     truth.json   objects and bytes of each type, by walking over all that is there: equal to what was counted
 *                  when objects were made, or the program fails; garbage by type; how far the target is from the
 *                  roots, in references
 *     garbage      addresses (64 bits each) of what refgc_collect() found unreachable, in its order
 *     freed        addresses of what it freed then
 *     chain        addresses of the one way from the root to the end of the deepest chain
 *
 * Nothing is random: the same number gives the same heap, at other addresses.
 */
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heapdesc.h"
#include "refgc.h"

enum {
	BLOCK = 4096,   /* units of a block, which is a list */
	TYPES_MAX = 24,
	GRANULE = 16,   /* objects begin at multiples of this, counted from one of them */
};

struct tally {
	const struct refgc_type *type;
	uint64_t made, there, bytes, garbage;
};

/* A growing array of places: granules from the lowest object on. */
struct places {
	uint32_t *items;
	uint64_t count, capacity;
};

struct scale {
	struct refgc_runtime *runtime;
	struct tally types[TYPES_MAX];
	size_t type_count;
	uint64_t made, random;
	struct refgc_object *all;   /* list of blocks */
	struct refgc_object *block; /* the last of them */
	struct refgc_object *name;  /* what many refer to */
	struct refgc_object *first_cell, *last_cell; /* of the chain */
	uint64_t units;
	uintptr_t lowest, highest;
	const struct refgc_type *class;
	/* walking over them */
	uint64_t *seen;
	struct places next;
	/* collecting */
	FILE *garbage, *freed; /* NULL: nobody wants to know */
	uint64_t cycles, garbage_count;
};

static void fail(const char *what)
{
	fprintf(stderr, "refgc-scale: %s\n", what);
	exit(1);
}

static void *must(void *pointer)
{
	if (!pointer)
		fail("no memory");
	return pointer;
}

static void must_do(bool done)
{
	if (!done)
		fail("an operation failed");
}

/* ---- counting ------------------------------------------------------------------------------------------ */

static struct tally *tally_of(struct scale *scale, const struct refgc_type *type)
{
	for (size_t i = 0; i < scale->type_count; i++)
		if (scale->types[i].type == type)
			return &scale->types[i];
	if (scale->type_count == TYPES_MAX)
		fail("too many types");
	scale->types[scale->type_count].type = type;
	return &scale->types[scale->type_count++];
}

/* Counts a new object. */
static struct refgc_object *made(struct scale *scale, struct refgc_object *object)
{
	uintptr_t address = (uintptr_t)must(object);
	tally_of(scale, object->type)->made++;
	scale->made++;
	if (address < scale->lowest)
		scale->lowest = address;
	if (address > scale->highest)
		scale->highest = address;
	return object;
}

/* ---- a type of our own: instances with two slots ------------------------------------------------------- */

struct point {
	struct refgc_object object;
	struct refgc_object *x, *y;
};

static void point_traverse(struct refgc_object *object, refgc_visit visit, void *context)
{
	struct point *point = (struct point *)object;
	if (point->x)
		visit(point->x, context);
	if (point->y)
		visit(point->y, context);
}

static void point_clear(struct refgc_runtime *runtime, struct refgc_object *object)
{
	struct point *point = (struct point *)object, old = *point;
	point->x = point->y = NULL;
	refgc_release_if(runtime, old.x);
	refgc_release_if(runtime, old.y);
}

static void point_dealloc(struct refgc_runtime *runtime, struct refgc_object *object)
{
	refgc_untrack(object);
	point_clear(runtime, object);
	refgc_object_free(runtime, object, 0);
}

static const struct heapdesc_item point_layout[] = {
	{.kind = HEAPDESC_REFERENCE, .label = ".x", .offset = offsetof(struct point, x), .count = HEAPDESC_NONE},
	{.kind = HEAPDESC_REFERENCE, .label = ".y", .offset = offsetof(struct point, y), .count = HEAPDESC_NONE},
};

static const struct refgc_type point_type = {
	.name = "point", .basic_size = sizeof(struct point), .flags = REFGC_CONTAINER, .traverse = point_traverse,
	.clear = point_clear, .dealloc = point_dealloc, .layout = point_layout, .layout_count = 2,
};

/* ---- objects: each belongs to the caller --------------------------------------------------------------- */

static struct refgc_object *new_int(struct scale *scale, uint64_t value)
{
	return made(scale, refgc_int_create(scale->runtime, (int64_t)value));
}

static struct refgc_object *new_str(struct scale *scale, uint64_t value)
{
	char text[8];
	snprintf(text, sizeof(text), "s%06" PRIx64, value & 0xffffff);
	return made(scale, refgc_str_create(scale->runtime, text));
}

static struct refgc_object *new_list(struct scale *scale)
{
	return made(scale, refgc_list_create(scale->runtime));
}

/* A tuple of what belongs to it from now on. */
static struct refgc_object *new_tuple(struct scale *scale, struct refgc_object **items, size_t count)
{
	struct refgc_object *tuple = made(scale, refgc_tuple_create(scale->runtime, items, count));
	for (size_t i = 0; i < count; i++)
		refgc_release(scale->runtime, items[i]);
	return tuple;
}

static struct refgc_object *new_point(struct scale *scale, struct refgc_object *x, struct refgc_object *y)
{
	struct refgc_object *object = made(scale, refgc_object_allocate(scale->runtime, &point_type, 0));
	((struct point *)object)->x = x;
	((struct point *)object)->y = y;
	refgc_track(scale->runtime, object);
	return object;
}

/* The list gets @item, which belongs to it from now on. */
static void give(struct scale *scale, struct refgc_object *list, struct refgc_object *item)
{
	must_do(refgc_list_append(scale->runtime, list, item));
	refgc_release(scale->runtime, item);
}

/* ---- parts of a unit ----------------------------------------------------------------------------------- */

static uint64_t next_random(struct scale *scale)
{
	scale->random = scale->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return scale->random >> 33;
}

static struct refgc_object *new_record(struct scale *scale)
{
	struct refgc_object *items[4] = {
		new_int(scale, scale->made), new_str(scale, scale->made),
		made(scale, refgc_float_create(scale->runtime, (double)scale->made)), refgc_retain(scale->name),
	};
	return new_tuple(scale, items, 4);
}

static struct refgc_object *new_numbers(struct scale *scale)
{
	struct refgc_object *list = new_list(scale);
	for (uint64_t i = 0; i < 8; i++)
		give(scale, list, new_int(scale, i));
	return list;
}

static struct refgc_object *new_nest(struct scale *scale)
{
	struct refgc_object *inner = new_int(scale, scale->units);
	for (int i = 0; i < 5; i++)
		inner = new_tuple(scale, &inner, 1);
	return inner;
}

static struct refgc_object *new_dict(struct scale *scale)
{
	struct refgc_object *dict = made(scale, refgc_dict_create(scale->runtime));
	for (uint64_t i = 0; i < 4; i++) {
		struct refgc_object *key = new_str(scale, i), *value = new_int(scale, i);
		must_do(refgc_dict_set(scale->runtime, dict, key, value));
		refgc_release(scale->runtime, key);
		refgc_release(scale->runtime, value);
	}
	return dict;
}

static struct refgc_object *new_instance(struct scale *scale)
{
	struct refgc_object *instance = made(scale, refgc_instance_create(scale->runtime, scale->class));
	struct refgc_object *value = new_int(scale, scale->units);
	must_do(refgc_attribute_set(scale->runtime, instance, "number", value));
	must_do(refgc_attribute_set(scale->runtime, instance, "name", scale->name));
	refgc_release(scale->runtime, value);
	scale->made += 2; /* the names of attributes are objects, too */
	tally_of(scale, &refgc_str_type)->made += 2;
	return instance;
}

/* A unit made before, anywhere in the heap. */
static struct refgc_object *any_unit(struct scale *scale)
{
	struct refgc_object *block =
		refgc_list_item(scale->all, next_random(scale) % refgc_list_count(scale->all));
	size_t count = refgc_list_count(block);
	return refgc_retain(count ? refgc_list_item(block, next_random(scale) % count) : scale->name);
}

/* Lengthens the one chain that leads through the whole heap. */
static void deepen(struct scale *scale)
{
	struct refgc_object *cell = made(scale, refgc_cell_create(scale->runtime, scale->name));
	if (scale->last_cell)
		must_do(refgc_cell_set(scale->runtime, scale->last_cell, cell));
	else
		must_do(refgc_root_add(scale->runtime, scale->first_cell = cell) != SIZE_MAX);
	refgc_release(scale->runtime, cell);
	scale->last_cell = cell;
}

/* ---- garbage ------------------------------------------------------------------------------------------- */

/* A ring of so many lists, some with records. */
static void drop_ring(struct scale *scale, uint64_t length)
{
	struct refgc_object *first = new_list(scale), *last = refgc_retain(first);
	for (uint64_t i = 1; i < length; i++) {
		struct refgc_object *list = new_list(scale);
		must_do(refgc_list_append(scale->runtime, last, list));
		if (i % 8 == 1)
			give(scale, list, new_record(scale));
		refgc_release(scale->runtime, last);
		last = list;
	}
	must_do(refgc_list_append(scale->runtime, last, first));
	refgc_release(scale->runtime, last);
	refgc_release(scale->runtime, first);
}

/* A list and a tuple that has it, with a reference to what is alive. */
static void drop_pair(struct scale *scale)
{
	struct refgc_object *list = new_list(scale);
	struct refgc_object *items[2] = {refgc_retain(list), any_unit(scale)};
	give(scale, list, new_tuple(scale, items, 2));
	give(scale, list, new_int(scale, scale->units));
	refgc_release(scale->runtime, list);
}

/* A point that has itself. */
static void drop_point(struct scale *scale)
{
	struct refgc_object *point = new_point(scale, new_int(scale, 1), refgc_retain(scale->name));
	struct point *fields = (struct point *)point;
	refgc_release(scale->runtime, fields->y);
	fields->y = point; /* the reference that was the caller's */
}

static void drop_garbage(struct scale *scale, uint64_t number)
{
	scale->cycles++;
	switch (number % 4) {
	case 0:
		drop_ring(scale, number % 4096 ? 1 + number % 29 : 10000);
		break;
	case 1:
	case 2:
		drop_pair(scale);
		break;
	case 3:
		drop_point(scale);
		break;
	}
}

/* ---- units --------------------------------------------------------------------------------------------- */

static void make_unit(struct scale *scale)
{
	uint64_t number = scale->units++;
	struct refgc_object *unit = new_list(scale);
	for (int i = 0; i < 6; i++)
		give(scale, unit, new_record(scale));
	give(scale, unit, new_numbers(scale));
	give(scale, unit, new_nest(scale));
	give(scale, unit, new_point(scale, new_int(scale, number), any_unit(scale)));
	if (number % 64 == 5)
		give(scale, unit, new_dict(scale));
	if (number % 64 == 25)
		give(scale, unit, new_instance(scale));
	if (number % 16 == 1) {
		struct refgc_object *back[2] = {refgc_retain(unit), any_unit(scale)};
		give(scale, unit, new_tuple(scale, back, 2));
	}
	if (number % 16 == 2)
		drop_garbage(scale, number / 16);
	if (number % 8 == 3)
		deepen(scale);
	if (refgc_list_count(scale->block) == BLOCK) {
		scale->block = new_list(scale);
		give(scale, scale->all, scale->block);
	}
	give(scale, scale->block, unit);
}

static void make_heap(struct scale *scale, uint64_t wanted)
{
	refgc_enable(scale->runtime, false);
	scale->lowest = UINTPTR_MAX;
	scale->class = must((void *)refgc_class_create(scale->runtime, "account", NULL, NULL));
	made(scale, refgc_garbage(scale->runtime));
	scale->name = made(scale, refgc_str_create(scale->runtime, "what many refer to"));
	scale->all = new_list(scale);
	must_do(refgc_root_add(scale->runtime, scale->all) != SIZE_MAX);
	scale->block = new_list(scale);
	give(scale, scale->all, scale->block);
	while (scale->made < wanted)
		make_unit(scale);
}

/* ---- the core ------------------------------------------------------------------------------------------ */

/* Of a copy of this process, which then is no more. */
static void dump_core(bool hold)
{
	fflush(NULL);
	pid_t child = fork();
	if (child < 0)
		fail("fork: no memory");
	if (!child) {
		const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
		setrlimit(RLIMIT_CORE, &unlimited);
		signal(SIGABRT, SIG_DFL);
		if (hold)
			raise(SIGSTOP);
		abort();
	}
	int status;
	if (hold) {
		waitpid(child, &status, WUNTRACED);
		printf("%d\n", (int)child);
		fflush(stdout);
		if (getchar() == EOF)
			fail("nobody said that the core is written");
		kill(child, SIGKILL);
	}
	waitpid(child, &status, 0);
	if (!hold && !WCOREDUMP(status))
		fail("the kernel wrote no core: see core(5)");
}

/* ---- walking over everything --------------------------------------------------------------------------- */

static uint32_t place_of(const struct scale *scale, const struct refgc_object *object)
{
	return (uint32_t)(((uintptr_t)object - scale->lowest) / GRANULE);
}

static struct refgc_object *object_at(const struct scale *scale, uint32_t place)
{
	return (struct refgc_object *)(scale->lowest + (uintptr_t)place * GRANULE);
}

static void meet(struct refgc_object *object, void *context)
{
	struct scale *scale = context;
	uintptr_t address = (uintptr_t)object;
	if (address < scale->lowest || address > scale->highest || (address - scale->lowest) % GRANULE)
		fail("there is an object that was never made");
	uint32_t place = place_of(scale, object);
	if (scale->seen[place / 64] >> place % 64 & 1)
		return;
	scale->seen[place / 64] |= UINT64_C(1) << place % 64;
	struct places *next = &scale->next;
	if (next->count == next->capacity) {
		next->capacity = next->capacity ? next->capacity * 2 : 1024;
		next->items = must(reallocarray(next->items, next->capacity, sizeof(*next->items)));
	}
	next->items[next->count++] = place;
}

static void count_object(struct scale *scale, const struct refgc_object *object)
{
	struct tally *tally = tally_of(scale, object->type);
	tally->there++;
	tally->bytes += refgc_object_size(object);
}

/* Counts all that can be reached from what has been met, step by step. Where @target is met, the number of steps to it goes
 * to *@distance_ret. */
static void walk(struct scale *scale, const struct refgc_object *target, uint64_t *distance_ret)
{
	struct places level = {0};
	for (uint64_t step = 0; scale->next.count; step++) {
		struct places done = level;
		level = scale->next;
		done.count = 0;
		scale->next = done;
		for (uint64_t i = 0; i < level.count; i++) {
			struct refgc_object *object = object_at(scale, level.items[i]);
			if (object == target)
				*distance_ret = step;
			count_object(scale, object);
			object->type->traverse(object, meet, scale);
		}
	}
	free(level.items);
}

/* Counts all that is there: what roots lead to, and the rest of what the collector knows. Returns how many steps it is from
 * the roots to @target. */
static uint64_t walk_over_all(struct scale *scale, const struct refgc_object *target)
{
	uint64_t distance = 0, again = 0;
	scale->seen = must(calloc((scale->highest - scale->lowest) / GRANULE / 64 + 1, sizeof(*scale->seen)));
	meet(scale->all, scale);
	meet(scale->first_cell, scale);
	meet(refgc_garbage(scale->runtime), scale);
	walk(scale, target, &distance);
	for (unsigned int generation = 0; generation <= REFGC_GENERATIONS; generation++)
		refgc_generation_visit(scale->runtime, generation, meet, scale);
	walk(scale, NULL, &again);
	free(scale->next.items);
	free(scale->seen);
	return distance;
}

/* Everything that was made is there, and nothing else. */
static void compare(const struct scale *scale)
{
	for (size_t i = 0; i < scale->type_count; i++) {
		const struct tally *tally = &scale->types[i];
		if (tally->made == tally->there)
			continue;
		fprintf(stderr, "refgc-scale: %s: %" PRIu64 " made, %" PRIu64 " there\n", tally->type->name, tally->made,
			tally->there);
		exit(1);
	}
}

/* ---- garbage, as the collector finds it ---------------------------------------------------------------- */

static void write_address(FILE *file, const struct refgc_object *object)
{
	uint64_t address = (uintptr_t)object;
	if (fwrite(&address, sizeof(address), 1, file) != 1)
		fail("addresses cannot be written");
}

static void close_addresses(FILE **file)
{
	if (fclose(*file))
		fail("addresses cannot be written");
	*file = NULL;
}

static void note_garbage(struct refgc_runtime *runtime, struct refgc_object *object)
{
	struct scale *scale = refgc_user_data(runtime);
	if (!scale->garbage)
		fail("there is garbage after a collection");
	tally_of(scale, object->type)->garbage++;
	scale->garbage_count++;
	write_address(scale->garbage, object);
}

static void note_freed(struct refgc_runtime *runtime, struct refgc_object *object)
{
	const struct scale *scale = refgc_user_data(runtime);
	if (scale->freed)
		write_address(scale->freed, object);
}

static void collect_garbage(struct scale *scale)
{
	scale->garbage = must(fopen("garbage", "wb"));
	scale->freed = must(fopen("freed", "wb"));
	refgc_collect(scale->runtime, REFGC_GENERATIONS - 1);
	close_addresses(&scale->garbage);
	close_addresses(&scale->freed);
}

/* ---- together ------------------------------------------------------------------------------------------ */

static void write_chain(const struct scale *scale)
{
	FILE *file = must(fopen("chain", "wb"));
	const struct refgc_object *cell = scale->first_cell;
	for (; cell->type == &refgc_cell_type; cell = refgc_cell_get(cell))
		write_address(file, cell);
	close_addresses(&file);
}

static void write_truth(const struct scale *scale, const struct refgc_object *target, uint64_t distance,
			double collecting)
{
	FILE *file = must(fopen("truth.json", "w"));
	fprintf(file, "{\"types\": {");
	for (size_t i = 0; i < scale->type_count; i++)
		fprintf(file, "%s\n\t\"%s\": {\"count\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"garbage\": %" PRIu64 "}",
			i ? "," : "", scale->types[i].type->name, scale->types[i].there, scale->types[i].bytes,
			scale->types[i].garbage);
	fprintf(file, "},\n\"objects\": %" PRIu64 ", \"garbage\": %" PRIu64 ", \"cycles\": %" PRIu64 ", ", scale->made,
		scale->garbage_count, scale->cycles);
	fprintf(file, "\"target\": %" PRIu64 ", \"distance\": %" PRIu64 ", \"collect_seconds\": %.3f}\n",
		(uint64_t)(uintptr_t)target, distance, collecting);
	if (fclose(file))
		fail("truth.json cannot be written");
}

/* A number deep in a unit in the middle of the last block. */
static struct refgc_object *choose_target(const struct scale *scale)
{
	struct refgc_object *unit = refgc_list_item(scale->block, refgc_list_count(scale->block) / 2);
	return must(refgc_list_item(must(refgc_list_item(unit, 6)), 7));
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[2])) {
		fprintf(stderr, "usage: refgc-scale OBJECTS FOLDER [--hold]\n");
		return 2;
	}
	mallopt(M_MMAP_THRESHOLD, 128 << 10); /* for good: so all arenas are side by side */
	static struct scale scale;
	const struct refgc_options options = {.user_data = &scale, .found = note_garbage, .freed = note_freed};
	double began = now();
	scale.runtime = must(refgc_runtime_create(&options));
	make_heap(&scale, strtoull(argv[1], NULL, 0));
	double made_at = now();
	dump_core(argc > 3 && !strcmp(argv[3], "--hold"));
	double dumped_at = now();
	struct refgc_object *target = choose_target(&scale);
	uint64_t distance = walk_over_all(&scale, target);
	compare(&scale);
	write_chain(&scale);
	double walked_at = now();
	collect_garbage(&scale);
	double collecting = now();
	refgc_collect(scale.runtime, REFGC_GENERATIONS - 1);
	collecting = now() - collecting;
	write_truth(&scale, target, distance, collecting);
	fprintf(stderr, "%" PRIu64 " objects made in %.1f s, the core written in %.1f s, all walked over in %.1f s, ",
		scale.made, made_at - began, dumped_at - made_at, walked_at - dumped_at);
	fprintf(stderr, "collected with nothing to free in %.1f s\n", collecting);
	fflush(NULL);
	_exit(0); /* the heap goes with the process */
}
