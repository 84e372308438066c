/* SPDX-License-Identifier: MIT */
/*
 * type.c - types and what is in their objects: "The layout of a type" in doc/heap-descriptor.md.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/text.h"
#include "runtime/refgc/refgc.h"

enum {
	NAME_LIMIT = 1024,          /* bytes of the name of a type */
	LABEL_LIMIT = 100,          /* of that of a reference */
	ITEMS_PER_TYPE = 256,       /* more than any type has; what is above is damage */
	ITEMS_IN_ALL = 1 << 18,     /* so that a damaged heap cannot make us store more */
};

/* No object is larger. */
static const uint64_t SIZE_LIMIT = UINT64_C(1) << 47;

/* The bytes of an item. */
struct raw_item {
	uint32_t kind, flags;
	uint64_t label, offset, count, stride, member, key;
};
_Static_assert(sizeof(struct raw_item) == 56, "as in doc/heap-descriptor.md");

static void type_destroy(void *pointer)
{
	struct refgc_type *type = pointer;
	for (size_t i = 0; i < type->item_count; i++)
		free(type->items[i].label_text);
	free(type->items);
	free(type);
}

/* ---- items ----------------------------------------------------------------------------------------- */

static bool is_text(const char *text, const char *expected)
{
	return text && strcmp(text, expected) == 0;
}

/* What a reference is called: the words that doc/heap-descriptor.md gives a meaning to. */
static enum runtime_label_kind label_kind(const struct refgc_item *item)
{
	if (item->flags & ITEM_NAMED)
		return is_text(item->label_text, "key")       ? RUNTIME_LABEL_DICT_KEY :
		       is_text(item->label_text, "attribute") ? RUNTIME_LABEL_ATTRIBUTE :
								RUNTIME_LABEL_KEY;
	if (item->flags & ITEM_INDEXED)
		return RUNTIME_LABEL_INDEX;
	if (is_text(item->label_text, "element"))
		return RUNTIME_LABEL_ITEM;
	return item->label_text ? RUNTIME_LABEL_TEXT : RUNTIME_LABEL_NONE;
}

/* A label that cannot be read is none: it is not worth the reference. False when out of memory. */
static bool read_label(struct refgc *refgc, uint64_t address, struct refgc_item *item)
{
	char *text AUTO_FREE = NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO = NULL;
	if (address && refgc_may_show(refgc, address))
		error = target_read_string(refgc->target, address, LABEL_LIMIT, &text);
	item->label_text = text && *text ? text_safe(text) : NULL;
	item->label = label_kind(item);
	if (item->flags & ITEM_NAMED) { /* the label has said all; the name is another object's */
		free(item->label_text);
		item->label_text = NULL;
	}
	return true;
}

/* Does the item lie in an object of @basic_size bytes, items behind it aside, and its parts in one entry of it? */
static bool item_makes_sense(const struct raw_item *raw, uint64_t basic_size)
{
	const uint64_t word = sizeof(uint64_t);
	bool counted = raw->count != ITEM_NO_COUNT;
	if (raw->offset > basic_size || (counted && (basic_size < word || raw->count > basic_size - word)) ||
	    raw->stride > SIZE_LIMIT)
		return false;
	bool is_reference = raw->kind == ITEM_REFERENCE || raw->kind == ITEM_WEAK || raw->kind == ITEM_NEXT;
	bool is_number = raw->kind == ITEM_INTEGER && raw->stride != 1 && raw->stride != 2 && raw->stride != 4 &&
			 raw->stride != 8;
	if (!is_reference)
		return !is_number;
	uint64_t size = counted ? raw->stride : SIZE_LIMIT;
	return size >= word && raw->member <= size - word &&
	       (!(raw->flags & ITEM_NAMED) || raw->key <= size - word);
}

/* Appends what @raw says to the items of @type. */
static bool take_item(struct refgc *refgc, struct refgc_type *type, const struct raw_item *raw)
{
	struct refgc_item *item = &type->items[type->item_count++];
	*item = (struct refgc_item){
		.kind = raw->kind, .flags = raw->flags, .offset = raw->offset, .count = raw->count,
		.stride = raw->stride, .member = raw->member, .key = raw->key,
	};
	return item->kind != ITEM_REFERENCE || read_label(refgc, raw->label, item);
}

/* Reads the layout at @address; false when out of memory. */
static bool read_items(struct refgc *refgc, struct refgc_type *type, uint64_t address, uint64_t count)
{
	if (count > ITEMS_PER_TYPE || count > ITEMS_IN_ALL - refgc->item_count) {
		type->damaged = true;
		return true;
	}
	type->items = calloc(count + 1, sizeof(*type->items));
	if (!type->items)
		return false;
	for (uint64_t i = 0; i < count && !type->damaged; i++) {
		struct raw_item raw;
		struct inspect_error *error INSPECT_ERROR_AUTO =
			target_read(refgc->target, address + i * sizeof(raw), &raw, sizeof(raw));
		if (error || !item_makes_sense(&raw, type->basic_size))
			type->damaged = true;
		else if (raw.kind >= ITEM_REFERENCE && raw.kind < ITEM_KINDS && !take_item(refgc, type, &raw))
			return false;
	}
	if (!type->damaged)
		refgc->item_count += type->item_count;
	return true;
}

/* ---- types ----------------------------------------------------------------------------------------- */

/* The type's name; NULL if it has none that can be read: then the type is damaged, unless what is there is only
 * missing from the target. */
