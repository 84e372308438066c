/* SPDX-License-Identifier: MIT */
/*
 * refgc.c - the adapter for runtimes that describe their heap: what runtime.h asks of it.
 */
#include "runtime/refgc/refgc.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"

enum {
	DESCRIPTOR_LIMIT = 64, /* in one target; more is damage */
	COLLECTOR_LIMIT = 256, /* as in collector.c */
	NOTE_TYPE = 1,
	TEXT_LIMIT = 200, /* bytes of the runtime's name and version */
};

static const char note_owner[] = "heapdesc";

/* ---- finding descriptors --------------------------------------------------------------------------- */

/* Descriptors that were found in a target, and why others cannot be read. */
struct found {
	struct descriptor items[DESCRIPTOR_LIMIT];
	size_t count;
	struct inspect_error *error; /* of the first one that cannot */
};

static bool is_known(const struct found *found, uint64_t note)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].note == note)
			return true;
	return false;
}

static void find_in_image(struct inspect_target *target, struct target_image *image, struct found *found)
{
	uint64_t note, size;
	for (size_t i = 0; i < DESCRIPTOR_LIMIT && found->count < DESCRIPTOR_LIMIT; i++) {
		if (!image_note(target, image, note_owner, NOTE_TYPE, i, &note, &size))
			return;
		if (is_known(found, note))
			continue;
		struct inspect_error *error =
			descriptor_read(target, image, note, size, &found->items[found->count]);
		found->count += !error;
		if (found->error)
			inspect_error_destroy(error);
		else
			found->error = error;
	}
}

/* Do both describe objects, types and lists alike? Then their collectors can be read as one heap. */
static bool are_alike(const struct descriptor *one, const struct descriptor *other)
{
	static const size_t places[] = {
		offsetof(struct descriptor, gc_size), offsetof(struct descriptor, gc_next),
		offsetof(struct descriptor, gc_prev), offsetof(struct descriptor, gc_next_mask),
		offsetof(struct descriptor, gc_prev_mask), offsetof(struct descriptor, gc_next_unreachable),
		offsetof(struct descriptor, gc_prev_finalized), offsetof(struct descriptor, gc_prev_collecting),
		offsetof(struct descriptor, object_refcount), offsetof(struct descriptor, object_immortal),
		offsetof(struct descriptor, object_type), offsetof(struct descriptor, type_name),
		offsetof(struct descriptor, type_basic_size), offsetof(struct descriptor, type_item_size),
		offsetof(struct descriptor, type_flags), offsetof(struct descriptor, type_flags_container),
		offsetof(struct descriptor, type_layout), offsetof(struct descriptor, type_layout_count),
		offsetof(struct descriptor, type_finalize), offsetof(struct descriptor, type_legacy_finalize),
		offsetof(struct descriptor, type_finalize), offsetof(struct descriptor, type_legacy_finalize),
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct descriptor_entry *a = (const void *)((const char *)one + places[i]),
					      *b = (const void *)((const char *)other + places[i]);
		if (a->known != b->known || a->width != b->width || a->value != b->value)
			return false;
	}
	return true;
}

static bool has_collectors(struct inspect_target *target, const struct descriptor *descriptor)
{
	uint64_t first;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_u64(target, descriptor->collectors_first.value, &first);
	return !error && first;
}

/* The first one that has collectors, else the first one. */
static size_t choose(struct inspect_target *target, const struct found *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (has_collectors(target, &found->items[i]))
			return i;
	return 0;
}

/* The text at the address that @entry has; NULL if it cannot be read. */
static char *text_of(struct refgc *refgc, const struct descriptor_entry *entry)
{
	char *text = NULL;
	if (!entry->known || !refgc_may_show(refgc, entry->value))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(refgc->target, entry->value, TEXT_LIMIT, &text);
	return text;
}

/* What is in the target and is not shown. */
static struct inspect_error *note_other(struct refgc *refgc, const struct descriptor *other)
{
	char *name AUTO_FREE = text_of(refgc, &other->runtime_name);
	return notes_add(&refgc->runtime.notes, false,
			 "there is another heap, of %s in %s, which describes its objects otherwise and is not shown",
			 name ? name : "a runtime", other->image->path);
}

/* The bytes up to the end of both fields, if they are words; else 0. */
static uint64_t span_of(const struct descriptor_entry *one, const struct descriptor_entry *other)
{
	const uint64_t word = sizeof(uint64_t);
	uint64_t last = one->value > other->value ? one->value : other->value;
	bool words = one->known && one->width == word && other->known && other->width == word;
	return words && last < UINT64_MAX - word ? last + word : 0;
}

