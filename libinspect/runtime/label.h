/* SPDX-License-Identifier: MIT */
/*
 * label.h - what a reference is called, as text: for adapters.
 */
#ifndef INSPECT_RUNTIME_LABEL_H
#define INSPECT_RUNTIME_LABEL_H

#include "runtime/runtime.h"

/* What the object at @address is as text, for the caller to free, NULL when out of memory: a string's own text if
 * @bare, else as people would write it as a key. Redacted: only asked for names (@bare), of which it says "…" unless
 * they are the program's. */
typedef char *label_describe_fn(struct runtime *runtime, uint64_t address, bool bare);

/* The text of @label, safe to print, at most 200 characters, for the caller to free; NULL when out of memory. */
char *runtime_label_text(struct runtime *runtime, const struct runtime_label *label, label_describe_fn *describe);

#endif
