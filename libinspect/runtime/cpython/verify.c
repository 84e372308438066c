/* SPDX-License-Identifier: MIT */
/*
 * verify.c - checking CPython's heap: which checks there are for which object.
 */
#include "runtime/cpython/verify.h"

#include <stdlib.h>

#include "runtime/cpython/collector.h"
#include "runtime/cpython/references.h"

static bool any_collecting(const struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->collector_count; i++)
		if (runtime->collectors[i].collecting == 1)
			return true;
	return false;
}

static struct inspect_error *check_lists(struct verification *verification, struct notes *notes)
{
	struct runtime *runtime = &verification->cpython->runtime;
	struct inspect_error *error = collectors_verify(runtime, verification->verifier, notes);
	verification->lists_whole = !verification->verifier->verified.damaged_lists && !any_collecting(runtime);
	return error;
}

/* A word of the target is looked at so often, at most. How many a debugger's has is not known. */
static int64_t words_to_look_at(const struct inspect_target *target)
{
	enum { FACTOR = 8, LEAST = 1 << 20 };
	if (target->kind == TARGET_DEBUGGER)
		return INT64_C(1) << 34;
	return (int64_t)(target_bytes(target) / WORD_SIZE) * FACTOR + LEAST;
}

static struct inspect_error *verify_begin(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes,
					  struct runtime_verification **verification_ret)
{
	struct verification *verification = calloc(1, sizeof(*verification));
	*verification_ret = (struct runtime_verification *)verification;
	if (!verification)
		return &inspect_error_no_memory;
	*verification = (struct verification){ .cpython = (struct cpython *)runtime, .verifier = verifier };
	verification->words_left = words_to_look_at(verification->cpython->target);
	struct inspect_error *error = NULL;
	if (wants(verification, RUNTIME_CHECK_LISTS))
		error = check_lists(verification, notes);
	find_hash(verification);
	if (!error)
		error = check_allocator(verification);
	if (!error && wants(verification, RUNTIME_CHECK_FREE_LISTS))
		check_free_lists(verification);
	return error;
}

/* ---- objects ---------------------------------------------------------------------------------------- */

bool is_instance(const struct verification *verification, uint64_t address, uint64_t flag)
{
	uint64_t type_address;
	if (!verification->verifier->is_object(verification->verifier, address) ||
	    !read_pointer(verification->cpython, address, verification->cpython->layout.object_type, &type_address))
		return false;
	const struct cpython_type *type = cpython_known_type(verification->cpython, type_address);
	return type && !type->damaged && (type->flags & flag);
}

bool check_room(struct inspected *object, uint64_t size, uint64_t place)
{
	const uint64_t size_limit = UINT64_C(1) << 47;
	uint64_t room = block_room(object->verification, object->seen, object->address, object->type->preheader);
	if ((room && size > room) || size > size_limit) {
		found(object->verification, CONTAINERS, object->address, place,
		      "by its length it has %" PRIu64 " bytes, more than its block, which has room for %" PRIu64, size,
		      room);
		return false;
	}
	if (room || target_has(object->verification->cpython->target, object->address, size))
		return true;
	found(object->verification, CONTAINERS, object->address, place,
	      "by its length it has %" PRIu64 " bytes, which cannot be read", size);
	return false;
}

static bool has_step(const struct cpython_type *type, visit_fn *function)
{
	for (size_t i = 0; i < type->step_count; i++)
		if (type->steps[i].kind == STEP_FUNCTION && type->steps[i].function == function)
			return true;
	return false;
}

static void check_contents(struct inspected *object)
{
	uint64_t flags = object->type->flags;
	if (flags & TPFLAGS_UNICODE_SUBCLASS)
		check_str(object);
	else if (flags & TPFLAGS_TUPLE_SUBCLASS)
		check_tuple(object);
	else if (flags & TPFLAGS_LONG_SUBCLASS)
		check_int(object);
	else if (flags & TPFLAGS_BYTES_SUBCLASS)
		check_bytes(object);
	else if (flags & TPFLAGS_LIST_SUBCLASS)
		check_list(object);
	else if ((flags & TPFLAGS_DICT_SUBCLASS) || has_step(object->type, dict_references))
		check_dict(object);
	else if (has_step(object->type, set_references))
		check_set(object);
	if (flags & TPFLAGS_INLINE_VALUES)
		check_inline_values(object);
}

static void check_object(struct inspected *object)
{
	check_block(object->verification, object->seen, object->type, object->address);
	if (object->type->flags & TPFLAGS_TYPE_SUBCLASS) {
		if (wants(object->verification, RUNTIME_CHECK_TYPES))
			check_type(object);
	} else if (wants(object->verification, RUNTIME_CHECK_CONTAINERS)) {
		check_contents(object);
	}
}

static struct inspect_error *verify_objects(struct runtime_verification *opaque, const uint64_t *addresses,
					    const bool *listed, size_t count)
{
	struct verification *verification = (struct verification *)opaque;
	struct pool_seen seen = { 0 }, seen_items = { 0 };
	enum { AHEAD = 12 };
	for (size_t i = 0; i < count; i++) {
		if (count - i > AHEAD)
			read_ahead(verification->cpython, addresses[i + AHEAD]);
		struct inspected object = {
			.verification = verification, .seen = &seen, .seen_items = &seen_items, .address = addresses[i],
		};
		object.type = check_head(verification, addresses[i], listed[i]);
		if (object.type)
			check_object(&object);
	}
	return NULL;
}

static void verify_end(struct runtime_verification *opaque)
{
	struct verification *verification = (struct verification *)opaque;
	if (verification)
		pymalloc_deinit(&verification->pymalloc);
	free(verification);
}

const struct runtime_verify_operations cpython_verify_operations = {
	.begin = verify_begin,
	.objects = verify_objects,
	.target = verify_target,
	.end = verify_end,
};