static char *read_name(struct refgc *refgc, struct refgc_type *type)
{
	uint64_t address;
	char *name = NULL;
	if (!described_number(refgc->target, type->address, &refgc->descriptor->type_name, &address) || !address) {
		type->damaged = true;
		return NULL;
	}
	struct inspect_error *error INSPECT_ERROR_AUTO = target_read_string(refgc->target, address, NAME_LIMIT, &name);
	type->damaged |= error ? !target_is_lost(refgc->target, address) : !*name;
	if (name && !refgc_may_show(refgc, address)) {
		free(name);
		return asprintf(&name, "<class at 0x%" PRIx64 ">", type->address) < 0 ? NULL : name;
	}
	return name;
}

/* Reads @type, of which nothing but the address is known. False when out of memory. */
static bool read_type(struct refgc *refgc, struct refgc_type *type, char **name_ret)
{
	const struct descriptor *descriptor = refgc->descriptor;
	struct inspect_target *target = refgc->target;
	uint64_t flags, layout, count;
	described_number(target, type->address, &descriptor->type_item_size, &type->item_size);
	if (!described_number(target, type->address, &descriptor->type_basic_size, &type->basic_size) ||
	    !described_number(target, type->address, &descriptor->type_flags, &flags) ||
	    !described_number(target, type->address, &descriptor->type_layout, &layout) ||
	    !described_number(target, type->address, &descriptor->type_layout_count, &count) ||
	    type->basic_size > SIZE_LIMIT || type->item_size > SIZE_LIMIT) {
		type->damaged = true;
		return true;
	}
	type->container = flags & descriptor->type_flags_container.value;
	uint64_t function;
	if (described_number(target, type->address, &descriptor->type_finalize, &function) && function)
		type->finalizers |= RUNTIME_FINALIZER;
	if (described_number(target, type->address, &descriptor->type_legacy_finalize, &function) && function)
		type->finalizers |= RUNTIME_LEGACY_FINALIZER;
	*name_ret = read_name(refgc, type);
	if (type->damaged)
		return true;
	if (!*name_ret) {
		if (asprintf(name_ret, "<type at 0x%" PRIx64 ">", type->address) < 0) {
			*name_ret = NULL;
			return false;
		}
	}
	return read_items(refgc, type, layout, count);
}

/* type_operations.read */
static void *type_read(struct runtime *runtime, uint64_t address, uint32_t index, char **name_ret, bool *damaged_ret)
{
	struct refgc_type *type = calloc(1, sizeof(*type));
	if (!type)
		return NULL;
	*type = (struct refgc_type){ .address = address, .index = index };
	if (!address) {
		type->damaged = true;
		*name_ret = strdup("?");
		return type;
	}
	bool good = read_type((struct refgc *)runtime, type, name_ret);
	*damaged_ret = type->damaged;
	if (good && !type->damaged)
		return type;
	type_destroy(type);
	free(*name_ret);
	*name_ret = NULL;
	return NULL;
}

/* ---- weak references ------------------------------------------------------------------------------- */

/* The first item of that @kind, or NULL. */
static const struct refgc_item *item_of(const struct refgc_type *type, enum refgc_item_kind kind)
{
	for (size_t i = 0; i < type->item_count; i++)
		if (type->items[i].kind == kind)
			return &type->items[i];
	return NULL;
}

/* The callback of a weak reference: the reference with that label. */
static const struct refgc_item *callback_item(const struct refgc_type *type)
{
	for (size_t i = 0; i < type->item_count; i++) {
		const struct refgc_item *item = &type->items[i];
		if (item->kind == ITEM_REFERENCE && item->label_text && strstr(item->label_text, "callback"))
			return item;
	}
	return NULL;
}

const struct refgc_item *refgc_text_item(const struct refgc_type *type)
{
	const struct refgc_item *item = item_of(type, ITEM_UTF8);
	return item ? item : item_of(type, ITEM_BYTES);
}

unsigned int refgc_traits(struct runtime *runtime, uint32_t index)
{
	struct refgc *refgc = (struct refgc *)runtime;
	const struct refgc_type *type = type_table_at(refgc->types, index);
	return type->finalizers | (item_of(type, ITEM_WEAK) ? RUNTIME_WEAKREF : 0) | (refgc_text_item(type) ? RUNTIME_TEXT : 0);
}

/* What the first entry of @item (NULL: there is none) refers to; false if it cannot be read. */
static bool read_first(struct refgc *refgc, const struct refgc_item *item, uint64_t address, uint64_t *target_ret)
{
	struct refgc_entries entries;
	*target_ret = 0;
	if (!item)
		return true;
	return refgc_entries(refgc, item, address, &entries) &&
	       (!entries.count ||
		described_read(refgc->target, entries.start + item->member, sizeof(*target_ret), false, target_ret));
}

bool refgc_weakref(struct runtime *runtime, uint64_t address, struct runtime_weakref *weakref_ret)
{
	struct refgc *refgc = (struct refgc *)runtime;
	const struct refgc_type *type = refgc_type_of(refgc, address);
	const struct refgc_item *weak = type ? item_of(type, ITEM_WEAK) : NULL;
	*weakref_ret = (struct runtime_weakref){ 0 };
	return weak && read_first(refgc, weak, address, &weakref_ret->referent) &&
	       read_first(refgc, callback_item(type), address, &weakref_ret->callback) &&
	       read_first(refgc, item_of(type, ITEM_NEXT), address, &weakref_ret->next);
}

const struct type_operations refgc_type_operations = { .read = type_read, .destroy = type_destroy };
