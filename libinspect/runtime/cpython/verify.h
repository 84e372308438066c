/* SPDX-License-Identifier: MIT */
/*
 * verify.h - checking CPython's heap: what the verify_*.c files share. Each has a family of checks.
 *
 * A check says what cannot be so in a process that waits anywhere between two bytecodes, and names the object. Nothing that
 * it reads is believed: no length is followed further than memory goes.
 */
#ifndef INSPECT_CPYTHON_VERIFY_H
#define INSPECT_CPYTHON_VERIFY_H

#include <inttypes.h>

#include "runtime/cpython/cpython.h"

enum { WORD_SIZE = sizeof(uint64_t) };

struct verification {
	struct cpython *cpython;
	struct runtime_verifier *verifier;
	bool lists_whole; /* all lists of collectors close, and no collection is going on */
};

/* Sends a finding about the object at @address, whose word at @place tells it. */
#define found(verification, check_, address_, place_, ...) \
	runtime_found((verification)->verifier, \
		      (struct runtime_finding){ .check = RUNTIME_CHECK_##check_, .address = (address_), .place = (place_) }, \
		      __VA_ARGS__)

static inline bool wants(const struct verification *verification, enum runtime_check check)
{
	return runtime_wants_check(verification->verifier, check);
}

/* ---- verify_heads.c ---- */

/* Can @word be the reference count of a living object? */
bool is_sane_refcount(const struct cpython *cpython, uint64_t word);
/* What every object begins with. The object's type, or NULL if it has none that can be believed. */
const struct cpython_type *check_head(struct verification *verification, uint64_t address, bool listed);
/* runtime_verify_operations.target */
bool verify_target(struct runtime_verification *verification, uint64_t address, size_t holders,
		   struct runtime_finding *finding);

/* ---- verify.c ---- */

extern const struct runtime_verify_operations cpython_verify_operations;

#endif
