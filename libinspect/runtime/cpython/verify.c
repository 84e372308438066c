/* SPDX-License-Identifier: MIT */
/*
 * verify.c - checking CPython's heap: which checks there are for which object.
 */
#include "runtime/cpython/verify.h"

#include <stdlib.h>

#include "runtime/cpython/collector.h"

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

static struct inspect_error *verify_begin(struct runtime *runtime, struct runtime_verifier *verifier, struct notes *notes,
					  struct runtime_verification **verification_ret)
{
	struct verification *verification = calloc(1, sizeof(*verification));
	*verification_ret = (struct runtime_verification *)verification;
	if (!verification)
		return &inspect_error_no_memory;
	*verification = (struct verification){ .cpython = (struct cpython *)runtime, .verifier = verifier };
	if (wants(verification, RUNTIME_CHECK_LISTS))
		return check_lists(verification, notes);
	return NULL;
}

static struct inspect_error *verify_objects(struct runtime_verification *opaque, const uint64_t *addresses,
					    const bool *listed, size_t count)
{
	struct verification *verification = (struct verification *)opaque;
	enum { AHEAD = 12 };
	for (size_t i = 0; i < count; i++) {
		if (count - i > AHEAD)
			read_ahead(verification->cpython, addresses[i + AHEAD]);
		check_head(verification, addresses[i], listed[i]);
	}
	return NULL;
}

static void verify_end(struct runtime_verification *opaque)
{
	struct verification *verification = (struct verification *)opaque;
	free(verification);
}

const struct runtime_verify_operations cpython_verify_operations = {
	.begin = verify_begin,
	.objects = verify_objects,
	.target = verify_target,
	.end = verify_end,
};
