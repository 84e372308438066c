/* SPDX-License-Identifier: MIT */
/*
 * roots.c - where references to objects of CPython begin: the state of the runtime and of its interpreters, as
 * roots.def describes it.
 */
#include "runtime/cpython/roots.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/cpython/collector.h"
#include "runtime/cpython/hashtable.h"
#include "runtime/cpython/scan.h"

/* ---- sending --------------------------------------------------------------------------------------- */

struct inspect_error *roots_add(struct roots *roots, uint64_t reference, enum runtime_root_kind kind, const char *place,
				struct runtime_label label)
{
	uint64_t address = reference & ~RUNTIME_REFERENCE_FLAGS;
	return address ? roots->sink->add(roots->sink, reference, kind, place, &label) : NULL;
}

/* ---- what roots.def says --------------------------------------------------------------------------- */

enum root_shape {
	ROOT_POINTER,
	ROOT_RUN,    /* from @field in steps up to @last */
	ROOT_LIST,   /* behind the pointer at @field, as many as the Py_ssize_t at @last says */
	ROOT_OBJECT, /* no pointer: the object itself */
};

/* One line of roots.def; fields are places in struct layout. */
struct root_description {
	enum root_shape shape;
	enum runtime_root_kind kind;
	size_t field, second, last;
	const char *place, *label;
	unsigned int flags;
};

