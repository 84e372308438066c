/* SPDX-License-Identifier: MIT */
/*
 * references.c - what objects refer to, and where references begin.
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/label.h"
#include "runtime/refgc/refgc.h"

/* Objects being visited, one after the other. */
struct visit {
	struct refgc *refgc;
	struct runtime_references *references;
	bool damaged; /* something of this object could not be read or makes no sense */
	bool no_memory;
};

static uint64_t word_at(const void *bytes, uint64_t offset)
{
	uint64_t word;
	memcpy(&word, (const char *)bytes + offset, sizeof(word));
	return word;
}

/* Emits the reference of entry number @index, whose bytes are at @entry. */
static void emit(struct visit *visit, const struct refgc_item *item, const void *entry, uint64_t index)
{
	uint64_t target = word_at(entry, item->member), value = index;
	if (!target)
		return;
	if (target & RUNTIME_REFERENCE_FLAGS) {
		visit->damaged = true;
		return;
	}
	if (item->flags & ITEM_NAMED)
		value = word_at(entry, item->key);
	unsigned int flags = item->flags & ITEM_UNVISITED ? RUNTIME_UNVISITED : 0;
	if (!runtime_reference_add(visit->references, target | flags, item->label, value, item->label_text))
		visit->no_memory = true;
}

/* The bytes of one entry up to the end of what is wanted of it. */
static uint64_t wanted_size(const struct refgc_item *item)
{
	uint64_t end = item->member + sizeof(uint64_t);
	if (item->flags & ITEM_NAMED && item->key + sizeof(uint64_t) > end)
		end = item->key + sizeof(uint64_t);
	return end;
}

static void visit_apart(struct visit *visit, const struct refgc_item *item, const struct refgc_entries *entries)
{
	uint64_t words[2];
	struct refgc_item packed = *item; /* the two words of an entry, side by side */
	packed.member = 0;
	packed.key = sizeof(uint64_t);
	for (uint64_t i = 0; i < entries->count && !visit->no_memory; i++) {
		uint64_t entry = entries->start + i * item->stride;
		if (!described_read(visit->refgc->target, entry + item->member, sizeof(uint64_t), false, &words[0]) ||
		    (item->flags & ITEM_NAMED &&
		     !described_read(visit->refgc->target, entry + item->key, sizeof(uint64_t), false, &words[1]))) {
			visit->damaged = true;
			return;
		}
		emit(visit, &packed, words, i);
	}
}

static void visit_item(struct visit *visit, const struct refgc_item *item, uint64_t address)
{
	struct refgc_entries entries;
	if (!refgc_entries(visit->refgc, item, address, &entries)) {
		visit->damaged = true;
		return;
	}
	if (!entries.count)
		return;
	if (!runtime_references_look(visit->references, entries.size / sizeof(uint64_t))) {
		visit->no_memory = true;
		return;
	}
	uint64_t size = entries.size ? entries.size : wanted_size(item);
	const char *bytes = target_map(visit->refgc->target, entries.start, size);
	if (!bytes) {
		visit_apart(visit, item, &entries);
		return;
	}
	for (uint64_t i = 0; i < entries.count && !visit->no_memory; i++)
		emit(visit, item, bytes + i * item->stride, i);
}

static void visit_object(struct visit *visit, const struct refgc_type *type, uint64_t address)
{
	visit->damaged = type->damaged;
	for (size_t i = 0; i < type->item_count && !visit->no_memory; i++)
		if (type->items[i].kind == ITEM_REFERENCE)
			visit_item(visit, &type->items[i], address);
}

struct inspect_error *refgc_references(struct runtime *runtime, const uint64_t *addresses, const uint32_t *types,
				       size_t count, struct runtime_references *references, size_t *ends,
				       size_t *damaged_ret)
{
	struct refgc *refgc = (struct refgc *)runtime;
	struct visit visit = { .refgc = refgc, .references = references };
	for (size_t i = 0; i < count; i++) {
		visit_object(&visit, type_table_at(refgc->types, types[i]), addresses[i]);
		if (visit.no_memory)
			return &inspect_error_no_memory;
		*damaged_ret += visit.damaged;
		if (ends)
			ends[i] = references->drained + references->count;
	}
	return NULL;
}

/* ---- labels ---------------------------------------------------------------------------------------- */

static char *describe(struct runtime *runtime, uint64_t address, bool bare)
{
	struct refgc *refgc = (struct refgc *)runtime;
	if (runtime->redacted) /* names of attributes are objects like others */
		return strdup("…");
	struct refgc_type *type = refgc_type_of(refgc, address);
	if (!type)
		return NULL;
	return type->damaged ? strdup("?") : refgc_value(refgc, type, address, bare);
}

char *refgc_label(struct runtime *runtime, const struct runtime_label *label)
{
	return runtime_label_text(runtime, label, describe);
}

/* ---- roots ----------------------------------------------------------------------------------------- */

/* The roots of one collector on their way to the sink. */
struct root_walk {
	struct refgc *refgc;
	struct runtime_root_sink *sink;
	struct notes *notes;
	char place[40];
};

static struct inspect_error *add_root(struct root_walk *walk, uint64_t target, enum runtime_label_kind kind,
				      uint64_t value, const char *text)
{
	const struct runtime_label label = { .kind = kind, .value = value, .text = text };
	if (!target)
		return NULL;
	if (target & RUNTIME_REFERENCE_FLAGS)
		return notes_add(walk->notes, true, "a root of %s is damaged: 0x%llx is no object's address", walk->place,
				 (unsigned long long)target);
	return walk->sink->add(walk->sink, target, RUNTIME_ROOT_INTERPRETER, walk->place, &label);
}

/* What the program holds by itself. */
static struct inspect_error *add_program_roots(struct root_walk *walk, const struct refgc_collector *collector)
{
	const struct descriptor *descriptor = collector->descriptor;
	struct inspect_target *target = walk->refgc->target;
	uint64_t array, count;
	if (!descriptor->collector_roots.known || !descriptor->collector_root_count.known)
		return NULL;
	if (!described_number(target, collector->address, &descriptor->collector_roots, &array) ||
	    !described_number(target, collector->address, &descriptor->collector_root_count, &count) ||
	    count > UINT64_MAX / sizeof(uint64_t) || (count && !target_has(target, array, count * sizeof(uint64_t))))
		return notes_add(walk->notes, true, "the roots of %s cannot be read", walk->place);
	struct inspect_error *error = NULL;
	for (uint64_t i = 0; i < count && !error; i++) {
		uint64_t root;
		described_read(target, array + i * sizeof(root), sizeof(root), false, &root);
		error = add_root(walk, root, RUNTIME_LABEL_INDEX, i, ".roots");
	}
	return error;
}

static struct inspect_error *add_garbage(struct root_walk *walk, const struct refgc_collector *collector)
{
	uint64_t garbage;
	described_number(walk->refgc->target, collector->address, &collector->descriptor->collector_garbage, &garbage);
	return add_root(walk, garbage, RUNTIME_LABEL_TEXT, 0, ".garbage");
}

struct inspect_error *refgc_roots(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes)
{
	struct refgc *refgc = (struct refgc *)runtime;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < refgc->collector_count && !error; i++) {
		struct root_walk walk = { .refgc = refgc, .sink = sink, .notes = notes, .place = "collector" };
		if (refgc->collector_count > 1)
			snprintf(walk.place, sizeof(walk.place), "collector %zu", i);
		error = add_program_roots(&walk, &refgc->collectors[i]);
		if (!error)
			error = add_garbage(&walk, &refgc->collectors[i]);
	}
	return error;
}
