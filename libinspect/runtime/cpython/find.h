/* SPDX-License-Identifier: MIT */
/*
 * find.h - where in a target CPython's own state may be.
 */
#ifndef INSPECT_CPYTHON_FIND_H
#define INSPECT_CPYTHON_FIND_H

#include "runtime/cpython/cpython.h"

/* A place where CPython's state may be: _PyRuntime, or the static variables of 3.6. */
struct runtime_place {
	struct target_image *image; /* NULL: none is known there */
	uint64_t runtime;           /* address of _PyRuntime, or 0 */
	struct collector_statics statics;
};

struct runtime_places {
	struct runtime_place *items;
	size_t count, capacity;
};

/* Adds to @places all places in the images of @target that claim to be CPython's state; where there is none,
 * all places in the images' writable data that begin like _Py_DebugOffsets. */
struct inspect_error *find_runtimes(struct inspect_target *target, struct runtime_places *places)
	__attribute__((warn_unused_result));
void runtime_places_deinit(struct runtime_places *places);

#endif
