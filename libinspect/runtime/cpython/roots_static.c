/* SPDX-License-Identifier: MIT */
/*
 * roots_static.c - objects that are in the interpreter itself: None and its like, small integers, short strings, and
 * the table of interned strings. Static types are found by the scan (roots_scan.c), with those of other images.
 */
#include "runtime/cpython/roots.h"

#include <stdlib.h>

/* What such an object is called: "static objects[None]". */
static struct inspect_error *add_object(struct roots *roots, uint64_t address, unsigned int flags)
{
	struct runtime_label label = { .kind = RUNTIME_LABEL_KEY, .value = address };
	return roots_add(roots, address | flags, RUNTIME_ROOT_STATIC, "static objects", label);
}

uint64_t cpython_symbol(struct cpython *cpython, const char *name)
{
	uint64_t address = 0;
	if (!cpython->image)
		return 0;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		image_symbol(cpython->target, cpython->image, name, &address, NULL);
	return error ? 0 : address;
}

static uint64_t type_of(struct cpython *cpython, uint64_t object)
{
	uint64_t type;
	return read_pointer(cpython, object, cpython->layout.object_type, &type) ? type : 0;
}

/* Their reference counts begin at 1; since 3.12 they are immortal. */
static struct inspect_error *add_singletons(struct roots *roots)
{
	static const char *const names[] = { "_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct", "_Py_EllipsisObject",
					     "_Py_NotImplementedStruct" };
	struct inspect_error *error = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !error; i++)
		error = add_object(roots, cpython_symbol(roots->cpython, names[i]), 0);
	return error;
}

/* ---- 3.11 and later: _PyRuntime has them, one after the other ---- */

/* The size of the static object at @address; 0: there is none. */
static uint64_t static_object_size(struct cpython *cpython, uint64_t address)
{
	uint64_t type_address = type_of(cpython, address), size;
	bool basic;
	if (!type_address || type_address % sizeof(uint64_t) || !cpython_is_type(cpython, type_address))
		return 0;
	struct cpython_type *type = cpython_type(cpython, type_address);
	if (!type || type->damaged || !cpython_size(cpython, type, address, &size, &basic))
		return 0;
	size = size > type->preheader ? size - type->preheader : 0;
	return (size + sizeof(uint64_t) - 1) & -sizeof(uint64_t);
}

static struct inspect_error *add_static_objects(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	const struct layout *layout = &cpython->layout;
	struct inspect_error *error = NULL;
	if (layout->runtime_static_objects == LAYOUT_ABSENT || layout->size_of_static_objects == LAYOUT_ABSENT)
		return NULL;
	uint64_t address = cpython->runtime_address + (uint64_t)layout->runtime_static_objects;
	uint64_t end = address + (uint64_t)layout->size_of_static_objects;
	while (address < end && !error) {
		uint64_t size = static_object_size(cpython, address);
		if (size)
			error = add_object(roots, address, RUNTIME_UNCOUNTED);
		address += size ? size : sizeof(uint64_t);
	}
	return error;
}

/* ---- up to 3.8: small_ints, a static array of Objects/longobject.c, without a dynamic symbol ---- */

enum { SMALL_INT_COUNT = 262, SMALL_INT_MINIMUM = -5 };

/* Is the small integer @number at @address, an object of @type? Objects/longobject.c, PyLong_Init() */
static bool is_small_int(struct cpython *cpython, uint64_t address, uint64_t type, int number)
{
	int64_t size;
	int32_t digit = 0;
	return type_of(cpython, address) == type && read_ssize(cpython, address, cpython->layout.var_size, &size) &&
	       size == (number > 0) - (number < 0) &&
	       (!number || (read_int32(cpython, address, cpython->layout.int_digits, &digit) && digit == abs(number)));
}

static bool is_small_ints(struct cpython *cpython, uint64_t address, uint64_t type)
{
	for (int i = 0; i < SMALL_INT_COUNT; i++) {
		uint64_t object = address + (uint64_t)i * (uint64_t)cpython->layout.size_of_int;
		if (!is_small_int(cpython, object, type, SMALL_INT_MINIMUM + i))
			return false;
	}
	return true;
}

/* Where in the interpreter's data @is_it (with @type) says so; 0: nowhere. */
static uint64_t find_in_data(struct cpython *cpython, uint64_t type,
			     bool (*is_it)(struct cpython *cpython, uint64_t address, uint64_t type))
{
	uint64_t start, end;
	for (size_t i = 0; cpython->image && type && image_data(cpython->image, i, &start, &end); i++)
		for (uint64_t address = (start + 7) & -sizeof(uint64_t); address < end; address += sizeof(uint64_t))
			if (is_it(cpython, address, type))
				return address;
	return 0;
}

static struct inspect_error *add_small_ints(struct roots *roots)
{
	struct cpython *cpython = roots->cpython;
	struct inspect_error *error = NULL;
	if (cpython_at_least(cpython, 3, 9) || cpython->layout.size_of_int == LAYOUT_ABSENT)
		return NULL;
	uint64_t first = find_in_data(cpython, cpython_symbol(cpython, "PyLong_Type"), is_small_ints);
	for (int i = 0; first && i < SMALL_INT_COUNT && !error; i++)
		error = add_object(roots, first + (uint64_t)i * (uint64_t)cpython->layout.size_of_int, 0);
	return error;
}

/* ---- interned strings ---- */

/* Is the word at @address the variable `interned` of Objects/unicodeobject.c, a pointer to a dict in which every string
 * is its own value? @type is that of dicts. */
static bool is_interned(struct cpython *cpython, uint64_t address, uint64_t type)
{
	enum { LEAST = 256, ENOUGH = 1024 }; /* a bare interpreter has thousands */
	uint64_t dict, key, value;
	struct dict_iterator iterator;
	int64_t count = 0;
	if (!read_pointer(cpython, address, 0, &dict) || !dict || dict % sizeof(uint64_t) ||
	    type_of(cpython, dict) != type || !dict_iterator_init(&iterator, cpython, dict))
		return false;
	for (; count < ENOUGH && dict_iterator_next(&iterator, &key, &value); count++)
		if (key != value)
			return false;
	return count >= LEAST;
}

void cpython_find_interned(struct cpython *cpython)
{
	if (cpython_at_least(cpython, 3, 12)) {
		for (size_t i = 0; i < cpython->interpreter_count; i++)
			read_pointer(cpython, cpython->interpreters[i].address, cpython->layout.interpreter_interned,
				     &cpython->interpreters[i].interned);
		return;
	}
	uint64_t variable = find_in_data(cpython, cpython_symbol(cpython, "PyDict_Type"), is_interned);
	for (size_t i = 0; i < cpython->interpreter_count; i++)
		read_pointer(cpython, variable, 0, &cpython->interpreters[i].interned);
}

struct inspect_error *roots_add_static(struct roots *roots)
{
	struct inspect_error *error = add_singletons(roots);
	if (!error)
		error = add_static_objects(roots);
	return error ? error : add_small_ints(roots);
}
