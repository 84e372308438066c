/* SPDX-License-Identifier: MIT */
/*
 * verify.c - is a heap that describes itself whole? What its descriptor tells of lists, heads of objects and the allocator.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/refgc/refgc.h"

enum { WORD = sizeof(uint64_t) };

struct checking {
	struct refgc *refgc;
	struct runtime_verifier *verifier;
	bool lists_whole;
};

#define found(checking, check_, address_, place_, ...) \
	runtime_found( \
		(checking)->verifier, \
		(struct runtime_finding){ .check = RUNTIME_CHECK_##check_, .address = (address_), .place = (place_) }, \
		__VA_ARGS__)

/* ---- the allocator ---------------------------------------------------------------------------------- */

/* What a pool says of itself. */
struct pool {
	uint64_t address, size_class, used, capacity, free, untouched;
	uint64_t block_size, first;
};

static bool read_pool(struct refgc *refgc, uint64_t address, struct pool *pool)
{
	const struct descriptor *descriptor = refgc->descriptor;
	struct inspect_target *target = refgc->target;
	*pool = (struct pool){ .address = address };
	if (!described_number(target, address, &descriptor->pool_size_class, &pool->size_class) ||
	    !described_number(target, address, &descriptor->pool_used, &pool->used) ||
	    !described_number(target, address, &descriptor->pool_capacity, &pool->capacity) ||
	    !described_number(target, address, &descriptor->pool_free, &pool->free) ||
	    !described_number(target, address, &descriptor->pool_untouched, &pool->untouched))
		return false;
	pool->block_size = (pool->size_class + 1) * descriptor->pool_block_unit.value;
	pool->first = descriptor->pool_header_size.value;
	return true;
}

/* Does what the pool says of its blocks agree with its size? */
static bool is_sane(const struct refgc *refgc, const struct pool *pool)
{
	uint64_t size = refgc->descriptor->pool_size.value, room = size - pool->first;
	return pool->size_class < size && pool->block_size && pool->block_size <= room &&
	       pool->capacity <= room / pool->block_size && pool->used <= pool->capacity &&
	       pool->untouched >= pool->first && pool->untouched <= size;
}

/* Follows the list of free blocks; at most as many as there can be. */
static void check_free_blocks(struct checking *checking, const struct pool *pool)
{
	struct refgc *refgc = checking->refgc;
	uint64_t block = pool->free, link = pool->address + refgc->descriptor->pool_free.value, count = 0;
	uint64_t touched = (pool->untouched - pool->first) / pool->block_size;
	for (; block && count <= pool->capacity; count++) {
		uint64_t offset = block - pool->address;
		if (block < pool->address || offset < pool->first || offset >= pool->untouched || block % WORD ||
		    (offset - pool->first) % pool->block_size) {
			found(checking, ALLOCATOR, pool->address, link,
			      "the pool's list of free blocks leads to 0x%" PRIx64 ", where none of its blocks is", block);
			return;
		}
		link = block + refgc->descriptor->block_next.value;
		if (!described_number(refgc->target, block, &refgc->descriptor->block_next, &block))
			return;
	}
	if (pool->used + count != touched)
		found(checking, ALLOCATOR, pool->address, pool->address + refgc->descriptor->pool_used.value,
		      "the pool says that %" PRIu64 " blocks are in use; %" PRIu64 " of %" PRIu64
		      " that were once are on its list of free ones",
		      pool->used, count, touched);
}

static void check_pool(struct checking *checking, uint64_t address)
{
	struct pool pool;
	if (!read_pool(checking->refgc, address, &pool))
		return;
	checking->verifier->verified.pools++;
	if (!pool.used)
		return;
	if (is_sane(checking->refgc, &pool))
		check_free_blocks(checking, &pool);
	else
		found(checking, ALLOCATOR, address, address + checking->refgc->descriptor->pool_size_class.value,
		      "the pool's header contradicts itself: %" PRIu64 " of %" PRIu64 " blocks of %" PRIu64
		      " bytes are in use, and the first unused one is at %" PRIu64,
		      pool.used, pool.capacity, pool.block_size, pool.untouched);
}

static bool describes_pools(const struct descriptor *descriptor)
{
	const uint64_t limit = UINT64_C(1) << 30;
	return descriptor->collector_arenas.known && descriptor->collector_arena_count.known &&
	       descriptor->arena_address.known && descriptor->arena_untouched.known && descriptor->arena_size.known &&
	       descriptor->pool_header_size.known && descriptor->pool_block_unit.known &&
	       descriptor->pool_size_class.known && descriptor->pool_used.known && descriptor->pool_capacity.known &&
	       descriptor->pool_free.known && descriptor->pool_untouched.known && descriptor->block_next.known &&
	       descriptor->pool_size.known && descriptor->pool_size.value >= WORD &&
	       descriptor->pool_header_size.value < descriptor->pool_size.value && descriptor->arena_size.value < limit &&
	       descriptor->pool_block_unit.value && descriptor->pool_block_unit.value < descriptor->pool_size.value;
}

static void check_arena(struct checking *checking, uint64_t arena)
{
	struct refgc *refgc = checking->refgc;
	const struct descriptor *descriptor = refgc->descriptor;
	uint64_t address, untouched, size = descriptor->pool_size.value;
	if (!described_number(refgc->target, arena, &descriptor->arena_address, &address) || !address ||
	    !described_number(refgc->target, arena, &descriptor->arena_untouched, &untouched))
		return;
	checking->verifier->verified.arenas++;
	for (uint64_t i = 0; i < untouched && i < descriptor->arena_size.value / size; i++)
		check_pool(checking, address + i * size);
}

