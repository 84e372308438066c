/* SPDX-License-Identifier: MIT */
/*
 * object.c - one object: its type, size, reference count and what the collector thinks of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/refgc/refgc.h"

/* ---- entries --------------------------------------------------------------------------------------- */

bool refgc_entries(struct refgc *refgc, const struct refgc_item *item, uint64_t address,
		   struct refgc_entries *entries)
{
	*entries = (struct refgc_entries){ .start = address + item->offset, .count = 1 };
	if (item->count != ITEM_NO_COUNT &&
	    !described_read(refgc->target, address + item->count, sizeof(uint64_t), false, &entries->count))
		return false;
	if (item->flags & ITEM_INDIRECT) {
		if (!described_read(refgc->target, entries->start, sizeof(uint64_t), false, &entries->start))
			return false;
		if (!entries->start)
			entries->count = 0;
	}
	if (item->count == ITEM_NO_COUNT) /* a single one has the size of what is wanted of it */
		return true;
	return !__builtin_mul_overflow(entries->count, item->stride, &entries->size) &&
	       (!entries->size || refgc_has(refgc, entries->start, entries->size));
}

int64_t refgc_length(struct refgc *refgc, const struct refgc_type *type, uint64_t address)
{
	for (size_t i = 0; i < type->item_count; i++) {
		uint64_t length;
		if (type->items[i].kind == ITEM_SIZE &&
		    described_read(refgc->target, address + type->items[i].offset, sizeof(length), false, &length))
			return length <= INT64_MAX ? (int64_t)length : RUNTIME_UNKNOWN;
	}
	return RUNTIME_UNKNOWN;
}

/* ---- size ------------------------------------------------------------------------------------------ */

/* Adds @count times @size bytes. */
static bool add_size(uint64_t *sum, uint64_t count, uint64_t size)
{
	uint64_t product;
	return !__builtin_mul_overflow(count, size, &product) && !__builtin_add_overflow(*sum, product, sum);
}

/* The bytes of the object with its head and its blocks. False if they are more than the target has there. */
static bool read_size(struct refgc *refgc, const struct refgc_type *type, uint64_t address, uint64_t *size_ret)
{
	uint64_t own = type->basic_size, blocks = 0;
	for (size_t i = 0; i < type->item_count; i++) {
		const struct refgc_item *item = &type->items[i];
		struct refgc_entries entries;
		uint64_t length;
		if (item->kind == ITEM_LENGTH &&
		    (!described_read(refgc->target, address + item->offset, sizeof(length), false, &length) ||
		     !add_size(&own, length, type->item_size)))
			return false;
		if (item->kind == ITEM_BLOCK &&
		    (!refgc_entries(refgc, item, address, &entries) ||
		     !add_size(&blocks, entries.count, item->stride)))
			return false;
	}
	if (!refgc_has(refgc, address, own))
		return false;
	*size_ret = own + blocks + (type->container ? refgc->descriptor->gc_size.value : 0);
	return true;
}

/* ---- what is in front of an object, and in its beginning ------------------------------------------- */

struct header {
	int64_t refcount;
	uint64_t type;
	bool immortal;
};

static uint64_t word_at(const char *bytes, const struct descriptor_entry *entry)
{
	uint64_t word;
	memcpy(&word, bytes + entry->value, sizeof(word));
	return word;
}

static bool read_header(struct refgc *refgc, uint64_t address, struct header *header)
{
	const struct descriptor *descriptor = refgc->descriptor;
	const char *bytes = refgc->header_size ? target_map(refgc->target, address, refgc->header_size) : NULL;
	*header = (struct header){ 0 };
	if (bytes) {
		header->refcount = (int64_t)word_at(bytes, &descriptor->object_refcount);
		header->type = word_at(bytes, &descriptor->object_type);
	} else if (!described_signed(refgc->target, address, &descriptor->object_refcount, &header->refcount) ||
		   !described_number(refgc->target, address, &descriptor->object_type, &header->type)) {
		return false;
	}
	header->immortal = (uint64_t)header->refcount & descriptor->object_immortal.value;
	return true;
}

/* enum runtime_object_flag of the container at @address; *@tracked_ret is whether it is in a list. */
static uint8_t read_gc_flags(struct refgc *refgc, uint64_t address, bool *tracked_ret)
{
	const struct descriptor *descriptor = refgc->descriptor;
	uint64_t head = address - descriptor->gc_size.value, next, previous;
	const char *bytes = refgc->head_size ? target_map(refgc->target, head, refgc->head_size) : NULL;
	if (bytes) {
		next = word_at(bytes, &descriptor->gc_next);
		previous = word_at(bytes, &descriptor->gc_prev);
	} else {
		described_number(refgc->target, head, &descriptor->gc_next, &next);
		described_number(refgc->target, head, &descriptor->gc_prev, &previous);
	}
	*tracked_ret = next != 0;
	uint8_t flags = previous & descriptor->gc_prev_finalized.value ? RUNTIME_FINALIZED : 0;
	if (*tracked_ret) {
		flags |= RUNTIME_TRACKED;
		flags |= previous & descriptor->gc_prev_collecting.value ? RUNTIME_COLLECTING : 0;
		flags |= next & descriptor->gc_next_unreachable.value ? RUNTIME_UNREACHABLE : 0;
	}
	return flags;
}

