/* SPDX-License-Identifier: MIT */
/*
 * descriptor.c - reading a heap descriptor: the note, then the table that it leads to.
 */
#include "runtime/refgc/descriptor.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

enum {
	FORMAT_VERSION = 1,
	NOTE_SIZE = 24,
	TABLE_OFFSET = 8,  /* in the note: how far the table is from here */
	COUNT_OFFSET = 16, /* the same for the number of its entries */
	ENTRY_SIZE = 48,
	NAME_SIZE = 32,
	ENTRY_SIZE_LIMIT = 4096,
	ENTRY_LIMIT = 4096, /* more than any runtime has to say: what is above is damage */
	STRUCTURE_LIMIT = 1 << 24, /* bytes; no field is further from the beginning of its structure */
};

/* The bytes of an entry. */
struct raw_entry {
	char name[NAME_SIZE];
	uint32_t kind, width;
	uint64_t value;
};
_Static_assert(sizeof(struct raw_entry) == ENTRY_SIZE, "as in doc/heap-descriptor.md");

/* The entries that we know. */
static const struct known_entry {
	const char *name;
	size_t place; /* in struct descriptor */
	uint32_t kind;
	bool required;
} known_entries[] = {
#define ENTRY(member, name, kind, required) \
	{ name, offsetof(struct descriptor, member), DESCRIPTOR_##kind, required },
#include "runtime/refgc/descriptor.def"
#undef ENTRY
};

enum { KNOWN_COUNT = sizeof(known_entries) / sizeof(known_entries[0]) };

static struct descriptor_entry *entry_at(struct descriptor *descriptor, const struct known_entry *known)
{
	return (struct descriptor_entry *)((char *)descriptor + known->place);
}

bool described_read_any(struct inspect_target *target, uint64_t address, uint32_t width, bool is_signed,
			uint64_t *value_ret)
{
	uint64_t value = 0;
	const void *bytes = target_map(target, address, width);
	if (bytes) {
		memcpy(&value, bytes, width);
	} else {
		struct inspect_error *error INSPECT_ERROR_AUTO = target_read(target, address, &value, width);
		if (error)
			value = 0;
		if (error) {
			*value_ret = 0;
			return false;
		}
	}
	unsigned int unused_bits = 64 - 8 * width;
	*value_ret = is_signed ? (uint64_t)((int64_t)(value << unused_bits) >> unused_bits) : value;
	return true;
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static const char *image_name(const struct descriptor *descriptor)
{
	const char *path = descriptor->image->path;
	return path && *path ? path : "the program";
}

static struct inspect_error *corrupt(const struct descriptor *descriptor, const char *what, uint64_t number)
{
	return inspect_error_create(INSPECT_ERROR_CORRUPT,
				    "the heap descriptor of %s (its note is at 0x%" PRIx64 ") is damaged: %s %" PRIu64,
				    image_name(descriptor), descriptor->note, what, number);
}

/* ---- the table ------------------------------------------------------------------------------------- */

/* A field of so many bytes can be read as a number; more are a structure, which is only an address to us. */
static bool is_good_width(uint32_t width)
{
	return width == 1 || width == 2 || width == 4 || width >= 8;
}

static struct inspect_error *take_entry(struct descriptor *descriptor, const struct raw_entry *raw)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		const struct known_entry *known = &known_entries[i];
		if (strcmp(known->name, raw->name) != 0)
			continue;
		if (known->kind != raw->kind)
			return inspect_error_create(INSPECT_ERROR_CORRUPT,
						    "the heap descriptor of %s (its note is at 0x%" PRIx64
						    ") is damaged: %s is of the kind %" PRIu32 " instead of %" PRIu32,
						    image_name(descriptor), descriptor->note, known->name, raw->kind,
						    known->kind);
		if (raw->kind == DESCRIPTOR_FIELD && (!is_good_width(raw->width) || raw->value > STRUCTURE_LIMIT))
			return inspect_error_create(INSPECT_ERROR_CORRUPT,
						    "the heap descriptor of %s (its note is at 0x%" PRIx64
						    ") is damaged: %s would be %" PRIu32 " bytes at the offset %" PRIu64,
						    image_name(descriptor), descriptor->note, known->name, raw->width,
						    raw->value);
		*entry_at(descriptor, known) =
			(struct descriptor_entry){ .known = true, .width = raw->width, .value = raw->value };
		return NULL;
	}
	return NULL; /* one that we do not know */
}

static struct inspect_error *read_entries(struct inspect_target *target, struct descriptor *descriptor,
					  uint64_t table, uint64_t count, uint32_t entry_size)
{
	for (uint64_t i = 0; i < count; i++) {
		struct raw_entry raw;
		struct inspect_error *error = target_read(target, table + i * entry_size, &raw, sizeof(raw));
		if (error)
			return inspect_error_prefix(error, "the heap descriptor of %s cannot be read",
						    image_name(descriptor));
		if (!memchr(raw.name, '\0', sizeof(raw.name)))
			return corrupt(descriptor, "a name is too long in the entry", i);
		error = take_entry(descriptor, &raw);
		if (error)
			return error;
	}
	return NULL;
}

/* ---- what must be so ------------------------------------------------------------------------------- */

