/* SPDX-License-Identifier: MIT */
/*
 * roots.h - where references to objects of CPython begin: what the files share that know it.
 */
#ifndef INSPECT_CPYTHON_ROOTS_H
#define INSPECT_CPYTHON_ROOTS_H

#include "runtime/cpython/references.h"

/* [start, end) */
struct address_range {
	uint64_t start, end;
};

/* Roots being sent. */
struct roots {
	struct cpython *cpython;
	struct runtime_root_sink *sink;
	struct notes *notes;
	struct address_range described; /* data of the interpreter's that needs no scan; or empty */
};

/* Sends the root @reference; 0 and what cannot be an object's address is none. */
struct inspect_error *roots_add(struct roots *roots, uint64_t reference, enum runtime_root_kind kind, const char *place,
				struct runtime_label label) __attribute__((warn_unused_result));

/* A label of text. */
static inline struct runtime_label text_label(const char *text)
{
	return (struct runtime_label){ .kind = RUNTIME_LABEL_TEXT, .text = text };
}

/* roots_static.c: objects that are in the interpreter itself */
struct inspect_error *roots_add_static(struct roots *roots) __attribute__((warn_unused_result));
/* The address of the symbol @name of the interpreter's image; 0: there is none. */
uint64_t cpython_symbol(struct cpython *cpython, const char *name);
/* roots_cache.c: the cache of attributes up to 3.9; sets roots->described */
struct inspect_error *roots_add_method_cache(struct roots *roots) __attribute__((warn_unused_result));
/* roots_thread.c: threads and their frames */
struct inspect_error *roots_add_threads(struct roots *roots, const struct cpython_interpreter *interpreter)
	__attribute__((warn_unused_result));
/* Gives the code objects of all calls that are running to @each: what claims to be one, 0 among them. */
void roots_each_code(struct cpython *cpython, void (*each)(void *context, uint64_t code), void *context);

/* runtime_operations.roots */
struct inspect_error *cpython_roots(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes)
	__attribute__((warn_unused_result));

#endif
