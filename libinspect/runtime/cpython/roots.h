/* SPDX-License-Identifier: MIT */
/*
 * roots.h - where references to objects of CPython begin.
 */
#ifndef INSPECT_CPYTHON_ROOTS_H
#define INSPECT_CPYTHON_ROOTS_H

#include "runtime/cpython/cpython.h"

struct inspect_error *cpython_roots(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

#endif
