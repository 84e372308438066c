/* SPDX-License-Identifier: MIT */
/*
 * lines.h - which line of the source an instruction belongs to.
 */
#ifndef INSPECT_CPYTHON_LINES_H
#define INSPECT_CPYTHON_LINES_H

#include "runtime/cpython/cpython.h"

/* The line of the instruction that is @offset bytes into the code of the code object at @code; negative: not begun.
 * The function's first line where that cannot be told; 0 if the code object cannot be read. */
int32_t cpython_line(struct cpython *cpython, uint64_t code, int64_t offset);

#endif
