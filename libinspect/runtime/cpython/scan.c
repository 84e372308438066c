/* SPDX-License-Identifier: MIT */
/*
 * scan.c - is there an object at an address? For words of which nobody knows what they are.
 */
#include "runtime/cpython/scan.h"

enum {
	TPFLAGS_READY = 1 << 12, /* PyType_Ready() is done with it: Include/object.h */
	BASES_LIMIT = 1000,
	BASICSIZE_LIMIT = 1 << 30,
};

/* ---- reading what may be anywhere ---- */

/* The @size bytes at @address + @offset, or false. Addresses that come from a guess and are nowhere are not told as bytes that
 * the target lacks, as read_field() does. */
static bool peek(struct cpython *cpython, uint64_t address, int32_t offset, void *value, size_t size)
{
	if (offset == LAYOUT_ABSENT || !address)
		return false;
	address += (uint64_t)offset;
	const void *bytes = target_map(cpython->target, address, size);
	if (!bytes && cpython->target->kind == TARGET_DEBUGGER) {
		/* across two of its pages; others have whole segments */
		struct inspect_error *error INSPECT_ERROR_AUTO = target_read(cpython->target, address, value, size);
		return !error;
	}
	if (bytes)
		memcpy(value, bytes, size);
	return bytes;
}

static bool peek_word(struct cpython *cpython, uint64_t address, int32_t offset, uint64_t *value_ret)
{
	return peek(cpython, address, offset, value_ret, sizeof(*value_ret));
}

static bool is_readable(struct cpython *cpython, uint64_t address, uint64_t size)
{
	/* a static object may lie across the border of .data's mapping and that of .bss */
	return target_map(cpython->target, address, size) || target_has(cpython->target, address, size);
}

/* Could @address be that of an object at all? Objects are aligned to pointers and live in the lower half. */
static bool can_be_address(uint64_t address)
{
	return address % sizeof(uint64_t) == 0 && address >= 4096 && address < UINT64_C(1) << 56;
}

/* ---- types ---- */

/* Is the type at @address, or one of its bases, the type @wanted? */
static bool has_base(struct cpython *cpython, uint64_t address, uint64_t wanted)
{
	for (int depth = 0; depth < BASES_LIMIT && can_be_address(address); depth++) {
		if (address == wanted)
			return true;
		if (!peek_word(cpython, address, cpython->layout.type_base, &address))
			return false;
	}
	return false;
}

/* tp_mro is a tuple that begins with the type itself, as mro_internal() of Objects/typeobject.c leaves it. */
static bool has_mro(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t mro, first;
	int64_t length;
	return peek_word(cpython, type, layout->type_mro, &mro) && can_be_address(mro) &&
	       peek(cpython, mro, layout->var_size, &length, sizeof(length)) && length > 0 &&
	       peek_word(cpython, mro, layout->tuple_items, &first) && first == type;
}

bool cpython_is_ready_type(struct cpython *cpython, uint64_t address)
{
	const struct layout *layout = &cpython->layout;
	uint64_t metatype, flags;
	int64_t basicsize, itemsize;
	return can_be_address(address) && peek_word(cpython, address, layout->object_type, &metatype) &&
	       has_base(cpython, metatype, cpython->type_type) &&
	       peek_word(cpython, address, layout->type_flags, &flags) && (flags & TPFLAGS_READY) &&
	       peek(cpython, address, layout->type_basicsize, &basicsize, sizeof(basicsize)) &&
	       basicsize >= layout->size_of_object && basicsize < BASICSIZE_LIMIT &&
	       peek(cpython, address, layout->type_itemsize, &itemsize, sizeof(itemsize)) && itemsize >= 0 &&
	       has_mro(cpython, address);
}

/* The type at @address, or NULL if none is there. */
static const struct cpython_type *find_type(struct cpython *cpython, uint64_t address)
{
	const struct cpython_type *type = cpython_known_type(cpython, address);
	if (!type && cpython_is_ready_type(cpython, address))
		type = cpython_type(cpython, address);
	return type && !type->damaged ? type : NULL;
}

/* ---- objects ---- */

/* Is @word a reference count? Freed blocks have a pointer there. 3.14 and later: 32 bits of count, an overflow
 * that is 0, 16 bits of flags: Include/object.h. */
static bool is_refcount(const struct cpython *cpython, uint64_t word)
{
	enum { COUNT_BITS = 40, FLAG_SHIFT = 48, FLAG_BITS = 8 };
	if (cpython_at_least(cpython, 3, 14))
		return (uint32_t)word && (word >> 32 & 0xffff) == 0 && word >> FLAG_SHIFT < 1 << FLAG_BITS;
	return word && word < UINT64_C(1) << COUNT_BITS;
}

/* Does the word that would be the reference count point at an object? Then this is the inside of something: a pointer and a
 * type, in a program at low addresses. */
static bool is_pointer(struct cpython *cpython, uint64_t word)
{
	uint64_t type;
	return can_be_address(word) && peek_word(cpython, word, cpython->layout.object_type, &type) && find_type(cpython, type);
}

/* Is there what may be the collector's head before @address? 3.8 and later: not tracked, or linked. */
static bool may_have_gc_head(struct cpython *cpython, uint64_t address)
{
	const struct layout *layout = &cpython->layout;
	uint64_t next, head = address - (uint64_t)layout->size_of_gc_head;
	if (!peek_word(cpython, head, layout->gc_head_next, &next))
		return false;
	if (!cpython_at_least(cpython, 3, 8))
		return true;
	next &= ~UINT64_C(3);
	return next == 0 || (can_be_address(next) && is_readable(cpython, next, (uint64_t)layout->size_of_gc_head));
}

/* How many bytes an object of @type has at least. A static type lacks what tp_basicsize of type says that heap types have, and
 * may lie at the very end of its image's data. */
static uint64_t least_size(const struct cpython *cpython, const struct cpython_type *type)
{
	if (type->flags & TPFLAGS_TYPE_SUBCLASS && cpython->layout.size_of_type != LAYOUT_ABSENT)
		return (uint64_t)cpython->layout.size_of_type;
	return (uint64_t)type->basicsize;
}

/* @dying: also one that nobody holds any more, which is about to be freed. */
static bool is_object(struct cpython *cpython, uint64_t address, bool dying)
{
	const struct layout *layout = &cpython->layout;
	uint64_t refcount, type_address;
	if (!can_be_address(address) || !peek_word(cpython, address, layout->object_refcnt, &refcount) ||
	    !(is_refcount(cpython, refcount) || (dying && refcount == 0)) || !peek_word(cpython, address, layout->object_type, &type_address) ||
	    !can_be_address(type_address))
		return false;
	const struct cpython_type *type = find_type(cpython, type_address);
	if (!type || !is_readable(cpython, address, least_size(cpython, type)) || is_pointer(cpython, refcount))
		return false;
	if (type->flags & TPFLAGS_TYPE_SUBCLASS)
		return cpython_is_ready_type(cpython, address);
	return !(type->flags & TPFLAGS_HAVE_GC) || may_have_gc_head(cpython, address);
}

bool cpython_is_object(struct cpython *cpython, uint64_t address)
{
	return is_object(cpython, address, false);
}

bool cpython_is_object_or_dying(struct cpython *cpython, uint64_t address)
{
	return is_object(cpython, address, true);
}
