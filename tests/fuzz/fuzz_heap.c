/* SPDX-License-Identifier: MIT */
/*
 * fuzz_heap.c - the input is a list of changes to the heap of a real program, on which verbs then run.
 *
 * The programs' cores, reduced to what the verbs read (make-corpus), are in the folder $FUZZ_BASES, in memory that the target
 * shares: a change is a store, and is taken back by another one, so that nothing is opened or copied for an input.
 *
 *     byte 0      which core
 *     byte 1      which verb
 *     bytes 2, 3  which object is its operand
 *     then changes of 12 bytes: what kind, where (3 bytes), what (8 bytes)
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"

#include "base/error.h"
#include "graph/graph.h"
#include "runtime/runtime.h"
#include "target/target.h"
#include "verbs/session.h"

enum { BASES_MAX = 32, CHANGES_MAX = 64, WORD = 8 };

/* One core. */
struct base {
	struct inspect_target *target;
	uint64_t *address, *size; /* of the objects that it has, unchanged */
	size_t count;
	uint64_t words; /* of writable memory */
};

static struct base bases[BASES_MAX];
static size_t base_count;

/* ---- cores ----------------------------------------------------------------------------------------------- */

/* Where the word at @address is, to be changed; NULL if it is nowhere. */
static void *place_of(const struct base *base, uint64_t address)
{
	return (void *)target_map(base->target, address, WORD);
}

/* The target maps its file for reading only: what it maps becomes ours to write, with nothing behind it. */
static void make_writable(struct inspect_target *target)
{
	for (size_t i = 0; i < target->segment_count; i++) {
		const struct target_segment *segment = &target->segments[i];
		uintptr_t start = (uintptr_t)segment->data & ~UINT64_C(4095), end = (uintptr_t)segment->data + (segment->end - segment->start);
		if (segment->data && mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) != 0)
			abort();
	}
}

static void list_objects(struct base *base)
{
	struct runtime *runtime;
	struct heap heap;
	struct graph graph;
	struct notes notes = { 0 };
	struct inspect_error *error = runtime_attach(base->target, NULL, &runtime);
	if (!error)
		error = graph_build(runtime, &heap, &graph, &notes);
	if (!error)
		error = heap_find_sizes(&heap, &notes);
	if (error) {
		fprintf(stderr, "%s: %s\n", base->target->name, inspect_error_message(error));
		abort();
	}
	base->count = heap.count;
	base->address = calloc(heap.count, sizeof(*base->address));
	base->size = calloc(heap.count, sizeof(*base->size));
	for (size_t id = 0; id < heap.count; id++) {
		base->address[id] = heap.address[id];
		base->size[id] = heap.size[id] < 4096 ? heap.size[id] : 4096;
	}
	for (size_t i = 0; i < base->target->segment_count; i++)
		if (base->target->segments[i].data && base->target->segments[i].writable)
			base->words += (base->target->segments[i].end - base->target->segments[i].start) / WORD;
	fprintf(stderr, "%s: %zu objects, %zu references\n", base->target->name, heap.count, (size_t)graph.edge_count);
	graph_deinit(&graph);
	heap_deinit(&heap);
	notes_deinit(&notes);
	runtime_detach(runtime);
}

static void open_base(const char *folder, const char *name)
{
	char path[512];
	static uint8_t bytes[1 << 26];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	size_t size = fuzz_read(path, bytes, sizeof(bytes));
	struct base *base = &bases[base_count++];
	struct inspect_error *error = inspect_target_open_core(fuzz_file((unsigned int)base_count, bytes, size), &fuzz_options, &base->target);
	if (error) {
		fprintf(stderr, "%s: %s\n", path, inspect_error_message(error));
		abort();
	}
	make_writable(base->target);
	list_objects(base);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void open_bases(void)
{
	const char *folder = getenv("FUZZ_BASES");
	DIR *directory = folder ? opendir(folder) : NULL;
	char *names[BASES_MAX];
	size_t count = 0;
	if (!directory) {
		fputs("fuzz-heap: set FUZZ_BASES to the folder bases/ that make-corpus made\n", stderr);
		exit(2);
	}
	for (struct dirent *entry; (entry = readdir(directory)) && count < BASES_MAX;)
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	closedir(directory);
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		open_base(folder, names[i]);
		free(names[i]);
	}
	if (!base_count)
		exit(2);
}

/* ---- changes --------------------------------------------------------------------------------------------- */

struct change {
	uint64_t *place;
	uint64_t before;
};

