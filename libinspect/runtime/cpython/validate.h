/* SPDX-License-Identifier: MIT */
/*
 * validate.h - is a layout true of a target?
 */
#ifndef INSPECT_CPYTHON_VALIDATE_H
#define INSPECT_CPYTHON_VALIDATE_H

#include "runtime/cpython/cpython.h"

/* Reads the target through cpython->layout, taken as one of cpython->version's feature release, and fills in what
 * can then be known: version, debug, trace_refs, type_type and the interpreters. An error of the kind
 * INSPECT_ERROR_LAYOUT says what does not fit; INSPECT_ERROR_NO_RUNTIME: there is no interpreter. */
struct inspect_error *validate_layout(struct cpython *cpython) __attribute__((warn_unused_result));

#endif
