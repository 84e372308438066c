/* SPDX-License-Identifier: MIT */
/*
 * type.c - types of the target, read once each: Include/cpython/object.h, Objects/typeobject.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"

enum {
	TYPE_NAME_LIMIT = 4096, /* bytes of a tp_name, code points of a __module__ or __qualname__ */
	MRO_LIMIT = 10000,
	STATIC_TYPES_LIMIT = 10000,
	STATIC_TYPES_REACH = 2048, /* words by which their states may lie elsewhere than the layout says */
};

/* ---- what a type's structure says ---- */

bool cpython_is_type(struct cpython *cpython, uint64_t address)
{
	uint64_t metatype, flags;
	return read_pointer(cpython, address, cpython->layout.object_type, &metatype) &&
	       read_pointer(cpython, metatype, cpython->layout.type_flags, &flags) &&
	       (flags & TPFLAGS_TYPE_SUBCLASS);
}

/* The state of the static type @type in the main interpreter: since 3.12 (internal/pycore_typeobject.h) tp_subclasses
 * of such a type holds its index + 1 in the interpreter's array. From 3.13 on extension modules' types have an array
 * of their own, and only the state itself tells whose it is. */
static uint64_t static_type_state(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t number, owner, interpreter = cpython->interpreters[0].address;
	if (layout->interpreter_static_types == LAYOUT_ABSENT || !interpreter ||
	    !read_pointer(cpython, type, layout->type_subclasses, &number) || number == 0 || number > STATIC_TYPES_LIMIT)
		return 0;
	uint64_t offset = (number - 1) * (uint64_t)layout->size_of_static_type_state;
	uint64_t state = interpreter + (uint64_t)layout->interpreter_static_types + offset;
	if (layout->interpreter_extension_types == LAYOUT_ABSENT ||
	    (read_pointer(cpython, state, layout->static_type_type, &owner) && owner == type))
		return state;
	return interpreter + (uint64_t)layout->interpreter_extension_types + offset;
}

/* Would @type have its state in an array at @array? */
static bool has_static_type_state(struct cpython *cpython, uint64_t array, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t number, owner;
	return read_pointer(cpython, type, layout->type_subclasses, &number) && number > 0 &&
	       number <= STATIC_TYPES_LIMIT &&
	       read_pointer(cpython, array + (number - 1) * (uint64_t)layout->size_of_static_type_state,
			    layout->static_type_type, &owner) &&
	       owner == type;
}

void cpython_settle_static_types(struct cpython *cpython, uint64_t type_type, uint64_t dict_type)
{
	struct layout *layout = &cpython->layout;
	uint64_t interpreter = cpython->interpreters[0].address;
	if (layout->interpreter_static_types == LAYOUT_ABSENT || !interpreter)
		return;
	for (int32_t step = 0; step <= 2 * STATIC_TYPES_REACH; step++) {
		int32_t distance = (step + 1) / 2 * (int32_t)sizeof(uint64_t), shift = step % 2 ? distance : -distance;
		uint64_t array = interpreter + (uint64_t)layout->interpreter_static_types + (uint64_t)(int64_t)shift;
		if (!has_static_type_state(cpython, array, type_type) ||
		    !has_static_type_state(cpython, array, dict_type))
			continue;
		layout->interpreter_static_types += shift;
		if (layout->interpreter_extension_types != LAYOUT_ABSENT)
			layout->interpreter_extension_types += shift;
		return;
	}
	layout->interpreter_static_types = LAYOUT_ABSENT;
}

uint64_t cpython_type_dict(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t dict, flags;
	if (read_pointer(cpython, type, layout->type_flags, &flags) && (flags & TPFLAGS_STATIC_BUILTIN) &&
	    cpython_at_least(cpython, 3, 12)) {
		uint64_t state = static_type_state(cpython, type);
		return read_pointer(cpython, state, layout->static_type_dict, &dict) ? dict : 0;
	}
	return read_pointer(cpython, type, layout->type_dict, &dict) ? dict : 0;
}

int64_t cpython_mro(struct cpython *cpython, uint64_t type, uint64_t *items_ret)
{
	uint64_t mro;
	int64_t length;
	if (!read_pointer(cpython, type, cpython->layout.type_mro, &mro) ||
	    !read_ssize(cpython, mro, cpython->layout.var_size, &length) || length < 0 || length > MRO_LIMIT)
		return 0;
	*items_ret = mro + (uint64_t)cpython->layout.tuple_items;
	return length;
}

/* ---- names ---- */

static char *c_name(struct cpython *cpython, uint64_t type)
{
	uint64_t address;
	char *name = NULL;
	if (!read_pointer(cpython, type, cpython->layout.type_name, &address))
		return NULL;
	struct inspect_error *error INSPECT_ERROR_AUTO =
		target_read_string(cpython->target, address, TYPE_NAME_LIMIT, &name);
	return name;
}