struct refgc_type *refgc_type_of(struct refgc *refgc, uint64_t address)
{
	struct header header;
	return refgc_type(refgc, read_header(refgc, address, &header) ? header.type : 0);
}

static bool is_readable_address(struct refgc *refgc, uint64_t address)
{
	return address && address % sizeof(uint64_t) == 0 && refgc_has(refgc, address, sizeof(uint64_t));
}

/* Types are read once and for all, and what is read as one need not be one: whatever can tell comes before. */
bool refgc_is_tracked(struct refgc *refgc, uint64_t address, bool dying)
{
	const struct descriptor *descriptor = refgc->descriptor;
	struct header header;
	bool tracked;
	uint64_t next, mask = descriptor->gc_next_mask.known ? descriptor->gc_next_mask.value : UINT64_MAX;
	if (!is_readable_address(refgc, address) || !read_header(refgc, address, &header) || header.refcount < !dying ||
	    !described_number(refgc->target, address - descriptor->gc_size.value, &descriptor->gc_next, &next) ||
	    !is_readable_address(refgc, next & mask) || !is_readable_address(refgc, header.type))
		return false;
	struct refgc_type *type = refgc_type(refgc, header.type);
	if (!type || type->damaged || !type->container)
		return false;
	read_gc_flags(refgc, address, &tracked);
	return tracked;
}

/* ---- many objects ---------------------------------------------------------------------------------- */

/* Fills row @i of @columns for the object at @address. *@type is the type met last, NULL at first. */
static struct inspect_error *examine_one(struct refgc *refgc, uint64_t address, size_t i,
					 const struct runtime_columns *columns, struct refgc_type **type)
{
	struct header header;
	read_header(refgc, address, &header);
	if (!*type || header.type != (*type)->address)
		*type = refgc_type(refgc, header.type);
	if (!*type)
		return &inspect_error_no_memory;

	bool tracked;
	uint64_t size = 0;
	uint8_t flags = (*type)->container ? read_gc_flags(refgc, address, &tracked) : 0;
	if ((*type)->damaged || (columns->size && !read_size(refgc, *type, address, &size)))
		flags |= RUNTIME_DAMAGED;
	flags |= header.immortal ? RUNTIME_IMMORTAL : 0;
	if (columns->type)
		columns->type[i] = (*type)->index;
	if (columns->size)
		columns->size[i] = size;
	if (columns->refcount)
		columns->refcount[i] = header.refcount;
	if (columns->flags)
		columns->flags[i] = flags;
	return NULL;
}

struct inspect_error *refgc_examine(struct runtime *runtime, const uint64_t *addresses, size_t count,
				    const struct runtime_columns *columns)
{
	struct refgc_type *type = NULL;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < count && !error; i++)
		error = examine_one((struct refgc *)runtime, addresses[i], i, columns, &type);
	return error;
}

/* ---- one object ------------------------------------------------------------------------------------ */

static char *gc_flags_text(uint8_t flags)
{
	char text[64] = "";
	if (flags & RUNTIME_FINALIZED)
		strcat(text, "|finalized");
	if (flags & RUNTIME_COLLECTING)
		strcat(text, "|collecting");
	if (flags & RUNTIME_UNREACHABLE)
		strcat(text, "|unreachable");
	return strdup(text[0] ? text + 1 : text);
}

static struct inspect_error *no_object(struct refgc *refgc, uint64_t address, const struct header *header)
{
	uint64_t word;
	struct inspect_error *error = target_read_u64(refgc->target, address, &word);
	if (error)
		return inspect_error_prefix(error, "there is no object at 0x%" PRIx64, address);
	return inspect_error_create(INSPECT_ERROR_CORRUPT,
				    "there is no object at 0x%" PRIx64 ": what would be its type, 0x%" PRIx64
				    ", is no type. Give an address that `objects` shows",
				    address, header->type);
}

struct inspect_error *refgc_object(struct runtime *runtime, uint64_t address, struct runtime_object *object_ret)
{
	struct refgc *refgc = (struct refgc *)runtime;
	struct header header;
	bool readable = read_header(refgc, address, &header);
	struct refgc_type *type = refgc_type(refgc, header.type);
	if (!type)
		return &inspect_error_no_memory;
	uint64_t size;
	if (!readable || type->damaged || address % sizeof(uint64_t) || !read_size(refgc, type, address, &size))
		return no_object(refgc, address, &header);
	*object_ret = (struct runtime_object){
		.address = address,
		.type_address = type->address,
		.type = strdup(refgc_type_name(refgc, type)),
		.size = size,
		.refcount = header.refcount,
		.immortal = header.immortal,
		.value = refgc_value(refgc, type, address, false),
	};
	object_ret->gc_flags = gc_flags_text(type->container ? read_gc_flags(refgc, address, &object_ret->tracked) : 0);
	if (object_ret->type && object_ret->gc_flags && object_ret->value)
		return NULL;
	runtime_object_deinit(object_ret);
	return &inspect_error_no_memory;
}
