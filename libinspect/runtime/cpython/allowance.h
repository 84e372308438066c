/* SPDX-License-Identifier: MIT */
/*
 * allowance.h - reference counts that do not close in a healthy CPython.
 */
#ifndef INSPECT_CPYTHON_ALLOWANCE_H
#define INSPECT_CPYTHON_ALLOWANCE_H

#include "runtime/cpython/cpython.h"

/* runtime_operations.allowance */
void cpython_allowance(struct runtime *runtime, uint64_t address, uint32_t type, int64_t excess,
		       struct runtime_allowance *allowance_ret);

#endif
