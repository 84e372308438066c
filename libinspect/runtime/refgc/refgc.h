/* SPDX-License-Identifier: MIT */
/*
 * refgc.h - the adapter for runtimes that describe their heap: its own structures, shared by its files and seen by
 * nobody else.
 *
 * It is called after the reference collector (fixtures/refgc/), which it knows nothing of: all that it knows of a
 * runtime is in the heap descriptor of the program that it reads.
 */
#ifndef INSPECT_REFGC_H
#define INSPECT_REFGC_H

#include <string.h>

#include "base/error.h"
#include "runtime/refgc/descriptor.h"
#include "runtime/runtime.h"
#include "runtime/type_table.h"

/* What is in the objects of a type: "The layout of a type" in doc/heap-descriptor.md. */
enum refgc_item_kind {
	ITEM_REFERENCE = 1,
	ITEM_WEAK = 2,
	ITEM_LENGTH = 3,
	ITEM_BLOCK = 4,
	ITEM_INTEGER = 5,
	ITEM_DOUBLE = 6,
	ITEM_UTF8 = 7,
	ITEM_BYTES = 8,
	ITEM_SIZE = 9,
	ITEM_NEXT = 10, /* the next weak reference to the same object */
	ITEM_KINDS,
};

enum refgc_item_flag {
	ITEM_INDIRECT = 1 << 0,
	ITEM_NAMED = 1 << 1,
	ITEM_INDEXED = 1 << 2,
	ITEM_UNVISITED = 1 << 3,
};

static const uint64_t ITEM_NO_COUNT = UINT64_MAX;

struct refgc_item {
	uint32_t kind, flags;
	enum runtime_label_kind label;
	char *label_text; /* or NULL */
	uint64_t offset, count, stride, member, key;
};

/* A type of the target, read once. */
struct refgc_type {
	uint64_t address;
	uint32_t index; /* into runtime.types */
	bool damaged;
	bool container; /* its objects have a head in front */
	uint8_t finalizers; /* enum runtime_trait: those it has */
	uint64_t basic_size, item_size;
	struct refgc_item *items;
	size_t item_count;
};

/* One collector of the target. */
struct refgc_collector {
	const struct descriptor *descriptor; /* that describes it */
	uint64_t address;
};

struct refgc {
	struct runtime runtime; /* first: struct runtime is what others see */
	struct inspect_target *target;
	/* All that are in the target, and describe objects alike. */
	struct descriptor *descriptors;
	size_t descriptor_count;
	const struct descriptor *descriptor; /* the first one: what it says of objects is true of all */
	uint64_t header_size; /* bytes of an object up to the end of its type and its count, both words; 0: they are none */
	uint64_t head_size;   /* the same of the links in front of containers */
	struct refgc_collector *collectors;
	size_t collector_count;
	struct type_table *types;
	size_t item_count; /* of all types */
};

/* May the C string at @address be shown: names of types and of references? Redacted: those that are in the program. */
static inline bool refgc_may_show(const struct refgc *refgc, uint64_t address)
{
	return !refgc->runtime.redacted || target_is_program(refgc->target, address);
}

/* target_has(), quickly where that can be. */
static inline bool refgc_has(struct refgc *refgc, uint64_t address, uint64_t size)
{
	return target_map(refgc->target, address, size) || target_has(refgc->target, address, size);
}

/* ---- types (type.c) ---- */

extern const struct type_operations refgc_type_operations;

/* The type at @address; NULL when out of memory. Several threads may call this at once. */
static inline struct refgc_type *refgc_type(struct refgc *refgc, uint64_t address)
{
	return type_table_find(refgc->types, &refgc->runtime, address);
}

static inline const char *refgc_type_name(const struct refgc *refgc, const struct refgc_type *type)
{
	return refgc->runtime.types[type->index].name;
}

unsigned int refgc_traits(struct runtime *runtime, uint32_t index);
bool refgc_weakref(struct runtime *runtime, uint64_t address, struct runtime_weakref *weakref_ret);

/* The item that is a string of characters or of bytes, or NULL. */
const struct refgc_item *refgc_text_item(const struct refgc_type *type);
bool refgc_text(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t limit, struct runtime_text *text_ret);

/* ---- objects (object.c) ---- */

/* The entries of @item in the object at @address: @count of them from @start on, *@size_ret bytes in all. False if that
 * cannot be read or is more than the target's memory holds. */
struct refgc_entries {
	uint64_t start, count, size;
};
bool refgc_entries(struct refgc *refgc, const struct refgc_item *item, uint64_t address,
		   struct refgc_entries *entries_ret);
/* How many elements the object at @address has, as it says for people; RUNTIME_UNKNOWN if it says nothing. */
int64_t refgc_length(struct refgc *refgc, const struct refgc_type *type, uint64_t address);
/* The type of the object at @address, which may be damaged; NULL when out of memory. */
struct refgc_type *refgc_type_of(struct refgc *refgc, uint64_t address);

/* Is an object at @address that says of itself that it is on a collector's list? @dying: its reference count may be 0. Of
 * any address. */
bool refgc_is_tracked(struct refgc *refgc, uint64_t address, bool dying);

struct inspect_error *refgc_examine(struct runtime *runtime, const uint64_t *addresses, size_t count,
				    const struct runtime_columns *columns) __attribute__((warn_unused_result));
struct inspect_error *refgc_object(struct runtime *runtime, uint64_t address, struct runtime_object *object_ret)
	__attribute__((warn_unused_result));

/* ---- values (value.c) ---- */

/* A short, safe, one-line description of the object at @address of @type, for the caller to free; NULL when out of
 * memory. @bare: a text without its quotes, as a name. */
char *refgc_value(struct refgc *refgc, const struct refgc_type *type, uint64_t address, bool bare);

/* ---- references and roots (references.c) ---- */

struct inspect_error *refgc_references(struct runtime *runtime, const uint64_t *addresses, const uint32_t *types,
				       size_t count, struct runtime_references *references, size_t *ends,
				       size_t *damaged_ret) __attribute__((warn_unused_result));
char *refgc_label(struct runtime *runtime, const struct runtime_label *label);
struct inspect_error *refgc_roots(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

/* ---- collectors (collector.c) ---- */

/* Adds the collectors that @descriptor leads to. */
struct inspect_error *refgc_collectors_find(struct refgc *refgc, const struct descriptor *descriptor)
	__attribute__((warn_unused_result));
/* Fills runtime.collectors. */
struct inspect_error *refgc_collectors_read(struct refgc *refgc) __attribute__((warn_unused_result));
/* runtime_operations.walk */
struct inspect_error *refgc_walk(struct runtime *runtime, struct runtime_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

/* Sends what is wrong with their lists to @verifier. */
struct inspect_error *refgc_verify_lists(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes)
	__attribute__((warn_unused_result));

/* ---- integrity (verify.c) ---- */

extern const struct runtime_verify_operations refgc_verify_operations;

#endif
