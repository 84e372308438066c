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
#include "runtime/cpython/pymalloc.h"

enum { WORD_SIZE = sizeof(uint64_t) };

/* The pool that was looked at last: objects come in the order of their addresses. All zero at first. */
struct pool_seen {
	uint64_t base;
	struct pymalloc_pool pool;
	struct pymalloc_free free;
	bool known; /* there is a pool */
	bool whole; /* free is known, and agrees with the pool's header */
};

struct verification {
	struct cpython *cpython;
	struct runtime_verifier *verifier;
	bool lists_whole; /* all lists of collectors close, and no collection is going on */
	int64_t words_left; /* of contents that may still be looked at, so that damage does not make it endless (atomic) */
	struct pymalloc pymalloc;
	struct pool_seen seen_targets;
	bool debug;             /* the debug allocator hands out blocks, of pools or of malloc()'s */
	uint8_t forbidden_byte; /* that it writes around them */
	/* siphash's key and rounds for each word, if that is how hashes of str and bytes are made (3.6 … 3.15): */
	bool hash_known;
	uint64_t hash_key[2];
	unsigned int hash_rounds;
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

/* ---- verify_allocator.c ---- */


enum block_state {
	BLOCK_ELSEWHERE, /* in no pool, or in one that is damaged */
	BLOCK_USED,
	BLOCK_FREE,
};
/* What the allocator says of the memory at @address: its block, and that's size; 0 where there is none. */
enum block_state find_block(const struct verification *verification, struct pool_seen *seen, uint64_t address,
			    uint64_t *block_ret, uint64_t *size_ret);
/* Bytes from @address to the end of its block, which begins @before bytes before it; 0: not known. */
uint64_t block_room(const struct verification *verification, struct pool_seen *seen, uint64_t address, uint64_t before);
/* Checks the arenas and pools. */
struct inspect_error *check_allocator(struct verification *verification) __attribute__((warn_unused_result));
/* Checks that the block of the object at @address is in use, and what the debug allocator wrote around it. */
void check_block(struct verification *verification, struct pool_seen *seen, const struct cpython_type *type, uint64_t address);

/* Checks the lists of free objects that the interpreters keep: verify_free_lists.c */
void check_free_lists(struct verification *verification);

/* ---- objects of types that are known ---- */

/* An object whose head can be believed. */
struct inspected {
	struct verification *verification;
	struct pool_seen *seen;       /* of objects, */
	struct pool_seen *seen_items; /* and of what they have elsewhere */
	const struct cpython_type *type;
	uint64_t address;
};

/* May @words more of contents be looked at? */
static inline bool may_look(struct verification *verification, uint64_t words)
{
	if (__atomic_sub_fetch(&verification->words_left, (int64_t)words, __ATOMIC_RELAXED) >= 0)
		return true;
	__atomic_store_n(&verification->verifier->exhausted, true, __ATOMIC_RELAXED);
	return false;
}

/* Is the object at @address one of a type with @flag (TPFLAGS_…_SUBCLASS)? */
bool is_instance(const struct verification *verification, uint64_t address, uint64_t flag);
/* Says so if the object's @size bytes are more than its block has, or cannot be read; @place has its length. False then. */
bool check_room(struct inspected *object, uint64_t size, uint64_t place);

/* verify_dict.c: dicts, sets, and the table of keys at @keys that a type keeps for its instances */
void check_dict(struct inspected *object);
void check_set(struct inspected *object);
void check_shared_keys(struct inspected *object, uint64_t keys);
/* verify_sequences.c */
void check_list(struct inspected *object);
void check_tuple(struct inspected *object);
/* verify_values.c: what refers to nothing */
void check_int(struct inspected *object);
void check_str(struct inspected *object);
void check_bytes(struct inspected *object);
/* Finds out how this build computes the hashes of str and bytes. */
void find_hash(struct verification *verification);
/* Is the hash that the str at @address keeps that of its text, as far as that can be told? */
bool has_right_hash(struct verification *verification, uint64_t address);
/* verify_types.c */
void check_type(struct inspected *object);
/* verify_instances.c: values that an instance has in itself */
void check_inline_values(struct inspected *object);

/* ---- verify.c ---- */

extern const struct runtime_verify_operations cpython_verify_operations;

#endif
