/* SPDX-License-Identifier: MIT */
/*
 * allowance.c - reference counts that do not close in a healthy CPython, and by how much. Found by tests/refcounts.py.
 */
#include "runtime/cpython/allowance.h"

#include <string.h>

#include "base/array.h"
#include "runtime/cpython/scan.h"

#define V(major, minor) ((uint32_t)(major) << 24 | (minor) << 16)

/* ---- references that CPython never releases ---------------------------------------------------------- */

static bool is_module(struct cpython *cpython, uint64_t address, const char *text)
{
	uint64_t name;
	return read_pointer(cpython, address, cpython->layout.module_name, &name) && cpython_str_equals(cpython, name, text);
}

static bool is_str(struct cpython *cpython, uint64_t address, const char *text)
{
	return cpython_str_equals(cpython, address, text);
}

/* Is the object at @address the string @text, and does a variable of CPython's lead to it? */
static bool is_str_of_variable(struct cpython *cpython, uint64_t address, const char *text)
{
	uint64_t start, end, target;
	if (!is_str(cpython, address, text))
		return false;
	for (size_t i = 0; cpython->image && image_data(cpython->image, i, &start, &end); i++)
		for (uint64_t word = start; word < end; word += sizeof(word))
			if (read_pointer(cpython, word, 0, &target) && target == address)
				return true;
	return false;
}

static bool is_type(struct cpython *cpython, uint64_t address, const char *text)
{
	char *name AUTO_FREE = cpython_type_name(cpython, address);
	return name && strcmp(name, text) == 0;
}

/* Two digits of 30 bits: up to 3.11 the number of digits is the object's size. */
static bool is_largest_int(struct cpython *cpython, uint64_t address, const char *text __attribute__((unused)))
{
	int64_t size;
	int32_t low, high;
	return read_ssize(cpython, address, cpython->layout.var_size, &size) && size == 2 &&
	       read_int32(cpython, address, cpython->layout.int_digits, &low) && low == (1 << 30) - 1 &&
	       read_int32(cpython, address + sizeof(low), cpython->layout.int_digits, &high) && high == 1;
}

static bool is_any(struct cpython *cpython __attribute__((unused)), uint64_t address __attribute__((unused)),
		   const char *text __attribute__((unused)))
{
	return true;
}

/* Objects to which CPython forgets references, and how many. */
static const struct forgotten {
	uint32_t first, end; /* versions: from this one on, and before that one */
	const char *type;
	bool (*is_it)(struct cpython *cpython, uint64_t address, const char *text);
	const char *text;
	int count;
} forgotten[] = {
	{ V(3, 6), V(3, 9), "module", is_module, "_warnings", 1 }, /* Python/pylifecycle.c: the result of _PyWarnings_Init() */
	{ V(3, 6), V(3, 9), "module", is_module, "sys", 1 },       /* Python/pylifecycle.c: sysmod */
	{ V(3, 6), V(3, 8), "module", is_module, "builtins", 1 },  /* Python/pylifecycle.c: bimod */
	{ V(3, 7), V(3, 9), "str", is_str, "__main__", 1 },        /* Python/_warnings.c: create_filter(), modname_obj */
	{ V(3, 6), V(3, 7), "str", is_str, "__init__", 1 },        /* not found where; no word in the whole memory is left over */
	/* Python/_warnings.c: is_internal_frame(), in every program in which C code has warned */
	{ V(3, 6), V(3, 11), "str", is_str_of_variable, "importlib", 1 },
	{ V(3, 6), V(3, 11), "str", is_str_of_variable, "_bootstrap", 1 },
	{ V(3, 6), V(3, 10), "type", is_type, "_thread.lock", 1 }, /* Modules/_threadmodule.c: PyInit__thread() */
	{ V(3, 6), V(3, 10), "type", is_type, "str", 1 },          /* Modules/_sqlite/module.c: OptimizedUnicode */
	{ V(3, 9), V(3, 10), "type", is_type, "select.poll", 1 },  /* Modules/selectmodule.c: PyInit_select() */
	{ V(3, 9), V(3, 10), "type", is_type, "datetime.IsoCalendarDate", 1 }, /* Modules/_datetimemodule.c: PyInit__datetime() */
	{ V(3, 6), V(3, 10), "int", is_largest_int, "", 1 },       /* Modules/_multiprocessing/multiprocessing.c: py_sem_value_max */
	{ V(3, 11), V(3, 12), "decimal.Context", is_any, "", 1 },  /* PyInit__decimal(): extended_context_template */
	/* Modules/_xxsubinterpretersmodule.c, Objects/interpreteridobject.c */
	{ V(3, 8), V(3, 12), "type", is_type, "_xxsubinterpreters.ChannelID", 2 },
	{ V(3, 8), V(3, 12), "type", is_type, "InterpreterID", 1 },
	/* Modules/_testcapimodule.c, Modules/_testcapi/vectorcall_limited.c */
	{ V(3, 6), V(3, 13), "type", is_type, "_testcapi.HeapCType", 1 },
	{ V(3, 12), V(3, 13), "type", is_type, "_testcapi.LimitedVectorCallClass", 1 },
};

