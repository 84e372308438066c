/* SPDX-License-Identifier: MIT */
/*
 * scan.h - finding references by looking at memory word by word, where nobody has described what is there.
 *
 * A word is taken for a reference if an object is where it points: cpython_is_object(). That is certain of objects and
 * unlikely to be true of anything else, but never proof: such references are RUNTIME_GUESSED.
 */
#ifndef INSPECT_CPYTHON_SCAN_H
#define INSPECT_CPYTHON_SCAN_H

#include "runtime/cpython/roots.h"

/* ---- scan.c ---- */

/* Is there an object at @address? Never says no of an object whose type PyType_Ready() has made ready. What it looks at:
 * the address, the reference count, the type and its own type, bases and MRO, the collector's head. Several threads
 * may call this at once, but none that has the table of types locked. */
bool cpython_is_object(struct cpython *cpython, uint64_t address);

/* The same, or one whose reference count is 0, whose deallocation has not come far: asked where freed memory is unlikely. */
bool cpython_is_object_or_dying(struct cpython *cpython, uint64_t address);

/* The same for a type: is the word @address the address of one? */
bool cpython_is_ready_type(struct cpython *cpython, uint64_t address);

/* ---- references_scan.c ---- */

/* Allows as many bytes of items to be scanned from now on as a heap can need: before each walk through the whole heap. */
void scan_set_budget(struct cpython *cpython);
/* Makes room for what is learnt of the objects of @type, which is bound. False when out of memory. The table of types is
 * locked. */
bool scan_make_statistics(struct cpython *cpython, struct cpython_type *type) __attribute__((warn_unused_result));
/* Forgets what was learnt, and learns again: before each walk through the whole heap, and settle() of runtime.h at its end. */
void scan_learn(struct cpython *cpython);
void scan_settle(struct runtime *runtime);
/* refute() of runtime.h: other objects of the type may have something else in the same place. */
bool scan_refute(struct runtime *runtime, uint64_t address, uint32_t type, uint64_t word);

/* Adds to @binding what the class of C code at @class, which is not described, adds to its base at *@base (0: none): its
 * members and its __dict__ exactly, and a scan of the rest of its struct and of its items. False if it adds
 * nothing that could be a reference. *@base becomes 0 if what its objects begin with is not the struct of the base. */
bool scan_bind(struct binding *binding, struct cpython *cpython, uint64_t class, uint64_t *base);

/* Emits what the words of the @size bytes at @address refer to: the state of a module that nobody described. */
void scan_state(struct visit *visit, uint64_t address, int64_t size, unsigned int flags);

/* ---- roots_scan.c ---- */

/* Sends to @sink what C code holds: RUNTIME_ROOT_GLOBAL, RUNTIME_ROOT_STACK, and the static types of every image as
 * RUNTIME_ROOT_STATIC. Passes over the data in @described. What was not searched goes to @notes. */
struct inspect_error *scan_roots(struct cpython *cpython, struct runtime_root_sink *sink, struct notes *notes,
				 struct address_range described)
	__attribute__((warn_unused_result));

#endif
