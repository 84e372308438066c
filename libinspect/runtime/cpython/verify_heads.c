/* SPDX-License-Identifier: MIT */
/*
 * verify_heads.c - what every object begins with: its reference count, its type, and the collector's head before it.
 */
#include <stdio.h>

#include "runtime/cpython/verify.h"

/* ob_gc flags and marks: cpython.c has the same, with their sources. */
enum { GC_REFS_UNTRACKED = -2, GC_REFS_REACHABLE = -3, GC_PREV_COLLECTING = 1 << 1 };

/* 3.14 and later: 32 bits of count, an overflow that is 0, 16 bits of flags; 3.12 and 3.13: 32 bits of count that no
 * Py_INCREF() carries beyond (Include/object.h, Include/refcount.h); before: a count that nothing can reach that goes up by
 * one each time. */
bool is_sane_refcount(const struct cpython *cpython, uint64_t word)
{
	enum { COUNT_BITS = 40, FLAG_SHIFT = 48, FLAG_BITS = 8 };
	if (cpython_at_least(cpython, 3, 14))
		return (uint32_t)word && (word >> 32 & 0xffff) == 0 && word >> FLAG_SHIFT < 1 << FLAG_BITS;
	if (cpython_at_least(cpython, 3, 12))
		return word && word >> 32 == 0;
	return word && word < UINT64_C(1) << COUNT_BITS;
}

/* An object that nobody holds may be on a list of free ones of its module's, as those of _asyncio are in 3.12. */
static void check_refcount(struct verification *verification, uint64_t address, bool listed)
{
	struct cpython *cpython = verification->cpython;
	uint64_t word, place = address + (uint64_t)cpython->layout.object_refcnt;
	if (!read_pointer(cpython, place, 0, &word) || is_sane_refcount(cpython, word))
		return;
	if (word == 0)
		runtime_found(verification->verifier,
			      (struct runtime_finding){
				      .check = RUNTIME_CHECK_HEADS, .address = address, .place = place, .if_held = !listed,
			      },
			      "its reference count is 0, but it is still in use");
	else if ((int64_t)word < 0 && !cpython_at_least(cpython, 3, 12))
		found(verification, HEADS, address, place, "its reference count is %" PRId64, (int64_t)word);
	else
		found(verification, HEADS, address, place, "its reference count is 0x%" PRIx64 ", more than there can be",
		      word);
}

/* 3.6 and 3.7: gc_refs, beside the links. */
static void check_gc_refs(struct verification *verification, uint64_t address, uint64_t head, bool listed)
{
	struct cpython *cpython = verification->cpython;
	int64_t word;
	if (!read_ssize(cpython, head, cpython->layout.gc_head_refs, &word))
		return;
	int64_t refs = word >> 1, expected = listed ? GC_REFS_REACHABLE : GC_REFS_UNTRACKED;
	if (refs != expected)
		found(verification, HEADS, address, head + (uint64_t)cpython->layout.gc_head_refs,
		      "the collector's mark of it (gc_refs) is %" PRId64 " instead of %" PRId64 ": it is on %s list", refs,
		      expected, listed ? "a" : "no");
}

/* 3.8 and later. */
static void check_gc_links(struct verification *verification, uint64_t address, uint64_t head, bool listed)
{
	struct cpython *cpython = verification->cpython;
	uint64_t next, previous;
	if (!read_pointer(cpython, head, cpython->layout.gc_head_next, &next) ||
	    !read_pointer(cpython, head, cpython->layout.gc_head_prev, &previous))
		return;
	if (!listed && next)
		found(verification, HEADS, address, head + (uint64_t)cpython->layout.gc_head_next,
		      "its link in the collector's list leads to 0x%" PRIx64 ", but it is on no list", next);
	if (listed && (previous & GC_PREV_COLLECTING))
		found(verification, HEADS, address, head + (uint64_t)cpython->layout.gc_head_prev,
		      "it is marked as being collected, and no collection is going on");
}

static void check_gc_head(struct verification *verification, const struct cpython_type *type, uint64_t address, bool listed)
{
	struct cpython *cpython = verification->cpython;
	uint64_t head = address - (uint64_t)cpython->layout.size_of_gc_head;
	bool has_head = cpython_has_gc_head(cpython, type, address);
	if (listed && !has_head)
		found(verification, HEADS, address, address + (uint64_t)cpython->layout.object_type,
		      "it is on a list of the collector's, but objects of its type are on none");
	if (!has_head || !verification->lists_whole)
		return;
	if (cpython->layout.gc_head_refs != LAYOUT_ABSENT)
		check_gc_refs(verification, address, head, listed);
	else
		check_gc_links(verification, address, head, listed);
}