/* Is the object at @address a static type of struct sequences? PyStructSequence_InitType() keeps a reference to each up to 3.7:
 * Objects/structseq.c. */
static bool is_static_structseq(struct cpython *cpython, uint64_t address, const struct cpython_type *type)
{
	uint64_t base, flags, next;
	return !cpython_at_least(cpython, 3, 8) && type->flags & TPFLAGS_TYPE_SUBCLASS &&
	       target_image_at(cpython->target, address) &&
	       read_pointer(cpython, address, cpython->layout.type_base, &base) &&
	       read_pointer(cpython, base, cpython->layout.type_flags, &flags) && flags & TPFLAGS_TUPLE_SUBCLASS &&
	       read_pointer(cpython, base, cpython->layout.type_base, &next) && next;
}

/* How many references to the object at @address of @type are forgotten. */
static int count_forgotten(struct cpython *cpython, uint64_t address, const struct cpython_type *type)
{
	const char *name = cpython->runtime.types[type->index].name;
	for (size_t i = 0; i < sizeof(forgotten) / sizeof(*forgotten); i++) {
		const struct forgotten *each = &forgotten[i];
		if (cpython->version >= each->first && cpython->version < each->end && strcmp(name, each->type) == 0 &&
		    each->is_it(cpython, address, each->text))
			return each->count;
	}
	return is_static_structseq(cpython, address, type);
}

/* ---- references that count for nobody, or for C code --------------------------------------------------- */

/* Up to 3.7 property objects of C keep a tuple for arguments, with the last one in it, which is borrowed: cached_args in
 * property_descr_get(), Objects/descrobject.c. Is the object at @address that one? */
static bool is_cached_argument(struct cpython *cpython, uint64_t address)
{
	const struct layout *layout = &cpython->layout;
	uint64_t start, end, tuple, item;
	int64_t length;
	for (size_t i = 0; cpython->image && image_data(cpython->image, i, &start, &end); i++)
		for (uint64_t word = start; word < end; word += sizeof(word))
			if (read_pointer(cpython, word, 0, &tuple) && target_map(cpython->target, tuple, sizeof(tuple)) &&
			    read_ssize(cpython, tuple, layout->var_size, &length) && length == 1 &&
			    read_pointer(cpython, tuple, layout->tuple_items, &item) && item == address &&
			    !cpython_is_tracked(cpython, tuple, false))
				return true;
	return false;
}

/* Is the object at @address a static type that PyType_Ready() was never called for? Its count begins at 1, and nothing shows
 * that it is in C code's data: unicodedata.UCD up to 3.9, types of Modules/_testcapimodule.c and _testbuffer.c. */
static bool is_unready_type(struct cpython *cpython, uint64_t address, const struct cpython_type *type)
{
	return type->flags & TPFLAGS_TYPE_SUBCLASS && target_image_at(cpython->target, address) &&
	       !cpython_is_ready_type(cpython, address);
}

/* Is the object at @address a static type of an extension? Its count begins at 1 for being there, and many a module's init
 * function gives just that reference away: PyModule_AddObject() without Py_INCREF(). */
static bool is_extension_type(struct cpython *cpython, uint64_t address, const struct cpython_type *type)
{
	const struct target_image *image = target_image_at(cpython->target, address);
	return type->flags & TPFLAGS_TYPE_SUBCLASS && image && image != cpython->image;
}

/* Is the object at @address a type whose objects do not all hold it? Those that C code makes with PyObject_GC_New() do not
 * before 3.8 (bpo-35810): xxlimited.new(). */
static bool is_partly_held(struct cpython *cpython, uint64_t address)
{
	return !cpython_at_least(cpython, 3, 8) && is_type(cpython, address, "xxlimited.Xxo");
}

/* ---- all of them ------------------------------------------------------------------------------------ */

void cpython_allowance(struct runtime *runtime, uint64_t address, uint32_t type_index, int64_t excess,
		       struct runtime_allowance *allowance)
{
	struct cpython *cpython = (struct cpython *)runtime;
	const struct cpython_type *type = cpython_type_at(cpython, type_index);
	*allowance = (struct runtime_allowance){ 0 };
	if (excess > 0)
		allowance->more = count_forgotten(cpython, address, type);
	if (excess > 0 && is_unready_type(cpython, address, type))
		allowance->more = 1;
	else if (excess == -1 && !cpython_at_least(cpython, 3, 8) && is_cached_argument(cpython, address))
		allowance->fewer = 1;
	else if (excess == -1 && is_extension_type(cpython, address, type))
		allowance->fewer = 1;
	else if (excess < 0 && is_partly_held(cpython, address))
		allowance->fewer = -excess;
}