static void check_arenas(struct checking *checking, uint64_t collector)
{
	struct refgc *refgc = checking->refgc;
	const struct descriptor *descriptor = refgc->descriptor;
	uint64_t arenas, count;
	if (!described_number(refgc->target, collector, &descriptor->collector_arenas, &arenas) ||
	    !described_number(refgc->target, collector, &descriptor->collector_arena_count, &count))
		return;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t arena;
		if (!described_read(refgc->target, arenas + i * WORD, WORD, false, &arena))
			return;
		check_arena(checking, arena);
	}
}

/* ---- heads ------------------------------------------------------------------------------------------ */

static void check_head(struct checking *checking, uint64_t address, bool listed)
{
	struct refgc *refgc = checking->refgc;
	const struct descriptor *descriptor = refgc->descriptor;
	int64_t refcount;
	uint64_t type_address, next;
	if (!described_signed(refgc->target, address, &descriptor->object_refcount, &refcount) ||
	    !described_number(refgc->target, address, &descriptor->object_type, &type_address)) {
		found(checking, HEADS, address, address, "a collector has it on its list, and it cannot be read");
		return;
	}
	const struct refgc_type *type = refgc_type(refgc, type_address);
	if (!type || type->damaged) {
		runtime_found(checking->verifier,
			      (struct runtime_finding){
				      .check = RUNTIME_CHECK_HEADS, .address = address,
				      .place = address + descriptor->object_type.value, .cause = type_address,
			      },
			      "what should be its type, 0x%" PRIx64 ", is none", type_address);
		return;
	}
	const int64_t limit = INT64_C(1) << 40;
	bool immortal = (uint64_t)refcount & descriptor->object_immortal.value;
	if (!immortal && (refcount <= 0 || refcount > limit))
		found(checking, HEADS, address, address + descriptor->object_refcount.value,
		      "its reference count is %" PRId64 ", but it is still in use", refcount);
	if (listed && !type->container)
		found(checking, HEADS, address, address + descriptor->object_type.value,
		      "it is on a list of the collector's, but objects of its type are on none");
	if (!listed && type->container && checking->lists_whole &&
	    described_number(refgc->target, address - descriptor->gc_size.value, &descriptor->gc_next, &next) && next)
		found(checking, HEADS, address, address - descriptor->gc_size.value + descriptor->gc_next.value,
		      "its link in the collector's list leads to 0x%" PRIx64 ", but it is on no list", next);
}

/* ---- runtime_verify_operations ---------------------------------------------------------------------- */

static bool any_collecting(const struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->collector_count; i++)
		if (runtime->collectors[i].collecting == 1)
			return true;
	return false;
}

static struct inspect_error *verify_begin(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes,
					  struct runtime_verification **verification_ret)
{
	struct checking *checking = calloc(1, sizeof(*checking));
	struct inspect_error *error = NULL;
	*verification_ret = (struct runtime_verification *)checking;
	if (!checking)
		return &inspect_error_no_memory;
	*checking = (struct checking){ .refgc = (struct refgc *)runtime, .verifier = verifier };
	if (runtime_wants_check(verifier, RUNTIME_CHECK_LISTS)) {
		error = refgc_verify_lists(runtime, verifier, notes);
		checking->lists_whole = !verifier->verified.damaged_lists && !any_collecting(runtime);
	}
	if (runtime_wants_check(verifier, RUNTIME_CHECK_ALLOCATOR) && describes_pools(checking->refgc->descriptor))
		for (size_t i = 0; i < checking->refgc->collector_count; i++)
			check_arenas(checking, checking->refgc->collectors[i].address);
	return error;
}

static struct inspect_error *verify_objects(struct runtime_verification *verification, const uint64_t *addresses,
					    const bool *listed, size_t count)
{
	struct checking *checking = (struct checking *)verification;
	for (size_t i = 0; i < count && runtime_wants_check(checking->verifier, RUNTIME_CHECK_HEADS); i++)
		check_head(checking, addresses[i], listed[i]);
	return NULL;
}

static bool verify_target(struct runtime_verification *verification, uint64_t address, size_t holders,
			  struct runtime_finding *finding)
{
	struct checking *checking = (struct checking *)verification;
	const struct descriptor *descriptor = checking->refgc->descriptor;
	int64_t refcount;
	uint64_t type;
	if (!described_signed(checking->refgc->target, address, &descriptor->object_refcount, &refcount) ||
	    !described_number(checking->refgc->target, address, &descriptor->object_type, &type) ||
	    (holders < 2 && refcount <= 0))
		return false;
	*finding = (struct runtime_finding){
		.check = RUNTIME_CHECK_HEADS,
		.address = address,
		.place = address + descriptor->object_type.value,
		.cause = type,
	};
	if (asprintf(&finding->message, "what should be its type, 0x%" PRIx64 ", is none; objects that hold it: %zu", type,
		     holders) < 0)
		finding->message = NULL;
	return true;
}

static void verify_end(struct runtime_verification *verification)
{
	free(verification);
}

const struct runtime_verify_operations refgc_verify_operations = {
	.begin = verify_begin,
	.objects = verify_objects,
	.target = verify_target,
	.end = verify_end,
};
