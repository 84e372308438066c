/* SPDX-License-Identifier: MIT */
/*
 * traits.h - what objects of a type can do beyond holding references.
 */
#ifndef INSPECT_CPYTHON_TRAITS_H
#define INSPECT_CPYTHON_TRAITS_H

#include "runtime/cpython/cpython.h"

unsigned int cpython_traits(struct runtime *runtime, uint32_t index);
bool cpython_weakref(struct runtime *runtime, uint64_t address, struct runtime_weakref *weakref_ret);

#endif