/* The address of word number @number of the writable memory. */
static uint64_t word_at(const struct base *base, uint64_t number)
{
	for (size_t i = 0; i < base->target->segment_count; i++) {
		const struct target_segment *segment = &base->target->segments[i];
		uint64_t words = (segment->end - segment->start) / WORD;
		if (!segment->data || !segment->writable)
			continue;
		if (number < words)
			return segment->start + number * WORD;
		number -= words;
	}
	return 0;
}

/* A word of an object or of its head, of what it points to, or any. */
static uint64_t pick_place(const struct base *base, unsigned int kind, uint32_t where)
{
	uint64_t object = (where & 0xffff) % base->count, word = where >> 16;
	uint64_t inside = base->address[object] + word % (base->size[object] / WORD + 4) * WORD - 2 * WORD, pointer;
	switch (kind) {
	case 0:
		return word_at(base, where % base->words);
	case 1: {
		const void *place = place_of(base, base->address[object] + word % 16 * WORD);
		if (!place)
			return 0;
		memcpy(&pointer, place, sizeof(pointer));
		return (pointer & ~UINT64_C(7)) + word / 16 * WORD;
	}
	default:
		return inside;
	}
}

static uint64_t pick_value(const struct base *base, unsigned int kind, uint64_t before, uint64_t what)
{
	static const uint64_t special[] = {
		0, 1, 2, 7, UINT64_MAX, INT64_MAX, INT64_MIN, UINT32_MAX, INT32_MAX, 1 << 16, 1 << 20, UINT64_C(1) << 40,
		UINT64_C(1) << 61, UINT64_C(0xdddddddddddddddd), UINT64_C(0xcdcdcdcdcdcdcdcd), UINT64_C(0xfdfdfdfdfdfdfdfd),
	};
	uint64_t word;
	const void *place;
	switch (kind) {
	case 0:
		return what;
	case 1:
		return base->address[what % base->count];
	case 2:
		return base->address[(what & 0xffff) % base->count] + (uint64_t)(int8_t)(what >> 16);
	case 3:
		return before + (uint64_t)(int8_t)what;
	case 4:
		place = place_of(base, base->address[(what & 0xffff) % base->count] + (what >> 16 & 0x3f) * WORD);
		if (!place)
			return 0;
		memcpy(&word, place, sizeof(word));
		return word;
	case 5:
		return before ^ UINT64_C(1) << (what & 63);
	case 6:
		return special[what % (sizeof(special) / sizeof(*special))];
	default:
		return (before & ~UINT64_C(0xffffffff)) | (what & 0xffffffff);
	}
}

static size_t change(const struct base *base, struct fuzz_input *input, struct change *changes)
{
	size_t count = 0;
	while (input->size >= 12 && count < CHANGES_MAX) {
		unsigned int kind = (unsigned int)fuzz_take(input, 1);
		uint32_t where = (uint32_t)fuzz_take(input, 3);
		uint64_t what = fuzz_take(input, 8);
		uint64_t *place = place_of(base, pick_place(base, kind >> 3 & 3, where));
		if (!place)
			continue;
		struct change *made = &changes[count++];
		made->place = place;
		memcpy(&made->before, place, WORD);
		uint64_t value = pick_value(base, kind & 7, made->before, what);
		memcpy(place, &value, WORD);
	}
	return count;
}

static void take_back(const struct change *changes, size_t count)
{
	while (count-- > 0)
		memcpy(changes[count].place, &changes[count].before, WORD);
}

/* ---- together -------------------------------------------------------------------------------------------- */

/* A session of the target, which it does not close. */
static void run(struct inspect_target *target, uint64_t verbs, uint64_t address)
{
	target->limits.memory = 0; /* what a session frees at its end is not counted any more */
	struct inspect_session *session = inspect_session_create(target);
	fuzz_run_verbs(session, verbs, address);
	session->target = calloc(1, sizeof(*target));
	inspect_session_destroy(session);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (!base_count)
		open_bases();
	struct fuzz_input input = { data, size };
	const struct base *base = &bases[fuzz_take(&input, 1) % base_count];
	uint64_t verb = fuzz_take(&input, 1) % FUZZ_FORMS;
	uint64_t operand = base->address[fuzz_take(&input, 2) % base->count];
	struct change changes[CHANGES_MAX];
	size_t count = change(base, &input, changes);
	run(base->target, UINT64_C(1) << verb, operand);
	take_back(changes, count);
}
