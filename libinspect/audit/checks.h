/* SPDX-License-Identifier: MIT */
/*
 * checks.h - the ready-made checks of audits: one line that reads as a sentence, "unreachable bytes at most 10 MiB".
 */
#ifndef INSPECT_AUDIT_CHECKS_H
#define INSPECT_AUDIT_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect.h"

enum check_subject {
	CHECK_QUERY, /* no ready-made check: the rows of a query are the violations */
	CHECK_UNREACHABLE_OBJECTS,
	CHECK_UNREACHABLE_BYTES,
	CHECK_RECLAIMABLE_OBJECTS,
	CHECK_RECLAIMABLE_BYTES,
	CHECK_UNCOLLECTABLE_OBJECTS,
	CHECK_HEAP_OBJECTS,
	CHECK_HEAP_BYTES,
	CHECK_TYPE_COUNT,
	CHECK_TYPE_BYTES,
	CHECK_NO_OBJECT,
	CHECK_THREADS,
	CHECK_GC_ENABLED,
	CHECK_GC_DEBUG,
	CHECK_REFCOUNTS,
	CHECK_INTEGRITY,
	CHECK_SUBJECTS,
};

enum check_comparison {
	CHECK_AT_MOST,
	CHECK_AT_LEAST,
};

struct check {
	enum check_subject subject;
	enum check_comparison comparison;
	uint64_t limit;     /* objects, bytes, findings or threads */
	char *type;         /* a name in which * ? [...] match parts; NULL: objects of all types */
	uint64_t larger;    /* CHECK_NO_OBJECT: only objects of more bytes than this count, */
	bool has_larger;    /* if this is set */
};

/* Reads the sentence @text, in which white space separates words. An error says what was expected instead of which word. */
struct inspect_error *check_parse(const char *text, struct check *check) __attribute__((warn_unused_result));
void check_deinit(struct check *check);

/* What the check measures comes with a number of bytes, so that messages may name it. */
bool check_has_bytes(const struct check *check);
/* It compares a number with a limit that the rule gave. */
bool check_has_limit(const struct check *check);

#endif
