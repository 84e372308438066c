/* SPDX-License-Identifier: MIT */
/*
 * collector.c - collectors, their state and their lists.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "runtime/gc_list.h"
#include "runtime/refgc/refgc.h"

enum { COLLECTOR_LIMIT = 256 /* more than that is a list that runs in a circle, or damage */ };

/* ---- finding them ---------------------------------------------------------------------------------- */

static bool is_found(const struct refgc *refgc, uint64_t address)
{
	for (size_t i = 0; i < refgc->collector_count; i++)
		if (refgc->collectors[i].address == address)
			return true;
	return false;
}

static struct inspect_error *note_end(struct refgc *refgc, const char *what, uint64_t address)
{
	return notes_add(&refgc->runtime.notes, true, "the list of collectors is damaged: %s 0x%" PRIx64
			 "; those before it are shown", what, address);
}

struct inspect_error *refgc_collectors_find(struct refgc *refgc, const struct descriptor *descriptor)
{
	uint64_t address;
	struct inspect_error *error = target_read_u64(refgc->target, descriptor->collectors_first.value, &address);
	if (error)
		return inspect_error_prefix(error, "the list of collectors cannot be read");
	while (address) {
		if (refgc->collector_count >= COLLECTOR_LIMIT)
			return note_end(refgc, "more collectors than there can be, the next one at", address);
		if (is_found(refgc, address))
			return note_end(refgc, "it comes back to", address);
		if (!target_has(refgc->target, address + descriptor->collector_generations.value, sizeof(uint64_t)))
			return note_end(refgc, "nothing can be read at", address);
		refgc->collectors[refgc->collector_count++] =
			(struct refgc_collector){ .descriptor = descriptor, .address = address };
		described_number(refgc->target, address, &descriptor->collector_next, &address);
	}
	return NULL;
}

/* ---- what they say --------------------------------------------------------------------------------- */

static int64_t number_or_unknown(struct refgc *refgc, uint64_t structure, const struct descriptor_entry *entry,
				 bool is_signed)
{
	int64_t value;
	uint64_t number;
	if (is_signed)
		return described_signed(refgc->target, structure, entry, &value) ? value : RUNTIME_UNKNOWN;
	if (!described_number(refgc->target, structure, entry, &number) || number > INT64_MAX)
		return RUNTIME_UNKNOWN;
	return (int64_t)number;
}

static int64_t truth_or_unknown(struct refgc *refgc, uint64_t structure, const struct descriptor_entry *entry)
{
	uint64_t number;
	return described_number(refgc->target, structure, entry, &number) ? number != 0 : RUNTIME_UNKNOWN;
}

/* The debug flags in words, as CPython has them. */
static char *debug_text(const struct descriptor *descriptor, int64_t debug)
{
	const struct {
		const struct descriptor_entry *flag;
		const char *name;
	} names[] = {
		{ &descriptor->debug_stats, "DEBUG_STATS" },
		{ &descriptor->debug_collectable, "DEBUG_COLLECTABLE" },
		{ &descriptor->debug_uncollectable, "DEBUG_UNCOLLECTABLE" },
		{ &descriptor->debug_saveall, "DEBUG_SAVEALL" },
	};
	char text[128] = "";
	for (size_t i = 0; debug != RUNTIME_UNKNOWN && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!((uint64_t)debug & names[i].flag->value))
			continue;
		size_t length = strlen(text);
		snprintf(text + length, sizeof(text) - length, "%s%s", length ? "|" : "", names[i].name);
	}
	return strdup(text);
}

/* The length of the list of garbage; 0 where there is no list yet. *@garbage_ret is its address. */
static int64_t garbage_length(struct refgc *refgc, const struct refgc_collector *collector, uint64_t *garbage_ret)
{
	uint64_t garbage;
	if (!described_number(refgc->target, collector->address, &collector->descriptor->collector_garbage, &garbage))
		return RUNTIME_UNKNOWN;
	*garbage_ret = garbage;
	const struct refgc_type *type = garbage ? refgc_type_of(refgc, garbage) : NULL;
	return !garbage ? 0 : type ? refgc_length(refgc, type, garbage) : RUNTIME_UNKNOWN;
}

static uint64_t generation_at(const struct refgc_collector *collector, unsigned int number)
{
	const struct descriptor *descriptor = collector->descriptor;
	return collector->address + descriptor->collector_generations.value + number * descriptor->generation_size.value;
}

static struct runtime_generation read_generation(struct refgc *refgc, const struct descriptor *descriptor,
						 uint64_t address)
{
	return (struct runtime_generation){
		.threshold = number_or_unknown(refgc, address, &descriptor->generation_threshold, true),
		.count = number_or_unknown(refgc, address, &descriptor->generation_count, true),
		.collections = number_or_unknown(refgc, address, &descriptor->generation_collections, false),
		.collected = number_or_unknown(refgc, address, &descriptor->generation_collected, false),
		.uncollectable = number_or_unknown(refgc, address, &descriptor->generation_uncollectable, false),
	};
}