/* Takes over the chosen descriptor and those like it, which comes first, with their collectors. */
static struct inspect_error *take_descriptors(struct refgc *refgc, struct found *found)
{
	size_t chosen = choose(refgc->target, found);
	refgc->descriptors = calloc(found->count, sizeof(*refgc->descriptors));
	refgc->collectors = calloc(COLLECTOR_LIMIT, sizeof(*refgc->collectors));
	if (!refgc->descriptors || !refgc->collectors)
		return &inspect_error_no_memory;
	refgc->descriptor = refgc->descriptors;
	refgc->descriptors[refgc->descriptor_count++] = found->items[chosen];
	refgc->header_size = span_of(&refgc->descriptor->object_refcount, &refgc->descriptor->object_type);
	refgc->head_size = span_of(&refgc->descriptor->gc_next, &refgc->descriptor->gc_prev);
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < found->count && !error; i++) {
		if (i == chosen)
			continue;
		if (are_alike(refgc->descriptor, &found->items[i]))
			refgc->descriptors[refgc->descriptor_count++] = found->items[i];
		else if (has_collectors(refgc->target, &found->items[i]))
			error = note_other(refgc, &found->items[i]);
	}
	for (size_t i = 0; i < refgc->descriptor_count && !error; i++)
		error = refgc_collectors_find(refgc, &refgc->descriptors[i]);
	if (!error && found->error)
		error = notes_add(&refgc->runtime.notes, true, "another heap is not shown: %s",
				  inspect_error_message(found->error));
	return error;
}

/* ---- attaching ------------------------------------------------------------------------------------- */

extern const struct runtime_operations refgc_operations;

static void refgc_detach(struct runtime *runtime)
{
	struct refgc *refgc = (struct refgc *)runtime;
	for (size_t i = 0; i < runtime->collector_count; i++)
		free(runtime->collectors[i].debug_text);
	free(runtime->collectors);
	for (size_t i = 0; i < runtime->type_count; i++)
		free(runtime->types[i].name);
	free(runtime->types);
	notes_deinit(&runtime->notes);
	type_table_destroy(refgc->types);
	free(refgc->collectors);
	free(refgc->descriptors);
	free(refgc);
}

static struct inspect_error *attach(struct inspect_target *target, struct found *found, struct runtime **runtime_ret)
{
	struct refgc *refgc = calloc(1, sizeof(*refgc));
	if (!refgc)
		return &inspect_error_no_memory;
	refgc->runtime.operations = &refgc_operations;
	refgc->runtime.target = refgc->target = target;
	refgc->runtime.redacted = target->redacted;
	refgc->types = type_table_create(&refgc_type_operations);
	struct inspect_error *error = refgc->types ? take_descriptors(refgc, found) : &inspect_error_no_memory;
	if (!error)
		error = refgc_collectors_read(refgc);
	if (error)
		refgc_detach(&refgc->runtime);
	else
		*runtime_ret = &refgc->runtime;
	return error;
}

static struct inspect_error *refgc_attach(struct inspect_target *target, struct runtime **runtime_ret)
{
	struct found *found AUTO_FREE = calloc(1, sizeof(*found));
	if (!found)
		return &inspect_error_no_memory;
	for (size_t i = 0; i < target->image_count; i++)
		if (target->images[i].is_elf)
			find_in_image(target, &target->images[i], found);
	if (!found->count)
		return found->error;
	struct inspect_error *error = attach(target, found, runtime_ret);
	inspect_error_destroy(found->error);
	return error;
}

/* ---- facts ----------------------------------------------------------------------------------------- */

static struct inspect_error *describe_text(struct refgc *refgc, const struct descriptor_entry *entry, const char *item,
					   struct runtime_facts *facts)
{
	char *text AUTO_FREE = text_of(refgc, entry);
	return text ? runtime_fact_add(facts, item, "%s", text) : NULL;
}

static struct inspect_error *describe_images(struct refgc *refgc, struct runtime_facts *facts)
{
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < refgc->descriptor_count && !error; i++) {
		const struct target_image *image = refgc->descriptors[i].image;
		char build_id[2 * sizeof(image->build_id) + 1];
		image_build_id_text(image, build_id);
		error = runtime_fact_add(facts, "runtime_image", "%s", image->path);
		if (!error && build_id[0])
			error = runtime_fact_add(facts, "build_id", "%s", build_id);
	}
	return error;
}

static struct inspect_error *refgc_describe(struct runtime *runtime, struct runtime_facts *facts)
{
	struct refgc *refgc = (struct refgc *)runtime;
	const struct descriptor *descriptor = refgc->descriptor;
	char *name AUTO_FREE = text_of(refgc, &descriptor->runtime_name);
	struct inspect_error *error =
		runtime_fact_add(facts, "runtime", "%s", name ? name : "(its name cannot be read)");
	if (!error)
		error = describe_text(refgc, &descriptor->runtime_version, "version", facts);
	if (!error)
		error = describe_images(refgc, facts);
	if (!error)
		error = runtime_fact_add(facts, "layout", "its own heap descriptor, at 0x%" PRIx64, descriptor->note);
	if (!error)
		error = runtime_fact_add(facts, "interpreters", "%zu", runtime->collector_count);
	return error;
}

const struct runtime_operations refgc_operations = {
	.name = "described",
	.attach = refgc_attach,
	.detach = refgc_detach,
	.describe = refgc_describe,
	.walk = refgc_walk,
	.examine = refgc_examine,
	.references = refgc_references,
	.roots = refgc_roots,
	.traits = refgc_traits,
	.weakref = refgc_weakref,
	.label = refgc_label,
	.object = refgc_object,
	.verify = &refgc_verify_operations,
	.text = refgc_text,
};
