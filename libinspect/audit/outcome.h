/* SPDX-License-Identifier: MIT */
/*
 * outcome.h - what came of one rule of an audit.
 */
#ifndef INSPECT_AUDIT_OUTCOME_H
#define INSPECT_AUDIT_OUTCOME_H

#include <stddef.h>
#include <stdint.h>

#include "base/notes.h"
#include "inspect.h"

enum outcome_result {
	OUTCOME_OK,
	OUTCOME_VIOLATED,
	OUTCOME_UNKNOWN, /* something could not be seen, and it may be violated because of that */
};

/* One thing that a rule is violated by, or that has a share in it. */
struct violation {
	uint64_t address; /* of an object; 0: it is about none */
	char *type;       /* NULL: it is about none */
	int64_t count;    /* of objects; negative: it is about none */
	int64_t bytes;    /* of the objects or the object; negative: not known */
	char *text;       /* says all of it, for people */
};

/* A name that the rule's message may have, and what it stands for. */
struct outcome_name {
	char *name, *value;
};

/* All zero is the outcome of a rule that nothing violates. */
struct outcome {
	enum outcome_result result;
	bool measured;
	int64_t found;  /* if measured: what the check compares with its limit; of a query, its rows */
	struct violation *violations; /* the first ones, no more than outcome->keep */
	size_t count, capacity;
	uint64_t keep;
	uint64_t total; /* of violations */
	struct outcome_name *names;
	size_t name_count, name_capacity;
	char *message;  /* the rule's, filled in, if it is violated; why, if the result is unknown */
	struct notes notes; /* what could not be seen on the way to it */
};

void outcome_deinit(struct outcome *outcome);

/* Adds a violation; its texts are the outcome's from now on, whatever happens. NULLs are out of memory but for the type. */
struct inspect_error *outcome_violation(struct outcome *outcome, struct violation violation)
	__attribute__((warn_unused_result));
/* Adds a name for the message, unless it is there; long values are cut. */
struct inspect_error *outcome_name(struct outcome *outcome, const char *name, const char *value)
	__attribute__((warn_unused_result));
struct inspect_error *outcome_name_number(struct outcome *outcome, const char *name, int64_t number)
	__attribute__((warn_unused_result));
/* Names what the outcome is about: count, bytes and size, which is the bytes with a unit. */
struct inspect_error *outcome_name_amounts(struct outcome *outcome, uint64_t count, uint64_t bytes)
	__attribute__((warn_unused_result));

/* "ok", "FAIL" or "unknown". */
const char *outcome_result_name(enum outcome_result result);

#endif