static bool read_collector(struct refgc *refgc, size_t number, struct runtime_collector *to)
{
	const struct refgc_collector *collector = &refgc->collectors[number];
	const struct descriptor *descriptor = collector->descriptor;
	*to = (struct runtime_collector){
		.id = (int64_t)number,
		.address = collector->address,
		.enabled = truth_or_unknown(refgc, collector->address, &descriptor->collector_enabled),
		.collecting = truth_or_unknown(refgc, collector->address, &descriptor->collector_collecting),
		.debug = number_or_unknown(refgc, collector->address, &descriptor->collector_debug, false),
		.callbacks = number_or_unknown(refgc, collector->address, &descriptor->collector_callback_count, false),
		.generation_count = (unsigned int)descriptor->collector_generation_count.value,
	};
	to->garbage = garbage_length(refgc, collector, &to->garbage_list);
	for (unsigned int i = 0; i < to->generation_count; i++)
		to->generations[i] = read_generation(refgc, descriptor, generation_at(collector, i));
	to->debug_text = debug_text(descriptor, to->debug);
	return to->debug_text;
}

struct inspect_error *refgc_collectors_read(struct refgc *refgc)
{
	struct runtime *runtime = &refgc->runtime;
	runtime->collectors = calloc(refgc->collector_count + 1, sizeof(*runtime->collectors));
	if (!runtime->collectors)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < refgc->collector_count; i++, runtime->collector_count++)
		if (!read_collector(refgc, i, &runtime->collectors[i]))
			return &inspect_error_no_memory;
	return NULL;
}

/* ---- their lists ----------------------------------------------------------------------------------- */

static struct gc_links links_of(const struct refgc *refgc)
{
	const struct descriptor *descriptor = refgc->descriptor;
	return (struct gc_links){
		.next = descriptor->gc_next.value, .previous = descriptor->gc_prev.value,
		.has_previous = descriptor->gc_prev.known,
		.next_mask = descriptor->gc_next_mask.known ? descriptor->gc_next_mask.value : UINT64_MAX,
		.previous_mask = descriptor->gc_prev_mask.known ? descriptor->gc_prev_mask.value : UINT64_MAX,
		.head_size = descriptor->gc_size.value,
	};
}

enum { LIST_LIMIT = RUNTIME_PERMANENT + 1 };

/* Which generation a collection under way collects; the oldest one if that is not known. */
static unsigned int collected_generation(struct refgc *refgc, const struct refgc_collector *collector)
{
	const struct descriptor *descriptor = collector->descriptor;
	unsigned int oldest = (unsigned int)descriptor->collector_generation_count.value - 1;
	uint64_t collected;
	return described_number(refgc->target, collector->address, &descriptor->collector_collected, &collected) &&
			       collected < oldest ? (unsigned int)collected : oldest;
}

/* The lists of collector @number: up to LIST_LIMIT @items, which @lists leads to. */
static void describe_lists(struct refgc *refgc, unsigned int number, struct gc_list *items, struct gc_lists *lists)
{
	const struct refgc_collector *collector = &refgc->collectors[number];
	const struct descriptor *descriptor = collector->descriptor;
	unsigned int generations = (unsigned int)descriptor->collector_generation_count.value;
	*lists = (struct gc_lists){
		.items = items, .collector = number,
		.collecting = refgc->runtime.collectors[number].collecting == 1,
		.collected = collected_generation(refgc, collector),
	};
	for (unsigned int i = 0; i < generations; i++)
		items[lists->count++] =
			(struct gc_list){ generation_at(collector, i) + descriptor->generation_head.value, i };
	if (descriptor->collector_permanent.known)
		items[lists->count++] = (struct gc_list){ collector->address + descriptor->collector_permanent.value,
							  RUNTIME_PERMANENT };
	snprintf(lists->owner, sizeof(lists->owner), "collector %u", number);
}

static bool is_tracked(void *refgc, uint64_t address, bool dying)
{
	return refgc_is_tracked(refgc, address, dying);
}

/* All lists, for @use. */
static struct inspect_error *with_lists(struct runtime *runtime,
					struct inspect_error *(*use)(const struct gc_heap *heap, void *context, struct notes *notes),
					void *context, struct notes *notes)
{
	struct refgc *refgc = (struct refgc *)runtime;
	struct gc_list(*items)[LIST_LIMIT] AUTO_FREE = calloc(refgc->collector_count + 1, sizeof(*items));
	struct gc_lists *lists AUTO_FREE = calloc(refgc->collector_count + 1, sizeof(*lists));
	if (!items || !lists)
		return &inspect_error_no_memory;
	for (unsigned int i = 0; i < refgc->collector_count; i++)
		describe_lists(refgc, i, items[i], &lists[i]);
	const struct gc_heap heap = {
		.target = refgc->target, .links = links_of(refgc), .collectors = lists,
		.collector_count = refgc->collector_count, .is_tracked = is_tracked, .context = refgc,
	};
	return use(&heap, context, notes);
}

static struct inspect_error *walk_lists(const struct gc_heap *heap, void *sink, struct notes *notes)
{
	return gc_lists_walk(heap, sink, notes);
}

struct inspect_error *refgc_walk(struct runtime *runtime, struct runtime_sink *sink, struct notes *notes)
{
	return with_lists(runtime, walk_lists, sink, notes);
}

static struct inspect_error *verify_lists(const struct gc_heap *heap, void *verifier, struct notes *notes)
{
	return gc_lists_verify(heap, verifier, notes);
}

struct inspect_error *refgc_verify_lists(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes)
{
	return with_lists(runtime, verify_lists, verifier, notes);
}