const struct cpython_type *check_head(struct verification *verification, uint64_t address, bool listed)
{
	struct cpython *cpython = verification->cpython;
	uint64_t type_address, place = address + (uint64_t)cpython->layout.object_type;
	if (!read_pointer(cpython, place, 0, &type_address)) {
		if (wants(verification, RUNTIME_CHECK_HEADS))
			found(verification, HEADS, address, place, "a collector has it on its list, and it cannot be read");
		return NULL;
	}
	const struct cpython_type *type = cpython_type(cpython, type_address);
	if (type && !type->damaged) {
		if (wants(verification, RUNTIME_CHECK_HEADS)) {
			check_refcount(verification, address, listed);
			check_gc_head(verification, type, address, listed);
		}
		return type;
	}
	if (wants(verification, RUNTIME_CHECK_HEADS))
		runtime_found(verification->verifier,
			      (struct runtime_finding){
				      .check = RUNTIME_CHECK_HEADS,
				      .address = address,
				      .place = place,
				      .cause = type_address,
			      },
			      "what should be its type, 0x%" PRIx64 ", is none", type_address);
	return NULL;
}

/* ---- where an object should be ---------------------------------------------------------------------- */

/* Bytes that the debug allocator fills freed memory with: DEADBYTE, 0xdb up to 3.7. */
static bool is_freed_fill(uint64_t word)
{
	return word == UINT64_C(0xdddddddddddddddd) || word == UINT64_C(0xdbdbdbdbdbdbdbdb);
}

/* May an object begin @offset bytes behind the beginning of a block? Behind the collector's head, two pointers to a dict and
 * weak references, and what the debug allocator puts first. */
static bool can_begin(const struct verification *verification, uint64_t offset)
{
	const struct layout *layout = &verification->cpython->layout;
	uint64_t head = layout->size_of_gc_head > 0 ? (uint64_t)layout->size_of_gc_head : 0;
	if (verification->debug)
		offset -= PYMALLOC_DEBUG_HEAD;
	return offset == 0 || offset == head || offset == head + 2 * WORD_SIZE || offset == 2 * WORD_SIZE;
}

static bool tell_target(struct runtime_finding *finding, enum runtime_check check, uint64_t address, uint64_t place,
			char *message)
{
	*finding = (struct runtime_finding){ .check = check, .address = address, .place = place, .message = message };
	return true;
}

bool verify_target(struct runtime_verification *opaque, uint64_t address, size_t holders, struct runtime_finding *finding)
{
	struct verification *verification = (struct verification *)opaque;
	struct cpython *cpython = verification->cpython;
	uint64_t refcount, type, block, size, place = address + (uint64_t)cpython->layout.object_type;
	char *message = NULL;
	const char *many = holders == 1 ? "" : "s", *verb = holders == 1 ? "s" : "";
	if (!read_pointer(cpython, address, cpython->layout.object_refcnt, &refcount) ||
	    !read_pointer(cpython, place, 0, &type))
		return false;
	enum block_state state = find_block(verification, &verification->seen_targets, address, &block, &size);
	if (is_freed_fill(type) || (state == BLOCK_FREE && (!block || can_begin(verification, address - block)))) {
		if (asprintf(&message, "it was freed, and %zu object%s still hold%s it", holders, many, verb) < 0)
			message = NULL;
		return tell_target(finding, RUNTIME_CHECK_FREED, address, place, message);
	}
	if (state == BLOCK_USED && !can_begin(verification, address - block))
		return false;
	/* a lone reference may lead into the middle of something: to a type and what follows it, in a program at low addresses */
	if (holders < 2 &&
	    (!is_sane_refcount(cpython, refcount) || verification->verifier->is_object(verification->verifier, refcount)))
		return false;
	const struct cpython_type *known = cpython_known_type(cpython, type);
	if (known && !known->damaged)
		return false;
	if (asprintf(&message, "what should be its type, 0x%" PRIx64 ", is none; %zu object%s hold%s it", type, holders,
		     many, verb) < 0)
		message = NULL;
	tell_target(finding, RUNTIME_CHECK_HEADS, address, place, message);
	finding->cause = type;
	return true;
}
