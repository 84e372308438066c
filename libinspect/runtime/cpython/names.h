/* SPDX-License-Identifier: MIT */
/*
 * names.h - which names are the program's, for answers that must show none of its data: doc/secrets.md.
 *
 * Most names in a heap can be data: setattr(), type() and types.ModuleType() take any string. A name is the program's
 * if
 *   - it is in an executable or a library: names of C types, members and functions;
 *   - code that was loaded from a file has it: co_names, the names of variables, co_name, co_qualname, not
 *     co_consts;
 *   - it is that of a module that was loaded from a file of this name, or that is compiled in.
 * All others are hidden where a runtime is redacted. Where it is not, nothing of this is asked.
 */
#ifndef INSPECT_CPYTHON_NAMES_H
#define INSPECT_CPYTHON_NAMES_H

#include "runtime/cpython/cpython.h"

/* Finds out which they are, if the runtime is redacted. Until then all are hidden. */
struct inspect_error *cpython_find_names(struct cpython *cpython) __attribute__((warn_unused_result));
void cpython_names_destroy(struct cpython *cpython);

/* What may be shown in place of a name, for the caller to free; NULL when out of memory: itself, or "…". A qualified
 * name is shown if all of its parts may be. */
char *names_show(const struct cpython *cpython, const char *name);
/* The same for names of modules; and of files, which are shown without their folders. */
char *names_show_module(const struct cpython *cpython, const char *name);
char *names_show_file(const struct cpython *cpython, const char *path);

/* May the name of an attribute, the str object at @address, be shown? The compiler and setattr() intern names: those
 * in code and of attributes are the same objects. */
bool names_has_object(const struct cpython *cpython, uint64_t address);

/* The name of the class at @type, as cpython_type_name(), of which only what is the program's is shown. @module and
 * @qualname as they would be shown otherwise; both may be NULL. */
char *names_show_type(struct cpython *cpython, uint64_t type, const char *module, const char *qualname);

#endif
