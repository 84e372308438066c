/* SPDX-License-Identifier: MIT */
/*
 * type.c - types of the target, read once each: Include/cpython/object.h, Objects/typeobject.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/array.h"
#include "runtime/cpython/cpython.h"
#include "runtime/cpython/names.h"
#include "runtime/cpython/scan.h"
#include "runtime/type_table.h"

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

/* Since 3.12 (internal/pycore_typeobject.h) tp_subclasses of such a type holds its index + 1 in the interpreter's array.
 * From 3.13 on extension modules' types have an array of their own, and only the state itself tells whose it is. */
uint64_t cpython_static_type_state(struct cpython *cpython, size_t number_of_interpreter, uint64_t type)
{
	const struct layout *layout = &cpython->layout;
	uint64_t number, owner, interpreter = cpython->interpreters[number_of_interpreter].address;
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
		uint64_t state = cpython_static_type_state(cpython, 0, type);
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
	bool redacted = cpython->runtime.redacted;
	if (!(flags & TPFLAGS_HEAPTYPE))
		return redacted ? names_show_type(cpython, type, NULL, NULL) : c_name(cpython, type);

	char *qualname AUTO_FREE = NULL;
	if (read_pointer(cpython, type, layout->heaptype_qualname, &qualname_object))
		qualname = cpython_str_text(cpython, qualname_object, TYPE_NAME_LIMIT, NULL);
	if (!qualname)
		return redacted ? names_show_type(cpython, type, NULL, NULL) : c_name(cpython, type);
	uint64_t module_object = cpython_dict_get(cpython, cpython_type_dict(cpython, type), "__module__");
	char *module AUTO_FREE = module_object ? cpython_str_text(cpython, module_object, TYPE_NAME_LIMIT, NULL) : NULL;
	char *name;
	if (redacted)
		return names_show_type(cpython, type, module, qualname);
	if (!module || strcmp(module, "builtins") == 0)
		return strdup(qualname);
	return asprintf(&name, "%s.%s", module, qualname) < 0 ? NULL : name;
}

/* ---- the table of types ---- */

static void type_destroy(void *pointer)
{
	struct cpython_type *type = pointer;
	free(type->steps);
	free(type->statistics);
	free(type);
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

/* The type's name; one that cannot be read is made up. NULL when out of memory. */
static char *name_or_address(struct cpython *cpython, uint64_t address)
{
	char *name = cpython_type_name(cpython, address);
	if (name)
		return name;
	return asprintf(&name, "<type at 0x%" PRIx64 ">", address) < 0 ? NULL : name;
}

/* type_operations.read */
static void *type_read(struct runtime *runtime, uint64_t address, uint32_t index, char **name_ret, bool *damaged_ret)
{
	struct cpython *cpython = (struct cpython *)runtime;
	struct cpython_type *type = calloc(1, sizeof(*type));
	if (!type)
		return NULL;
	*type = (struct cpython_type){ .address = address, .index = index, .damaged = !address };
	if (type->damaged) {
		*name_ret = strdup("?");
		return type;
	}
	read_type(cpython, type);
	*damaged_ret = type->damaged;
	if (!type->damaged)
		*name_ret = name_or_address(cpython, address);
	if (*name_ret && cpython_bind_references(cpython, type) && scan_make_statistics(cpython, type))
		return type;
	free(*name_ret);
	*name_ret = NULL;
	type_destroy(type);
	return NULL;
}

static const struct type_operations type_operations = { .read = type_read, .destroy = type_destroy };

bool cpython_types_init(struct cpython *cpython)
{
	cpython->types = type_table_create(&type_operations);
	return cpython->types;
}

void cpython_types_deinit(struct cpython *cpython)
{
	type_table_destroy(cpython->types);
}

struct cpython_type *cpython_type_at(struct cpython *cpython, uint32_t index)
{
	return type_table_at(cpython->types, index);
}

struct cpython_type *cpython_known_type(struct cpython *cpython, uint64_t address)
{
	return type_table_known(cpython->types, address);
}

struct cpython_type *cpython_type(struct cpython *cpython, uint64_t address)
{
	return type_table_find(cpython->types, &cpython->runtime, address);
}
