/* SPDX-License-Identifier: MIT */
/*
 * bind.h - choosing the layout that is true of a target.
 */
#ifndef INSPECT_CPYTHON_BIND_H
#define INSPECT_CPYTHON_BIND_H

#include "runtime/cpython/cpython.h"

/* Finds a layout that validates at cpython->runtime_address (or ->statics) and fills in layout, layout_source,
 * version, debug, trace_refs, type_type and the interpreters. An error of the kind INSPECT_ERROR_LAYOUT if none
 * does; INSPECT_ERROR_NO_RUNTIME if CPython is there but has no interpreter (yet, or any more). */
struct inspect_error *bind_layout(struct cpython *cpython) __attribute__((warn_unused_result));

#endif
