/* SPDX-License-Identifier: MIT */
/*
 * roots.c - where references to objects of CPython begin: the states of interpreters and threads.
 */
#include "runtime/cpython/roots.h"

#include "runtime/cpython/scan.h"

/* The modules of each interpreter. */
struct inspect_error *cpython_roots(struct runtime *runtime, struct runtime_root_sink *sink,
				    struct notes *notes)
{
	struct cpython *cpython = (struct cpython *)runtime;
	static const struct runtime_label modules_label = { .kind = RUNTIME_LABEL_TEXT, .text = ".modules" };
	for (size_t i = 0; i < cpython->interpreter_count; i++) {
		uint64_t modules;
		if (!read_pointer(cpython, cpython->interpreters[i].address, cpython->layout.interpreter_modules, &modules) ||
		    !modules)
			continue;
		struct inspect_error *error =
			sink->add(sink, modules, RUNTIME_ROOT_INTERPRETER, "sys", &modules_label);
		if (error)
			return error;
	}
	return scan_roots(cpython, sink, notes);
}
