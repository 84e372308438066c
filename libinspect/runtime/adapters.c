/* SPDX-License-Identifier: MIT */
/*
 * adapters.c - which adapters there are, in the order in which they are tried: a test may have others.
 *
 * CPython comes first. A program that has both, a Python with an extension that embeds a heap of its own, is taken
 * for a Python program: that is what it is to those who ask. A note says how to see the other one.
 */
#include "runtime/runtime.h"

extern const struct runtime_operations cpython_operations, refgc_operations;

const struct runtime_operations *const runtime_adapters[] = { &cpython_operations, &refgc_operations, NULL };
