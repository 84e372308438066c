/* SPDX-License-Identifier: MIT */
/*
 * holder_text.h - where C code may hold an object, in words.
 */
#ifndef INSPECT_VERBS_HOLDER_TEXT_H
#define INSPECT_VERBS_HOLDER_TEXT_H

#include "graph/outside.h"

struct holder_text {
	char *exact; /* "libfoo.so .bss+0x40", "malloc block 0x55… of 72 bytes, and 2 more places" */
	char *kind;  /* the same of many objects: "malloc blocks of 72 bytes" */
};

/* Describes the @count @words, which all lead to one object, and that @objects others may refer to it. */
struct inspect_error *holder_describe(struct inspect_target *target, const struct outside_word *words, size_t count,
				      int64_t objects, struct holder_text *text) __attribute__((warn_unused_result));
void holder_deinit(struct holder_text *text);

#endif