#define FIELD_PLACE(name) offsetof(struct layout, name)
#define POINTER_ROOT(name, kind, place, label, flags) \
	{ ROOT_POINTER, RUNTIME_ROOT_##kind, FIELD_PLACE(name), 0, 0, place, label, flags },
#define RUN_ROOT(name, kind, place, label, flags) \
	{ ROOT_RUN, RUNTIME_ROOT_##kind, FIELD_PLACE(name), FIELD_PLACE(name##_second), FIELD_PLACE(name##_last), \
	  place, label, flags },

static const struct root_description interpreter_roots[] = {
#define INTERPRETER(name, members, place, label, flags) POINTER_ROOT(name, INTERPRETER, place, label, flags)
#define INTERPRETER_AS(name, kind, members, place, label, flags) POINTER_ROOT(name, kind, place, label, flags)
#define KNOWN_INTERPRETER(name, place, label, flags) POINTER_ROOT(name, INTERPRETER, place, label, flags)
#define INTERPRETER_RUN(name, kind, first, second, last, place, label, flags) RUN_ROOT(name, kind, place, label, flags)
#define INTERPRETER_LIST(name, kind, pointer, count, place, label, flags) \
	{ ROOT_LIST, RUNTIME_ROOT_##kind, FIELD_PLACE(name), 0, FIELD_PLACE(name##_count), place, label, flags },
#define INTERPRETER_OBJECT(name, members, place, label) \
	{ ROOT_OBJECT, RUNTIME_ROOT_STATIC, FIELD_PLACE(name), 0, 0, place, label, RUNTIME_UNCOUNTED },
#include "runtime/cpython/roots.def"
};

static const struct root_description runtime_roots[] = {
#define RUNTIME(name, members, place, label, flags) POINTER_ROOT(name, INTERPRETER, place, label, flags)
#define RUNTIME_RUN(name, kind, first, second, last, place, label, flags) RUN_ROOT(name, kind, place, label, flags)
#include "runtime/cpython/roots.def"
};

static int32_t field_value(const struct cpython *cpython, size_t field)
{
	int32_t value;
	memcpy(&value, (const char *)&cpython->layout + field, sizeof(value));
	return value;
}

/* Sends the pointer at @address. What is no address of an object is passed over: an empty place, or damage. */
static struct inspect_error *add_pointer(struct roots *roots, uint64_t address, unsigned int flags,
					 enum runtime_root_kind kind, const char *place, struct runtime_label label)
{
	uint64_t target;
	if (!read_pointer(roots->cpython, address, 0, &target) || target % sizeof(target))
		return NULL;
	label.word = address;
	return roots_add(roots, target | flags, kind, place, label);
}

static struct inspect_error *add_pointers(struct roots *roots, uint64_t first, uint64_t count, uint64_t step,
					  const struct root_description *root, const char *place)
{
	struct inspect_error *error = NULL;
	for (uint64_t i = 0; i < count && target_has(roots->cpython->target, first + i * step, 1) && !error; i++) {
		struct runtime_label label = { .kind = RUNTIME_LABEL_INDEX, .value = i, .text = root->label };
		error = add_pointer(roots, first + i * step, root->flags, root->kind, place, label);
	}
	return error;
}

/* Sends what @root describes of the structure at @state. */
static struct inspect_error *add_described(struct roots *roots, uint64_t state, const struct root_description *root,
					   const char *place)
{
	struct cpython *cpython = roots->cpython;
	int32_t field = field_value(cpython, root->field);
	uint64_t address = state + (uint64_t)field, items;
	int64_t count;
	if (field == LAYOUT_ABSENT)
		return NULL;
	switch (root->shape) {
	case ROOT_POINTER:
		return add_pointer(roots, address, root->flags, root->kind, place, text_label(root->label));
	case ROOT_RUN: {
		int32_t step = field_value(cpython, root->second) - field;
		int32_t length = field_value(cpython, root->last) - field;
		if (length < 0)
			return NULL;
		step = step > 0 ? step : (int32_t)sizeof(uint64_t);
		return add_pointers(roots, address, (uint64_t)(length / step) + 1, (uint64_t)step, root, place);
	}
	case ROOT_LIST:
		if (!read_ssize(cpython, state, field_value(cpython, root->last), &count) || count < 0 ||
		    !read_pointer(cpython, address, 0, &items))
			return NULL;
		return add_pointers(roots, items, (uint64_t)count, sizeof(uint64_t), root, place);
	case ROOT_OBJECT:
		return roots_add(roots, address | root->flags, root->kind, place, text_label(root->label));
	}
	return NULL;
}

/* ---- interpreters ---------------------------------------------------------------------------------- */

/* What is to be called at exit: since 3.14 a list, from 3.10 on an array of pointers to records; before, the state of
 * the module atexit. internal/pycore_atexit.h, pycore_interp.h */
static struct inspect_error *add_exit_callbacks(struct roots *roots, uint64_t interpreter, const char *place)
{
	struct cpython *cpython = roots->cpython;
	const struct layout *layout = &cpython->layout;
	const int32_t members[] = { layout->exit_callback_function, layout->exit_callback_arguments,
				    layout->exit_callback_keywords };
	struct inspect_error *error = NULL;
	uint64_t callbacks, callback;
	int32_t count;
	if (!read_pointer(cpython, interpreter, layout->interpreter_atexit, &callbacks))
		return NULL;
	if (layout->interpreter_atexit_count == LAYOUT_ABSENT)
		return roots_add(roots, callbacks, RUNTIME_ROOT_INTERPRETER, place, text_label(" callbacks"));
	read_int32(cpython, interpreter, layout->interpreter_atexit_count, &count);
	for (int32_t i = 0; i < count && !error; i++) {
		if (!read_pointer(cpython, callbacks + (uint64_t)i * sizeof(callback), 0, &callback))
			break;
		struct runtime_label label = { .kind = RUNTIME_LABEL_INDEX, .value = (uint64_t)i, .text = " callbacks" };
		for (size_t j = 0; j < sizeof(members) / sizeof(*members) && !error; j++)
			if (members[j] != LAYOUT_ABSENT)
				error = add_pointer(roots, callback + (uint64_t)members[j], 0,
						    RUNTIME_ROOT_INTERPRETER, place, label);
	}
	return error;
}

enum { PLACE_SIZE = 128 };

/* @place as it is called in @interpreter: with the interpreter's id, if it is not the main one. */
static const char *name_place(const struct cpython_interpreter *interpreter, const char *place, char *buffer)
{
	if (interpreter->id <= 0)
		return place;
	snprintf(buffer, PLACE_SIZE, "interpreter %" PRId64 ": %s", interpreter->id, place);
	return buffer;
}

static struct inspect_error *add_interpreter(struct roots *roots, const struct cpython_interpreter *interpreter)
{
	struct inspect_error *error = NULL;
	char buffer[PLACE_SIZE];
	for (size_t i = 0; i < sizeof(interpreter_roots) / sizeof(*interpreter_roots) && !error; i++) {
		const struct root_description *root = &interpreter_roots[i];
		error = add_described(roots, interpreter->address, root, name_place(interpreter, root->place, buffer));
	}
	if (!error)
		error = add_exit_callbacks(roots, interpreter->address, name_place(interpreter, "atexit", buffer));
	/* 3.10 keeps the one empty tuple where others keep the list of free tuples of length 1 */
	static const struct root_description empty_tuple = {
		.kind = RUNTIME_ROOT_STATIC, .field = FIELD_PLACE(interpreter_empty_tuple), .place = "interpreter",
		.label = " ()",
	};
	if (!error && !cpython_at_least(roots->cpython, 3, 11))
		error = add_described(roots, interpreter->address, &empty_tuple,
				      name_place(interpreter, empty_tuple.place, buffer));
	return error;
}

/* Uncollectable objects, and the functions to call. In 3.6 they are static variables, which the scan finds. */
static struct inspect_error *add_collectors(struct roots *roots)
{
	struct inspect_error *error = NULL;
	size_t count = roots->cpython->runtime_address ? collector_count(roots->cpython) : 0;
	for (size_t i = 0; i < count && !error; i++) {
		struct collector_places places;
		collector_places(roots->cpython, i, &places);
		if (places.garbage)
			error = add_pointer(roots, places.garbage, 0, RUNTIME_ROOT_INTERPRETER, "gc",
					    text_label(".garbage"));
		if (!error && places.callbacks)
			error = add_pointer(roots, places.callbacks, 0, RUNTIME_ROOT_INTERPRETER, "gc",
					    text_label(".callbacks"));
	}
	return error;
}

/* Of each module whose state is not its own, what its dict had in it at first: a copy that the next interpreter's module
 * begins with. 3.13 and later; before, the module's definition has the only one: Python/import.c */
static struct inspect_error *add_extensions(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	const struct layout *layout = &cpython->layout;
	struct inspect_error *error = NULL;
	struct hashtable_cursor cursor;
	uint64_t table, key, extension, dict;
	if (layout->extension_dict == LAYOUT_ABSENT ||
	    !read_pointer(cpython, cpython->runtime_address, layout->runtime_extensions, &table))
		return NULL;
	hashtable_begin(&cursor, cpython, table);
	for (uint64_t i = 0; !error && hashtable_next(&cursor, &key, &extension); i++) {
		struct runtime_label label = { .kind = RUNTIME_LABEL_INDEX, .value = i, .text = " modules' dicts as they were at first" };
		if (read_pointer(cpython, extension, layout->extension_dict, &dict) && dict)
			error = add_pointer(roots, dict + (uint64_t)layout->cached_dict_copied, 0,
					    RUNTIME_ROOT_INTERPRETER, "import", label);
	}
	return error;
}

static struct inspect_error *add_runtime(struct roots *roots)
{
	struct inspect_error *error = NULL;
	uint64_t state = roots->cpython->runtime_address;
	for (size_t i = 0; i < sizeof(runtime_roots) / sizeof(*runtime_roots) && state && !error; i++)
		error = add_described(roots, state, &runtime_roots[i], runtime_roots[i].place);
	return error;
}

static struct inspect_error *add_all(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < cpython->interpreter_count && !error; i++) {
		const struct cpython_interpreter *interpreter = &cpython->interpreters[i];
		if (!interpreter->address)
			continue; /* 3.6 without a symbol table and without a running thread */
		error = add_interpreter(roots, interpreter);
		if (!error)
			error = roots_add_threads(roots, interpreter);
	}
	if (!error)
		error = add_collectors(roots);
	if (!error)
		error = add_runtime(roots);
	if (!error)
		error = add_extensions(roots);
	if (!error)
		error = roots_add_static(roots);
	if (!error)
		error = roots_add_method_cache(roots);
	return error ? error : scan_roots(cpython, roots->sink, roots->notes, roots->described);
}

struct inspect_error *cpython_roots(struct runtime *runtime, struct runtime_root_sink *sink, struct notes *notes)
{
	struct roots roots = { .cpython = (struct cpython *)runtime, .sink = sink, .notes = notes };
	return add_all(&roots);
}
