/* SPDX-License-Identifier: MIT */
/*
 * references_type.c - what types refer to: Objects/typeobject.c.
 *
 * The collector knows types on the heap alone; type_traverse() visits what can be part of a cycle. What a static type has
 * counts, too, except for bases that were written in C: since 3.12 a part of it is in the state of each interpreter.
 */
#include "runtime/cpython/references.h"

/* What both kinds of type have where the type itself is. */
static void visit_common(struct visit *visit, unsigned int flags)
{
	const struct layout *layout = visit->layout;
	uint64_t type = visit->address;
	visit_member(visit, type, layout->type_cache, flags, "cache");
	visit_member(visit, type, layout->type_mro, flags, ".__mro__");
	visit_member(visit, type, layout->type_bases, flags, ".__bases__");
}

static void visit_heap_type(struct visit *visit)
{
	const struct layout *layout = visit->layout;
	uint64_t keys, type = visit->address;
	visit_member(visit, type, layout->type_dict, 0, ".__dict__");
	visit_common(visit, 0);
	visit_member(visit, type, layout->type_base, 0, ".__base__");
	visit_member(visit, type, layout->heaptype_module, 0, "module");
	visit_member(visit, type, layout->type_subclasses, RUNTIME_UNVISITED, "subclasses");
	visit_member(visit, type, layout->heaptype_name, RUNTIME_UNVISITED, ".__name__");
	visit_member(visit, type, layout->heaptype_qualname, RUNTIME_UNVISITED, ".__qualname__");
	visit_member(visit, type, layout->heaptype_slots, RUNTIME_UNVISITED, "slots");
	if (visit_pointer(visit, type, layout->heaptype_cached_keys, &keys) && keys)
		visit_shared_keys(visit, keys, "name of attribute");
}

/* Does the static type at @type name object for its base? Few do: bytes and str, and those of Modules/_decimal/_decimal.c. */
static bool names_object(struct visit *visit, uint64_t type, uint64_t flags)
{
	static const char module[] = "decimal.";
	char name[sizeof(module) - 1];
	uint64_t address;
	return flags & (TPFLAGS_BYTES_SUBCLASS | TPFLAGS_UNICODE_SUBCLASS) ||
	       (read_pointer(visit->cpython, type, visit->layout->type_name, &address) &&
		read_field(visit->cpython, address, 0, name, sizeof(name)) && memcmp(name, module, sizeof(name)) == 0);
}

/* Is the base of the static type at @type held? Only where PyType_Ready() found none and took object, up to 3.9:
 * Objects/typeobject.c. C code that names a base does not hold it. */
static bool holds_base(struct visit *visit, uint64_t type, uint64_t flags)
{
	uint64_t base, next;
	return !cpython_at_least(visit->cpython, 3, 10) && !names_object(visit, type, flags) &&
	       read_pointer(visit->cpython, type, visit->layout->type_base, &base) &&
	       read_pointer(visit->cpython, base, visit->layout->type_base, &next) && !next;
}

static void visit_static_type(struct visit *visit, uint64_t type_flags)
{
	const struct layout *layout = visit->layout;
	struct cpython *cpython = visit->cpython;
	uint64_t type = visit->address;
	visit_common(visit, RUNTIME_UNVISITED);
	visit_member(visit, type, layout->type_base, RUNTIME_UNVISITED | (holds_base(visit, type, type_flags) ? 0 : RUNTIME_UNCOUNTED),
		     ".__base__");
	if (!cpython_at_least(cpython, 3, 12) || !(type_flags & TPFLAGS_STATIC_BUILTIN)) {
		visit_member(visit, type, layout->type_dict, RUNTIME_UNVISITED, ".__dict__");
		visit_member(visit, type, layout->type_subclasses, RUNTIME_UNVISITED, "subclasses");
		return;
	}
	for (size_t i = 0; i < cpython->interpreter_count; i++) {
		uint64_t state = cpython_static_type_state(cpython, i, type);
		if (!state)
			continue;
		visit_member(visit, state, layout->static_type_dict, RUNTIME_UNVISITED, ".__dict__");
		visit_member(visit, state, layout->static_type_subclasses, RUNTIME_UNVISITED, "subclasses");
	}
}

void type_references(struct visit *visit, const struct reference_step *step __attribute__((unused)))
{
	uint64_t flags;
	if (!visit_pointer(visit, visit->address, visit->layout->type_flags, &flags))
		return;
	if (flags & TPFLAGS_HEAPTYPE)
		visit_heap_type(visit);
	else
		visit_static_type(visit, flags);
}