static struct inspect_error *check_required(struct descriptor *descriptor)
{
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (known_entries[i].required && !entry_at(descriptor, &known_entries[i])->known)
			return inspect_error_create(INSPECT_ERROR_LAYOUT,
						    "the heap descriptor of %s (its note is at 0x%" PRIx64
						    ") lacks %s, without which its heap cannot be read",
						    image_name(descriptor), descriptor->note, known_entries[i].name);
	return NULL;
}

/* Pointers have eight bytes, numbers no more than that. */
static struct inspect_error *check_widths(const struct descriptor *descriptor)
{
	const struct descriptor_entry *const pointers[] = {
		&descriptor->collector_next, &descriptor->collector_garbage, &descriptor->collector_roots,
		&descriptor->gc_next, &descriptor->gc_prev, &descriptor->object_type, &descriptor->type_name,
		&descriptor->type_layout, &descriptor->type_finalize, &descriptor->type_legacy_finalize,
	};
	const struct descriptor_entry *const numbers[] = {
		&descriptor->collector_enabled, &descriptor->collector_collecting,
		&descriptor->collector_collected, &descriptor->collector_debug,
		&descriptor->collector_callback_count, &descriptor->collector_root_count,
		&descriptor->generation_threshold, &descriptor->generation_count, &descriptor->generation_collections,
		&descriptor->generation_collected, &descriptor->generation_uncollectable, &descriptor->object_refcount,
		&descriptor->type_basic_size, &descriptor->type_item_size, &descriptor->type_flags,
		&descriptor->type_layout_count,
	};
	for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++)
		if (pointers[i]->known && pointers[i]->width != sizeof(uint64_t))
			return corrupt(descriptor, "a pointer has a width of", pointers[i]->width);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i]->known && numbers[i]->width > sizeof(uint64_t))
			return corrupt(descriptor, "a number has a width of", numbers[i]->width);
	return NULL;
}

static struct inspect_error *check_numbers(const struct descriptor *descriptor)
{
	uint64_t generations = descriptor->collector_generation_count.value;
	if (descriptor->pointer_size.value != sizeof(uint64_t))
		return corrupt(descriptor, "a pointer's size is", descriptor->pointer_size.value);
	if (generations < 1 || generations > RUNTIME_PERMANENT)
		return corrupt(descriptor, "the number of generations is", generations);
	if (descriptor->generation_size.value > STRUCTURE_LIMIT)
		return corrupt(descriptor, "a generation's size is", descriptor->generation_size.value);
	if (descriptor->gc_size.value > STRUCTURE_LIMIT || descriptor->gc_size.value % sizeof(uint64_t))
		return corrupt(descriptor, "the size of what is in front of an object is", descriptor->gc_size.value);
	return NULL;
}

/* ---- the note -------------------------------------------------------------------------------------- */

static struct inspect_error *read_note(struct inspect_target *target, struct descriptor *descriptor,
				       uint64_t *table_ret, uint64_t *count_ret, uint32_t *entry_size_ret)
{
	uint32_t words[NOTE_SIZE / sizeof(uint32_t)];
	uint64_t table_distance, count_distance;
	struct inspect_error *error = target_read(target, descriptor->note, words, sizeof(words));
	if (error)
		return inspect_error_prefix(error, "the heap descriptor of %s cannot be read",
					    image_name(descriptor));
	if (words[0] != FORMAT_VERSION)
		return inspect_error_create(INSPECT_ERROR_LAYOUT,
					    "the heap descriptor of %s (its note is at 0x%" PRIx64 ") has the format's version "
					    "%" PRIu32 ", and only version %d can be read; a newer libinspect may know it",
					    image_name(descriptor), descriptor->note, words[0], FORMAT_VERSION);
	*entry_size_ret = words[1];
	if (*entry_size_ret < ENTRY_SIZE || *entry_size_ret > ENTRY_SIZE_LIMIT)
		return corrupt(descriptor, "the size of an entry is", *entry_size_ret);
	memcpy(&table_distance, (char *)words + TABLE_OFFSET, sizeof(table_distance));
	memcpy(&count_distance, (char *)words + COUNT_OFFSET, sizeof(count_distance));
	*table_ret = descriptor->note + TABLE_OFFSET + table_distance;
	error = target_read_u64(target, descriptor->note + COUNT_OFFSET + count_distance, count_ret);
	if (error)
		return inspect_error_prefix(error, "how long the heap descriptor of %s is cannot be read",
					    image_name(descriptor));
	return *count_ret > ENTRY_LIMIT ? corrupt(descriptor, "the number of entries is", *count_ret) : NULL;
}

struct inspect_error *descriptor_read(struct inspect_target *target, struct target_image *image, uint64_t note,
				      uint64_t size, struct descriptor *descriptor)
{
	*descriptor = (struct descriptor){ .image = image, .note = note };
	uint64_t table = 0, count = 0;
	uint32_t entry_size = 0;
	if (size < NOTE_SIZE)
		return corrupt(descriptor, "the size of the note's contents is", size);
	struct inspect_error *error = read_note(target, descriptor, &table, &count, &entry_size);
	if (!error)
		error = read_entries(target, descriptor, table, count, entry_size);
	if (!error)
		error = check_required(descriptor);
	if (!error)
		error = check_widths(descriptor);
	return error ? error : check_numbers(descriptor);
}