/* type_module() and type_qualname() of Objects/typeobject.c: a heap type keeps them as objects; a static type's
 * tp_name is "module.qualname", without a dot for builtins. */
char *cpython_type_name(struct cpython *cpython, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t flags, qualname_object;
	if (!read_pointer(cpython, type, layout->type_flags, &flags))
		return NULL;
	if (!(flags & TPFLAGS_HEAPTYPE))
		return c_name(cpython, type);

	char *qualname AUTO_FREE = NULL;
	if (read_pointer(cpython, type, layout->heaptype_qualname, &qualname_object))
		qualname = cpython_str_text(cpython, qualname_object, TYPE_NAME_LIMIT, NULL);
	if (!qualname)
		return c_name(cpython, type);
	uint64_t module_object = cpython_dict_get(cpython, cpython_type_dict(cpython, type), "__module__");
	char *module AUTO_FREE = module_object ? cpython_str_text(cpython, module_object, TYPE_NAME_LIMIT, NULL) : NULL;
	char *name;
	if (!module || strcmp(module, "builtins") == 0)
		return strdup(qualname);
	return asprintf(&name, "%s.%s", module, qualname) < 0 ? NULL : name;
}

/* ---- the table of types ---- */

static uint64_t hash_address(uint64_t address)
{
	return (address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
}

/* The place of the type at @address in the index, or the free place where it belongs. */
static size_t index_place(const struct cpython *cpython, uint64_t address)
{
	size_t mask = cpython->type_index_size - 1;
	size_t place = hash_address(address) & mask;
	while (cpython->type_index[place] && cpython->types[cpython->type_index[place] - 1].address != address)
		place = (place + 1) & mask;
	return place;
}

static bool index_grow(struct cpython *cpython)
{
	size_t size = cpython->type_index_size ? cpython->type_index_size * 2 : 1024;
	uint32_t *index = calloc(size, sizeof(*index));
	if (!index)
		return false;
	free(cpython->type_index);
	cpython->type_index = index;
	cpython->type_index_size = size;
	for (size_t i = 0; i < cpython->type_count; i++)
		index[index_place(cpython, cpython->types[i].address)] = (uint32_t)i + 1;
	return true;
}

static void read_type(struct cpython *cpython, struct cpython_type *type)
{
	const struct layout *layout = &cpython->layout;
	type->damaged = !cpython_is_type(cpython, type->address) ||
			!read_pointer(cpython, type->address, layout->type_flags, &type->flags) ||
			!read_ssize(cpython, type->address, layout->type_basicsize, &type->basicsize) ||
			!read_ssize(cpython, type->address, layout->type_itemsize, &type->itemsize) ||
			type->basicsize < 0 || type->itemsize < 0;
	if (type->damaged)
		return;
	type->preheader = cpython_preheader(cpython, type->flags);
	type->size_rule = cpython_size_rule(cpython, type->address);
}

/* Appends @type to the adapter's types and the runtime's; NULL when out of memory. Takes @name over. */
static struct cpython_type *append_type(struct cpython *cpython, struct cpython_type *type, char *name)
{
	struct runtime *runtime = &cpython->runtime;
	if (!name || !array_reserve(cpython->types, cpython->type_count, cpython->type_capacity) ||
	    !array_reserve(runtime->types, runtime->type_count, runtime->type_capacity)) {
		free(name);
		return NULL;
	}
	type->index = (uint32_t)runtime->type_count;
	runtime->types[runtime->type_count++] = (struct runtime_type){ .address = type->address, .name = name };
	cpython->types[cpython->type_count] = *type;
	return &cpython->types[cpython->type_count++];
}

/* All types that cannot be read are one, so that a damaged heap cannot make millions of them. */
static struct cpython_type *damaged_type(struct cpython *cpython)
{
	if (!cpython->has_damaged_type) {
		struct cpython_type type = { .damaged = true };
		struct cpython_type *added = append_type(cpython, &type, strdup("?"));
		if (!added)
			return NULL;
		cpython->has_damaged_type = true;
		cpython->damaged_type = added->index;
	}
	return &cpython->types[cpython->damaged_type];
}

struct cpython_type *cpython_type(struct cpython *cpython, uint64_t address)
{
	if (cpython->type_count * 2 >= cpython->type_index_size && !index_grow(cpython))
		return NULL;
	size_t place = index_place(cpython, address);
	if (cpython->type_index[place])
		return &cpython->types[cpython->type_index[place] - 1];

	struct cpython_type type = { .address = address };
	read_type(cpython, &type);
	if (type.damaged)
		return damaged_type(cpython);
	char *name = cpython_type_name(cpython, address);
	if (!name) {
		cpython->unnamed_types++;
		if (asprintf(&name, "<type at 0x%" PRIx64 ">", address) < 0)
			return NULL;
	}
	struct cpython_type *added = append_type(cpython, &type, name);
	if (added)
		cpython->type_index[place] = (uint32_t)cpython->type_count;
	return added;
}
