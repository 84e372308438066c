/* SPDX-License-Identifier: MIT */
/*
 * descriptor.h - the heap descriptor that a runtime embeds in its binary: doc/heap-descriptor.md.
 *
 * This is a reader by that page alone; it shares nothing with any runtime that writes one.
 */
#ifndef INSPECT_REFGC_DESCRIPTOR_H
#define INSPECT_REFGC_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/runtime.h"
#include "target/target.h"

enum descriptor_kind {
	DESCRIPTOR_NUMBER = 1,
	DESCRIPTOR_FIELD = 2,
	DESCRIPTOR_ADDRESS = 3,
	DESCRIPTOR_TEXT = 4,
};

/* An entry of the table. What is not there is all zero. */
struct descriptor_entry {
	bool known;
	uint32_t width; /* of a field: bytes */
	uint64_t value; /* the number; the offset of the field; the address */
};

struct descriptor {
	struct target_image *image; /* that has the note */
	uint64_t note;              /* address of its contents */
#define ENTRY(member, name, kind, required) struct descriptor_entry member;
#include "runtime/refgc/descriptor.def"
#undef ENTRY
};

/* Reads the descriptor whose note is at @note in @image, @size bytes. What is wrong with it, and where, is an error:
 * INSPECT_ERROR_LAYOUT for what we do not know, INSPECT_ERROR_CORRUPT for what cannot be, INSPECT_ERROR_UNREADABLE. */
struct inspect_error *descriptor_read(struct inspect_target *target, struct target_image *image, uint64_t note,
				      uint64_t size, struct descriptor *descriptor_ret)
	__attribute__((warn_unused_result));

/* ---- reading what it describes ---- */

/* Reads @width bytes (1, 2, 4 or 8) at @address as an unsigned or signed number. False if they are not there; the
 * number is then 0. */
bool described_read_any(struct inspect_target *target, uint64_t address, uint32_t width, bool is_signed,
			uint64_t *value_ret);

static inline bool described_read(struct inspect_target *target, uint64_t address, uint32_t width, bool is_signed,
				  uint64_t *value_ret)
{
	const void *bytes = width == sizeof(*value_ret) ? target_map(target, address, sizeof(*value_ret)) : NULL;
	if (!bytes)
		return described_read_any(target, address, width, is_signed, value_ret);
	memcpy(value_ret, bytes, sizeof(*value_ret));
	return true;
}

/* The field @entry of the structure at @structure. False, too, if the descriptor does not have it. */
static inline bool described_number(struct inspect_target *target, uint64_t structure,
				    const struct descriptor_entry *entry, uint64_t *value_ret)
{
	*value_ret = 0;
	return entry->known &&
	       described_read(target, structure + entry->value, entry->width, false, value_ret);
}

static inline bool described_signed(struct inspect_target *target, uint64_t structure,
				    const struct descriptor_entry *entry, int64_t *value_ret)
{
	uint64_t value = 0;
	bool known = entry->known && described_read(target, structure + entry->value, entry->width, true, &value);
	*value_ret = (int64_t)value;
	return known;
}

#endif
