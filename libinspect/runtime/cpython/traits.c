/* SPDX-License-Identifier: MIT */
/*
 * traits.c - what objects of a type can do beyond holding references: finalizers, weak references.
 */
#include "runtime/cpython/traits.h"

#include <stdlib.h>

#include "base/array.h"

/* Without it 3.6 and 3.7 do not look at tp_finalize: Py_TPFLAGS_HAVE_FINALIZE, Include/object.h. */
enum { TPFLAGS_HAVE_FINALIZE = 1 << 0 };

/* Types that make their instances more than references hold them, by tp_name; those of Python classes have no module
 * in it. */
static const struct {
	const char *name;
	const char *module; /* of a Python class; NULL: a type of C */
	unsigned int traits;
} special_types[] = {
	{ "bytearray", NULL, RUNTIME_TEXT },
	{ "weakref", NULL, RUNTIME_WEAKREF }, /* up to 3.8 and further in some builds: Objects/weakrefobject.c */
	{ "weakref.ReferenceType", NULL, RUNTIME_WEAKREF },
	{ "weakproxy", NULL, RUNTIME_WEAKREF },
	{ "weakref.ProxyType", NULL, RUNTIME_WEAKREF },
	{ "weakcallableproxy", NULL, RUNTIME_WEAKREF },
	{ "weakref.CallableProxyType", NULL, RUNTIME_WEAKREF },
	{ "WeakValueDictionary", "weakref", RUNTIME_WEAK_VALUES }, /* Lib/weakref.py */
	{ "WeakKeyDictionary", "weakref", RUNTIME_WEAK_KEYS },
	{ "WeakSet", "_weakrefset", RUNTIME_WEAK_SET }, /* Lib/_weakrefset.py */
};

static bool is_module(struct cpython *cpython, uint64_t class, const char *module)
{
	uint64_t name = cpython_dict_get(cpython, cpython_type_dict(cpython, class), "__module__");
	return name && cpython_str_equals(cpython, name, module);
}

/* The traits that @class itself gives. */
static unsigned int traits_of_class(struct cpython *cpython, uint64_t class)
{
	enum { NAME_LIMIT = 64 };
	uint64_t address, flags;
	char *name AUTO_FREE = NULL;
	if (!read_pointer(cpython, class, cpython->layout.type_name, &address) ||
	    !read_pointer(cpython, class, cpython->layout.type_flags, &flags))
		return 0;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, NAME_LIMIT, &name);
	for (size_t i = 0; !error && i < sizeof(special_types) / sizeof(*special_types); i++) {
		bool of_python = flags & TPFLAGS_HEAPTYPE;
		if (strcmp(special_types[i].name, name) == 0 && of_python == (special_types[i].module != NULL) &&
		    (!of_python || is_module(cpython, class, special_types[i].module)))
			return special_types[i].traits;
	}
	return 0;
}

static unsigned int finalizer_traits(struct cpython *cpython, const struct cpython_type *type)
{
	uint64_t finalize, del;
	unsigned int traits = 0;
	bool looked_at = cpython_at_least(cpython, 3, 8) || (type->flags & TPFLAGS_HAVE_FINALIZE);
	if (looked_at && read_pointer(cpython, type->address, cpython->layout.type_finalize, &finalize) && finalize)
		traits |= RUNTIME_FINALIZER;
	if (read_pointer(cpython, type->address, cpython->layout.type_del, &del) && del)
		traits |= RUNTIME_LEGACY_FINALIZER;
	return traits;
}

unsigned int cpython_traits(struct runtime *runtime, uint32_t index)
{
	enum { DEPTH_LIMIT = 1000 };
	struct cpython *cpython = (struct cpython *)runtime;
	const struct cpython_type *type = cpython_type_at(cpython, index);
	if (type->damaged)
		return 0;
	unsigned int traits = finalizer_traits(cpython, type);
	if (type->flags & (TPFLAGS_UNICODE_SUBCLASS | TPFLAGS_BYTES_SUBCLASS))
		traits |= RUNTIME_TEXT;
	uint64_t class = type->address;
	for (int depth = 0; class && depth < DEPTH_LIMIT; depth++) {
		traits |= traits_of_class(cpython, class);
		if (!read_pointer(cpython, class, cpython->layout.type_base, &class))
			break;
	}
	return traits;
}

bool cpython_weakref(struct runtime *runtime, uint64_t address, struct runtime_weakref *weakref_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	const struct layout *layout = &cpython->layout;
	uint64_t type;
	if (!read_pointer(cpython, address, layout->weakref_object, &weakref_ret->referent) ||
	    !read_pointer(cpython, address, layout->weakref_callback, &weakref_ret->callback) ||
	    !read_pointer(cpython, address, layout->weakref_next, &weakref_ret->next))
		return false;
	/* A dead one refers to None: clear_weakref() of Objects/weakrefobject.c. */
	if (weakref_ret->referent && read_pointer(cpython, weakref_ret->referent, layout->object_type, &type)) {
		const struct cpython_type *referent_type = cpython_type(cpython, type);
		if (referent_type && strcmp(runtime->types[referent_type->index].name, "NoneType") == 0)
			weakref_ret->referent = 0;
	}
	return true;
}
